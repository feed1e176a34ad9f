//! Where two traces part.

use std::collections::BTreeMap;

use crate::event::{Event, StepName};
use crate::trace::digest::canonical_words;

/// The first place where two traces differ.
#[derive(Clone, PartialEq, Debug)]
pub struct Divergence {
    /// How many events are equal before.
    pub equal: u64,
    /// The next event of the one; none when it is over.
    pub left: Option<Event>,
    /// The next event of the other; none when it is over.
    pub right: Option<Event>,
}

/// The first place where two traces of one scenario and seed differ; none when they are equal.
/// Their order counts: it is what another execution of one build must repeat.
pub fn first_divergence(
    left: impl IntoIterator<Item = Event>,
    right: impl IntoIterator<Item = Event>,
) -> Option<Divergence> {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let mut equal = 0;
    loop {
        let (one, other) = (left.next(), right.next());
        match (&one, &other) {
            (None, None) => return None,
            (Some(a), Some(b)) if a == b => equal += 1,
            _ => return Some(Divergence { equal, left: one, right: other }),
        }
    }
}

/// How the steps of two traces relate, aligned by their names: what is the same stays aligned
/// when something elsewhere was removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Alignment {
    /// Steps that are equal but for their place.
    pub equal: u64,
    /// Steps of both with different events: the indexes of the first events that differ; none
    /// where a step has no more of them.
    pub changed: Vec<[Option<u64>; 2]>,
    /// Steps of the one only: the index of the first event.
    pub only_left: Vec<u64>,
    /// Steps of the other only: the index of the first event.
    pub only_right: Vec<u64>,
}

/// Compares two traces step by step, whatever their order.
pub fn align(
    left: impl IntoIterator<Item = Event>,
    right: impl IntoIterator<Item = Event>,
) -> Alignment {
    let left = steps(left);
    let mut right = steps(right);
    let mut alignment = Alignment::default();
    for (name, step) in left {
        match right.remove(&name) {
            None => alignment.only_left.extend(step.index(0)),
            Some(other) if other.words == step.words => alignment.equal += 1,
            Some(other) => alignment.changed.push(step.parting(&other)),
        }
    }
    alignment.only_right = right.into_values().filter_map(|step| step.index(0)).collect();
    alignment.changed.sort_unstable();
    alignment.only_left.sort_unstable();
    alignment.only_right.sort_unstable();
    alignment
}

/// The events of one step.
#[derive(Default)]
struct Step {
    /// The index of each, and where its words end.
    events: Vec<(u64, usize)>,
    /// What all of them say.
    words: Vec<u64>,
}

impl Step {
    /// The index of the event at `place`, if there are so many.
    fn index(&self, place: usize) -> Option<u64> {
        self.events.get(place).map(|(index, _)| *index)
    }

    /// What the event at `place` says.
    fn says(&self, place: usize) -> Option<&[u64]> {
        let (_, end) = self.events.get(place)?;
        let begin = place.checked_sub(1).map_or(0, |before| self.events[before].1);
        self.words.get(begin..*end)
    }

    /// The first event in which this step and `other`, which is not the same, differ.
    fn parting(&self, other: &Self) -> [Option<u64>; 2] {
        let both = (0..).take_while(|place| self.index(*place).and(other.index(*place)).is_some());
        let equal = both.take_while(|place| self.says(*place) == other.says(*place)).count();
        [self.index(equal), other.index(equal)]
    }
}

fn steps(events: impl IntoIterator<Item = Event>) -> BTreeMap<StepName, Step> {
    let mut steps: BTreeMap<StepName, Step> = BTreeMap::new();
    for mut event in events {
        // An index moves when something elsewhere goes; causes are compared where they stand.
        event.cause = None;
        event.about = None;
        let Step { events, words } = steps.entry(event.step).or_default();
        canonical_words(&event, words);
        events.push((event.index, words.len()));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::types::{HostId, Moment};

    fn event(index: u64, lane: u64, n: u64) -> Event {
        Event {
            index,
            at: Moment(n),
            host: Some(HostId(1)),
            step: StepName { lane, n },
            cause: None,
            about: None,
            kind: Kind::HostPaused {},
        }
    }

    #[test]
    fn the_first_difference_is_found() {
        let one = [event(0, 5, 0), event(1, 6, 0)];
        let other = [event(0, 5, 0), event(1, 7, 0)];
        assert_eq!(first_divergence(one.clone(), one.clone()), None);
        let found = first_divergence(one.clone(), other.clone()).unwrap();
        assert_eq!(
            (found.equal, found.left, found.right),
            (1, Some(one[1].clone()), Some(other[1].clone()))
        );
        let short = first_divergence(one.clone(), [event(0, 5, 0)]).unwrap();
        assert_eq!((short.equal, short.right), (1, None));
    }

    #[test]
    fn what_is_removed_leaves_the_rest_aligned() {
        let one = [event(0, 5, 0), event(1, 6, 0), event(2, 5, 1)];
        let other = [event(0, 6, 0), Event { at: Moment(9), ..event(1, 5, 1) }, event(2, 8, 0)];
        let found = align(one, other);
        assert_eq!(
            found,
            Alignment {
                equal: 1,
                changed: vec![[Some(2), Some(1)]],
                only_left: vec![0],
                only_right: vec![2]
            }
        );
    }
    /// A step begins alike and goes on otherwise: what parts the runs is not its first event.
    #[test]
    fn a_step_parts_where_its_events_do() {
        let later = |index, at| Event { at: Moment(at), ..event(index, 5, 0) };
        let one = [event(0, 5, 0), event(1, 6, 0), later(2, 7), later(3, 9)];
        let found = align(one.clone(), [event(0, 5, 0), later(1, 7), event(2, 6, 0), later(3, 8)]);
        assert_eq!((found.equal, found.changed), (1, vec![[Some(3), Some(3)]]));
        // The other has no more of them.
        let found = align(one, [event(0, 5, 0), event(1, 6, 0), later(2, 7)]);
        assert_eq!((found.equal, found.changed), (1, vec![[Some(3), None]]));
    }
}
