//! What can happen to a consumer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{Answer, PartitionOffset, SeekTo};
use crate::protocol::cluster::ClusterMetadata;
use crate::types::{BrokerId, CallToken, Name};

/// What can happen to a consumer.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// The application consumes from these `partitions` (topic, number, where to start) and no
    /// others.
    Assign { token: CallToken, partitions: Vec<(Name, i32, SeekTo)> },
    /// The application goes on elsewhere (`to`) in a partition that is assigned.
    Seek { token: CallToken, topic: Name, partition: i32, to: SeekTo },
    /// The application wants records, and waits for `timeout` when there are none.
    Poll { token: CallToken, timeout: Duration },
    /// The group assigns these `partitions` and no others. What was assigned before goes on; what
    /// is new waits for `Input::Start`.
    SetAssignment { partitions: BTreeSet<(Name, i32)> },
    /// The group has `committed` there, or nothing: the partition begins there, or where the reset
    /// policy says.
    Start { topic: Name, partition: i32, committed: Option<PartitionOffset> },
    /// Nothing more of these `partitions` is returned: they are about to be revoked.
    Withhold { partitions: BTreeSet<(Name, i32)> },
    /// The application wants no records of these `partitions` for now, or wants them again.
    Pause { token: CallToken, partitions: Vec<(Name, i32)>, paused: bool },
    /// This is known of the cluster now.
    MetadataChanged(Arc<ClusterMetadata>),
    /// There is a connection to the node `to`.
    NodeOpened { to: BrokerId },
    /// The connection to the node `to` is lost, or could not be made.
    NodeLost { to: BrokerId },
    /// The request `token` was answered, or never will be.
    Completed { token: u64, answer: Answer },
    /// The instant that `deadlines` named is here, or was.
    Deadline,
}
