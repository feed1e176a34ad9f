//! The orderly end of a broker.
//!
//! ```text
//!   SIGTERM ──► heartbeats say want_shut_down; everything is served on; where the broker is out
//!               of the in-sync set its fetchers stop (KAFKA-15021)
//!           ──► the controller says should_shut_down, or five minutes are over
//!           ──► no more connections; high watermarks checkpointed; logs flushed and closed;
//!               recovery points and log starts checkpointed; the clean-shutdown file written
//!           ──► the process ends
//! ```

use crate::event::{Kind, LifecycleState};
use crate::message::{Checkpoint, DiskOperation, FileName};
use crate::node::broker::{Broker, Ending, Touched};
use crate::node::port::Output;
use crate::protocol::lifecycle::BrokerState;
use crate::protocol::{lifecycle, replica};
use crate::types::Now;

impl Broker {
    /// Asks the process to end in order: leaderships move first (`SIGTERM`).
    ///
    /// Source: Kafka 4.1, `BrokerServer.shutdown`, `ReplicaManager.beginControlledShutdown`.
    pub(crate) fn shutdown(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.config.controlled_shutdown && !self.is_shutting_down {
            self.is_shutting_down = true;
            let partitions: Vec<_> = self.replicas.keys().copied().collect();
            for partition in partitions {
                self.tell(now, partition, replica::Input::ShutdownBegan);
            }
        }
        self.live(now, lifecycle::Input::BeginControlledShutdown);
        self.carry_out(now, out);
    }

    /// Nobody is served any more: logs are flushed and closed, checkpoints written, and last the
    /// file that says so, with the epoch of the session that ends (A.6, KIP-966).
    ///
    /// Source: Kafka 4.1, `BrokerServer.shutdown`, `ReplicaManager.shutdown`,
    /// `LogManager.shutdown`.
    pub(crate) fn close(&mut self, now: Now, out: &mut Vec<Output>) {
        out.push(Output::StopListening);
        self.checkpoint_high_watermarks(true, out);
        let partitions: Vec<_> = self.replicas.keys().copied().collect();
        for partition in partitions {
            self.tell(now, partition, replica::Input::Close);
        }
        self.carry_out(now, out);
        self.checkpoint_recovery_points(true, out);
        self.checkpoint_log_starts(true, out);
        let ticket = self.ticket();
        out.push(Output::Disk(DiskOperation::Write {
            file: FileName::CleanShutdown,
            content: Checkpoint::CleanShutdown(self.broker_epoch),
            ticket: Some(ticket),
            blocking: true,
        }));
        self.ending = Ending::Closing(ticket);
        self.touched = Touched::everything();
    }

    /// The last file is on the disk.
    pub(crate) fn exit(&mut self, out: &mut Vec<Output>) {
        self.ending = Ending::Halted;
        self.touched = Touched::everything();
        out.push(Output::Exit);
    }
}

/// The event that tells of a state.
pub(crate) fn entered(state: BrokerState) -> Option<Kind> {
    let state = match state {
        BrokerState::NotRunning => return None,
        BrokerState::Starting => LifecycleState::Starting,
        BrokerState::Recovery => LifecycleState::Recovery,
        BrokerState::Running => LifecycleState::Running,
        BrokerState::PendingControlledShutdown => LifecycleState::PendingControlledShutdown,
        BrokerState::ShuttingDown => LifecycleState::ShuttingDown,
    };
    Some(Kind::BrokerStateEntered { state })
}
