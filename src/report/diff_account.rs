//! What two runs came to, in lines that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::check::Checker;
use crate::event::Kind;
use crate::history::{FigureCounter, Figures};
use crate::report::at::TellError;
use crate::report::claims::claims;
use crate::report::text::{grouped, rounded, several};
use crate::trace::{Model, Part, RunFile, seconds};
use crate::types::{HostId, Moment};

/// Clients that serve the run itself.
const SERVANTS: [&str; 2] = ["admin", "probe"];
/// So many changes of a partition are shown.
const CHANGES_MAX: usize = 12;

/// Something that is not the same in both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outcome {
    /// Of which sort it is.
    pub sort: Sort,
    /// What.
    pub what: String,
    /// In the one, in the other; each in lines.
    pub is: [Vec<String>; 2],
}

/// The sorts of what may differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// A number or a duration.
    Figure,
    /// What a property came to.
    Property,
    /// Who led a partition.
    Leaders,
    /// Who was in sync.
    InSync,
}

/// A number or a duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Figure {
    Count(u64),
    Time(Option<Duration>),
}

/// Something that a partition's leader, or set, became.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Change {
    /// When; none for how it was created.
    at: Option<Moment>,
    what: String,
}

/// What a run came to.
pub(super) struct Account {
    /// Leaders and in-sync sets of each partition, as they were committed.
    leaders: BTreeMap<String, Vec<Change>>,
    in_sync: BTreeMap<String, Vec<Change>>,
    figures: Vec<(String, Figure)>,
    claims: BTreeMap<String, String>,
}

impl Account {
    pub(super) fn of(file: &RunFile) -> Result<Self, TellError> {
        let setup = &file.header.setup;
        let counts = |host: HostId| {
            let is_client = matches!(setup.part(host), Some(Part::Client(_)));
            is_client && !SERVANTS.contains(&setup.host_name(Some(host)))
        };
        let clients = setup.hosts().map(|(id, _)| id).filter(|host| counts(*host));
        let mut figures = FigureCounter::new(clients, true);
        let mut checker = Checker::default();
        let mut model = Model::new(Arc::new(setup.clone()));
        let mut leaders: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        let mut in_sync: BTreeMap<String, Vec<Change>> = BTreeMap::new();
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
            let at = before.map(|_| event.at);
            if before.is_none_or(|before| before.leader != now.leader) {
                let leader = now.leader.map(|leader| setup.node_name(leader));
                let leader = leader.unwrap_or_else(|| "nobody".to_owned());
                let what = format!("{leader}, epoch {}", now.leader_epoch);
                leaders.entry(name.clone()).or_default().push(Change { at, what });
            }
            if before.is_none_or(|before| before.in_sync != now.in_sync) {
                let ids: Vec<String> =
                    now.in_sync.iter().map(|broker| broker.to_string()).collect();
                let what = format!("[{}]", ids.join(","));
                in_sync.entry(name).or_default().push(Change { at, what });
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
                many => format!(", {} breaches", grouped(many)),
            };
            let result = match claim.result.as_str() {
                "outside-premise" => "outside its premise",
                "not-exercised" => "not exercised",
                other => other,
            };
            (claim.property, format!("{result}{breaches}"))
        });
        Ok(Self { leaders, in_sync, claims: claims.collect(), figures: figure_lines(&figures) })
    }
}

/// The figures of a run, by name, to the microsecond.
pub(in crate::report) fn figures_of(file: &RunFile) -> Result<Vec<(String, String)>, TellError> {
    let account = Account::of(file)?;
    Ok(account.figures.into_iter().map(|(name, figure)| (name, figure.exact())).collect())
}

impl Figure {
    fn exact(self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Time(Some(time)) => format!("{}.{:06}s", time.as_secs(), time.subsec_micros()),
            Self::Time(None) => "-".to_owned(),
        }
    }

    fn told(self) -> String {
        match self {
            Self::Count(count) => grouped(count),
            Self::Time(Some(time)) => rounded(time),
            Self::Time(None) => "-".to_owned(),
        }
    }
}

impl Change {
    fn told(&self) -> String {
        match self.at {
            None => format!("at first {}", self.what),
            Some(at) => format!("from {} {}", seconds(at), self.what),
        }
    }
}

fn figure_lines(figures: &Figures) -> Vec<(String, Figure)> {
    let mut lines = Vec::new();
    let mut add = |what: String, figure| lines.push((what, figure));
    let count = Figure::Count;
    let time = |time: Duration| Figure::Time(Some(time));
    for (what, figure) in [
        ("records acknowledged", count(figures.acked)),
        ("records failed", count(figures.failed)),
        ("records unknown", count(figures.unknown)),
        ("acknowledged records lost", count(figures.lost)),
        ("acks p50", Figure::Time(figures.ack_latency_p50)),
        ("acks p99", Figure::Time(figures.ack_latency_p99)),
        ("acks max", Figure::Time(figures.ack_latency_max)),
        ("longest without an ack", time(figures.longest_without_ack)),
    ] {
        add(what.to_owned(), figure);
    }
    for (name, it) in &figures.leaderless {
        add(format!("{name} leaderless"), time(*it));
    }
    for group in &figures.groups {
        let longest = group.longest_unowned().map(|it| it.longest_unowned);
        for (what, figure) in [
            ("generations", count(group.epochs.len() as u64)),
            ("records processed", count(group.processed)),
            ("records processed again", count(group.processed_again())),
            ("partitions unowned, together", time(group.unowned())),
            ("longest unowned", Figure::Time(longest)),
            ("lag at the end", count(group.lag())),
        ] {
            add(format!("group {} {what}", group.name), figure);
        }
    }
    lines
}

/// What is not the same: losses and figures first, then claims, leaders, in-sync sets.
pub(super) fn outcomes([one, other]: &[Account; 2]) -> Vec<Outcome> {
    let mut outcomes = figures_that_differ(&one.figures, &other.figures);
    let properties = one.claims.keys().chain(other.claims.keys());
    for property in properties.collect::<BTreeSet<_>>() {
        let of = |account: &Account| account.claims.get(property).cloned().into_iter().collect();
        let is: [Vec<String>; 2] = [of(one), of(other)];
        if is[0] != is[1] {
            outcomes.push(Outcome { sort: Sort::Property, what: property.clone(), is });
        }
    }
    changes_that_differ(Sort::Leaders, &one.leaders, &other.leaders, &mut outcomes);
    changes_that_differ(Sort::InSync, &one.in_sync, &other.in_sync, &mut outcomes);
    outcomes
}

/// Partitions that were without a leader for the same times are one line.
fn figures_that_differ(one: &[(String, Figure)], other: &[(String, Figure)]) -> Vec<Outcome> {
    let of = |figures: &[(String, Figure)], what: &str| {
        figures.iter().find(|(name, _)| name == what).map(|(_, figure)| *figure)
    };
    let is_new = |(name, _): &&(String, Figure)| of(one, name).is_none();
    let names = one.iter().chain(other.iter().filter(is_new)).map(|(name, _)| name.as_str());
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut leaderless: Vec<(usize, Vec<&str>)> = Vec::new();
    for name in names {
        let pair = [of(one, name), of(other, name)];
        if pair[0] == pair[1] {
            continue;
        }
        let mut is = pair.map(|figure| figure.map(Figure::told).into_iter().collect::<Vec<_>>());
        if is[0] == is[1] {
            is = pair.map(|figure| figure.map(Figure::exact).into_iter().collect());
        }
        let Some(partition) = name.strip_suffix(" leaderless") else {
            outcomes.push(Outcome { sort: Sort::Figure, what: name.to_owned(), is });
            continue;
        };
        let known = leaderless.iter_mut().find(|(at, _)| outcomes[*at].is == is);
        if let Some((at, partitions)) = known {
            partitions.push(partition);
            outcomes[*at].what = format!("{} leaderless", several(partitions.iter().copied()));
        } else {
            leaderless.push((outcomes.len(), vec![partition]));
            outcomes.push(Outcome { sort: Sort::Figure, what: name.to_owned(), is });
        }
    }
    outcomes
}

fn changes_that_differ(
    sort: Sort,
    one: &BTreeMap<String, Vec<Change>>,
    other: &BTreeMap<String, Vec<Change>>,
    outcomes: &mut Vec<Outcome>,
) {
    let what = if sort == Sort::Leaders { "leaders" } else { "in-sync sets" };
    let names = one.keys().chain(other.keys()).collect::<BTreeSet<_>>();
    let mut shifted: Vec<(&str, [&Change; 2])> = Vec::new();
    for name in names {
        let of = |map: &BTreeMap<String, Vec<Change>>| map.get(name).cloned().unwrap_or_default();
        let (a, b) = (of(one), of(other));
        if a == b {
            continue;
        }
        // The same in the same order, earlier or later, is one line for all.
        if untimed(&a).eq(untimed(&b)) {
            let pairs =
                one.get(name).into_iter().flatten().zip(other.get(name).into_iter().flatten());
            let first = pairs.into_iter().find(|(one, other)| one != other);
            shifted.extend(first.map(|(one, other)| (name.as_str(), [one, other])));
        } else {
            let is = [shortened(&a), shortened(&b)];
            outcomes.push(Outcome { sort, what: format!("{what} of {name}"), is });
        }
    }
    if shifted.is_empty() {
        return;
    }
    let names = several(shifted.iter().map(|(name, _)| *name));
    let what = format!("{what} of {names}: the same, at other times; the first of them");
    let firsts = |place: usize| {
        let lines = shifted.iter().map(|(name, pair)| format!("{name} {}", pair[place].told()));
        cut(lines.collect())
    };
    outcomes.push(Outcome { sort, what, is: [firsts(0), firsts(1)] });
}

/// What changed, without when.
fn untimed(changes: &[Change]) -> impl Iterator<Item = &str> {
    changes.iter().map(|change| change.what.as_str())
}

fn shortened(changes: &[Change]) -> Vec<String> {
    cut(changes.iter().map(Change::told).collect())
}

fn cut(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(CHANGES_MAX);
    if more > 1 {
        lines.truncate(CHANGES_MAX);
        lines.push(format!("... and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(figures: Vec<(String, Figure)>, leaders: &[(&str, Vec<Change>)]) -> Account {
        let leaders = leaders.iter().map(|(name, lines)| ((*name).to_owned(), lines.clone()));
        Account {
            leaders: leaders.collect(),
            in_sync: BTreeMap::new(),
            figures,
            claims: BTreeMap::new(),
        }
    }

    #[test]
    fn what_only_comes_at_other_times_is_told_in_a_line() {
        let accounts = |times: [u64; 2], of_b: &str| {
            let change = |at: Option<u64>, who: &str| Change {
                at: at.map(|at| Moment::SCENARIO_BEGINS + Duration::from_secs(at)),
                what: format!("{who}, epoch 1"),
            };
            let lines = |at, who: &str| vec![change(None, "broker-1"), change(Some(at), who)];
            let of = [("a-0", lines(times[0], "broker-2")), ("b-0", lines(times[1], of_b))];
            account(Vec::new(), &of)
        };
        let told = outcomes(&[accounts([1, 1], "broker-3"), accounts([2, 2], "broker-3")]);
        let [one] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(one.what, "leaders of a-0, b-0: the same, at other times; the first of them");
        let lines = ["a-0 from 2.000000 broker-2, epoch 1", "b-0 from 2.000000 broker-3, epoch 1"];
        assert_eq!(one.is[1], lines);
        let told = outcomes(&[accounts([1, 1], "broker-3"), accounts([2, 1], "broker-1")]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0].what, "leaders of b-0", "who leads differs, and is told whole");
    }

    #[test]
    fn figures_are_rounded_as_long_as_that_tells_them_apart() {
        let time = |micros| Figure::Time(Some(Duration::from_micros(micros)));
        let of = |name: &str, figure| (name.to_owned(), figure);
        let [one, other] = [(8_643_504, 900), (8_643_505, 250)].map(|(longest, short)| {
            let leaderless = ["a-0 leaderless", "a-1 leaderless"].map(|name| of(name, time(short)));
            let mut figures = vec![of("acks max", time(longest)), of("same", Figure::Count(1))];
            figures.extend(leaderless);
            account(figures, &[])
        });
        let told: Vec<_> =
            outcomes(&[one, other]).into_iter().map(|it| (it.what, it.is.concat())).collect();
        let exact = ["8.643504s", "8.643505s"].map(str::to_owned).to_vec();
        let both = ["900us", "250us"].map(str::to_owned).to_vec();
        let expected = [("acks max".to_owned(), exact), ("a-0, a-1 leaderless".to_owned(), both)];
        assert_eq!(told, expected);
    }
}
