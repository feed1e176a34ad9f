//! The properties of replication, checked on the real state after every step of the replication
//! tests. Those of whole runs are folded from events (`src/check`); these look inside.

use std::collections::{BTreeMap, BTreeSet};

use kafsim::event::ChainHash;
use kafsim::protocol::replica::Replica;
use kafsim::types::{BatchId, Offset};

use crate::replication_controller::{BROKERS, MIN_IN_SYNC};
use crate::replication_world::World;

/// What was seen so far, and what was wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    /// The hash of the log at every end of a committed batch, by that end.
    committed: BTreeMap<Offset, ChainHash>,
    /// Acknowledged batches with acks=all, and their offsets.
    pub(crate) acked: Vec<(Offset, BatchId)>,
    /// Names of broken properties, and how each was broken first.
    pub(crate) broken: BTreeMap<&'static str, String>,
}

impl Checks {
    /// The names of the broken properties.
    pub(crate) fn names(&self) -> BTreeSet<&'static str> {
        self.broken.keys().copied().collect()
    }

    /// The end of what is committed.
    pub(crate) fn end(&self) -> Offset {
        self.committed.last_key_value().map_or(Offset::ZERO, |(end, _)| *end)
    }

    fn breaks(&mut self, property: &'static str, how: impl FnOnce() -> String) {
        self.broken.entry(property).or_insert_with(how);
    }

    fn chain(&self, end: Offset) -> Option<ChainHash> {
        if end == Offset::ZERO {
            Some(ChainHash::default())
        } else {
            self.committed.get(&end).copied()
        }
    }

    /// Looks at `world` as it stands.
    pub(crate) fn look(&mut self, world: &World) {
        let running = || BROKERS.into_iter().filter_map(|b| Some((b, world.replica(b)?)));
        for (broker, replica) in running() {
            if replica.is_leader() {
                self.commit(replica);
            }
            let (start, end) = (replica.log().start_offset(), replica.log().end_offset());
            let high_watermark = replica.high_watermark();
            if high_watermark < start || high_watermark > end {
                self.breaks("offset-order", || format!("{broker}: {start} {high_watermark} {end}"));
            }
            if !replica.log().audit() {
                self.breaks("epoch-monotone-in-log", || format!("{broker}: {:?}", replica.log()));
            }
            let readable = high_watermark.min(end);
            let is_known = readable <= self.end();
            let chain = replica.log().chain_at(readable);
            if !is_known || (chain.is_some() && chain != self.chain(readable)) {
                self.breaks("consistent-read", || format!("{broker} shows {readable}"));
            }
        }
        for (broker, replica) in running() {
            for (other, another) in running().filter(|(other, _)| *other > broker) {
                if let Some(offset) = mismatch(replica, another) {
                    self.breaks("log-matching", || format!("{broker} and {other} at {offset}"));
                }
            }
        }
        self.look_at_leader(world);
        self.look_at_candidates(world);
    }

    /// Takes what a leader shows as committed. A leader of the past shows only what its successor
    /// has too, so all leaders count.
    fn commit(&mut self, leader: &Replica) {
        let end = self.end();
        let shown = leader.high_watermark().min(leader.log().end_offset());
        if shown <= end {
            return;
        }
        if leader.log().chain_at(end) != self.chain(end) {
            self.breaks("consistent-read", || format!("{end} is not what it was"));
            return;
        }
        for batch in leader.log().batches_between(end, shown) {
            let end = batch.end_offset();
            self.committed.insert(end, leader.log().chain_at(end).expect("a batch ends there"));
        }
    }

    fn has_committed(&self, replica: &Replica) -> bool {
        let end = self.end();
        replica.log().end_offset() >= end && replica.log().chain_at(end) == self.chain(end)
    }

    fn look_at_leader(&mut self, world: &World) {
        let state = world.controller.state();
        let Some(leader) = state.leader else { return };
        let Some(replica) = world.replica(leader) else { return };
        let Some((committed, maximal)) = replica.in_sync() else { return };
        if replica.leader_epoch() != Some(state.leader_epoch) {
            return;
        }
        if !self.has_committed(replica) {
            let ends = (replica.log().end_offset(), self.end());
            self.breaks("leader-completeness", || format!("{leader}: {ends:?}"));
        }
        for (offset, batch) in self.acked.clone() {
            let found = replica.log().batches_between(offset, replica.log().end_offset()).next();
            if found.is_none_or(|found| found.body.id != batch) {
                self.breaks("acked-durability", || format!("{batch:?} at {offset} of {leader}"));
            }
        }
        let is_enough = committed.len() >= MIN_IN_SYNC as usize;
        let must = state.in_sync.union(if is_enough { &state.eligible } else { &state.in_sync });
        if !must.is_subset(maximal) {
            self.breaks("quorum-superset", || format!("{leader}: {maximal} is not {must}"));
        }
    }

    fn look_at_candidates(&mut self, world: &World) {
        let state = world.controller.state();
        for broker in state.in_sync.union(&state.eligible).iter() {
            let Some(replica) = world.replica(broker) else { continue };
            if !self.has_committed(replica) {
                let ends = (replica.log().end_offset(), self.end());
                self.breaks("candidate-completeness", || format!("{broker}: {ends:?}"));
            }
        }
    }
}

/// The largest offset at which both logs have a batch of one epoch end, if they differ below it.
fn mismatch(one: &Replica, other: &Replica) -> Option<Offset> {
    let start = one.log().start_offset().max(other.log().start_offset());
    let ends: BTreeMap<_, _> = other
        .log()
        .batches_between(start, other.log().end_offset())
        .map(|batch| (batch.end_offset(), batch.leader_epoch))
        .collect();
    let common = one
        .log()
        .batches_between(start, one.log().end_offset())
        .filter(|batch| ends.get(&batch.end_offset()) == Some(&batch.leader_epoch))
        .map(kafsim::message::Batch::end_offset)
        .last()?;
    (one.log().chain_at(common) != other.log().chain_at(common)).then_some(common)
}
