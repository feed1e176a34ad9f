//! metadata-converges.
//!
//! Once the faults are over all brokers that run know the same metadata: each has replayed the
//! last committed change, and what they replayed is the same (KIP-500, KIP-631).
//!
//! Judged when the audit begins: how far each running broker has come, against the last change
//! that was committed a second ago or earlier; and the hashes of what nodes replayed while
//! settling, where two stood at one offset.
//!
//! The boundary case: the metadata log grows for ever by signs of life, so nobody is ever at its
//! end. What counts is the last record that changed anything.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{ChainHash, Event, Kind, Phase};
use crate::trace::Part;
use crate::types::{HostId, Moment, Offset};

/// How long news may take.
const SOON: Duration = Duration::from_secs(1);

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetadataConverges {
    /// Changes of the last second, and the last one before.
    recent: VecDeque<Change>,
    due: Option<Change>,
    /// While settling, by offset: who stood there first, with which hash.
    digests: BTreeMap<Offset, (ChainHash, HostId, u64)>,
    /// Nodes that replayed something else than another: the other, and the evidence.
    differing: BTreeMap<HostId, (HostId, u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    at: Moment,
    offset: Offset,
    event: u64,
}

const INFO: Info = Info {
    name: "metadata-converges",
    statement: "when all nodes run again every broker has replayed the same metadata, up to the \
                last change",
    source: "KIP-500, KIP-631",
    premise: "no fault acts and the time to settle has passed",
    kinds: &[
        "partition-committed",
        "topic-committed",
        "topic-removed",
        "registration-committed",
        "metadata-applied",
        "host-started",
        "phase-began",
    ],
    is_liveness: true,
};

impl Property for MetadataConverges {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::PartitionCommitted { offset, .. }
            | Kind::TopicCommitted { offset, .. }
            | Kind::TopicRemoved { offset, .. }
            | Kind::RegistrationCommitted { offset, .. } => {
                self.age(event.at);
                let change = Change { at: event.at, offset: *offset, event: event.index };
                self.recent.push_back(change);
            }
            Kind::MetadataApplied { offset, digest, .. } => {
                if let Some(host) = event.host.filter(|_| view.model.is_settling()) {
                    self.on_applied(event, host, *offset, *digest);
                }
            }
            Kind::HostStarted { .. } => {
                // It replays all from the beginning.
                if let Some(host) = event.host {
                    self.differing.remove(&host);
                }
            }
            Kind::PhaseBegan { phase: Phase::Audit } => {
                self.age(event.at);
                self.judge(event, view, findings);
            }
            _ => {}
        }
    }

    clone_box!();
}

impl MetadataConverges {
    fn age(&mut self, now: Moment) {
        while let Some(change) = self.recent.front().filter(|change| change.at + SOON <= now) {
            // A successor tells again what its predecessor told.
            if self.due.is_none_or(|due| due.offset < change.offset) {
                self.due = Some(*change);
            }
            self.recent.pop_front();
        }
    }

    fn on_applied(&mut self, event: &Event, host: HostId, offset: Offset, digest: ChainHash) {
        let first = (digest, host, event.index);
        let (known, other, evidence) = *self.digests.entry(offset).or_insert(first);
        if known != digest {
            self.differing.entry(host).or_insert((other, evidence, event.index));
        }
    }

    fn judge(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Some(due) = self.due else { return };
        let setup = view.model.setup();
        for (host, known) in setup.hosts() {
            let Part::Broker(broker) = known.part else { continue };
            if !view.model.is_running(broker) {
                continue;
            }
            findings.exercised();
            let member = view.model.quorum.members.get(&broker);
            let applied = member.and_then(|member| member.applied);
            if applied.is_none_or(|applied| applied.offset <= due.offset) {
                let end = applied.map_or(Offset::ZERO, |applied| applied.offset);
                let sentence = format!(
                    "all faults are over, but {} has replayed the metadata log only up to {end}; \
                     the last change stands at {}",
                    known.name, due.offset
                );
                let evidence = applied.map(|applied| applied.event);
                let evidence = evidence.into_iter().chain([due.event, event.index]);
                let subject = Subject::Node { node: broker };
                findings.violated(subject, sentence, evidence);
            } else if let Some((other, first, second)) = self.differing.get(&host) {
                let other = setup.host_name(Some(*other));
                let sentence = format!(
                    "all faults are over, but {} and {other} have replayed different metadata",
                    known.name
                );
                let subject = Subject::Node { node: broker };
                findings.violated(subject, sentence, [*first, *second, event.index]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::Phase;
    use crate::types::HostId;

    /// Each broker has replayed up to its offset, with its hash.
    fn settled(applied: [(i64, u64); 3]) -> Script {
        let mut run = Script::new();
        run.phase(Phase::Settle);
        for (host, (offset, digest)) in (1..).zip(applied) {
            run.applied(HostId(host), offset, digest);
        }
        run.wait(5).phase(Phase::Audit);
        run
    }

    #[test]
    fn brokers_that_know_the_last_change_hold() {
        assert_eq!(Script::empty().settle().outcome("metadata-converges"), "not exercised");
        let run = settled([(20, 1), (21, 2), (20, 1)]);
        assert_eq!(run.outcome("metadata-converges"), "holds");
    }

    #[test]
    fn a_broker_that_stays_behind_is_a_breach() {
        let run = settled([(20, 1), (2, 2), (20, 1)]);
        assert_eq!(run.outcome("metadata-converges"), "violated");
    }

    #[test]
    fn brokers_that_know_different_things_are_a_breach() {
        let run = settled([(20, 1), (20, 1), (20, 3)]);
        assert_eq!(run.outcome("metadata-converges"), "violated");
    }
}
