//! A follower's fetch in another leader epoch than this leader's: it is refused, and tells nothing
//! (KIP-320). What follows if any part of that is left out is what the defects here show; they are
//! those of kafka-specification, whose `Kip320` takes one fence at a time away.

use crate::message::{PartitionFetch, Reader};
use crate::protocol::replica::effect::Effect;
use crate::protocol::replica::machine::{Replica, Role};
use crate::types::{Deed, Defect, DefectSet, Now};

impl Replica {
    /// Whether fetches must name this replica's leader epoch, if they name one.
    pub(super) fn fences_fetches(&self) -> bool {
        let defects = self.config.defects;
        !defects.has(Defect::TruncateToHighWatermark) && !defects.has(Defect::UnfencedFetch)
    }

    /// Whether `fetch` comes from a follower in another epoch; looked at only where a defect could
    /// make something of it.
    pub(super) fn is_foreign(&self, fetch: &PartitionFetch) -> bool {
        self.config.defects != DefectSet::NONE
            && fetch.reader != Reader::Consumer
            && self.fences_fetches()
            && self.check_epoch(fetch.leader_epoch).is_err()
    }

    /// Takes from a follower's fetch in another epoch what a defect says.
    pub(super) fn count_foreign(
        &mut self,
        now: Now,
        fetch: &PartitionFetch,
        effects: &mut Vec<Effect>,
    ) {
        let Reader::Follower { broker, broker_epoch } = fetch.reader else { return };
        let defects = self.config.defects;
        let leader_end = self.log.end_offset();
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(follower) = leading.followers.get_mut(&broker) else { return };
        if defects.has(Defect::ExpandFromOldEpoch) {
            let before = follower.clone();
            let (offset, start) = (fetch.fetch_offset, fetch.log_start_offset);
            follower.fetched(now.wall, offset, start, leader_end, broker_epoch);
            let wishes = effects.len();
            self.expand_for(broker, effects);
            if effects.len() > wishes {
                Deed::note(Defect::ExpandFromOldEpoch, self.partition());
            }
            let Role::Leader(leading) = &mut self.role else { return };
            leading.followers.insert(broker, before);
        } else if defects.has(Defect::HighWatermarkOfOldEpoch) {
            follower.log_end = Some(fetch.fetch_offset);
            let before = self.high_watermark;
            self.advance_high_watermark(now, effects);
            if self.high_watermark > before {
                Deed::note(Defect::HighWatermarkOfOldEpoch, self.partition());
            }
        }
    }
}
