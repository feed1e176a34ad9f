//! The history of clients as `jepsen.tests.kafka` has it, a map of EDN a line.
//!
//! A process of Jepsen has one operation at a time; our clients have many. Each operation takes the
//! lowest of its client's own numbers that is free, and one of which nobody knows the outcome never
//! gives it back. What a process polls is judged by what it polled before: so no two clients share
//! a number, and where a member's partitions change there is a `:subscribe` with those that it has
//! from there on, which makes Jepsen forget the positions of all others. One within a poll ends
//! that poll, which goes on after it as another with the change in its `:rebalance-log`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::event::{Event, FaultVerb, Kind, OperationResult, OperationVerb};
use crate::report::export::format::ExportError;
use crate::trace::{Names, RunFile};
use crate::types::{BatchId, ErrorCode, HostId, Name, Offset, OperationId, TopicPartition};

/// The key of a record that was given up before it had a partition.
const NO_KEY: &str = "-1";

/// What is known of the whole run before its first line is written.
#[derive(Default)]
struct Survey {
    /// Keys of partitions: their places in the order of their names.
    keys: BTreeMap<TopicPartition, usize>,
    by_topic: BTreeMap<Name, Vec<usize>>,
    /// The partitions that a client reads.
    read_by: BTreeMap<HostId, BTreeSet<TopicPartition>>,
    /// Where each record went.
    partition_of: BTreeMap<(HostId, u32), TopicPartition>,
    /// The values of a batch's records.
    batches: BTreeMap<BatchId, Vec<u64>>,
    values: BTreeMap<(HostId, u32), u64>,
    next_value: u64,
}

/// An operation that has not ended.
struct Open {
    process: u64,
    verb: OperationVerb,
    value: String,
    /// What a poll returned, by key.
    polled: BTreeMap<usize, Vec<(Offset, u64)>>,
    /// The keys that came or went while it was open.
    rebalanced: BTreeSet<usize>,
}

/// What a member owns, and what of that is still to be written.
#[derive(Default)]
struct Member {
    owned: BTreeSet<usize>,
    changed: BTreeSet<usize>,
    /// What it owned after it had given up, then after it had taken.
    steps: Vec<BTreeSet<usize>>,
    has_taken: bool,
}

struct Writer<'a> {
    names: &'a Names,
    survey: Survey,
    out: &'a mut dyn Write,
    index: u64,
    open: BTreeMap<(HostId, u32), Open>,
    /// Of each client.
    free: BTreeMap<HostId, BTreeSet<u64>>,
    processes: u64,
    members: BTreeMap<HostId, Member>,
    /// The member whose partitions are changing, and since when.
    rebalancing: Option<(HostId, u64)>,
    faults: BTreeMap<u32, (FaultVerb, Vec<HostId>, Vec<u32>)>,
}

pub(super) fn write(
    file: &RunFile,
    names: &Names,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let survey = Survey::of(file, names)?;
    for (partition, key) in &survey.keys {
        let name: String =
            names.partition(*partition).chars().filter(|c| !c.is_control()).collect();
        writeln!(out, ";; key {key} is {name}")?;
    }
    let mut writer = Writer {
        names,
        survey,
        out,
        index: 0,
        open: BTreeMap::new(),
        free: BTreeMap::new(),
        processes: 0,
        members: BTreeMap::new(),
        rebalancing: None,
        faults: BTreeMap::new(),
    };
    let mut last = 0;
    for event in file.events()? {
        let event = event?;
        last = event.at.0;
        writer.observe(&event)?;
    }
    writer.subscribe()?;
    let left: Vec<_> = writer.open.keys().copied().collect();
    for name in left {
        writer.give_up(name, last, "end-of-run")?;
    }
    Ok(Vec::new())
}

impl Survey {
    fn of(file: &RunFile, names: &Names) -> Result<Self, ExportError> {
        let mut survey = Self::default();
        let mut partitions = BTreeSet::new();
        for event in file.events()? {
            let event = event?;
            match &event.kind {
                Kind::PartitionCommitted { partition, .. } => {
                    partitions.insert(*partition);
                }
                Kind::OperationInvoked { operation, verb: OperationVerb::Send, .. } => {
                    if let Some(host) = event.host {
                        survey.value(host, operation.number);
                    }
                }
                Kind::BatchSealed { partition, batch, operations, .. } => {
                    let Some(host) = event.host else { continue };
                    partitions.insert(*partition);
                    for operation in operations {
                        survey.partition_of.insert((host, *operation), *partition);
                    }
                    let values = operations.iter().map(|it| survey.value(host, *it)).collect();
                    survey.batches.insert(*batch, values);
                }
                Kind::Polled { partition, .. }
                | Kind::PositionSet { partition, .. }
                | Kind::PartitionTaken { partition, .. } => {
                    partitions.insert(*partition);
                    let Some(host) = event.host else { continue };
                    survey.read_by.entry(host).or_default().insert(*partition);
                }
                _ => {}
            }
        }
        let mut partitions: Vec<_> = partitions.into_iter().collect();
        partitions.sort_by_cached_key(|it| (names.topic(it.topic_id), *it));
        for (key, partition) in partitions.into_iter().enumerate() {
            survey.keys.insert(partition, key);
            let topic = Name::from(names.topic(partition.topic_id));
            survey.by_topic.entry(topic).or_default().push(key);
        }
        Ok(survey)
    }

    /// The value that stands for the record of a send.
    fn value(&mut self, host: HostId, operation: u32) -> u64 {
        *self.values.entry((host, operation)).or_insert_with(|| {
            self.next_value += 1;
            self.next_value - 1
        })
    }

    /// The value of the record at `place` of a batch.
    fn of_batch(&mut self, batch: BatchId, place: u64) -> u64 {
        let values = self.batches.entry(batch).or_default();
        match usize::try_from(place).ok().and_then(|place| values.get(place)) {
            Some(value) => *value,
            None => {
                // Of a batch that no client sealed.
                self.next_value += 1;
                self.next_value - 1
            }
        }
    }
}

impl Writer<'_> {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        let is_change =
            matches!(event.kind, Kind::PartitionTaken { .. } | Kind::PartitionGivenUp { .. });
        if !is_change || self.rebalancing.is_some_and(|(host, _)| event.host != Some(host)) {
            self.subscribe()?;
        }
        match &event.kind {
            Kind::PartitionTaken { partition, .. } => {
                self.owns(event, *partition, true);
                Ok(())
            }
            Kind::PartitionGivenUp { partition, .. } => {
                self.owns(event, *partition, false);
                Ok(())
            }
            Kind::OperationInvoked { operation, verb, topic } => {
                self.invoked(event, *operation, *verb, topic.as_ref())
            }
            Kind::Polled { operation, partition, base_offset, records, batch, first, .. } => {
                let Some(host) = event.host else { return Ok(()) };
                let Some(key) = self.survey.keys.get(partition).copied() else { return Ok(()) };
                let Some(open) = self.open.get_mut(&(host, operation.number)) else {
                    return Ok(());
                };
                let shown = open.polled.entry(key).or_default();
                // A batch has no more records than were sealed, whatever a file says.
                let most = self.survey.batches.get(batch).map_or(1, Vec::len) as u64;
                for place in 0..u64::from(*records).min(most) {
                    let value = self.survey.of_batch(*batch, u64::from(*first) + place);
                    shown.push((*base_offset + place, value));
                }
                Ok(())
            }
            Kind::OperationReturned { operation, result, error, offset, .. } => {
                self.returned(event, *operation, *result, *error, *offset)
            }
            Kind::HostStopped { .. } => {
                let Some(host) = event.host else { return Ok(()) };
                let of_host = self.open.range((host, 0)..=(host, u32::MAX));
                let left: Vec<_> = of_host.map(|(name, _)| *name).collect();
                // Whoever starts again is another client.
                self.free.remove(&host);
                self.members.remove(&host);
                left.into_iter().try_for_each(|name| self.give_up(name, event.at.0, "crashed"))
            }
            Kind::FaultBegan { fault, verb, hosts, groups, .. } => {
                self.faults.insert(*fault, (*verb, hosts.clone(), groups.clone()));
                self.fault(event, "start", *fault)
            }
            Kind::FaultEnded { fault, .. } => self.fault(event, "stop", *fault),
            _ => Ok(()),
        }
    }

    fn invoked(
        &mut self,
        event: &Event,
        operation: OperationId,
        verb: OperationVerb,
        topic: Option<&Name>,
    ) -> std::io::Result<()> {
        let Some(host) = event.host else { return Ok(()) };
        let name = (host, operation.number);
        let value = match verb {
            OperationVerb::Send => {
                let value = self.survey.value(host, operation.number);
                format!("[[:send {} {value}]]", self.key(name))
            }
            OperationVerb::Poll => "[[:poll]]".to_owned(),
            OperationVerb::Assign | OperationVerb::Subscribe => {
                let keys = topic.and_then(|topic| self.survey.by_topic.get(topic));
                // What it was assigned shows in what it reads.
                let read = self.survey.read_by.get(&host).into_iter().flatten();
                let read = || read.filter_map(|of| self.survey.keys.get(of).copied()).collect();
                let keys: Vec<usize> = keys.cloned().unwrap_or_else(read);
                let keys: Vec<String> = keys.iter().map(usize::to_string).collect();
                format!("[{}]", keys.join(" "))
            }
            _ => return Ok(()),
        };
        let process = self.process(host);
        self.line(event.at.0, &process.to_string(), ":invoke", function(verb), &value, "")?;
        let (polled, rebalanced) = (BTreeMap::new(), BTreeSet::new());
        self.open.insert(name, Open { process, verb, value, polled, rebalanced });
        Ok(())
    }

    /// The lowest number of `host` that is free.
    fn process(&mut self, host: HostId) -> u64 {
        self.free.entry(host).or_default().pop_first().unwrap_or_else(|| {
            self.processes += 1;
            self.processes - 1
        })
    }

    /// A member takes a partition, or gives it up.
    fn owns(&mut self, event: &Event, partition: TopicPartition, is_taken: bool) {
        let Some(host) = event.host else { return };
        let Some(key) = self.survey.keys.get(&partition).copied() else { return };
        let member = self.members.entry(host).or_default();
        let changes = match is_taken {
            true => member.owned.insert(key),
            false => member.owned.remove(&key),
        };
        if !changes {
            return;
        }
        self.rebalancing = Some((host, event.at.0));
        member.changed.insert(key);
        // What is given up and taken again at once is not what it was.
        if member.steps.is_empty() || member.has_taken != is_taken {
            member.steps.push(BTreeSet::new());
        }
        member.has_taken = is_taken;
        if let Some(step) = member.steps.last_mut() {
            step.clone_from(&member.owned);
        }
    }

    /// Writes what became of a member's partitions, if that is still to be done.
    fn subscribe(&mut self) -> std::io::Result<()> {
        let Some((host, at)) = self.rebalancing.take() else { return Ok(()) };
        let member = self.members.entry(host).or_default();
        let changed = std::mem::take(&mut member.changed);
        let steps = std::mem::take(&mut member.steps);
        let mut of_host = self.open.range_mut((host, 0)..=(host, u32::MAX));
        let poll = of_host.find(|(_, open)| open.verb == OperationVerb::Poll);
        let interrupted = poll.map(|(_, open)| {
            let told = (shown(&open.polled), log(&open.rebalanced));
            open.polled.clear();
            open.rebalanced = changed;
            (open.process, told)
        });
        let own = match &interrupted {
            Some((process, (value, log))) => {
                self.line(at, &process.to_string(), ":ok", ":poll", value, log)?;
                *process
            }
            None => self.process(host),
        };
        let process = own.to_string();
        for step in steps {
            let keys: Vec<String> = step.iter().map(usize::to_string).collect();
            let value = format!("[{}]", keys.join(" "));
            self.line(at, &process, ":invoke", ":subscribe", &value, "")?;
            self.line(at, &process, ":ok", ":subscribe", &value, "")?;
        }
        if interrupted.is_some() {
            return self.line(at, &process, ":invoke", ":poll", "[[:poll]]", "");
        }
        self.free.entry(host).or_default().insert(own);
        Ok(())
    }

    fn key(&self, name: (HostId, u32)) -> String {
        let partition = self.survey.partition_of.get(&name);
        let key = partition.and_then(|partition| self.survey.keys.get(partition));
        key.map_or_else(|| NO_KEY.to_owned(), usize::to_string)
    }

    fn returned(
        &mut self,
        event: &Event,
        operation: OperationId,
        result: OperationResult,
        error: ErrorCode,
        offset: Option<Offset>,
    ) -> std::io::Result<()> {
        let Some(host) = event.host else { return Ok(()) };
        let name = (host, operation.number);
        let Some(open) = self.open.remove(&name) else { return Ok(()) };
        let told = match (open.verb, offset) {
            (OperationVerb::Send, Some(offset)) => {
                let value = self.survey.value(host, operation.number);
                Some(format!("[[:send {} [{offset} {value}]]]", self.key(name)))
            }
            // acks=0: nobody can say.
            (OperationVerb::Send, None) => None,
            (OperationVerb::Poll, _) => Some(shown(&open.polled)),
            _ => Some(open.value.clone()),
        };
        let (kind, value) = match (result, told) {
            (OperationResult::Ok, Some(value)) => (":ok", value),
            (OperationResult::Failed, _) => (":fail", open.value.clone()),
            (OperationResult::Ok | OperationResult::Unknown, _) => (":info", open.value.clone()),
        };
        if kind != ":info" {
            self.free.entry(host).or_default().insert(open.process);
        }
        let mut more = log(&open.rebalanced);
        if error != ErrorCode::None {
            more += &format!(", :error [:{}]", error.name());
        }
        let process = open.process.to_string();
        self.line(event.at.0, &process, kind, function(open.verb), &value, &more)
    }

    /// Nobody will ever know what came of it.
    fn give_up(&mut self, name: (HostId, u32), at: u64, why: &str) -> std::io::Result<()> {
        let Some(open) = self.open.remove(&name) else { return Ok(()) };
        let process = open.process.to_string();
        let more = format!(", :error [:{why}]");
        self.line(at, &process, ":info", function(open.verb), &open.value, &more)
    }

    fn fault(&mut self, event: &Event, word: &str, fault: u32) -> std::io::Result<()> {
        let Some((verb, hosts, groups)) = self.faults.get(&fault) else { return Ok(()) };
        let function = format!(":{word}-{}", verb.name());
        let name = |host: &HostId| text(self.names.setup().host_name(Some(*host)));
        let mut rest = hosts.as_slice();
        let mut sides: Vec<String> = Vec::new();
        // Who stands on which side.
        for size in groups {
            let side;
            (side, rest) = rest.split_at(rest.len().min(*size as usize));
            sides.push(vector(side.iter().map(name)));
        }
        sides.extend(rest.iter().map(name));
        let value = vector(sides.into_iter());
        self.line(event.at.0, ":nemesis", ":info", &function, &value, "")
    }

    fn line(
        &mut self,
        micros: u64,
        process: &str,
        kind: &str,
        function: &str,
        value: &str,
        more: &str,
    ) -> std::io::Result<()> {
        let nanos = u128::from(micros) * 1000;
        writeln!(
            self.out,
            "{{:index {}, :time {nanos}, :process {process}, :type {kind}, :f {function}, \
             :value {value}{more}}}",
            self.index
        )?;
        self.index += 1;
        Ok(())
    }
}

fn function(verb: OperationVerb) -> &'static str {
    match verb {
        OperationVerb::Send => ":send",
        OperationVerb::Poll => ":poll",
        OperationVerb::Subscribe => ":subscribe",
        _ => ":assign",
    }
}

/// What a poll returned.
fn shown(polled: &BTreeMap<usize, Vec<(Offset, u64)>>) -> String {
    let shown = polled.iter().map(|(key, records)| {
        let records = records.iter().map(|(offset, value)| format!("[{offset} {value}]"));
        format!("{key} {}", vector(records))
    });
    format!("[[:poll {{{}}}]]", shown.collect::<Vec<_>>().join(" "))
}

/// The keys that came or went while a poll was open.
fn log(rebalanced: &BTreeSet<usize>) -> String {
    if rebalanced.is_empty() {
        return String::new();
    }
    format!(", :rebalance-log [{{:keys {}}}]", vector(rebalanced.iter().map(usize::to_string)))
}

fn vector(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(" "))
}

/// A text of EDN.
fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
