//! What can happen to a consumer.

use std::sync::Arc;
use std::time::Duration;

use crate::message::{Answer, SeekTo};
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
