//! Stories of a group's member: the coordinator's answers are played by hand.

#![expect(clippy::unwrap_used, reason = "a malformed test file should panic")]

use std::sync::Arc;

use bytes::Buf as _;
use kafka_protocol::messages as k;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as Given;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::protocol::{Decodable as _, StrBytes};

use kafsim::event::Kind;
use kafsim::message::{AppReply, PartitionOffset, RequestBody, ResponseBody, SendError, convert};
use kafsim::protocol::Machine;
use kafsim::protocol::assignor::Assignor;
use kafsim::protocol::cluster::ClusterMetadata;
use kafsim::protocol::member::{Effect, GroupProtocol, Input, Member, MemberConfig, Why};
use kafsim::types::{BrokerId, CallToken, ErrorCode, Name, Now, Offset, Rng, TopicId};

use crate::interaction::{Command, answer, play};
use crate::interaction_lifecycle::code;

#[test]
fn member_stories() {
    play("member", Scene::run);
}

#[derive(Default)]
struct Scene {
    now: Now,
    member: Option<Member>,
    /// The tokens of requests that wait for answers, by what they ask.
    asked: std::collections::BTreeMap<&'static str, Vec<u64>>,
    calls: u64,
    /// Where the application stands.
    positions: Vec<PartitionOffset>,
}

/// `t-0,t-1` as topic and number.
fn places(text: &str) -> Vec<(Name, i32)> {
    let place = |part: &str| {
        let (topic, number) = part.rsplit_once('-').unwrap();
        (Name::from(topic), number.parse().unwrap())
    };
    text.split(',').filter(|part| !part.is_empty()).map(place).collect()
}

/// `t-0=5,t-1=-1` as places and offsets.
fn offsets(text: &str) -> Vec<(Name, i32, i64)> {
    let one = |part: &str| {
        let (place, offset) = part.split_once('=').unwrap_or((part, "-1"));
        let (topic, number) = places(place).remove(0);
        (topic, number, offset.parse().unwrap())
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn framed(body: &impl kafka_protocol::protocol::Encodable) -> bytes::Bytes {
    let mut out = bytes::BytesMut::from(&[0_u8, 3][..]);
    body.encode(&mut out, 3).unwrap();
    out.freeze()
}

/// A cluster of three brokers with topics of so many partitions, `t:3,u:2`.
fn cluster(topics: &str) -> ClusterMetadata {
    let topic = |(nth, topic): (u128, &str)| {
        let (name, count) = topic.split_once(':').unwrap();
        let partition = |n| {
            MetadataResponsePartition::default()
                .with_partition_index(n)
                .with_leader_id(k::BrokerId(1))
                .with_leader_epoch(0)
        };
        MetadataResponseTopic::default()
            .with_name(Some(k::TopicName(text(name))))
            .with_topic_id(convert::topic_uuid(TopicId(nth)))
            .with_partitions((0..count.parse().unwrap()).map(partition).collect())
    };
    let broker = |id| MetadataResponseBroker::default().with_node_id(k::BrokerId(id));
    let body = k::MetadataResponse::default()
        .with_brokers([1, 2, 3].map(broker).to_vec())
        .with_topics((1..).zip(topics.split(',')).map(topic).collect());
    let mut cluster = ClusterMetadata::default();
    cluster.update(&body);
    cluster
}

impl Scene {
    fn run(&mut self, command: &Command<'_>) -> String {
        let error = command.text("error").map_or(ErrorCode::None, code).code();
        let arg = |key: &str| command.text(key).unwrap_or_default().to_owned();
        let input = match command.verb {
            "member" => return self.begin(command),
            "topics" => Input::MetadataChanged(Arc::new(cluster(&arg("are")))),
            "subscribe" => {
                let topics = arg("to").split(',').map(Name::from).collect();
                Input::Subscribe { token: self.call(), topics, pattern: None }
            }
            "pattern" => Input::Subscribe {
                token: self.call(),
                topics: Vec::new(),
                pattern: Some(arg("is").as_str().into()),
            },
            "fresh" => Input::MetadataFresh,
            "poll" => Input::Poll { token: self.call() },
            "poll-ended" => Input::PollEnded,
            "stands" => {
                let at = |(topic, partition, offset)| PartitionOffset {
                    topic,
                    partition,
                    offset: Offset(offset),
                    leader_epoch: None,
                };
                self.positions = offsets(&arg("at")).into_iter().map(at).collect();
                return "ok".to_owned();
            }
            "commit" => Input::Commit {
                token: self.call(),
                offsets: Vec::new(),
                waits: command.has("waits"),
            },
            "close" => Input::Close,
            "advance" => {
                self.now = self.now.after(command.duration());
                if !self.member.as_ref().unwrap().deadlines().is_due(self.now) {
                    return "nothing is due".to_owned();
                }
                Input::Deadline
            }
            "lost" => Input::CoordinatorLost { to: BrokerId(2) },
            "disconnected" => {
                let what = command.text("what").unwrap();
                Input::Completed { token: self.token(what), answer: Err(SendError::Disconnected) }
            }
            "found" => {
                let found = Coordinator::default()
                    .with_node_id(k::BrokerId(i32::try_from(command.number("node", 2)).unwrap()))
                    .with_error_code(error);
                let body = k::FindCoordinatorResponse::default().with_coordinators(vec![found]);
                self.answered("find-coordinator", body.into())
            }
            "joined" => self.joined(command, error),
            "synced" => {
                let given = |(topic, number): (Name, i32)| {
                    Given::default()
                        .with_topic(convert::topic_name(&topic))
                        .with_partitions(vec![number])
                };
                let assignment = k::ConsumerProtocolAssignment::default().with_assigned_partitions(
                    places(&arg("gets")).into_iter().map(given).collect(),
                );
                let body = k::SyncGroupResponse::default()
                    .with_error_code(error)
                    .with_assignment(framed(&assignment));
                self.answered("sync-group", body.into())
            }
            "beaten" => {
                let body = k::HeartbeatResponse::default().with_error_code(error);
                self.answered("heartbeat", body.into())
            }
            "told" => self.told(command, error),
            "left" => self.answered("leave-group", k::LeaveGroupResponse::default().into()),
            "committed" => {
                let part = OffsetCommitResponsePartition::default().with_error_code(error);
                let topic = OffsetCommitResponseTopic::default().with_partitions(vec![part]);
                let body = k::OffsetCommitResponse::default().with_topics(vec![topic]);
                self.answered("offset-commit", body.into())
            }
            "offsets" => {
                let topic = |(topic, number, offset): (Name, i32, i64)| {
                    let part = OffsetFetchResponsePartitions::default()
                        .with_partition_index(number)
                        .with_committed_offset(offset);
                    OffsetFetchResponseTopics::default()
                        .with_name(convert::topic_name(&topic))
                        .with_partitions(vec![part])
                };
                let group = OffsetFetchResponseGroup::default()
                    .with_error_code(error)
                    .with_topics(offsets(&arg("are")).into_iter().map(topic).collect());
                let body = k::OffsetFetchResponse::default().with_groups(vec![group]);
                self.answered("offset-fetch", body.into())
            }
            other => panic!("unknown command {other}"),
        };
        let lines = self.step(input);
        answer(lines)
    }

    fn begin(&mut self, command: &Command<'_>) -> String {
        let assignors = command.text("assignors").unwrap_or("range");
        let config = MemberConfig {
            group: Some("g".into()),
            instance: command.text("instance").map(Name::from),
            protocol: match command.text("protocol") {
                Some("consumer") => GroupProtocol::Consumer,
                _ => GroupProtocol::Classic,
            },
            assignors: assignors.split(',').map(|name| Assignor::named(name).unwrap()).collect(),
            auto_commit: command.has("auto-commit"),
            ..MemberConfig::default()
        };
        let member = Member::new(config, Rng::named(1, "member", &[]));
        self.member = Some(member);
        "ok".to_owned()
    }

    fn call(&mut self) -> CallToken {
        self.calls += 1;
        CallToken(self.calls)
    }

    fn token(&mut self, what: &str) -> u64 {
        let waiting = self.asked.iter_mut().find(|(asked, _)| **asked == what);
        let tokens = waiting.unwrap_or_else(|| panic!("no {what} was asked")).1;
        assert!(!tokens.is_empty(), "no {what} waits for an answer");
        tokens.remove(0)
    }

    fn answered(&mut self, what: &str, body: ResponseBody) -> Input {
        Input::Completed { token: self.token(what), answer: Ok((body, Vec::new())) }
    }

    /// `members=a:t,b:t` makes it the leader, that `skips` the assignment.
    fn joined(&mut self, command: &Command<'_>, error: i16) -> Input {
        let members = command.text("members").unwrap_or_default();
        let me = command.text("member").unwrap_or_default();
        let member = |part: &str| {
            let (id, topic) = part.split_once(':').unwrap();
            let subscription =
                k::ConsumerProtocolSubscription::default().with_topics(vec![text(topic)]);
            JoinGroupResponseMember::default()
                .with_member_id(text(id))
                .with_metadata(framed(&subscription))
        };
        let generation = i32::try_from(command.number("generation", -1)).unwrap();
        let body = k::JoinGroupResponse::default()
            .with_error_code(error)
            .with_generation_id(generation)
            .with_protocol_name(command.text("assignor").map(text))
            .with_skip_assignment(command.has("skips"))
            .with_member_id(text(me))
            .with_leader(text(if members.is_empty() { "another" } else { me }))
            .with_members(members.split(',').filter(|m| !m.is_empty()).map(member).collect());
        self.answered("join-group", body.into())
    }

    /// `gets=t-0,t-1` where the topic `t` has the id 1, `u` 2.
    fn told(&mut self, command: &Command<'_>, error: i16) -> Input {
        let assignment = command.text("gets").map(|gets| {
            let mut topics: Vec<TopicPartitions> = Vec::new();
            for (topic, number) in places(if gets == "nothing" { "" } else { gets }) {
                let id = convert::topic_uuid(TopicId(if topic.as_str() == "t" { 1 } else { 2 }));
                match topics.iter_mut().find(|known| known.topic_id == id) {
                    Some(known) => known.partitions.push(number),
                    None => topics.push(
                        TopicPartitions::default().with_topic_id(id).with_partitions(vec![number]),
                    ),
                }
            }
            Assignment::default().with_topic_partitions(topics)
        });
        let body = k::ConsumerGroupHeartbeatResponse::default()
            .with_error_code(error)
            .with_member_epoch(i32::try_from(command.number("epoch", 0)).unwrap())
            .with_heartbeat_interval_ms(5000)
            .with_assignment(assignment);
        self.answered("group-heartbeat", body.into())
    }

    /// Drives the member until it has nothing more to ask of its consumer.
    fn step(&mut self, input: Input) -> Vec<String> {
        let mut lines = Vec::new();
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.member.as_mut().unwrap().step(self.now, input, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Positions { why } => {
                        if why != Why::Interval {
                            lines.push(format!("where does the application stand? ({why:?})"));
                        }
                        let positions = self.positions.clone();
                        inputs.push_back(Input::Positions { why, positions });
                    }
                    // The poll waits for records here: it always can come back.
                    Effect::Recall { token } => inputs.push_back(Input::Recalled { token }),
                    other => lines.extend(self.show(other)),
                }
            }
        }
        lines
    }

    fn show(&mut self, effect: Effect) -> Option<String> {
        Some(match effect {
            Effect::Send { token, to, body, timeout } => {
                let (what, line) = request(&body);
                self.asked.entry(what).or_default().push(token);
                let within = timeout.map_or(String::new(), |time| format!(" within {time:?}"));
                format!("broker-{to}: {what}{line}{within}")
            }
            Effect::SendToAny { token, body } => {
                let (what, line) = request(&body);
                self.asked.entry(what).or_default().push(token);
                format!("any broker: {what}{line}")
            }
            Effect::Event { kind, .. } => return event(&kind),
            Effect::Reply { reply: AppReply::Rebalanced { callback, partitions }, .. } => {
                format!("the poll returns {callback:?} {}", names(&partitions))
            }
            Effect::Reply { reply, .. } => format!("reply {reply:?}"),
            Effect::GoOn { .. } => "the poll waits for records".to_owned(),
            Effect::Assign { partitions } => {
                let all: Vec<_> = partitions.into_iter().collect();
                format!("consume {}", names(&all))
            }
            Effect::Withhold { partitions } => {
                let all: Vec<_> = partitions.into_iter().collect();
                format!("withhold {}", names(&all))
            }
            Effect::Start { partitions } => {
                let start = |start: &kafsim::protocol::member::Start| {
                    let from = start.committed.as_ref().map(|at| at.offset.0.to_string());
                    let from = from.unwrap_or_else(|| "the reset policy".to_owned());
                    format!("{}-{} from {from}", start.place.0, start.place.1)
                };
                let all: Vec<_> = partitions.iter().map(start).collect();
                format!("start {}", all.join(", "))
            }
            Effect::FreshMetadata { asks } => {
                let how = if asks { "what topics are there now?" } else { "what of other topics?" };
                how.to_owned()
            }
            Effect::AddTopic { topic } => format!("learn of topic {topic}"),
            other => format!("{other:?}"),
        })
    }
}

fn names(places: &[(Name, i32)]) -> String {
    let all: Vec<_> = places.iter().map(|(topic, number)| format!("{topic}-{number}")).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(",") }
}

/// What a request is called here, and what it says.
fn request(body: &RequestBody) -> (&'static str, String) {
    match body {
        RequestBody::FindCoordinator(_) => ("find-coordinator", String::new()),
        RequestBody::JoinGroup(body) => {
            let protocol = |protocol: &k::join_group_request::JoinGroupRequestProtocol| {
                let mut bytes = protocol.metadata.clone();
                bytes.advance(2);
                let said = k::ConsumerProtocolSubscription::decode(&mut bytes, 3).unwrap();
                let owned = said.owned_partitions.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|n| format!("{}-{n}", topic.topic.0.as_str()))
                });
                let owned: Vec<_> = owned.collect();
                format!("{}(owned=[{}])", protocol.name.as_str(), owned.join(","))
            };
            let all: Vec<_> = body.protocols.iter().map(protocol).collect();
            let line = format!(
                " member={:?} instance={:?} {}",
                body.member_id.as_str(),
                body.group_instance_id.as_ref().map(StrBytes::as_str),
                all.join(" ")
            );
            ("join-group", line)
        }
        RequestBody::SyncGroup(body) => {
            let given = |to: &k::sync_group_request::SyncGroupRequestAssignment| {
                let mut bytes = to.assignment.clone();
                bytes.advance(2);
                let gets = k::ConsumerProtocolAssignment::decode(&mut bytes, 3).unwrap();
                let gets = gets.assigned_partitions.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|n| format!("{}-{n}", topic.topic.0.as_str()))
                });
                format!(" {}=[{}]", to.member_id.as_str(), gets.collect::<Vec<_>>().join(","))
            };
            let all: String = body.assignments.iter().map(given).collect();
            ("sync-group", format!(" generation={}{all}", body.generation_id))
        }
        RequestBody::Heartbeat(body) => {
            ("heartbeat", format!(" generation={}", body.generation_id))
        }
        RequestBody::LeaveGroup(_) => ("leave-group", String::new()),
        RequestBody::OffsetCommit(body) => {
            let offsets = body.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|part| {
                    let (n, offset) = (part.partition_index, part.committed_offset);
                    format!(" {}-{n}={offset}", topic.name.0.as_str())
                })
            });
            let epoch = body.generation_id_or_member_epoch;
            ("offset-commit", format!(" epoch={epoch}{}", offsets.collect::<String>()))
        }
        RequestBody::OffsetFetch(_) => ("offset-fetch", String::new()),
        RequestBody::ConsumerGroupHeartbeat(body) => {
            let topics = body.subscribed_topic_names.as_ref().map(|names| {
                names.iter().map(|name| name.0.as_str()).collect::<Vec<_>>().join(",")
            });
            let owned = body.topic_partitions.as_ref().map(|topics| {
                let all = topics.iter().flat_map(|topic| &topic.partitions);
                all.map(ToString::to_string).collect::<Vec<_>>().join(",")
            });
            let epoch = body.member_epoch;
            ("group-heartbeat", format!(" epoch={epoch} topics={topics:?} owned={owned:?}"))
        }
        other => panic!("a member asks {other:?}"),
    }
}

fn event(kind: &Kind) -> Option<String> {
    match kind {
        Kind::MemberStateEntered { epoch, state, leads, .. } => {
            let leads = if *leads { ", leads" } else { "" };
            Some(format!("({state}, epoch {epoch}{leads})"))
        }
        Kind::PartitionTaken { partition, .. } => {
            Some(format!("(takes {})", partition.partition.0))
        }
        Kind::PartitionGivenUp { partition, because, .. } => {
            Some(format!("(gives up {}: {because})", partition.partition.0))
        }
        Kind::CommittedOffsetUsed { partition, offset, .. } => {
            let from = offset.map_or_else(|| "nowhere".to_owned(), |offset| offset.0.to_string());
            Some(format!("(begins {} from {from})", partition.partition.0))
        }
        Kind::CommitAnswered { offset, error, .. } => {
            Some(format!("(commit of {} answered: {error})", offset.0))
        }
        _ => None,
    }
}
