//! What every event has, as a page has it: moment, host and the two parents, in columns of their
//! own for each kind of event, and foretold from the event before and from the parents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::event::Event;

/// The columns of one kind, in the order in which they are named.
#[derive(Debug, Default)]
struct Streams([Vec<u8>; 5]);

/// Their names in the schema.
const NAMES: [&str; 5] = ["dt", "host", "cause", "about", "places"];

/// What is known of an event that went by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The moment, in microseconds.
    pub(crate) moment: u64,
    /// 0 for the world, else the host's number + 1.
    pub(crate) host: u64,
    kind: u8,
    /// How many events of this kind and host came before.
    place: u64,
    cause: Option<u64>,
    about: Option<u64>,
}

/// Writes the columns while the events go by.
#[derive(Debug, Default)]
pub(crate) struct Common {
    streams: BTreeMap<u8, Streams>,
    events: Vec<Known>,
    counts: BTreeMap<(u8, u64), u64>,
    /// By kind, and the kind and host of what it was about: the last place.
    last: BTreeMap<(u8, u8, u64), u64>,
    /// The kinds of what events are about, where it is told by its place.
    targets: BTreeSet<u8>,
}

pub(crate) fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn zigzag(value: u64) -> u64 {
    let value = value.cast_signed();
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

impl Common {
    /// What is known of the event `index`, if it went by.
    pub(crate) fn known(&self, index: Option<u64>) -> Option<&Known> {
        self.events.get(usize::try_from(index?).ok()?)
    }

    /// Takes in the next event.
    pub(crate) fn add(&mut self, event: &Event) {
        let index = self.events.len() as u64;
        let host = event.host.map_or(0, |host| u64::from(host.0) + 1);
        let kind = event.kind.number();
        let before = self.events.last().copied();
        // A parent that is no event before this one is none.
        let cause = event.cause.filter(|cause| *cause < index);
        let about = event.about.filter(|about| *about < index);
        let of_cause = self.known(cause).copied();
        let count = self.counts.entry((kind, host)).or_default();
        let place = *count;
        *count += 1;
        let target = self.known(about).copied();
        let Streams([dt, hosts, causes, abouts, places]) = self.streams.entry(kind).or_default();

        unsigned(event.at.0 - before.map_or(0, |before| before.moment), dt);
        match of_cause {
            Some(parent) if parent.host == host => hosts.push(0),
            _ => unsigned(host + 1, hosts),
        }
        match cause {
            cause if cause == before.and_then(|before| before.cause) => causes.push(0),
            Some(cause) if cause + 1 == index => causes.push(1),
            None => causes.push(2),
            Some(cause) => unsigned(2 + (index - cause), causes),
        }
        match (about, target) {
            (about, _) if of_cause.is_some_and(|parent| parent.about == about) => abouts.push(0),
            (Some(_), _) if about == cause => abouts.push(1),
            (about, _) if about == before.and_then(|before| before.about) => abouts.push(2),
            (Some(_), Some(target)) => {
                if target.host == host {
                    abouts.push(4);
                } else if of_cause.is_some_and(|parent| parent.host == target.host) {
                    abouts.push(5);
                } else {
                    abouts.push(6);
                    unsigned(target.host, abouts);
                }
                let last = self.last.entry((kind, target.kind, target.host));
                let last = last.or_insert(u64::MAX);
                places.push(target.kind);
                unsigned(zigzag(target.place.wrapping_sub(last.wrapping_add(1))), places);
                *last = target.place;
                self.targets.insert(target.kind);
            }
            _ => abouts.push(3),
        }
        let moment = event.at.0;
        self.events.push(Known { moment, host, kind, place, cause, about });
    }

    /// Hands over the columns; the schema of each kind names its own.
    pub(crate) fn finish(self, schema: &mut Json, columns: &mut Vec<Vec<u8>>) -> Option<()> {
        schema["targets"] = json!(self.targets);
        let mut streams = self.streams;
        for kind in schema["kinds"].as_array_mut()? {
            let number = u8::try_from(kind["number"].as_u64()?).ok()?;
            let Streams(all) = streams.remove(&number).unwrap_or_default();
            for (name, bytes) in NAMES.iter().zip(all) {
                kind["common"][name] = json!(columns.len());
                columns.push(bytes);
            }
        }
        Some(())
    }
}
