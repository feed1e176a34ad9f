//! What can happen to a producer.

use std::sync::Arc;

use crate::message::{Answer, SendRecord};
use crate::protocol::cluster::ClusterMetadata;
use crate::types::{BrokerId, CallToken};

/// What can happen to a producer.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// The application sends `record`; one `Effect::Reply` with `token` follows, sooner or later.
    Send { token: CallToken, record: SendRecord },
    /// The application waits for all that it sent before.
    Flush { token: CallToken },
    /// The application is through; what it sent before is still seen to.
    Close { token: CallToken },
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
