//! The one table of event kinds. Numbers are never reused.

use std::time::Duration;

use crate::event::field::{ChainHash, Field, Reader, Value};
use crate::event::kind_info::{FieldInfo, KindInfo};
use crate::event::kind_macro::events;
use crate::event::kind_values::{
    AckMode, CallbackVerb, ClosedBecause, CrashKeep, DiskFailure, FaultVerb, GivenUpBecause,
    GroupProtocol, GroupState, HaltReason, LeftBecause, LifecycleState, MemberState, OffsetGone,
    OperationResult, OperationVerb, Phase, ProducerOutcome, QuorumRole, ReplicaRole, RestartStep,
    StartMovedBecause, StartedAs,
};
use crate::types::{
    ApiKey, BatchId, BrokerEpoch, BrokerId, BrokerSet, ConnectionId, CorrelationId, ErrorCode,
    GroupEpoch, HostId, IncarnationId, KeyHash, Lane, LeaderEpoch, Moment, Name, Offset,
    OperationId, PartitionEpoch, ProducerEpoch, ProducerId, Purpose, Sequence, Ticket, TopicId,
    TopicPartition,
};

/// Takes the fields of an event.
pub trait ColumnSink {
    /// Takes the field at `place`.
    fn column(&mut self, place: usize, field: &impl Field);
}

events! {
    // Steps: what the queue brought. The first event of every step is one of these.
    1 Delivered "delivered" "A request or response reached the host." {
        connection: ConnectionId, "The connection.";
        from: HostId, "The sender.";
        api: ApiKey, "The kind of request.";
        is_response: bool, "Whether it is the answer.";
        correlation_id: CorrelationId, "The request's number on the connection.";
        bytes: u32, "Its size on the wire.";
        sent: Moment, "When it left.";
        fault: Option<u32>, "The fault that held it up, if any, by its place in the plan, from 0.";
    }
    2 ConnectionOpened "connection-opened"
        "A connection stands, seen by the host that asked for it or by the one that accepted \
         it." {
        connection: ConnectionId, "The connection.";
        peer: HostId, "The other side.";
        purpose: Purpose, "What it is for.";
    }
    3 ConnectionClosed "connection-closed" "A connection is gone, and the host learns of it." {
        connection: ConnectionId, "The connection.";
        peer: HostId, "The other side.";
        because: ClosedBecause, "Why.";
    }
    4 DeadlineReached "deadline-reached" "An instant that a lane waited for is here." {
        lane: Lane, "The lane.";
    }
    5 DiskCompleted "disk-completed" "A disk operation that somebody waits for is done." {
        ticket: Ticket, "The operation.";
        ok: bool, "Whether it succeeded.";
    }
    6 LaneResumed "lane-resumed" "A lane took the next input from its queue." {
        lane: Lane, "The lane.";
        waiting: u32, "Inputs still in the queue.";
    }
    7 ApplicationCalled "application-called"
        "An application outside the simulation called its client." {
        operation: u32, "Counts such calls per client, from 0.";
    }
    8 HostStarted "host-started" "A process began." {
        incarnation: u32, "Counts the starts of this host, from 0.";
        after: StartedAs, "How the one before ended.";
    }
    9 HostStopped "host-stopped" "A process ended." {
        keep: CrashKeep, "What its disk kept.";
        halted: Option<HaltReason>, "Why it ended of its own accord, if it did.";
        in_order: bool, "Whether it ended as it was asked to, all that it wrote on its disk.";
    }
    10 HostPaused "host-paused" "A process stands still from here." {}
    11 HostResumed "host-resumed" "A process goes on." {}
    12 PhaseBegan "phase-began" "The run entered a part." {
        phase: Phase, "The part.";
    }
    13 FaultBegan "fault-began" "A fault took hold." {
        fault: u32, "Its place in the plan, from 0.";
        verb: FaultVerb, "Its kind.";
        hosts: Vec<HostId>, "The hosts that it befell.";
        groups: Vec<u32>, "How many of these hosts stand in each group, in order: the two ends of \
                           a link, the sides of a partition.";
        detail: Name, "What the scenario says beside: how much, which way; empty for nothing.";
    }
    14 FaultBit "fault-bit" "A fault changed something for the first time." {
        fault: u32, "Its place in the plan, from 0.";
    }
    15 FaultEnded "fault-ended" "A fault let go." {
        fault: u32, "Its place in the plan, from 0.";
        changed: u64, "How often it changed something: processes hit, messages held up.";
    }
    16 FaultWaits "fault-waits" "A fault was due, but its target is nobody yet." {
        fault: u32, "Its place in the plan, from 0.";
    }
    17 DurableEnd "durable-end" "What a crash left of a replica's log on the disk." {
        partition: TopicPartition, "The partition.";
        log_end_offset: Offset, "The end of the log before.";
        durable_end: Offset, "The end of what is left, exclusive.";
    }
    18 TaskPosted "task-posted" "One lane of a process took over work from another." {
        lane: Lane, "The lane.";
    }

    // Logs.
    20 LogAppended "log-appended" "A batch stands in a replica's log." {
        partition: TopicPartition, "The partition.";
        base_offset: Offset, "Offset of the batch's first record.";
        records: u32, "How many records.";
        leader_epoch: LeaderEpoch, "The batch's leader epoch.";
        batch: BatchId, "The batch.";
        chain: ChainHash, "Hash of the log from its first segment to the batch's end.";
        as_leader: bool, "Whether the replica leads (it assigned the offset).";
    }
    21 LogTruncated "log-truncated" "A replica's log was cut." {
        partition: TopicPartition, "The partition.";
        log_end_offset: Offset, "The new end, exclusive.";
        from: Offset, "The end before.";
        chain: ChainHash, "Hash of the log from its first segment to the new end.";
    }
    22 LogRecovered "log-recovered" "A replica's log was loaded at start." {
        partition: TopicPartition, "The partition.";
        log_start_offset: Offset, "Its start.";
        log_end_offset: Offset, "Its end, exclusive.";
        high_watermark: Offset, "The high watermark from the checkpoint.";
        chain: ChainHash, "Hash of the log from its first segment to its end.";
        clean: bool, "Whether the process before had shut down cleanly.";
    }
    23 LogStartMoved "log-start-moved" "Records before an offset can no longer be read." {
        partition: TopicPartition, "The partition.";
        log_start_offset: Offset, "The first offset that is left.";
        because: StartMovedBecause, "Why.";
        limit: Option<u64>, "retention.bytes or retention.ms, if one of them is why.";
        wall_millis: Option<i64>,
            "For retention.ms: the broker's clock, in milliseconds since 1970.";
    }
    24 HighWatermarkMoved "high-watermark-moved" "A replica's high watermark changed." {
        partition: TopicPartition, "The partition.";
        high_watermark: Offset, "The new high watermark, exclusive.";
        as_leader: bool, "Whether the replica leads.";
    }
    25 EpochCacheChanged "epoch-cache-changed" "A log's leader-epoch cache changed." {
        partition: TopicPartition, "The partition.";
        entries: u32, "How many entries it has.";
        last_epoch: Option<LeaderEpoch>, "The epoch of its last entry.";
        last_start: Option<Offset>, "The start offset of its last entry.";
    }

    // Replicas.
    30 RoleTaken "role-taken" "A replica became leader or follower, or its partition leaderless." {
        partition: TopicPartition, "The partition.";
        role: ReplicaRole, "The role.";
        leader: Option<BrokerId>, "The leader.";
        leader_epoch: LeaderEpoch, "Its epoch.";
        partition_epoch: PartitionEpoch, "The partition epoch of the metadata that says so.";
        epoch_start: Option<Offset>, "For a leader: where its epoch starts in its log.";
        log_end_offset: Offset, "The end of the replica's log.";
        high_watermark: Offset, "The replica's high watermark.";
        in_sync: BrokerSet, "The in-sync set that the controller recorded.";
        min_in_sync: u32, "min.insync.replicas of the topic, bounded by the replicas.";
    }
    31 InSyncChanged "in-sync-changed" "What a leader counts on changed." {
        partition: TopicPartition, "The partition.";
        leader_epoch: LeaderEpoch, "The leader's epoch.";
        partition_epoch: PartitionEpoch, "The partition epoch that it knows.";
        committed: BrokerSet, "The in-sync set that the controller recorded.";
        maximal: BrokerSet, "The set that the high watermark waits for.";
    }
    32 AlterPartitionSent "alter-partition-sent"
        "A leader asked the controller to change the in-sync set." {
        partition: TopicPartition, "The partition.";
        leader_epoch: LeaderEpoch, "The leader's epoch.";
        partition_epoch: PartitionEpoch, "The partition epoch that it knows.";
        in_sync: BrokerSet, "The set asked for.";
    }
    33 AlterPartitionAnswered "alter-partition-answered"
        "The controller's answer reached the leader." {
        partition: TopicPartition, "The partition.";
        error: ErrorCode, "The outcome.";
        rolled_back: bool, "Whether the leader went back to the recorded set.";
    }
    34 ReplicaRemoved "replica-removed" "A broker gave up its replica." {
        partition: TopicPartition, "The partition.";
    }
    35 FetchDiverged "fetch-diverged" "A leader told a follower where their logs part." {
        partition: TopicPartition, "The partition.";
        follower: BrokerId, "The follower.";
        leader_epoch: LeaderEpoch, "The largest epoch of the leader's log up to the one asked for.";
        end_offset: Offset, "Where this epoch ends in the leader's log.";
    }
    36 FollowerCounted "follower-counted"
        "A leader took a follower's fetch as news of its log end, and that end is above what \
         it knew." {
        partition: TopicPartition, "The partition.";
        follower: BrokerId, "The follower.";
        log_end_offset: Offset, "The follower's log end.";
    }

    // Requests of clients.
    40 ProduceHandled "produce-handled" "A leader decided what to do with a batch." {
        partition: TopicPartition, "The partition.";
        batch: BatchId, "The batch.";
        outcome: ProducerOutcome, "What it did.";
        error: ErrorCode, "Why it refused.";
        base_offset: Option<Offset>, "Where the batch stands.";
    }
    41 ProduceAnswered "produce-answered" "A broker answered for a batch." {
        partition: TopicPartition, "The partition.";
        batch: BatchId, "The batch.";
        acks: AckMode, "What the answer waited for.";
        error: ErrorCode, "The outcome.";
        base_offset: Option<Offset>, "Where the batch stands.";
    }

    // Controller.
    50 PartitionDecided "partition-decided"
        "The active controller wrote a partition's new state into its log; it is not \
         committed yet." {
        partition: TopicPartition, "The partition.";
        offset: Offset, "The metadata record's offset.";
        leader: Option<BrokerId>, "The leader.";
        leader_epoch: LeaderEpoch, "Counts elections.";
        partition_epoch: PartitionEpoch, "Counts changes.";
        in_sync: BrokerSet, "The in-sync set.";
        eligible: BrokerSet, "The eligible leader replicas.";
        recovering: bool, "Whether the leader was elected uncleanly.";
        unclean: bool, "Whether this record is an unclean election.";
    }
    51 PartitionCommitted "partition-committed"
        "A partition's new state is committed, seen first by the active controller or, after \
         a failover, by its successor." {
        partition: TopicPartition, "The partition.";
        offset: Offset, "The metadata record's offset.";
        replicas: Box<[BrokerId]>, "The replicas, the preferred one first.";
        leader: Option<BrokerId>, "The leader.";
        leader_epoch: LeaderEpoch, "Counts elections.";
        partition_epoch: PartitionEpoch, "Counts changes.";
        in_sync: BrokerSet, "The in-sync set.";
        eligible: BrokerSet, "The eligible leader replicas.";
        last_known: Box<[BrokerId]>, "The last known leader, while there is none.";
        recovering: bool, "Whether the leader was elected uncleanly.";
        min_in_sync: u32, "min.insync.replicas of the topic, bounded by the replicas.";
    }
    52 TopicCommitted "topic-committed" "A topic exists." {
        topic: TopicId, "The topic.";
        name: Name, "Its name.";
        offset: Offset, "The metadata record's offset.";
    }
    53 TopicRemoved "topic-removed" "A topic is gone." {
        topic: TopicId, "The topic.";
        offset: Offset, "The metadata record's offset.";
    }
    54 BrokerRegistered "broker-registered"
        "The active controller wrote a registration into its log." {
        broker: BrokerId, "The broker.";
        broker_epoch: BrokerEpoch, "The registration's epoch.";
        incarnation: IncarnationId, "The process start.";
        clean: bool, "Whether the controller took the shutdown before for clean.";
    }
    55 RegistrationCommitted "registration-committed"
        "A registration, or a change of one, is committed." {
        broker: BrokerId, "The broker.";
        broker_epoch: BrokerEpoch, "The registration's epoch.";
        offset: Offset, "The metadata record's offset.";
        fenced: bool, "Whether it is fenced.";
        in_controlled_shutdown: bool, "Whether it is shutting down.";
        is_new: bool, "Whether it registered anew with this record.";
    }
    56 AlterPartitionDecided "alter-partition-decided"
        "The active controller decided on a leader's request." {
        partition: TopicPartition, "The partition.";
        leader: BrokerId, "Who asked.";
        in_sync: BrokerSet, "The set asked for.";
        error: ErrorCode, "The decision.";
    }
    57 ControllerActivated "controller-activated" "A controller took charge." {
        leader_epoch: LeaderEpoch, "The quorum's epoch.";
    }
    58 ControllerRetired "controller-retired" "A controller is no longer in charge." {
        leader_epoch: LeaderEpoch, "The quorum's epoch in which it was.";
    }

    // Quorum.
    60 QuorumRoleTaken "quorum-role-taken" "A voter or observer changed its part." {
        role: QuorumRole, "The part.";
        leader_epoch: LeaderEpoch, "The quorum's epoch.";
        leader: Option<BrokerId>, "The leader known.";
    }
    61 VoteGranted "vote-granted" "A voter granted its vote." {
        candidate: BrokerId, "To whom; itself when it stands.";
        leader_epoch: LeaderEpoch, "In which epoch.";
        pre_vote: bool, "Whether it was only asked (KIP-996).";
    }
    62 QuorumDurable "quorum-durable" "What a voter has on its disk for sure." {
        durable_end: Offset, "The end, exclusive.";
    }
    63 MetadataApplied "metadata-applied"
        "A broker or controller replayed the metadata log up to an offset." {
        offset: Offset, "The end of what it replayed, exclusive.";
        leader_epoch: LeaderEpoch, "The epoch of the last record.";
        digest: ChainHash, "Hash of all that it replayed.";
    }

    // Clients.
    70 OperationInvoked "operation-invoked" "An application asked its client for something." {
        operation: OperationId, "The operation.";
        verb: OperationVerb, "What it asked for.";
        topic: Option<Name>, "The topic.";
    }
    71 OperationReturned "operation-returned" "The application got its answer." {
        operation: OperationId, "The operation.";
        result: OperationResult, "What is known of it.";
        error: ErrorCode, "The error, if any.";
        partition: Option<TopicPartition>, "Where a record went.";
        offset: Option<Offset>, "At which offset.";
    }
    72 BatchSealed "batch-sealed" "A producer closed a batch for sending." {
        partition: TopicPartition, "The partition.";
        batch: BatchId, "The batch.";
        acks: AckMode, "What the answer will wait for.";
        producer: Option<ProducerId>, "The producer's id.";
        epoch: Option<ProducerEpoch>, "Its epoch.";
        base_sequence: Option<Sequence>, "Sequence of the first record.";
        max_timestamp: i64, "The largest timestamp, in milliseconds since 1970.";
        bytes: u32, "Its size in a log.";
        operations: Vec<u32>, "The send operation of each record, in order.";
        keys: Vec<KeyHash>, "The keys, each once, by which records came to this partition.";
    }
    73 BatchSent "batch-sent" "A producer put a batch on the wire." {
        partition: TopicPartition, "The partition.";
        batch: BatchId, "The batch.";
        attempt: u32, "1 the first time.";
        to: BrokerId, "The broker.";
    }
    74 BatchDone "batch-done" "A producer is through with a batch." {
        partition: TopicPartition, "The partition.";
        batch: BatchId, "The batch.";
        result: OperationResult, "What is known of it.";
        error: ErrorCode, "The last error.";
        base_offset: Option<Offset>, "Where it stands.";
        latency: Duration, "From sealing to the end, by the client's clock.";
    }
    75 Polled "polled" "An application received consecutive records." {
        operation: OperationId, "The poll.";
        partition: TopicPartition, "The partition.";
        base_offset: Offset, "The first record's offset.";
        records: u32, "How many.";
        batch: BatchId, "The batch that they are of.";
        first: u32, "The first record's place in the batch, from 0.";
        leader_epoch: LeaderEpoch, "The batch's leader epoch.";
    }
    76 PositionSet "position-set"
        "A consumer's place in a partition was set other than by polling." {
        partition: TopicPartition, "The partition.";
        offset: Offset, "The next record to return.";
        by_reset: bool, "Whether by auto.offset.reset or truncation rather than by a seek.";
    }
    77 ProducerIdTaken "producer-id-taken" "A producer has a producer id and epoch." {
        producer: ProducerId, "The id.";
        epoch: ProducerEpoch, "The epoch.";
    }
    78 SequencesReset "sequences-reset"
        "A producer raised its epoch and numbers unresolved batches anew." {
        producer: ProducerId, "The id.";
        epoch: ProducerEpoch, "The new epoch.";
    }

    // Settling and audit.
    90 ProbeReturned "probe-returned"
        "A consumer read a partition from its start to the record that tries it." {
        partition: TopicPartition, "The partition.";
        offset: Option<Offset>, "Where it stands; none if it was never acknowledged.";
    }
    91 ReplicaAudited "replica-audited" "A replica's real log at the audit." {
        partition: TopicPartition, "The partition.";
        log_start_offset: Offset, "Its start.";
        log_end_offset: Offset, "Its end, exclusive.";
        high_watermark: Offset, "Its high watermark.";
        chain: ChainHash, "Hash of the log from its first segment to its end.";
        epochs_are_sound: bool, "Whether its leader-epoch cache says what its batches say.";
    }
    92 QuorumAudited "quorum-audited" "A voter's or observer's real metadata state at the audit." {
        log_end_offset: Offset, "The end of its metadata log.";
        high_watermark: Offset, "Its high watermark.";
        chain: ChainHash, "Hash of the log from its first segment to its end.";
        digest: ChainHash, "Hash of all that it replayed.";
    }

    // Load.
    100 RequestQueueFull "request-queue-full"
        "A network thread found the request queue full and stands still until all that it holds \
         is in the queue." {
        thread: u32, "The thread, from 0.";
        waiting: u32, "Requests in the queue.";
    }
    101 NetworkThreadFree "network-thread-free"
        "A network thread that stood before the request queue reads and writes again." {
        thread: u32, "The thread, from 0.";
    }

    // Disks and clocks.
    105 ClockSet "clock-set" "A host's wall clock jumped, or its clocks run at another pace." {
        by: i64, "How far the wall clock jumped, in microseconds.";
        drift: i64, "How many microseconds both clocks gain in a million from now on.";
    }
    106 StorageFailed "storage-failed"
        "A write to a replica's log failed: the log directory is offline, and the broker is about \
         to halt." {
        partition: TopicPartition, "The partition.";
        error: DiskFailure, "What the write was told.";
        base_offset: Offset, "Where the batch was to stand; it may, and nobody knows.";
        records: u32, "How many records.";
        leader_epoch: LeaderEpoch, "The batch's leader epoch.";
        batch: BatchId, "The batch.";
        chain: ChainHash, "Hash of the log with the batch in it.";
    }
    107 DiskStalled "disk-stalled"
        "A disk operation was asked for and waits for a disk that hangs." {
        lane: Lane, "Whose it is.";
        blocking: bool, "Whether the lane stands still until it is done.";
    }
    108 DiskReplaced "disk-replaced" "A host lost its disk; an empty one is in its place." {}

    // Starting and stopping in order.
    113 ShutdownRequested "shutdown-requested" "A process was asked to end (SIGTERM)." {}
    114 BrokerStateEntered "broker-state-entered" "A broker went on in its life." {
        state: LifecycleState, "Where it is now.";
    }
    115 RestartStepped "restart-stepped" "A rolling restart went on to its next step." {
        fault: u32, "Its place in the plan, from 0.";
        host: HostId, "Whose turn it is.";
        step: RestartStep, "What the operator does.";
    }
    116 ConfigDeployed "config-deployed"
        "The members of a group are given another configuration, which whoever starts from now on \
         has." {
        group: Name, "Which.";
        config: Name, "What is set in it: `group.protocol=consumer`.";
    }

    // What administrators ask of the controller.
    120 ConfigCommitted "config-committed"
        "A value of dynamic configuration is committed, seen first by the active controller or, \
         after a failover, by its successor." {
        resource: Name, "Whose it is: `topic orders`, `broker 1`, `all brokers`.";
        key: Name, "The key.";
        value: Option<Name>, "The value; none if it was removed.";
        offset: Offset, "The metadata record's offset.";
    }
    121 ElectionAsked "election-asked"
        "The active controller decided on an administrator's request for an election." {
        partition: TopicPartition, "The partition.";
        unclean: bool, "Whether any live replica will do, rather than the preferred one only.";
        error: ErrorCode, "The decision.";
    }
    122 BrokerUnregistered "broker-unregistered" "A broker's registration is gone." {
        broker: BrokerId, "The broker.";
        broker_epoch: BrokerEpoch, "The registration's epoch.";
        offset: Offset, "The metadata record's offset.";
    }
    123 MinInSyncApplied "min-in-sync-applied"
        "A replica holds its partition to another min.insync.replicas." {
        partition: TopicPartition, "The partition.";
        min_in_sync: u32, "The new one, bounded by the replicas.";
    }

    // Deletion.
    130 SegmentsDeleted "segments-deleted" "A replica deleted the oldest segments of its log." {
        partition: TopicPartition, "The partition.";
        first_base: Offset, "Where the first segment that is left begins.";
        segments: u32, "How many.";
        bytes: u64, "What they held.";
    }
    131 DeleteRecordsHandled "delete-records-handled"
        "A leader was asked to delete records, and moved its log start or refused." {
        partition: TopicPartition, "The partition.";
        asked: Option<Offset>, "The first record to be left; none: all below the high watermark.";
        error: ErrorCode, "Why it refused.";
        low_watermark: Option<Offset>,
            "The smallest log start of this replica and of those that live.";
    }

    // Offsets that clients ask for.
    140 LatestOffsetTold "latest-offset-told"
        "A leader answered a client that asked for the latest offset." {
        partition: TopicPartition, "The partition.";
        leader_epoch: LeaderEpoch, "The leader's epoch.";
        offset: Option<Offset>, "Its high watermark; none if it refused.";
        error: ErrorCode, "Why it refused.";
    }

    // Clients, continued.
    150 AdminAsked "admin-asked" "Somebody asked an admin client for something." {
        operation: OperationId, "The operation.";
        what: Name, "What, in words.";
    }
    151 AdminAnswered "admin-answered" "An admin client has the cluster's answer, or gave up." {
        operation: OperationId, "The operation.";
        answer: Name, "What it was told, in words.";
    }
    152 TruncationDetected "truncation-detected"
        "A consumer learned that records which it has read are no longer in the log (KIP-320)." {
        partition: TopicPartition, "The partition.";
        position: Offset, "The next record that it would have returned.";
        diverged_at: Option<Offset>, "The first offset that may differ.";
    }
    153 RecordMade "record-made"
        "A built-in producer made a record with contents (`value = \"json\"`, `headers`)." {
        operation: OperationId, "The send.";
        key: Option<Name>, "The key.";
        value: Name, "The value.";
        headers: Name, "The headers, as name=value.";
    }

    // Group coordinators.
    160 CoordinatorLoading "coordinator-loading"
        "A broker began to read a partition of __consumer_offsets that it leads now." {
        partition: TopicPartition, "The partition.";
        leader_epoch: LeaderEpoch, "The epoch in which it leads.";
    }
    161 CoordinatorLoaded "coordinator-loaded"
        "A broker coordinates the groups of a partition of __consumer_offsets." {
        partition: TopicPartition, "The partition.";
        leader_epoch: LeaderEpoch, "The epoch in which it leads.";
        end: Offset, "Up to where it has read the log, exclusive.";
        groups: u32, "How many groups there are.";
    }
    162 CoordinatorUnloaded "coordinator-unloaded"
        "A broker forgot the groups of a partition of __consumer_offsets." {
        partition: TopicPartition, "The partition.";
        leader_epoch: LeaderEpoch, "The epoch in which it had led.";
    }
    163 OffsetLoaded "offset-loaded" "A new coordinator knows an offset that a group committed." {
        group: Name, "The group.";
        partition: TopicPartition, "The partition.";
        offset: Offset, "The next record to consume.";
    }
    164 GroupStateChanged "group-state-changed" "A consumer group came into another state." {
        group: Name, "The group.";
        protocol: GroupProtocol, "Its protocol.";
        state: GroupState, "The state.";
        epoch: GroupEpoch, "Its generation, or epoch.";
        members: u32, "How many members it has.";
    }
    165 GroupEpochBegan "group-epoch-began"
        "A generation of a classic group, or an epoch of a group of KIP-848, began." {
        group: Name, "The group.";
        protocol: GroupProtocol, "Its protocol.";
        epoch: GroupEpoch, "The generation, or epoch.";
        members: u32, "How many members it has.";
    }
    166 MemberJoined "member-joined" "A coordinator counts a new member." {
        group: Name, "The group.";
        member: Name, "The member.";
        instance: Option<Name>, "Its group.instance.id.";
    }
    167 MemberLeft "member-left" "A coordinator no longer counts a member." {
        group: Name, "The group.";
        member: Name, "The member.";
        because: LeftBecause, "Why.";
    }
    168 AssignmentDecided "assignment-decided" "It was decided what a member shall own." {
        group: Name, "The group.";
        member: Name, "The member.";
        epoch: GroupEpoch, "The generation, or the epoch of the target assignment.";
        partitions: Vec<TopicPartition>, "The partitions.";
    }
    169 MemberReconciled "member-reconciled"
        "A member of KIP-848 came to its next step on the way to its target." {
        group: Name, "The group.";
        member: Name, "The member.";
        epoch: GroupEpoch, "Its epoch.";
        partitions: Vec<TopicPartition>, "What it owns.";
        revoking: Vec<TopicPartition>, "What it must give up first.";
    }
    170 OffsetAppended "offset-appended" "A coordinator wrote a group's offset to its log." {
        group: Name, "The group.";
        partition: TopicPartition, "The partition consumed.";
        offset: Offset, "The next record to consume.";
        member: Option<Name>, "The member that commits; none outside of a group.";
        epoch: GroupEpoch, "The generation or epoch that it says; -1 outside of a group.";
        log: TopicPartition, "The partition of __consumer_offsets that it stands in.";
        log_offset: Offset, "Where it stands there.";
    }
    171 OffsetCommitted "offset-committed"
        "A group's offset is below the high watermark of its coordinator's log." {
        group: Name, "The group.";
        partition: TopicPartition, "The partition consumed.";
        offset: Offset, "The next record to consume.";
        log_offset: Offset, "Where it stands in the coordinator's log.";
    }
    172 OffsetCommitAnswered "offset-commit-answered"
        "A coordinator told a committer what became of an offset." {
        group: Name, "The group.";
        partition: TopicPartition, "The partition consumed.";
        offset: Offset, "The next record to consume.";
        member: Option<Name>, "The member that commits; none outside of a group.";
        epoch: GroupEpoch, "The generation or epoch that it says; -1 outside of a group.";
        error: ErrorCode, "The error, or none.";
    }
    173 OffsetTold "offset-told" "A coordinator told somebody a group's offset." {
        group: Name, "The group.";
        partition: TopicPartition, "The partition.";
        offset: Option<Offset>, "The next record to consume; none: nothing is committed.";
    }
    174 OffsetRemoved "offset-removed" "A coordinator took a group's offset away." {
        group: Name, "The group.";
        partition: TopicPartition, "The partition.";
        because: OffsetGone, "Why.";
    }
    175 GroupLoaded "group-loaded"
        "A new coordinator knows a group; its members follow." {
        group: Name, "The group.";
        protocol: GroupProtocol, "Its protocol.";
        state: GroupState, "Its state.";
        epoch: GroupEpoch, "Its generation, or epoch.";
        members: u32, "How many members it has.";
    }
    176 MemberLoaded "member-loaded" "A new coordinator knows a member of a group." {
        group: Name, "The group.";
        member: Name, "The member.";
        epoch: GroupEpoch, "Its group's generation, or the epoch that it has.";
        partitions: Vec<TopicPartition>,
            "What it owns, or has yet to give up; nothing of the classic protocol.";
    }
    177 AssignmentEpochBegan "assignment-epoch-began"
        "The target assignment of a group of KIP-848 is of another epoch, or a new coordinator \
         knows of which." {
        group: Name, "The group.";
        epoch: GroupEpoch, "The epoch.";
    }

    // Members of groups, as they see themselves.
    180 MemberStateEntered "member-state-entered" "A member went on in its membership." {
        group: Name, "The group.";
        member: Name, "Its member id; empty before it has one.";
        epoch: i32, "Its generation or member epoch; -1 and 0 are none.";
        state: MemberState, "Where it is now.";
        leads: bool, "Whether it leads its generation (classic).";
    }
    181 CallbackInvoked "callback-invoked" "An application was told of a rebalance." {
        group: Name, "The group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        callback: CallbackVerb, "Of what.";
        partitions: u32, "Of how many partitions.";
    }
    182 PartitionTaken "partition-taken"
        "A member believes from here on that it owns a partition." {
        group: Name, "The group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        partition: TopicPartition, "The partition.";
    }
    183 PartitionGivenUp "partition-given-up"
        "A member no longer believes that it owns a partition." {
        group: Name, "The group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        partition: TopicPartition, "The partition.";
        because: GivenUpBecause, "Why.";
    }
    184 CommittedOffsetUsed "committed-offset-used"
        "A member learned where its group has committed, and begins there." {
        group: Name, "The group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        partition: TopicPartition, "The partition.";
        offset: Option<Offset>, "The commit; none if there is none.";
    }
    185 Processed "processed" "An application has processed records." {
        group: Name, "Its group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        partition: TopicPartition, "The partition.";
        base_offset: Offset, "The first record.";
        records: u32, "How many, at consecutive offsets.";
    }
    186 CommitAsked "commit-asked" "A member asked its coordinator to commit." {
        group: Name, "The group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        partition: TopicPartition, "The partition.";
        offset: Offset, "Where to go on.";
        automatic: bool, "Whether the consumer did it by itself (enable.auto.commit).";
    }
    187 CommitAnswered "commit-answered" "A member knows what became of a commit, or gave up." {
        group: Name, "The group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        partition: TopicPartition, "The partition.";
        offset: Offset, "Where to go on.";
        error: ErrorCode, "What it was told; of a lost answer nobody knows.";
    }
    188 CoordinatorFound "coordinator-found" "A member was told who coordinates its group." {
        group: Name, "The group.";
        coordinator: BrokerId, "The broker.";
    }
    189 ProducedFrom "produced-from" "An application sent a record on that it had consumed." {
        partition: TopicPartition, "Where it was read.";
        offset: Offset, "The record's offset there.";
        operation: OperationId, "The send.";
    }

    190 DefectActed "defect-acted"
        "A defect that is switched on made the step that caused this do otherwise than it should." {
        defect: Name, "The defect.";
        partition: Option<TopicPartition>, "What was decided about, if it is a partition.";
    }
    191 PollOverdue "poll-overdue"
        "A member leaves, for its application did not poll for max.poll.interval.ms." {
        group: Name, "The group.";
        member: Name, "The member id.";
        epoch: i32, "The generation or member epoch.";
        interval: u32, "max.poll.interval.ms.";
        tells: bool, "Whether it tells its coordinator; a static member of the classic protocol \
            does not.";
    }
    192 PartitionsCreated "partitions-created"
        "The active controller wrote partitions that a topic did not have yet into its log." {
        topic: TopicId, "The topic.";
        before: u32, "How many it had.";
        count: u32, "How many it has with them.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_names_are_unique() {
        assert!(Kind::TABLE.windows(2).all(|pair| pair[0].number < pair[1].number));
        let names: std::collections::BTreeSet<_> = Kind::TABLE.iter().map(|k| k.name).collect();
        assert_eq!(names.len(), Kind::TABLE.len());
    }

    #[test]
    fn bytes_read_back_as_the_event() {
        let kind = Kind::InSyncChanged {
            partition: TopicPartition::new(TopicId(u128::MAX - 5), 3),
            leader_epoch: LeaderEpoch(-1),
            partition_epoch: PartitionEpoch(700),
            committed: BrokerSet::of(BrokerId(3001)),
            maximal: [1, 2].map(BrokerId).into_iter().collect(),
        };
        let mut bytes = Vec::new();
        kind.encode(&mut bytes);
        assert_eq!(Kind::decode(kind.number(), &mut Reader(&bytes)), Some(kind));
        assert_eq!(Kind::decode(200, &mut Reader(&bytes)), None);
    }
}
