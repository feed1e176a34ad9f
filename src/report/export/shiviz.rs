//! A log with vector clocks for ShiViz.
//!
//! What passes the filter is left, and the clocks count that alone: a host's own count begins at 1
//! and rises by 1, as ShiViz demands. What is known of other hosts comes over the causes, also
//! over those that are left out.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use crate::report::export::format::ExportError;
use crate::report::page_ladder::{WINDOW, heart};
use crate::trace::{Filter, Names, ReadError, RunFile, seconds};
use crate::types::{HostId, counted};

/// The regular expression that ShiViz is to be given.
pub const PARSER: &str = r"^(?<host>\S+) (?<clock>\{.*?\}) (?<time>\S+) (?<id>e\d+) (?<event>.*)$";
/// ShiViz draws no more in reasonable time.
const LINES_MAX: usize = 2000;
/// What is shown unless a filter is given: what changes logs, roles and in-sync sets.
const DEFAULT: &str = "kind:log-appended,log-truncated,log-recovered,role-taken,in-sync-changed,\
                       partition-committed,quorum-role-taken,vote-granted,controller,fault,host";

/// By host, the world last.
type Clock = Arc<[u32]>;

pub(super) fn write(
    file: &RunFile,
    names: &Names,
    filter: Option<Filter>,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let mut filter = match filter.filter(|filter| !filter.is_empty()) {
        Some(filter) => filter,
        None => DEFAULT.parse().expect("the program's own filter reads"),
    };
    let first = first_line(file, names, filter.clone())?;
    let mut passed = 0_usize;
    let hosts = names.setup().hosts.len();
    let mut known: Vec<Clock> = vec![vec![0; hosts + 1].into(); hosts + 1];
    let mut after: Vec<Clock> = Vec::new();
    let mut lines = 0_usize;
    let mut left_out = 0_u64;
    for event in file.events()? {
        let event = event?;
        let place = event.host.map_or(hosts, |host| usize::from(host.0).min(hosts));
        // Its own host is the world's if the file has no such host.
        for parent in [event.cause, event.about].into_iter().flatten() {
            let learned = usize::try_from(parent).ok().and_then(|parent| after.get(parent));
            if let Some(learned) = learned.filter(|learned| !covers(&known[place], learned)) {
                let both = known[place].iter().zip(learned.iter());
                known[place] = both.map(|(ours, theirs)| *ours.max(theirs)).collect();
            }
        }
        let mut is_shown = filter.accepts(&event, names);
        passed += usize::from(is_shown);
        if is_shown && (passed <= first || lines == LINES_MAX) {
            left_out += 1;
            is_shown = false;
        }
        if is_shown {
            let mut clock: Vec<u32> = known[place].to_vec();
            clock[place] += 1;
            let clock: Clock = clock.into();
            let line = names.line(&event);
            // Index, time and host have places of their own.
            let text = line.splitn(4, ' ').nth(3).unwrap_or_default();
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            writeln!(
                out,
                "{} {} {} e{} {text}",
                host_name(names, place),
                shown(names, &clock),
                seconds(event.at),
                event.index
            )?;
            known[place] = clock;
            lines += 1;
        }
        after.push(Arc::clone(&known[place]));
    }
    let mut remarks = vec![format!("give ShiViz this expression: {PARSER}")];
    if left_out > 0 {
        remarks.push(format!(
            "left out: {}, {first} of them before these {LINES_MAX}, as ShiViz draws no more: \
             choose with a filter",
            counted(left_out, "event")
        ));
    }
    Ok(remarks)
}

/// How many of the events that pass are left out before the first line: as many as need be for what
/// proves the first violation, else for the first fault, and a little of what came of it.
fn first_line(file: &RunFile, names: &Names, mut filter: Filter) -> Result<usize, ReadError> {
    let middle = heart(file)?.at;
    let until = middle.0.saturating_add(WINDOW.1);
    let mut passed = 0_usize;
    for event in file.events()? {
        let event = event?;
        if event.at.0 > until {
            break;
        }
        passed += usize::from(filter.accepts(&event, names));
    }
    Ok(passed.saturating_sub(LINES_MAX))
}

fn covers(ours: &[u32], theirs: &[u32]) -> bool {
    ours.iter().zip(theirs).all(|(ours, theirs)| theirs <= ours)
}

/// A host's name without spaces.
fn host_name(names: &Names, place: usize) -> String {
    let id = u16::try_from(place).ok().filter(|_| place < names.setup().hosts.len()).map(HostId);
    let name = names.setup().host_name(id);
    let plain = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
    let name: String = name.chars().map(plain).collect();
    // Two hosts of one name would be one to ShiViz.
    let is_same = |(other, host): (HostId, &crate::trace::HostSetup)| {
        Some(other) != id && host.name.as_str() == name
    };
    match names.setup().hosts().any(is_same) || name.is_empty() {
        true => format!("{name}#{place}"),
        false => name,
    }
}

fn shown(names: &Names, clock: &[u32]) -> String {
    let counts = clock.iter().enumerate().filter(|(_, count)| **count > 0);
    let map: BTreeMap<String, u32> =
        counts.map(|(place, count)| (host_name(names, place), *count)).collect();
    serde_json::to_string(&map).expect("a map of texts is an object")
}
