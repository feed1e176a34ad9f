//! What a voter or observer of the quorum is configured with.

use std::time::Duration;

use crate::log::LogConfig;
use crate::types::{BrokerId, BrokerSet, DefectSet, Name};

/// Configuration of a voter or observer. Defaults are those of Kafka 4.1.
///
/// Source: Kafka 4.1, `QuorumConfig`, `KafkaRaftClient`, `MetadataLogConfig`.
#[derive(Clone, Debug)]
pub struct RaftConfig {
    /// `node.id`. A node that is not one of `voters` is an observer.
    pub node: BrokerId,
    /// `controller.quorum.voters`: fixed for the life of the cluster.
    pub voters: BrokerSet,
    /// The cluster's id; a request that names another is refused with
    /// `INCONSISTENT_CLUSTER_ID` (104).
    pub cluster_id: Name,
    /// `controller.quorum.election.timeout.ms`: an election may take between once and twice this.
    pub election_timeout: Duration,
    /// `controller.quorum.fetch.timeout.ms`: a voter that has had no successful fetch for so long
    /// looks for a new leader; a leader that was fetched by no majority for half as long again
    /// resigns.
    pub fetch_timeout: Duration,
    /// `controller.quorum.election.backoff.max.ms`: how long a voter waits after
    /// `EndQuorumEpoch` when it is not the preferred successor.
    pub election_backoff_max: Duration,
    /// `controller.quorum.append.linger.ms`: how long a leader collects records for one batch.
    pub append_linger: Duration,
    /// `controller.quorum.request.timeout.ms`.
    pub request_timeout: Duration,
    /// `controller.quorum.retry.backoff.ms`: the wait after a request that failed.
    pub retry_backoff: Duration,
    /// How long a leader holds a fetch for which it has nothing (`MAX_FETCH_WAIT_MS`).
    pub fetch_max_wait: Duration,
    /// The largest fetch response, in bytes (`MAX_FETCH_SIZE_BYTES`).
    pub fetch_bytes_max: u32,
    /// The largest batch that a leader makes, in bytes (`MAX_BATCH_SIZE_BYTES`).
    pub batch_bytes_max: u32,
    /// Whether the node flushes before it fetches on even as an observer
    /// (`followersAlwaysFlush`): controllers do.
    pub always_flush: bool,
    /// The metadata log's own configuration.
    pub log: LogConfig,
    /// The defects that are switched on.
    pub defects: DefectSet,
}

impl RaftConfig {
    /// Kafka's defaults for `node` in the quorum of `voters`.
    pub fn new(node: BrokerId, voters: BrokerSet) -> Self {
        let always_flush = voters.contains(node);
        Self {
            node,
            voters,
            cluster_id: Name::from("kafsim"),
            election_timeout: Duration::from_secs(1),
            fetch_timeout: Duration::from_secs(2),
            election_backoff_max: Duration::from_secs(1),
            append_linger: Duration::from_millis(25),
            request_timeout: Duration::from_secs(2),
            retry_backoff: Duration::from_millis(20),
            fetch_max_wait: Duration::from_millis(500),
            fetch_bytes_max: 8 * 1024 * 1024,
            batch_bytes_max: 8 * 1024 * 1024,
            always_flush,
            log: LogConfig { max_message_bytes: 8 * 1024 * 1024, ..LogConfig::default() },
            defects: DefectSet::NONE,
        }
    }

    /// Whether this node has a vote.
    pub fn is_voter(&self) -> bool {
        self.voters.contains(self.node)
    }
}
