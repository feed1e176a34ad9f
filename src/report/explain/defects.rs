//! What a bug that is switched on does: at which events it shows, and in a few words.

use crate::types::Defect;

/// The kinds of events that may tell of a deed of `defect`, if they belong to the step in which it
/// was done: the first that is there does. None where no event tells of it.
pub(crate) fn shows(defect: Defect) -> &'static [&'static str] {
    use Defect as D;
    match defect {
        D::TruncateToHighWatermark
        | D::UnknownEpochFallback
        | D::OffsetOnlyAnswer
        | D::EpochCacheNotTruncated => &["log-truncated", "epoch-cache-changed"],
        D::UnfencedFetch | D::FirstTry => {
            &["high-watermark-moved", "log-truncated", "log-appended", "follower-counted"]
        }
        D::HighWatermarkOfOldEpoch => &["high-watermark-moved"],
        D::ExpandFromOldEpoch | D::ExpandBelowEpochStart | D::StaleBrokerEpoch => {
            &["alter-partition-sent"]
        }
        D::StaleFetchResponse => &["log-truncated", "log-appended"],
        D::ServeOldEpoch
        | D::LastFetchedEpochLost
        | D::OldEpochStamped
        | D::DuplicateCheckOff
        | D::SequenceCheckOff
        | D::AppendAfterError
        | D::NeverFlush
        | D::FetchBeforeFsync => &["log-appended"],
        D::DuplicateOnRetry | D::ReorderInFlight => &["batch-sent"],
        D::HighWatermarkOverProposed | D::HighWatermarkOverCommitted | D::PendingChangeDropped => {
            &["in-sync-changed", "high-watermark-moved"]
        }
        D::LastReplicaStanding => &["partition-committed", "high-watermark-moved"],
        D::HighWatermarkBeforeTruncation | D::HighWatermarkBeyondEnd | D::CommitOfOlderEpoch => {
            &["high-watermark-moved"]
        }
        D::HighWatermarkLeftBehind => &["log-start-moved", "log-truncated"],
        D::OffsetAvailableTooSoon => &["latest-offset-told"],
        D::LeaderResumesEpoch | D::NoPreVote => &["quorum-role-taken"],
        D::VoteNotPersisted => &["vote-granted"],
        D::FencedLastKnownLeader
        | D::LeaderEpochNotRaised
        | D::NoElection
        | D::UncleanLeaderElection => &["partition-committed"],
        D::FencedInSync => &["alter-partition-decided", "alter-partition-sent"],
        D::PartitionEpochIgnored => &["alter-partition-decided"],
        D::NoUncleanShutdownDetection | D::EmptyDiskElected => {
            &["broker-registered", "registration-committed"]
        }
        D::ClaimedBeforeReplayed => &["controller-activated"],
        D::AckBeforeInSync => &["produce-answered"],
        D::SkippedMetadataRecord => &["metadata-applied"],
        D::NoExpansion => &["follower-counted"],
        D::HighWatermarkStuck => &["in-sync-changed"],
        D::DeliveryTimeoutIgnored | D::NackTakenForProof => &["batch-done"],
        D::StaleEpochCheckpoint => &["log-recovered"],
        D::OneBatchRemembered => &["produce-handled"],
        D::ProducerStateFollowsLog | D::RetentionOneMore => &["log-start-moved"],
        D::NoRevocationBarrier | D::PartitionEpochLost => &["member-reconciled"],
        D::CommitWithoutGeneration => &["offset-appended"],
        D::UnsafeOffsetTold => &["offset-told"],
        D::OffsetsExpireInRebalance => &["offset-removed"],
        D::AsyncProcessing | D::CommitsUnderneath => &["commit-asked"],
        D::RevokedAndKept => &["partition-taken"],
        D::NeverSynced => &["group-state-changed"],
        D::StaticWithoutAssignment | D::StaticIdForgotten => &["member-joined"],
        D::DeposedAcknowledges => &["offset-commit-answered"],
        D::PartitionForgotten => &["assignment-decided"],
        D::GroupEpochNotWritten => &["group-epoch-began"],
        D::EmptyEpochKept
        | D::QuorumFetchByOffset
        | D::NoCheckQuorum
        | D::ShuttingDownReplicaCounts
        | D::RetriableErrorNotRetried
        | D::ReadBeyondHighWatermark
        | D::PollSkips
        | D::PollGoesBack
        | D::NeverUnfenced
        | D::KeysSkipLeaderless
        | D::FencedCannotRejoin
        | D::StaleClaims => &[],
    }
}

/// What a host does that `defect` makes do otherwise, where no event of that step tells of it.
pub(crate) fn does(defect: Defect) -> &'static str {
    use Defect as D;
    match defect {
        D::TruncateToHighWatermark => "cuts its log to its high watermark without asking",
        D::UnknownEpochFallback => "does not note the epoch in which it leads",
        D::OffsetOnlyAnswer => "takes an end offset of another epoch for that of its own",
        D::EpochCacheNotTruncated => "keeps leader epochs of records that it has cut",
        D::UnfencedFetch => "takes a fetch of another leader epoch for one of its own",
        D::FirstTry => "counts a fetch that does not say in which leader epoch it is meant",
        D::HighWatermarkOfOldEpoch => "counts a fetch of another leader epoch",
        D::ExpandFromOldEpoch => "proposes a follower in another leader epoch for the in-sync set",
        D::ExpandBelowEpochStart => "proposes a follower that lacks the start of its epoch",
        D::StaleBrokerEpoch => "does not say from which process of a broker a fetch came",
        D::StaleFetchResponse => "takes an answer from an earlier term of its leader",
        D::ServeOldEpoch => "serves a fetch of another leader epoch",
        D::LastFetchedEpochLost => "has fetched without saying of which epoch its last record is",
        D::OldEpochStamped => "stamps a batch with an older epoch than that in which it leads",
        D::DuplicateCheckOff => "does not look whether it has the batch already",
        D::SequenceCheckOff => "does not look whether a batch is the next one",
        D::AppendAfterError => "takes an append although its disk refused one before",
        D::NeverFlush => "does not flush, although it is due",
        D::FetchBeforeFsync => "goes on before what it has appended is on the disk",
        D::DuplicateOnRetry | D::ReorderInFlight => "sends a batch again without sequence numbers",
        D::HighWatermarkOverProposed => "counts on the smaller set that it has asked for",
        D::HighWatermarkOverCommitted => "does not wait for the follower that is about to join",
        D::PendingChangeDropped => "forgets a change of the in-sync set that is under way",
        D::LastReplicaStanding => "goes on with a single replica that may have lost records",
        D::HighWatermarkBeforeTruncation => "takes the high watermark over before it cuts its log",
        D::HighWatermarkBeyondEnd => "takes a high watermark over that lies beyond its log's end",
        D::CommitOfOlderEpoch => "commits records of an earlier epoch without one of its own",
        D::HighWatermarkLeftBehind => "begins its log anew and leaves its high watermark behind",
        D::OffsetAvailableTooSoon => "tells a latest offset before it knows its high watermark",
        D::LeaderResumesEpoch => "leads on in the epoch that it led before it ended",
        D::NoPreVote => "stands for election without asking first",
        D::VoteNotPersisted => "does not write down for whom it voted",
        D::FencedLastKnownLeader => "elects the last known leader although it is fenced",
        D::LeaderEpochNotRaised => "elects a leader without raising the leader epoch",
        D::NoElection => "elects nobody in the place of a leader that is gone",
        D::UncleanLeaderElection => "elects a replica that is not in sync",
        D::FencedInSync => "takes a fenced broker for one that may be in sync",
        D::PartitionEpochIgnored => "grants a request that was made for an earlier state",
        D::NoUncleanShutdownDetection => "takes an unclean end for a clean shutdown",
        D::EmptyDiskElected => "takes a broker with an empty disk for one that shut down cleanly",
        D::ClaimedBeforeReplayed => "takes charge before it has replayed what is committed",
        D::AckBeforeInSync => "tells a producer that a batch is written before others have it",
        D::SkippedMetadataRecord => "leaves a metadata record out",
        D::NoExpansion => "does not propose a follower that has caught up",
        D::HighWatermarkStuck => "does not look at its high watermark when the in-sync set changes",
        D::DeliveryTimeoutIgnored => "keeps a batch beyond delivery.timeout.ms",
        D::NackTakenForProof => "takes an answer that leaves it open for proof of a failure",
        D::StaleEpochCheckpoint => "takes leader epochs from a file that is older than its log",
        D::OneBatchRemembered => "does not know a batch any more that it appended before",
        D::ProducerStateFollowsLog => "forgets a producer together with its records",
        D::RetentionOneMore => "deletes a segment more than it should",
        D::NoRevocationBarrier => "gives a partition away that another still owns",
        D::PartitionEpochLost => "forgets that a partition is owned",
        D::UnsafeOffsetTold => "tells an offset that is not committed yet",
        D::CommitWithoutGeneration => "takes a commit without looking who it is from",
        D::OffsetsExpireInRebalance => "lets an offset expire while the group rebalances",
        D::AsyncProcessing => "polls on while what it polled before waits to be processed",
        D::CommitsUnderneath => "commits while its application is away processing",
        D::RevokedAndKept => "does not say what it owns, or keeps what was taken from it",
        D::NeverSynced => "goes on waiting for the answer to its SyncGroup, which was lost",
        D::StaticWithoutAssignment => "gives a member a new id while its leader assigns to the old",
        D::StaticIdForgotten => "does not write a member's new id down",
        D::DeposedAcknowledges => "acknowledges a commit in a leader epoch that is not its own",
        D::PartitionForgotten => "leaves a partition out of the assignment",
        D::GroupEpochNotWritten => "does not write the group's epoch down",
        D::EmptyEpochKept => "keeps a leader epoch of which it has no record",
        D::QuorumFetchByOffset => "compares a fetch with its log by offset, and not by epoch",
        D::NoCheckQuorum => "leads on although no majority fetches from it",
        D::ShuttingDownReplicaCounts => "holds its high watermark back for a follower out of sync",
        D::RetriableErrorNotRetried => {
            "is answered NOT_CONTROLLER to its request to change the in-sync set, and never asks \
             again"
        }
        D::ReadBeyondHighWatermark => "shows a consumer records above its high watermark",
        D::PollSkips => "skips a batch that it has fetched",
        D::PollGoesBack => "goes back to where it polled before",
        D::NeverUnfenced => "leaves a broker fenced that has caught up again",
        D::KeysSkipLeaderless => "places a key among the partitions that have a leader",
        D::FencedCannotRejoin => {
            "refuses a member that wants to join again, as it knows it already"
        }
        D::StaleClaims => "believes claims of an earlier generation as it assigns",
    }
}
