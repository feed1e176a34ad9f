//! Which thread of a process does a piece of work, and what a connection is for.

/// A thread, or pool of threads, of a Kafka process. A lane takes one input at a time.
///
/// Source: Kafka 4.1, `KafkaRequestHandlerPool`, `ReplicaFetcherThread`, `KafkaRaftClientDriver`,
/// `QuorumController` (`KafkaEventQueue`), `BrokerLifecycleManager`, `MetadataLoader`,
/// `KafkaScheduler`, `Sender`.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Lane {
    /// One of `num.io.threads` request handlers.
    Request(u8),
    /// The fetcher thread for one source broker.
    Fetcher(u16),
    /// The raft I/O thread.
    Raft,
    /// The controller's single event thread.
    Controller,
    /// Registration and heartbeats.
    Lifecycle,
    /// A broker's metadata loader: replays what the quorum has committed, and tells replicas.
    Metadata,
    /// Background work: in-sync set shrinking, checkpoints, flushes, retention.
    Scheduler,
    /// A client's network thread.
    Sender,
    /// The application that uses a client.
    Application,
}

impl Lane {
    /// A number for every lane, for canonical bytes and for keys.
    pub fn number(self) -> u32 {
        match self {
            Self::Request(n) => u32::from(n),
            Self::Fetcher(broker) => 0x1_0000 + u32::from(broker),
            Self::Raft => 0x2_0000,
            Self::Controller => 0x2_0001,
            Self::Lifecycle => 0x2_0002,
            Self::Scheduler => 0x2_0003,
            Self::Sender => 0x2_0004,
            Self::Application => 0x2_0005,
            Self::Metadata => 0x2_0006,
        }
    }

    /// The lane whose number is `number`.
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0..=0xff => Self::Request(u8::try_from(number).ok()?),
            0x1_0000..=0x1_ffff => Self::Fetcher(u16::try_from(number - 0x1_0000).ok()?),
            0x2_0000 => Self::Raft,
            0x2_0001 => Self::Controller,
            0x2_0002 => Self::Lifecycle,
            0x2_0003 => Self::Scheduler,
            0x2_0004 => Self::Sender,
            0x2_0005 => Self::Application,
            0x2_0006 => Self::Metadata,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(n) => write!(f, "request-{n}"),
            Self::Fetcher(broker) => write!(f, "fetcher-{broker}"),
            Self::Raft => f.write_str("raft"),
            Self::Controller => f.write_str("controller"),
            Self::Lifecycle => f.write_str("lifecycle"),
            Self::Metadata => f.write_str("metadata"),
            Self::Scheduler => f.write_str("scheduler"),
            Self::Sender => f.write_str("sender"),
            Self::Application => f.write_str("application"),
        }
    }
}

/// What a connection is for. A process keeps connections of different purpose apart, as Kafka's
/// threads do, so that a parked fetch does not hold up a heartbeat.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Purpose {
    /// A client's requests to a broker: produce, fetch, metadata.
    #[default]
    Client,
    /// A fetcher thread's fetches.
    Fetcher,
    /// One raft voter or observer to another.
    Raft,
    /// Registration and heartbeats, broker to controller.
    Lifecycle,
    /// AlterPartition, broker to controller.
    AlterPartition,
    /// Client requests that the broker forwards to the controller.
    Forwarding,
    /// A group member's requests to its coordinator.
    Coordinator,
}

impl Purpose {
    /// All purposes, by number.
    pub const ALL: [Self; 7] = [
        Self::Client,
        Self::Fetcher,
        Self::Raft,
        Self::Lifecycle,
        Self::AlterPartition,
        Self::Forwarding,
        Self::Coordinator,
    ];

    /// The purpose's place in [`Self::ALL`].
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The purpose in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Fetcher => "fetcher",
            Self::Raft => "raft",
            Self::Lifecycle => "lifecycle",
            Self::AlterPartition => "alter-partition",
            Self::Forwarding => "forwarding",
            Self::Coordinator => "coordinator",
        }
    }
}
