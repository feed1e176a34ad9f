//! What a fetcher asks of its broker.

use crate::message::{EpochEnd, Fetched, OutOfRange, RequestBody};
use crate::types::{BrokerId, TopicPartition};

/// What a fetcher asks of its broker, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` to the source broker `to`; `Response` or `SendFailed` with `token` follows.
    Send { to: BrokerId, token: u64, body: RequestBody },
    /// Give this to the replica; its `Position` (or `Remove`) must follow before anything is
    /// fetched again.
    Deliver { partition: TopicPartition, fetched: Fetched },
    /// Tell the replica that the leader does not have its offset; its `Position` (or `Remove`)
    /// must follow.
    OutOfRange { partition: TopicPartition, found: OutOfRange },
    /// Tell the replica where the epoch of its last record ends at the leader; its `Position` (or
    /// `Remove`) must follow.
    EpochEnd { partition: TopicPartition, found: EpochEnd },
}
