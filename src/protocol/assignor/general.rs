//! The sticky assignment when members subscribe to different topics.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::assignor::member::{Member, Place, Topics, places};
use crate::protocol::assignor::movements::Movements;
use crate::protocol::assignor::sticky::{Moved, NO_GENERATION, Owned};
use crate::types::Name;

/// An assignment that is being balanced. Members and partitions are known by their places in the
/// lists, which are in the order in which Kafka compares them.
struct Builder<'a> {
    members: Vec<&'a Member>,
    places: Vec<Place>,
    /// By place: the members that subscribe to its topic.
    readers: BTreeMap<&'a Name, Vec<usize>>,
    /// By member: what it has, in the order in which it got it.
    current: Vec<Vec<usize>>,
    /// By place: who has it.
    owner: Vec<Option<usize>>,
    /// By place: who had it in an earlier generation than the last.
    previous: BTreeMap<usize, (usize, i32)>,
    /// The members that take part, the emptiest first.
    ranked: BTreeSet<(usize, usize)>,
    movements: Movements,
}

/// Everybody keeps what he owns; the rest goes to the emptiest that may have it; then partitions
/// move from fuller to emptier members while that helps.
///
/// # Source
///
/// Kafka 4.0, `AbstractStickyAssignor.GeneralAssignmentBuilder`.
pub(crate) fn general(topics: &Topics, members: &[Member], owned: Owned) -> Moved {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let mut readers: BTreeMap<&Name, Vec<usize>> =
        topics.keys().map(|topic| (topic, Vec::new())).collect();
    for (nth, member) in sorted.iter().enumerate() {
        for topic in &member.topics {
            if let Some(readers) = readers.get_mut(topic) {
                readers.push(nth);
            }
        }
    }
    let mut order: Vec<_> = topics.keys().collect();
    order.sort_by_key(|topic| (readers.get(*topic).map_or(0, Vec::len), *topic));
    let places = places(topics, order);
    let numbers: BTreeMap<&Place, usize> = places.iter().zip(0..).collect();
    let mut revokes = false;
    let mut current = vec![Vec::new(); sorted.len()];
    let mut owner = vec![None; places.len()];
    for (nth, member) in sorted.iter().enumerate() {
        for place in owned.by_member.get(&member.id).into_iter().flatten() {
            if !member.topics.contains(&place.0) {
                revokes = true;
            } else if let Some(&number) = numbers.get(place) {
                current[nth].push(number);
                owner[number] = Some(nth);
            }
        }
    }
    let previous = previous(&sorted, &numbers);
    let mut builder = Builder {
        ranked: current.iter().enumerate().map(|(nth, own)| (own.len(), nth)).collect(),
        members: sorted,
        readers,
        current,
        owner,
        previous,
        movements: Movements::default(),
        places: places.clone(),
    };
    builder.balance(revokes);
    let own = |own: &Vec<usize>| own.iter().map(|place| places[*place].clone()).collect();
    let assignment = builder.members.iter().zip(&builder.current);
    let assignment = assignment.map(|(member, current)| (member.id.clone(), own(current)));
    Moved { assignment: assignment.collect(), transferring: None }
}

/// Who had what in the latest generation before the last.
fn previous(
    members: &[&Member],
    numbers: &BTreeMap<&Place, usize>,
) -> BTreeMap<usize, (usize, i32)> {
    let last = members.iter().filter_map(|member| member.generation).max();
    let last = last.unwrap_or(NO_GENERATION);
    let mut previous: BTreeMap<usize, (usize, i32)> = BTreeMap::new();
    for (nth, member) in members.iter().enumerate() {
        let generation = member.generation.unwrap_or(NO_GENERATION);
        if generation >= last {
            continue;
        }
        for number in member.owned.iter().filter_map(|place| numbers.get(place)) {
            let known = previous.entry(*number).or_insert((nth, generation));
            if known.1 < generation {
                *known = (nth, generation);
            }
        }
    }
    previous
}

impl Builder<'_> {
    fn topic(&self, place: usize) -> &Name {
        &self.places[place].0
    }

    fn readers(&self, place: usize) -> &[usize] {
        self.readers.get(self.topic(place)).map_or(&[], Vec::as_slice)
    }

    fn reads(&self, member: usize, place: usize) -> bool {
        self.members[member].topics.contains(self.topic(place))
    }

    fn balance(&mut self, revokes: bool) {
        let was_empty = self.current.iter().all(Vec::is_empty);
        let mut rest: Vec<_> =
            (0..self.places.len()).filter(|n| self.owner[*n].is_none()).collect();
        for &place in &rest {
            let emptiest = self.ranked.iter().map(|(_, nth)| *nth);
            if let Some(to) = emptiest.into_iter().find(|nth| self.reads(*nth, place)) {
                self.give(place, to);
            }
        }
        // What only one member may have stays where it is, and who can have nothing else is done.
        let is_movable = |place: &usize| self.readers(*place).len() >= 2;
        let movable: Vec<_> = (0..self.places.len()).filter(is_movable).collect();
        rest.retain(is_movable);
        let fixed: Vec<_> = (0..self.members.len()).filter(|nth| !self.takes_part(*nth)).collect();
        for nth in fixed {
            self.ranked.remove(&(self.current[nth].len(), nth));
        }
        let before = (self.current.clone(), self.owner.clone());
        let score = self.score();
        // Unless something has to be revoked anyway, new partitions are moved first.
        if !revokes {
            self.reassign(&rest);
        }
        let moved = self.reassign(&movable);
        if !was_empty && moved && self.score() >= score {
            (self.current, self.owner) = before;
        }
    }

    /// Whether a member could have more, or has something that another could have.
    fn takes_part(&self, nth: usize) -> bool {
        let most = (0..self.places.len()).filter(|place| self.reads(nth, *place)).count();
        let has_movable = || self.current[nth].iter().any(|place| self.readers(*place).len() >= 2);
        self.current[nth].len() < most || has_movable()
    }

    /// How uneven it is: the sum of the differences of all pairs that take part.
    fn score(&self) -> usize {
        let sizes: Vec<_> = self.ranked.iter().map(|(_, nth)| self.current[*nth].len()).collect();
        let of = |(nth, size): (usize, &usize)| {
            sizes[nth + 1..].iter().map(|other| other.abs_diff(*size)).sum::<usize>()
        };
        sizes.iter().enumerate().map(of).sum()
    }

    fn give(&mut self, place: usize, to: usize) {
        self.ranked.remove(&(self.current[to].len(), to));
        self.current[to].push(place);
        self.owner[place] = Some(to);
        self.ranked.insert((self.current[to].len(), to));
    }

    /// Whether no partition could move from a fuller to an emptier member so that it helps.
    fn is_balanced(&self) -> bool {
        let (Some((least, _)), Some((most, _))) = (self.ranked.first(), self.ranked.last()) else {
            return true;
        };
        if least + 1 >= *most {
            return true;
        }
        self.ranked.iter().all(|(size, nth)| {
            (0..self.places.len()).all(|place| {
                let theirs = self.owner[place].filter(|owner| owner != nth);
                let helps = theirs.is_some_and(|owner| size + 1 < self.current[owner].len());
                !(helps && self.reads(*nth, place))
            })
        })
    }

    /// Moves partitions until none is left that helps; says whether any was.
    fn reassign(&mut self, movable: &[usize]) -> bool {
        let mut any = false;
        loop {
            let mut modified = false;
            for &place in movable {
                if self.is_balanced() {
                    break;
                }
                let Some(from) = self.owner[place] else { continue };
                let size = self.current[from].len();
                if let Some(&(before, _)) = self.previous.get(&place)
                    && size > self.current[before].len() + 1
                {
                    self.go(place, from, before);
                    modified = true;
                    continue;
                }
                let could = |other: &&usize| size > self.current[**other].len() + 1;
                if self.readers(place).iter().any(|other| could(&other)) {
                    let emptiest = self.ranked.iter().map(|(_, nth)| *nth);
                    let to = emptiest.into_iter().find(|nth| self.reads(*nth, place));
                    if let Some(to) = to {
                        self.go(place, from, to);
                        modified = true;
                    }
                }
            }
            any |= modified;
            if !modified {
                return any;
            }
        }
    }

    /// Moves a partition, or one of its topic that came the other way.
    fn go(&mut self, place: usize, from: usize, to: usize) {
        let topic = self.topic(place).clone();
        let place = self.movements.instead(&topic, place, from, to);
        let Some(from) = self.owner[place] else { return };
        self.movements.note(&topic, place, from, to);
        self.ranked.remove(&(self.current[from].len(), from));
        self.current[from].retain(|owned| *owned != place);
        self.ranked.insert((self.current[from].len(), from));
        self.give(place, to);
    }
}
