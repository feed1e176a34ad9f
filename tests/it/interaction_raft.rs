//! What the commands of `tests/data/interaction/raft/` mean.
//!
//! `voter` or `observer` starts a node on a log that `log` has written. Disk operations complete
//! at once unless `hold-disk` was said; then `disk` completes the one that is waited for. `next`
//! goes to the next deadline, `until` on and on to a role. Messages: `vote`, `begin`, `end`,
//! `fetch` are requests of a peer; `answer` answers the last request sent to a peer; `fail` fails
//! it. What the log says of itself is left out, but for its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages as k;
use kafsim::event::{Kind, QuorumRole};
use kafsim::log::{Log, LogConfig, LogEffect, SequenceCheck};
use kafsim::message::{
    Batch, BatchBody, Checkpoint, DiskOperation, FileName, MetadataRecord, QuorumState, Records,
    RequestBody, ResponseBody,
};
use kafsim::protocol::Machine;
use kafsim::protocol::raft::{Effect, Input, Raft, RaftConfig};
use kafsim::types::{
    BatchId, BrokerId, BrokerSet, ConnectionId, Defect, DefectSet, ErrorCode, HostId, LeaderEpoch,
    Now, Offset, Rng, Ticket, TopicPartition, Wall,
};

use crate::fake_disk::FakeDisk;
use crate::interaction::{Command, answer, play};

const PARTITION: TopicPartition = TopicPartition::CLUSTER_METADATA;

#[test]
fn raft_tells_its_stories() {
    play("raft", Scene::run);
}

#[derive(Default)]
struct Scene {
    now: Now,
    config: Option<Arc<RaftConfig>>,
    raft: Option<Raft>,
    disk: FakeDisk,
    log: Option<Log>,
    batches: u64,
    starts: u64,
    holds_disk: bool,
    waits: Option<DiskOperation>,
    /// The last request to each peer.
    sent: BTreeMap<BrokerId, u64>,
    requests: u64,
}

impl Scene {
    fn run(&mut self, command: &Command<'_>) -> String {
        let peer = |name| BrokerId(i32::try_from(command.number(name, 0)).expect("an id"));
        let epoch = LeaderEpoch(i32::try_from(command.number("epoch", 0)).expect("an epoch"));
        match command.verb {
            "log" => self.write_log(command),
            "voter" | "observer" => {
                self.configure(command);
                self.start()
            }
            "restart" => {
                if command.has("synced") {
                    self.disk.lose_power();
                }
                self.start()
            }
            "hold-disk" => {
                self.holds_disk = true;
                "ok".to_owned()
            }
            "disk" => {
                let Some(operation) = self.waits.take() else { return "idle".to_owned() };
                self.disk.complete(&operation);
                let ticket = ticket(&operation).expect("somebody waits for it");
                self.step(Input::DiskCompleted { ticket, result: Ok(()) })
            }
            "advance" => {
                self.now = self.now.after(command.duration());
                self.step(Input::Deadline)
            }
            "next" => {
                self.go_to_deadline();
                self.step(Input::Deadline)
            }
            "until" => self.until(command.words[0]),
            "vote" | "begin" | "end" | "fetch" => self.ask(command),
            "answer" => {
                let to = peer("from");
                let token = self.sent[&to];
                let records = batches(command);
                let body = response(command, to);
                self.step(Input::Response { to, token, body, records: vec![records] })
            }
            "fail" => {
                let to = peer("to");
                self.step(Input::SendFailed { to, token: self.sent[&to] })
            }
            "append" => {
                let count = usize::try_from(command.number("records", 1)).expect("a count");
                let records = vec![MetadataRecord::NoOp; count];
                self.step(Input::Append { leader_epoch: epoch, records })
            }
            "shut-down" => self.step(Input::ShutDown),
            "resign" => self.step(Input::Resign { leader_epoch: epoch }),
            "show" => self.show(),
            other => panic!("unknown command {other}"),
        }
    }

    /// `log 1:3 2:1`: three records of epoch 1, one of epoch 2, all durable; and `quorum-state`.
    fn write_log(&mut self, command: &Command<'_>) -> String {
        let mut out = Vec::new();
        let mut log = Log::create(PARTITION, LogConfig::default(), &mut out);
        for word in &command.words {
            let (epoch, body) = body(word, &mut self.batches);
            log.append_as_leader(Arc::new(body), epoch, 0, SequenceCheck::None, &mut out)
                .expect("a fresh log takes all");
        }
        log.flush(None, true, &mut out);
        for effect in out {
            if let LogEffect::Disk(operation) = effect {
                self.disk.take(&operation);
            }
        }
        let end = log.end_offset();
        let id = |name| command.text(name).map(|id| BrokerId(id.parse().expect("an id")));
        if let Some(epoch) = command.text("epoch") {
            let state = QuorumState {
                leader_epoch: LeaderEpoch(epoch.parse().expect("an epoch")),
                leader: id("leader"),
                voted: id("voted"),
            };
            self.disk.take(&DiskOperation::Write {
                file: FileName::QuorumState,
                content: Checkpoint::QuorumState(state),
                ticket: None,
                blocking: true,
            });
        }
        self.log = Some(log);
        format!("-> log ends at {end}")
    }

    fn configure(&mut self, command: &Command<'_>) {
        let node = BrokerId(command.words[0].parse().expect("an id"));
        let voters: BrokerSet = command.list("voters").into_iter().map(BrokerId).collect();
        let mut config = RaftConfig::new(node, voters);
        let is_on = |defect: &&Defect| command.text("defect") == Some(defect.name());
        config.defects = Defect::ALL.iter().filter(is_on).copied().collect::<DefectSet>();
        self.now = Now { wall: Wall(1_000_000), ..Now::default() };
        self.config = Some(Arc::new(config));
    }

    fn start(&mut self) -> String {
        let config = Arc::clone(self.config.as_ref().expect("`voter` or `observer` came first"));
        let rng = Rng::named(7, "election", &[self.starts]);
        self.starts += 1;
        self.waits = None;
        self.sent.clear();
        let mut effects = Vec::new();
        let image = self.disk.image();
        let now = self.now;
        let raft = Raft::start(config, &image, false, rng, Ticket(0), now, &mut effects);
        self.raft = Some(raft);
        self.carry_out(effects)
    }

    fn step(&mut self, input: Input) -> String {
        let mut effects = Vec::new();
        let now = self.now;
        self.raft().step(now, input, &mut effects);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> String {
        answer(self.shown(effects))
    }

    /// Shows `effects`, and what follows when the disk is quick.
    fn shown(&mut self, effects: Vec<Effect>) -> Vec<String> {
        let mut shown = Vec::new();
        for effect in effects {
            if let Effect::Disk(operation) | Effect::Log(LogEffect::Disk(operation)) = &effect {
                self.disk.take(operation);
                if ticket(operation).is_some() {
                    self.waits = Some(operation.clone());
                }
            }
            if let Effect::Send { to, token, .. } = &effect {
                self.sent.insert(*to, *token);
            }
            shown.extend(show(&effect));
        }
        if !self.holds_disk
            && let Some(operation) = self.waits.take()
        {
            self.disk.complete(&operation);
            let ticket = ticket(&operation).expect("somebody waits for it");
            let mut effects = Vec::new();
            let (now, input) = (self.now, Input::DiskCompleted { ticket, result: Ok(()) });
            self.raft().step(now, input, &mut effects);
            shown.extend(self.shown(effects));
        }
        shown
    }

    fn ask(&mut self, command: &Command<'_>) -> String {
        self.requests += 1;
        let request = ConnectionId { opener: HostId(0), number: self.requests };
        self.step(Input::Request { request, body: request_body(command) })
    }

    fn go_to_deadline(&mut self) {
        let deadlines = self.raft().deadlines();
        let wall = deadlines.wall.map(|at| at.since(self.now.wall));
        let monotonic = deadlines.monotonic.map(|at| at.since(self.now.monotonic));
        let next = [wall, monotonic].into_iter().flatten().min().expect("something is waited for");
        self.now = self.now.after(next);
    }

    fn until(&mut self, role: &str) -> String {
        let mut shown = Vec::new();
        for _ in 0..100 {
            self.go_to_deadline();
            let mut effects = Vec::new();
            let now = self.now;
            self.raft().step(now, Input::Deadline, &mut effects);
            shown.extend(self.shown(effects));
            if self.raft().quorum_role().name() == role {
                return answer(shown);
            }
        }
        panic!("it never becomes {role}");
    }

    fn show(&mut self) -> String {
        let raft = self.raft();
        let (role, epoch) = (raft.quorum_role(), raft.leader_epoch());
        let (end, high_watermark) = (raft.log().end_offset(), raft.published().high_watermark);
        let high_watermark = Offset::to_wire(high_watermark);
        format!("-> {role} epoch={epoch} end={end} high-watermark={high_watermark}")
    }

    fn raft(&mut self) -> &mut Raft {
        self.raft.as_mut().expect("the node is started")
    }
}

/// `2:3` is a batch of three records of epoch 2.
fn body(word: &str, batches: &mut u64) -> (LeaderEpoch, BatchBody) {
    let (epoch, count) = word.split_once(':').expect("epoch:records");
    *batches += 1;
    let records = vec![MetadataRecord::NoOp; count.parse().expect("a count")];
    let body = BatchBody {
        id: BatchId(*batches),
        producer: None,
        base_timestamp: 0,
        max_timestamp: 0,
        records: Records::Metadata(records),
        size_bytes: 100,
    };
    (LeaderEpoch(epoch.parse().expect("an epoch")), body)
}

/// The batches of `at=4 records=2:1,2:3`.
fn batches(command: &Command<'_>) -> Vec<Batch> {
    let mut base_offset = Offset(command.number("at", 0));
    let words = command.text("records").unwrap_or_default().split(',');
    let mut found = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let mut id = 1000 + base_offset.0.unsigned_abs();
        let (leader_epoch, body) = body(word, &mut id);
        let batch = Batch { base_offset, leader_epoch, body: Arc::new(body) };
        base_offset = batch.end_offset();
        found.push(batch);
    }
    found
}

fn request_body(command: &Command<'_>) -> RequestBody {
    let int = |name, default| i32::try_from(command.number(name, default)).expect("small");
    let from = k::BrokerId(int("from", 0));
    let voter = k::BrokerId(int("to", -1));
    let epoch = int("epoch", 0);
    match command.verb {
        "vote" => {
            use k::vote_request::{PartitionData, TopicData};
            let (last_epoch, end) = place(command.text("log").expect("a vote says its log"));
            let partition = PartitionData::default()
                .with_replica_epoch(epoch)
                .with_replica_id(from)
                .with_last_offset(end)
                .with_last_offset_epoch(last_epoch)
                .with_pre_vote(command.has("pre"));
            let topic = TopicData::default().with_partitions(vec![partition]);
            k::VoteRequest::default().with_voter_id(voter).with_topics(vec![topic]).into()
        }
        "begin" => {
            use k::begin_quorum_epoch_request::{PartitionData, TopicData};
            let partition = PartitionData::default().with_leader_id(from).with_leader_epoch(epoch);
            let topic = TopicData::default().with_partitions(vec![partition]);
            k::BeginQuorumEpochRequest::default()
                .with_voter_id(voter)
                .with_topics(vec![topic])
                .into()
        }
        "end" => {
            use k::end_quorum_epoch_request::{PartitionData, ReplicaInfo, TopicData};
            let named = command.list("successors").into_iter();
            let named = named.map(|id| ReplicaInfo::default().with_candidate_id(k::BrokerId(id)));
            let partition = PartitionData::default()
                .with_leader_id(from)
                .with_leader_epoch(epoch)
                .with_preferred_candidates(named.collect());
            let topic = TopicData::default().with_partitions(vec![partition]);
            k::EndQuorumEpochRequest::default().with_topics(vec![topic]).into()
        }
        _ => {
            use k::fetch_request::{FetchPartition, FetchTopic, ReplicaState};
            let (last_epoch, end) = place(command.text("log").expect("a fetch says its log"));
            let partition = FetchPartition::default()
                .with_current_leader_epoch(epoch)
                .with_fetch_offset(end)
                .with_last_fetched_epoch(last_epoch)
                .with_high_watermark(command.number("high-watermark", -1));
            let id = uuid::Uuid::from_u128(PARTITION.topic_id.0);
            let topic = FetchTopic::default().with_topic_id(id).with_partitions(vec![partition]);
            k::FetchRequest::default()
                .with_replica_state(ReplicaState::default().with_replica_id(from))
                .with_max_wait_ms(500)
                .with_max_bytes(1 << 20)
                .with_topics(vec![topic])
                .into()
        }
    }
}

fn response(command: &Command<'_>, _from: BrokerId) -> ResponseBody {
    let int = |name, default| i32::try_from(command.number(name, default)).expect("small");
    let error = command.text("error").unwrap_or("NONE");
    let error = ErrorCode::ALL.iter().find(|code| code.name() == error).expect("a code").code();
    let (leader, epoch) = (k::BrokerId(int("leader", -1)), int("epoch", 0));
    match command.words[0] {
        "vote" => {
            use k::vote_response::{PartitionData, TopicData};
            let partition = PartitionData::default()
                .with_error_code(error)
                .with_leader_id(leader)
                .with_leader_epoch(epoch)
                .with_vote_granted(command.has("granted"));
            let topic = TopicData::default().with_partitions(vec![partition]);
            k::VoteResponse::default().with_topics(vec![topic]).into()
        }
        "begin" => {
            use k::begin_quorum_epoch_response::{PartitionData, TopicData};
            let partition = PartitionData::default()
                .with_error_code(error)
                .with_leader_id(leader)
                .with_leader_epoch(epoch);
            let topic = TopicData::default().with_partitions(vec![partition]);
            k::BeginQuorumEpochResponse::default().with_topics(vec![topic]).into()
        }
        "end" => {
            use k::end_quorum_epoch_response::{PartitionData, TopicData};
            let partition = PartitionData::default()
                .with_error_code(error)
                .with_leader_id(leader)
                .with_leader_epoch(epoch);
            let topic = TopicData::default().with_partitions(vec![partition]);
            k::EndQuorumEpochResponse::default().with_topics(vec![topic]).into()
        }
        "fetch" => {
            use k::fetch_response::{
                EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
            };
            let current =
                LeaderIdAndEpoch::default().with_leader_id(leader).with_leader_epoch(epoch);
            let mut partition = PartitionData::default()
                .with_error_code(error)
                .with_high_watermark(command.number("high-watermark", -1))
                .with_current_leader(current);
            if let Some(diverging) = command.text("diverging") {
                let (epoch, end) = place(diverging);
                partition.diverging_epoch =
                    EpochEndOffset::default().with_epoch(epoch).with_end_offset(end);
            }
            let topic = FetchableTopicResponse::default().with_partitions(vec![partition]);
            k::FetchResponse::default().with_responses(vec![topic]).into()
        }
        other => panic!("no answer to {other}"),
    }
}

/// `2@7`: a log that ends at 7 with a record of epoch 2.
fn place(text: &str) -> (i32, i64) {
    let (epoch, end) = text.split_once('@').expect("epoch@end");
    (epoch.parse().expect("an epoch"), end.parse().expect("an offset"))
}

fn ticket(operation: &DiskOperation) -> Option<Ticket> {
    match operation {
        DiskOperation::Flush { ticket, .. } | DiskOperation::Write { ticket, .. } => *ticket,
        DiskOperation::Create { .. }
        | DiskOperation::Append { .. }
        | DiskOperation::AppendInVain { .. }
        | DiskOperation::Truncate { .. }
        | DiskOperation::Delete { .. } => None,
    }
}

fn or_dash(id: Option<BrokerId>) -> String {
    id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

/// An effect in a line; none for what the log says of itself.
fn show(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Send { to, body, .. } => format!("send {to} {}", show_request(body)),
        Effect::Answer { request, body, records } => {
            format!("answer {} {}", request.number, show_response(body, records))
        }
        Effect::Disk(operation) | Effect::Log(LogEffect::Disk(operation)) => match operation {
            DiskOperation::Append { batch, .. } => {
                let (base, end, epoch) =
                    (batch.base_offset, batch.end_offset(), batch.leader_epoch);
                format!("append {base}..{end} epoch={epoch}")
            }
            DiskOperation::AppendInVain { .. } => unreachable!("this disk refuses nothing"),
            DiskOperation::Truncate { end, .. } => format!("truncate to {end}"),
            DiskOperation::Flush { .. } => "flush".to_owned(),
            DiskOperation::Write { content: Checkpoint::QuorumState(state), .. } => {
                let QuorumState { leader_epoch, leader, voted } = state;
                let (leader, voted) = (or_dash(*leader), or_dash(*voted));
                format!("quorum-state epoch={leader_epoch} leader={leader} voted={voted}")
            }
            DiskOperation::Write { .. }
            | DiskOperation::Create { .. }
            | DiskOperation::Delete { .. } => return None,
        },
        Effect::Log(LogEffect::Event(_)) => return None,
        Effect::LeaderChanged { leader_epoch, leader, epoch_start } => {
            let start = epoch_start.map_or_else(String::new, |start| format!(" from {start}"));
            format!("tell epoch={leader_epoch} leader={}{start}", or_dash(*leader))
        }
        Effect::HighWatermarkMoved { offset } => format!("tell high-watermark={offset}"),
        Effect::Event { kind, .. } => show_event(kind)?,
        Effect::ShutDown => "shut down".to_owned(),
        Effect::Halt { reason } => format!("halt: {reason}"),
    })
}

fn show_event(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::QuorumRoleTaken { role: QuorumRole::Leader, leader_epoch, .. } => {
            format!("event leader epoch={leader_epoch}")
        }
        Kind::QuorumRoleTaken { role, leader_epoch, leader } => {
            format!("event {role} epoch={leader_epoch} leader={}", or_dash(*leader))
        }
        Kind::VoteGranted { candidate, leader_epoch, pre_vote } => {
            let what = if *pre_vote { "promised" } else { "granted" };
            format!("event vote {what} to {candidate} epoch={leader_epoch}")
        }
        Kind::QuorumDurable { durable_end } => format!("event durable to {durable_end}"),
        Kind::FetchDiverged { follower, leader_epoch, end_offset, .. } => {
            format!("event {follower} diverges at {leader_epoch}@{end_offset}")
        }
        // The state machine is told the same.
        _ => return None,
    })
}

fn show_request(body: &RequestBody) -> String {
    match body {
        RequestBody::Vote(body) => {
            let asked = &body.topics[0].partitions[0];
            let what = if asked.pre_vote { "PreVote" } else { "Vote" };
            let (epoch, last) = (asked.replica_epoch, asked.last_offset_epoch);
            format!("{what} epoch={epoch} log={last}@{}", asked.last_offset)
        }
        RequestBody::BeginQuorumEpoch(body) => {
            format!("BeginQuorumEpoch epoch={}", body.topics[0].partitions[0].leader_epoch)
        }
        RequestBody::EndQuorumEpoch(body) => {
            let ended = &body.topics[0].partitions[0];
            let named = ended.preferred_candidates.iter();
            let named: Vec<_> = named.map(|named| named.candidate_id.0).collect();
            format!("EndQuorumEpoch epoch={} successors={named:?}", ended.leader_epoch)
        }
        RequestBody::Fetch(body) => {
            let asked = &body.topics[0].partitions[0];
            let (epoch, last) = (asked.current_leader_epoch, asked.last_fetched_epoch);
            let (end, known) = (asked.fetch_offset, asked.high_watermark);
            format!("Fetch epoch={epoch} log={last}@{end} high-watermark={known}")
        }
        other => panic!("raft does not send {other:?}"),
    }
}

fn show_response(body: &ResponseBody, records: &[Vec<Batch>]) -> String {
    let standing = |error: i16, epoch: i32, leader: k::BrokerId| {
        let error = ErrorCode::from_code(error);
        let leader = or_dash((leader.0 >= 0).then_some(BrokerId(leader.0)));
        format!("{error} epoch={epoch} leader={leader}")
    };
    match body {
        ResponseBody::Vote(body) if body.error_code != 0 => top(body.error_code),
        ResponseBody::Vote(body) => {
            let said = &body.topics[0].partitions[0];
            let verdict = if said.vote_granted { "granted" } else { "refused" };
            let standing = standing(said.error_code, said.leader_epoch, said.leader_id);
            format!("Vote {verdict} {standing}")
        }
        ResponseBody::BeginQuorumEpoch(body) => {
            let said = &body.topics[0].partitions[0];
            let standing = standing(said.error_code, said.leader_epoch, said.leader_id);
            format!("BeginQuorumEpoch {standing}")
        }
        ResponseBody::EndQuorumEpoch(body) => {
            let said = &body.topics[0].partitions[0];
            let standing = standing(said.error_code, said.leader_epoch, said.leader_id);
            format!("EndQuorumEpoch {standing}")
        }
        ResponseBody::Fetch(body) if body.error_code != 0 => top(body.error_code),
        ResponseBody::Fetch(body) => {
            let said = &body.responses[0].partitions[0];
            let leader = &said.current_leader;
            let standing = standing(said.error_code, leader.leader_epoch, leader.leader_id);
            let batches: Vec<_> = records.iter().flatten().collect();
            let records = match (batches.first(), batches.last()) {
                (Some(first), Some(last)) => {
                    format!(" records={}..{}", first.base_offset, last.end_offset())
                }
                _ => String::new(),
            };
            let (epoch, end) = (said.diverging_epoch.epoch, said.diverging_epoch.end_offset);
            let diverging =
                if epoch >= 0 { format!(" diverging={epoch}@{end}") } else { String::new() };
            let known = said.high_watermark;
            format!("Fetch {standing} high-watermark={known}{records}{diverging}")
        }
        other => panic!("raft does not answer {other:?}"),
    }
}

fn top(code: i16) -> String {
    ErrorCode::from_code(code).to_string()
}

/// Kafka's defaults, which the stories count on.
#[test]
fn stories_count_on_the_defaults() {
    let config = RaftConfig::new(BrokerId(1), BrokerSet::of(BrokerId(1)));
    assert_eq!(config.election_timeout, Duration::from_secs(1));
    assert_eq!(config.fetch_timeout, Duration::from_secs(2));
    assert_eq!(config.append_linger, Duration::from_millis(25));
}
