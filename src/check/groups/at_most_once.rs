//! at-most-once.
//!
//! Of a group whose applications commit before they process, and let go of what they could not
//! commit, no record is processed twice.
//!
//! Compared: what an application says that it has done with what was done before, by anybody of
//! the group.
//!
//! The boundary cases: offsets of a log that an unclean election cut name other records afterwards.
//! Whoever leads a group back, as an administrator may, wants records to be processed again.

use crate::check::groups::deliveries::{Deliveries, KINDS};
use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{Event, Kind};
use crate::trace::Promise;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct AtMostOnce {
    deliveries: Deliveries,
}

const INFO: Info = Info {
    name: "at-most-once",
    statement: "no record is processed twice by a group, if its applications commit before",
    source: "Kafka 4.1, documentation of KafkaConsumer",
    premise: "applications commit before they process; that of acked-durability for the \
              partition and for that of __consumer_offsets; the group's offsets do not expire",
    kinds: KINDS,
    is_liveness: false,
};

/// How a group leaves the premise.
const EXPIRED: &str = "what the group had committed has expired (offsets.retention.minutes)";

impl Property for AtMostOnce {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let again = self.deliveries.on_event(event, view.model);
        let Kind::Processed { group, partition, .. } = &event.kind else { return };
        if view.model.setup().promise_of(group) != Promise::AtMostOnce {
            return;
        }
        findings.exercised();
        let (Some(again), Some(delivery)) = (again, self.deliveries.get(group, *partition)) else {
            return;
        };
        let last = again.first + again.records;
        let offsets = match again.records {
            1 => format!("offset {}", again.first),
            _ => format!("offsets {} to {}", again.first, last.0 - 1),
        };
        let why = delivery.taken.as_ref().map(|taken| format!(", after {}", taken.after));
        let sentence = format!(
            "{} processes {offsets} of {} for group {group} once more{}",
            view.model.setup().host_name(event.host),
            view.model.partition_name(*partition),
            why.unwrap_or_default()
        );
        let subject = Subject::Group {
            group: group.clone(),
            members: Vec::new(),
            partition: Some(*partition),
            offset: Some(again.first),
            log: None,
        };
        let excuse = view.premises.left(*partition);
        let excuse = excuse.or_else(|| view.premises.left(delivery.log?));
        let excuse = excuse.or_else(|| delivery.expired.map(|event| (event, EXPIRED)));
        let taken = delivery.taken.as_ref().map(|taken| taken.event);
        findings.violated_unless(subject, excuse, sentence, taken.into_iter().chain([event.index]));
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::groups::deliveries::tests::Work;
    use crate::event::OffsetGone;
    use crate::trace::Promise;

    #[test]
    fn what_nobody_has_processed_may_be() {
        let mut work = Work::of(Promise::AtMostOnce);
        assert_eq!(work.outcome("at-most-once"), "not exercised");
        work.begin(0, None).committed(5).processed(0, 0, 5).begin(1, Some(9)).processed(1, 9, 12);
        assert_eq!(work.outcome("at-most-once"), "holds");
    }

    #[test]
    fn an_administrator_may_lead_a_group_back() {
        let done = |work: &mut Work| {
            work.begin(1, None).processed(1, 0, 6);
            work.outcome("at-most-once")
        };
        let mut work = Work::of(Promise::AtMostOnce);
        work.begin(0, None).committed(5).processed(0, 0, 5);
        let mut back = work.clone();
        back.appended(3, None).committed(3).begin(1, Some(3)).processed(1, 3, 6);
        assert_eq!(back.outcome("at-most-once"), "holds");
        assert_eq!(back.begin(0, Some(2)).processed(0, 2, 3).outcome("at-most-once"), "violated");
        for because in [OffsetGone::Deleted, OffsetGone::GroupDeleted] {
            assert_eq!(done(work.clone().removed(because)), "holds");
        }
        assert_eq!(done(&mut work), "violated");
    }

    #[test]
    fn what_has_expired_is_outside_the_premise() {
        let mut work = Work::of(Promise::AtMostOnce);
        work.begin(0, None).committed(5).processed(0, 0, 5).removed(OffsetGone::Expired);
        work.begin(1, None).processed(1, 0, 5);
        assert_eq!(work.outcome("at-most-once"), "outside its premise");
    }

    /// The log's start has gone past what its application has in its hands.
    #[test]
    fn what_was_polled_before_a_reset_is_processed_once() {
        let mut work = Work::of(Promise::AtMostOnce);
        work.begin(0, Some(0)).polled(0, 0, 9).reset(0, 20).committed(9).processed(0, 0, 9);
        work.polled(0, 20, 24).committed(24).processed(0, 20, 24);
        assert_eq!(work.outcome("at-most-once"), "holds");
        assert_eq!(work.processed(0, 8, 9).outcome("at-most-once"), "violated");
    }

    #[test]
    fn a_record_twice_is_a_breach() {
        let mut work = Work::of(Promise::AtMostOnce);
        work.begin(0, None).committed(5).processed(0, 0, 5).begin(1, Some(4)).processed(1, 4, 6);
        assert_eq!(work.outcome("at-most-once"), "violated");
        let mut work = Work::of(Promise::AtLeastOnce);
        work.begin(0, None).committed(5).processed(0, 0, 5).begin(1, Some(4)).processed(1, 4, 6);
        assert_eq!(work.outcome("at-most-once"), "not exercised");
    }
}
