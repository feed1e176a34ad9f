//! The small vocabularies of event fields.

use crate::event::field::{Field, Reader, Shape, Value, put_unsigned};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident $text:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl Field for $name {
            const SHAPE: Shape = Shape::Unsigned;
            const WORDS: &'static [&'static str] = &[$($text,)*];
            fn encode(&self, out: &mut Vec<u8>) {
                put_unsigned(*self as u64, out);
            }
            fn digest(&self, out: &mut Vec<u64>) {
                out.push(*self as u64);
            }
            fn words(&self) -> [u64; 4] {
                [*self as u64, 0, 0, 0]
            }
            fn decode(input: &mut Reader<'_>) -> Option<Self> {
                Self::ALL.get(usize::try_from(input.unsigned()?).ok()?).copied()
            }
            fn value(&self) -> Value {
                Value::Word(self.name())
            }
        }
    )*};
}

impl StartMovedBecause {
    /// Whether a rule or a client had these records deleted, and not what another log has.
    pub fn is_rule(self) -> bool {
        matches!(self, Self::RetentionBytes | Self::RetentionMs | Self::DeleteRecords)
    }
}

words! {
    /// The part of a run.
    Phase {
        /// Cold start, topics created, in-sync sets full; no faults yet.
        Form "form",
        /// Workloads and faults.
        Act "act",
        /// Faults end, crashed hosts start, workloads create no more.
        Heal "heal",
        /// Everything must converge and serve.
        Settle "settle",
        /// The real state is compared with the record.
        Audit "audit",
    }
    /// What a crash leaves on the disk.
    CrashKeep {
        /// Process crash: the page cache stays.
        PageCache "page-cache",
        /// Power loss: only what was flushed is sure to stay.
        Synced "synced",
        /// The disk itself is lost.
        Nothing "nothing",
    }
    /// Why a process ended of its own accord (`Exit.halt`, `FaultHandler.handleFault`).
    HaltReason {
        /// A write to its disk failed.
        DiskFailed "disk-failed",
        /// It cannot read its disk when it starts.
        DiskUnreadable "disk-unreadable",
        /// Its own metadata log refused what it appended as the leader of the quorum.
        OwnAppendRefused "own-append-refused",
        /// The leader of the quorum has it cut its metadata log below the high watermark.
        CommittedTruncation "committed-truncation",
        /// The leader of the quorum told a high watermark below the one that it knew.
        HighWatermarkWentBack "high-watermark-went-back",
        /// It heard of two leaders of the quorum in one epoch.
        TwoLeadersInEpoch "two-leaders-in-epoch",
        /// No controller registered it in time (`initial.broker.registration.timeout.ms`).
        NotRegistered "not-registered",
        /// It was asked to end before it had started.
        StoppedBeforeStarted "stopped-before-started",
        /// A program that does not catch SIGTERM got one.
        Killed "killed",
    }
    /// How a disk operation failed.
    DiskFailure {
        /// The device answered with an error (`EIO`).
        Error "i/o error",
        /// No space is left (`ENOSPC`).
        Full "no space left",
    }
    /// Why a log begins at a later record than before.
    StartMovedBecause {
        /// The log was larger than `retention.bytes`.
        RetentionBytes "retention-bytes",
        /// Its oldest records were older than `retention.ms`.
        RetentionMs "retention-ms",
        /// A client asked the leader for it.
        DeleteRecords "delete-records",
        /// The leader's log begins there.
        Leader "leader",
        /// Nothing of the log was left at the leader: it began anew.
        BeganAnew "began-anew",
    }
    /// The kind of a fault.
    FaultVerb {
        /// A process dies.
        Crash "crash",
        /// A process stands still.
        Pause "pause",
        /// A host is cut off from all others.
        Isolate "isolate",
        /// Hosts fall into groups that do not hear each other.
        Partition "partition",
        /// One link is cut.
        Cut "cut",
        /// A link is slow.
        Delay "delay",
        /// A link loses what is sent over it, which is then sent again.
        Lose "lose",
        /// A link or a network card carries less.
        Throttle "throttle",
        /// Connections are reset.
        Reset "reset",
        /// Two halves do not hear each other, but one host hears both.
        Bridge "bridge",
        /// Every host hears a majority, no two the same.
        Ring "ring",
        /// One side does not hear the other, which hears it.
        OneWay "one-way",
        /// A process works slowly.
        Slow "slow",
        /// Flushes take longer.
        SlowDisk "slow-disk",
        /// A disk does nothing any more.
        HangDisk "hang-disk",
        /// No space is left on a disk.
        FillDisk "fill-disk",
        /// A disk answers with errors.
        FailDisk "fail-disk",
        /// A host loses its disk.
        ReplaceDisk "replace-disk",
        /// A wall clock jumps.
        JumpClock "jump-clock",
        /// Clocks run at another pace.
        DriftClock "drift-clock",
        /// A process is asked to end in order.
        Stop "stop",
        /// Processes are stopped and started in turn.
        RollingRestart "rolling-restart",
        /// An application does nothing.
        Stall "stall",
    }
    /// Why a connection ended.
    ClosedBecause {
        /// The peer closed it.
        Closed "closed",
        /// Nobody listens there.
        Refused "refused",
        /// The peer's process is gone and its host says so.
        Reset "reset",
    }
    /// A replica's part in its partition.
    ReplicaRole {
        /// It takes writes.
        Leader "leader",
        /// It copies the leader.
        Follower "follower",
        /// The partition has no leader.
        Leaderless "leaderless",
    }
    /// A voter's or observer's part in the quorum.
    QuorumRole {
        /// It knows no leader of its epoch.
        Unattached "unattached",
        /// It asks whether it could win (KIP-996).
        Prospective "prospective",
        /// It asks for votes.
        Candidate "candidate",
        /// It leads.
        Leader "leader",
        /// It follows.
        Follower "follower",
        /// It led this epoch and gave up.
        Resigned "resigned",
        /// It copies the log and has no vote.
        Observer "observer",
    }
    /// How many copies an answer to a producer waits for.
    AckMode {
        /// acks=0: there is no answer.
        None "0",
        /// acks=1: the leader's.
        Leader "1",
        /// acks=all: those of the in-sync set.
        All "all",
    }
    /// How a process began.
    StartedAs {
        /// Its disk was empty.
        New "new",
        /// It had been shut down.
        AfterShutdown "after-shutdown",
        /// It had crashed; the page cache was kept.
        AfterCrash "after-crash",
        /// Its host had lost power.
        AfterPowerLoss "after-power-loss",
        /// Its host had lost its disk and got an empty one.
        AfterDiskLoss "after-disk-loss",
    }
    /// Where a broker is in its life.
    LifecycleState {
        /// It registers and catches up with the metadata log.
        Starting "starting",
        /// It is caught up and waits to be unfenced.
        Recovery "recovery",
        /// It was unfenced: it serves.
        Running "running",
        /// It asked the controller to move its leaderships away.
        PendingControlledShutdown "pending-controlled-shutdown",
        /// It serves nobody any more, closes its logs and ends.
        ShuttingDown "shutting-down",
    }
    /// What the operator of a rolling restart does.
    RestartStep {
        /// Waits until all replicas are in sync before the next stop.
        Waits "waits",
        /// Stops the process.
        Stops "stops",
        /// Starts it again.
        Starts "starts",
        /// Sees that it has caught up.
        InSync "in-sync",
    }
    /// What a leader did with a batch.
    ProducerOutcome {
        /// Appended it.
        Appended "appended",
        /// Had it already.
        Duplicate "duplicate",
        /// Refused it.
        Refused "refused",
    }
    /// What a client was asked to do.
    OperationVerb {
        /// Produce a record.
        Send "send",
        /// Wait for what was sent.
        Flush "flush",
        /// Consume.
        Poll "poll",
        /// Change what is consumed.
        Assign "assign",
        /// Create a topic.
        CreateTopic "create-topic",
        /// Delete a topic.
        DeleteTopic "delete-topic",
        /// List topics.
        ListTopics "list-topics",
        /// Describe a topic.
        DescribeTopic "describe-topic",
        /// Close.
        Close "close",
        /// Delete the first records of partitions.
        DeleteRecords "delete-records",
        /// Elect leaders.
        ElectLeaders "elect-leaders",
        /// Change configuration.
        AlterConfig "alter-config",
        /// Forget a broker.
        UnregisterBroker "unregister-broker",
        /// Name the brokers.
        DescribeCluster "describe-cluster",
        /// Show configuration.
        DescribeConfigs "describe-configs",
        /// Consume as a member of a group.
        Subscribe "subscribe",
        /// Commit for the group.
        Commit "commit",
        /// Pause or resume partitions.
        Pause "pause",
        /// List groups.
        ListGroups "list-groups",
        /// Describe a group.
        DescribeGroup "describe-group",
        /// Delete a group.
        DeleteGroup "delete-group",
        /// List what a group has committed.
        ListGroupOffsets "list-group-offsets",
        /// Commit for a group without being a member.
        AlterGroupOffsets "alter-group-offsets",
        /// Delete what a group has committed.
        DeleteGroupOffsets "delete-group-offsets",
        /// Say that records are processed.
        Processed "processed",
        /// Add partitions to a topic.
        CreatePartitions "create-partitions",
    }
    /// Where a member of a group stands, as it believes.
    MemberState {
        /// Classic: it is no member.
        Unjoined "unjoined",
        /// Classic: it has asked to join.
        PreparingRebalance "preparing-rebalance",
        /// Classic: it has joined, and waits for its assignment.
        CompletingRebalance "completing-rebalance",
        /// KIP-848: it asks to join.
        Joining "joining",
        /// KIP-848: it goes over to a new assignment.
        Reconciling "reconciling",
        /// KIP-848: it has gone over to it, and will say so.
        Acknowledging "acknowledging",
        /// It is a member and owns what it should.
        Stable "stable",
        /// KIP-848: it is about to leave.
        PrepareLeaving "prepare-leaving",
        /// KIP-848: it leaves.
        Leaving "leaving",
        /// KIP-848: the coordinator has expelled it.
        Fenced "fenced",
        /// KIP-848: it left, for it did not poll for max.poll.interval.ms.
        Stale "stale",
        /// It can never be a member again.
        Fatal "fatal",
        /// KIP-848: it is no member.
        Unsubscribed "unsubscribed",
    }
    /// A callback of a rebalance.
    CallbackVerb {
        /// Partitions will be another's.
        Revoked "revoked",
        /// Partitions are this member's from now on.
        Assigned "assigned",
        /// Partitions may be another's already.
        Lost "lost",
    }
    /// Why a member no longer owns a partition.
    GivenUpBecause {
        /// It was revoked.
        Revoked "revoked",
        /// It was lost.
        Lost "lost",
        /// The consumer is closed.
        Closed "closed",
        /// Its topic was made anew: it reads that now.
        TopicGone "its topic was made anew",
    }
    /// By which protocol a consumer group works.
    GroupProtocol {
        /// Its members join, and one of them assigns.
        Classic "classic",
        /// Its coordinator assigns, and members follow (KIP-848).
        Consumer "consumer",
    }
    /// How it is with a consumer group.
    GroupState {
        /// It has no members.
        Empty "empty",
        /// Members are called to join (classic).
        PreparingRebalance "preparing-rebalance",
        /// The leader's assignment is awaited (classic).
        CompletingRebalance "completing-rebalance",
        /// A new target is due (KIP-848).
        Assigning "assigning",
        /// Members are on their way to the target (KIP-848).
        Reconciling "reconciling",
        /// Every member has what it shall have.
        Stable "stable",
        /// It was deleted.
        Dead "dead",
    }
    /// Why a coordinator no longer counts a member.
    LeftBecause {
        /// It said so.
        Left "it left",
        /// An administrator removed it.
        Removed "it was removed",
        /// It was silent for its session.
        SessionExpired "its session expired",
        /// It did not rejoin, or did not give up partitions, in time.
        RebalanceExpired "it was late in a rebalance",
        /// It did not ask for its assignment in time.
        SyncExpired "it did not sync in time",
        /// Another with its instance id took its place (KIP-345).
        Replaced "another took its place",
        /// There are as many as group.max.size allows.
        Full "the group is full",
    }
    /// Why a committed offset is no more.
    OffsetGone {
        /// Nobody committed anew for offsets.retention.minutes.
        Expired "expired",
        /// It was deleted.
        Deleted "deleted",
        /// Its group was deleted.
        GroupDeleted "its group was deleted",
        /// Its topic was deleted.
        TopicDeleted "its topic was deleted",
    }
    /// What came of an operation, as far as anybody can know.
    OperationResult {
        /// It happened.
        Ok "ok",
        /// It did not happen.
        Failed "failed",
        /// It may have happened.
        Unknown "unknown",
    }
}
