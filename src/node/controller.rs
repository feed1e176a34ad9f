//! The controller process: a voter of the metadata quorum, and the controller's state machine,
//! which replays what is committed and takes charge when the voter leads.
//!
//! Two lanes, as Kafka has two threads: the raft I/O thread, which a flush holds up, and the
//! controller's event queue. The controller hands records to raft as `Task::AppendMetadata`; raft
//! says that there is news by `Task::QuorumAdvanced`, upon which the controller reads what raft
//! has published, as Kafka's listener does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::Kind;
use crate::message::{DiskImage, Response};
use crate::node::controller_config::ControllerConfig;
use crate::node::port::{Input, Output, Task};
use crate::node::quorum::Quorum;
use crate::node::start::Start;
use crate::protocol::Machine;
use crate::protocol::controller;
use crate::types::{
    ConnectionId, CorrelationId, Deadlines, Deed, Defect, Lane, LeaderEpoch, Now, Offset, Rng,
    TopicPartition,
};

/// A controller process.
///
/// Source: Kafka 4.1, `ControllerServer`, `ControllerApis`, `QuorumController`
/// (`QuorumMetaLogListener`).
#[derive(Clone, Debug)]
pub struct Controller {
    quorum: Quorum,
    machine: controller::Controller,
    /// The end of what the controller has replayed.
    applied: Offset,
    /// The epoch in which the controller took charge, until it is told that this is over.
    claimed: Option<LeaderEpoch>,
    /// Whether a `Task::QuorumAdvanced` is on its way.
    is_told: bool,
    /// The number of the request that is being served on a connection.
    asked: BTreeMap<ConnectionId, CorrelationId>,
}

impl Controller {
    /// Starts the process on what its disk holds.
    pub fn start(
        config: Arc<ControllerConfig>,
        disk: DiskImage,
        start: Start,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Self {
        let place = [u64::from(start.host.0), u64::from(start.incarnation)];
        let rng = Rng::named(start.seed, "controller", &place);
        let quorum = Quorum::start(Arc::new(config.raft.clone()), &disk, start, now, out);
        let mut process = Self {
            quorum,
            machine: controller::Controller::new(Arc::new(config.controller.clone()), rng),
            applied: Offset::ZERO,
            claimed: None,
            is_told: false,
            asked: BTreeMap::new(),
        };
        process.tell(out.len(), out);
        process
    }

    /// Takes `input` on `lane` and says what follows, in order.
    pub fn step(&mut self, lane: Lane, now: Now, input: Input, out: &mut Vec<Output>) {
        assert_eq!(lane, self.lane(&input), "{input:?} is another lane's");
        if lane == Lane::Raft {
            // The controller forgets who asked, and its answer goes nowhere.
            if let Input::Disconnected { connection, .. } = &input {
                self.asked.remove(connection);
            }
            if let Some(at) = self.quorum.step(now, input, out) {
                self.tell(at, out);
            }
            if self.quorum.is_shut_down() {
                out.push(Output::Exit);
            }
        } else {
            self.step_controller(now, input, out);
        }
    }

    /// The lane that takes `input`.
    pub fn lane(&self, input: &Input) -> Lane {
        match input {
            Input::Request { request, .. } => {
                if Quorum::serves(request.body.api()) {
                    Lane::Raft
                } else {
                    Lane::Controller
                }
            }
            Input::Deadline(lane) => *lane,
            Input::Task(Task::AppendMetadata { .. } | Task::Shutdown)
            | Input::Response { .. }
            | Input::Connected { .. }
            | Input::Disconnected { .. }
            | Input::Disk { .. } => Lane::Raft,
            Input::Task(
                Task::QuorumAdvanced
                | Task::ApplyMetadata
                | Task::CompleteRequests
                | Task::Groups(_)
                | Task::StopWorkload
                | Task::Stall(_)
                | Task::Administer(_),
            )
            | Input::Call { .. } => Lane::Controller,
        }
    }

    /// What each lane waits for.
    pub fn deadlines(&self, out: &mut Vec<(Lane, Deadlines)>) {
        out.push((Lane::Raft, self.quorum.deadlines()));
        out.push((Lane::Controller, self.machine.deadlines()));
    }

    /// What the real log and image are, told at the audit.
    pub fn audit(&self, out: &mut Vec<Kind>) {
        let (log_end_offset, high_watermark, chain) = self.quorum.raft().audit();
        let digest = self.machine.image().digest();
        out.push(Kind::QuorumAudited { log_end_offset, high_watermark, chain, digest });
    }

    /// The process' part in the quorum.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// The controller's state machine.
    pub fn controller(&self) -> &controller::Controller {
        &self.machine
    }

    fn tell(&mut self, at: usize, out: &mut Vec<Output>) {
        if !self.is_told {
            self.is_told = true;
            out.insert(at, Output::Post { lane: Lane::Controller, task: Task::QuorumAdvanced });
        }
    }

    fn step_controller(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Request { connection, purpose: _, request } => {
                if !controller::Controller::serves(request.body.api()) {
                    // Kafka's server closes a connection that asks for what it does not speak.
                    out.push(Output::Close { connection });
                    return;
                }
                self.asked.insert(connection, request.correlation_id);
                let body = request.body;
                let input = controller::Input::Request { request: connection, body };
                self.control(now, input, out);
            }
            Input::Deadline(_) => {
                self.control(now, controller::Input::DeadlineReached, out);
            }
            Input::Task(Task::QuorumAdvanced) => self.follow_quorum(now, out),
            Input::Task(
                Task::AppendMetadata { .. }
                | Task::Shutdown
                | Task::ApplyMetadata
                | Task::CompleteRequests
                | Task::Groups(_)
                | Task::StopWorkload
                | Task::Stall(_)
                | Task::Administer(_),
            )
            | Input::Response { .. }
            | Input::Connected { .. }
            | Input::Disconnected { .. }
            | Input::Disk { .. }
            | Input::Call { .. } => panic!("not an input of a controller: {input:?}"),
        }
    }

    /// Replays what is committed, and takes or leaves charge.
    fn follow_quorum(&mut self, now: Now, out: &mut Vec<Output>) {
        self.is_told = false;
        let published = self.quorum.raft().published();
        let node = self.quorum.raft().config().node;
        let leads = published.leader == Some(node);
        if self.claimed.is_some_and(|epoch| !leads || epoch != published.leader_epoch) {
            self.claimed = None;
            self.control(now, controller::Input::Resigned, out);
        }
        let batches = self.quorum.raft().committed(self.applied);
        if let Some(last) = batches.last() {
            self.applied = last.end_offset();
            self.control(now, controller::Input::Committed { batches }, out);
        }
        let is_hasty = self.quorum.raft().config().defects.has(Defect::ClaimedBeforeReplayed);
        // It is told that it leads when it has replayed all that was before its epoch, and the
        // record that begins it (KAFKA-15345).
        if let Some(epoch_start) = published.epoch_start
            && leads
            && self.claimed.is_none()
            && (self.applied > epoch_start || is_hasty)
        {
            if self.applied <= epoch_start {
                Deed::note(Defect::ClaimedBeforeReplayed, TopicPartition::CLUSTER_METADATA);
            }
            let leader_epoch = published.leader_epoch;
            self.claimed = Some(leader_epoch);
            let end_offset = if is_hasty { epoch_start + 1 } else { self.applied };
            self.control(now, controller::Input::Claimed { leader_epoch, end_offset }, out);
        }
    }

    fn control(&mut self, now: Now, input: controller::Input, out: &mut Vec<Output>) {
        let mut effects = Vec::new();
        self.machine.step(now, input, &mut effects);
        for effect in effects {
            match effect {
                controller::Effect::Append { leader_epoch, base_offset: _, records } => {
                    let task = Task::AppendMetadata { leader_epoch, records };
                    out.push(Output::Post { lane: Lane::Raft, task });
                }
                controller::Effect::Answer { request: connection, body } => {
                    if let Some(correlation_id) = self.asked.remove(&connection) {
                        let response = Some(Response { correlation_id, body, records: Vec::new() });
                        out.push(Output::Answer { connection, response });
                    }
                }
                controller::Effect::Event { kind, about } => {
                    out.push(Output::Event { kind, about });
                }
            }
        }
    }
}
