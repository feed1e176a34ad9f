//! What can happen to a fetcher.

use crate::message::{Batch, FetchPosition, ResponseBody};
use crate::types::{BrokerEpoch, LeaderEpoch, Name, Offset, TopicPartition};

/// What can happen to a fetcher.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// A replica began to follow the source broker in `leader_epoch`. `topic` is the topic's name,
    /// for the requests that still go by names. The fetcher wakes by its deadline.
    Add {
        partition: TopicPartition,
        topic: Name,
        leader_epoch: LeaderEpoch,
        position: FetchPosition,
    },
    /// A replica no longer follows the source broker.
    Remove { partition: TopicPartition },
    /// The replica is done with what `Effect::Deliver` or `Effect::OutOfRange` brought it.
    Position { partition: TopicPartition, position: FetchPosition },
    /// The replica's own log starts at `offset` now, by retention.
    LogStartMoved { partition: TopicPartition, offset: Offset },
    /// The answer to request `token` came.
    Response { token: u64, body: ResponseBody, records: Vec<Vec<Batch>> },
    /// Request `token` got no answer: it timed out, or its connection was lost or never stood.
    SendFailed { token: u64 },
    /// This broker registered: requests carry `broker_epoch`.
    Registered { broker_epoch: BrokerEpoch },
    /// An instant named by `deadlines` is here.
    Deadline,
}
