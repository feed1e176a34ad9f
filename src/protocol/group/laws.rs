//! What holds of a shard whatever its clients do: proven over random requests, timers, failed
//! appends and failovers.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafka_protocol::protocol::StrBytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::message::convert::{assigned_places, assignment_of_places, framed};
use crate::message::{
    Batch, MetadataRecord, PartitionState, Request, RequestBody, ResponseBody, encode_response,
};
use crate::protocol::group::config::GroupConfig;
use crate::protocol::group::desk::records_of;
use crate::protocol::group::effect::Effect;
use crate::protocol::group::find::OFFSETS_TOPIC;
use crate::protocol::group::input::{Input, Read};
use crate::protocol::group::machine::GroupCoordinator;
use crate::protocol::group::state::{Group, State};
use crate::protocol::image::{Delta, MetadataImage};
use crate::protocol::machine::Machine;
use crate::types::{
    BrokerId, ConnectionId, CorrelationId, DefectSet, ErrorCode, HostId, LeaderEpoch, Name, Now,
    Offset, PartitionEpoch, PartitionIndex, Rng, TopicId, TopicPartition,
};

const HOME: TopicPartition = TopicPartition { topic_id: TopicId(50), partition: PartitionIndex(0) };
const MEMBERS: usize = 4;
const PARTITIONS: i32 = 5;

/// What may happen next.
#[derive(Clone, Debug)]
enum Move {
    /// A member of the classic group joins, under the id it was given or none.
    Join {
        member: usize,
        is_static: bool,
        /// Whether it keeps what it has until it knows better.
        owns: bool,
    },
    /// It syncs in the generation that it was told, the leader with an assignment.
    Sync {
        member: usize,
    },
    Heartbeat {
        member: usize,
    },
    Leave {
        member: usize,
    },
    Commit {
        member: usize,
        offset: i64,
    },
    /// A member of KIP-848 heartbeats, and owns what it was given, or nothing.
    Consume {
        member: usize,
        owns: bool,
        rejoins: bool,
    },
    ConsumeLeave {
        member: usize,
        for_a_while: bool,
    },
    ConsumeCommit {
        member: usize,
        offset: i64,
    },
    Advance {
        seconds: u64,
    },
    /// The high watermark catches up.
    Release,
    Fail {
        appends: u8,
    },
    /// The broker stops to lead, loses what is not committed or keeps it, and leads again.
    Failover {
        keeps: bool,
    },
}

fn moves() -> impl Strategy<Value = Move> {
    let member = || 0..MEMBERS;
    prop_oneof![
        4 => (member(), any::<bool>(), any::<bool>())
            .prop_map(|(member, is_static, owns)| Move::Join { member, is_static, owns }),
        4 => member().prop_map(|member| Move::Sync { member }),
        2 => member().prop_map(|member| Move::Heartbeat { member }),
        1 => member().prop_map(|member| Move::Leave { member }),
        2 => (member(), 0..99_i64).prop_map(|(member, offset)| Move::Commit { member, offset }),
        8 => (member(), any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(member, owns, rejoins)| Move::Consume { member, owns, rejoins }),
        1 => (member(), any::<bool>())
            .prop_map(|(member, for_a_while)| Move::ConsumeLeave { member, for_a_while }),
        2 => (member(), 0..99_i64)
            .prop_map(|(member, offset)| Move::ConsumeCommit { member, offset }),
        4 => (1..30_u64).prop_map(|seconds| Move::Advance { seconds }),
        6 => Just(Move::Release),
        1 => (1..3_u8).prop_map(|appends| Move::Fail { appends }),
        1 => any::<bool>().prop_map(|keeps| Move::Failover { keeps }),
    ]
}

/// What a client knows of itself.
#[derive(Clone, Debug, Default)]
struct Known {
    id: String,
    generation: i32,
    leads: bool,
    peers: Vec<String>,
    epoch: i32,
    owned: Vec<(u128, Vec<i32>)>,
    places: Vec<(Name, i32)>,
}

/// A coordinator with its log, and what its clients know.
struct World {
    now: Now,
    coordinator: GroupCoordinator,
    image: MetadataImage,
    log: Vec<Batch>,
    leader_epoch: LeaderEpoch,
    high_watermark: Offset,
    failures: u8,
    asking: std::collections::BTreeMap<ConnectionId, (usize, bool)>,
    connections: u64,
    /// Whether both kinds of members are of one group.
    is_mixed: bool,
    classic: Vec<Known>,
    modern: Vec<Known>,
    /// The largest generation that the classic group had at any look.
    generation: i32,
}

fn coordinator(salt: u64) -> GroupCoordinator {
    let config = GroupConfig { offsets_partitions: 1, ..GroupConfig::default() };
    GroupCoordinator::new(Arc::new(config), Rng::named(7, "group", &[salt]), salt)
}

impl World {
    fn new(is_mixed: bool) -> Self {
        let mut image = MetadataImage::new();
        let mut add = |record: MetadataRecord| {
            let offset = image.end_offset();
            image.apply_noting(offset, LeaderEpoch(1), &record, &mut Delta::default());
        };
        for (name, topic_id, count) in
            [(OFFSETS_TOPIC, HOME.topic_id, 1), ("t", TopicId(1), PARTITIONS)]
        {
            add(MetadataRecord::Topic { name: name.into(), topic_id });
            for index in 0..count {
                let state = Box::new(PartitionState {
                    replicas: vec![BrokerId(1)],
                    in_sync: std::iter::once(BrokerId(1)).collect(),
                    eligible: std::iter::empty().collect(),
                    last_known: Vec::new(),
                    leader: Some(BrokerId(1)),
                    recovering: false,
                    leader_epoch: LeaderEpoch(0),
                    partition_epoch: PartitionEpoch(0),
                });
                let partition = TopicPartition::new(topic_id, index);
                add(MetadataRecord::Partition { partition, state });
            }
        }
        let mut world = Self {
            now: Now::default(),
            coordinator: coordinator(1),
            image,
            log: Vec::new(),
            leader_epoch: LeaderEpoch(0),
            high_watermark: Offset::ZERO,
            failures: 0,
            asking: std::collections::BTreeMap::new(),
            connections: 0,
            is_mixed,
            classic: vec![Known::default(); MEMBERS],
            modern: vec![Known::default(); MEMBERS],
            generation: 0,
        };
        world.lead();
        world
    }

    fn group(&self, own: &str) -> Name {
        if self.is_mixed { "mixed".into() } else { own.into() }
    }

    fn lead(&mut self) {
        self.leader_epoch = self.leader_epoch.next();
        let image = Box::new(self.image.clone());
        self.give(Input::ImagePublished { image });
        let leader_epoch = self.leader_epoch;
        self.give(Input::Elected { partition: HOME, leader_epoch });
    }

    fn end(&self) -> Offset {
        self.log.last().map_or(Offset::ZERO, Batch::end_offset)
    }

    fn give(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.coordinator.step(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Answer { connection, response } => {
                    encode_response(&response).expect("answers have a place on the wire");
                    if let Some((member, is_modern)) = self.asking.remove(&connection) {
                        self.learn(member, is_modern, &response.body);
                    }
                }
                Effect::Append { partition, body } => {
                    let base = self.end();
                    let mut result = Ok(base);
                    if self.failures > 0 {
                        self.failures -= 1;
                        result = Err(ErrorCode::NotLeaderOrFollower);
                    } else {
                        self.log.push(Batch::unplaced(body).placed(base, self.leader_epoch));
                    }
                    self.give(Input::Appended { partition, result });
                }
                Effect::Load { partition, leader_epoch, from, .. } => {
                    let from = from.unwrap_or(Offset::ZERO);
                    let batches = self.log.iter().filter(|batch| batch.base_offset >= from);
                    let batches = batches.take(3).cloned().collect();
                    let (end, high_watermark) = (self.end(), self.high_watermark);
                    let read = Some(Read { batches, end, high_watermark });
                    self.give(Input::Read { partition, leader_epoch, read });
                }
                Effect::ToController { .. } | Effect::Event { .. } => {}
            }
        }
    }

    fn learn(&mut self, member: usize, is_modern: bool, body: &ResponseBody) {
        let known = if is_modern { &mut self.modern[member] } else { &mut self.classic[member] };
        if let ResponseBody::JoinGroup(body) = body {
            known.id = body.member_id.to_string();
            if body.error_code == 0 {
                known.generation = body.generation_id;
                known.leads = body.leader == body.member_id;
                let peers = body.members.iter().map(|member| member.member_id.to_string());
                known.peers = peers.collect();
            }
        } else if let ResponseBody::SyncGroup(body) = body {
            if body.error_code == 0 {
                known.places = assigned_places(&body.assignment).unwrap_or_default();
            }
        } else if let ResponseBody::ConsumerGroupHeartbeat(body) = body {
            if body.error_code != 0 {
                *known = Known::default();
            } else if let Some(assignment) = &body.assignment {
                known.owned = assignment
                    .topic_partitions
                    .iter()
                    .map(|topic| (topic.topic_id.as_u128(), topic.partitions.clone()))
                    .collect();
            }
            if body.error_code == 0 {
                known.epoch = body.member_epoch.max(0);
            }
        }
    }

    fn ask(&mut self, member: usize, is_modern: bool, body: RequestBody) {
        self.connections += 1;
        let connection = ConnectionId { opener: HostId(9), number: self.connections };
        self.asking.insert(connection, (member, is_modern));
        let correlation_id = CorrelationId(1);
        let request = Request { correlation_id, body, records: Vec::new() };
        self.give(Input::Request { connection, request });
    }

    fn act(&mut self, next: &Move) {
        match next {
            Move::Advance { seconds } => {
                for _ in 0..*seconds {
                    self.now = self.now.after(Duration::from_secs(1));
                    while self.coordinator.deadlines().is_due(self.now) {
                        self.give(Input::Deadline);
                    }
                }
            }
            Move::Release => {
                self.high_watermark = self.end();
                let (offset, leader_epoch) = (self.end(), Some(self.leader_epoch));
                let partition = HOME;
                self.give(Input::HighWatermarkMoved { partition, offset, leader_epoch });
            }
            Move::Fail { appends } => self.failures = *appends,
            Move::Failover { keeps } => {
                self.failures = 0;
                self.give(Input::Resigned { partition: HOME });
                if !keeps {
                    let end = self.high_watermark;
                    self.log.retain(|batch| batch.end_offset() <= end);
                }
                self.coordinator = coordinator(self.connections + 2);
                self.generation = 0;
                self.lead();
            }
            Move::Consume { member, .. }
            | Move::ConsumeLeave { member, .. }
            | Move::ConsumeCommit { member, .. } => {
                let body = self.modern_request(*member, next);
                self.ask(*member, true, body);
            }
            Move::Join { member, .. }
            | Move::Sync { member }
            | Move::Heartbeat { member }
            | Move::Leave { member }
            | Move::Commit { member, .. } => {
                let body = self.classic_request(*member, next);
                self.ask(*member, false, body);
            }
        }
    }

    fn classic_request(&self, member: usize, next: &Move) -> RequestBody {
        let known = &self.classic[member];
        let group = k::GroupId(text(self.group("classic").as_str()));
        let id = text(&known.id);
        if let Move::Join { is_static, owns, .. } = next {
            let instance = is_static.then(|| text(&format!("static-{member}")));
            let protocol = k::join_group_request::JoinGroupRequestProtocol::default()
                .with_name(text("range"))
                .with_metadata(subscription(if *owns { &known.places } else { &[] }));
            k::JoinGroupRequest::default()
                .with_group_id(group)
                .with_session_timeout_ms(10_000)
                .with_rebalance_timeout_ms(20_000)
                .with_member_id(if *is_static { text("") } else { id })
                .with_group_instance_id(instance)
                .with_protocol_type(text("consumer"))
                .with_protocols(vec![protocol])
                .into()
        } else if let Move::Sync { .. } = next {
            let peers = known.peers.iter().filter(|_| known.leads).map(|peer| {
                let is_own = *peer == known.id;
                let all = (0..PARTITIONS).filter(|_| is_own).map(|number| ("t".into(), number));
                k::sync_group_request::SyncGroupRequestAssignment::default()
                    .with_member_id(text(peer))
                    .with_assignment(assignment_of_places(&all.collect::<Vec<_>>()))
            });
            k::SyncGroupRequest::default()
                .with_group_id(group)
                .with_generation_id(known.generation)
                .with_member_id(id)
                .with_assignments(peers.collect())
                .into()
        } else if let Move::Leave { .. } = next {
            let leaving = k::leave_group_request::MemberIdentity::default().with_member_id(id);
            k::LeaveGroupRequest::default().with_group_id(group).with_members(vec![leaving]).into()
        } else if let Move::Commit { offset, .. } = next {
            commit(group, id, known.generation, *offset)
        } else {
            k::HeartbeatRequest::default()
                .with_group_id(group)
                .with_generation_id(known.generation)
                .with_member_id(id)
                .into()
        }
    }

    fn modern_request(&self, member: usize, next: &Move) -> RequestBody {
        let known = &self.modern[member];
        let group = k::GroupId(text(self.group("modern").as_str()));
        let id = text(&format!("m{member}"));
        if let Move::ConsumeCommit { offset, .. } = next {
            return commit(group, id, known.epoch, *offset);
        }
        let instance = (member == 0).then(|| text("one"));
        let mut body = k::ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group)
            .with_member_id(id)
            .with_instance_id(instance)
            .with_rebalance_timeout_ms(-1)
            .with_subscribed_topic_names(None)
            .with_topic_partitions(None);
        if let Move::ConsumeLeave { for_a_while, .. } = next {
            body.member_epoch = if *for_a_while && member == 0 { -2 } else { -1 };
            return body.into();
        }
        let Move::Consume { owns, rejoins, .. } = next else { unreachable!("{next:?}") };
        body.member_epoch = if *rejoins { 0 } else { known.epoch };
        if body.member_epoch == 0 {
            body.rebalance_timeout_ms = 20_000;
            body.subscribed_topic_names = Some(vec![k::TopicName(text("t"))]);
            body.topic_partitions = Some(Vec::new());
        } else if *owns {
            let owned = known.owned.iter().map(|(topic, partitions)| {
                k::consumer_group_heartbeat_request::TopicPartitions::default()
                    .with_topic_id(uuid::Uuid::from_u128(*topic))
                    .with_partitions(partitions.clone())
            });
            body.topic_partitions = Some(owned.collect());
        }
        body.into()
    }

    /// What holds after every move.
    fn check(&mut self) {
        let Some(shard) = self.coordinator.shard(HOME.partition) else { return };
        assert!(shard.is_active, "the log was there to be read");
        let replayed = replay(&self.log);
        assert_eq!(shard.state.offsets, replayed.offsets, "offsets are what the log says");
        let modern = self.group("modern");
        assert_eq!(shard.state.modern(&modern), replayed.modern(&modern));
        if let Some(group) = shard.state.modern(&modern) {
            let mut owned: Vec<_> = group
                .members
                .values()
                .flat_map(|member| member.current.assigned.union(&member.current.revoking))
                .collect();
            let count = owned.len();
            owned.sort_unstable();
            owned.dedup();
            assert_eq!(owned.len(), count, "a partition has two owners");
            assert_eq!(group.owned_at.len(), count, "every partition owned has its epoch");
            let mut targets: Vec<_> = group.targets.values().flatten().collect();
            let aimed = targets.len();
            targets.sort_unstable();
            targets.dedup();
            assert_eq!(targets.len(), aimed, "a partition is to have two owners");
            let reached = group.members.values().map(|member| member.current.epoch).max();
            assert!(reached.is_none_or(|epoch| epoch <= group.target_epoch));
            assert!(group.target_epoch <= group.epoch);
        }
        let classic = self.group("classic");
        if let Some(group) = shard.state.classic(&classic) {
            assert!(group.generation >= self.generation, "a generation came back");
            // An empty group may begin anew by the other protocol.
            let is_lasting = !self.is_mixed || !group.members.is_empty();
            self.generation = if is_lasting { group.generation } else { 0 };
            let is_empty = group.members.is_empty();
            assert!(!group.is_empty() || is_empty, "members of an empty group");
            let leads = |leader: &Name| group.members.contains_key(leader);
            assert!(group.leader.as_ref().is_none_or(leads), "the leader is no member");
            for (instance, member) in &group.instances {
                let known = group.members.get(member).and_then(|member| member.instance.as_ref());
                assert_eq!(known, Some(instance), "an instance id is its member's");
            }
        }
        if let Some(group) = shard.state.modern(&classic) {
            assert!(group.epoch >= self.generation, "an epoch is below the generation before");
            let is_lasting = !group.members.is_empty();
            self.generation = if is_lasting { group.epoch } else { 0 };
        }
    }
}

/// What a consumer says of itself, with what it owns.
fn subscription(owned: &[(Name, i32)]) -> bytes::Bytes {
    use k::consumer_protocol_subscription::TopicPartition as Owned;
    let topic = || k::TopicName(text("t"));
    let numbers = owned.iter().map(|(_, number)| *number).collect();
    let body = k::ConsumerProtocolSubscription::default()
        .with_topics(vec![text("t")])
        .with_owned_partitions(vec![Owned::default().with_topic(topic()).with_partitions(numbers)]);
    framed(&body)
}

fn commit(group: k::GroupId, id: StrBytes, epoch: i32, offset: i64) -> RequestBody {
    use k::offset_commit_request as q;
    let partition = q::OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(None);
    let topic = q::OffsetCommitRequestTopic::default()
        .with_name(k::TopicName(text("t")))
        .with_partitions(vec![partition]);
    k::OffsetCommitRequest::default()
        .with_group_id(group)
        .with_generation_id_or_member_epoch(epoch)
        .with_member_id(id)
        .with_topics(vec![topic])
        .into()
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn replay(log: &[Batch]) -> State {
    let mut state = State::default();
    for record in log.iter().flat_map(records_of) {
        state.apply(record, DefectSet::NONE);
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_shard_is_what_its_log_says_and_gives_nothing_twice(
        moves in prop::collection::vec(moves(), 0..120),
        is_mixed in any::<bool>(),
    ) {
        let mut world = World::new(is_mixed);
        for next in &moves {
            world.act(next);
            world.check();
        }
    }

    /// In a classic group that comes to rest a new coordinator finds what the old one had.
    #[test]
    fn a_stable_group_outlives_its_coordinator(
        moves in prop::collection::vec(moves(), 0..80)
    ) {
        let mut world = World::new(false);
        for next in moves.iter().filter(|next| !matches!(next, Move::Fail { .. })) {
            world.act(next);
        }
        world.act(&Move::Release);
        let group = Name::from("classic");
        let before = world.coordinator.shard(HOME.partition).and_then(|shard| {
            shard.state.classic(&group).cloned()
        });
        world.act(&Move::Failover { keeps: true });
        let after = replay(&world.log).groups.get(&group).map(|group| (**group).clone());
        if let (Some(before), Some(Group::Classic(after))) = (before, after)
            && before.state == crate::event::GroupState::Stable
        {
            prop_assert_eq!(before.generation, after.generation);
            prop_assert_eq!(&before.leader, &after.leader);
            prop_assert!(before.members.keys().all(|id| after.members.contains_key(id)));
        }
    }
}
