//! What clients met with, in lines of a run's story: refusals and records given up, each kind
//! gathered while it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::event::{Event, Kind, MemberState, OperationResult, OperationVerb};
use crate::explore::outcome::{Matter, Moment};
use crate::report::several;
use crate::trace::Model;
use crate::types::{ErrorCode, HostId, Moment as Instant, OperationId};

/// Errors of one kind that come within this time of each other are one line.
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// What is told in one line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Trouble {
    /// A broker answered a batch with this error.
    Refused(ErrorCode),
    /// A producer is through with a batch, and it is certain that it was not written.
    Failed(ErrorCode),
    /// A producer is through with a batch, and nobody knows whether it was written.
    Unknown(ErrorCode),
    /// A member's application was told so by its poll.
    PollFailed(ErrorCode),
    /// Likewise, and it can never be a member again.
    RefusedForGood(ErrorCode),
}

/// What has come of one kind of trouble and has not ended yet.
#[derive(Clone, Debug)]
struct Group {
    since: Instant,
    until: Instant,
    event: u64,
    /// Batches, or polls.
    count: u64,
    hosts: BTreeSet<String>,
    partitions: BTreeSet<String>,
}

/// Gathers what clients met with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles {
    /// The poll in which each application is.
    polls: BTreeMap<HostId, OperationId>,
    open: BTreeMap<Trouble, Group>,
    lines: Vec<Moment>,
}

impl Troubles {
    /// Looks at an event; most say nothing of trouble.
    pub(crate) fn observe(&mut self, event: &Event, model: &Model) {
        let (trouble, partition) = match &event.kind {
            Kind::ProduceAnswered { error, partition, .. } if *error != ErrorCode::None => {
                (Trouble::Refused(*error), Some(*partition))
            }
            Kind::BatchDone { result: OperationResult::Failed, error, partition, .. } => {
                (Trouble::Failed(*error), Some(*partition))
            }
            Kind::BatchDone { result: OperationResult::Unknown, error, partition, .. } => {
                (Trouble::Unknown(*error), Some(*partition))
            }
            Kind::OperationInvoked { operation, verb: OperationVerb::Poll, .. } => {
                self.polls.extend(event.host.map(|host| (host, *operation)));
                return;
            }
            Kind::OperationReturned { operation, result, error, .. } => {
                let Some(host) = event.host else { return };
                let is_poll = self.polls.get(&host) == Some(operation);
                let member = model.group_members.get(&host);
                let Some(member) = member.filter(|_| is_poll && *result != OperationResult::Ok)
                else {
                    return;
                };
                let is_fatal = member.state == MemberState::Fatal;
                let trouble = if is_fatal { Trouble::RefusedForGood } else { Trouble::PollFailed };
                (trouble(*error), None)
            }
            _ => return,
        };
        if self.open.get(&trouble).is_some_and(|group| event.at.since(group.until) > PAUSE_MAX)
            && let Some(group) = self.open.remove(&trouble)
        {
            self.lines.push(line(trouble, &group));
        }
        let group = self.open.entry(trouble).or_insert_with(|| Group {
            since: event.at,
            until: event.at,
            event: event.index,
            count: 0,
            hosts: BTreeSet::new(),
            partitions: BTreeSet::new(),
        });
        group.until = event.at;
        group.count += 1;
        group.hosts.insert(model.setup().host_name(event.host).to_owned());
        group.partitions.extend(partition.map(|partition| model.partition_name(partition)));
    }

    /// The lines, in no order.
    pub(crate) fn finish(self) -> Vec<Moment> {
        let mut lines = self.lines;
        lines.extend(self.open.iter().map(|(trouble, group)| line(*trouble, group)));
        lines
    }
}

fn line(trouble: Trouble, group: &Group) -> Moment {
    let hosts = several(group.hosts.iter().map(String::as_str));
    let of = several(group.partitions.iter().map(String::as_str));
    let batches = match group.count {
        1 => "a batch".to_owned(),
        many => format!("{many} batches"),
    };
    let one = group.hosts.len() == 1;
    let (refuses, gives) = if one { ("refuses", "gives") } else { ("refuse", "give") };
    let what = match trouble {
        Trouble::Refused(error) => format!("{hosts} {refuses} {batches} of {of}: {error}"),
        Trouble::Failed(error) => {
            format!("{hosts} {gives} up {batches} of {of}, not written: {error}")
        }
        Trouble::Unknown(error) => {
            format!("{hosts} {gives} up {batches} of {of}, perhaps written: {error}")
        }
        Trouble::PollFailed(error) => match group.count {
            1 => format!("a poll of {hosts} fails: {error}"),
            many => format!("{many} polls of {hosts} fail: {error}"),
        },
        Trouble::RefusedForGood(error) => {
            let (is, member) = if one { ("is", "a member") } else { ("are", "members") };
            format!("{hosts} {is} refused as {member} for good: {error}")
        }
    };
    // What took an instant needs no end.
    let text = match group.until.since(group.since) {
        short if short < Duration::from_millis(10) => what,
        _ => format!("{what}, until {}", seconds_of(group.until)),
    };
    let at_micros = group.since.scenario_micros();
    Moment { at_micros, event: Some(group.event), matter: Matter::Clients, text }
}

/// `at` as seconds since time zero, to the millisecond.
fn seconds_of(at: Instant) -> String {
    let millis = at.scenario_micros() / 1000;
    format!("{}.{:03}s", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::script::{ORDERS, OTHER, PLAIN, READER, Script, WRITER};
    use crate::event::AckMode;
    use crate::types::{BatchId, ClientId};

    fn told(run: &Script) -> Vec<String> {
        let mut troubles = Troubles::default();
        for event in run.events() {
            troubles.observe(event, run.model());
        }
        let mut lines = troubles.finish();
        lines.sort_by_key(|line| line.at_micros);
        lines.into_iter().map(|line| line.text).collect()
    }

    fn refuse(run: &mut Script, broker: u16, error: ErrorCode) {
        let answered = Kind::ProduceAnswered {
            partition: ORDERS,
            batch: BatchId(7),
            acks: AckMode::All,
            error,
            base_offset: None,
        };
        run.add(HostId(broker), answered);
    }

    #[test]
    fn errors_of_a_kind_are_one_line_until_they_pause() {
        let mut run = Script::new();
        refuse(&mut run, 1, ErrorCode::None);
        for _ in 0..20 {
            refuse(&mut run, 1, ErrorCode::NotEnoughReplicas);
        }
        refuse(&mut run, 2, ErrorCode::NotLeaderOrFollower);
        run.wait(4);
        refuse(&mut run, 1, ErrorCode::NotEnoughReplicas);
        let told = told(&run);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with(
                "broker-1 refuses 20 batches of orders-0: NOT_ENOUGH_REPLICAS, until "
            ),
            "{told:?}"
        );
        assert_eq!(told[1], "broker-2 refuses a batch of orders-0: NOT_LEADER_OR_FOLLOWER");
        assert_eq!(told[2], "broker-1 refuses a batch of orders-0: NOT_ENOUGH_REPLICAS");
    }

    #[test]
    fn what_producers_give_up_is_told_with_what_is_known_of_it() {
        let mut run = Script::new();
        for (host, result) in [(WRITER, OperationResult::Failed), (PLAIN, OperationResult::Unknown)]
        {
            let done = Kind::BatchDone {
                partition: ORDERS,
                batch: BatchId(1),
                result,
                error: ErrorCode::RequestTimedOut,
                base_offset: None,
                latency: Duration::from_secs(3),
            };
            run.add(host, done);
        }
        assert_eq!(
            told(&run),
            [
                "writer gives up a batch of orders-0, not written: REQUEST_TIMED_OUT",
                "plain gives up a batch of orders-0, perhaps written: REQUEST_TIMED_OUT",
            ]
        );
    }

    fn polls(run: &mut Script, host: HostId, error: ErrorCode) {
        let operation = OperationId { client: ClientId(host.0), number: 4 };
        let verb = OperationVerb::Poll;
        run.add(host, Kind::OperationInvoked { operation, verb, topic: None });
        let result =
            if error == ErrorCode::None { OperationResult::Ok } else { OperationResult::Failed };
        let (partition, offset) = (None, None);
        let kind = Kind::OperationReturned { operation, result, error, partition, offset };
        run.add(host, kind);
    }

    fn enters(run: &mut Script, host: HostId, state: MemberState) {
        let (group, member, epoch, leads) = ("billing".into(), "m".into(), 1, false);
        run.add(host, Kind::MemberStateEntered { group, member, epoch, state, leads });
    }

    #[test]
    fn polls_that_fail_and_members_that_are_refused_are_told() {
        let mut run = Script::new();
        // Of a consumer that is in no group the probe would tell, too.
        polls(&mut run, PLAIN, ErrorCode::OffsetOutOfRange);
        enters(&mut run, READER, MemberState::Stable);
        polls(&mut run, READER, ErrorCode::None);
        polls(&mut run, READER, ErrorCode::OffsetOutOfRange);
        polls(&mut run, READER, ErrorCode::OffsetOutOfRange);
        for host in [WRITER, OTHER] {
            enters(&mut run, host, MemberState::Fatal);
            polls(&mut run, host, ErrorCode::GroupMaxSizeReached);
        }
        assert_eq!(
            told(&run),
            [
                "2 polls of reader fail: OFFSET_OUT_OF_RANGE",
                "other, writer are refused as members for good: GROUP_MAX_SIZE_REACHED",
            ]
        );
    }
}
