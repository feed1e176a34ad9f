//! Rolling restarts: an operator who stops and starts one process after the other, and looks at
//! the cluster in between as one looks at UnderReplicatedPartitions.

use std::collections::VecDeque;
use std::time::Duration;

use crate::event::{QuorumRole, RestartStep};
use crate::trace::{Model, Part};
use crate::types::{BrokerId, HostId, Moment};

/// How often the operator looks.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// A rolling restart that is under way.
#[derive(Clone, Debug)]
pub(crate) struct RollingRestart {
    /// Whose turn it is, then those that are left.
    hosts: VecDeque<HostId>,
    pause: Duration,
    kill_after: Option<Duration>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// All must run and be in sync before the first is stopped.
    Waits { is_told: bool },
    /// It was asked to end.
    Stopping,
    /// It was started, and catches up.
    Starting,
    /// It has caught up; the next one's turn comes then.
    Pausing { until: Moment },
    /// All are back.
    Done,
}

/// What the operator finds to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Nothing.
    Look,
    /// This step, which begins now.
    Step(HostId, RestartStep),
    /// It is over.
    Done,
}

impl RollingRestart {
    pub(crate) fn new(hosts: Vec<HostId>, pause: Duration, kill_after: Option<Duration>) -> Self {
        let stage = if hosts.is_empty() { Stage::Done } else { Stage::Waits { is_told: false } };
        Self { hosts: hosts.into(), pause, kill_after, stage }
    }

    /// How long a process may take to end before it is killed.
    pub(crate) fn kill_after(&self) -> Option<Duration> {
        self.kill_after
    }

    /// What is to be done at `now`, by what `model` knows; `is_down` says whether the process of
    /// the host whose turn it is has ended.
    pub(crate) fn look(
        &mut self,
        now: Moment,
        model: &Model,
        is_down: impl Fn(HostId) -> bool,
    ) -> Turn {
        let Some(&host) = self.hosts.front() else { return Turn::Done };
        match self.stage {
            Stage::Waits { is_told } => {
                if is_healthy(model) {
                    self.stage = Stage::Stopping;
                    return Turn::Step(host, RestartStep::Stops);
                }
                self.stage = Stage::Waits { is_told: true };
                if is_told { Turn::Look } else { Turn::Step(host, RestartStep::Waits) }
            }
            Stage::Stopping if is_down(host) => {
                self.stage = Stage::Starting;
                Turn::Step(host, RestartStep::Starts)
            }
            Stage::Starting if is_back(host, model) => {
                self.hosts.pop_front();
                self.stage = match self.hosts.is_empty() {
                    true => Stage::Done,
                    false => Stage::Pausing { until: now + self.pause },
                };
                Turn::Step(host, RestartStep::InSync)
            }
            Stage::Pausing { until } if until <= now => {
                self.stage = Stage::Waits { is_told: false };
                self.look(now, model, is_down)
            }
            Stage::Stopping | Stage::Starting | Stage::Pausing { .. } => Turn::Look,
            Stage::Done => Turn::Done,
        }
    }
}

/// Whether nothing is down, and every replica is in sync.
fn is_healthy(model: &Model) -> bool {
    let is_server = |part| matches!(part, Part::Broker(_) | Part::Controller(_));
    let mut servers = model.setup().hosts().filter(|(_, host)| is_server(host.part));
    servers.all(|(host, _)| is_up(host, model))
        && model.active_controller().is_some()
        && model.partitions.iter().all(|(partition, view)| {
            model.topic_name(partition.topic_id).is_none()
                || view.state.as_ref().is_some_and(|state| {
                    state.leader.is_some() && state.in_sync.len() == state.replicas.len()
                })
        })
}

/// Whether the process of `host` runs and has caught up: a broker with every leader that it
/// copies, a controller with the quorum.
fn is_back(host: HostId, model: &Model) -> bool {
    if !is_up(host, model) {
        return false;
    }
    let Some(Part::Broker(broker)) = model.setup().part(host) else { return true };
    model.partitions.iter().all(|(partition, view)| {
        model.topic_name(partition.topic_id).is_none()
            || view.state.as_ref().is_none_or(|state| {
                !state.replicas.contains(&broker) || state.in_sync.contains(broker)
            })
    })
}

/// Whether the process runs, and, of a server, has its place in the cluster.
fn is_up(host: HostId, model: &Model) -> bool {
    if !model.host(host).is_some_and(|view| view.is_running && !view.is_paused) {
        return false;
    }
    match model.setup().part(host) {
        Some(Part::Broker(broker)) => model.is_electable(broker),
        Some(Part::Controller(node)) => has_quorum_part(node, model),
        Some(Part::Client(_)) | None => true,
    }
}

fn has_quorum_part(node: BrokerId, model: &Model) -> bool {
    let role = |node| model.quorum.members.get(&node).and_then(|member| member.role);
    let Some(leader) = model.active_controller().and_then(role) else { return false };
    role(node).is_some_and(|role| {
        role.leader_epoch == leader.leader_epoch
            && matches!(role.role, QuorumRole::Leader | QuorumRole::Follower)
    })
}
