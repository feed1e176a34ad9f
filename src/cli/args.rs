//! What may be typed. Everything that can be checked without reading a file is checked here.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::report::{At, Seconds};
use crate::scenario::read_duration;

/// The most seeds of one sweep; beyond it, sweep in parts.
const SEEDS_MAX: u64 = 100_000_000;

/// A deterministic simulator of a Kafka cluster: seeded faults, replayable runs, checked claims.
#[derive(Parser, Debug)]
#[command(
    name = "kafsim",
    version,
    max_term_width = 100,
    after_help = "Results go to stdout, progress and messages to stderr.\n\
        Exit codes: 0 as expected, 1 a claim was not met, 2 usage, file or computer, \
        3 simulated code crashed, 4 the cluster does not serve, 5 two executions differ, \
        6 nothing was put to the test.\n\
        KAFSIM_LOG=kafsim=debug logs to stderr as a run goes; KAFSIM_LOG=kafsim::event=trace logs \
        every event."
)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// One verb for each question a user has.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Run a scenario once, and say what became of it
    Run(Run),
    /// Run a run file's scenario and seed again, and compare fingerprints
    Replay(Replay),
    /// Validate scenarios; check the properties of run files again
    Check(Check),
    /// List the events of a run file
    Events(Events),
    /// Show the state of a run at an instant: processes, faults, quorum, partitions, replicas
    State(State),
    /// Tell what happened to a partition, a line each, with a column for each replica
    Timeline(Timeline),
    /// Show the logs of a partition's replicas side by side
    Log(Log),
    /// Say where two runs part, and what came of it
    Diff(Diff),
    /// Write a run in the format of another program
    Export(Export),
    /// Say why a property of a recorded run was violated, and what would have saved it
    Explain(Explain),
    /// List the bugs that can be switched on, and which properties catch them
    Defects(Listing),
    /// List the properties that every run is checked for, with their sources
    Properties(Listing),
    /// Run many seeds of scenarios, over all cores
    Sweep(Sweep),
    /// Write a scenario to begin with
    New(New),
    /// Write a run as one HTML page, to be looked at in a browser
    View(View),
    /// Runs that teach: play one step by step, or write all as pages for a class
    Lessons(Lessons),
    /// Print the JSON Schema of scenario files, for editors
    Schema(Schema),
}

/// How results are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object.
    Json,
}

/// `kafsim run`.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The scenario file, or the name of a lesson
    pub(crate) scenario: PathBuf,
    /// The seed: all that a run depends on beside the scenario and the build
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Where to write the run file [default: reports/<scenario>-<seed>.run; with --set or --defect
    /// a hash of the changed scenario stands before .run]
    #[arg(long, short = 'o', value_name = "FILE", conflicts_with = "no_record")]
    pub(crate) out: Option<PathBuf>,
    /// Write no run file
    #[arg(long)]
    pub(crate) no_record: bool,
    #[command(flatten)]
    pub(crate) change: Change,
    /// Stop at this time after time zero, as in 19.5s
    #[arg(long, value_name = "TIME", value_parser = read_duration)]
    pub(crate) until: Option<Duration>,
    /// Encode, decode and compare every message at each delivery
    #[arg(long)]
    pub(crate) wire: bool,
    /// Print every configuration value and where it comes from, and run nothing
    #[arg(long)]
    pub(crate) show_config: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Changes of a scenario.
#[derive(Args, Debug, Clone, Default)]
struct GivenChange {
    /// Switch a bug on (`kafsim defects` lists them); may be given several times
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<String>,
    /// Change a value, as in producer.checkout.config.acks=1; may be given several times
    ///
    /// duration=30s, cluster.brokers=5, config.replica.lag.time.max.ms=5000, fault.1.at=3s;
    /// fault=[] takes all faults away, defects=[] all bugs. docs/SCENARIOS.md has every form.
    #[arg(long = "set", value_name = "K=V")]
    sets: Vec<String>,
}

/// Changes of a scenario: first `sets`, in their order, then `defects`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    /// Bugs to switch on.
    pub(crate) defects: Vec<String>,
    /// Changes, as `path=value`.
    pub(crate) sets: Vec<String>,
}

impl Args for Change {
    fn augment_args(command: Command) -> Command {
        GivenChange::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        GivenChange::augment_args_for_update(command)
    }
}

impl FromArgMatches for Change {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    /// The bugs that a later `--set defects=...` has not taken away: that says the whole list.
    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let places = |matches: &ArgMatches, name: &str| -> Vec<usize> {
            matches.indices_of(name).into_iter().flatten().collect()
        };
        let (of_defects, of_sets) = (places(matches, "defects"), places(matches, "sets"));
        let GivenChange { defects, sets } = GivenChange::from_arg_matches_mut(matches)?;
        let is_list =
            |set: &str| set.split('=').next().is_some_and(|path| path.trim() == "defects");
        let listed = of_sets.iter().zip(&sets).filter(|(_, set)| is_list(set));
        let listed = listed.map(|(place, _)| *place).max();
        let left = of_defects.into_iter().zip(defects);
        let left = left.filter(|(place, _)| listed.is_none_or(|listed| listed < *place));
        Ok(Self { defects: left.map(|(_, defect)| defect).collect(), sets })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// `kafsim replay`.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The run file
    pub(crate) file: PathBuf,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Scenario files and run files
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim events`.
#[derive(Args, Debug)]
pub(crate) struct Events {
    /// The run file
    #[arg(required_unless_present = "kinds")]
    pub(crate) file: Option<PathBuf>,
    /// List the kinds of events instead
    #[arg(long, conflicts_with = "file")]
    pub(crate) kinds: bool,
    /// Which events, as in: kind=role-taken partition=orders-0 time=10..20
    ///
    /// Terms are joined by "and"; `!` or `-` in front of one denies it; a word alone, or a text in
    /// double quotes, stands anywhere in the line. Values may be a|b, a..b (below b) or a*; there
    /// are also !=, <, <=, >, >= and ~ (contains). Keys are kind, host, partition, time (in
    /// seconds), index, cause, about and the fields of the events (docs/TRACE.md).
    ///
    /// Shorter: kind:append,hw part:0 node:b2 op:e1787 fault:1 offset:1319 epoch:1, and before:e99,
    /// after:19.15, after(kind:fault) for what comes after the first such event (docs/VIEWING.md).
    pub(crate) filter: Vec<String>,
    /// How to write the events; json gives an object a line
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim state`.
#[derive(Args, Debug)]
pub(crate) struct State {
    /// The run file
    pub(crate) file: PathBuf,
    /// When: after an event, as in e179442, or up to a time in seconds, as in 19.15
    #[arg(long, value_name = "TIME|EVENT", default_value = "end", allow_hyphen_values = true)]
    pub(crate) at: At,
    /// Only this partition, as in orders-0, or the quorum (__cluster_metadata-0); may be given
    /// several times
    #[arg(long = "partition", short = 'p', value_name = "T-P")]
    pub(crate) partitions: Vec<String>,
    /// Only this consumer group, members and offsets; may be given several times
    #[arg(long = "group", short = 'g', value_name = "GROUP", conflicts_with = "partitions")]
    pub(crate) groups: Vec<String>,
    /// How to write the state
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim timeline`.
#[derive(Args, Debug)]
pub(crate) struct Timeline {
    /// The run file
    pub(crate) file: PathBuf,
    /// The partition, as in orders-0; __cluster_metadata-0 is the quorum's [default: that in
    /// which most happened]
    #[arg(long, short = 'p', value_name = "T-P")]
    pub(crate) partition: Option<String>,
    /// From this time on, in seconds; -10 is where a run begins
    #[arg(long, value_name = "TIME", default_value = "0", allow_hyphen_values = true)]
    pub(crate) from: Seconds,
    /// Up to this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<Seconds>,
    /// Every append, every move of a high watermark, every read and acknowledgement, too
    #[arg(long)]
    pub(crate) all: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim log`.
#[derive(Args, Debug)]
pub(crate) struct Log {
    /// The run file
    pub(crate) file: PathBuf,
    /// The partition, as in orders-0; __cluster_metadata-0 is the quorum's
    #[arg(long, short = 'p', value_name = "T-P")]
    pub(crate) partition: String,
    /// When: after an event, as in e179442, or up to a time in seconds, as in 19.15
    #[arg(long, value_name = "TIME|EVENT", default_value = "end", allow_hyphen_values = true)]
    pub(crate) at: At,
    /// From this offset on, and every batch in a row of its own
    #[arg(long, value_name = "OFFSET")]
    pub(crate) from: Option<i64>,
    /// Up to this offset, and every batch in a row of its own
    #[arg(long, value_name = "OFFSET")]
    pub(crate) to: Option<i64>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim diff`.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// A run file
    #[arg(value_name = "A")]
    pub(crate) one: PathBuf,
    /// Another, best of the same seed with one change
    #[arg(value_name = "B")]
    pub(crate) other: PathBuf,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim export`.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The run file
    pub(crate) file: PathBuf,
    /// The format
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) to: ExportTo,
    /// Where to write it [default: standard output]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// For mermaid: the event whose causes are shown [default: the first violation, else the last
    /// election]
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Option<At>,
    /// For jsonl, csv and shiviz: which events, as for `kafsim events`
    pub(crate) filter: Vec<String>,
}

/// A format of another program.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExportTo {
    /// Tracks, counters and flows for ui.perfetto.dev (protocol buffers)
    Perfetto,
    /// A sequence diagram of what led to a violation, for Markdown
    Mermaid,
    /// What clients saw, for the checker of jepsen.tests.kafka (EDN)
    Jepsen,
    /// Every event as a JSON object, one a line
    Jsonl,
    /// Every event as a row, for DuckDB and pandas
    Csv,
    /// A log with vector clocks, for ShiViz
    Shiviz,
}

/// `kafsim explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The run file
    pub(crate) file: PathBuf,
    /// Which violation, from 1: those that the scenario claims come first
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) violation: usize,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ExplainFormat,
    /// In at most fifteen lines
    #[arg(long, conflicts_with = "format")]
    pub(crate) brief: bool,
    /// Run nothing again: leave out what would have saved it
    #[arg(long)]
    pub(crate) no_rerun: bool,
}

/// How explanations are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ExplainFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For programs: one JSON object (docs/VIEWING.md).
    Json,
    /// For issues and pull requests.
    Markdown,
    /// The steps as a sequence diagram.
    Mermaid,
}

/// `kafsim defects`, `kafsim properties`.
#[derive(Args, Debug)]
pub(crate) struct Listing {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// `kafsim new`.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// Where to write it; never over a file that is there
    #[arg(default_value = "scenario.toml")]
    pub(crate) file: PathBuf,
    /// What to begin with
    #[arg(long, value_enum, value_name = "TEMPLATE", default_value_t)]
    pub(crate) from: Template,
}

/// What a new scenario begins with.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Template {
    /// A cluster, a topic, a producer, a consumer; the leader loses power.
    #[default]
    Minimal,
    /// A leader that is cut off goes on acknowledging: what acks=1 and acks=all make of it.
    Acks,
    /// Brokers fail one after the other, as in a restart of the whole cluster gone wrong.
    Rolling,
    /// Random faults within a budget, for `kafsim sweep`.
    Sweep,
    /// A consumer group that grows and shrinks, and one of its members that crashes.
    Group,
}

/// `kafsim schema`.
#[derive(Args, Debug)]
pub(crate) struct Schema {
    /// Write it to this file instead
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `kafsim view`.
#[derive(Args, Debug)]
pub(crate) struct View {
    /// The run file
    #[arg(required_unless_present = "serve")]
    pub(crate) file: Option<PathBuf>,
    /// Where to write the page [default: the run file's name with .html]
    #[arg(long, short = 'o', value_name = "HTML", conflicts_with = "serve")]
    pub(crate) out: Option<PathBuf>,
    /// Open it in the browser
    #[arg(long, conflicts_with = "serve")]
    pub(crate) open: bool,
    /// The moment that the printed link leads to: a time in seconds, or an event such as e179442
    #[arg(long, value_name = "TIME|EVENT", allow_hyphen_values = true, conflicts_with = "serve")]
    pub(crate) at: Option<At>,
    /// Let the printed link lead to this violation, from 1
    #[arg(long, value_name = "N", conflicts_with_all = ["serve", "at", "compare"])]
    pub(crate) violation: Option<usize>,
    /// Show another run beside it, on one clock
    #[arg(long, value_name = "FILE", conflicts_with = "serve")]
    pub(crate) compare: Option<PathBuf>,
    /// Put the whole run into the page, however large it gets
    #[arg(long, conflicts_with_all = ["serve", "compare"])]
    pub(crate) whole: bool,
    /// Run nothing again: leave out what would have saved it
    #[arg(long, conflicts_with = "serve")]
    pub(crate) no_rerun: bool,
    /// Show an index of a folder's runs, and their pages, on 127.0.0.1 instead
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    pub(crate) serve: Option<PathBuf>,
    /// The port to serve on; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 8750, requires = "serve")]
    pub(crate) port: u16,
}

/// `kafsim lessons`.
#[derive(Args, Debug)]
#[command(after_help = "What a lesson says is checked in its run each time: one that says what \
    its run does not show is refused with exit code 1. docs/LESSONS.md says how to use them in a \
    class, and how to write one.")]
pub(crate) struct Lessons {
    /// The lesson to play: a name or a number of the list, or the path of one of your own (.lesson)
    #[arg(value_name = "LESSON")]
    pub(crate) lesson: Option<String>,
    /// Write pages that open without a network instead: of all lessons, or of the one that is named
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "reports/lessons")]
    pub(crate) build: Option<PathBuf>,
    /// On a terminal: print all of it at once, with the answers
    #[arg(long, conflicts_with = "build")]
    pub(crate) all: bool,
}

/// `kafsim sweep`.
#[derive(Args, Debug)]
#[command(after_help = "The first seed and every 64th after it run twice, and so does the first \
    failure of each kind: two executions that differ are exit code 5. The run files of those \
    failures are written to reports/.")]
pub(crate) struct Sweep {
    /// Scenario files, and folders of them
    #[arg(required = true, value_name = "SCENARIO|DIR")]
    pub(crate) scenarios: Vec<PathBuf>,
    /// Which seeds: A..B without B
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = read_seeds)]
    pub(crate) seeds: Range<u64>,
    /// How many seeds at a time [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Where to write a JSON object for every seed, in order
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) change: Change,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Reads `0..1000`; a number alone is one seed.
fn read_seeds(text: &str) -> Result<Range<u64>, String> {
    let form = "write A..B, as in 0..1000 (B is not included)";
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| form.to_owned());
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => match to.strip_prefix('=') {
            Some(last) => (number(from)?, number(last)?.checked_add(1).ok_or(form)?),
            None => (number(from)?, number(to)?),
        },
        None => (number(text)?, number(text)?.checked_add(1).ok_or(form)?),
    };
    if from >= to {
        return Err(format!("there is no seed in it: {form}"));
    }
    if to - from > SEEDS_MAX {
        return Err(format!("more than {SEEDS_MAX} seeds: sweep in parts"));
    }
    Ok(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_list_of_bugs_takes_those_before_it_away() {
        let left = |words: &str| {
            let words = ["kafsim", "run", "x.toml"].into_iter().chain(words.split(' '));
            match Arguments::parse_from(words).verb {
                Verb::Run(run) => (run.change.defects.join(" "), run.change.sets.join(" ")),
                other => panic!("{other:?}"),
            }
        };
        let is = |words: &str, defects: &str, sets: &str| {
            assert_eq!(left(words), (defects.to_owned(), sets.to_owned()), "{words}");
        };
        is("--defect a --defect b --set c=1", "a b", "c=1");
        is("--defect a --set defects=[] --set c=1", "", "defects=[] c=1");
        is("--set defects=[] --set c=1 --defect a", "a", "defects=[] c=1");
        is("--defect a --set defects=[] --defect b", "b", "defects=[]");
    }

    #[test]
    fn whatever_writes_a_file_takes_the_same_switch() {
        let command = Arguments::command();
        let outs: Vec<_> = (command.get_subcommands())
            .filter_map(|verb| {
                let out = verb.get_arguments().find(|it| it.get_long() == Some("out"))?;
                Some((verb.get_name(), out.get_short()))
            })
            .collect();
        assert!(outs.len() >= 5, "{outs:?}");
        assert!(outs.iter().all(|(_, short)| *short == Some('o')), "{outs:?}");
    }

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(read_seeds("0..1000"), Ok(0..1000));
        assert_eq!(read_seeds("7"), Ok(7..8));
        assert_eq!(read_seeds("5..=6"), Ok(5..7));
        for wrong in ["", "5..5", "6..5", "a..b", "0..18446744073709551615", "..", "-1..4"] {
            assert!(read_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
