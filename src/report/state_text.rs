//! The state as text. docs/VIEWING.md has its rules; the page writes the same.

use crate::event::OFFSETS_TOPIC;
use crate::report::state::{Committed, FaultInForce, Partition, Process, Quorum, Replica, State};
use crate::report::state_groups::GroupLine;
use crate::report::table::{lines, table_within};

pub(super) const NOTHING: &str = "-";
/// No line is longer, but for words that are.
pub(super) const COLUMNS_MAX: usize = 80;

impl State {
    /// The whole state.
    pub fn text(&self) -> String {
        let mut text = self.head();
        text += "\n";
        text += &self.processes_text();
        text += "\n";
        text += &self.faults_text();
        text += "\n";
        text += &self.quorum.text();
        text += &GroupLine::text(&self.groups);
        let (internal, own): (Vec<_>, Vec<_>) =
            self.partitions.iter().partition(|partition| partition.is_internal());
        for partition in own {
            text += "\n";
            text += &partition.text();
        }
        text += &internal_text(&internal);
        text
    }

    /// The first line: which event, when, in which part of the run.
    pub fn head(&self) -> String {
        let phase = self.phase.unwrap_or(NOTHING);
        format!("Event: e{}  Time: {}  Phase: {phase}\n", self.event, self.at)
    }

    fn processes_text(&self) -> String {
        let head =
            ["PROCESS", "STATUS", "STARTS", "STATE", "REGISTRATION", "EPOCH", "CLOCK", "FAULTS"];
        let rows: Vec<_> = self.processes.iter().map(Process::row).collect();
        table_within(COLUMNS_MAX, "", &head, &rows)
    }

    /// The faults in force.
    pub fn faults_text(&self) -> String {
        if self.faults.is_empty() {
            return "No fault is in force.\n".to_owned();
        }
        let head = ["FAULT", "KIND", "SINCE", "BIT", "DETAIL", "HOSTS"];
        let rows: Vec<_> = self.faults.iter().map(FaultInForce::row).collect();
        table_within(COLUMNS_MAX, "", &head, &rows)
    }
}

/// What Kafka keeps for itself: how many partitions there are and how they fare, then those that
/// hold something.
fn internal_text(partitions: &[&Partition]) -> String {
    if partitions.is_empty() {
        return String::new();
    }
    let count = |is_so: fn(&Partition) -> bool| partitions.iter().filter(|it| is_so(it)).count();
    let mut text = format!(
        "\nTopic: {OFFSETS_TOPIC}  PartitionCount: {}\n  \
         UnderReplicated: {}  Unavailable: {}  Empty: {}\n",
        partitions.len(),
        count(Partition::is_under_replicated),
        count(Partition::is_unavailable),
        count(Partition::is_empty),
    );
    for partition in partitions.iter().filter(|partition| !partition.is_empty()) {
        text += "\n";
        text += &partition.text();
    }
    text
}

fn or_nothing(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

fn list(ids: &[i32]) -> String {
    match ids {
        [] => NOTHING.to_owned(),
        ids => ids.iter().map(i32::to_string).collect::<Vec<_>>().join(","),
    }
}

/// Names with what they are, in a line behind `indent`; what it has no room for goes on below.
fn pairs(indent: &str, pairs: &[(&str, String)]) -> String {
    let room = COLUMNS_MAX - indent.len();
    let mut all: Vec<String> = Vec::new();
    for (name, value) in pairs {
        let pair = format!("{name}: {value}");
        match all.last_mut() {
            Some(line) if line.chars().count() + 2 + pair.chars().count() <= room => {
                *line = format!("{line}  {pair}");
            }
            _ => all.extend(lines(&pair, room)),
        }
    }
    all.iter().map(|line| format!("{indent}{line}\n")).collect()
}

impl Process {
    fn row(&self) -> Vec<String> {
        let faults: Vec<_> = self.faults.iter().map(u32::to_string).collect();
        vec![
            self.name.clone(),
            self.status.to_owned(),
            self.starts.to_string(),
            or_nothing(self.lifecycle),
            or_nothing(self.registration),
            or_nothing(self.broker_epoch),
            self.clock(),
            if faults.is_empty() { NOTHING.to_owned() } else { faults.join(",") },
        ]
    }

    fn clock(&self) -> String {
        let jump = (self.clock_jumped_us != 0).then(|| {
            let micros = self.clock_jumped_us.unsigned_abs();
            let sign = if self.clock_jumped_us < 0 { '-' } else { '+' };
            format!("{sign}{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
        });
        let drift = (self.clock_drift_ppm != 0).then(|| format!("{:+}ppm", self.clock_drift_ppm));
        let both: Vec<_> = jump.into_iter().chain(drift).collect();
        if both.is_empty() { NOTHING.to_owned() } else { both.join(",") }
    }
}

impl FaultInForce {
    fn row(&self) -> Vec<String> {
        let groups: Vec<_> = self.hosts.iter().map(|group| group.join(",")).collect();
        vec![
            self.number.to_string(),
            self.kind.to_owned(),
            self.since.clone(),
            if self.bit { "yes" } else { "no" }.to_owned(),
            if self.detail.is_empty() { NOTHING.to_owned() } else { self.detail.clone() },
            groups.join(" | "),
        ]
    }
}

impl Quorum {
    /// The controller in charge, then a line for each member.
    pub fn text(&self) -> String {
        let head =
            ["NODE", "ROLE", "EPOCH", "LEADER", "VOTE", "START", "HW", "LEO", "DURABLE", "APPLIED"];
        let vote = |candidate: i32, epoch: i32| format!("{candidate}@{epoch}");
        let rows: Vec<_> = self
            .members
            .iter()
            .map(|member| {
                let cast = member.vote.as_ref();
                vec![
                    member.node.to_string(),
                    or_nothing(member.role),
                    or_nothing(member.leader_epoch),
                    or_nothing(member.leader),
                    or_nothing(cast.map(|cast| vote(cast.candidate, cast.leader_epoch))),
                    member.log_start_offset.to_string(),
                    or_nothing(member.high_watermark),
                    member.log_end_offset.to_string(),
                    or_nothing(member.durable_end),
                    or_nothing(member.applied),
                ]
            })
            .collect();
        format!(
            "ActiveController: {}  ControllerEpoch: {}\n{}",
            or_nothing(self.active_controller),
            or_nothing(self.controller_epoch),
            table_within(COLUMNS_MAX, "", &head, &rows)
        )
    }
}

impl Partition {
    fn is_internal(&self) -> bool {
        self.topic == OFFSETS_TOPIC
    }

    /// Whether no replica's log has come beyond its beginning.
    fn is_empty(&self) -> bool {
        self.replicas.iter().all(|replica| replica.log_end_offset == 0)
    }

    /// Whether the controller counts fewer in sync than are assigned.
    fn is_under_replicated(&self) -> bool {
        self.committed.as_ref().is_some_and(|it| it.isr.len() < it.replicas.len())
    }

    /// Whether the controller has committed no leader.
    fn is_unavailable(&self) -> bool {
        self.committed.as_ref().is_none_or(|it| it.leader.is_none())
    }

    /// The controller's view, then a line for each replica.
    pub fn text(&self) -> String {
        let mut text = format!("Topic: {}  Partition: {}", self.topic, self.partition);
        let committed = match &self.committed {
            None => "  not committed\n".to_owned(),
            Some(committed) => committed.text(),
        };
        let beside = committed.lines().next().unwrap_or_default();
        if text.chars().count() + beside.chars().count() > COLUMNS_MAX {
            text.push('\n');
        }
        text += &committed;
        if let Some(decided) = &self.decided {
            text += &format!(
                "  Written, not committed: Leader: {}  LeaderEpoch: {}  PartitionEpoch: {}\n",
                or_nothing(decided.leader),
                decided.leader_epoch,
                decided.partition_epoch,
            );
            text += &pairs("    ", &[("Isr", list(&decided.isr)), ("Elr", list(&decided.elr))]);
        }
        let head =
            ["BROKER", "STATUS", "ROLE", "EPOCH", "LEADER", "LATEST", "START", "HW", "LEO", "ISR"];
        let rows: Vec<_> = self.replicas.iter().map(Replica::row).collect();
        text += &table_within(COLUMNS_MAX, "  ", &head, &rows);
        text
    }
}

impl Committed {
    fn text(&self) -> String {
        let recovery = if self.recovering { "  LeaderRecoveryState: RECOVERING" } else { "" };
        format!(
            "  Leader: {}  LeaderEpoch: {}  PartitionEpoch: {}{recovery}\n{}",
            or_nothing(self.leader),
            self.leader_epoch,
            self.partition_epoch,
            pairs(
                "  ",
                &[
                    ("Replicas", list(&self.replicas)),
                    ("Isr", list(&self.isr)),
                    ("Elr", list(&self.elr)),
                    ("LastKnownElr", list(&self.last_known)),
                    ("MinIsr", self.min_isr.to_string()),
                ],
            )
        )
    }
}

impl Replica {
    fn row(&self) -> Vec<String> {
        vec![
            self.broker.to_string(),
            self.status.to_owned(),
            or_nothing(self.role),
            or_nothing(self.leader_epoch),
            or_nothing(self.leader),
            or_nothing(self.latest_epoch),
            self.log_start_offset.to_string(),
            or_nothing(self.high_watermark),
            self.log_end_offset.to_string(),
            or_nothing(self.isr_text()),
        ]
    }

    /// The in-sync set, and behind a plus those that the leader counts on besides.
    fn isr_text(&self) -> Option<String> {
        let isr = self.isr.as_deref()?;
        let maximal = self.maximal_isr.as_deref().unwrap_or_default();
        let more: Vec<_> = maximal.iter().copied().filter(|id| !isr.contains(id)).collect();
        let more = if more.is_empty() { String::new() } else { format!("+{}", list(&more)) };
        Some(list(isr) + &more)
    }
}
