//! Defects that can be switched on: bugs Kafka once had, and mutations of our own.
//!
//! A property is worth its place when a defect turns it red. Each defect names all properties that
//! it breaks; the museum (`tests/it/museum.rs`) holds both to that.

/// Declares the defects once.
macro_rules! defects {
    ($($variant:ident $name:literal $kind:ident $number:literal [$($property:literal)+]
       $title:literal $source:literal $what:literal;)*) => {
        /// A defect of the simulated programs, off unless a scenario or `--defect` asks for it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Defect {
            $(#[doc = $title] $variant,)*
        }

        impl Defect {
            /// All defects, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that scenarios and `--defect` use.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether Kafka had it, or a user may ask for it, or we made it up.
            pub fn kind(self) -> DefectKind {
                match self { $(Self::$variant => DefectKind::$kind,)* }
            }

            /// Its number in the museum; 0 for a mutation.
            pub fn number(self) -> u32 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The properties that it was seen to break within their premises.
            pub fn caught_by(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($property),+],)* }
            }

            /// What it is, in a line.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Where the story comes from.
            pub fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }

            /// What the simulated programs do differently.
            pub fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }
        }
    };
}

impl Defect {
    /// What it is called: a configuration is no bug.
    pub fn called(self) -> String {
        let word = match self.kind() {
            DefectKind::Configuration => "configuration",
            DefectKind::Historical | DefectKind::Mutation => "bug",
        };
        format!("the {word} {}", self.name())
    }
}

/// Where a defect comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DefectKind {
    /// Kafka had it; a release mended it.
    Historical,
    /// Not a bug: a configuration that promises less, made a switch so that it can be compared.
    Configuration,
    /// Ours: a rule taken out to prove that a property can turn red.
    Mutation,
}

defects! {
    TruncateToHighWatermark "kip-101-truncate-to-high-watermark" Historical 1
        ["leader-completeness" "acked-durability" "consistent-read" "candidate-completeness"
         "acks-one-durability" "inconsistent-offsets" "log-matching" "nonmonotonic-send"
         "acked-replicated"]
        "a new follower truncates to its own high watermark"
        "KIP-101, KAFKA-1211; mended in 0.11"
        "a replica that becomes follower truncates to its high watermark and ignores epochs";
    UnknownEpochFallback "kafka-7415-unknown-epoch" Historical 3
        ["candidate-completeness" "leader-completeness" "acked-durability" "consistent-read"
         "inconsistent-offsets" "nonmonotonic-send"]
        "a follower truncates to its high watermark: its leader does not know the epoch asked for"
        "KIP-101, KAFKA-7415; mended in 2.0.1 and 2.1"
        "leaders remember an epoch with its first record only; followers ask before they fetch, as \
         up to 2.6, and without an answer truncate to their high watermark";
    OffsetOnlyAnswer "kip-279-offset-only-answer" Historical 4
        ["log-matching" "epoch-monotone-in-log" "candidate-completeness" "consistent-read"
         "acked-replicated"]
        "after two quick elections a follower keeps records of the epoch in between"
        "KIP-279, KAFKA-6361; mended in 2.0"
        "followers ask before they fetch where their last epoch ends, and are not told of which \
         epoch the end is that they get";
    UnfencedFetch "kip-320-unfenced-fetch" Historical 5
        ["candidate-completeness" "leader-completeness" "acked-durability" "consistent-read"
         "inconsistent-offsets" "nonmonotonic-send"]
        "a leader counts the fetch of a follower that is still in an older epoch"
        "KIP-320, KAFKA-6880, KAFKA-7440; mended in 2.1"
        "leaders ignore current_leader_epoch in Fetch, followers the epoch they asked in";
    FirstTry "kip-320-first-try" Historical 6
        ["candidate-completeness" "leader-completeness" "acked-durability" "consistent-read"
         "lost-write" "unseen" "inconsistent-offsets" "nonmonotonic-send"]
        "a fetch says of which epoch its last record is, and not in which epoch it is meant"
        "KIP-320, Kip320FirstTry of kafka-specification; never released"
        "followers send no current_leader_epoch in Fetch";
    HighWatermarkOfOldEpoch "kip-320-high-watermark-of-old-epoch" Historical 7
        ["candidate-completeness"]
        "the high watermark counts a follower that is still in an older leader epoch"
        "KIP-320, a mutation of Kip320 of kafka-specification"
        "leaders refuse a fetch of another epoch, and take its offset into the high watermark";
    ExpandFromOldEpoch "kip-320-expand-from-old-epoch" Historical 9
        ["candidate-completeness"]
        "a follower that is still in an older leader epoch joins the in-sync set"
        "KIP-320, a mutation of Kip320 of kafka-specification"
        "leaders refuse a fetch of another epoch, and propose its sender for the in-sync set";
    ServeOldEpoch "kip-320-serve-old-epoch" Historical 10
        ["log-matching" "consistent-read" "acked-replicated"]
        "records of a new epoch come to stand on foreign ones, and hide them"
        "KIP-320, a mutation of Kip320 of kafka-specification"
        "leaders serve fetches of another epoch without counting them; followers ask before they \
         fetch, as up to 2.6";
    ExpandBelowEpochStart "kafka-7128-expand-below-epoch-start" Historical 8
        ["candidate-completeness" "leader-completeness" "acked-durability" "acks-one-durability"
         "consistent-read" "inconsistent-offsets" "lost-write" "unseen"]
        "a follower joins the in-sync set below the start of the leader's epoch"
        "KAFKA-7128; mended in 2.1"
        "the in-sync set grows as soon as a follower reaches the leader's stale high watermark";
    StaleFetchResponse "kafka-18723-stale-fetch-response" Historical 11
        ["candidate-completeness" "leader-completeness" "acked-durability" "consistent-read"
         "inconsistent-offsets" "lost-write" "unseen"]
        "an answer from an earlier term of the same leader is applied"
        "KAFKA-18723; mended in 4.0"
        "followers compare only the offset of an answer with what they want, not its leader epoch";
    HighWatermarkOverProposed "kip-497-high-watermark-over-proposed" Historical 12
        ["quorum-superset" "candidate-completeness" "consistent-read" "inconsistent-offsets"]
        "the leader counts on an in-sync set that the controller has not recorded yet"
        "KIP-497, AsyncIsr model"
        "while a shrink is pending the high watermark moves over the smaller, proposed set";
    HighWatermarkOverCommitted "kip-497-high-watermark-over-committed" Historical 12
        ["quorum-superset" "candidate-completeness"]
        "the leader leaves out a replica that the controller may already have added"
        "KIP-497, AsyncIsr model"
        "while an expansion is pending the high watermark ignores the replica being added";
    StaleBrokerEpoch "kip-903-stale-broker-epoch" Historical 15
        ["candidate-completeness" "leader-completeness" "acked-durability" "consistent-read"
         "inconsistent-offsets" "nonmonotonic-send"]
        "a broker joins the in-sync set with what it had before it lost power"
        "KIP-903, KAFKA-14617, KAFKA-15221; mended in 3.5"
        "leaders do not look at the broker epoch of a fetch, nor send it in AlterPartition";
    LastReplicaStanding "kip-966-last-replica-standing" Historical 16
        ["acked-durability" "leader-completeness" "consistent-read" "candidate-completeness"
         "isr-membership" "unclean-exclusion" "inconsistent-offsets" "nonmonotonic-send"]
        "the last in-sync replica loses its tail and is elected all the same"
        "KIP-966, KAFKA-15583; mended in 3.7 and 4.1"
        "no strict min.insync.replicas for the high watermark, no eligible leader replicas";
    UncleanLeaderElection "unclean-leader-election" Configuration 19
        ["acked-durability" "leader-completeness" "consistent-read" "candidate-completeness"
         "inconsistent-offsets" "nonmonotonic-send"]
        "a replica outside the in-sync set is elected when no other is alive"
        "unclean.leader.election.enable, KIP-106"
        "as if unclean.leader.election.enable=true stood on every topic";
    NeverFlush "never-flush" Configuration 20
        ["acked-durability" "leader-completeness" "consistent-read" "candidate-completeness"
         "inconsistent-offsets"]
        "all in-sync replicas lose power before their page caches are written"
        "Kafka's flush policy (log.flush.interval.messages), KIP-966"
        "Kafka's default made a switch: nothing is flushed, not even where flush.messages asks";
    HighWatermarkBeforeTruncation "kafka-14704-high-watermark-before-truncation" Historical 24
        ["consistent-read"]
        "a deposed leader takes over the high watermark before it cuts its log"
        "KAFKA-14704; mended in 3.5"
        "followers apply the high watermark of an answer that tells them to truncate";
    LastFetchedEpochLost "kafka-15510-last-fetched-epoch-lost" Historical 25
        ["log-matching" "candidate-completeness" "consistent-read" "acked-replicated"]
        "after an empty answer a follower no longer says of which epoch its last record is"
        "KAFKA-15510; mended in 3.6"
        "an answer without records makes a follower forget its last epoch until records come. \
         Kafka's forgot it within one leader epoch, in which no logs part; ours longer";
    EmptyEpochKept "kafka-10706-empty-epoch-kept" Historical 26
        ["replicas-rejoin"]
        "a follower that led without writing asks for ever about its empty epoch"
        "KAFKA-10706; mended in 2.7 and 2.6.1"
        "truncating a log at its end leaves the epochs that begin there in the cache";
    OffsetAvailableTooSoon "kip-207-latest-goes-back" Historical 28
        ["list-offsets-monotone"]
        "the latest offset goes back after an election"
        "KIP-207, KAFKA-2334; mended in 2.2"
        "new leaders name their high watermark as latest offset although it is stale";
    LeaderResumesEpoch "kafka-10527-leader-resumes-epoch" Historical 38
        ["raft-election-safety" "quorum-stable"]
        "a restarted quorum leader goes on in the epoch it led before"
        "KAFKA-10527, KAFKA-10661; mended in 2.7"
        "a voter that restarts as the leader of its stored epoch leads on instead of resigning";
    FetchBeforeFsync "kafka-10533-fetch-before-fsync" Historical 40
        ["raft-committed-prefix" "metadata-prefix" "candidate-completeness"]
        "a voter reports records that are not on its disk"
        "KAFKA-10533; mended in 2.7"
        "voters fetch on before what they appended is flushed";
    ReorderInFlight "producer-reorder-in-flight" Configuration 45
        ["per-producer-order" "nonmonotonic-send" "no-duplicate" "duplicate"]
        "a retried batch lands behind a later one"
        "max.in.flight.requests.per.connection > 1 without idempotence, KIP-98"
        "as if enable.idempotence=false stood in every producer's configuration";
    DuplicateOnRetry "producer-duplicate-on-retry" Configuration 46
        ["no-duplicate" "duplicate"]
        "a batch whose answer was lost is appended twice"
        "KIP-98"
        "as if enable.idempotence=false and max.in.flight.requests.per.connection=1 stood there";
    FencedInSync "kafka-13916-fenced-replica-in-sync" Historical 14
        ["isr-membership" "high-watermark-reaches-end"]
        "a fenced broker is let back into the in-sync set"
        "KIP-841, KAFKA-13916; mended in 3.3"
        "neither leader nor controller asks whether a replica outside the set is fenced: it is \
         waited for, and let in";
    NoUncleanShutdownDetection "kafka-18635-no-unclean-shutdown-detection" Historical 22
        ["unclean-exclusion" "leader-completeness" "acked-durability" "candidate-completeness"
         "consistent-read" "inconsistent-offsets"]
        "a broker that lost its page cache keeps its place in the in-sync set"
        "KIP-966, KAFKA-18106, KAFKA-18635; mended in 4.0"
        "the controller ignores previous_broker_epoch at registration";
    EmptyDiskElected "kafka-14139-empty-disk-elected" Historical 29
        ["unclean-exclusion" "acked-durability" "leader-completeness" "candidate-completeness"
         "consistent-read" "inconsistent-offsets"]
        "a broker that got an empty disk keeps its place in the in-sync set"
        "KAFKA-14139; mended with KIP-966 in 4.0"
        "the controller takes a broker whose log directory is new for one that shut down cleanly";
    AppendAfterError "kafka-10778-append-after-io-error" Historical 30
        ["log-matching" "candidate-completeness" "consistent-read" "acked-replicated"]
        "a log that could not write goes on taking records until its directory is given up"
        "KAFKA-10778, KAFKA-17181; mended in 2.8"
        "after an append that failed with an I/O error a log accepts further appends";
    VoteNotPersisted "vote-not-persisted" Mutation 0
        ["raft-vote-once"]
        "a voter forgets its vote when it restarts"
        "Raft, section 5.2; museum 37"
        "quorum-state is not written when a vote is granted";
    NoPreVote "kip-996-no-pre-vote" Historical 41
        ["quorum-stable"]
        "a voter that was cut off deposes a healthy leader when it returns"
        "KIP-996; mended in 4.0"
        "voters start elections without asking first";
    NoCheckQuorum "kafka-15489-no-check-quorum" Historical 41
        ["quorum-stable"]
        "a quorum leader that nobody can reach goes on leading"
        "KAFKA-15489; mended in 3.7"
        "leaders do not resign when no majority fetches from them";
    CommitOfOlderEpoch "kafka-12619-commit-of-older-epoch" Historical 39
        ["raft-committed-prefix"]
        "a quorum leader commits records of an older epoch because a majority has them"
        "KAFKA-12619, Raft, section 5.4.2 and figure 8; mended in 2.8"
        "a leader commits what a majority has up to the start of its epoch, without a record of it";
    ClaimedBeforeReplayed "kafka-15345-claimed-before-replayed" Historical 43
        ["replicas-rejoin" "alter-partition-answered"]
        "a new controller decides before it has replayed what its predecessor committed"
        "KAFKA-15345; mended in 3.6"
        "a controller takes charge as soon as it leads, not when it has read up to its own epoch";
    PartitionEpochIgnored "kip-497-partition-epoch-ignored" Mutation 13
        ["quorum-superset" "candidate-completeness"]
        "the controller grants an in-sync set that was asked for on older knowledge"
        "KIP-497, AsyncIsr model"
        "the controller does not compare the partition epoch of AlterPartition with its own";
    FencedLastKnownLeader "kafka-19522-fenced-last-known-leader" Historical 21
        ["isr-membership" "unclean-exclusion"]
        "the last known leader is elected although it is fenced"
        "KAFKA-19522; mended in 4.0.1 and 4.1"
        "the controller elects the last known leader without asking whether it is alive";
    LeaderEpochNotRaised "mutation-leader-epoch-not-raised" Mutation 0
        ["one-leader-per-epoch" "epoch-offset-unique" "log-matching" "candidate-completeness"
         "consistent-read" "acked-durability" "quorum-superset" "replicas-rejoin" "duplicate"
         "inconsistent-offsets" "acks-one-durability" "acked-replicated"]
        "an election that leaves the leader epoch as it was"
        "made up"
        "the controller elects a leader without raising the leader epoch";
    EpochCacheNotTruncated "mutation-epoch-cache-not-truncated" Mutation 0
        ["epoch-monotone-in-log" "replicas-rejoin" "acked-replicated"]
        "truncation forgets the leader-epoch cache"
        "made up, after KAFKA-10706"
        "truncating a log leaves the entries of its leader-epoch cache";
    HighWatermarkBeyondEnd "mutation-high-watermark-beyond-end" Mutation 0
        ["offset-order"]
        "a follower takes the leader's high watermark as it is"
        "made up"
        "a follower does not clamp the high watermark of a response to its own log end";
    AckBeforeInSync "mutation-ack-before-in-sync" Mutation 0
        ["acked-durability" "quorum-superset" "lost-write" "unseen" "inconsistent-offsets"
         "nonmonotonic-send"]
        "acks=all is answered when the leader alone holds the record"
        "made up"
        "leaders answer acks=all as if it were acks=1";
    SkippedMetadataRecord "mutation-skipped-metadata-record" Mutation 0
        ["metadata-prefix" "metadata-converges" "leader-elected" "replicas-rejoin"
         "produce-answered" "one-leader-per-epoch"]
        "a broker leaves out a committed metadata record"
        "made up"
        "brokers skip every fifth PartitionChangeRecord that they replay";
    DuplicateCheckOff "mutation-duplicate-check-off" Mutation 0
        ["no-duplicate" "duplicate"]
        "a leader appends a batch again although it has its sequence"
        "made up, after KAFKA-5494"
        "leaders do not look for a batch's sequence among those they remember";
    SequenceCheckOff "mutation-sequence-check-off" Mutation 0
        ["per-producer-order" "nonmonotonic-send"]
        "a leader takes any sequence number"
        "made up"
        "leaders do not compare a batch's first sequence with the last one they took";
    NoElection "mutation-no-election" Mutation 0
        ["leader-elected" "produce-answered"]
        "the controller fences brokers but elects nobody in their place"
        "made up"
        "fencing a broker changes in-sync sets and leaves partitions without a leader";
    NoExpansion "mutation-no-expansion" Mutation 0
        ["replicas-rejoin" "produce-answered"]
        "a replica that caught up is never added to the in-sync set"
        "made up"
        "leaders never propose to expand the in-sync set";
    HighWatermarkStuck "kafka-13091-high-watermark-stuck" Historical 27
        ["high-watermark-reaches-end"]
        "the high watermark is not moved when the in-sync set shrinks"
        "KAFKA-13091; mended in 2.8.1 and 3.0"
        "leaders do not look at the high watermark again when the controller has answered";
    ShuttingDownReplicaCounts "kafka-15021-shutting-down-replica-counts" Historical 27
        ["high-watermark-reaches-end"]
        "a replica that shuts down holds the high watermark back"
        "KAFKA-15021; mended in 3.5 and 3.6"
        "leaders wait for whoever has just caught up, also if it may not join the in-sync set";
    RetriableErrorNotRetried "kafka-14010-retriable-error-not-retried" Historical 27
        ["alter-partition-answered"]
        "a request to change the in-sync set is refused for a moment, and never sent again"
        "KAFKA-14010; mended in 3.2.1 and 3.3"
        "brokers take an AlterPartition that was refused with NOT_CONTROLLER for still under way";
    PendingChangeDropped "pending-change-dropped" Historical 0
        ["quorum-superset"]
        "metadata that tells nothing new makes a leader forget a change that is under way"
        "found by our random schedules; Kafka's Partition.makeLeader as of October 2024 (1eb7644)"
        "a leader drops a proposed in-sync set on metadata of the partition epoch it knows";
    ReadBeyondHighWatermark "mutation-read-beyond-high-watermark" Mutation 0
        ["consistent-read" "inconsistent-offsets" "duplicate"]
        "consumers are shown records above the high watermark"
        "made up"
        "leaders answer consumers with everything up to their log end";
    PollSkips "mutation-poll-skips" Mutation 0
        ["poll-skip"]
        "a consumer leaves out a record now and then"
        "made up"
        "consumers drop the first batch of every fiftieth fetch response";
    PollGoesBack "mutation-poll-goes-back" Mutation 0
        ["nonmonotonic-poll" "processing-order"]
        "a consumer returns records that it has returned before"
        "made up"
        "consumers forget the last position after every fiftieth fetch response";
    OldEpochStamped "mutation-old-epoch-stamped" Mutation 0
        ["epoch-monotone-in-log" "epoch-offset-unique" "log-matching" "candidate-completeness"
         "consistent-read" "acked-durability" "inconsistent-offsets" "replicas-rejoin"
         "acked-replicated"]
        "a leader stamps batches with the epoch at the wrong end of its leader-epoch cache"
        "made up, after KIP-101"
        "leaders append in the first epoch that their log knows, not in the one that they lead";
    QuorumFetchByOffset "mutation-quorum-fetch-by-offset" Mutation 0
        ["raft-log-matching" "raft-committed-prefix" "metadata-prefix"]
        "a quorum leader does not see that the log of whoever fetches has parted from its own"
        "made up, after KIP-595"
        "quorum leaders compare only the offset of a fetch, not the epoch of the record before it";
    NeverUnfenced "mutation-never-unfenced" Mutation 0
        ["broker-unfenced" "replicas-rejoin" "produce-answered"]
        "a broker whose session ran out stays fenced, although it is heard again"
        "made up, after KAFKA-13959"
        "the controller unfences a broker once, after its registration, and never again";
    DeliveryTimeoutIgnored "mutation-delivery-timeout-ignored" Mutation 0
        ["produce-answered"]
        "a producer keeps records that it cannot send for as long as that lasts"
        "made up, after KIP-91"
        "producers do not wake up to give up batches older than delivery.timeout.ms";
    HighWatermarkLeftBehind "kafka-9491-high-watermark-left-behind" Historical 0
        ["offset-order"]
        "a follower that begins anew keeps its old high watermark"
        "KAFKA-9491; mended in 2.4.1 and 2.5"
        "truncating fully, to the start of the leader's log, leaves the high watermark as it was";
    StaleEpochCheckpoint "kafka-16541-stale-epoch-checkpoint" Historical 26
        ["epoch-monotone-in-log"]
        "after power loss the leader-epoch cache has epochs that the log does not have"
        "KAFKA-16541, KAFKA-15046; mended in 3.7.1 and 3.8"
        "recovery trusts the leader-epoch checkpoint, whatever the batches say";
    OneBatchRemembered "kafka-5494-one-batch-remembered" Historical 47
        ["no-duplicate"]
        "a leader refuses a batch that it has, because it remembers only the last one"
        "KAFKA-5494; mended in 1.0"
        "leaders remember one batch of each producer, not five";
    ProducerStateFollowsLog "kafka-7190-producer-state-follows-log" Historical 48
        ["duplicate"]
        "a leader forgets a producer when its records are deleted, and appends a batch again"
        "KAFKA-7190, KIP-360; mended in 2.4"
        "what a leader knows of a producer goes with the producer's last record";
    RetentionOneMore "mutation-retention-one-more" Mutation 0
        ["deletion-by-rule"]
        "retention deletes a segment that it should keep"
        "made up"
        "where retention deletes anything, it deletes one segment more, below the high watermark";
    NackTakenForProof "mutation-nack-taken-for-proof" Mutation 0
        ["nack-not-proof"]
        "a producer takes every error for proof that its batch is in no log"
        "made up, after the rule that 7, 6, 20 and a lost connection prove nothing"
        "batches are reported as failed whose answers were lost, late, or came after the append";
    KeysSkipLeaderless "mutation-keys-skip-leaderless" Mutation 0
        ["key-to-partition"]
        "a key's partition is counted among those that have a leader"
        "made up; BuiltInPartitioner.partitionForKey counts all partitions"
        "while a partition has no leader, keys go elsewhere, and so do records of one key";
    NoRevocationBarrier "mutation-no-revocation-barrier" Mutation 59
        ["exclusive-ownership"]
        "a partition is given to its next owner before the last one has let go of it"
        "made up, after the naive rebalance that KIP-848 and its predecessors rule out"
        "a coordinator of KIP-848 does not look at who still owns what a member shall have";
    PartitionEpochLost "kafka-16147-partition-epoch-lost" Historical 60
        ["exclusive-ownership" "at-most-once"]
        "a partition that was being revoked, and is given back, seems free to all"
        "KAFKA-16147; mended in 3.7"
        "the epoch at which a partition is owned is forgotten when it comes back to its owner";
    FencedCannotRejoin "kafka-19233-fenced-cannot-rejoin" Historical 60
        ["group-stable" "assignment-legal"]
        "a member that its coordinator still counts may not join again"
        "KAFKA-19233; mended in 4.1"
        "a heartbeat with epoch 0 of a member that is known under a larger one is fenced";
    CommitWithoutGeneration "mutation-commit-without-generation" Mutation 61
        ["commit-fenced"]
        "a zombie's commit takes a group's offset back"
        "made up, after the generation check of OffsetCommit (KAFKA-1011 and later)"
        "coordinators take a commit from whoever sends it, whatever its generation or epoch";
    OffsetsExpireInRebalance "kafka-13636-offsets-expire-in-rebalance" Historical 65
        ["commit-durable"]
        "a group's offsets expire while its members rejoin"
        "KAFKA-13636; mended in 3.2"
        "offsets older than offsets.retention.minutes go although the group rebalances";
    AsyncProcessing "asynchronous-processing" Configuration 57
        ["at-least-once"]
        "an application hands records to a thread of its own, and its consumer commits them"
        "Kafka's documentation of enable.auto.commit; Jepsen, 2024"
        "where commit is auto, what was polled waits in the application's memory while the next \
         poll commits it";
    CommitsUnderneath "kafka-18641-commit-underneath" Historical 58
        ["at-least-once"]
        "a consumer commits records while its application still processes them"
        "KAFKA-18641; mended in 4.1"
        "a consumer of KIP-848 commits by the clock, whether its application has come back or not";
    RevokedAndKept "mutation-revoked-and-kept" Mutation 59
        ["exclusive-ownership" "assignment-legal" "group-stable"]
        "a member says that it has given a partition up, and goes on with it"
        "made up, after the naive rebalance that KIP-429 rules out"
        "a cooperative member joins again without the partitions that it lost, and keeps them";
    StaleClaims "kafka-12984-stale-claims" Historical 62
        ["exclusive-ownership" "assignment-legal"]
        "a member that missed a round claims what is another's by now, and is believed"
        "KAFKA-12983, KAFKA-12984; mended in 3.0"
        "a member that is refused while it joins keeps what it had, and assignors ask for no \
         generation";
    NeverSynced "kafka-12890-never-synced" Historical 63
        ["group-stable" "assignment-legal"]
        "a group waits for ever for a member that never asks for its assignment"
        "KAFKA-12890; mended in 2.8.1 and 3.0"
        "heartbeats are enough to stay a member in CompletingRebalance, and a member whose \
         SyncGroup is lost does not try again";
    StaticWithoutAssignment "kafka-9801-static-member-without-assignment" Historical 63
        ["assignment-legal"]
        "a static member that comes back while its group rebalances is assigned nothing"
        "KAFKA-9801; mended in 2.4.2 and 2.5"
        "a static member that joins in CompletingRebalance gets a new id, and the leader goes on \
         assigning to the old one";
    StaticIdForgotten "kafka-10284-static-id-forgotten" Historical 63
        ["group-stable"]
        "a static member that came back is fenced when its group gets another coordinator"
        "KAFKA-10284; mended in 2.6.1 and 2.7"
        "the new id of a static member that joins in Stable is kept in memory only";
    DeposedAcknowledges "kafka-20634-deposed-coordinator-acknowledges" Historical 64
        ["commit-durable"]
        "a coordinator acknowledges a commit that its successor does not know"
        "KAFKA-20634"
        "a coordinator that has not been told yet that it is deposed completes writes by the high \
         watermark of its successor's log";
    PartitionForgotten "mutation-partition-forgotten" Mutation 0
        ["assignment-legal"]
        "an assignor forgets a partition"
        "made up"
        "whoever assigns, a member or the coordinator, leaves the last member's last partition out";
    GroupEpochNotWritten "mutation-group-epoch-not-written" Mutation 0
        ["assignment-legal"]
        "two assignments of a group are of one epoch"
        "made up"
        "a coordinator of KIP-848 begins an epoch and does not write it down";
    UnsafeOffsetTold "mutation-unsafe-offset-told" Mutation 0
        ["commit-told"]
        "a coordinator tells an offset that may be lost yet"
        "made up, after OffsetMetadataManager.fetchOffsets, which reads what is below the high \
         watermark"
        "whoever asks for a group's offset is told what was written last, committed or not";
}

/// The defects that are switched on in a run.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct DefectSet(u128);

impl DefectSet {
    /// No defect: the simulated programs do what Kafka does.
    pub const NONE: Self = Self(0);

    /// Whether `defect` is on.
    pub fn has(self, defect: Defect) -> bool {
        self.0 & (1 << defect as u32) != 0
    }

    /// Switches `defect` on.
    pub fn insert(&mut self, defect: Defect) {
        self.0 |= 1 << defect as u32;
    }

    /// These without `defect`.
    #[must_use]
    pub fn without(self, defect: Defect) -> Self {
        Self(self.0 & !(1 << defect as u32))
    }

    /// Those that are on, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL.iter().copied().filter(move |defect| self.has(*defect))
    }
}

impl FromIterator<Defect> for DefectSet {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Self {
        let mut set = Self::NONE;
        defects.into_iter().for_each(|defect| set.insert(defect));
        set
    }
}

impl std::fmt::Debug for DefectSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(Defect::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_the_set() {
        let names: std::collections::BTreeSet<_> = Defect::ALL.iter().map(|d| d.name()).collect();
        assert_eq!(names.len(), Defect::ALL.len());
        assert!(Defect::ALL.len() <= 128);
        let all: DefectSet = Defect::ALL.iter().copied().collect();
        assert_eq!(all.iter().count(), Defect::ALL.len());
    }
}
