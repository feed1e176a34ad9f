//! ListGroups, DescribeGroups, ConsumerGroupDescribe: what a coordinator says of its groups.
//!
//! Source: Kafka 4.1, `GroupMetadataManager.listGroups`, `describeGroups`,
//! `consumerGroupDescribe`.
//!
//! Differs from Kafka: groups are described as of what was written, not as of what is below the
//! high watermark.

use kafka_protocol::messages as k;
use kafka_protocol::messages::consumer_group_describe_response as ca;
use kafka_protocol::messages::describe_groups_response as da;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::protocol::StrBytes;

use crate::event::GroupState;
use crate::message::Assigned;
use crate::message::convert::{topic_name, topic_uuid};
use crate::protocol::group::answer::{group_id, text};
use crate::protocol::group::consumer_protocol::CONSUMER;
use crate::protocol::group::shard::Shard;
use crate::protocol::group::state::Group;
use crate::protocol::image::MetadataImage;
use crate::types::{ErrorCode, Name, TopicPartition};

/// Kafka's name for a state.
fn state_name(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "Empty",
        GroupState::PreparingRebalance => "PreparingRebalance",
        GroupState::CompletingRebalance => "CompletingRebalance",
        GroupState::Assigning => "Assigning",
        GroupState::Reconciling => "Reconciling",
        GroupState::Stable => "Stable",
        GroupState::Dead => "Dead",
    }
}

impl Shard {
    /// The groups that `request` asks for.
    pub(crate) fn list(&self, request: &k::ListGroupsRequest) -> Vec<ListedGroup> {
        let wanted = |filter: &[StrBytes], value: &str| {
            filter.is_empty() || filter.iter().any(|each| each.eq_ignore_ascii_case(value))
        };
        let groups = self.state.groups.iter().map(|(id, group)| {
            let (kind, state, protocol) = match &**group {
                Group::Classic(classic) => {
                    let kind = classic.protocol_type.as_ref();
                    ("classic", classic.state, kind.map(Name::as_str).unwrap_or_default())
                }
                Group::Modern(modern) => ("consumer", modern.state(), CONSUMER),
            };
            ListedGroup::default()
                .with_group_id(group_id(id))
                .with_protocol_type(text(protocol))
                .with_group_state(text(state_name(state)))
                .with_group_type(text(kind))
        });
        groups
            .filter(|group| wanted(&request.states_filter, &group.group_state))
            .filter(|group| wanted(&request.types_filter, &group.group_type))
            .collect()
    }

    /// DescribeGroups, of one; one that is not known is dead.
    pub(crate) fn describe_classic(&self, id: &Name) -> da::DescribedGroup {
        let described = da::DescribedGroup::default().with_group_id(group_id(id));
        let Some(classic) = self.state.classic(id) else {
            return described
                .with_group_state(text("Dead"))
                .with_error_code(ErrorCode::GroupIdNotFound.code())
                .with_error_message(Some(text("there is no such classic group")));
        };
        let is_stable = classic.state == GroupState::Stable;
        let protocol = classic.protocol.as_ref().filter(|_| is_stable);
        let members = classic.members.iter().map(|(member, value)| {
            let assignment = value.assignment.clone();
            da::DescribedGroupMember::default()
                .with_member_id(text(member.as_str()))
                .with_group_instance_id(
                    value.instance.as_ref().map(|instance| text(instance.as_str())),
                )
                .with_client_id(text(value.client_id.as_str()))
                .with_client_host(text(value.client_host.as_str()))
                .with_member_metadata(value.metadata(protocol))
                .with_member_assignment(if is_stable { assignment } else { bytes::Bytes::new() })
        });
        let kind = classic.protocol_type.as_ref();
        described
            .with_group_state(text(state_name(classic.state)))
            .with_protocol_type(text(kind.map(Name::as_str).unwrap_or_default()))
            .with_protocol_data(text(protocol.map(Name::as_str).unwrap_or_default()))
            .with_members(members.collect())
    }

    /// ConsumerGroupDescribe, of one.
    pub(crate) fn describe_modern(
        &self,
        id: &Name,
        image: &MetadataImage,
        default_assignor: &Name,
    ) -> ca::DescribedGroup {
        let described = ca::DescribedGroup::default().with_group_id(group_id(id));
        let Some(modern) = self.state.modern(id) else {
            return described
                .with_error_code(ErrorCode::GroupIdNotFound.code())
                .with_error_message(Some(text("there is no such consumer group")));
        };
        let members = modern.members.iter().map(|(member, known)| {
            let value = &known.value;
            let target = modern.targets.get(member).cloned().unwrap_or_default();
            let maybe = |name: &Option<Name>| name.as_ref().map(|name| text(name.as_str()));
            ca::Member::default()
                .with_member_id(text(member.as_str()))
                .with_instance_id(maybe(&value.instance))
                .with_rack_id(maybe(&value.rack))
                .with_member_epoch(known.current.epoch)
                .with_client_id(text(value.client_id.as_str()))
                .with_client_host(text(value.client_host.as_str()))
                .with_subscribed_topic_names(value.topics.iter().map(topic_name).collect())
                .with_subscribed_topic_regex(maybe(&value.pattern))
                .with_assignment(assignment(image, &known.current.assigned))
                .with_target_assignment(assignment(image, &target))
                .with_member_type(i8::from(value.classic.is_none()))
        });
        described
            .with_group_state(text(state_name(modern.state())))
            .with_group_epoch(modern.epoch)
            .with_assignment_epoch(modern.target_epoch)
            .with_assignor_name(text(modern.assignor(Some(default_assignor)).as_str()))
            .with_members(members.collect())
    }
}

fn assignment(image: &MetadataImage, assigned: &Assigned) -> ca::Assignment {
    let all: Vec<TopicPartition> = assigned.iter().copied().collect();
    let topics = all.chunk_by(|a, b| a.topic_id == b.topic_id).map(|partitions| {
        let topic_id = partitions[0].topic_id;
        let topic = image.topic(topic_id).map(|topic| topic_name(&topic.name));
        ca::TopicPartitions::default()
            .with_topic_id(topic_uuid(topic_id))
            .with_topic_name(topic.unwrap_or_default())
            .with_partitions(partitions.iter().map(|each| each.partition.0).collect())
    });
    ca::Assignment::default().with_topic_partitions(topics.collect())
}
