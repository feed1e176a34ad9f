//! The requests that kafsim's processes send each other, and the version of each.

/// Declares the APIs once: name, Kafka's key, the version spoken.
macro_rules! apis {
    ($($name:ident $key:literal $version:literal;)*) => {
        /// The kind of a request and of its response.
        ///
        /// All processes of a run are of one release, so one version of each is spoken: that of
        /// Kafka 4.1, of OffsetCommit and OffsetFetch the last one that names topics.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum ApiKey {
            $(#[doc = concat!("`", stringify!($name), "`, version ", $version, ".")]
              $name = $key,)*
        }

        impl ApiKey {
            /// All of them, by key.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The version that is spoken.
            pub fn version(self) -> i16 {
                match self { $(Self::$name => $version,)* }
            }

            /// Kafka's name for it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The API whose key is `key`.
            pub fn from_key(key: i16) -> Option<Self> {
                match key { $($key => Some(Self::$name),)* _ => None }
            }
        }
    };
}

apis! {
    Produce 0 13;
    Fetch 1 18;
    ListOffsets 2 10;
    Metadata 3 13;
    OffsetCommit 8 9;
    OffsetFetch 9 9;
    FindCoordinator 10 6;
    JoinGroup 11 9;
    Heartbeat 12 4;
    LeaveGroup 13 5;
    SyncGroup 14 5;
    DescribeGroups 15 6;
    ListGroups 16 5;
    CreateTopics 19 7;
    DeleteTopics 20 6;
    DeleteRecords 21 2;
    InitProducerId 22 5;
    OffsetForLeaderEpoch 23 4;
    DescribeConfigs 32 4;
    CreatePartitions 37 3;
    DeleteGroups 42 2;
    ElectLeaders 43 2;
    IncrementalAlterConfigs 44 1;
    OffsetDelete 47 0;
    Vote 52 2;
    BeginQuorumEpoch 53 1;
    EndQuorumEpoch 54 1;
    AlterPartition 56 3;
    Envelope 58 0;
    DescribeCluster 60 2;
    BrokerRegistration 62 4;
    BrokerHeartbeat 63 1;
    UnregisterBroker 64 0;
    AllocateProducerIds 67 0;
    ConsumerGroupHeartbeat 68 1;
    ConsumerGroupDescribe 69 1;
    DescribeTopicPartitions 75 0;
}

impl ApiKey {
    /// The key on the wire.
    pub fn key(self) -> i16 {
        self as i16
    }
}
