//! Consumer groups as a scenario describes them.

use std::time::Duration;

use crate::scenario::config::Config;
use crate::scenario::hardware::ClockPlan;
use crate::scenario::target::PartitionName;
use crate::types::Name;

/// When the members of a group commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CommitPlan {
    /// The consumer does by itself.
    #[default]
    Auto,
    /// After each batch is processed, waiting for it.
    Sync,
    /// After each batch is processed, without waiting.
    Async,
    /// Before each batch is processed.
    Before,
    /// Not at all.
    Never,
}

/// A change of the number of members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScalePlan {
    /// When.
    pub at: Duration,
    /// How many there are from then on.
    pub members: u16,
}

/// A time in which applications pause partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PausePlan {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts; to the end without.
    pub length: Option<Duration>,
    /// The partitions that their owners pause.
    pub partitions: Vec<PartitionName>,
}

/// Another configuration for the members of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct DeployPlan {
    /// When: whoever starts from then on has it.
    pub at: Duration,
    /// It, over the release's default.
    pub config: Config,
}

/// A consumer group.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupPlan {
    /// Its `group.id`. Its hosts are called so, with `-1`, `-2`, ... behind when there are several.
    pub name: Name,
    /// How many members there are at first.
    pub members: u16,
    /// How many there are later, by time.
    pub scale: Vec<ScalePlan>,
    /// When they pause which partitions.
    pub pauses: Vec<PausePlan>,
    /// What they read; empty with a pattern.
    pub topics: Vec<Name>,
    /// Instead: every topic whose whole name is like this.
    pub pattern: Option<Name>,
    /// How long an application takes for each record.
    pub processing: Duration,
    /// When they commit.
    pub commit: CommitPlan,
    /// Whether they are static members.
    pub is_static: bool,
    /// Where a record is sent for each that was processed.
    pub produce_to: Option<Name>,
    /// When the first members begin.
    pub start: Duration,
    /// Their configuration over the release's default.
    pub config: Config,
    /// What it is later, by time.
    pub deployments: Vec<DeployPlan>,
    /// How they produce.
    pub producer: Config,
    /// The clocks of each of their hosts.
    pub clock: ClockPlan,
}

impl GroupPlan {
    /// How many hosts it has: as many as there ever are members at once.
    pub fn hosts_max(&self) -> u16 {
        let later = self.scale.iter().map(|scale| scale.members);
        later.max().unwrap_or(0).max(self.members).max(1)
    }

    /// The names of its hosts, in order.
    pub fn hosts(&self) -> Vec<Name> {
        match self.hosts_max() {
            1 => vec![self.name.clone()],
            several => (1..=several).map(|n| Name::from(format!("{}-{n}", self.name))).collect(),
        }
    }
}
