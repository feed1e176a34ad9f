//! The machine: shards by partition, and the table of inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::messages as k;

use crate::event::LeftBecause;
use crate::message::{Request, RequestBody, ResponseBody};
use crate::protocol::group::answer::{name, refuse};
use crate::protocol::group::config::GroupConfig;
use crate::protocol::group::desk::{Desk, Serving, Step};
use crate::protocol::group::effect::Effect;
use crate::protocol::group::find::{create, find, home_of, was_created};
use crate::protocol::group::input::Input;
use crate::protocol::group::offsets::fetch_refused;
use crate::protocol::group::operation::Operation;
use crate::protocol::group::shard::Shard;
use crate::protocol::group::timers::{TimerKey, TimerWork, Timers};
use crate::protocol::image::MetadataImage;
use crate::protocol::machine::Machine;
use crate::types::{
    ConnectionId, Deadlines, Defect, ErrorCode, Name, Now, PartitionIndex, Rng, TopicPartition,
};

/// The coordinator of the groups whose partitions of `__consumer_offsets` a broker leads.
#[derive(Clone, Debug)]
pub struct GroupCoordinator {
    shards: BTreeMap<PartitionIndex, Shard>,
    desk: Desk,
    /// The call to create `__consumer_offsets` that is under way.
    creating: Option<u64>,
    next_call: u64,
}

impl Machine for GroupCoordinator {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let Self { shards, desk, .. } = self;
        let mut step = Step { now, desk, effects };
        match input {
            Input::Request { connection, request } => {
                self.on_request(now, connection, request, effects);
            }
            Input::Disconnected { connection } => {
                desk.serving.remove(&connection);
            }
            Input::ImagePublished { image } => {
                let is_same = image.shares_topics_with(&step.desk.image);
                let gone =
                    if is_same { BTreeSet::new() } else { topics_gone(&step.desk.image, &image) };
                if !gone.is_empty() {
                    let active = shards.values_mut().filter(|shard| shard.is_active);
                    active.for_each(|shard| shard.forget_topics(&mut step, &gone));
                }
                step.desk.image = *image;
            }
            Input::Elected { partition, leader_epoch } => {
                match shards.get_mut(&partition.partition) {
                    // It leads on: what it knows is what the log says.
                    Some(shard) if shard.partition == partition && shard.is_active => {
                        shard.leader_epoch = shard.leader_epoch.max(leader_epoch);
                    }
                    Some(_) | None => {
                        let shard = Shard::load(partition, leader_epoch, &mut step);
                        shards.insert(partition.partition, shard);
                    }
                }
            }
            Input::Resigned { partition } => {
                if let Some(shard) = shards.remove(&partition.partition) {
                    shard.unload(&mut step);
                }
            }
            Input::Read { partition, leader_epoch, read } => {
                let shard = shards.get_mut(&partition.partition).filter(|shard| {
                    !shard.is_active
                        && (shard.partition, shard.leader_epoch) == (partition, leader_epoch)
                });
                match (shard, read) {
                    (Some(shard), Some(read)) => shard.on_read(&mut step, &read),
                    (Some(_), None) => {
                        shards.remove(&partition.partition);
                    }
                    (None, _) => {}
                }
            }
            Input::Appended { partition, result } => {
                if let Some(shard) = shards.get_mut(&partition.partition) {
                    shard.on_appended(&mut step, result);
                }
            }
            Input::HighWatermarkMoved { partition, offset, leader_epoch } => {
                let leads = |shard: &Shard| {
                    let is_its = leader_epoch == Some(shard.leader_epoch);
                    is_its || step.config().defects.acts(Defect::DeposedAcknowledges, partition)
                };
                if let Some(shard) = shards.get_mut(&partition.partition)
                    && shard.partition == partition
                    && leads(shard)
                {
                    shard.on_high_watermark(&mut step, offset);
                }
            }
            Input::ControllerAnswered { token, body } => {
                if self.creating == Some(token) {
                    self.creating = None;
                    // A refusal is met again when somebody asks again.
                    let _ = was_created(body.as_ref());
                }
            }
            Input::Deadline => {
                if let Some((index, key, work)) = step.desk.timers.pop(now.monotonic)
                    && let Some(shard) = shards.get_mut(&index)
                {
                    on_timer(shard, &mut step, &key, work);
                }
            }
        }
    }

    /// Groups go by the steady clock (KAFKA-4051).
    fn deadlines(&self) -> Deadlines {
        Deadlines::monotonic(self.desk.timers.next())
    }
}

impl GroupCoordinator {
    /// The coordinator of a broker that has just started; `rng` names members, `batch_salt` tells
    /// its batches from those of others.
    pub fn new(config: Arc<GroupConfig>, rng: Rng, batch_salt: u64) -> Self {
        let desk = Desk {
            config,
            image: MetadataImage::new(),
            rng,
            timers: Timers::default(),
            serving: BTreeMap::new(),
            batch_salt,
            batches: 0,
        };
        Self { shards: BTreeMap::new(), desk, creating: None, next_call: 0 }
    }

    /// A shard, for those who look inside.
    #[cfg(test)]
    pub(crate) fn shard(&self, index: PartitionIndex) -> Option<&Shard> {
        self.shards.get(&index)
    }

    fn on_request(
        &mut self,
        now: Now,
        connection: ConnectionId,
        request: Request,
        effects: &mut Vec<Effect>,
    ) {
        let correlation_id = request.correlation_id;
        let serving = Serving { correlation_id, parts_left: 1, so_far: None };
        self.desk.serving.insert(connection, serving);
        let Self { shards, desk, creating, next_call } = self;
        let mut step = Step { now, desk, effects };
        let step = &mut step;
        let asked = &request.body;
        if let RequestBody::FindCoordinator(body) = asked {
            let (response, is_missing) = find(&step.desk.image, body);
            if is_missing && creating.is_none() {
                *creating = Some(*next_call);
                create(step, *next_call);
                *next_call += 1;
            }
            step.answer(connection, response.into());
        } else if let RequestBody::OffsetFetch(body) = asked {
            on_offset_fetch(shards, step, connection, body);
        } else if let RequestBody::DeleteGroups(body) = asked {
            on_delete_groups(shards, step, connection, body);
        } else if let RequestBody::ListGroups(body) = asked {
            let is_loading = shards.values().any(|shard| !shard.is_active);
            let error =
                if is_loading { ErrorCode::CoordinatorLoadInProgress } else { ErrorCode::None };
            let groups = shards.values().filter(|_| !is_loading);
            let groups = groups.flat_map(|shard| shard.list(body)).collect();
            let response =
                k::ListGroupsResponse::default().with_error_code(error.code()).with_groups(groups);
            step.answer(connection, response.into());
        } else if let RequestBody::DescribeGroups(body) = asked {
            let groups = body.groups.iter().map(|group| {
                match shard_of(shards, &step.desk.image, &name(group)) {
                    Ok(shard) => shard.describe_classic(&name(group)),
                    Err(error) => k::describe_groups_response::DescribedGroup::default()
                        .with_group_id(group.clone())
                        .with_error_code(error.code()),
                }
            });
            let response = k::DescribeGroupsResponse::default().with_groups(groups.collect());
            step.answer(connection, response.into());
        } else if let RequestBody::ConsumerGroupDescribe(body) = asked {
            let default = step.config().consumer_assignors.first().cloned();
            let default = default.unwrap_or_else(|| "uniform".into());
            let image = &step.desk.image;
            let groups =
                body.group_ids.iter().map(|group| match shard_of(shards, image, &name(group)) {
                    Ok(shard) => shard.describe_modern(&name(group), image, &default),
                    Err(error) => k::consumer_group_describe_response::DescribedGroup::default()
                        .with_group_id(group.clone())
                        .with_error_code(error.code()),
                });
            let response =
                k::ConsumerGroupDescribeResponse::default().with_groups(groups.collect());
            step.answer(connection, response.into());
        } else {
            on_group_request(shards, step, connection, asked);
        }
    }
}

/// A request about one group, to the shard that keeps it.
fn on_group_request(
    shards: &mut BTreeMap<PartitionIndex, Shard>,
    step: &mut Step<'_>,
    connection: ConnectionId,
    asked: &RequestBody,
) {
    let Some(group) = group_of(asked) else { return };
    let shard = if group.as_str().is_empty() {
        Err(ErrorCode::InvalidGroupId)
    } else {
        shard_of(shards, &step.desk.image, &group)
    };
    let shard = match shard {
        Ok(shard) => shard,
        Err(error) => {
            // A member that only says that it lives need not be troubled.
            let is_heartbeat = matches!(asked, RequestBody::Heartbeat(_));
            let is_loading = error == ErrorCode::CoordinatorLoadInProgress;
            let error = if is_heartbeat && is_loading { ErrorCode::None } else { error };
            if let Some(body) = refuse(asked, error) {
                step.answer(connection, body);
            }
            return;
        }
    };
    if let RequestBody::JoinGroup(body) = asked {
        shard.on_join(step, connection, body);
    } else if let RequestBody::SyncGroup(body) = asked {
        shard.on_sync(step, connection, body);
    } else if let RequestBody::Heartbeat(body) = asked {
        shard.on_heartbeat(step, connection, body);
    } else if let RequestBody::LeaveGroup(body) = asked {
        shard.on_leave(step, connection, body);
    } else if let RequestBody::OffsetCommit(body) = asked {
        shard.on_commit(step, connection, body);
    } else if let RequestBody::OffsetDelete(body) = asked {
        shard.on_offset_delete(step, connection, body);
    } else if let RequestBody::ConsumerGroupHeartbeat(body) = asked {
        shard.on_consumer_heartbeat(step, connection, body);
    }
}

/// The group that a request is about; `None` for one that is not about one.
fn group_of(asked: &RequestBody) -> Option<Name> {
    let group = if let RequestBody::JoinGroup(body) = asked {
        &body.group_id
    } else if let RequestBody::SyncGroup(body) = asked {
        &body.group_id
    } else if let RequestBody::Heartbeat(body) = asked {
        &body.group_id
    } else if let RequestBody::LeaveGroup(body) = asked {
        &body.group_id
    } else if let RequestBody::OffsetCommit(body) = asked {
        &body.group_id
    } else if let RequestBody::OffsetDelete(body) = asked {
        &body.group_id
    } else if let RequestBody::ConsumerGroupHeartbeat(body) = asked {
        &body.group_id
    } else {
        return None;
    };
    Some(name(group))
}

/// The shard that keeps `group`, if it is here and serves.
fn shard_of<'a>(
    shards: &'a mut BTreeMap<PartitionIndex, Shard>,
    image: &MetadataImage,
    group: &Name,
) -> Result<&'a mut Shard, ErrorCode> {
    let home: TopicPartition = home_of(image, group).ok_or(ErrorCode::NotCoordinator)?;
    match shards.get_mut(&home.partition) {
        Some(shard) if shard.partition == home && shard.is_active => Ok(shard),
        Some(shard) if shard.partition == home => Err(ErrorCode::CoordinatorLoadInProgress),
        Some(_) | None => Err(ErrorCode::NotCoordinator),
    }
}

fn on_offset_fetch(
    shards: &mut BTreeMap<PartitionIndex, Shard>,
    step: &mut Step<'_>,
    connection: ConnectionId,
    body: &k::OffsetFetchRequest,
) {
    if body.groups.is_empty() {
        return step.answer(connection, k::OffsetFetchResponse::default().into());
    }
    await_parts(step, connection, body.groups.len());
    for asked in &body.groups {
        let group = name(&asked.group_id);
        match shard_of(shards, &step.desk.image, &group) {
            Ok(shard) => shard.on_offset_fetch(step, connection, asked),
            Err(error) => step.answer(connection, fetch_refused(&group, error).into()),
        }
    }
}

fn on_delete_groups(
    shards: &mut BTreeMap<PartitionIndex, Shard>,
    step: &mut Step<'_>,
    connection: ConnectionId,
    body: &k::DeleteGroupsRequest,
) {
    let mut homes: BTreeMap<Option<PartitionIndex>, Vec<Name>> = BTreeMap::new();
    for group in &body.groups_names {
        let group = name(group);
        let home = home_of(&step.desk.image, &group).map(|home| home.partition);
        homes.entry(home).or_default().push(group);
    }
    if homes.is_empty() {
        return step.answer(connection, k::DeleteGroupsResponse::default().into());
    }
    await_parts(step, connection, homes.len());
    for groups in homes.into_values() {
        match shard_of(shards, &step.desk.image, &groups[0]) {
            Ok(shard) => shard.on_delete_groups(step, connection, &groups),
            Err(error) => {
                let results = groups.iter().map(|group| {
                    k::delete_groups_response::DeletableGroupResult::default()
                        .with_group_id(super::answer::group_id(group))
                        .with_error_code(error.code())
                });
                let body = k::DeleteGroupsResponse::default().with_results(results.collect());
                step.answer(connection, ResponseBody::from(body));
            }
        }
    }
}

fn await_parts(step: &mut Step<'_>, connection: ConnectionId, parts: usize) {
    if let Some(serving) = step.desk.serving.get_mut(&connection) {
        serving.parts_left = parts;
    }
}

fn on_timer(shard: &mut Shard, step: &mut Step<'_>, key: &TimerKey, work: TimerWork) {
    let left: Option<Operation> = match (key, work) {
        (TimerKey::Heartbeat(group, member), _) => shard.expire_heartbeat(step, group, member),
        (TimerKey::Join(group), TimerWork::Initial { delay, remaining }) => {
            shard.on_initial_delay(step, group, delay, remaining)
        }
        (TimerKey::Join(group), TimerWork::Plain | TimerWork::InEpoch(_)) => {
            shard.complete_join(step, group)
        }
        (TimerKey::Sync(group), TimerWork::InEpoch(epoch)) => {
            shard.expire_syncs(step, group, epoch)
        }
        (TimerKey::Session(group, member), _) => {
            shard.expire_member(step, group, member, LeftBecause::SessionExpired);
            None
        }
        (TimerKey::ClassicJoin(group, member), _) => {
            shard.expire_member(step, group, member, LeftBecause::RebalanceExpired);
            None
        }
        (TimerKey::ClassicSync(group, member), _) => {
            shard.expire_member(step, group, member, LeftBecause::SyncExpired);
            None
        }
        (TimerKey::Rebalance(group, member), TimerWork::InEpoch(epoch)) => {
            shard.expire_rebalance(step, group, member, epoch);
            None
        }
        (TimerKey::Retention, _) => {
            shard.expire_offsets(step);
            None
        }
        (TimerKey::Write, _) => {
            shard.expire_writes(step);
            None
        }
        (
            TimerKey::Sync(_) | TimerKey::Rebalance(..),
            TimerWork::Plain | TimerWork::Initial { .. },
        ) => None,
    };
    if let Some(operation) = left {
        shard.carry_out(step, operation);
    }
}

/// The names of topics that the newer image no longer has.
fn topics_gone(older: &MetadataImage, newer: &MetadataImage) -> BTreeSet<Name> {
    let topics = older.topics().filter(|topic| newer.topic(topic.topic_id).is_none());
    topics.map(|topic| topic.name.clone()).collect()
}
