//! What the sender of AlterPartition asks of its broker.

use crate::message::{InSyncProposal, InSyncRecorded, RequestBody};
use crate::types::{BrokerId, ErrorCode, TopicPartition};

/// What the sender of AlterPartition asks of its broker, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` to the active controller `to`, without a time limit; `Response` or `SendFailed`
    /// with `token` follows.
    Send { to: BrokerId, token: u64, body: RequestBody },
    /// Tell the leader of `partition` what became of its `proposal`.
    Answered {
        partition: TopicPartition,
        proposal: InSyncProposal,
        result: Result<InSyncRecorded, ErrorCode>,
    },
}
