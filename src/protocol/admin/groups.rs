//! Calls about groups: one group's go to its coordinator, which is looked up first; the list of
//! all of them is put together from every broker.
//!
//! Source: Kafka 4.1, `CoordinatorStrategy`, `DescribeConsumerGroupsHandler`,
//! `DeleteConsumerGroupsHandler`, `ListConsumerGroupOffsetsHandler`,
//! `AlterConsumerGroupOffsetsHandler`, `DeleteConsumerGroupOffsetsHandler`,
//! `KafkaAdminClient.listConsumerGroups`.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages as k;
use kafka_protocol::messages::consumer_group_describe_response as cg;
use kafka_protocol::messages::describe_groups_response as dg;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::protocol::StrBytes;

use crate::message::{
    AdminCall, AdminReply, GroupDescription, GroupListing, GroupListings, GroupMemberDescription,
    PartitionOffset, RequestBody, ResponseBody, convert,
};
use crate::types::{BrokerId, ErrorCode, LeaderEpoch, Name, Offset};

/// `FindCoordinatorRequest.CoordinatorType.GROUP`.
const GROUP: i8 = 0;
/// `OffsetCommitRequest.DEFAULT_GENERATION_ID`, of whoever is no member.
const NO_GENERATION: i32 = -1;

/// The group that `call` is about, if it is its coordinator who answers.
pub(crate) fn group_of(call: &AdminCall) -> Option<&Name> {
    match call {
        AdminCall::DescribeGroup { group }
        | AdminCall::DeleteGroup { group }
        | AdminCall::ListGroupOffsets { group }
        | AdminCall::AlterGroupOffsets { group, .. }
        | AdminCall::DeleteGroupOffsets { group, .. } => Some(group),
        AdminCall::CreateTopic { .. }
        | AdminCall::DeleteTopic { .. }
        | AdminCall::CreatePartitions { .. }
        | AdminCall::ListTopics
        | AdminCall::DescribeTopic { .. }
        | AdminCall::DeleteRecords { .. }
        | AdminCall::ElectLeaders { .. }
        | AdminCall::AlterConfig { .. }
        | AdminCall::UnregisterBroker { .. }
        | AdminCall::DescribeCluster
        | AdminCall::DescribeConfigs { .. }
        | AdminCall::ListGroups => None,
    }
}

/// A call that goes to a group's coordinator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coordinated {
    /// The coordinator, once it is known; it is looked up again when it proves wrong.
    pub node: Option<BrokerId>,
    /// Whether the group is asked for as a classic one: as one of KIP-848 it is not known.
    pub is_classic: bool,
}

impl Coordinated {
    /// Whether `error` goes away, if not by itself then with another coordinator.
    pub(crate) fn may_retry(&mut self, call: &AdminCall, error: ErrorCode) -> bool {
        if matches!(error, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) {
            self.node = None;
            return true;
        }
        let is_commit = matches!(call, AdminCall::AlterGroupOffsets { .. });
        error == ErrorCode::CoordinatorLoadInProgress
            || (is_commit && error == ErrorCode::RebalanceInProgress)
    }

    /// Whether `error` means that the group must be asked for the other way: then it is now.
    pub(crate) fn turns_classic(&mut self, call: &AdminCall, error: ErrorCode) -> bool {
        let is_described = matches!(call, AdminCall::DescribeGroup { .. });
        let turns = is_described && error == ErrorCode::GroupIdNotFound && !self.is_classic;
        self.is_classic |= turns;
        turns
    }
}

/// Who coordinates `group`?
pub(crate) fn lookup(group: &Name) -> RequestBody {
    let body = k::FindCoordinatorRequest::default()
        .with_key_type(GROUP)
        .with_coordinator_keys(vec![convert::wire_text(group)]);
    RequestBody::from(body)
}

/// Who does, by an answer.
pub(crate) fn coordinator(body: &ResponseBody) -> Result<BrokerId, ErrorCode> {
    let ResponseBody::FindCoordinator(body) = body else {
        return Err(ErrorCode::UnknownServerError);
    };
    let [told] = &body.coordinators[..] else { return Err(ErrorCode::UnknownServerError) };
    check(told.error_code)?;
    convert::broker_from_wire(told.node_id).ok_or(ErrorCode::CoordinatorNotAvailable)
}

/// The request to the coordinator that `call` is; as of a classic group, if `is_classic`.
pub(crate) fn request(call: &AdminCall, is_classic: bool) -> Option<RequestBody> {
    let id = |group: &Name| k::GroupId(convert::wire_text(group));
    let body = match call {
        AdminCall::DescribeGroup { group } if is_classic => {
            k::DescribeGroupsRequest::default().with_groups(vec![id(group)]).into()
        }
        AdminCall::DescribeGroup { group } => {
            k::ConsumerGroupDescribeRequest::default().with_group_ids(vec![id(group)]).into()
        }
        AdminCall::DeleteGroup { group } => {
            k::DeleteGroupsRequest::default().with_groups_names(vec![id(group)]).into()
        }
        AdminCall::ListGroupOffsets { group } => {
            let group = OffsetFetchRequestGroup::default()
                .with_group_id(id(group))
                .with_member_epoch(NO_GENERATION)
                .with_topics(None);
            k::OffsetFetchRequest::default().with_groups(vec![group]).into()
        }
        AdminCall::AlterGroupOffsets { group, offsets } => {
            let mut topics: BTreeMap<&Name, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
            for (topic, number, offset) in offsets {
                topics.entry(topic).or_default().push(
                    OffsetCommitRequestPartition::default()
                        .with_partition_index(*number)
                        .with_committed_offset(offset.0)
                        .with_committed_leader_epoch(LeaderEpoch::to_wire(None))
                        .with_committed_metadata(Some(StrBytes::default())),
                );
            }
            let topics = topics.into_iter().map(|(name, partitions)| {
                let name = convert::topic_name(name);
                OffsetCommitRequestTopic::default().with_name(name).with_partitions(partitions)
            });
            k::OffsetCommitRequest::default()
                .with_group_id(id(group))
                .with_generation_id_or_member_epoch(NO_GENERATION)
                .with_topics(topics.collect())
                .into()
        }
        AdminCall::DeleteGroupOffsets { group, partitions } => {
            let mut topics: BTreeMap<&Name, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
            for (topic, number) in partitions {
                let partition =
                    OffsetDeleteRequestPartition::default().with_partition_index(*number);
                topics.entry(topic).or_default().push(partition);
            }
            let topics = topics.into_iter().map(|(name, partitions)| {
                let name = convert::topic_name(name);
                OffsetDeleteRequestTopic::default().with_name(name).with_partitions(partitions)
            });
            k::OffsetDeleteRequest::default()
                .with_group_id(id(group))
                .with_topics(topics.collect())
                .into()
        }
        AdminCall::CreateTopic { .. }
        | AdminCall::DeleteTopic { .. }
        | AdminCall::CreatePartitions { .. }
        | AdminCall::ListTopics
        | AdminCall::DescribeTopic { .. }
        | AdminCall::DeleteRecords { .. }
        | AdminCall::ElectLeaders { .. }
        | AdminCall::AlterConfig { .. }
        | AdminCall::UnregisterBroker { .. }
        | AdminCall::DescribeCluster
        | AdminCall::DescribeConfigs { .. }
        | AdminCall::ListGroups => return None,
    };
    Some(body)
}

/// What the coordinator's answer to `call` says, or why it says nothing.
pub(crate) fn result(coordinator: BrokerId, body: &ResponseBody) -> Result<AdminReply, ErrorCode> {
    if let ResponseBody::ConsumerGroupDescribe(body) = body {
        let told = body.groups.first().ok_or(ErrorCode::UnknownServerError)?;
        check(told.error_code)?;
        return Ok(AdminReply::Group(described_modern(coordinator, told)));
    }
    if let ResponseBody::DescribeGroups(body) = body {
        let told = body.groups.first().ok_or(ErrorCode::UnknownServerError)?;
        check(told.error_code)?;
        return Ok(AdminReply::Group(described_classic(coordinator, told)));
    }
    if let ResponseBody::DeleteGroups(body) = body {
        let told = body.results.first().ok_or(ErrorCode::UnknownServerError)?;
        return check(told.error_code).map(|()| AdminReply::Done);
    }
    if let ResponseBody::OffsetFetch(body) = body {
        let told = body.groups.first().ok_or(ErrorCode::UnknownServerError)?;
        check(told.error_code)?;
        let offsets = told.topics.iter().flat_map(|topic| {
            let name = Name::from(topic.name.0.as_str());
            let known = topic.partitions.iter().filter(|part| part.committed_offset >= 0);
            known.map(move |part| PartitionOffset {
                topic: name.clone(),
                partition: part.partition_index,
                offset: Offset(part.committed_offset),
                leader_epoch: LeaderEpoch::from_wire(part.committed_leader_epoch),
            })
        });
        let mut offsets: Vec<_> = offsets.collect();
        offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        return Ok(AdminReply::GroupOffsets(offsets));
    }
    if let ResponseBody::OffsetCommit(body) = body {
        let told = body.topics.iter().flat_map(|topic| {
            let name = Name::from(topic.name.0.as_str());
            let of = topic.partitions.iter();
            of.map(move |part| (name.clone(), part.partition_index, part.error_code))
        });
        return changed(told.collect());
    }
    if let ResponseBody::OffsetDelete(body) = body {
        check(body.error_code)?;
        let told = body.topics.iter().flat_map(|topic| {
            let name = Name::from(topic.name.0.as_str());
            let of = topic.partitions.iter();
            of.map(move |part| (name.clone(), part.partition_index, part.error_code))
        });
        return changed(told.collect());
    }
    Err(ErrorCode::UnknownServerError)
}

/// What became of each offset; an error that concerns all of them and goes away is the call's.
fn changed(told: Vec<(Name, i32, i16)>) -> Result<AdminReply, ErrorCode> {
    let mut outcomes = Vec::new();
    for (topic, number, code) in told {
        let error = ErrorCode::from_code(code);
        let is_everybodys = matches!(
            error,
            ErrorCode::NotCoordinator
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::RebalanceInProgress
        );
        if is_everybodys {
            return Err(error);
        }
        outcomes.push((topic, number, error));
    }
    Ok(AdminReply::GroupOffsetsChanged(outcomes))
}

fn described_modern(coordinator: BrokerId, told: &cg::DescribedGroup) -> GroupDescription {
    let member = |member: &cg::Member| {
        let topics = member.assignment.topic_partitions.iter();
        let places = topics.flat_map(|topic| {
            let name = Name::from(topic.topic_name.0.as_str());
            topic.partitions.iter().map(move |number| (name.clone(), *number))
        });
        GroupMemberDescription {
            member: Name::from(member.member_id.as_str()),
            instance: member.instance_id.as_ref().map(|instance| Name::from(instance.as_str())),
            host: Name::from(member.client_host.as_str()),
            epoch: Some(member.member_epoch),
            partitions: sorted(places),
        }
    };
    GroupDescription {
        group: Name::from(told.group_id.0.as_str()),
        protocol: "consumer".into(),
        state: Name::from(told.group_state.as_str()),
        epoch: Some(told.group_epoch),
        assignor: Name::from(told.assignor_name.as_str()),
        coordinator,
        members: told.members.iter().map(member).collect(),
    }
}

fn described_classic(coordinator: BrokerId, told: &dg::DescribedGroup) -> GroupDescription {
    let member = |member: &dg::DescribedGroupMember| {
        let instance = member.group_instance_id.as_ref();
        let places = convert::assigned_places(&member.member_assignment);
        GroupMemberDescription {
            member: Name::from(member.member_id.as_str()),
            instance: instance.map(|instance| Name::from(instance.as_str())),
            host: Name::from(member.client_host.as_str()),
            epoch: None,
            // Until its leader has decided there is none.
            partitions: sorted(places.unwrap_or_default().into_iter()),
        }
    };
    GroupDescription {
        group: Name::from(told.group_id.0.as_str()),
        protocol: "classic".into(),
        state: Name::from(told.group_state.as_str()),
        epoch: None,
        assignor: Name::from(told.protocol_data.as_str()),
        coordinator,
        members: told.members.iter().map(member).collect(),
    }
}

fn sorted(places: impl Iterator<Item = (Name, i32)>) -> Vec<(Name, i32)> {
    places.collect::<BTreeSet<_>>().into_iter().collect()
}

fn check(code: i16) -> Result<(), ErrorCode> {
    let error = ErrorCode::from_code(code);
    if error == ErrorCode::None { Ok(()) } else { Err(error) }
}

/// A list that is put together from what every broker says of the groups that it coordinates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// Brokers that have not said theirs for good, once it is known which there are.
    pub open: Option<BTreeSet<BrokerId>>,
    /// Requests whose answers are awaited, and whose they are.
    pub awaited: BTreeMap<u64, BrokerId>,
    /// The last error of a broker that may yet answer.
    pub last_error: Option<ErrorCode>,
    groups: BTreeMap<Name, GroupListing>,
    failed: BTreeMap<BrokerId, ErrorCode>,
}

impl Listing {
    /// Which brokers are there?
    pub(crate) fn lookup() -> RequestBody {
        let body = k::MetadataRequest::default().with_topics(Some(Vec::new()));
        RequestBody::from(body.with_allow_auto_topic_creation(false))
    }

    /// The question for each of them.
    pub(crate) fn request() -> RequestBody {
        RequestBody::from(k::ListGroupsRequest::default())
    }

    /// Takes the brokers out of an answer.
    pub(crate) fn take_brokers(&mut self, body: &ResponseBody) {
        let ResponseBody::Metadata(body) = body else { return };
        let brokers = body.brokers.iter();
        let brokers: BTreeSet<BrokerId> =
            brokers.filter_map(|broker| convert::broker_from_wire(broker.node_id)).collect();
        if brokers.is_empty() {
            // `StaleMetadataException`: it cannot be that there are none.
            self.last_error = Some(ErrorCode::BrokerNotAvailable);
        } else {
            self.open = Some(brokers);
        }
    }

    /// What `broker` answered. One that is still reading its log is asked again.
    pub(crate) fn told(&mut self, broker: BrokerId, body: &ResponseBody) {
        let ResponseBody::ListGroups(body) = body else { return };
        let error = ErrorCode::from_code(body.error_code);
        if matches!(
            error,
            ErrorCode::CoordinatorLoadInProgress | ErrorCode::CoordinatorNotAvailable
        ) {
            self.last_error = Some(error);
            return;
        }
        self.open.iter_mut().for_each(|open| {
            open.remove(&broker);
        });
        if error != ErrorCode::None {
            self.failed.insert(broker, error);
        }
        for told in &body.groups {
            let listed = GroupListing {
                group: Name::from(told.group_id.0.as_str()),
                protocol: Name::from(told.group_type.as_str()),
                state: Name::from(told.group_state.as_str()),
            };
            self.groups.insert(listed.group.clone(), listed);
        }
    }

    /// Whether nobody is left to answer.
    pub(crate) fn is_complete(&self) -> bool {
        self.open.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// The list; whoever is left to answer has failed with `error`.
    pub(crate) fn outcome(&self, error: ErrorCode) -> AdminReply {
        let open = self.open.iter().flatten().map(|broker| (*broker, error));
        let failed = self.failed.iter().map(|(broker, error)| (*broker, *error));
        AdminReply::Groups(GroupListings {
            groups: self.groups.values().cloned().collect(),
            failed: failed.chain(open).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages as k;
    use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
    use kafka_protocol::messages::find_coordinator_response::Coordinator;
    use kafka_protocol::messages::list_groups_response::ListedGroup;
    use kafka_protocol::messages::metadata_response::MetadataResponseBroker;

    use super::*;
    use crate::message::AppReply;
    use crate::protocol::admin::{Admin, AdminConfig, Effect, Input};
    use crate::protocol::machine::Machine as _;
    use crate::types::{CallToken, Now, Rng, Wall};

    const TOKEN: CallToken = CallToken(7);

    fn step(admin: &mut Admin, millis: i64, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        let now = Now { wall: Wall(millis * 1000), ..Now::default() };
        admin.step(now, input, &mut effects);
        effects
    }

    fn call(call: AdminCall) -> (Admin, Vec<Effect>) {
        let mut admin = Admin::new(AdminConfig::default(), Rng::named(1, "admin-backoff", &[]));
        let asked = step(&mut admin, 0, Input::Call { token: TOKEN, call });
        (admin, asked)
    }

    fn answer(admin: &mut Admin, at: i64, asked: &Effect, body: ResponseBody) -> Vec<Effect> {
        let (Effect::Send { token, .. } | Effect::SendToAny { token, .. }) = asked else {
            panic!("{asked:?} asks nobody")
        };
        step(admin, at, Input::Completed { token: *token, answer: Ok((body, Vec::new())) })
    }

    fn found(node: i32) -> ResponseBody {
        let coordinator = Coordinator::default().with_node_id(k::BrokerId(node));
        k::FindCoordinatorResponse::default().with_coordinators(vec![coordinator]).into()
    }

    fn deleted(error: ErrorCode) -> ResponseBody {
        let result = DeletableGroupResult::default().with_error_code(error.code());
        k::DeleteGroupsResponse::default().with_results(vec![result]).into()
    }

    #[test]
    fn a_coordinator_that_moved_is_looked_up_again() {
        let (mut admin, asked) = call(AdminCall::DeleteGroup { group: "billing".into() });
        assert!(matches!(&asked[..], [Effect::SendToAny { .. }]), "{asked:?}");
        let asked = answer(&mut admin, 1, &asked[0], found(2));
        assert!(matches!(&asked[..], [Effect::Send { to: BrokerId(2), .. }]), "{asked:?}");
        let moved = deleted(ErrorCode::NotCoordinator);
        assert_eq!(answer(&mut admin, 2, &asked[0], moved), []);
        let asked = step(&mut admin, 500, Input::Deadline);
        assert!(matches!(&asked[..], [Effect::SendToAny { .. }]), "{asked:?}");
        let asked = answer(&mut admin, 501, &asked[0], found(3));
        // One that still reads its log is asked again, without another look for it.
        let loading = deleted(ErrorCode::CoordinatorLoadInProgress);
        assert_eq!(answer(&mut admin, 502, &asked[0], loading), []);
        let asked = step(&mut admin, 2000, Input::Deadline);
        assert!(matches!(&asked[..], [Effect::Send { to: BrokerId(3), .. }]), "{asked:?}");
        let told = answer(&mut admin, 2001, &asked[0], deleted(ErrorCode::None));
        let reply = AppReply::Admin(AdminReply::Done);
        assert_eq!(told, [Effect::Reply { token: TOKEN, reply }]);
    }

    #[test]
    fn a_group_that_is_not_of_kip_848_is_described_as_a_classic_one() {
        let (mut admin, asked) = call(AdminCall::DescribeGroup { group: "billing".into() });
        let asked = answer(&mut admin, 1, &asked[0], found(2));
        let none = cg::DescribedGroup::default().with_error_code(ErrorCode::GroupIdNotFound.code());
        let none = k::ConsumerGroupDescribeResponse::default().with_groups(vec![none]);
        assert_eq!(answer(&mut admin, 2, &asked[0], none.into()), []);
        let asked = step(&mut admin, 500, Input::Deadline);
        let [Effect::Send { to: BrokerId(2), body: RequestBody::DescribeGroups(_), .. }] =
            &asked[..]
        else {
            panic!("{asked:?}")
        };
        let group = dg::DescribedGroup::default()
            .with_group_id(k::GroupId(StrBytes::from_static_str("billing")))
            .with_group_state(StrBytes::from_static_str("Stable"));
        let told = k::DescribeGroupsResponse::default().with_groups(vec![group]);
        let told = answer(&mut admin, 501, &asked[0], told.into());
        let [Effect::Reply { reply: AppReply::Admin(AdminReply::Group(group)), .. }] = &told[..]
        else {
            panic!("{told:?}")
        };
        assert_eq!((group.protocol.as_str(), group.state.as_str()), ("classic", "Stable"));
        assert_eq!(group.coordinator, BrokerId(2));
    }

    #[test]
    fn a_list_is_put_together_from_all_brokers_and_says_who_did_not_answer() {
        let (mut admin, asked) = call(AdminCall::ListGroups);
        let broker = |id| MetadataResponseBroker::default().with_node_id(k::BrokerId(id));
        let brokers = k::MetadataResponse::default().with_brokers(vec![broker(1), broker(2)]);
        let asked = answer(&mut admin, 1, &asked[0], brokers.into());
        assert_eq!(asked.len(), 2);
        let listed = |id: &'static str| {
            let id = k::GroupId(StrBytes::from_static_str(id));
            let groups = vec![ListedGroup::default().with_group_id(id)];
            ResponseBody::from(k::ListGroupsResponse::default().with_groups(groups))
        };
        assert_eq!(answer(&mut admin, 2, &asked[0], listed("billing")), []);
        let loading = k::ListGroupsResponse::default()
            .with_error_code(ErrorCode::CoordinatorLoadInProgress.code());
        assert_eq!(answer(&mut admin, 3, &asked[1], loading.into()), []);
        let again = step(&mut admin, 500, Input::Deadline);
        assert!(matches!(&again[..], [Effect::Send { to: BrokerId(2), .. }]), "{again:?}");
        let names = |told: &[Effect]| {
            let [Effect::Reply { reply: AppReply::Admin(AdminReply::Groups(told)), .. }] = told
            else {
                panic!("{told:?}")
            };
            let names: Vec<_> = told.groups.iter().map(|it| it.group.to_string()).collect();
            (names, told.failed.clone())
        };
        let mut patient = admin.clone();
        let told = answer(&mut patient, 501, &again[0], listed("mail"));
        assert_eq!(names(&told), (vec!["billing".to_owned(), "mail".to_owned()], Vec::new()));
        // Nobody waits for ever.
        let told = step(&mut admin, 3_600_000, Input::Deadline);
        let failed = vec![(BrokerId(2), ErrorCode::RequestTimedOut)];
        assert_eq!(names(&told), (vec!["billing".to_owned()], failed));
    }
}
