//! `kafsim state`: what is known of a run at an instant.

use std::io::Write as _;

use anyhow::anyhow;

use crate::cli::args::{Format, State};
use crate::cli::command::Done;
use crate::cli::output::stdout;
use crate::cli::page::wants_colour;
use crate::cli::paint::{Text, painted};
use crate::cli::run_file;
use crate::report::{self, GroupState, TellError, fold_up_to, partition_named, printable};
use crate::types::TopicPartition;

/// Prints the state.
pub(crate) fn state(args: &State) -> anyhow::Result<Done> {
    let file = run_file::read(&args.file)?;
    let refused = |error: TellError| anyhow!("`{}`: {error}", args.file.display());
    if !args.groups.is_empty() {
        let (groups, model, event) =
            GroupState::of(&file, args.at, &args.groups).map_err(refused)?;
        let mut out = stdout();
        match args.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&groups)?)?,
            Format::Text => {
                let mut text = report::State::of(&model, event).head();
                for group in &groups {
                    text += "\n";
                    text += &group.text();
                }
                write!(out, "{}", painted(Text::Tables, &printable(&text), wants_colour()))?;
            }
        }
        out.flush()?;
        return Ok(Done::Well);
    }
    let (model, event) = fold_up_to(&file, args.at).map_err(refused)?;
    let mut state = report::State::of(&model, event);
    let is_whole = args.partitions.is_empty();
    let mut wants_quorum = false;
    if !is_whole {
        let mut wanted = Vec::new();
        for name in &args.partitions {
            let partition = partition_named(&model, name).map_err(refused)?;
            wants_quorum |= partition == TopicPartition::CLUSTER_METADATA;
            wanted.push(model.partition_name(partition));
        }
        state
            .partitions
            .retain(|known| wanted.contains(&format!("{}-{}", known.topic, known.partition)));
    }
    let mut out = stdout();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&state)?)?,
        Format::Text => {
            let text = if is_whole { state.text() } else { chosen(&state, wants_quorum) };
            write!(out, "{}", painted(Text::Tables, &printable(&text), wants_colour()))?;
        }
    }
    out.flush()?;
    Ok(Done::Well)
}

/// The partitions that are asked for.
fn chosen(state: &report::State, wants_quorum: bool) -> String {
    let mut text = state.head();
    let quorum = wants_quorum.then(|| state.quorum.text());
    for part in quorum.into_iter().chain(state.partitions.iter().map(report::Partition::text)) {
        text += "\n";
        text += &part;
    }
    text
}
