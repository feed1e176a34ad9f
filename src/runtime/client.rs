//! A Kafka client for applications written with `async`, on a host of the simulated cluster.

#![expect(clippy::disallowed_types, reason = "madsim puts its own clock in the place of std's")]

use std::future::Future;
use std::time::Duration;

use madsim::time::Instant;

use crate::runtime::client_group::PollEvent;
use crate::runtime::gate::{Reply, SharedGate};
use crate::sim::{
    AdminCall, AdminReply, AppCall, AppError, AppReply, PolledBatch, SeekTo, SendRecord,
};
use crate::types::{ErrorCode, HostId, Offset, TopicPartition};

/// A client of the cluster: producer, consumer and admin client of one process.
///
/// Clones share the process. When a fault kills it, its futures are dropped and the application
/// is started again from its beginning, as a real one would be.
#[derive(Clone, Debug)]
pub struct Client {
    gate: SharedGate,
    host: HostId,
}

/// Where a record went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset; `None` where the broker does not say (acks=0, a duplicate).
    pub offset: Option<Offset>,
}

/// Records of a poll.
pub type Polled = Vec<PolledBatch>;

/// Why a call failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientError {
    /// The cluster refused; it did not happen.
    #[error("refused: {0}")]
    Refused(ErrorCode),
    /// It may have happened: the answer is lost or says nothing of the outcome.
    #[error("outcome unknown: {0}")]
    Unknown(ErrorCode),
    /// It was never sent.
    #[error("not sent: {0}")]
    NotSent(ErrorCode),
    /// There is no record where the consumer stands, and no reset policy.
    #[error("offset out of range")]
    OffsetOutOfRange,
    /// What the consumer has read is no longer in the log, and there is no reset policy (KIP-320).
    #[error("records that were read are no longer in the log")]
    LogTruncation {
        /// The first offset at which the log differs from what was read, if it is known.
        diverged_at: Option<Offset>,
    },
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

impl From<AppError> for ClientError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(code) => Self::Refused(code),
            AppError::Unknown(code) => Self::Unknown(code),
            AppError::NotSent(code) => Self::NotSent(code),
            AppError::OffsetOutOfRange => Self::OffsetOutOfRange,
            AppError::LogTruncation { diverged_at } => Self::LogTruncation { diverged_at },
            AppError::Closed => Self::Closed,
        }
    }
}

impl Client {
    pub(crate) fn new(gate: SharedGate, host: HostId) -> Self {
        Self { gate, host }
    }

    pub(in crate::runtime) fn ask(&self, call: AppCall) -> Reply {
        Reply::to(&self.gate, self.host, call)
    }

    pub(in crate::runtime) async fn done(reply: Reply) -> Result<(), ClientError> {
        match reply.await {
            AppReply::Failed(error) => Err(error.into()),
            AppReply::Sent { .. }
            | AppReply::Flushed
            | AppReply::Done
            | AppReply::Polled(_)
            | AppReply::Rebalanced { .. }
            | AppReply::Admin(_) => Ok(()),
        }
    }

    /// Produces a record. The call is made at once; the future is its acknowledgement.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unknown`] means that the record may be in the log.
    pub fn send(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> impl Future<Output = Result<Sent, ClientError>> + use<> {
        let record = SendRecord {
            topic: topic.into(),
            partition: None,
            key: key.map(|key| key.to_vec().into()),
            value: Some(value.to_vec().into()),
            headers: Box::default(),
        };
        self.send_record(record)
    }

    /// Produces a record with all that it may have.
    pub fn send_record(
        &self,
        record: SendRecord,
    ) -> impl Future<Output = Result<Sent, ClientError>> + use<> {
        let reply = self.ask(AppCall::Send(record));
        async move {
            match reply.await {
                AppReply::Sent { partition, offset } => Ok(Sent { partition, offset }),
                AppReply::Failed(error) => Err(error.into()),
                other => unreachable!("a send is answered by {other:?}"),
            }
        }
    }

    /// Waits for everything sent before.
    ///
    /// # Errors
    ///
    /// Only when the client is closed; what became of each record its own future says.
    pub async fn flush(&self) -> Result<(), ClientError> {
        Self::done(self.ask(AppCall::Flush)).await
    }

    /// Consumes from these partitions and no others.
    ///
    /// # Errors
    ///
    /// When the client is closed.
    pub async fn assign(
        &self,
        topic: &str,
        partitions: &[i32],
        from: SeekTo,
    ) -> Result<(), ClientError> {
        let partitions = partitions.iter().map(|index| (topic.into(), *index, from)).collect();
        Self::done(self.ask(AppCall::Assign { partitions })).await
    }

    /// Waits for records, up to `timeout`; none when the time is up. What a member of a group is
    /// told of rebalances meanwhile passes by: [`Client::poll_event`] shows it.
    ///
    /// # Errors
    ///
    /// [`ClientError::OffsetOutOfRange`] without a reset policy; [`ClientError::Refused`] when the
    /// group will never take this member.
    pub async fn poll(&self, timeout: Duration) -> Result<Polled, ClientError> {
        let end = Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if let PollEvent::Records(records) = self.poll_event(left).await? {
                return Ok(records);
            }
        }
    }

    /// Continues elsewhere in a partition that is assigned.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotSent`] for a partition that is not.
    pub async fn seek(&self, topic: &str, partition: i32, to: SeekTo) -> Result<(), ClientError> {
        Self::done(self.ask(AppCall::Seek { topic: topic.into(), partition, to })).await
    }

    /// Creates a topic.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] with Kafka's error code.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
    ) -> Result<(), ClientError> {
        let call = AdminCall::CreateTopic {
            name: name.into(),
            partitions,
            replication_factor,
            config: Vec::new(),
        };
        self.admin(call).await.map(|_| ())
    }

    /// Administers the cluster.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] with Kafka's error code; [`ClientError::Unknown`] when it may have
    /// been done. Elections and deletions succeed or fail partition by partition: their reply says
    /// how each went.
    pub async fn admin(&self, call: AdminCall) -> Result<AdminReply, ClientError> {
        match self.ask(AppCall::Admin(call)).await {
            AppReply::Admin(reply) => Ok(reply),
            AppReply::Failed(error) => Err(error.into()),
            other => unreachable!("an admin call is answered by {other:?}"),
        }
    }
}
