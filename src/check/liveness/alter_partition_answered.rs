//! alter-partition-answered.
//!
//! What a leader asks of the controller is answered, or metadata overtakes it: a wish that stays
//! open for ever keeps the leader from any other change of its in-sync set (KIP-497; property L3).
//!
//! Watched: every `AlterPartition` from its sending until it was granted, was refused for good,
//! its leader learned a newer state of the partition, took another part, gave the replica up, or
//! died. Judged when the audit begins: none is open for longer than a few round trips.
//!
//! The boundary case: a refusal after which only metadata tells where the partition stands (a newer
//! epoch, say) is an answer, but leaves the wish open until that metadata comes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, Phase};
use crate::types::{BrokerSet, ErrorCode, HostId, Moment, PartitionEpoch, TopicPartition};

/// How long a controller that is in charge may take to answer, and metadata to come.
const SOON: Duration = Duration::from_secs(2);

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlterPartitionAnswered {
    open: BTreeMap<(HostId, TopicPartition), Wish>,
}

#[derive(Clone, Debug)]
struct Wish {
    since: Moment,
    event: u64,
    partition_epoch: PartitionEpoch,
    in_sync: BrokerSet,
}

const INFO: Info = Info {
    name: "alter-partition-answered",
    statement: "a change of the in-sync set that a leader asks for is granted, refused, or \
                overtaken by newer metadata",
    source: "KIP-497; KAFKA-14010; Kafka 4.1, Partition.handleAlterPartitionError",
    premise: "no fault acts and the time to settle has passed",
    kinds: &[
        "alter-partition-sent",
        "alter-partition-answered",
        "in-sync-changed",
        "role-taken",
        "replica-removed",
        "host-stopped",
        "phase-began",
    ],
    is_liveness: true,
};

impl Property for AlterPartitionAnswered {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        if let Kind::PhaseBegan { phase: Phase::Audit } = event.kind {
            self.judge(event, view, findings);
            return;
        }
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::AlterPartitionSent { partition, partition_epoch, in_sync, .. } => {
                // One that is sent again has been open since the first time.
                let wish = self.open.entry((host, *partition)).or_insert_with(|| Wish {
                    since: event.at,
                    event: event.index,
                    partition_epoch: *partition_epoch,
                    in_sync: in_sync.clone(),
                });
                if wish.partition_epoch < *partition_epoch {
                    wish.partition_epoch = *partition_epoch;
                    wish.since = event.at;
                }
            }
            Kind::AlterPartitionAnswered { partition, error, rolled_back } => {
                if *error == ErrorCode::None || *rolled_back {
                    self.close((host, *partition), findings);
                }
            }
            Kind::InSyncChanged { partition, partition_epoch, .. } => {
                let wish = self.open.get(&(host, *partition));
                if wish.is_some_and(|wish| wish.partition_epoch < *partition_epoch) {
                    self.close((host, *partition), findings);
                }
            }
            Kind::RoleTaken { partition, .. } | Kind::ReplicaRemoved { partition } => {
                self.close((host, *partition), findings);
            }
            Kind::HostStopped { .. } => self.open.retain(|(asker, _), _| *asker != host),
            _ => {}
        }
    }

    clone_box!();
}

impl AlterPartitionAnswered {
    fn close(&mut self, wish: (HostId, TopicPartition), findings: &mut Findings) {
        if self.open.remove(&wish).is_some() {
            findings.exercised();
        }
    }

    fn judge(&self, event: &Event, view: View<'_>, findings: &mut Findings) {
        for ((host, partition), wish) in &self.open {
            let open_for = event.at.since(wish.since);
            if open_for <= SOON {
                continue;
            }
            findings.exercised();
            let sentence = format!(
                "{} asked {open_for:?} ago to make {} the in-sync set of {}, and that was neither \
                 granted, nor refused for good, nor overtaken by newer metadata",
                view.model.setup().host_name(Some(*host)),
                wish.in_sync,
                view.model.partition_name(*partition)
            );
            let subject =
                Subject::InSync { partition: *partition, brokers: wish.in_sync.iter().collect() };
            findings.violated(subject, sentence, [wish.event, event.index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script, set};
    use crate::event::Kind;
    use crate::types::{ErrorCode, HostId, LeaderEpoch, PartitionEpoch};

    /// Broker 1 leads and asks for broker 3 to leave.
    fn asked() -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        let (leader_epoch, partition_epoch) = (LeaderEpoch(0), PartitionEpoch(1));
        let (partition, in_sync) = (ORDERS, set(&[1, 2]));
        run.add(
            HostId(1),
            Kind::AlterPartitionSent { partition, leader_epoch, partition_epoch, in_sync },
        );
        run
    }

    fn answered(run: &mut Script, error: ErrorCode, rolled_back: bool) {
        let partition = ORDERS;
        run.add(HostId(1), Kind::AlterPartitionAnswered { partition, error, rolled_back });
    }

    #[test]
    fn a_wish_that_is_granted_or_refused_holds() {
        assert_eq!(Script::new().settle().outcome("alter-partition-answered"), "not exercised");
        for (error, rolled_back) in [(ErrorCode::None, false), (ErrorCode::IneligibleReplica, true)]
        {
            let mut run = asked();
            answered(&mut run, error, rolled_back);
            assert_eq!(run.settle().outcome("alter-partition-answered"), "holds");
        }
    }

    #[test]
    fn a_wish_that_nobody_answers_is_a_breach() {
        let mut run = asked();
        assert_eq!(run.outcome("alter-partition-answered"), "not exercised");
        assert_eq!(run.settle().outcome("alter-partition-answered"), "violated");
        let mut run = asked();
        answered(&mut run, ErrorCode::InvalidUpdateVersion, false);
        assert_eq!(run.settle().outcome("alter-partition-answered"), "violated");
    }

    #[test]
    fn newer_metadata_or_a_death_ends_the_wait() {
        let mut run = asked();
        run.commit(Some(1), 0, &[1, 2, 3]).in_sync(1, 0, &[1, 2, 3], &[1, 2, 3]);
        assert_eq!(run.settle().outcome("alter-partition-answered"), "holds");
        let mut run = asked();
        run.crash(1, 0);
        assert_eq!(run.settle().outcome("alter-partition-answered"), "not exercised");
    }
}
