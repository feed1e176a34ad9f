//! What a process is told when it begins.

use crate::event::StartedAs;
use crate::types::HostId;

/// What a process is told when it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// The host that it runs on.
    pub host: HostId,
    /// Counts the starts of this host, from 0.
    pub incarnation: u32,
    /// The run's seed, from which it derives its own streams by name.
    pub seed: u64,
    /// How the one before ended.
    pub started_as: StartedAs,
    /// How many operations earlier starts of this process counted; 0 for servers.
    pub operations: u32,
}
