//! Where a bug that is switched on does its work: at which kinds of events.

use crate::types::Defect;

/// The kinds of events at which `defect` decides otherwise than it should; none where that is not
/// an event, or not known here.
pub(crate) fn acts(defect: Defect) -> &'static [&'static str] {
    use Defect as D;
    match defect {
        D::TruncateToHighWatermark
        | D::UnknownEpochFallback
        | D::OffsetOnlyAnswer
        | D::EpochCacheNotTruncated => &["log-truncated", "epoch-cache-changed", "fetch-diverged"],
        D::EmptyEpochKept => &["fetch-diverged", "log-truncated"],
        D::UnfencedFetch | D::FirstTry => &["follower-counted", "high-watermark-moved"],
        D::HighWatermarkOfOldEpoch => &["follower-counted", "high-watermark-moved"],
        D::ExpandFromOldEpoch | D::ExpandBelowEpochStart | D::StaleBrokerEpoch => {
            &["alter-partition-sent", "alter-partition-decided", "partition-committed"]
        }
        D::StaleFetchResponse => &["log-truncated", "log-appended"],
        D::ServeOldEpoch
        | D::LastFetchedEpochLost
        | D::QuorumFetchByOffset
        | D::OldEpochStamped
        | D::DuplicateCheckOff
        | D::SequenceCheckOff
        | D::DuplicateOnRetry
        | D::ReorderInFlight => &["log-appended"],
        D::HighWatermarkOverProposed | D::HighWatermarkOverCommitted => {
            &["in-sync-changed", "high-watermark-moved"]
        }
        D::PendingChangeDropped => &["in-sync-changed", "role-taken"],
        D::LastReplicaStanding | D::UncleanLeaderElection => &["partition-committed", "role-taken"],
        D::NeverFlush => &["durable-end"],
        D::HighWatermarkBeforeTruncation
        | D::HighWatermarkBeyondEnd
        | D::CommitOfOlderEpoch
        | D::HighWatermarkLeftBehind => &["high-watermark-moved", "log-start-moved"],
        D::FetchBeforeFsync => &["durable-end", "high-watermark-moved"],
        D::OffsetAvailableTooSoon => &["latest-offset-told"],
        D::LeaderResumesEpoch | D::NoPreVote | D::NoCheckQuorum => &["quorum-role-taken"],
        D::VoteNotPersisted => &["vote-granted"],
        D::FencedInSync | D::FencedLastKnownLeader | D::LeaderEpochNotRaised | D::NoElection => {
            &["partition-committed"]
        }
        D::PartitionEpochIgnored => &["alter-partition-decided", "partition-committed"],
        D::NoUncleanShutdownDetection | D::EmptyDiskElected => {
            &["broker-registered", "registration-committed"]
        }
        D::AppendAfterError => &["log-appended", "storage-failed"],
        D::ClaimedBeforeReplayed => &["controller-activated"],
        D::AckBeforeInSync => &["produce-answered"],
        D::SkippedMetadataRecord => &["metadata-applied"],
        D::NoExpansion => &["follower-counted"],
        D::HighWatermarkStuck => &["in-sync-changed", "partition-committed"],
        D::ShuttingDownReplicaCounts => &["follower-counted", "in-sync-changed"],
        D::RetriableErrorNotRetried => &["alter-partition-answered", "alter-partition-sent"],
        D::ReadBeyondHighWatermark | D::PollSkips | D::PollGoesBack => &["polled"],
        D::NeverUnfenced => &["registration-committed"],
        D::DeliveryTimeoutIgnored => &["batch-done", "batch-sent", "operation-returned"],
        D::StaleEpochCheckpoint => &["log-recovered", "epoch-cache-changed"],
        D::OneBatchRemembered => &["produce-handled"],
        D::ProducerStateFollowsLog => &["log-start-moved", "log-appended"],
        D::RetentionOneMore => &["log-start-moved"],
        D::NackTakenForProof => &["batch-done"],
        D::KeysSkipLeaderless => &["batch-sealed"],
        D::NoRevocationBarrier | D::PartitionEpochLost => &["member-reconciled"],
        D::FencedCannotRejoin => &["member-state-entered"],
        D::CommitWithoutGeneration => &["offset-appended"],
        D::OffsetsExpireInRebalance => &["offset-removed"],
        D::AsyncProcessing | D::CommitsUnderneath => &["commit-asked", "offset-appended"],
        D::RevokedAndKept => &["partition-taken"],
        D::StaleClaims => &["assignment-decided"],
        D::NeverSynced => &["group-state-changed"],
        D::DeposedAcknowledges => &["offset-commit-answered"],
        D::PartitionForgotten => &["assignment-decided"],
    }
}
