//! What can happen to a member.

use std::sync::Arc;

use crate::message::{Answer, PartitionOffset};
use crate::protocol::cluster::ClusterMetadata;
use crate::protocol::member::effect::Why;
use crate::types::{BrokerId, CallToken, Name};

/// What can happen to a member.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// The application subscribes to `topics`, or to those whose whole name is like `pattern`.
    Subscribe { token: CallToken, topics: Vec<Name>, pattern: Option<Name> },
    /// The application polls; if its last poll returned a callback, that is done.
    Poll { token: CallToken },
    /// The poll `token`, which was allowed to go on, has come back.
    Recalled { token: CallToken },
    /// A poll that was allowed to go on was answered.
    PollEnded,
    /// The application commits `offsets` (none: what it was returned) and `waits` for it.
    Commit { token: CallToken, offsets: Vec<PartitionOffset>, waits: bool },
    /// The application stands there.
    Positions { why: Why, positions: Vec<PartitionOffset> },
    /// The application closes its consumer: `Effect::Closed` follows.
    Close,
    /// This is known of the cluster now.
    MetadataChanged(Arc<ClusterMetadata>),
    /// What is known of the cluster is fresh.
    MetadataFresh,
    /// The connection to the coordinator `to` is lost, or could not be made.
    CoordinatorLost { to: BrokerId },
    /// The request `token` was answered, or never will be.
    Completed { token: u64, answer: Answer },
    /// The instant that `deadlines` named is here, or was.
    Deadline,
}
