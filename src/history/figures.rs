//! The figures of a run: how long nobody led, how long nothing was acknowledged, how fast it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::event::{
    AckMode, Coordinators, Event, Kind, OperationResult, OperationVerb, Phase, ReplicaRole,
};
use crate::history::group_figures::GroupFigures;
use crate::history::groups::GroupCounter;
use crate::types::{
    Chunks, HostId, LeaderEpoch, Moment, Name, PartitionIndex, TopicId, TopicPartition,
};

/// Figures that every run prints. Latencies are an application's: from its `send` to the answer.
///
/// Times of unavailability count from time zero until healing begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// How long each partition of a topic that had clients had nobody who acted as the leader of
    /// its newest epoch.
    pub leaderless: Vec<(String, Duration)>,
    /// The longest time in which no record was acknowledged while some were asked for.
    pub longest_without_ack: Duration,
    /// When that time began.
    pub longest_without_ack_at: Option<Moment>,
    /// Times of at least [`LONG_WAIT`] in which no record was acknowledged while some were asked
    /// for: when each began, and how long it was.
    pub waits: Vec<(Moment, Duration)>,
    /// Half of the acknowledged records took at most this.
    pub ack_latency_p50: Option<Duration>,
    /// 99 in 100 did.
    pub ack_latency_p99: Option<Duration>,
    /// The slowest did.
    pub ack_latency_max: Option<Duration>,
    /// Records acknowledged.
    pub acked: u64,
    /// Records that certainly were not written.
    pub failed: u64,
    /// Records of which nobody can say: those that nobody answered for, and all of acks=0.
    pub unknown: u64,
    /// Acknowledged records that are in no current leader's log at the end.
    pub lost: u64,
    /// Of each consumer group.
    pub groups: Vec<GroupFigures>,
}

/// A wait for acknowledgements is told from this length on.
pub const LONG_WAIT: Duration = Duration::from_secs(1);

/// Folds events into [`Figures`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FigureCounter {
    /// By [`HostId`]: the clients that count.
    clients: Vec<Option<Asker>>,
    /// Topics that these clients used.
    used: BTreeSet<TopicId>,
    topics: BTreeMap<TopicId, Name>,
    partitions: BTreeMap<TopicPartition, Leadership>,
    /// When healing began.
    healed: Option<Moment>,
    /// Records asked for that wait for an acknowledgement.
    asked: u64,
    /// Since when some are asked for and none was acknowledged.
    waiting_since: Option<Moment>,
    longest_wait: Wait,
    long_waits: Vec<(Moment, Duration)>,
    /// Of each acknowledged record, in microseconds.
    latencies: Chunks<u32>,
    /// Of consumer groups; none where nobody can be in one.
    groups: Option<Box<GroupCounter>>,
    /// Who may tell of them.
    coordinators: Coordinators,
    acked: u64,
    failed: u64,
    unknown: u64,
}

/// A time without an acknowledgement, and when it began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Wait {
    time: Duration,
    began: Option<Moment>,
}

/// A client that counts.
#[derive(Clone, PartialEq, Debug, Default)]
struct Asker {
    /// Sends that are not answered yet, and when each was asked for.
    asked: BTreeMap<u32, Moment>,
    /// Other operations that are under way; few at a time.
    others: BTreeSet<u32>,
    /// It sends with acks=0: what it calls success is no acknowledgement.
    wants_no_answer: bool,
}

/// Who leads a partition, and how long nobody did.
#[derive(Clone, PartialEq, Debug, Default)]
struct Leadership {
    leader_epoch: LeaderEpoch,
    acting: Option<HostId>,
    /// Since when nobody has acted.
    absent_since: Option<Moment>,
    absent: Duration,
}

impl FigureCounter {
    /// Counts what `clients` asked for; those that only serve the run are left out. Whether any
    /// may be a member of a group is known beforehand: their fold looks at every event.
    pub fn new(clients: impl IntoIterator<Item = HostId>, has_groups: bool) -> Self {
        let groups = has_groups.then(Box::default);
        let mut counter = Self { groups, ..Self::default() };
        for host in clients {
            let at = usize::from(host.0);
            if counter.clients.len() <= at {
                counter.clients.resize(at + 1, None);
            }
            counter.clients[at] = Some(Asker::default());
        }
        counter
    }

    /// Folds in `event`, which must be the next of the trace.
    pub fn apply(&mut self, event: &Event) {
        if let Some(groups) = &mut self.groups {
            self.coordinators.apply(event);
            if !self.coordinators.is_late(event) {
                groups.apply(event);
            }
        }
        match &event.kind {
            Kind::OperationInvoked { .. }
            | Kind::OperationReturned { .. }
            | Kind::BatchSealed { .. }
            | Kind::PositionSet { .. } => self.of_client(event),
            Kind::PartitionCommitted { partition, leader_epoch, .. } => {
                let known = self.partitions.entry(*partition).or_default();
                let is_first = known.acting.is_none() && known.absent_since.is_none();
                if is_first || known.leader_epoch < *leader_epoch {
                    known.leader_epoch = *leader_epoch;
                    known.set_acting(None, event.at, self.healed);
                }
            }
            Kind::RoleTaken { partition, role, leader_epoch, .. } => {
                let known = self.partitions.entry(*partition).or_default();
                if *leader_epoch < known.leader_epoch {
                    return;
                }
                known.leader_epoch = *leader_epoch;
                if *role == ReplicaRole::Leader {
                    known.set_acting(event.host, event.at, self.healed);
                } else if known.acting == event.host {
                    known.set_acting(None, event.at, self.healed);
                }
            }
            Kind::TopicCommitted { topic, name, .. } => {
                self.topics.insert(*topic, name.clone());
            }
            Kind::TopicRemoved { topic, .. } => {
                self.partitions.retain(|partition, _| partition.topic_id != *topic);
            }
            Kind::HostStopped { .. } => self.on_stopped(event),
            Kind::PhaseBegan { phase: Phase::Heal } => {
                self.end_wait(event.at);
                self.waiting_since = None;
                self.healed = Some(event.at);
            }
            _ => {}
        }
    }

    fn of_client(&mut self, event: &Event) {
        let Some(host) = event.host else { return };
        let Some(Some(client)) = self.clients.get_mut(usize::from(host.0)) else { return };
        match &event.kind {
            Kind::OperationInvoked { operation, verb, .. } => {
                if *verb != OperationVerb::Send {
                    client.others.insert(operation.number);
                    return;
                }
                client.asked.insert(operation.number, event.at);
                if !client.wants_no_answer {
                    self.asked += 1;
                    if self.healed.is_none() {
                        self.waiting_since.get_or_insert(event.at);
                    }
                }
            }
            Kind::OperationReturned { operation, result, .. } => {
                if !client.others.remove(&operation.number) {
                    self.on_answered(event, (host, operation.number), *result);
                }
            }
            Kind::BatchSealed { partition, acks, .. } => {
                self.used.insert(partition.topic_id);
                if *acks == AckMode::None && !client.wants_no_answer {
                    client.wants_no_answer = true;
                    self.asked -= client.asked.len() as u64;
                    if self.asked == 0 {
                        self.waiting_since = None;
                    }
                }
            }
            Kind::PositionSet { partition, .. } => {
                self.used.insert(partition.topic_id);
            }
            _ => {}
        }
    }

    fn on_answered(
        &mut self,
        event: &Event,
        (host, operation): (HostId, u32),
        result: OperationResult,
    ) {
        let Some(Some(client)) = self.clients.get_mut(usize::from(host.0)) else { return };
        // An answer to a question that nobody heard is none.
        let Some(asked_at) = client.asked.remove(&operation) else { return };
        if !client.wants_no_answer {
            self.asked -= 1;
        }
        match result {
            OperationResult::Ok if client.wants_no_answer => self.unknown += 1,
            OperationResult::Ok => {
                self.acked += 1;
                let latency = event.at.since(asked_at).as_micros();
                self.latencies.push(u32::try_from(latency).unwrap_or(u32::MAX));
                self.end_wait(event.at);
                let goes_on = self.asked > 0 && self.healed.is_none();
                self.waiting_since = goes_on.then_some(event.at);
            }
            // Nobody was served: the wait goes on, whether something else is asked for or not.
            OperationResult::Failed => self.failed += 1,
            OperationResult::Unknown => self.unknown += 1,
        }
    }

    fn on_stopped(&mut self, event: &Event) {
        for known in self.partitions.values_mut() {
            if known.acting.is_some() && known.acting == event.host {
                known.set_acting(None, event.at, self.healed);
            }
        }
        let at = event.host.map_or(usize::MAX, |host| usize::from(host.0));
        let Some(Some(client)) = self.clients.get_mut(at) else { return };
        // Nobody hears the answers any more.
        let asked = std::mem::take(&mut client.asked).len() as u64;
        self.unknown += asked;
        if !client.wants_no_answer {
            self.asked -= asked;
        }
        client.others.clear();
        if self.asked == 0 {
            self.waiting_since = None;
        }
    }

    /// The wait that is under way at `now`.
    fn wait_until(&self, now: Moment) -> Wait {
        let time = self.waiting_since.map(|since| now.since(since)).unwrap_or_default();
        Wait { time, began: self.waiting_since }
    }

    fn end_wait(&mut self, now: Moment) {
        let wait = self.wait_until(now);
        // The first of several that are equal.
        if wait.time > self.longest_wait.time {
            self.longest_wait = wait;
        }
        if let Some(began) = wait.began
            && wait.time >= LONG_WAIT
        {
            self.long_waits.push((began, wait.time));
        }
    }

    /// The figures at `now`, with `lost` counted by whoever knows the logs and the names of hosts
    /// told by `host_name`.
    pub fn figures(&self, now: Moment, lost: u64, host_name: &dyn Fn(HostId) -> String) -> Figures {
        let asked =
            self.clients.iter().flatten().map(|client| client.asked.len() as u64).sum::<u64>();
        // All that a run remembers is there when this is asked: not a byte more than it takes.
        let mut latencies: Vec<u32> = Vec::with_capacity(self.latencies.len());
        latencies.extend(self.latencies.iter());
        latencies.sort_unstable();
        let mut ended = self.clone_waits();
        ended.end_wait(now);
        Figures {
            leaderless: self.leaderless(now),
            longest_without_ack: ended.longest_wait.time,
            longest_without_ack_at: ended.longest_wait.began,
            waits: ended.long_waits,
            ack_latency_p50: percentile(&latencies, 50),
            ack_latency_p99: percentile(&latencies, 99),
            ack_latency_max: percentile(&latencies, 100),
            acked: self.acked,
            failed: self.failed,
            unknown: self.unknown + asked,
            lost,
            groups: match &self.groups {
                Some(groups) => groups.figures(now, &self.topics, host_name),
                None => Vec::new(),
            },
        }
    }

    /// What is known of waits, and nothing else.
    fn clone_waits(&self) -> Self {
        Self {
            waiting_since: self.waiting_since,
            longest_wait: self.longest_wait,
            long_waits: self.long_waits.clone(),
            ..Self::default()
        }
    }

    /// By topic name and partition.
    fn leaderless(&self, now: Moment) -> Vec<(String, Duration)> {
        let used = self.partitions.iter().filter(|(id, _)| self.used.contains(&id.topic_id));
        let mut named: Vec<(&str, PartitionIndex, Duration)> = used
            .filter_map(|(id, known)| {
                let name = self.topics.get(&id.topic_id)?;
                Some((name.as_str(), id.partition, known.absent_until(now, self.healed)))
            })
            .collect();
        named.sort_unstable();
        let of = |(topic, number, absent)| (format!("{topic}-{number}"), absent);
        named.into_iter().map(of).collect()
    }
}

impl Leadership {
    fn set_acting(&mut self, acting: Option<HostId>, now: Moment, healed: Option<Moment>) {
        self.absent = self.absent_until(now, healed);
        self.absent_since = acting.is_none().then_some(now);
        self.acting = acting;
    }

    fn absent_until(&self, now: Moment, healed: Option<Moment>) -> Duration {
        let until = healed.map_or(now, |healed| healed.min(now));
        let since = self.absent_since.map(|since| since.max(Moment::SCENARIO_BEGINS));
        self.absent + since.map(|since| until.since(since)).unwrap_or_default()
    }
}

/// The smallest of `sorted` that `percent` in 100 do not exceed.
fn percentile(sorted: &[u32], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    let micros = sorted.get(rank.checked_sub(1)?)?;
    Some(Duration::from_micros(u64::from(*micros)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::script::{PLAIN, Script, WRITER};
    use crate::event::CrashKeep;

    fn figures(run: &Script, clients: &[HostId]) -> Figures {
        let mut counter = FigureCounter::new(clients.iter().copied(), false);
        let mut now = Moment(0);
        for event in run.events() {
            counter.apply(event);
            now = event.at;
        }
        counter.figures(now, 0, &|host| host.to_string())
    }

    /// Events follow each other by a millisecond.
    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_time_without_an_acting_leader_counts_until_healing() {
        let mut run = Script::new();
        run.commit(Some(1), 0, &[1, 2, 3]).lead(1, 0, &[1, 2, 3]).seek(WRITER, 0);
        // The committed state still names broker 1 when it is gone already.
        run.crash(1, 0).wait(9).commit(Some(2), 1, &[2, 3]).lead(2, 1, &[2, 3]);
        let expected = vec![("orders-0".to_owned(), millis(1 + 9_003))];
        assert_eq!(figures(&run, &[WRITER]).leaderless, expected);
        run.crash(2, 0).wait(5).phase(Phase::Heal).wait(60);
        run.lead(3, 2, &[3]);
        let expected = vec![("orders-0".to_owned(), millis(1 + 9_003 + 5_002))];
        assert_eq!(figures(&run, &[WRITER]).leaderless, expected);
        assert_eq!(figures(&run, &[PLAIN]).leaderless, Vec::new(), "nobody used it");
    }

    #[test]
    fn the_longest_wait_goes_on_while_sends_fail_and_ends_with_healing() {
        let mut run = Script::new();
        let first = run.seal(WRITER, 1, 1, AckMode::All);
        run.wait(2).done(WRITER, 1, &first, 0).wait(30);
        // Asked at 0, sealed at 1, acknowledged 2,002 later; then nobody asks for half a minute.
        assert_eq!(figures(&run, &[WRITER]).longest_without_ack, millis(2_003));
        let second = run.seal(WRITER, 2, 1, AckMode::All);
        run.wait(3).give_back(WRITER, second[0], OperationResult::Failed, None);
        let third = run.seal(WRITER, 3, 1, AckMode::All);
        run.wait(4).phase(Phase::Heal).wait(50).done(WRITER, 3, &third, 1);
        let found = figures(&run, &[WRITER]);
        assert_eq!(found.longest_without_ack, millis(3_000 + 4_000 + 5));
        assert_eq!((found.acked, found.failed, found.unknown), (2, 1, 0));
    }

    #[test]
    fn long_waits_are_told_with_their_beginnings() {
        let mut run = Script::new();
        let began = |run: &Script| run.events().last().unwrap().at;
        let first = run.seal(WRITER, 1, 1, AckMode::All);
        // Asked for a millisecond before it is sealed.
        let asked = Moment(began(&run).0 - 1000);
        run.wait(2).done(WRITER, 1, &first, 0).wait(30);
        // A short one, of 3 ms, is not told.
        let second = run.seal(WRITER, 2, 1, AckMode::All);
        run.done(WRITER, 2, &second, 1);
        let third = run.seal(WRITER, 3, 1, AckMode::All);
        let last = Moment(began(&run).0 - 1000);
        run.wait(4).phase(Phase::Heal).done(WRITER, 3, &third, 2);
        let found = figures(&run, &[WRITER]);
        assert_eq!(found.waits, [(asked, millis(2_003)), (last, millis(4_002))]);
        assert_eq!(found.longest_without_ack, millis(4_002));
        assert_eq!(found.longest_without_ack_at, Some(last));
    }

    #[test]
    fn records_without_an_answer_and_those_of_acks_0_are_unknown() {
        let mut run = Script::new();
        run.seal(WRITER, 1, 2, AckMode::All);
        run.add(
            WRITER,
            Kind::HostStopped { keep: CrashKeep::Synced, halted: None, in_order: false },
        );
        let operations = run.seal(PLAIN, 2, 3, AckMode::None);
        run.done(PLAIN, 2, &operations, 0).invoke(PLAIN, OperationVerb::Send);
        run.invoke(PLAIN, OperationVerb::Poll);
        let found = figures(&run, &[WRITER, PLAIN]);
        assert_eq!((found.acked, found.failed, found.unknown), (0, 0, 2 + 3 + 1));
        assert_eq!(found.ack_latency_p50, None);
        assert_eq!(figures(&run, &[]).unknown, 0, "the staff does not count");
    }

    #[test]
    fn half_and_99_in_100_of_the_records_took_at_most_this() {
        let mut run = Script::new();
        // Record n takes n seconds from its question to its answer, and 3 ms for the events.
        for record in 1..=200 {
            let operations = run.seal(WRITER, record, 1, AckMode::All);
            run.wait(record).done(WRITER, record, &operations, 0);
        }
        let found = figures(&run, &[WRITER]);
        let took = |seconds: u64| Some(millis(seconds * 1000 + 3));
        assert_eq!(found.ack_latency_p50, took(100));
        assert_eq!(found.ack_latency_p99, took(198));
        assert_eq!(found.ack_latency_max, took(200));
    }
}
