//! Where the replicas of a partition begin: what was deleted, in the words of its timeline.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Kind, StartMovedBecause};
use crate::report::timeline_words::short;
use crate::trace::Model;
use crate::types::{BrokerId, Offset};

/// Whether `event` moves a log start as it goes on moving while time goes by, which is told as a
/// sum: no client asked for it, and something is left of the log.
pub(super) fn is_routine(event: &Event, model: &Model) -> bool {
    let Kind::LogStartMoved { partition, log_start_offset, because, .. } = &event.kind else {
        return false;
    };
    match because {
        StartMovedBecause::Leader => true,
        StartMovedBecause::DeleteRecords | StartMovedBecause::BeganAnew => false,
        StartMovedBecause::RetentionBytes | StartMovedBecause::RetentionMs => {
            let node = event.host.and_then(|host| model.setup().node(host));
            let view = model.partition(*partition).zip(node);
            let replica = view.and_then(|(view, node)| view.replicas.get(&node));
            replica.is_none_or(|replica| *log_start_offset < replica.log.end())
        }
    }
}

/// That the log of `broker`, which began at `from`, begins further on, if `kind` says that.
pub(super) fn start_moved(kind: &Kind, broker: &str, from: Offset) -> Option<String> {
    let Kind::LogStartMoved { log_start_offset: to, because, limit, .. } = kind else {
        return None;
    };
    if *because == StartMovedBecause::BeganAnew {
        // Where it began before is gone with all that it had.
        let why = "nothing of what it had is left at its leader";
        return Some(format!("{broker}'s log begins anew at {to}: {why}"));
    }
    let limit = limit.map(|limit| format!("={limit}")).unwrap_or_default();
    let why = why(*because);
    Some(format!("{broker}'s log start moves from {from} to {to}: {why}{limit}"))
}

/// Whose doing it is: the key of the configuration, the request, or the leader.
fn why(because: StartMovedBecause) -> &'static str {
    match because {
        StartMovedBecause::RetentionBytes => "retention.bytes",
        StartMovedBecause::RetentionMs => "retention.ms",
        StartMovedBecause::DeleteRecords => "DeleteRecords",
        StartMovedBecause::Leader => "its leader's did",
        StartMovedBecause::BeganAnew => "it began anew",
    }
}

/// How far log starts have moved since something else was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts(BTreeMap<BrokerId, Moved>);

#[derive(Clone, Debug)]
struct Moved {
    from: Offset,
    to: Offset,
    why: BTreeSet<&'static str>,
}

impl Starts {
    /// Takes in that a log start moves, before `model` does; whether it is one of a broker.
    pub(super) fn observe(&mut self, event: &Event, model: &Model) -> bool {
        let node = event.host.and_then(|host| model.setup().node(host));
        let (Kind::LogStartMoved { partition, log_start_offset, because, .. }, Some(node)) =
            (&event.kind, node)
        else {
            return false;
        };
        let view = model.partition(*partition).and_then(|view| view.replicas.get(&node));
        let from = view.map(|replica| replica.log.start).unwrap_or_default();
        let new = || Moved { from, to: *log_start_offset, why: BTreeSet::new() };
        let moved = self.0.entry(node).or_insert_with(new);
        moved.to = *log_start_offset;
        moved.why.insert(why(*because));
        true
    }

    /// How far, and why; of some of `brokers` which, of all of them only that.
    pub(super) fn text(&self, brokers: &[BrokerId]) -> Option<String> {
        let mut alike: Vec<(&Moved, Vec<BrokerId>, BTreeSet<&str>)> = Vec::new();
        for broker in brokers {
            let Some(moved) = self.0.get(broker) else { continue };
            let known =
                alike.iter_mut().find(|(it, ..)| (it.from, it.to) == (moved.from, moved.to));
            match known {
                Some((_, their, why)) => {
                    their.push(*broker);
                    why.extend(&moved.why);
                }
                None => alike.push((moved, vec![*broker], moved.why.clone())),
            }
        }
        let parts = alike.iter().map(|(Moved { from, to, .. }, their, why)| {
            let names = || their.iter().map(|it| short(*it)).collect::<Vec<_>>().join(" and ");
            let is_all = their.len() == brokers.len();
            let whose = if is_all { String::new() } else { format!(" on {}", names()) };
            format!("from {from} to {to}{whose} ({})", reasons(why))
        });
        let parts: Vec<String> = parts.collect();
        (!parts.is_empty()).then(|| format!("log start moves {}", parts.join(", ")))
    }
}

/// The keys that are why; a follower that is a little behind its leader has them at second hand.
fn reasons(all: &BTreeSet<&str>) -> String {
    let leader = why(StartMovedBecause::Leader);
    let keys: Vec<&str> = all.iter().copied().filter(|it| *it != leader).collect();
    if keys.is_empty() { leader.to_owned() } else { keys.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(moved: &[(i32, i64, i64, Vec<StartMovedBecause>)]) -> Starts {
        let moved = moved.iter().map(|(broker, from, to, because)| {
            let why = because.iter().map(|because| why(*because)).collect();
            (BrokerId(*broker), Moved { from: Offset(*from), to: Offset(*to), why })
        });
        Starts(moved.collect())
    }

    #[test]
    fn what_replicas_delete_alike_is_told_once() {
        let brokers = [BrokerId(2), BrokerId(3), BrokerId(1)];
        let (bytes, age) = (StartMovedBecause::RetentionBytes, StartMovedBecause::RetentionMs);
        let leader = StartMovedBecause::Leader;
        let told = |moved: &[_]| starts(moved).text(&brokers);
        assert_eq!(told(&[]), None);
        let all = told(&[
            (1, 0, 90, vec![bytes]),
            (2, 0, 90, vec![bytes, leader]),
            (3, 0, 90, vec![leader]),
        ]);
        assert_eq!(all.as_deref(), Some("log start moves from 0 to 90 (retention.bytes)"));
        let some = told(&[
            (1, 7, 90, vec![leader]),
            (2, 0, 90, vec![bytes, age]),
            (3, 7, 90, vec![leader]),
        ]);
        let expected = "log start moves from 0 to 90 on b2 (retention.bytes, retention.ms), \
                        from 7 to 90 on b3 and b1 (its leader's did)";
        assert_eq!(some.as_deref(), Some(expected));
    }
}
