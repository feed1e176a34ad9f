//! leader-completeness.
//!
//! A replica that acts as leader in the controller's current leader epoch holds everything that
//! was ever committed: its log reaches the true high watermark and equals the committed contents
//! below it (Raft's Leader Completeness; kafka-specification's StrongIsr). The true high
//! watermark is the highest that a leader of the then current epoch ever had.
//!
//! Compared when a replica takes the leadership of the current epoch, when an acting leader's log
//! is cut, and at the end. A deposed leader that does not know it yet is not looked at, and the
//! new leader's own high watermark may lag far behind: that is legal.
//!
//! The boundary case: a broker may learn of an election that the controller had committed and
//! could not report before it died. The epoch in the broker's own role is then the current one,
//! although no event of a controller says so.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::types::{BrokerId, TopicPartition};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderCompleteness;

const INFO: Info = Info {
    name: "leader-completeness",
    statement: "a leader of the current epoch holds every committed record",
    source: "Raft, section 5.4; KIP-101, KIP-497, KIP-966; kafka-specification",
    premise: "no unclean election was allowed and took place; at most min.insync.replicas - 1 \
              counted replicas lost unflushed records at a time, crashes without a loss counted as \
              soon as one of them lost any (KIP-966); with flush.messages=1 only a lost disk loses \
              records",
    kinds: &["role-taken", "log-truncated"],
    is_liveness: false,
};

impl Property for LeaderCompleteness {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let node = event.host.and_then(|host| view.model.setup().node(host));
        let Some(node) = node else { return };
        if let Kind::RoleTaken { partition, .. } | Kind::LogTruncated { partition, .. } =
            &event.kind
        {
            check(*partition, node, event.index, view, findings);
        }
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        // What was found is not counted again.
        if findings.violations() > 0 {
            return;
        }
        for (partition, known) in &view.model.partitions {
            if let Some((leader, replica)) = known.acting_leader() {
                let since = replica.role.as_ref().map_or(0, |role| role.event);
                check(*partition, leader, since, view, findings);
            }
        }
    }

    clone_box!();
}

fn check(
    partition: TopicPartition,
    node: BrokerId,
    event: u64,
    view: View<'_>,
    findings: &mut Findings,
) {
    let Some(known) = view.model.partitions.get(&partition) else { return };
    let Some(replica) = known.replicas.get(&node) else { return };
    if !replica.leads(known.leader_epoch) {
        return;
    }
    findings.exercised();
    let high_watermark = known.true_high_watermark;
    if replica.log.holds(&known.committed, high_watermark) {
        return;
    }
    let name = view.model.partition_name(partition);
    let epoch = known.leader_epoch;
    let missing = replica.log.first_missing(&known.committed, high_watermark);
    let (offset, appended) =
        missing.map_or((high_watermark, None), |entry| (entry.base, Some(entry.event)));
    let sentence = format!(
        "broker {node} leads {name} in epoch {epoch} with a log that ends at {}, and lacks the \
         batch at offset {offset}; everything below {high_watermark} was committed",
        replica.log.end()
    );
    let excuse = view.premises.left(partition);
    let subject = Subject::Records {
        partition,
        offset,
        batch: missing.map(|entry| entry.batch),
        lacking: Some(node),
    };
    findings.violated_unless(subject, excuse, sentence, appended.into_iter().chain([event]));
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    /// Broker 1 leads in epoch 0, with all in sync.
    fn led() -> Script {
        led_in(Script::new())
    }

    fn led_in(mut run: Script) -> Script {
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]);
        run
    }

    #[test]
    fn a_leader_with_all_that_was_committed_holds() {
        let mut run = led();
        run.replicate(1, 2, 0).high_watermark(1, 2, true);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome("leader-completeness"), "holds");
    }

    #[test]
    fn a_leader_without_a_committed_batch_is_a_breach() {
        let mut run = led();
        run.append(1, 1, 2, 0, true).high_watermark(1, 2, true);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome("leader-completeness"), "violated");
    }

    #[test]
    fn an_unclean_election_leaves_the_premise_where_it_is_allowed() {
        for (mut run, outcome) in
            [(Script::with_unclean_elections(), "outside its premise"), (Script::new(), "violated")]
        {
            run.commit(Some(1), 0, &[1]).lead(1, 0, &[1]);
            run.append(1, 1, 2, 0, true).high_watermark(1, 2, true);
            run.elect_uncleanly(2, 1).lead(2, 1, &[2]);
            assert_eq!(run.outcome("leader-completeness"), outcome);
        }
    }

    #[test]
    fn too_many_lossy_crashes_leave_the_premise() {
        let mut run = led();
        run.replicate(1, 2, 0).high_watermark(1, 2, true);
        run.crash(1, 0).crash(2, 0).recover(2, 0);
        run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        assert_eq!(run.outcome("leader-completeness"), "outside its premise");
        assert_eq!(Script::new().outcome("leader-completeness"), "not exercised");
    }

    #[test]
    fn what_was_flushed_may_not_be_lost_by_however_many() {
        let outcome = |script: Script| {
            let mut run = led_in(script);
            run.replicate(1, 2, 0).high_watermark(1, 2, true);
            run.crash(1, 0).crash(2, 0).recover(2, 0);
            run.commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
            run.outcome("leader-completeness")
        };
        assert_eq!(outcome(Script::new()), "outside its premise");
        assert_eq!(outcome(Script::with_each_message_flushed()), "violated");
    }
}
