//! What the machines of replication hand each other: the leader's and the follower's side of a
//! partition, the fetchers, the request layer, and whoever asks the controller for a new in-sync
//! set. Plain values; the node carries them from one machine to the other.

use crate::message::batch::Batch;
use crate::types::{
    BrokerEpoch, BrokerId, BrokerSet, ErrorCode, LeaderEpoch, Offset, PartitionEpoch,
};

/// Who reads a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// A replica on another broker, which so reports its log end.
    Follower {
        /// The broker.
        broker: BrokerId,
        /// The registration with which it fetched (`ReplicaState.replicaEpoch`).
        broker_epoch: Option<BrokerEpoch>,
    },
    /// A client: any replica serves it, up to that replica's high watermark (KIP-392).
    Consumer,
}

/// What the metadata of a broker says about its place in in-sync sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it is shutting down.
    pub in_controlled_shutdown: bool,
}

/// One partition of a fetch request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionFetch {
    /// Who reads.
    pub reader: Reader,
    /// The leader epoch that the reader knows; `None` skips the check.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The first offset wanted; of a follower, its log end.
    pub fetch_offset: Offset,
    /// The epoch of the last record that the reader has (KIP-595).
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// Where a follower's log starts.
    pub log_start_offset: Option<Offset>,
    /// At most so many bytes of records; 0 for none.
    pub max_bytes: u32,
    /// Whether the first batch comes even if it alone is larger (KIP-74). The request layer sets
    /// it until some partition of the response has records.
    pub at_least_one: bool,
    /// Whether the request was parked and is read anew: it counts as one fetch, not two.
    pub is_reread: bool,
}

/// One partition of a fetch response.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchResult {
    /// The outcome; with an error there are no records.
    pub error: ErrorCode,
    /// Whole batches from the one that holds the offset asked for.
    pub records: Vec<Batch>,
    /// The replica's high watermark before this fetch; `None` with an error.
    pub high_watermark: Option<Offset>,
    /// Where the replica's log starts; `None` with an error.
    pub log_start_offset: Option<Offset>,
    /// Where the reader's log parts from this one: the largest epoch here up to the reader's last,
    /// and its end.
    pub diverging: Option<(LeaderEpoch, Offset)>,
}

impl FetchResult {
    /// A refusal.
    pub fn refused(error: ErrorCode) -> Self {
        Self {
            error,
            records: Vec::new(),
            high_watermark: None,
            log_start_offset: None,
            diverging: None,
        }
    }

    /// Bytes of its records.
    pub fn size_bytes(&self) -> u64 {
        self.records.iter().map(|batch| u64::from(batch.body.size_bytes)).sum()
    }
}

/// What a follower got from its leader for one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct Fetched {
    /// The leader epoch in which it had asked.
    pub leader_epoch: LeaderEpoch,
    /// From where it had asked.
    pub fetch_offset: Offset,
    /// The records.
    pub records: Vec<Batch>,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// Where the leader's log starts.
    pub log_start_offset: Offset,
    /// Where the follower's log parts from the leader's.
    pub diverging: Option<(LeaderEpoch, Offset)>,
}

/// From where a follower fetches next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchPosition {
    /// The follower's log end.
    pub fetch_offset: Offset,
    /// The epoch of the last record below it.
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// Where the follower's log starts.
    pub log_start_offset: Offset,
}

/// What a follower learns when the offset from which it fetches is not in the leader's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfRange {
    /// The leader epoch in which the follower had asked.
    pub leader_epoch: LeaderEpoch,
    /// The offset that the leader does not have.
    pub fetch_offset: Offset,
    /// The end of the leader's log.
    pub leader_end: Offset,
    /// The start of the leader's log; asked only if its end is not below the follower's.
    pub leader_start: Option<Offset>,
}

/// What a follower of before 2.7 learns before it fetches: where the epoch of its last record ends
/// at its leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochEnd {
    /// The leader epoch in which the follower had asked.
    pub leader_epoch: LeaderEpoch,
    /// The end of the follower's log then.
    pub fetch_offset: Offset,
    /// The largest epoch there up to the one asked about, if the answer names one (KIP-279), and
    /// where it ends. Nothing: the leader knows of no such epoch.
    pub end: Option<(Option<LeaderEpoch>, Offset)>,
}

/// A leader's wish for a new in-sync set (`AlterPartition`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InSyncProposal {
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch that it knows: the controller takes no wish from the past.
    pub partition_epoch: PartitionEpoch,
    /// The wanted set by ascending id, each with the registration under which it last fetched.
    /// `None` is -1 on the wire, which the controller does not check; for the leader itself the
    /// registration at the time of sending is put in.
    pub in_sync: Vec<(BrokerId, Option<BrokerEpoch>)>,
    /// Whether the leader, elected uncleanly, has yet to recover. Leaders say no.
    pub recovering: bool,
}

/// What the controller answers a wish that it granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InSyncRecorded {
    /// The leader.
    pub leader: Option<BrokerId>,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The partition's new epoch; the old one if nothing had to change.
    pub partition_epoch: PartitionEpoch,
    /// The recorded in-sync set.
    pub in_sync: BrokerSet,
    /// The recorded recovery state.
    pub recovering: bool,
}
