//! The orderly end of a voter: a leader resigns and tells the others so, then all that is waited
//! for is that somebody else leads.
//!
//! Source: Kafka 4.1, `KafkaRaftClient.shutdown`, `maybeCompleteShutdown`, `GracefulShutdown`.

use std::time::Duration;

use crate::protocol::raft::effect::Effect;
use crate::protocol::raft::machine::Raft;
use crate::protocol::raft::role::Role;
use crate::protocol::raft::timer::Timer;
use crate::types::Now;

/// How long a voter waits for a successor (`KafkaRaftClientDriver.initiateShutdown`).
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

impl Raft {
    /// Begins the orderly end.
    pub(super) fn begin_shutdown(&mut self, now: Now) {
        if self.shutdown.is_none() {
            self.shutdown = Some(Timer::after(now, SHUTDOWN_TIMEOUT));
        }
    }

    /// Ends the machine if it shuts down and nothing keeps it: it follows somebody, or is alone,
    /// or has waited long enough.
    pub(super) fn maybe_complete_shutdown(&mut self, now: Now) -> bool {
        let Some(timer) = &mut self.shutdown else { return false };
        let is_late = timer.is_expired(now);
        let has_remote_leader = self.leader().is_some_and(|leader| leader != self.config.node);
        let is_alone = self.config.voters.len() == 1;
        if !(is_late || !self.config.is_voter() || is_alone || has_remote_leader) {
            return false;
        }
        self.emit(Effect::ShutDown);
        self.end();
        true
    }

    /// What the role has still to do while the machine shuts down; says whether it changed. An
    /// election that is under way is fought out, and none is begun.
    pub(super) fn poll_shutting_down(&mut self, now: Now) -> bool {
        match &self.role {
            Role::Leader(_) => {
                self.become_resigned(now);
                true
            }
            Role::Prospective { votes, .. } if votes.is_granted() => {
                self.become_candidate(now);
                true
            }
            Role::Candidate { votes, .. } if votes.is_granted() => {
                self.become_leader(now);
                true
            }
            Role::Prospective { .. } | Role::Candidate { .. } => {
                self.send_votes(now);
                false
            }
            Role::Resigned { .. } => {
                self.send_ends(now);
                false
            }
            Role::Unattached { .. } | Role::Follower { .. } => false,
        }
    }
}
