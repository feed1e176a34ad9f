//! The history of clients as `jepsen.tests.kafka` has it, a map of EDN a line.
//!
//! A process of Jepsen has one operation at a time; our clients have many. Each operation takes the
//! lowest number that is free, and one of which nobody knows the outcome never gives it back.

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
}

struct Writer<'a> {
    names: &'a Names,
    survey: Survey,
    out: &'a mut dyn Write,
    index: u64,
    open: BTreeMap<(HostId, u32), Open>,
    free: BTreeSet<u64>,
    processes: u64,
    faults: BTreeMap<u32, (FaultVerb, Vec<HostId>)>,
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
        free: BTreeSet::new(),
        processes: 0,
        faults: BTreeMap::new(),
    };
    let mut last = 0;
    for event in file.events()? {
        let event = event?;
        last = event.at.0;
        writer.observe(&event)?;
    }
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
                Kind::Polled { partition, .. } | Kind::PositionSet { partition, .. } => {
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
        match &event.kind {
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
                left.into_iter().try_for_each(|name| self.give_up(name, event.at.0, "crashed"))
            }
            Kind::FaultBegan { fault, verb, hosts, .. } => {
                self.faults.insert(*fault, (*verb, hosts.clone()));
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
            OperationVerb::Assign => {
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
        let process = self.free.pop_first().unwrap_or_else(|| {
            self.processes += 1;
            self.processes - 1
        });
        self.line(event.at.0, &process.to_string(), ":invoke", function(verb), &value, None)?;
        self.open.insert(name, Open { process, verb, value, polled: BTreeMap::new() });
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
            (OperationVerb::Poll, _) => {
                let shown = open.polled.iter().map(|(key, records)| {
                    let records =
                        records.iter().map(|(offset, value)| format!("[{offset} {value}]"));
                    format!("{key} [{}]", records.collect::<Vec<_>>().join(" "))
                });
                Some(format!("[[:poll {{{}}}]]", shown.collect::<Vec<_>>().join(" ")))
            }
            _ => Some(open.value.clone()),
        };
        let (kind, value) = match (result, told) {
            (OperationResult::Ok, Some(value)) => (":ok", value),
            (OperationResult::Failed, _) => (":fail", open.value.clone()),
            (OperationResult::Ok | OperationResult::Unknown, _) => (":info", open.value.clone()),
        };
        if kind != ":info" {
            self.free.insert(open.process);
        }
        let error = (error != ErrorCode::None).then(|| error.name());
        let process = open.process.to_string();
        self.line(event.at.0, &process, kind, function(open.verb), &value, error)
    }

    /// Nobody will ever know what came of it.
    fn give_up(&mut self, name: (HostId, u32), at: u64, why: &str) -> std::io::Result<()> {
        let Some(open) = self.open.remove(&name) else { return Ok(()) };
        let process = open.process.to_string();
        self.line(at, &process, ":info", function(open.verb), &open.value, Some(why))
    }

    fn fault(&mut self, event: &Event, word: &str, fault: u32) -> std::io::Result<()> {
        let Some((verb, hosts)) = self.faults.get(&fault) else { return Ok(()) };
        let function = format!(":{word}-{}", verb.name());
        let hosts = hosts.iter().map(|host| text(self.names.setup().host_name(Some(*host))));
        let value = format!("[{}]", hosts.collect::<Vec<_>>().join(" "));
        self.line(event.at.0, ":nemesis", ":info", &function, &value, None)
    }

    fn line(
        &mut self,
        micros: u64,
        process: &str,
        kind: &str,
        function: &str,
        value: &str,
        error: Option<&str>,
    ) -> std::io::Result<()> {
        let nanos = u128::from(micros) * 1000;
        let error = error.map(|error| format!(", :error [:{error}]")).unwrap_or_default();
        writeln!(
            self.out,
            "{{:index {}, :time {nanos}, :process {process}, :type {kind}, :f {function}, \
             :value {value}{error}}}",
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
        _ => ":assign",
    }
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
