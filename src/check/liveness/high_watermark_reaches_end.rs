//! high-watermark-reaches-end.
//!
//! What every replica that a leader waits for holds is below its high watermark soon, and when
//! writing has stopped the high watermark reaches the log end (Kafka,
//! `Partition.maybeIncrementLeaderHW`; KAFKA-13091).
//!
//! Compared: the smallest log end of the set that a leader waits for, as far as it was told, with
//! its high watermark some seconds later: when that set becomes the recorded one, and, while nobody
//! else could join, whenever a member of it tells of a new end. When the audit begins, the high
//! watermark with what the log held when settling began.
//!
//! The boundary case: a follower outside the set that is catching up holds the high watermark back
//! rightly, so that it can catch up with a leader that is alone. While such a one fetches, or was
//! outside already and may, nothing is due. With fewer in sync than min.insync.replicas the high
//! watermark stands still, and must (KIP-966).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind, Phase};
use crate::trace::{PartitionView, RoleView};
use crate::types::{BrokerId, BrokerSet, HostId, LeaderEpoch, Moment, Offset, TopicPartition};

/// How long a follower that comes back may take until it fetches.
const SOON: Duration = Duration::from_secs(5);

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct HighWatermarkReachesEnd {
    /// Leaders whose high watermark has yet to reach what all hold that they wait for.
    due: BTreeMap<TopicPartition, Due>,
    /// The set that each leader waited for last.
    sets: BTreeMap<TopicPartition, (HostId, BrokerSet)>,
    /// What leaders were told of their followers' log ends.
    told: BTreeMap<(TopicPartition, BrokerId), (HostId, Offset)>,
    /// Where each log ended when settling began.
    ends: BTreeMap<TopicPartition, Offset>,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    host: HostId,
    leader_epoch: LeaderEpoch,
    offset: Offset,
    since: Moment,
    event: u64,
}

const INFO: Info = Info {
    name: "high-watermark-reaches-end",
    statement: "a leader's high watermark reaches what all hold that it waits for, and the log \
                end when writing stops",
    source: "Kafka 4.1, Partition.maybeIncrementLeaderHW; KAFKA-13091, KAFKA-15021",
    premise: "min.insync.replicas are in sync; the leader's process runs",
    kinds: &[
        "in-sync-changed",
        "high-watermark-moved",
        "follower-counted",
        "role-taken",
        "registration-committed",
        "host-stopped",
        "host-paused",
        "phase-began",
    ],
    is_liveness: true,
};

impl Property for HighWatermarkReachesEnd {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        match &event.kind {
            Kind::HighWatermarkMoved { partition, high_watermark, as_leader: true } => {
                let due = self.due.get(partition).filter(|due| Some(due.host) == event.host);
                if let Some(due) = due.filter(|due| due.offset <= *high_watermark).copied() {
                    self.due.remove(partition);
                    close(event, (*partition, due), view, findings);
                }
            }
            Kind::InSyncChanged { partition, .. } => self.on_set(event, *partition, view, findings),
            Kind::FollowerCounted { partition, follower, log_end_offset } => {
                let Some(host) = event.host else { return };
                self.told.insert((*partition, *follower), (host, *log_end_offset));
                if !self.due.contains_key(partition) {
                    self.expect(event, (*partition, *follower), *log_end_offset, view);
                    return;
                }
                self.on_fetch(event, (*partition, *follower), view, findings);
            }
            Kind::RoleTaken { partition, leader_epoch, .. } => {
                self.drop_if(event, view, findings, |other, due| {
                    let is_over = Some(due.host) == event.host || due.leader_epoch < *leader_epoch;
                    other == *partition && is_over
                });
                let known = view.model.partitions.get(partition);
                if let Some((_, leader)) = known.and_then(PartitionView::acting_leader)
                    && let Some(role) = &leader.role
                    && role.event == event.index
                    && let Some(host) = event.host
                {
                    self.sets.insert(*partition, (host, role.maximal.clone()));
                }
                // Whoever takes a part begins without knowing its followers.
                self.told.retain(|(other, _), (host, _)| {
                    other != partition || Some(*host) != event.host
                });
            }
            // Whoever may join again may be waited for again.
            Kind::RegistrationCommitted { broker, fenced: false, .. } => {
                self.drop_if(event, view, findings, |partition, _| {
                    let state = view.model.partitions.get(&partition).map(|p| &p.state);
                    let state = state.and_then(Option::as_ref);
                    state.is_some_and(|state| state.replicas.contains(broker))
                });
            }
            Kind::HostStopped { .. } | Kind::HostPaused {} => {
                self.drop_if(event, view, findings, |_, due| Some(due.host) == event.host);
            }
            Kind::PhaseBegan { phase: Phase::Settle } => {
                for (partition, known) in &view.model.partitions {
                    if let Some((_, leader)) = known.acting_leader() {
                        self.ends.insert(*partition, leader.log.end());
                    }
                }
            }
            Kind::PhaseBegan { phase: Phase::Audit } => {
                self.drop_if(event, view, findings, |_, _| true);
                self.judge(event, view, findings);
            }
            _ => {}
        }
    }

    clone_box!();
}

impl HighWatermarkReachesEnd {
    /// What a leader waits for changed.
    fn on_set(
        &mut self,
        event: &Event,
        partition: TopicPartition,
        view: View<'_>,
        findings: &mut Findings,
    ) {
        self.drop_if(event, view, findings, |other, due| {
            other == partition && Some(due.host) == event.host
        });
        let known = view.model.partitions.get(&partition);
        let leader = known.and_then(|known| Some((known, known.acting_leader()?)));
        let Some((known, (broker, leader))) = leader else { return };
        let is_own = view.model.host_of(broker) == event.host;
        let Some(role) = leader.role.as_ref().filter(|_| is_own) else { return };
        let Some(host) = event.host else { return };
        let before = self.sets.insert(partition, (host, role.maximal.clone()));
        // While a change is under way the larger set counts, and nobody knows for how long.
        if role.maximal != role.in_sync || is_under_min(role) {
            return;
        }
        // Who was outside before may be on the way back; who was just put out lags for sure.
        let before = before.filter(|(other, _)| *other == host).map(|(_, set)| set);
        let before = before.unwrap_or_else(|| role.maximal.clone());
        let is_returning = |broker: &BrokerId| {
            !before.contains(*broker)
                && !role.maximal.contains(*broker)
                && view.model.is_electable(*broker)
        };
        if known.state.iter().flat_map(|state| &state.replicas).any(is_returning) {
            return;
        }
        let Some(offset) = self.smallest_end(event, partition, known, (broker, role)) else {
            return;
        };
        findings.exercised();
        if leader.high_watermark < offset {
            let (since, event) = (event.at, event.index);
            let due = Due { host, leader_epoch: role.leader_epoch, offset, since, event };
            self.due.insert(partition, due);
        }
    }

    /// A follower of the set told of its new end: if all that the leader waits for have come there,
    /// the high watermark moves in this very step.
    fn expect(
        &mut self,
        event: &Event,
        (partition, follower): (TopicPartition, BrokerId),
        log_end: Offset,
        view: View<'_>,
    ) {
        let Some(known) = view.model.partitions.get(&partition) else { return };
        let Some((broker, leader)) = known.acting_leader() else { return };
        let (Some(role), Some(host)) = (&leader.role, event.host) else { return };
        if log_end <= leader.high_watermark
            || !role.maximal.contains(follower)
            || role.maximal != role.in_sync
            || is_under_min(role)
            || view.model.host_of(broker) != Some(host)
        {
            return;
        }
        let offset = self.smallest_end(event, partition, known, (broker, role));
        let Some(offset) = offset.filter(|offset| leader.high_watermark < *offset) else { return };
        let may_join =
            |broker: &BrokerId| !role.maximal.contains(*broker) && view.model.is_electable(*broker);
        if known.state.iter().flat_map(|state| &state.replicas).any(may_join) {
            return;
        }
        let (since, event, leader_epoch) = (event.at, event.index, role.leader_epoch);
        self.due.insert(partition, Due { host, leader_epoch, offset, since, event });
    }

    /// A follower outside the set is catching up: the leader may wait for it.
    fn on_fetch(
        &mut self,
        event: &Event,
        (partition, follower): (TopicPartition, BrokerId),
        view: View<'_>,
        findings: &mut Findings,
    ) {
        let Some(due) = self.due.get(&partition).copied() else { return };
        let known = view.model.partitions.get(&partition);
        let role = known.and_then(|known| known.acting_leader()?.1.role.as_ref());
        if role.is_none_or(|role| !role.maximal.contains(follower)) {
            self.due.remove(&partition);
            close(event, (partition, due), view, findings);
        }
    }

    /// The end of what all hold that the leader waits for, as far as it was told.
    fn smallest_end(
        &self,
        event: &Event,
        partition: TopicPartition,
        known: &PartitionView,
        (leader, role): (BrokerId, &RoleView),
    ) -> Option<Offset> {
        let end = |broker: BrokerId| {
            if broker == leader {
                return known.replicas.get(&leader).map(|replica| replica.log.end());
            }
            let told = self.told.get(&(partition, broker));
            told.filter(|(host, _)| Some(*host) == event.host).map(|(_, end)| *end)
        };
        let ends: Option<Vec<Offset>> = role.maximal.iter().map(end).collect();
        ends?.into_iter().min()
    }

    /// Nothing is due any more, for another reason than that the high watermark came there.
    fn drop_if(
        &mut self,
        event: &Event,
        view: View<'_>,
        findings: &mut Findings,
        over: impl Fn(TopicPartition, &Due) -> bool,
    ) {
        if self.due.is_empty() {
            return;
        }
        let dropped = self.due.extract_if(.., |partition, due| over(*partition, due));
        for dropped in dropped.collect::<Vec<_>>() {
            close(event, dropped, view, findings);
        }
    }

    fn judge(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        for (partition, end) in &self.ends {
            let known = view.model.partitions.get(partition);
            let Some((broker, leader)) = known.and_then(PartitionView::acting_leader) else {
                continue;
            };
            let Some(role) = leader.role.as_ref().filter(|role| !is_under_min(role)) else {
                continue;
            };
            findings.exercised();
            // A new leader may have had to cut what was never committed.
            let end = leader.log.end().min(*end);
            if leader.high_watermark < end {
                let name = view.model.partition_name(*partition);
                let sentence = format!(
                    "all faults are over and {} are in sync, but broker {broker}'s high watermark \
                     of {name} stands at {}, below the log end {end}",
                    role.in_sync, leader.high_watermark
                );
                let subject = Subject::Replica {
                    partition: *partition,
                    replica: broker,
                    offset: Some(leader.high_watermark),
                };
                findings.violated(subject, sentence, [role.event, event.index]);
            }
        }
    }
}

/// Looks how long it took until `event`.
fn close(
    event: &Event,
    (partition, due): (TopicPartition, Due),
    view: View<'_>,
    findings: &mut Findings,
) {
    let took = event.at.since(due.since);
    if took <= SOON {
        return;
    }
    let name = view.model.partition_name(partition);
    let sentence = format!(
        "{} leads {name} in epoch {} and everything that it has to wait for held the log up to {}, \
         but its high watermark did not come there for {took:?}",
        view.model.setup().host_name(Some(due.host)),
        due.leader_epoch,
        due.offset
    );
    let subject = Subject::Replica {
        partition,
        replica: view.model.setup().node(due.host).unwrap_or(BrokerId(-1)),
        offset: Some(due.offset),
    };
    findings.violated(subject, sentence, [due.event, event.index]);
}

fn is_under_min(role: &RoleView) -> bool {
    role.in_sync.len() < usize::try_from(role.min_in_sync).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use crate::check::script::{ORDERS, Script};
    use crate::event::{Kind, Phase};
    use crate::types::{BrokerId, HostId, Offset};

    fn counted(run: &mut Script, follower: i32, end: i64) {
        let (follower, log_end_offset) = (BrokerId(follower), Offset(end));
        run.add(HostId(1), Kind::FollowerCounted { partition: ORDERS, follower, log_end_offset });
    }

    /// Brokers 1 and 2 hold two records when broker 3 leaves the in-sync set.
    fn shrunk(in_sync: &[i32]) -> Script {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run.append(1, 1, 2, 0, true).append(2, 1, 2, 0, false);
        counted(&mut run, 2, 2);
        run.in_sync(1, 0, in_sync, in_sync);
        run
    }

    #[test]
    fn a_high_watermark_that_follows_holds() {
        assert_eq!(Script::new().settle().outcome("high-watermark-reaches-end"), "not exercised");
        let mut run = shrunk(&[1, 2]);
        run.high_watermark(1, 2, true);
        assert_eq!(run.settle().outcome("high-watermark-reaches-end"), "holds");
    }

    #[test]
    fn a_high_watermark_that_is_late_is_a_breach() {
        let mut run = shrunk(&[1, 2]);
        run.wait(6).high_watermark(1, 2, true);
        assert_eq!(run.outcome("high-watermark-reaches-end"), "violated");
    }

    #[test]
    fn a_high_watermark_that_stands_still_while_all_go_on_is_a_breach() {
        let go_on = |run: &mut Script| {
            run.append(1, 2, 1, 0, true).append(2, 2, 1, 0, false);
            counted(run, 2, 3);
        };
        let mut run = shrunk(&[1, 2]);
        run.high_watermark(1, 2, true);
        // Whoever may join is waited for.
        let mut with_another = run.clone();
        go_on(&mut with_another);
        with_another.wait(6).high_watermark(1, 3, true);
        assert_eq!(with_another.outcome("high-watermark-reaches-end"), "holds");
        run.register(3, 3, true, false);
        go_on(&mut run);
        let mut in_time = run.clone();
        in_time.high_watermark(1, 3, true);
        assert_eq!(in_time.outcome("high-watermark-reaches-end"), "holds");
        run.wait(6).high_watermark(1, 3, true);
        assert_eq!(run.outcome("high-watermark-reaches-end"), "violated");
    }

    #[test]
    fn a_high_watermark_below_the_end_after_settling_is_a_breach() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]).replicate(1, 2, 0);
        let mut early = run.clone();
        assert_eq!(run.settle().outcome("high-watermark-reaches-end"), "violated");
        early.phase(Phase::Settle);
        assert_eq!(early.outcome("high-watermark-reaches-end"), "not exercised");
    }

    #[test]
    fn a_follower_that_catches_up_may_hold_it_back() {
        let mut run = shrunk(&[1, 2]);
        counted(&mut run, 3, 1);
        run.wait(6).high_watermark(1, 2, true);
        assert_eq!(run.outcome("high-watermark-reaches-end"), "holds");
    }

    #[test]
    fn with_too_few_in_sync_it_must_stand_still() {
        let mut run = shrunk(&[1]);
        run.wait(6);
        assert_eq!(run.settle().outcome("high-watermark-reaches-end"), "not exercised");
    }
}
