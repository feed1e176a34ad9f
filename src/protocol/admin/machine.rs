//! The admin client's calls under way.

use std::collections::BTreeMap;

use crate::message::{
    AdminCall, AdminReply, Answer, AppError, AppReply, RequestBody, ResponseBody, SendError,
};
use crate::protocol::admin::config::AdminConfig;
use crate::protocol::admin::effect::Effect;
use crate::protocol::admin::groups::{self, Coordinated, Listing};
use crate::protocol::admin::input::Input;
use crate::protocol::admin::records::Deletions;
use crate::protocol::admin::request::{node_for, request, result};
use crate::protocol::machine::Machine;
use crate::types::{BrokerId, CallToken, Deadlines, ErrorCode, Now, Rng, Wall};

/// An admin client: a request for each call, sent again while that may help and
/// `default.api.timeout.ms` is not over.
///
/// Most calls go to any broker, which forwards what only the controller may do; a broker's
/// configuration is asked of itself, records are deleted by their leaders.
///
/// A call that was sent again and is then answered by an error which its own first attempt would
/// explain (the topic exists already, or is gone already) is answered so all the same, as in
/// Kafka: the application must know.
///
/// # Source
///
/// Kafka 4.1, `KafkaAdminClient`, `AdminApiDriver`.
#[derive(Clone, Debug)]
pub struct Admin {
    config: AdminConfig,
    rng: Rng,
    /// Calls under way, by their number.
    calls: BTreeMap<u64, Call>,
    /// The call of each request whose answer is awaited.
    requests: BTreeMap<u64, u64>,
    next_call: u64,
    next_token: u64,
}

/// A call under way.
#[derive(Clone, Debug)]
struct Call {
    token: CallToken,
    call: AdminCall,
    give_up_at: Wall,
    attempts: u32,
    /// Whether its request is on its way; if not, when it is sent again.
    retry_at: Option<Wall>,
    /// Whether some attempt may have taken effect although nobody said so.
    may_be_done: bool,
    last_error: ErrorCode,
    /// Whom it goes to.
    way: Way,
}

/// Whom a call goes to, and how far it has come.
#[derive(Clone, Debug)]
enum Way {
    /// Any broker, or the one that it is about.
    Direct,
    /// The leaders of partitions.
    Leaders(Deletions),
    /// A group's coordinator.
    Coordinator(Coordinated),
    /// Every broker.
    Brokers(Listing),
}

impl Machine for Admin {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Call { token, call } => self.on_call(now.wall, token, call, effects),
            Input::Completed { token, answer } => {
                // One that was given up meanwhile is none of ours any more.
                let Some(number) = self.requests.remove(&token) else { return };
                let Some(call) = self.calls.remove(&number) else { return };
                match &call.way {
                    Way::Direct => self.on_completed(now.wall, number, call, answer, effects),
                    Way::Leaders(_) => {
                        self.on_records(now.wall, number, call, token, answer, effects);
                    }
                    Way::Coordinator(_) => {
                        self.on_coordinator(now.wall, number, call, answer, effects);
                    }
                    Way::Brokers(_) => {
                        self.on_listed(now.wall, number, call, token, answer, effects);
                    }
                }
            }
            Input::Deadline => self.on_deadline(now.wall, effects),
        }
    }

    fn deadlines(&self) -> Deadlines {
        // Calls under way are few: one or two in the life of most clients.
        let due = self.calls.values().map(|call| {
            call.retry_at.map_or(call.give_up_at, |retry_at| retry_at.min(call.give_up_at))
        });
        Deadlines::wall(due.min())
    }
}

impl Admin {
    /// An admin client without calls; `rng` shakes its back-offs.
    pub fn new(config: AdminConfig, rng: Rng) -> Self {
        Self {
            config,
            rng,
            calls: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_call: 0,
            next_token: 0,
        }
    }

    fn on_call(
        &mut self,
        wall: Wall,
        token: CallToken,
        call: AdminCall,
        effects: &mut Vec<Effect>,
    ) {
        let way = if let AdminCall::DeleteRecords { partitions } = &call {
            Way::Leaders(Deletions::new(partitions))
        } else if call == AdminCall::ListGroups {
            Way::Brokers(Listing::default())
        } else if groups::group_of(&call).is_some() {
            Way::Coordinator(Coordinated::default())
        } else {
            Way::Direct
        };
        let call = Call {
            token,
            call,
            give_up_at: wall + self.config.api_timeout,
            attempts: 0,
            retry_at: None,
            may_be_done: false,
            last_error: ErrorCode::None,
            way,
        };
        let number = self.next_call;
        self.next_call += 1;
        self.send(number, call, effects);
    }

    /// A request's time on the broker, in milliseconds.
    fn timeout(&self) -> i32 {
        i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    fn post(
        &mut self,
        number: u64,
        to: Option<BrokerId>,
        body: RequestBody,
        effects: &mut Vec<Effect>,
    ) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.requests.insert(token, number);
        effects.push(match to {
            Some(to) => Effect::Send { token, to, body },
            None => Effect::SendToAny { token, body },
        });
        token
    }

    fn send(&mut self, number: u64, mut call: Call, effects: &mut Vec<Effect>) {
        call.attempts += 1;
        call.retry_at = None;
        let (to, body) = match &call.way {
            Way::Direct => (node_for(&call.call), request(&call.call, self.timeout())),
            Way::Leaders(deletions) => (None, deletions.lookup()),
            Way::Coordinator(coordinated) => to_coordinator(&call.call, coordinated),
            Way::Brokers(listing) if listing.open.is_none() => (None, Listing::lookup()),
            Way::Brokers(_) => {
                self.ask_brokers(number, &mut call, effects);
                self.calls.insert(number, call);
                return;
            }
        };
        self.calls.insert(number, call);
        self.post(number, to, body, effects);
    }

    /// A coordinator's answer, or that to the question who it is.
    ///
    /// Source: Kafka 4.1, `AdminApiDriver.onResponse`, `onFailure`.
    fn on_coordinator(
        &mut self,
        wall: Wall,
        number: u64,
        mut call: Call,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let Way::Coordinator(coordinated) = &mut call.way else { return };
        let is_lookup = coordinated.node.is_none();
        let (body, _) = match answer {
            Ok(answer) => answer,
            Err(why) => {
                // It may be another's by now.
                coordinated.node = None;
                let could_be_done = call.may_be_done;
                call.last_error = unanswered(&mut call, why);
                // A question changes nothing.
                call.may_be_done = could_be_done || !is_lookup && call.may_be_done;
                return self.retry(wall, number, call, effects);
            }
        };
        let error = match coordinated.node {
            None => match groups::coordinator(&body) {
                Ok(node) => {
                    coordinated.node = Some(node);
                    return self.ask_coordinator(number, call, effects);
                }
                Err(error) => error,
            },
            Some(node) => match groups::result(node, &body) {
                Ok(reply) => {
                    let reply = AppReply::Admin(reply);
                    effects.push(Effect::Reply { token: call.token, reply });
                    return;
                }
                Err(error) => error,
            },
        };
        call.last_error = error;
        if coordinated.turns_classic(&call.call, error) || coordinated.may_retry(&call.call, error)
        {
            self.retry(wall, number, call, effects);
        } else {
            give_up(&call, effects);
        }
    }

    /// The next step of a call that is not another attempt.
    fn ask_coordinator(&mut self, number: u64, call: Call, effects: &mut Vec<Effect>) {
        let Way::Coordinator(coordinated) = &call.way else { return };
        let (to, body) = to_coordinator(&call.call, coordinated);
        self.calls.insert(number, call);
        self.post(number, to, body, effects);
    }

    /// A broker's list, or which brokers there are.
    fn on_listed(
        &mut self,
        wall: Wall,
        number: u64,
        mut call: Call,
        token: u64,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let Way::Brokers(listing) = &mut call.way else { return };
        let broker = listing.awaited.remove(&token);
        match (answer, broker) {
            (Ok((body, _)), Some(broker)) => listing.told(broker, &body),
            (Ok((body, _)), None) => {
                listing.take_brokers(&body);
                self.ask_brokers(number, &mut call, effects);
            }
            (Err(why), _) => {
                let error = unanswered(&mut call, why);
                let Way::Brokers(listing) = &mut call.way else { return };
                listing.last_error = Some(error);
            }
        }
        let Way::Brokers(listing) = &call.way else { return };
        call.last_error = listing.last_error.unwrap_or(call.last_error);
        if !listing.awaited.is_empty() {
            self.calls.insert(number, call);
        } else if listing.is_complete() {
            let reply = AppReply::Admin(listing.outcome(ErrorCode::None));
            effects.push(Effect::Reply { token: call.token, reply });
        } else {
            self.retry(wall, number, call, effects);
        }
    }

    /// Asks the brokers that have not answered for good.
    fn ask_brokers(&mut self, number: u64, call: &mut Call, effects: &mut Vec<Effect>) {
        let Way::Brokers(listing) = &mut call.way else { return };
        for broker in listing.open.clone().into_iter().flatten() {
            let token = self.post(number, Some(broker), Listing::request(), effects);
            listing.awaited.insert(token, broker);
        }
    }

    fn on_completed(
        &mut self,
        wall: Wall,
        number: u64,
        mut call: Call,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let is_answered = answer.is_ok();
        let error = match answer.map(|(body, _)| result(&call.call, &body)) {
            Ok(Ok(reply)) => {
                let reply = AppReply::Admin(reply);
                effects.push(Effect::Reply { token: call.token, reply });
                return;
            }
            Ok(Err(error)) => error,
            Err(why) => unanswered(&mut call, why),
        };
        // The controller goes on with what it began when the broker stops waiting for it.
        call.may_be_done |= error == ErrorCode::RequestTimedOut;
        call.last_error = error;
        // What a broker answers is final; another may know the controller better.
        if is_answered && error != ErrorCode::NotController {
            give_up(&call, effects);
        } else {
            self.retry(wall, number, call, effects);
        }
    }

    /// One of the requests of a call that goes to leaders is answered, or never will be.
    fn on_records(
        &mut self,
        wall: Wall,
        number: u64,
        mut call: Call,
        token: u64,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let Way::Leaders(deletions) = &mut call.way else { return };
        let is_lookup = deletions.awaited.remove(&token).is_none();
        match answer {
            Ok((body, _)) if is_lookup => {
                self.ask_leaders(number, &mut call, &body, effects);
            }
            Ok((body, _)) => deletions.told(&body),
            Err(why) => call.last_error = unanswered(&mut call, why),
        }
        let Way::Leaders(deletions) = &call.way else { return };
        if !deletions.awaited.is_empty() {
            self.calls.insert(number, call);
        } else if deletions.open.is_empty() {
            let reply = AdminReply::Deleted(deletions.outcome(ErrorCode::None));
            let reply = AppReply::Admin(reply);
            effects.push(Effect::Reply { token: call.token, reply });
        } else {
            self.retry(wall, number, call, effects);
        }
    }

    fn ask_leaders(
        &mut self,
        number: u64,
        call: &mut Call,
        body: &ResponseBody,
        effects: &mut Vec<Effect>,
    ) {
        let timeout = self.timeout();
        let Way::Leaders(deletions) = &mut call.way else { return };
        for (leader, places) in deletions.leaders(body) {
            let body = deletions.request(&places, timeout);
            let token = self.post(number, Some(leader), body, effects);
            deletions.awaited.insert(token, places);
        }
    }

    fn retry(&mut self, wall: Wall, number: u64, mut call: Call, effects: &mut Vec<Effect>) {
        if call.attempts > self.config.retries || call.give_up_at <= wall {
            give_up(&call, effects);
            return;
        }
        let wait = self.config.retry_backoff.wait(call.attempts - 1, &mut self.rng);
        call.retry_at = Some(wall + wait);
        self.calls.insert(number, call);
    }

    fn on_deadline(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let is_due = |call: &Call| {
            call.give_up_at <= wall || call.retry_at.is_some_and(|retry_at| retry_at <= wall)
        };
        let calls = self.calls.iter();
        let due: Vec<u64> =
            calls.filter(|(_, call)| is_due(call)).map(|(number, _)| *number).collect();
        for number in due {
            let mut call = self.calls.remove(&number).expect("listed above");
            if call.give_up_at <= wall {
                call.may_be_done |= call.retry_at.is_none();
                call.last_error = ErrorCode::RequestTimedOut;
                give_up(&call, effects);
            } else {
                self.send(number, call, effects);
            }
        }
    }
}

/// Takes note of a request without an answer.
fn unanswered(call: &mut Call, why: SendError) -> ErrorCode {
    match why {
        SendError::NotConnected => ErrorCode::NetworkException,
        SendError::Disconnected => {
            call.may_be_done = true;
            ErrorCode::NetworkException
        }
        SendError::TimedOut => {
            call.may_be_done = true;
            ErrorCode::RequestTimedOut
        }
    }
}

/// The next request of a call to a coordinator, and to whom.
fn to_coordinator(call: &AdminCall, coordinated: &Coordinated) -> (Option<BrokerId>, RequestBody) {
    let asked = groups::request(call, coordinated.is_classic);
    match (coordinated.node, asked, groups::group_of(call)) {
        (Some(node), Some(body), _) => (Some(node), body),
        (_, _, Some(group)) => (None, groups::lookup(group)),
        (_, _, None) => unreachable!("only calls about a group come here"),
    }
}

fn give_up(call: &Call, effects: &mut Vec<Effect>) {
    let reply = match &call.way {
        Way::Leaders(deletions) if !deletions.settled.is_empty() => {
            let error = ErrorCode::RequestTimedOut;
            AppReply::Admin(AdminReply::Deleted(deletions.outcome(error)))
        }
        // Whoever knows of some groups is told of these, and of whom the others may be.
        Way::Brokers(listing) if listing.open.is_some() => {
            AppReply::Admin(listing.outcome(call.last_error))
        }
        _ if call.may_be_done && !call.call.changes_nothing() => {
            AppReply::Failed(AppError::Unknown(call.last_error))
        }
        Way::Direct | Way::Leaders(_) | Way::Coordinator(_) | Way::Brokers(_) => {
            AppReply::Failed(AppError::Refused(call.last_error))
        }
    };
    effects.push(Effect::Reply { token: call.token, reply });
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages as k;
    use kafka_protocol::messages::delete_records_response as dr;
    use kafka_protocol::messages::metadata_response as mr;
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::message::ConfigResource;
    use crate::types::Offset;

    const TOKEN: CallToken = CallToken(7);

    fn name() -> k::TopicName {
        k::TopicName(StrBytes::from_static_str("orders"))
    }

    fn admin() -> Admin {
        Admin::new(AdminConfig::default(), Rng::named(1, "admin-backoff", &[]))
    }

    fn step(admin: &mut Admin, millis: i64, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        let now = Now { wall: Wall(millis * 1000), ..Now::default() };
        admin.step(now, input, &mut effects);
        effects
    }

    fn call(admin: &mut Admin, call: AdminCall) -> Vec<Effect> {
        step(admin, 0, Input::Call { token: TOKEN, call })
    }

    /// Partition n of `orders` is led by the n-th.
    fn led_by(leaders: &[i32]) -> ResponseBody {
        let partition = |(index, leader): (i32, &i32)| {
            mr::MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(k::BrokerId(*leader))
        };
        let topic = mr::MetadataResponseTopic::default()
            .with_name(Some(name()))
            .with_partitions((0..).zip(leaders).map(partition).collect());
        k::MetadataResponse::default().with_topics(vec![topic]).into()
    }

    fn deleted(partition: i32, start: i64, error: ErrorCode) -> ResponseBody {
        let partition = dr::DeleteRecordsPartitionResult::default()
            .with_partition_index(partition)
            .with_low_watermark(start)
            .with_error_code(error.code());
        let topic = dr::DeleteRecordsTopicResult::default()
            .with_name(name())
            .with_partitions(vec![partition]);
        k::DeleteRecordsResponse::default().with_topics(vec![topic]).into()
    }

    /// The requests to brokers among `effects`, with the partitions and offsets that they name.
    fn deletions(effects: &[Effect]) -> Vec<(u64, i32, Vec<(i32, i64)>)> {
        let sent = effects.iter().filter_map(|effect| {
            let Effect::Send { token, to, body: RequestBody::DeleteRecords(body) } = effect else {
                return None;
            };
            let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
            let places = partitions.map(|asked| (asked.partition_index, asked.offset));
            Some((*token, to.0, places.collect()))
        });
        sent.collect()
    }

    #[test]
    fn records_are_deleted_by_their_leaders_also_after_these_moved() {
        let mut admin = admin();
        let partitions = vec![
            ("orders".into(), 0, Some(Offset(5))),
            ("orders".into(), 1, None),
            ("orders".into(), 2, Some(Offset(9))),
        ];
        let asked = call(&mut admin, AdminCall::DeleteRecords { partitions });
        let [Effect::SendToAny { token, body: RequestBody::Metadata(_) }] = &asked[..] else {
            panic!("{asked:?} is no question for the leaders")
        };
        let answer = Ok((led_by(&[1, 2, 1]), Vec::new()));
        let sent = deletions(&step(&mut admin, 1, Input::Completed { token: *token, answer }));
        assert_eq!(sent[0].1, 1);
        assert_eq!(sent[0].2, [(0, 5), (2, 9)]);
        assert_eq!((sent[1].1, &sent[1].2[..]), (2, &[(1, -1)][..]));
        // Broker 1 answers for partition 0 and leaves partition 2 out; broker 2 leads no more.
        let answer = Ok((deleted(0, 5, ErrorCode::None), Vec::new()));
        assert_eq!(step(&mut admin, 2, Input::Completed { token: sent[0].0, answer }), []);
        let answer = Ok((deleted(1, -1, ErrorCode::NotLeaderOrFollower), Vec::new()));
        assert_eq!(step(&mut admin, 3, Input::Completed { token: sent[1].0, answer }), []);
        let again = step(&mut admin, 200, Input::Deadline);
        let [Effect::SendToAny { token, .. }] = &again[..] else { panic!("{again:?}") };
        let answer = Ok((led_by(&[1, 3, 3]), Vec::new()));
        let sent = deletions(&step(&mut admin, 201, Input::Completed { token: *token, answer }));
        assert_eq!((sent[0].1, &sent[0].2[..]), (3, &[(1, -1), (2, 9)][..]));
        // One is done, of the other the leader says what no further attempt would mend.
        let mut answer = deleted(1, 40, ErrorCode::None);
        if let ResponseBody::DeleteRecords(body) = &mut answer {
            body.topics[0].partitions.push(
                dr::DeleteRecordsPartitionResult::default()
                    .with_partition_index(2)
                    .with_error_code(ErrorCode::OffsetOutOfRange.code()),
            );
        }
        let answer = Ok((answer, Vec::new()));
        let told = step(&mut admin, 202, Input::Completed { token: sent[0].0, answer });
        let reply = AppReply::Admin(AdminReply::Deleted(vec![
            ("orders".into(), 0, Ok(Offset(5))),
            ("orders".into(), 1, Ok(Offset(40))),
            ("orders".into(), 2, Err(ErrorCode::OffsetOutOfRange)),
        ]));
        assert_eq!(told, [Effect::Reply { token: TOKEN, reply }]);
    }

    #[test]
    fn a_brokers_configuration_is_asked_of_itself() {
        let mut admin = admin();
        let resource = ConfigResource::Broker(BrokerId(2));
        let asked = call(&mut admin, AdminCall::DescribeConfigs { resource });
        assert!(matches!(&asked[..], [Effect::Send { to: BrokerId(2), .. }]), "{asked:?}");
        let asked = call(&mut admin, AdminCall::DescribeCluster);
        assert!(matches!(&asked[..], [Effect::SendToAny { .. }]), "{asked:?}");
    }

    /// An answer that was lost leaves a change unknown and a question unanswered.
    #[test]
    fn a_lost_answer_is_an_unknown_outcome_only_of_what_changes_something() {
        let calls = [
            (AdminCall::UnregisterBroker { broker: BrokerId(2) }, true),
            (AdminCall::DescribeCluster, false),
        ];
        for (asked, is_unknown) in calls {
            let config = AdminConfig { retries: 0, ..Default::default() };
            let mut admin = Admin::new(config, Rng::named(1, "admin-backoff", &[]));
            let sent = call(&mut admin, asked);
            let [Effect::SendToAny { token, .. }] = &sent[..] else { panic!("{sent:?}") };
            let answer = Err(SendError::Disconnected);
            let told = step(&mut admin, 1, Input::Completed { token: *token, answer });
            let code = ErrorCode::NetworkException;
            let error = if is_unknown { AppError::Unknown(code) } else { AppError::Refused(code) };
            assert_eq!(told, [Effect::Reply { token: TOKEN, reply: AppReply::Failed(error) }]);
        }
    }
}
