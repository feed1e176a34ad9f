//! Why a process ended of its own accord, as one would say it.

use crate::event::HaltReason;

/// What follows "halts by itself: ".
pub(crate) fn halt_words(reason: HaltReason) -> &'static str {
    match reason {
        HaltReason::DiskFailed => "a write to its disk failed",
        HaltReason::DiskUnreadable => "it cannot read its disk",
        HaltReason::OwnAppendRefused => {
            "its metadata log refused what it appended as the quorum's leader"
        }
        HaltReason::CommittedTruncation => {
            "the quorum's leader has it cut committed records off its metadata log"
        }
        HaltReason::HighWatermarkWentBack => {
            "the quorum's leader told it of a high watermark below the one that it knew"
        }
        HaltReason::TwoLeadersInEpoch => "it heard of two leaders of the quorum in one epoch",
        HaltReason::NotRegistered => {
            "no controller registered it for initial.broker.registration.timeout.ms"
        }
        HaltReason::StoppedBeforeStarted => "it was asked to end before it had started",
        HaltReason::Killed => "SIGTERM kills it, which it does not catch",
    }
}
