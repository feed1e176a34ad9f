//! A run as Perfetto's `TrackEvent` packets.
//!
//! Tracks: faults, violations, partitions (who leads, in-sync replicas, log ends and high
//! watermarks), processes (up, paused, messages), operations of clients. Messages that changed
//! nothing are left out: the page of Perfetto does not draw hundreds of thousands of flows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use crate::event::{Event, Kind};
use crate::report::claims::{Claim, claims};
use crate::report::export::format::ExportError;
use crate::report::export::proto::Message;
use crate::report::fault_words::told;
use crate::trace::{Model, Names, RunFile};
use crate::types::{ApiKey, BrokerId, HostId, Moment, TopicPartition};

/// Numbers of fields, from Perfetto's `trace_packet.proto`, `track_descriptor.proto`,
/// `track_event.proto`, `counter_descriptor.proto` and `debug_annotation.proto`.
mod field {
    pub(super) const TRACE_PACKET: u32 = 1;
    pub(super) const PACKET_TIMESTAMP: u32 = 8;
    pub(super) const PACKET_SEQUENCE: u32 = 10;
    pub(super) const PACKET_TRACK_EVENT: u32 = 11;
    pub(super) const PACKET_SEQUENCE_FLAGS: u32 = 13;
    pub(super) const PACKET_DESCRIPTOR: u32 = 60;
    pub(super) const TRACK_UUID: u32 = 1;
    pub(super) const TRACK_NAME: u32 = 2;
    pub(super) const TRACK_PARENT: u32 = 5;
    pub(super) const TRACK_COUNTER: u32 = 8;
    pub(super) const TRACK_ORDERING: u32 = 11;
    pub(super) const TRACK_RANK: u32 = 12;
    pub(super) const COUNTER_UNIT: u32 = 6;
    pub(super) const EVENT_ANNOTATION: u32 = 4;
    pub(super) const EVENT_TYPE: u32 = 9;
    pub(super) const EVENT_TRACK: u32 = 11;
    pub(super) const EVENT_CATEGORY: u32 = 22;
    pub(super) const EVENT_NAME: u32 = 23;
    pub(super) const EVENT_COUNTER: u32 = 30;
    pub(super) const EVENT_FLOW: u32 = 47;
    pub(super) const EVENT_FLOW_END: u32 = 48;
    pub(super) const EVENT_CORRELATION: u32 = 52;
    pub(super) const ANNOTATION_UNSIGNED: u32 = 3;
    pub(super) const ANNOTATION_TEXT: u32 = 6;
    pub(super) const ANNOTATION_NAME: u32 = 10;
}

/// `TrackEvent.Type`.
const BEGIN: u64 = 1;
const END: u64 = 2;
const INSTANT: u64 = 3;
const COUNTER: u64 = 4;
/// `TrackDescriptor.ChildTracksOrdering.EXPLICIT`.
const EXPLICIT: u64 = 3;
/// `TracePacket.SequenceFlags.SEQ_INCREMENTAL_STATE_CLEARED`.
const FIRST_OF_SEQUENCE: u64 = 1;
/// All packets are of one writer.
const SEQUENCE: u64 = 1;

/// What a track shows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Track {
    Run,
    Faults,
    Fault(u32),
    Violations,
    Partitions,
    Partition(TopicPartition),
    Leader(TopicPartition),
    InSync(TopicPartition),
    LogEnd(TopicPartition, BrokerId),
    HighWatermark(TopicPartition, BrokerId),
    /// How far a replica's log is behind its leader's.
    Lag(TopicPartition, BrokerId),
    Processes,
    Process(HostId),
    /// The n-th of the operations that a client has at once.
    Operations(HostId, usize),
}

struct Writer<'a> {
    names: &'a Names,
    out: &'a mut dyn Write,
    tracks: BTreeMap<Track, u64>,
    packets: u64,
    model: Model,
    claims: Vec<Claim>,
    /// Events that were the cause of a change.
    changes: Vec<bool>,
    /// Open slices on tracks, to be closed at the end: how many.
    open: BTreeMap<Track, u32>,
    operations: BTreeMap<(HostId, u32), usize>,
    slots: BTreeMap<HostId, BTreeSet<usize>>,
    /// The lags that were told last.
    lags: BTreeMap<(TopicPartition, BrokerId), i64>,
    /// By event: the operation of a client that it serves, as the index of its beginning and 1.
    serves: Vec<u64>,
    /// The same of what a step sent, by the step's first event: a request says nothing of whom it
    /// serves, and what was sent with it does.
    sent_for: BTreeMap<u64, u64>,
    title: String,
}

pub(super) fn write(
    file: &RunFile,
    names: &Names,
    out: &mut dyn Write,
) -> Result<Vec<String>, ExportError> {
    let mut changes: Vec<bool> = Vec::new();
    for event in file.events()? {
        let event = event?;
        changes.push(false);
        let cause = event.cause.and_then(|cause| usize::try_from(cause).ok());
        if let Some(cause) = cause.filter(|cause| is_change(&event.kind) && *cause < changes.len())
        {
            changes[cause] = true;
        }
    }
    let mut writer = Writer {
        names,
        out,
        tracks: BTreeMap::new(),
        packets: 0,
        model: Model::new(Arc::new(file.header.setup.clone())),
        claims: claims(&file.header),
        changes,
        open: BTreeMap::new(),
        operations: BTreeMap::new(),
        slots: BTreeMap::new(),
        lags: BTreeMap::new(),
        serves: Vec::new(),
        sent_for: BTreeMap::new(),
        title: format!("{}, seed {}", file.header.title, file.header.seed),
    };
    for track in [Track::Run, Track::Faults, Track::Violations, Track::Partitions, Track::Processes]
    {
        writer.uuid(&track)?;
    }
    let about = [
        ("seed", file.header.seed.to_string()),
        ("kafsim", file.header.tool_version.clone()),
        ("build", file.header.build_id.clone()),
        ("fingerprint", file.header.fingerprint.to_string()),
        ("scenario", file.header.scenario.clone()),
    ];
    let about: Vec<(&str, String)> = about.into_iter().collect();
    writer.event(Moment(0), INSTANT, &Track::Run, "run", "run", &about)?;
    for event in file.events()? {
        writer.observe(&event?)?;
    }
    writer.close()?;
    let packets = writer.packets;
    Ok(vec![format!("{packets} packets; open the file at https://ui.perfetto.dev, zipped or not")])
}

/// Whether `kind` changes something that is shown: the message that caused it is shown then.
fn is_change(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::LogAppended { .. }
            | Kind::LogTruncated { .. }
            | Kind::HighWatermarkMoved { .. }
            | Kind::RoleTaken { .. }
            | Kind::InSyncChanged { .. }
            | Kind::PartitionDecided { .. }
            | Kind::PartitionCommitted { .. }
            | Kind::QuorumRoleTaken { .. }
            | Kind::VoteGranted { .. }
            | Kind::ProduceHandled { .. }
            | Kind::OperationReturned { .. }
    )
}

impl Writer<'_> {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        self.model.apply(event);
        let served = self.served(event);
        if let (Kind::BatchSent { .. }, Some(step), 1..) = (&event.kind, event.cause, served) {
            self.sent_for.insert(step, served);
        }
        self.serves.push(served);
        match &event.kind {
            Kind::FaultBegan { .. } | Kind::FaultEnded { .. } => self.fault(event)?,
            Kind::HostStarted { incarnation, .. } => {
                let name = format!("up, start {}", incarnation.saturating_add(1));
                self.host(event, Some(&name))?;
            }
            Kind::HostPaused {} => self.host(event, Some("stands still"))?,
            Kind::HostResumed {} => self.host(event, None)?,
            Kind::HostStopped { .. } => {
                let Some(host) = event.host else { return Ok(()) };
                let open = self.open.get(&Track::Process(host)).copied().unwrap_or_default();
                for _ in 0..open {
                    self.host(event, None)?;
                }
            }
            Kind::PartitionCommitted { partition, .. } => self.committed(event, *partition)?,
            Kind::LogAppended { partition, .. }
            | Kind::LogTruncated { partition, .. }
            | Kind::LogRecovered { partition, .. }
            | Kind::DurableEnd { partition, .. } => self.offsets(event, *partition, true)?,
            Kind::HighWatermarkMoved { partition, .. } => self.offsets(event, *partition, false)?,
            Kind::Delivered { .. } => self.message(event)?,
            Kind::OperationInvoked { .. } | Kind::OperationReturned { .. } => {
                self.operation(event)?;
            }
            _ => {}
        }
        let broken: Vec<Claim> = self
            .claims
            .iter()
            .filter(|claim| claim.decided_by() == Some(event.index))
            .cloned()
            .collect();
        for claim in broken {
            let about = [
                ("event", format!("e{}", event.index)),
                ("sentence", claim.sentence.unwrap_or_default()),
            ];
            let name = &claim.property;
            self.event(event.at, INSTANT, &Track::Violations, name, "violation", &about)?;
        }
        Ok(())
    }

    fn fault(&mut self, event: &Event) -> std::io::Result<()> {
        match &event.kind {
            Kind::FaultBegan { fault, verb, hosts, groups, detail } => {
                let named = hosts.iter().map(|host| self.names.setup().host_name(Some(*host)));
                let named: Vec<String> = named.map(str::to_owned).collect();
                let name = told(*verb, &named, groups, detail.as_str());
                let about = [("kind", verb.name().to_owned()), ("detail", detail.to_string())];
                self.begin(event.at, Track::Fault(*fault), &name, "fault", &about)
            }
            Kind::FaultEnded { fault, .. } => self.end(event.at, &Track::Fault(*fault)),
            _ => Ok(()),
        }
    }

    fn host(&mut self, event: &Event, begins: Option<&str>) -> std::io::Result<()> {
        let Some(host) = event.host else { return Ok(()) };
        match begins {
            Some(name) => self.begin(event.at, Track::Process(host), name, "process", &[]),
            None => self.end(event.at, &Track::Process(host)),
        }
    }

    fn committed(&mut self, event: &Event, partition: TopicPartition) -> std::io::Result<()> {
        let Some(view) = self.model.partition(partition) else { return Ok(()) };
        let Some(now) = view.state.clone().filter(|now| now.event == event.index) else {
            return Ok(());
        };
        let before = view.state_before.clone();
        let led = before.as_ref().map(|it| (it.leader, it.leader_epoch));
        if led != Some((now.leader, now.leader_epoch)) {
            let leader = now.leader.map_or_else(|| "nobody".to_owned(), |it| format!("b{it}"));
            let name = format!("{leader} e{}", now.leader_epoch);
            self.end(event.at, &Track::Leader(partition))?;
            self.begin(event.at, Track::Leader(partition), &name, "leader", &[])?;
        }
        let size = now.in_sync.len() as i64;
        if before.is_none_or(|before| before.in_sync != now.in_sync) {
            self.count(event.at, &Track::InSync(partition), size)?;
        }
        Ok(())
    }

    fn offsets(&mut self, event: &Event, of: TopicPartition, end: bool) -> std::io::Result<()> {
        // The metadata log has hundreds of moves a second and no place in a partition's tracks.
        if of == TopicPartition::CLUSTER_METADATA {
            return Ok(());
        }
        let Some(node) = event.host.and_then(|host| self.names.setup().node(host)) else {
            return Ok(());
        };
        let replica = self.model.partition(of).and_then(|view| view.replicas.get(&node));
        let Some(replica) = replica else { return Ok(()) };
        let (log_end, [_, high_watermark]) = (replica.end_left().0, replica.bounds_left());
        if end {
            self.count(event.at, &Track::LogEnd(of, node), log_end)?;
            self.lag(event.at, of)?;
        }
        if !end || !matches!(event.kind, Kind::LogAppended { .. }) {
            self.count(event.at, &Track::HighWatermark(of, node), high_watermark.0)?;
        }
        Ok(())
    }

    /// The operation that `event` serves, as in `serves`.
    fn served(&self, event: &Event) -> u64 {
        let about = event.about.and_then(|about| usize::try_from(about).ok());
        let of_about = about.and_then(|about| self.serves.get(about).copied());
        match &event.kind {
            Kind::OperationInvoked { .. } => event.index + 1,
            Kind::Delivered { is_response: false, api: ApiKey::Produce, .. } => {
                let step = event.cause.and_then(|cause| self.sent_for.get(&cause));
                step.copied().unwrap_or_default()
            }
            _ => of_about.unwrap_or_default(),
        }
    }

    /// The lags of a partition's followers, where they are others than before.
    fn lag(&mut self, at: Moment, of: TopicPartition) -> std::io::Result<()> {
        let Some(view) = self.model.partition(of) else { return Ok(()) };
        let Some((leader, _)) = view.acting_leader() else { return Ok(()) };
        let end = |node: &BrokerId| view.replicas.get(node).map(|replica| replica.end_left().0);
        let Some(led) = end(&leader) else { return Ok(()) };
        let followers: Vec<(BrokerId, i64)> = view
            .replicas
            .keys()
            .filter(|node| **node != leader)
            .filter_map(|node| Some((*node, led.saturating_sub(end(node)?).max(0))))
            .collect();
        for (node, lag) in followers {
            if self.lags.insert((of, node), lag) != Some(lag) {
                self.count(at, &Track::Lag(of, node), lag)?;
            }
        }
        Ok(())
    }

    fn message(&mut self, event: &Event) -> std::io::Result<()> {
        let Kind::Delivered { from, api, is_response, bytes, sent, fault, .. } = &event.kind else {
            return Ok(());
        };
        let changed = usize::try_from(event.index).ok().and_then(|at| self.changes.get(at));
        let is_shown = changed.copied().unwrap_or_default() || fault.is_some();
        let Some(host) = event.host.filter(|_| is_shown) else { return Ok(()) };
        let what = if *is_response { " answer" } else { "" };
        let name = format!("{}{what}", api.name());
        let category = if fault.is_some() { "held" } else { "message" };
        let mut about = vec![("event", format!("e{}", event.index)), ("bytes", bytes.to_string())];
        if let Some(fault) = fault {
            about.push(("held by fault", fault.saturating_add(1).to_string()));
        }
        // Flow 0 is none.
        let flow = event.index + 1;
        let sender = self.track_event(*sent, INSTANT, &Track::Process(*from), &name, category)?;
        let sender = self.serving(event, sender);
        self.packet(*sent, &sender.fixed(field::EVENT_FLOW, flow))?;
        let receiver =
            self.track_event(event.at, INSTANT, &Track::Process(host), &name, category)?;
        let receiver = self.serving(event, receiver);
        let receiver = annotated(receiver.fixed(field::EVENT_FLOW_END, flow), &about);
        self.packet(event.at, &receiver)
    }

    fn operation(&mut self, event: &Event) -> std::io::Result<()> {
        let Some(host) = event.host else { return Ok(()) };
        match &event.kind {
            Kind::OperationInvoked { operation, verb, .. } => {
                let taken = self.slots.entry(host).or_default();
                let slot = (0..=taken.len()).find(|slot| !taken.contains(slot)).unwrap_or_default();
                taken.insert(slot);
                self.operations.insert((host, operation.number), slot);
                let about = [("event", format!("e{}", event.index))];
                let track = Track::Operations(host, slot);
                let slice = self.track_event(event.at, BEGIN, &track, verb.name(), "operation")?;
                let slice = self.serving(event, slice);
                self.packet(event.at, &annotated(slice, &about))?;
                *self.open.entry(track).or_default() += 1;
                Ok(())
            }
            Kind::OperationReturned { operation, result, error, partition, offset } => {
                let Some(slot) = self.operations.remove(&(host, operation.number)) else {
                    return Ok(());
                };
                self.slots.entry(host).or_default().remove(&slot);
                let mut about =
                    vec![("result", result.name().to_owned()), ("error", error.name().to_owned())];
                about.extend(partition.map(|it| ("partition", self.names.partition(it))));
                about.extend(offset.map(|offset| ("offset", offset.to_string())));
                let track = Track::Operations(host, slot);
                if self.open.remove(&track).is_none() {
                    return Ok(());
                }
                self.event(event.at, END, &track, "", "operation", &about)
            }
            _ => Ok(()),
        }
    }

    /// `packet` with the operation that `event` serves, if it does serve one.
    fn serving(&self, event: &Event, packet: Message) -> Message {
        let served = usize::try_from(event.index).ok().and_then(|at| self.serves.get(at).copied());
        match served.unwrap_or_default() {
            0 => packet,
            operation => packet.unsigned(field::EVENT_CORRELATION, operation),
        }
    }

    /// Ends what lasts when the run is over.
    fn close(&mut self) -> std::io::Result<()> {
        let left: Vec<(Track, u32)> = std::mem::take(&mut self.open).into_iter().collect();
        for (track, count) in left {
            for _ in 0..count {
                self.event(self.model.now, END, &track, "", "", &[])?;
            }
        }
        Ok(())
    }

    fn begin(
        &mut self,
        at: Moment,
        track: Track,
        name: &str,
        category: &str,
        about: &[(&str, String)],
    ) -> std::io::Result<()> {
        self.event(at, BEGIN, &track, name, category, about)?;
        *self.open.entry(track).or_default() += 1;
        Ok(())
    }

    fn end(&mut self, at: Moment, track: &Track) -> std::io::Result<()> {
        let Some(open) = self.open.get_mut(track).filter(|open| **open > 0) else { return Ok(()) };
        *open -= 1;
        self.event(at, END, track, "", "", &[])
    }

    fn count(&mut self, at: Moment, track: &Track, value: i64) -> std::io::Result<()> {
        let uuid = self.uuid(track)?;
        let event = Message::default()
            .unsigned(field::EVENT_TYPE, COUNTER)
            .unsigned(field::EVENT_TRACK, uuid)
            .signed(field::EVENT_COUNTER, value);
        self.packet(at, &event)
    }

    fn event(
        &mut self,
        at: Moment,
        kind: u64,
        track: &Track,
        name: &str,
        category: &str,
        about: &[(&str, String)],
    ) -> std::io::Result<()> {
        let event = self.track_event(at, kind, track, name, category)?;
        self.packet(at, &annotated(event, about))
    }

    fn track_event(
        &mut self,
        _at: Moment,
        kind: u64,
        track: &Track,
        name: &str,
        category: &str,
    ) -> std::io::Result<Message> {
        let uuid = self.uuid(track)?;
        let event =
            Message::default().unsigned(field::EVENT_TYPE, kind).unsigned(field::EVENT_TRACK, uuid);
        Ok(match kind {
            // What ends has been named.
            END => event,
            _ => event.text(field::EVENT_CATEGORY, category).text(field::EVENT_NAME, name),
        })
    }

    fn packet(&mut self, at: Moment, event: &Message) -> std::io::Result<()> {
        let packet = Message::default()
            .unsigned(field::PACKET_TIMESTAMP, at.0.saturating_mul(1000))
            .unsigned(field::PACKET_SEQUENCE, SEQUENCE)
            .message(field::PACKET_TRACK_EVENT, event);
        self.send(&packet)
    }

    fn send(&mut self, packet: &Message) -> std::io::Result<()> {
        self.packets += 1;
        self.out.write_all(Message::default().message(field::TRACE_PACKET, packet).bytes())
    }

    /// The track's number; the first time it is described.
    fn uuid(&mut self, track: &Track) -> std::io::Result<u64> {
        if let Some(uuid) = self.tracks.get(track) {
            return Ok(*uuid);
        }
        let parent = self.parent(track).map(|parent| self.uuid(&parent)).transpose()?;
        let uuid = self.tracks.len() as u64 + 1;
        self.tracks.insert(track.clone(), uuid);
        let mut descriptor = Message::default()
            .unsigned(field::TRACK_UUID, uuid)
            .text(field::TRACK_NAME, &self.track_name(track));
        if let Some(parent) = parent {
            descriptor = descriptor
                .unsigned(field::TRACK_PARENT, parent)
                .unsigned(field::TRACK_RANK, rank(track));
        }
        descriptor = match track {
            Track::InSync(_) => {
                let unit = Message::default().text(field::COUNTER_UNIT, "replicas");
                descriptor.message(field::TRACK_COUNTER, &unit)
            }
            Track::LogEnd(..) | Track::HighWatermark(..) | Track::Lag(..) => {
                let unit = Message::default().text(field::COUNTER_UNIT, "offset");
                descriptor.message(field::TRACK_COUNTER, &unit)
            }
            _ => descriptor.unsigned(field::TRACK_ORDERING, EXPLICIT),
        };
        let mut packet = Message::default().unsigned(field::PACKET_SEQUENCE, SEQUENCE);
        if uuid == 1 {
            packet = packet.unsigned(field::PACKET_SEQUENCE_FLAGS, FIRST_OF_SEQUENCE);
        }
        self.send(&packet.message(field::PACKET_DESCRIPTOR, &descriptor))?;
        Ok(uuid)
    }

    fn parent(&self, track: &Track) -> Option<Track> {
        Some(match track {
            Track::Run => return None,
            Track::Faults | Track::Violations | Track::Partitions | Track::Processes => Track::Run,
            Track::Fault(_) => Track::Faults,
            Track::Partition(_) => Track::Partitions,
            Track::Leader(of)
            | Track::InSync(of)
            | Track::LogEnd(of, _)
            | Track::HighWatermark(of, _)
            | Track::Lag(of, _) => Track::Partition(*of),
            Track::Process(_) => Track::Processes,
            Track::Operations(host, _) => Track::Process(*host),
        })
    }

    fn track_name(&self, track: &Track) -> String {
        match track {
            Track::Run => self.title.clone(),
            Track::Faults => "faults".to_owned(),
            Track::Fault(fault) => format!("fault {}", fault.saturating_add(1)),
            Track::Violations => "violations".to_owned(),
            Track::Partitions => "partitions".to_owned(),
            Track::Partition(of) => self.names.partition(*of),
            Track::Leader(_) => "leader".to_owned(),
            Track::InSync(_) => "in-sync replicas".to_owned(),
            Track::LogEnd(_, broker) => format!("LEO b{broker}"),
            Track::HighWatermark(_, broker) => format!("HW b{broker}"),
            Track::Lag(_, broker) => format!("lag b{broker}"),
            Track::Processes => "processes".to_owned(),
            Track::Process(host) => self.names.setup().host_name(Some(*host)).to_owned(),
            Track::Operations(_, slot) => format!("operations {}", slot + 1),
        }
    }
}

/// Its place among its siblings.
fn rank(track: &Track) -> u64 {
    match track {
        Track::Run | Track::Faults | Track::Leader(_) => 0,
        Track::Violations | Track::InSync(_) => 1,
        Track::Partitions => 2,
        Track::Processes => 3,
        Track::Fault(fault) => u64::from(*fault),
        Track::Partition(of) => u64::try_from(of.partition.0).unwrap_or_default(),
        Track::LogEnd(_, broker) => 2 + 3 * u64::from(broker.0.unsigned_abs()),
        Track::HighWatermark(_, broker) => 3 + 3 * u64::from(broker.0.unsigned_abs()),
        Track::Lag(_, broker) => 4 + 3 * u64::from(broker.0.unsigned_abs()),
        Track::Process(host) => u64::from(host.0),
        Track::Operations(_, slot) => *slot as u64,
    }
}

fn annotated(event: Message, about: &[(&str, String)]) -> Message {
    about.iter().fold(event, |event, (name, value)| {
        let annotation = Message::default().text(field::ANNOTATION_NAME, name);
        let annotation = match value.parse() {
            Ok(number) => annotation.unsigned(field::ANNOTATION_UNSIGNED, number),
            Err(_) => annotation.text(field::ANNOTATION_TEXT, value),
        };
        event.message(field::EVENT_ANNOTATION, &annotation)
    })
}
