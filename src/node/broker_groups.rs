//! The group coordinator's place in a broker: when it takes a partition of `__consumer_offsets`
//! over and when it drops it, how it reaches the partition's log, the controller, its clients.
//!
//! Taking over, reading and dropping are work of their own, behind what is queued already, as
//! Kafka hands them to the coordinator's threads: a broker may have stopped to lead a partition
//! some time before its coordinator forgets it.

use crate::event::AckMode;
use crate::node::broker::{Broker, Component, Work, queue};
use crate::node::broker_effects::send;
use crate::node::port::{GroupTask, Output, Task};
use crate::protocol::group::{self, OFFSETS_TOPIC, Read};
use crate::protocol::replica::Replica;
use crate::protocol::{Machine as _, replica};
use crate::types::{ConnectionId, ErrorCode, Lane, LeaderEpoch, Now, Offset, TopicPartition};

/// The tokens from here on are the group coordinator's calls to the controller.
pub(crate) const FIRST_GROUP_CALL: u64 = 1 << 63;
/// What appends of the group coordinator are called at the replicas: no connection has it.
const GROUP_REQUEST: u64 = u64::MAX;

impl Broker {
    /// Metadata showed who leads `partition`: the group coordinator may have to take it, or to
    /// drop it.
    ///
    /// Source: Kafka 4.1, `BrokerMetadataPublisher.updateCoordinator`.
    pub(crate) fn hand_over_groups(&mut self, partition: TopicPartition, out: &mut Vec<Output>) {
        let topic = self.image.topic(partition.topic_id);
        let is_ours = topic.is_some_and(|topic| topic.name.as_str() == OFFSETS_TOPIC);
        let known = self.coordinates.get(&partition).copied();
        if !is_ours && known.is_none() {
            return;
        }
        let leads = self.leads(partition).filter(|_| is_ours);
        let task = match (known, leads) {
            (Some(Some(before)), Some(epoch)) if before == epoch => return,
            (_, Some(leader_epoch)) => GroupTask::Take { partition, leader_epoch },
            (Some(Some(_)), None) => GroupTask::Drop { partition },
            (Some(None) | None, None) => return,
        };
        self.coordinates.insert(partition, leads);
        let task = Task::Groups(task);
        out.push(Output::Post { lane: Lane::Scheduler, task });
    }

    pub(crate) fn on_group_task(&mut self, now: Now, task: GroupTask) {
        match task {
            GroupTask::Take { partition, leader_epoch } => {
                self.take_groups(now, partition, leader_epoch);
            }
            GroupTask::Load { partition, leader_epoch, from, max_bytes } => {
                self.load_groups(now, partition, leader_epoch, from, max_bytes);
            }
            GroupTask::Drop { partition } => self.drop_groups(now, partition),
        }
    }

    /// The epoch in which this broker leads `partition`, if it does.
    fn leads(&self, partition: TopicPartition) -> Option<LeaderEpoch> {
        let replica = self.replicas.get(&partition).filter(|replica| replica.is_leader());
        replica.and_then(Replica::leader_epoch)
    }

    fn take_groups(&mut self, now: Now, partition: TopicPartition, leader_epoch: LeaderEpoch) {
        if self.coordinates.get(&partition) == Some(&Some(leader_epoch)) {
            self.coordinate(now, group::Input::Elected { partition, leader_epoch });
        }
    }

    fn drop_groups(&mut self, now: Now, partition: TopicPartition) {
        if self.coordinates.get(&partition) == Some(&None) {
            self.coordinates.remove(&partition);
        }
        self.coordinate(now, group::Input::Resigned { partition });
    }

    /// Reads a piece of the log up to its end: a leader's coordinator knows what is not committed
    /// too.
    ///
    /// Source: Kafka 4.1, `CoordinatorLoaderImpl.doLoad`.
    fn load_groups(
        &mut self,
        now: Now,
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        from: Option<Offset>,
        max_bytes: u32,
    ) {
        let is_leader = self.leads(partition) == Some(leader_epoch);
        let replica = self.replicas.get(&partition).filter(|_| is_leader);
        let read = replica.map(|replica| {
            let log = replica.log();
            let (start, end) = (log.start_offset(), log.end_offset());
            Read {
                batches: log.read(from.unwrap_or(start), end, max_bytes),
                end,
                high_watermark: replica.high_watermark(),
            }
        });
        self.coordinate(now, group::Input::Read { partition, leader_epoch, read });
    }

    pub(crate) fn on_groups(&mut self, now: Now, effect: group::Effect, out: &mut Vec<Output>) {
        match effect {
            group::Effect::Answer { connection, response } => {
                out.push(Output::Answer { connection, response: Some(response) });
            }
            group::Effect::Append { partition, body } => {
                self.append_for_groups(now, partition, body);
            }
            group::Effect::Load { partition, leader_epoch, from, max_bytes } => {
                let task = GroupTask::Load { partition, leader_epoch, from, max_bytes };
                let task = Task::Groups(task);
                out.push(Output::Post { lane: Lane::Scheduler, task });
            }
            group::Effect::ToController { token, body } => match self.controller {
                Some(to) => {
                    let token = FIRST_GROUP_CALL + token;
                    self.connect(now, Component::Forwarding, send(token, to, body));
                }
                None => {
                    let input = group::Input::ControllerAnswered { token, body: None };
                    self.coordinate(now, input);
                }
            },
            group::Effect::Event { kind, about } => out.push(Output::Event { kind, about }),
        }
    }

    /// Appends as the leader, and says at once what came of it: the coordinator's state is what
    /// the log says, and nothing may come in between.
    ///
    /// Source: Kafka 4.1, `CoordinatorPartitionWriter.append`: with acks=1, whatever
    /// min.insync.replicas says.
    fn append_for_groups(
        &mut self,
        now: Now,
        partition: TopicPartition,
        body: std::sync::Arc<crate::message::BatchBody>,
    ) {
        let request = ConnectionId { opener: self.start.host, number: GROUP_REQUEST };
        let mut result = Err(ErrorCode::NotLeaderOrFollower);
        if let Some(replica) = self.replicas.get_mut(&partition) {
            let mut effects = self.scratch.replica.pop().unwrap_or_default();
            let input = replica::Input::Produce { request, body, acks: AckMode::Leader };
            replica.step(now, input, &mut effects);
            effects.retain(|effect| {
                let replica::Effect::Produced { result: produced, .. } = effect else {
                    return true;
                };
                result = *produced;
                false
            });
            queue(effects, &mut self.scratch.replica, &mut self.work, |effects| {
                Work::Replica(partition, effects)
            });
        }
        self.coordinate(now, group::Input::Appended { partition, result });
    }

    /// The high watermark of `partition` moved: of a follower too, as Kafka's listeners hear it.
    pub(crate) fn tell_groups(&mut self, now: Now, partition: TopicPartition, offset: Offset) {
        if self.coordinates.contains_key(&partition) {
            let leader_epoch = self.leads(partition);
            let input = group::Input::HighWatermarkMoved { partition, offset, leader_epoch };
            self.coordinate(now, input);
        }
    }
}
