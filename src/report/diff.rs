//! Two runs compared: where they part, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::check::Checker;
use crate::event::{Event, Kind};
use crate::history::{FigureCounter, Figures};
use crate::report::at::TellError;
use crate::report::claims::claims;
use crate::report::fault_words;
use crate::report::text::joined;
use crate::trace::{Alignment, Model, Names, Part, ReadError, RunFile, align, seconds};
use crate::types::{HostId, Lane, Moment, counted};

/// Clients that serve the run itself.
const SERVANTS: [&str; 2] = ["admin", "probe"];
/// So many lines of two scenarios that differ are shown.
const LINES_MAX: usize = 12;
/// So many places where the runs may part are looked at, until two lines differ.
const PARTINGS_MAX: usize = 200;
/// So many changes of a partition are shown.
const CHANGES_MAX: usize = 12;

/// How two runs differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// The one and the other.
    pub runs: [Run; 2],
    /// Whether kafsim's build was the same.
    pub same_build: bool,
    /// Lines that only one of the scenarios has: `-` the one, `+` the other.
    pub scenario: Vec<String>,
    /// Steps by their names.
    pub steps: Steps,
    /// The first event that is not in both, or not the same; none for a run whose step of that
    /// name has no such event.
    pub first: Option<[Option<Told>; 2]>,
    /// What came of it, where it is not the same.
    pub outcomes: Vec<Outcome>,
}

/// A run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Run {
    /// The scenario's title.
    pub title: String,
    /// The seed.
    pub seed: String,
    /// How many events it has.
    pub events: u64,
    /// Its fingerprint.
    pub fingerprint: String,
}

/// How many steps are where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Steps {
    /// In both, and the same.
    pub equal: u64,
    /// In both, and different.
    pub changed: u64,
    /// In the one only, in the other only.
    pub only: [u64; 2],
}

/// An event as it is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Told {
    /// Its index.
    pub event: u64,
    /// Its line.
    pub line: String,
    /// The same in words, if there are any for its kind.
    pub words: Option<String>,
}

/// Something that is not the same in both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outcome {
    /// What.
    pub what: String,
    /// In the one, in the other; each in lines.
    pub is: [Vec<String>; 2],
}

/// What a run came to, in lines that can be compared.
struct Account {
    /// Leaders and in-sync sets of each partition, as they were committed.
    leaders: BTreeMap<String, Vec<String>>,
    in_sync: BTreeMap<String, Vec<String>>,
    figures: Vec<(String, String)>,
    claims: BTreeMap<String, String>,
}

impl Difference {
    /// How the runs of two files differ.
    ///
    /// # Errors
    ///
    /// When one does not read.
    pub fn of(files: [&RunFile; 2]) -> Result<Self, TellError> {
        let [left, right] = files;
        let mut failed = None;
        let alignment = {
            let mut left_failed = None;
            let mut right_failed = None;
            let one = reading(left.events()?, &mut left_failed);
            let other = reading(right.events()?, &mut right_failed);
            let alignment = align(one, other);
            failed = failed.or(left_failed).or(right_failed);
            alignment
        };
        if let Some(error) = failed {
            return Err(error.into());
        }
        let steps = Steps {
            equal: alignment.equal,
            changed: alignment.changed.len() as u64,
            only: [alignment.only_left.len() as u64, alignment.only_right.len() as u64],
        };
        let first = parting(files, &alignment)?;
        let accounts = [Account::of(left)?, Account::of(right)?];
        Ok(Self {
            runs: files.map(Run::of),
            same_build: left.header.build_id == right.header.build_id,
            scenario: lines_that_differ(&left.header.scenario, &right.header.scenario),
            steps,
            first,
            outcomes: outcomes(&accounts),
        })
    }
}

/// The events up to the first that does not read.
fn reading<'a>(
    events: crate::trace::Events<'a>,
    failed: &'a mut Option<ReadError>,
) -> impl Iterator<Item = Event> + 'a {
    events.map_while(move |event| event.map_err(|error| *failed = Some(error)).ok())
}

/// Of what differs the earliest, where it can be told: two lines that say the same say nothing.
fn parting(
    files: [&RunFile; 2],
    alignment: &Alignment,
) -> Result<Option<[Option<Told>; 2]>, TellError> {
    let only_left = alignment.only_left.iter().map(|index| [Some(*index), None]);
    let only_right = alignment.only_right.iter().map(|index| [None, Some(*index)]);
    let all: Vec<_> =
        alignment.changed.iter().copied().chain(only_left).chain(only_right).collect();
    // Indices are in the order of time, so the earliest are among the first of each run.
    let mut chosen: BTreeSet<[Option<u64>; 2]> = BTreeSet::new();
    for place in 0..2 {
        let mut of_run: Vec<_> = all.iter().copied().filter(|pair| pair[place].is_some()).collect();
        of_run.sort_unstable_by_key(|pair| pair[place]);
        chosen.extend(of_run.into_iter().take(PARTINGS_MAX));
    }
    let wanted = |place: usize| chosen.iter().filter_map(|pair| pair[place]).collect();
    let told = [told(files[0], &wanted(0))?, told(files[1], &wanted(1))?];
    let of = |place: usize, pair: &[Option<u64>; 2]| told[place].get(&pair[place]?);
    let begins = |pair: &[Option<u64>; 2]| {
        let moment = |place| of(place, pair).map(|(at, _)| *at);
        [moment(0), moment(1)].into_iter().flatten().min()
    };
    let mut chosen: Vec<_> = chosen.into_iter().collect();
    chosen.sort_by_key(|pair| (begins(pair), *pair));
    let differs = |pair: &&[Option<u64>; 2]| match (of(0, pair), of(1, pair)) {
        (Some((_, one)), Some((_, other))) => one.bare() != other.bare(),
        _ => true,
    };
    let first = chosen.iter().find(differs).or_else(|| chosen.first());
    let tell = |place, pair| of(place, pair).map(|(_, told)| told.clone());
    Ok(first.map(|pair| [tell(0, pair), tell(1, pair)]))
}

/// When the events `wanted` were, and what they are.
fn told(
    file: &RunFile,
    wanted: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, (Moment, Told)>, TellError> {
    let mut names = Names::new(Arc::new(file.header.setup.clone()));
    let mut found = BTreeMap::new();
    let Some(last) = wanted.last() else { return Ok(found) };
    for event in file.events()? {
        let event = event?;
        if event.index > *last {
            break;
        }
        names.learn(&event);
        if wanted.contains(&event.index) {
            let words = words(&event, &names);
            let told = Told { event: event.index, line: names.line(&event), words };
            found.insert(event.index, (event.at, told));
        }
    }
    Ok(found)
}

/// What sets a step off, in words: a timer, a message, a fault.
fn words(event: &Event, names: &Names) -> Option<String> {
    let host = names.setup().host_name(event.host);
    let name = |host: HostId| names.setup().host_name(Some(host)).to_owned();
    let what = match &event.kind {
        Kind::DeadlineReached { lane } => format!("a timer of {host} is due: {}", timer(*lane)),
        Kind::Delivered { from, api, is_response: false, .. } => {
            format!("{host} receives {} from {}", api.name(), name(*from))
        }
        Kind::Delivered { from, api, is_response: true, .. } => {
            format!("{host} receives the answer to its {} from {}", api.name(), name(*from))
        }
        Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
            let hosts: Vec<String> = hosts.iter().map(|host| name(*host)).collect();
            let what = fault_words::told(*verb, &hosts, groups, detail.as_str());
            format!("fault {}: {what}", fault.saturating_add(1))
        }
        Kind::FaultEnded { fault, .. } => format!("fault {} ends", fault.saturating_add(1)),
        _ => return None,
    };
    Some(format!("e{} {} {what}", event.index, seconds(event.at)))
}

/// What a process waits for on `lane`.
fn timer(lane: Lane) -> &'static str {
    match lane {
        Lane::Raft => "its part in the quorum (elections, fetches of the metadata log)",
        Lane::Metadata => "metadata to be applied",
        Lane::Controller => "the controller's own work",
        Lane::Lifecycle => "registration and heartbeats",
        Lane::Scheduler => "work at intervals (retention, flushes, checkpoints)",
        Lane::Request(_) => "a request that it held back",
        Lane::Fetcher(_) => "the next fetch from a leader",
        Lane::Sender => "its requests (the next one, or one that takes too long)",
        Lane::Application => "its application's next call",
    }
}

impl Told {
    /// The words without the event's number: when, and what.
    pub(super) fn bare_words(&self) -> Option<&str> {
        Some(self.words.as_deref()?.split_once(' ')?.1)
    }

    /// The line without the event's number.
    fn bare(&self) -> &str {
        self.line.split_once(' ').map_or("", |(_, rest)| rest)
    }
}

impl Run {
    fn of(file: &RunFile) -> Self {
        let header = &file.header;
        Self {
            title: header.title.clone(),
            seed: header.seed.to_string(),
            events: header.fingerprint.events,
            fingerprint: header.fingerprint.to_string(),
        }
    }
}

/// Lines that only one of two scenarios has, in their order. What comments say runs nowhere.
fn lines_that_differ(one: &str, other: &str) -> Vec<String> {
    let said = |text| -> Vec<&'_ str> {
        let lines = str::lines(text).filter(|line| !line.trim_start().starts_with('#'));
        lines.filter(|line| !line.trim().is_empty()).collect()
    };
    let (a, b) = (said(one), said(other));
    let front = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[front..], &b[front..]);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
    let only = |these: &[&str], those: &[&str], sign: &str| -> Vec<String> {
        let missing = these.iter().filter(|line| !those.contains(line));
        missing.map(|line| format!("{sign} {line}")).collect()
    };
    let mut lines = only(a, b, "-");
    lines.extend(only(b, a, "+"));
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if more > 0 {
        lines.push(format!("... and {} more", counted(more, "line")));
    }
    lines
}

impl Account {
    fn of(file: &RunFile) -> Result<Self, TellError> {
        let setup = &file.header.setup;
        let counts = |host: HostId| {
            let is_client = matches!(setup.part(host), Some(Part::Client(_)));
            is_client && !SERVANTS.contains(&setup.host_name(Some(host)))
        };
        let clients = setup.hosts().map(|(id, _)| id).filter(|host| counts(*host));
        let mut figures = FigureCounter::new(clients, true);
        let mut checker = Checker::default();
        let mut model = Model::new(Arc::new(setup.clone()));
        let mut leaders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut in_sync: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in file.events()? {
            let event = event?;
            model.apply(&event);
            checker.observe(&event, &model);
            figures.apply(&event);
            let Kind::PartitionCommitted { partition, .. } = &event.kind else { continue };
            let Some(view) = model.partition(*partition) else { continue };
            let Some(now) = view.state.as_ref().filter(|now| now.event == event.index) else {
                continue;
            };
            let name = model.partition_name(*partition);
            let before = view.state_before.as_ref();
            // What coordinators keep is created somewhere, at some time, in every run.
            if before.is_none() && model.is_internal(*partition) {
                continue;
            }
            // Nor does it matter to a microsecond when a topic was created.
            let at = if before.is_none() { "at first".to_owned() } else { seconds(event.at) };
            if before.is_none_or(|before| before.leader != now.leader) {
                let leader = now.leader.map_or_else(|| "nobody".to_owned(), |b| b.to_string());
                let line = format!("{at} {leader} in epoch {}", now.leader_epoch);
                leaders.entry(name.clone()).or_default().push(line);
            }
            if before.is_none_or(|before| before.in_sync != now.in_sync) {
                let ids: Vec<i32> = now.in_sync.iter().map(|broker| broker.0).collect();
                let set = if ids.is_empty() { "nobody".to_owned() } else { joined(&ids) };
                in_sync.entry(name).or_default().push(format!("{at} {set}"));
            }
        }
        checker.finish(&model);
        let lost = checker.lost(&model, counts);
        let name = |host| setup.host_name(Some(host)).to_owned();
        let figures = figures.figures(model.now, lost, &name);
        let claims = claims(&file.header).into_iter().map(|claim| {
            let breaches = match claim.violations {
                0 => String::new(),
                1 => ", 1 breach".to_owned(),
                many => format!(", {many} breaches"),
            };
            (claim.property, format!("{}{breaches}", claim.result))
        });
        Ok(Self { leaders, in_sync, figures: figure_lines(&figures), claims: claims.collect() })
    }
}

/// The figures of a run, by name.
pub(super) fn figures_of(file: &RunFile) -> Result<Vec<(String, String)>, TellError> {
    Account::of(file).map(|account| account.figures)
}

fn figure_lines(figures: &Figures) -> Vec<(String, String)> {
    let time =
        |time: std::time::Duration| format!("{}.{:06}s", time.as_secs(), time.subsec_micros());
    let maybe = |it: Option<std::time::Duration>| it.map_or_else(|| "-".to_owned(), time);
    let mut lines = vec![
        ("records acknowledged".to_owned(), figures.acked.to_string()),
        ("records failed".to_owned(), figures.failed.to_string()),
        ("records unknown".to_owned(), figures.unknown.to_string()),
        ("acknowledged records lost".to_owned(), figures.lost.to_string()),
        ("acks p50".to_owned(), maybe(figures.ack_latency_p50)),
        ("acks p99".to_owned(), maybe(figures.ack_latency_p99)),
        ("acks max".to_owned(), maybe(figures.ack_latency_max)),
        ("longest without an ack".to_owned(), time(figures.longest_without_ack)),
    ];
    let leaderless = figures.leaderless.iter();
    lines.extend(leaderless.map(|(name, it)| (format!("{name} leaderless"), time(*it))));
    for group in &figures.groups {
        let mut add = |what: &str, figure: String| {
            lines.push((format!("group {} {what}", group.name), figure));
        };
        add("generations", group.epochs.len().to_string());
        add("records processed", group.processed.to_string());
        add("records processed again", group.processed_again().to_string());
        add("partitions unowned, together", time(group.unowned()));
        let longest = group.longest_unowned().map(|it| it.longest_unowned);
        add("longest unowned", maybe(longest));
        add("lag at the end", group.lag().to_string());
    }
    lines
}

/// What is not the same: losses and figures first, then claims, leaders, in-sync sets.
fn outcomes([one, other]: &[Account; 2]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut add = |what: String, a: Vec<String>, b: Vec<String>| {
        if a != b {
            outcomes.push(Outcome { what, is: [shortened(a), shortened(b)] });
        }
    };
    let figure = |account: &Account, what: &str| {
        let found = account.figures.iter().find(|(name, _)| name == what);
        found.map(|(_, value)| value.clone()).into_iter().collect::<Vec<_>>()
    };
    let mut names: Vec<&String> = one.figures.iter().map(|(name, _)| name).collect();
    names.extend(
        other
            .figures
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !one.figures.iter().any(|(known, _)| known == *name)),
    );
    for name in names {
        add(name.clone(), figure(one, name), figure(other, name));
    }
    let properties = one.claims.keys().chain(other.claims.keys());
    for property in properties.collect::<BTreeSet<_>>() {
        let of = |account: &Account| account.claims.get(property).cloned().into_iter().collect();
        add(property.clone(), of(one), of(other));
    }
    for (what, a, b) in
        [("leaders", &one.leaders, &other.leaders), ("in-sync sets", &one.in_sync, &other.in_sync)]
    {
        let names = a.keys().chain(b.keys()).collect::<BTreeSet<_>>();
        let mut shifted: Vec<(&str, String, String)> = Vec::new();
        for name in names {
            let of = |map: &BTreeMap<String, Vec<String>>| map.get(name).cloned();
            let (a, b) = (of(a).unwrap_or_default(), of(b).unwrap_or_default());
            // The same in the same order, earlier or later, is one line for all.
            let first = a.iter().zip(&b).find(|(one, other)| one != other);
            match first {
                Some((one, other)) if a.len() == b.len() && untimed(&a).eq(untimed(&b)) => {
                    shifted.push((name, one.clone(), other.clone()));
                }
                _ => add(format!("{what} of {name}"), a, b),
            }
        }
        if !shifted.is_empty() {
            let names: Vec<_> = shifted.iter().map(|(name, _, _)| *name).collect();
            let firsts = |of: fn(&(&str, String, String)) -> String| {
                shifted.iter().map(|it| format!("{}: {}", it.0, of(it))).collect()
            };
            let what = format!("{what} of {}: the same, at other times; first", names.join(", "));
            add(what, firsts(|it| it.1.clone()), firsts(|it| it.2.clone()));
        }
    }
    outcomes
}

/// What changed, without when.
fn untimed(lines: &[String]) -> impl Iterator<Item = &str> {
    lines.iter().map(|line| line.split_once(' ').map_or("", |(_, rest)| rest))
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(CHANGES_MAX);
    lines.truncate(CHANGES_MAX);
    if more > 0 {
        lines.push(format!("... and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_comes_at_other_times_is_told_in_a_line() {
        let account = |times: [&str; 2], of_b: &str| {
            let leads = |at: &str, who: &str| format!("{at} {who} in epoch 1");
            let lines = |at: &str, who: &str| vec![leads("at first", "1"), leads(at, who)];
            let of = [("a-0", lines(times[0], "2")), ("b-0", lines(times[1], of_b))];
            Account {
                leaders: of.map(|(name, lines)| (name.to_owned(), lines)).into(),
                in_sync: BTreeMap::new(),
                figures: Vec::new(),
                claims: BTreeMap::new(),
            }
        };
        let told = outcomes(&[account(["1.0", "1.0"], "3"), account(["2.0", "2.0"], "3")]);
        let [one] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(one.what, "leaders of a-0, b-0: the same, at other times; first");
        assert_eq!(one.is[1], ["a-0: 2.0 2 in epoch 1", "b-0: 2.0 3 in epoch 1"]);
        let told = outcomes(&[account(["1.0", "1.0"], "3"), account(["2.0", "1.0"], "1")]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0].what, "leaders of b-0", "who leads differs, and is told whole");
    }

    #[test]
    fn what_comments_say_is_no_difference() {
        assert!(lines_that_differ("# one\na = 1\n\n", "a = 1\n  # other\n").is_empty());
        assert_eq!(lines_that_differ("# one\na = 1", "a = 2"), ["- a = 1", "+ a = 2"]);
    }
}
