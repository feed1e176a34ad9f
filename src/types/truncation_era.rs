//! How a follower finds out where its log parts from its leader's: Kafka has had four ways.

use crate::types::defect::{Defect, DefectSet};

/// How a follower finds out where to cut its log. Only the last is without holes; the others are
/// what defects bring back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TruncationEra {
    /// Before 0.11: it cuts to its own high watermark, and asks nobody.
    HighWatermark,
    /// 0.11 to 1.1 (KIP-101): before it fetches it asks where the epoch of its last record ends at
    /// the leader (OffsetForLeaderEpoch). The answer is an offset and does not say of which epoch.
    EndOffset,
    /// 2.0 to 2.6 (KIP-279): the answer names the epoch that ends there; if the follower does not
    /// have it, it asks again.
    EpochAndOffset,
    /// Since 2.7 (KIP-595): each fetch says of which epoch the last record is, and the leader
    /// answers where the logs part.
    OnFetch,
}

impl TruncationEra {
    /// The era that `defects` bring back.
    pub fn of(defects: DefectSet) -> Self {
        if defects == DefectSet::NONE {
            Self::OnFetch
        } else if defects.has(Defect::TruncateToHighWatermark) {
            Self::HighWatermark
        } else if defects.has(Defect::OffsetOnlyAnswer) {
            Self::EndOffset
        } else if defects.has(Defect::UnknownEpochFallback) || defects.has(Defect::ServeOldEpoch) {
            Self::EpochAndOffset
        } else {
            Self::OnFetch
        }
    }

    /// Whether a follower asks before it fetches.
    pub fn asks_first(self) -> bool {
        matches!(self, Self::EndOffset | Self::EpochAndOffset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_defects_bring_an_era_back() {
        let era = |defects: &[Defect]| TruncationEra::of(defects.iter().copied().collect());
        assert_eq!(era(&[]), TruncationEra::OnFetch);
        assert_eq!(era(&[Defect::UnfencedFetch]), TruncationEra::OnFetch);
        assert_eq!(era(&[Defect::TruncateToHighWatermark]), TruncationEra::HighWatermark);
        // Where several are on, the oldest holds.
        let both = [Defect::UnknownEpochFallback, Defect::OffsetOnlyAnswer];
        assert_eq!(era(&both), TruncationEra::EndOffset);
        assert_eq!(era(&both[..1]), TruncationEra::EpochAndOffset);
        let asking = [TruncationEra::EndOffset, TruncationEra::EpochAndOffset];
        assert!(asking.into_iter().all(TruncationEra::asks_first));
        assert!(!TruncationEra::OnFetch.asks_first());
    }
}
