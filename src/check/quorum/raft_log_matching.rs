//! raft-log-matching.
//!
//! If two nodes hold a batch at the same offset of the metadata log with the same epoch, their
//! logs are equal up to and including that batch (Raft's Log Matching; KIP-595).
//!
//! Compared as in log-matching, over voters and observers.
//!
//! The boundary case: a leader that goes on in an epoch after it lost its tail writes a second
//! batch at an offset that a follower already holds in that epoch.

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::replication::compare_logs;
use crate::event::{Event, Kind};
use crate::types::TopicPartition;

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct RaftLogMatching;

const INFO: Info = Info {
    name: "raft-log-matching",
    statement: "nodes that hold a batch of the metadata log at one offset in one epoch hold equal \
                logs up to it",
    source: "Raft, section 5.3; KIP-595",
    premise: "none",
    kinds: &["log-appended"],
    is_liveness: false,
};

impl Property for RaftLogMatching {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        if let Kind::LogAppended { partition: TopicPartition::CLUSTER_METADATA, .. } = &event.kind {
            compare_logs(event, TopicPartition::CLUSTER_METADATA, view, findings);
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;

    #[test]
    fn equal_copies_hold() {
        let mut run = Script::new();
        run.append_metadata(1, 1, 2, 1, true);
        assert_eq!(run.outcome("raft-log-matching"), "not exercised");
        run.append_metadata(2, 1, 2, 1, false);
        assert_eq!(run.outcome("raft-log-matching"), "holds");
        assert_eq!(run.outcome("log-matching"), "not exercised");
    }

    #[test]
    fn another_batch_at_the_same_offset_and_epoch_is_a_breach() {
        let mut run = Script::new();
        run.append_metadata(1, 1, 2, 1, true).append_metadata(2, 9, 2, 1, false);
        assert_eq!(run.outcome("raft-log-matching"), "violated");
    }
}
