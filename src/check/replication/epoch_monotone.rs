//! epoch-monotone-in-log.
//!
//! Along a log the batches' leader epochs never fall; the leader-epoch cache rises strictly in
//! epoch and start offset and says what the log says (Kafka, `LeaderEpochFileCache`; KIP-101).
//!
//! Compared: each batch with the one before; the cache's last entry with the log's end and last
//! epoch; the whole cache by the replica's own audit. After a cut no entry may start at or beyond
//! the new end by the time that the next batch is appended, or that the run is over: a follower
//! that takes such an entry for its last epoch may never append again.
//!
//! The boundary case: a new leader enters its epoch at its log end before it has written
//! anything, so a last entry that starts exactly at the end is right when its epoch is newer than
//! the last batch, and wrong when a cut left it there (KAFKA-10706).

use std::collections::BTreeMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{BrokerId, LeaderEpoch, Offset, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct EpochMonotone {
    /// Replicas whose log was cut below their cache's last entry, which nobody mended yet.
    stale: BTreeMap<(TopicPartition, BrokerId), Stale>,
}

/// A cut that left an entry of the cache behind.
#[derive(Clone, Copy, Debug)]
struct Stale {
    cut: u64,
    /// Where the entry starts.
    start: Offset,
    /// Whether a recovery made the cut. The checkpoint that was read then may have lacked the
    /// entry, which is gone without a word.
    by_recovery: bool,
}

const INFO: Info = Info {
    name: "epoch-monotone-in-log",
    statement: "leader epochs never fall along a log, and the leader-epoch cache says what the \
                log says",
    source: "KIP-101; Kafka 4.1, LeaderEpochFileCache; KAFKA-10706",
    premise: "none",
    kinds: &[
        "log-appended",
        "log-truncated",
        "log-recovered",
        "epoch-cache-changed",
        "replica-audited",
    ],
    is_liveness: false,
};

impl Property for EpochMonotone {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let node = event.host.and_then(|host| view.model.setup().node(host));
        let Some(node) = node else { return };
        match &event.kind {
            Kind::LogAppended { partition, leader_epoch, .. } => {
                self.on_appended(event, view, findings, (*partition, node), *leader_epoch);
            }
            Kind::LogTruncated { partition, .. } | Kind::LogRecovered { partition, .. } => {
                let known = view.model.partition(*partition);
                let replica = known.and_then(|known| known.replicas.get(&node));
                let Some(replica) = replica else { return };
                let start = replica.cache.and_then(|cache| cache.last).map(|(_, start)| start);
                if let Some(start) = start.filter(|start| *start >= replica.log.end()) {
                    // A leader's empty epoch at the very end goes with any cut; all others too.
                    let by_recovery = matches!(event.kind, Kind::LogRecovered { .. });
                    let stale = Stale { cut: event.index, start, by_recovery };
                    self.stale.insert((*partition, node), stale);
                }
            }
            Kind::EpochCacheChanged { partition, .. } => {
                self.stale.remove(&(*partition, node));
                on_cache(event, view, findings, *partition, node);
            }
            Kind::ReplicaAudited { partition, epochs_are_sound: false, .. } => {
                let name = view.model.partition_name(*partition);
                let sentence = format!(
                    "broker {node}'s leader-epoch cache of {name} does not say what its batches say"
                );
                let subject =
                    Subject::Replica { partition: *partition, replica: node, offset: None };
                findings.violated(subject, sentence, [event.index]);
            }
            _ => {}
        }
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        for ((partition, node), stale) in &self.stale {
            if !stale.by_recovery {
                report_stale(view, findings, (*partition, *node), stale, None);
            }
        }
    }

    clone_box!();
}

impl EpochMonotone {
    fn on_appended(
        &mut self,
        event: &Event,
        view: View<'_>,
        findings: &mut Findings,
        (partition, node): (TopicPartition, BrokerId),
        leader_epoch: LeaderEpoch,
    ) {
        let known = view.model.partition(partition);
        let replica = known.and_then(|known| known.replicas.get(&node));
        let before = replica.and_then(|replica| replica.log.before_last());
        findings.exercised();
        if let Some(before) = before.filter(|before| before.epoch > leader_epoch) {
            let name = view.model.partition_name(partition);
            let sentence = format!(
                "{node} holds a batch of leader epoch {leader_epoch} behind one of epoch {} in \
                 {name}",
                before.epoch
            );
            let subject = Subject::Replica { partition, replica: node, offset: Some(before.end()) };
            findings.violated(subject, sentence, [before.event, event.index]);
        }
        if self.stale.is_empty() {
            return;
        }
        if let Some(stale) = self.stale.remove(&(partition, node)) {
            report_stale(view, findings, (partition, node), &stale, Some(event.index));
        }
    }
}

fn report_stale(
    view: View<'_>,
    findings: &mut Findings,
    (partition, node): (TopicPartition, BrokerId),
    stale: &Stale,
    appended: Option<u64>,
) {
    let name = view.model.partition_name(partition);
    let sentence = format!(
        "broker {node} cut its log of {name}, but its leader-epoch cache still had an epoch that \
         starts at {}, which is not in the log",
        stale.start
    );
    let subject = Subject::Replica { partition, replica: node, offset: Some(stale.start) };
    findings.violated(subject, sentence, [stale.cut].into_iter().chain(appended));
}

fn on_cache(
    event: &Event,
    view: View<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    node: BrokerId,
) {
    let known = view.model.partition(partition);
    let Some(replica) = known.and_then(|known| known.replicas.get(&node)) else { return };
    let Some((epoch, start)) = replica.cache.and_then(|cache| cache.last) else { return };
    let (end, last) = (replica.log.end(), replica.log.last());
    // The entry of a batch may be written before the batch or after it.
    let is_at_end = start == end;
    let is_of_last = last.is_some_and(|last| {
        let first = replica.log.epoch_start(epoch).map(|first| first.max(replica.log.start));
        last.epoch == epoch && first.is_none_or(|first| first >= start)
    });
    // A log that began anew further up, or lost its start, has entries that its batches lack.
    let is_empty = last.is_none();
    if !is_at_end && !is_of_last && !is_empty {
        let name = view.model.partition_name(partition);
        let log = match last.filter(|last| last.epoch == epoch) {
            Some(_) => {
                let first =
                    replica.log.epoch_start(epoch).map(|first| first.max(replica.log.start));
                format!(
                    "although its log has records of it from offset {} on",
                    first.unwrap_or(start)
                )
            }
            None => {
                let of = last.map_or(LeaderEpoch(0), |last| last.epoch);
                format!("but its log ends at {end} with a record of epoch {of}")
            }
        };
        let sentence = format!(
            "broker {node}'s leader-epoch cache of {name} ends with epoch {epoch} from offset \
             {start}, {log}"
        );
        let evidence = last.map(|last| last.event);
        let subject = Subject::Replica { partition, replica: node, offset: Some(start) };
        findings.violated(subject, sentence, evidence.into_iter().chain([event.index]));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script};
    use crate::event::Kind;
    use crate::types::{HostId, LeaderEpoch, Offset};

    fn cache(run: &mut Script, epoch: i32, start: i64) {
        let kind = Kind::EpochCacheChanged {
            partition: ORDERS,
            entries: 1,
            last_epoch: Some(LeaderEpoch(epoch)),
            last_start: Some(Offset(start)),
        };
        run.add(HostId(1), kind);
    }

    #[test]
    fn rising_epochs_hold() {
        let mut run = Script::new();
        assert_eq!(run.outcome("epoch-monotone-in-log"), "not exercised");
        run.append(1, 1, 2, 0, true).append(1, 2, 2, 1, true);
        assert_eq!(run.outcome("epoch-monotone-in-log"), "holds");
    }

    #[test]
    fn an_epoch_that_falls_is_a_breach() {
        let mut run = Script::new();
        run.append(1, 1, 2, 1, true).append(1, 2, 2, 0, true);
        assert_eq!(run.outcome("epoch-monotone-in-log"), "violated");
    }

    #[test]
    fn a_cache_that_forgets_a_cut_is_a_breach() {
        let mut run = Script::new();
        run.append(1, 1, 2, 0, true);
        cache(&mut run, 1, 2);
        run.append(1, 2, 1, 1, true).truncate(1, 2);
        let mut mended = run.clone();
        // It need not append again to be wrong.
        assert_eq!(run.clone().outcome("epoch-monotone-in-log"), "violated");
        run.append(1, 3, 1, 2, true);
        assert_eq!(run.outcome("epoch-monotone-in-log"), "violated");
        cache(&mut mended, 0, 0);
        mended.append(1, 3, 1, 2, true);
        assert_eq!(mended.outcome("epoch-monotone-in-log"), "holds");
    }
}
