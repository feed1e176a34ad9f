//! What an async application does as a member of a consumer group, and as the administrator of
//! groups.

use std::future::Future;
use std::time::Duration;

use crate::runtime::client::{Client, ClientError, Polled};
use crate::sim::{
    AdminCall, AdminReply, AppCall, AppReply, GroupDescription, GroupListings, PartitionOffset,
    PolledBatch, RebalanceCallback,
};
use crate::types::{ErrorCode, Offset};

/// What a poll of a member brings: records, or a callback of `ConsumerRebalanceListener`.
///
/// Kafka calls the listener from within `poll()`. Here the poll ends with it: what the application
/// does until its next poll it does within the callback, and the rebalance waits for it.
#[derive(Clone, PartialEq, Debug)]
pub enum PollEvent {
    /// Records, or none when the time was up.
    Records(Polled),
    /// `onPartitionsAssigned`: these, by topic and number, are this member's from now on.
    Assigned(Vec<(String, i32)>),
    /// `onPartitionsRevoked`: these will be another's; it is the last chance to commit.
    Revoked(Vec<(String, i32)>),
    /// `onPartitionsLost`: these may be another's already; it is too late to commit.
    Lost(Vec<(String, i32)>),
}

impl Client {
    /// Becomes a member of its group, the `group` of its `[[client]]`, which shares the partitions
    /// of `topics` among its members. It joins with the next polls.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotSent`] with `INVALID_GROUP_ID` when its `[[client]]` has no `group`.
    pub async fn subscribe(&self, topics: &[&str]) -> Result<(), ClientError> {
        let topics = topics.iter().map(|topic| (*topic).into()).collect();
        Self::done(self.ask(AppCall::Subscribe { topics, pattern: None })).await
    }

    /// Likewise, to all topics whose whole name is like the regular expression `pattern`, those
    /// that are created later among them.
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe`]; [`ClientError::NotSent`] with `INVALID_REGULAR_EXPRESSION`.
    pub async fn subscribe_pattern(&self, pattern: &str) -> Result<(), ClientError> {
        let pattern = Some(pattern.into());
        Self::done(self.ask(AppCall::Subscribe { topics: Vec::new(), pattern })).await
    }

    /// Waits for records or for what a rebalance tells this member, up to `timeout`.
    ///
    /// # Errors
    ///
    /// As [`Client::poll`].
    pub async fn poll_event(&self, timeout: Duration) -> Result<PollEvent, ClientError> {
        match self.ask(AppCall::Poll { timeout }).await {
            AppReply::Polled(batches) => Ok(PollEvent::Records(batches)),
            AppReply::Rebalanced { callback, partitions } => {
                let places = partitions.into_iter().map(|(topic, n)| (topic.to_string(), n));
                let places = places.collect();
                Ok(match callback {
                    RebalanceCallback::Assigned => PollEvent::Assigned(places),
                    RebalanceCallback::Revoked => PollEvent::Revoked(places),
                    RebalanceCallback::Lost => PollEvent::Lost(places),
                })
            }
            AppReply::Failed(error) => Err(error.into()),
            other => unreachable!("a poll is answered by {other:?}"),
        }
    }

    /// Tells the run that these records are processed. Kafka knows nothing of it; the report, and
    /// properties such as `processing-order`, do.
    ///
    /// # Errors
    ///
    /// When the client is closed.
    pub async fn processed(&self, batch: &PolledBatch) -> Result<(), ClientError> {
        let call = AppCall::Processed {
            topic: batch.topic.clone(),
            topic_id: batch.topic_id,
            partition: batch.partition,
            base_offset: batch.base_offset,
            records: u32::try_from(batch.records.len()).unwrap_or(u32::MAX),
        };
        Self::done(self.ask(call)).await
    }

    /// Commits what the polls have returned (`commitSync()`): tried again while that may help, for
    /// `default.api.timeout.ms` at most.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] when it is no member of the current generation any more.
    pub async fn commit(&self) -> Result<(), ClientError> {
        Self::done(self.ask(AppCall::Commit { offsets: Vec::new(), waits: true })).await
    }

    /// Commits these places (`commitSync(offsets)`); [`PolledBatch::next`] is one.
    ///
    /// # Errors
    ///
    /// As [`Client::commit`].
    pub async fn commit_offsets(&self, offsets: Vec<PartitionOffset>) -> Result<(), ClientError> {
        // None would mean all.
        if offsets.is_empty() {
            return Ok(());
        }
        Self::done(self.ask(AppCall::Commit { offsets, waits: true })).await
    }

    /// Commits what the polls have returned, and does not wait (`commitAsync()`): tried once. The
    /// call is made at once; the future, which nobody need wait for, is its callback.
    pub fn commit_async(&self) -> impl Future<Output = Result<(), ClientError>> + use<> {
        Self::done(self.ask(AppCall::Commit { offsets: Vec::new(), waits: false }))
    }

    /// Returns no more records of these partitions of `topic`, and stays their owner. One that is
    /// taken away and comes back is not paused.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotSent`] for a partition that is not assigned.
    pub async fn pause(&self, topic: &str, partitions: &[i32]) -> Result<(), ClientError> {
        self.set_paused(topic, partitions, true).await
    }

    /// Returns records of them again.
    ///
    /// # Errors
    ///
    /// As [`Client::pause`].
    pub async fn resume(&self, topic: &str, partitions: &[i32]) -> Result<(), ClientError> {
        self.set_paused(topic, partitions, false).await
    }

    async fn set_paused(
        &self,
        topic: &str,
        partitions: &[i32],
        paused: bool,
    ) -> Result<(), ClientError> {
        let partitions = partitions.iter().map(|index| (topic.into(), *index)).collect();
        Self::done(self.ask(AppCall::Pause { partitions, paused })).await
    }

    /// Ends the client: a member commits, if it does so by itself, and leaves its group; what was
    /// sent is answered.
    ///
    /// # Errors
    ///
    /// When the client is closed already.
    pub async fn close(&self) -> Result<(), ClientError> {
        Self::done(self.ask(AppCall::Close)).await
    }

    /// The groups of the cluster, as far as their coordinators tell.
    ///
    /// # Errors
    ///
    /// When no broker says which brokers there are.
    pub async fn list_groups(&self) -> Result<GroupListings, ClientError> {
        match self.admin(AdminCall::ListGroups).await? {
            AdminReply::Groups(listings) => Ok(listings),
            other => unreachable!("a list of groups is no {other:?}"),
        }
    }

    /// A group's state, coordinator and members, and what these own.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] with `GROUP_ID_NOT_FOUND`.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        match self.admin(AdminCall::DescribeGroup { group: group.into() }).await? {
            AdminReply::Group(description) => Ok(description),
            other => unreachable!("a group's description is no {other:?}"),
        }
    }

    /// Deletes a group with all that it has committed.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] with `NON_EMPTY_GROUP` while it has members.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        self.admin(AdminCall::DeleteGroup { group: group.into() }).await.map(|_| ())
    }

    /// All that a group has committed, by topic and partition.
    ///
    /// # Errors
    ///
    /// As [`Client::admin`].
    pub async fn group_offsets(&self, group: &str) -> Result<Vec<PartitionOffset>, ClientError> {
        match self.admin(AdminCall::ListGroupOffsets { group: group.into() }).await? {
            AdminReply::GroupOffsets(offsets) => Ok(offsets),
            other => unreachable!("a group's offsets are no {other:?}"),
        }
    }

    /// Commits for a group that has no members.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] with the first error: `UNKNOWN_MEMBER_ID` while it has members.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &[(&str, i32, Offset)],
    ) -> Result<(), ClientError> {
        let offsets = offsets.iter().map(|(topic, n, offset)| ((*topic).into(), *n, *offset));
        let call = AdminCall::AlterGroupOffsets { group: group.into(), offsets: offsets.collect() };
        self.change_offsets(call).await
    }

    /// Deletes what a group has committed in these partitions of `topic`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] with the first error: `GROUP_SUBSCRIBED_TO_TOPIC` while a member
    /// subscribes to it.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        topic: &str,
        partitions: &[i32],
    ) -> Result<(), ClientError> {
        let partitions = partitions.iter().map(|n| (topic.into(), *n)).collect();
        let call = AdminCall::DeleteGroupOffsets { group: group.into(), partitions };
        self.change_offsets(call).await
    }

    async fn change_offsets(&self, call: AdminCall) -> Result<(), ClientError> {
        match self.admin(call).await? {
            AdminReply::GroupOffsetsChanged(told) => {
                let mut errors = told.into_iter().map(|(.., error)| error);
                match errors.find(|error| *error != ErrorCode::None) {
                    Some(error) => Err(ClientError::Refused(error)),
                    None => Ok(()),
                }
            }
            other => unreachable!("a change of offsets is no {other:?}"),
        }
    }
}
