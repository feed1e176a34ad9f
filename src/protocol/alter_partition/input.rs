//! What can happen to the sender of AlterPartition.

use crate::message::{InSyncProposal, ResponseBody};
use crate::types::{BrokerEpoch, BrokerId, TopicPartition};

/// What can happen to the sender of AlterPartition.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// The leader of `partition` wants a new in-sync set.
    Propose { partition: TopicPartition, proposal: InSyncProposal },
    /// The answer to request `token` came.
    Response { token: u64, body: ResponseBody },
    /// Request `token` got no answer: its connection was lost or never stood.
    SendFailed { token: u64 },
    /// The leader of the metadata quorum, as far as this broker knows.
    ControllerChanged { controller: Option<BrokerId> },
    /// This broker registered: requests carry `broker_epoch`.
    Registered { broker_epoch: BrokerEpoch },
    /// An instant named by `deadlines` is here.
    Deadline,
}
