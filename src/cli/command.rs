//! From what was typed to a verb, and from what came of it to an exit code.

use std::env::VarError;
use std::error::Error;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::cli::args::{Arguments, Verb};
use crate::cli::check;
use crate::cli::diff;
use crate::cli::events;
use crate::cli::explain;
use crate::cli::export;
use crate::cli::lessons;
use crate::cli::listing;
use crate::cli::log;
use crate::cli::new;
use crate::cli::output::{complain, is_closed_pipe, named};
use crate::cli::replay;
use crate::cli::run;
use crate::cli::schema;
use crate::cli::state;
use crate::cli::sweep;
use crate::cli::timeline;
use crate::cli::view;
use crate::explore::Judgement;

/// Usage, scenario or run file, this computer.
const USAGE: u8 = 2;

/// Runs the program with `arguments`, the first of which is its own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(denials(arguments)) {
        Ok(arguments) => arguments,
        Err(error) => return answer(&error),
    };
    log_to_stderr();
    let result = match &arguments.verb {
        Verb::Run(args) => run::run(args),
        Verb::Replay(args) => replay::replay(args),
        Verb::Check(args) => check::check(args),
        Verb::Events(args) => events::events(args),
        Verb::State(args) => state::state(args),
        Verb::Timeline(args) => timeline::timeline(args),
        Verb::Log(args) => log::log(args),
        Verb::Diff(args) => diff::diff(args),
        Verb::Export(args) => export::export(args),
        Verb::Explain(args) => explain::explain(args),
        Verb::Defects(args) => listing::defects(args),
        Verb::Properties(args) => listing::properties(args),
        Verb::Sweep(args) => sweep::sweep(args),
        Verb::New(args) => new::new(args),
        Verb::Schema(args) => schema::schema(args),
        Verb::View(args) => view::view(args),
        Verb::Lessons(args) => lessons::lessons(args),
    };
    match result {
        Ok(done) => ExitCode::from(done.code()),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // "could not write the file: no space left on device".
            let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
            let text = match causes.as_slice() {
                [only] => only.clone(),
                [verb, rest @ ..] => format!("could not {verb}: {}", rest.join(": ")),
                [] => String::new(),
            };
            complain(&text);
            ExitCode::from(USAGE)
        }
    }
}

/// `-kind:fetch` denies a term of a filter and is no option: `kafsim events` gets it as
/// `!kind:fetch`, which means the same.
fn denials(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_none_or(|verb| verb != "events" && verb != "export") {
        return arguments;
    }
    for argument in arguments.iter_mut().skip(2) {
        let denied = argument.to_str().and_then(|text| text.strip_prefix('-'));
        let is_term = |rest: &&str| {
            !rest.starts_with('-') && rest.contains([':', '=', '(', '"', '<', '>', '~'])
        };
        if let Some(rest) = denied.filter(is_term) {
            *argument = format!("!{rest}").into();
        }
    }
    arguments
}

/// Prints help and version, which were asked for, to stdout, and a mistake to stderr.
fn answer(answer: &clap::Error) -> ExitCode {
    let code = ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(USAGE));
    match answer.print().and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe && !answer.use_stderr() => {
            complain(&named(error).to_string());
            ExitCode::from(USAGE)
        }
        Ok(()) | Err(_) => code,
    }
}

/// Logs to stderr what `KAFSIM_LOG` asks for, by default nothing.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("KAFSIM_LOG").unwrap_or_else(|error| {
        let is_set = !error.source().is_some_and(<dyn Error>::is::<VarError>);
        if is_set {
            let form = "write a level or targets with levels, as in KAFSIM_LOG=kafsim=debug";
            complain(&format!("KAFSIM_LOG is not understood, nothing is logged: {error}: {form}"));
        }
        EnvFilter::new("off")
    });
    // A second call in one process, as tests may make it, keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .try_init();
}

/// What a verb came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    /// It did what it was asked to.
    Well,
    /// What it ran is judged so.
    Judged(Judgement),
    /// It was given something that is no good, and has said so.
    Refused,
}

impl Done {
    fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Judged(judgement) => judgement as u8,
            Self::Refused => USAGE,
        }
    }
}
