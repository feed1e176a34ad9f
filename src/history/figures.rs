//! The figures of a run: how long nobody led, how long nothing was acknowledged, how fast it was.

use std::time::Duration;

/// Figures that every run prints. Latencies go from a batch's sealing to its acknowledgement.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// How long each partition that had clients had no leader, after time zero.
    pub leaderless: Vec<(String, Duration)>,
    /// The longest time in which no record was acknowledged while some were asked for.
    pub longest_without_ack: Duration,
    /// Half of the acknowledged batches took at most this.
    pub ack_latency_p50: Option<Duration>,
    /// 99 in 100 did.
    pub ack_latency_p99: Option<Duration>,
    /// Records acknowledged.
    pub acked: u64,
    /// Records that certainly were not written.
    pub failed: u64,
    /// Records of which nobody can say.
    pub unknown: u64,
    /// Acknowledged records that are in no current leader's log at the end.
    pub lost: u64,
}

