//! What an error says of a batch: whether it may be in the log all the same, and what to do.

use crate::event::AckMode;
use crate::types::ErrorCode;

/// Errors that a leader finds before it appends: with one of them the batch is not in its log.
const FOUND_BEFORE_APPEND: [ErrorCode; 21] = [
    ErrorCode::OffsetOutOfRange,
    ErrorCode::CorruptMessage,
    ErrorCode::LeaderNotAvailable,
    ErrorCode::MessageTooLarge,
    ErrorCode::RecordListTooLarge,
    ErrorCode::InvalidTopicException,
    ErrorCode::NotEnoughReplicas,
    ErrorCode::InvalidRequiredAcks,
    ErrorCode::InvalidRequest,
    ErrorCode::PolicyViolation,
    ErrorCode::OutOfOrderSequenceNumber,
    ErrorCode::InvalidProducerEpoch,
    ErrorCode::InvalidTxnState,
    ErrorCode::UnknownProducerId,
    ErrorCode::FencedLeaderEpoch,
    ErrorCode::UnknownLeaderEpoch,
    ErrorCode::InvalidTimestamp,
    ErrorCode::InvalidRecord,
    ErrorCode::ProducerFenced,
    ErrorCode::UnknownTopicId,
    ErrorCode::InconsistentTopicId,
];

/// Whether a batch that was answered with `error` may be in a log all the same.
///
/// A batch that waited for its in-sync set was appended before the wait began, whatever ended it:
/// `NOT_ENOUGH_REPLICAS_AFTER_APPEND`, `REQUEST_TIMED_OUT`, or `NOT_LEADER_OR_FOLLOWER` when
/// leadership was lost meanwhile. Only checks made before the append prove it absent.
///
/// Source: Kafka 4.1, `ReplicaManager.appendRecords`, `DelayedProduce`.
pub(crate) fn may_be_written(error: ErrorCode, acks: AckMode) -> bool {
    let leaderless = [ErrorCode::NotLeaderOrFollower, ErrorCode::UnknownTopicOrPartition];
    if leaderless.contains(&error) {
        return acks == AckMode::All;
    }
    !FOUND_BEFORE_APPEND.contains(&error)
}

/// Whether an error means that what is known of the cluster is wrong.
///
/// Source: Kafka 4.1, the sub-classes of `InvalidMetadataException`.
pub(crate) fn is_metadata_error(error: ErrorCode) -> bool {
    [
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::LeaderNotAvailable,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::NetworkException,
        ErrorCode::KafkaStorageError,
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::PreferredLeaderNotAvailable,
        ErrorCode::UnknownTopicId,
        ErrorCode::InconsistentTopicId,
    ]
    .contains(&error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{AppendError, SequenceError};

    /// Every reason for which a leader's log refuses a batch.
    const APPEND_ERRORS: [AppendError; 6] = [
        AppendError::TooLarge,
        AppendError::LargerThanSegment,
        AppendError::TimestampInFuture,
        AppendError::Sequence(SequenceError::Fenced),
        AppendError::Sequence(SequenceError::OutOfOrder),
        AppendError::Storage,
    ];

    /// Does not compile before a new reason has its place.
    fn place(error: AppendError) -> usize {
        match error {
            AppendError::TooLarge => 0,
            AppendError::LargerThanSegment => 1,
            AppendError::TimestampInFuture => 2,
            AppendError::Sequence(SequenceError::Fenced) => 3,
            AppendError::Sequence(SequenceError::OutOfOrder) => 4,
            AppendError::Storage => 5,
        }
    }

    fn is_absent(error: AppendError) -> bool {
        [AckMode::All, AckMode::Leader]
            .iter()
            .all(|acks| !may_be_written(error.error_code(), *acks))
    }

    #[test]
    fn what_the_leaders_log_refuses_is_not_written() {
        for (at, error) in APPEND_ERRORS.into_iter().enumerate() {
            assert_eq!(place(error), at);
            // What the disk refused may stand in the file all the same.
            let may_stand = error == AppendError::Storage;
            assert_eq!(is_absent(error), !may_stand, "{error:?}");
        }
    }
}
