//! at-least-once.
//!
//! Of a group whose applications commit after they have processed, every record below a committed
//! offset was processed. What an application was given and has not processed counts for nothing.
//! Applications that commit before have left the premise with their first commit: what they lose
//! is told, and a scenario may claim it (`expect = "violated"`).
//!
//! Compared: the offsets that are safe in the coordinator's log with what applications say that
//! they have done, when the run is over, once somebody has gone on behind them: until then
//! whoever was given them may still be at work.
//!
//! The boundary cases: a group begins where its first member does, or where an administrator says;
//! and where nothing that is committed counts any more, auto.offset.reset may skip what lies
//! before. None of these is a loss. It is one to be told that nothing is committed when something
//! is.

use crate::check::groups::deliveries::{Deliveries, Delivery, KINDS};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::trace::Promise;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct AtLeastOnce {
    deliveries: Deliveries,
}

const INFO: Info = Info {
    name: "at-least-once",
    statement: "what a group has committed was processed, if its applications commit afterwards",
    source: "Kafka 4.1, documentation of KafkaConsumer; KAFKA-18641",
    premise: "applications commit after they have processed; no topic is deleted and made anew \
              under a member; where a group is told that nothing is committed, that of \
              acked-durability for __consumer_offsets",
    kinds: KINDS,
    is_liveness: false,
};

/// How a group leaves the premise.
const COMMITS_BEFORE: &str = "the group's applications commit before they process";

const CARRIED: &str =
    "the topic was deleted and made anew, and a member went on where it stood in the old one";

impl Property for AtLeastOnce {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        self.deliveries.on_event(event, view.model);
        if let Kind::OffsetCommitted { group, partition, .. } = &event.kind
            && view.model.setup().promise_of(group) != Promise::Nothing
            && self.deliveries.get(group, *partition).is_some_and(Delivery::is_committed)
        {
            findings.exercised();
        }
    }

    fn at_end(&mut self, view: View<'_>, findings: &mut Findings) {
        for ((group, partition), delivery) in self.deliveries.partitions() {
            // Who has not gone on yet may come to it.
            let Some(gap) = delivery.gap else { continue };
            let Some((passed, went_on_at)) = gap.passed else { continue };
            let excuse = match view.model.setup().promise_of(group) {
                Promise::AtLeastOnce => {
                    let log = delivery.denied.and(delivery.log);
                    let lost = log.and_then(|log| view.premises.left(log));
                    delivery.carried.map(|event| (event, CARRIED)).or(lost)
                }
                Promise::AtMostOnce => Some((gap.written.unwrap_or(gap.committed), COMMITS_BEFORE)),
                Promise::Nothing => continue,
            };
            let sentence = format!(
                "group {group} has committed offset {} of {}, but nobody has processed offset {}",
                went_on_at,
                view.model.partition_name(*partition),
                gap.from
            );
            let subject = Subject::Group {
                group: group.clone(),
                members: Vec::new(),
                partition: Some(*partition),
                offset: Some(gap.from),
                log: None,
            };
            let evidence = gap.written.into_iter().chain([gap.committed, passed]);
            findings.violated_unless(subject, excuse, sentence, evidence);
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::groups::deliveries::tests::Work;
    use crate::check::script::CONTROLLER;
    use crate::event::{Kind, OffsetGone};
    use crate::trace::Promise;
    use crate::types::{Offset, TopicId};

    #[test]
    fn what_was_processed_may_be_committed_whoever_did_it() {
        let mut work = Work::of(Promise::AtLeastOnce);
        assert_eq!(work.outcome("at-least-once"), "not exercised");
        work.begin(0, None).processed(0, 0, 5).committed(5);
        work.begin(1, Some(5)).processed(1, 5, 9).processed(0, 9, 12).committed(12);
        assert_eq!(work.outcome("at-least-once"), "holds");
    }

    #[test]
    fn what_is_committed_and_never_processed_is_a_breach() {
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).processed(0, 0, 5).committed(9);
        let mut late = work.clone();
        work.begin(1, Some(9)).processed(1, 9, 12);
        assert_eq!(work.outcome("at-least-once"), "violated");
        assert_eq!(late.processed(0, 5, 9).outcome("at-least-once"), "holds");
    }

    #[test]
    fn who_commits_first_has_left_the_premise_when_something_is_lost() {
        let mut work = Work::of(Promise::AtMostOnce);
        work.begin(0, None).committed(5).processed(0, 0, 5);
        assert_eq!(work.outcome("at-least-once"), "holds");
        work.committed(9);
        // Still in its hands.
        assert_eq!(work.outcome("at-least-once"), "holds");
        work.begin(1, Some(9));
        assert_eq!(work.outcome("at-least-once"), "outside its premise");
        work.processed(0, 5, 9);
        assert_eq!(work.outcome("at-least-once"), "holds");
    }

    #[test]
    fn what_an_administrator_commits_is_nobodys_loss() {
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).processed(0, 0, 5).appended(5, Some("m0")).committed(5);
        // Forward, while the group is empty.
        work.appended(100, None).committed(100);
        work.begin(1, Some(100)).processed(1, 100, 103).appended(103, Some("m1")).committed(103);
        assert_eq!(work.outcome("at-least-once"), "holds");
        // What is lost before or after it is lost.
        work.appended(110, Some("m1")).committed(110).begin(0, Some(110));
        assert_eq!(work.outcome("at-least-once"), "violated");
        let mut back = work.clone();
        work.appended(120, None).committed(120).begin(0, Some(120));
        assert_eq!(work.outcome("at-least-once"), "violated");
        back.appended(111, None).removed(OffsetGone::Deleted);
        assert_eq!(back.outcome("at-least-once"), "violated");
    }

    /// Its coordinator may have fallen before it could say that the offset is committed.
    #[test]
    fn who_begins_where_an_administrator_said_shows_that_it_is_committed() {
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).processed(0, 0, 5).committed(5).appended(100, None);
        work.begin(1, Some(100)).processed(1, 100, 103).committed(103);
        assert_eq!(work.outcome("at-least-once"), "holds");
    }

    #[test]
    fn where_an_administrator_leads_past_the_end_the_group_goes_back() {
        let mut work = Work::of(Promise::AtLeastOnce);
        work.appended(9_999, None).committed(9_999).begin(0, Some(9_999)).reset(0, 0);
        work.processed(0, 0, 5).committed(5).begin(1, Some(5));
        assert_eq!(work.outcome("at-least-once"), "holds");
        work.committed(9).begin(1, Some(9));
        assert_eq!(work.outcome("at-least-once"), "violated");
    }

    #[test]
    fn to_be_told_that_nothing_is_committed_when_something_is_excuses_no_reset() {
        for (told, outcome) in [(None, "violated"), (Some(5), "holds")] {
            let mut work = Work::of(Promise::AtLeastOnce);
            work.begin(0, None).processed(0, 0, 5).committed(5).told(told).reset(0, 8);
            work.processed(0, 8, 9).committed(9).begin(1, Some(9));
            assert_eq!(work.outcome("at-least-once"), outcome);
        }
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).processed(0, 0, 5).committed(5).removed(OffsetGone::Expired).told(None);
        work.reset(0, 8).processed(0, 8, 9).committed(9).begin(1, Some(9));
        assert_eq!(work.outcome("at-least-once"), "holds");
    }

    /// A member reads by names: it goes on in the new topic where it stood in the old one.
    #[test]
    fn a_topic_that_is_made_anew_under_a_member_is_outside_the_premise() {
        for (is_removed, outcome) in [(true, "outside its premise"), (false, "holds")] {
            let mut work = Work::of(Promise::AtLeastOnce);
            let (topic, offset) = (TopicId(99), Offset(40));
            let name = "orders".into();
            work.add(CONTROLLER, Kind::TopicCommitted { topic, name, offset });
            if is_removed {
                work.add(CONTROLLER, Kind::TopicRemoved { topic, offset });
            }
            work.processed(0, 5, 8).committed(8).begin(1, Some(8));
            assert_eq!(work.outcome("at-least-once"), outcome);
        }
    }

    /// Nor is a commit that was tried again until it found the new topic, nor one that stood there.
    #[test]
    fn a_commit_of_the_old_topic_is_outside_the_premise_in_the_new_one() {
        let gap = |work: &mut Work| {
            work.committed(8).begin(1, Some(8)).processed(1, 8, 9);
            work.outcome("at-least-once")
        };
        for (is_removed, outcome) in [(true, "outside its premise"), (false, "violated")] {
            let mut work = Work::of(Promise::AtLeastOnce);
            let (topic, offset) = (TopicId(99), Offset(40));
            let name = "orders".into();
            work.add(CONTROLLER, Kind::TopicCommitted { topic, name, offset });
            if is_removed {
                work.add(CONTROLLER, Kind::TopicRemoved { topic, offset });
            }
            work.begin(0, None).polled(0, 0, 3).processed(0, 0, 3);
            let mut read_so_far = work.clone();
            read_so_far.polled(0, 3, 8);
            assert_eq!(gap(work.appended(8, Some("m0"))), outcome);
            assert_eq!(gap(read_so_far.appended(8, Some("m0"))), "violated");
            let mut stood = Work::of(Promise::AtLeastOnce);
            stood.add(CONTROLLER, Kind::TopicCommitted { topic, name: "orders".into(), offset });
            if is_removed {
                stood.add(CONTROLLER, Kind::TopicRemoved { topic, offset });
            }
            stood.reset(0, 0).processed(0, 0, 3).begin(0, Some(8)).processed(0, 8, 9);
            assert_eq!(gap(stood.committed(10)), outcome);
        }
    }

    #[test]
    fn who_does_not_commit_promises_nothing() {
        let mut work = Work::of(Promise::Nothing);
        work.begin(0, None).committed(9).processed(0, 0, 5).begin(1, Some(9));
        assert_eq!(work.outcome("at-least-once"), "not exercised");
    }

    #[test]
    fn a_reset_may_skip_what_is_not_committed_and_nothing_else() {
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).processed(0, 0, 5).committed(5).reset(0, 8).processed(0, 8, 9);
        assert_eq!(work.committed(9).outcome("at-least-once"), "holds");
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).processed(0, 0, 3).committed(5).reset(0, 8).processed(0, 8, 9);
        assert_eq!(work.committed(9).outcome("at-least-once"), "violated");
    }
}
