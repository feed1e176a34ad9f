//! Deleting from the front: retention on every replica, DeleteRecords on the leader, which waits
//! until all who live have followed.

use crate::event::{About, Kind, StartMovedBecause};
use crate::protocol::replica::effect::{Effect, LowWatermark};
use crate::protocol::replica::machine::{Replica, Role};
use crate::types::{ConnectionId, ErrorCode, Now, Offset};

impl Replica {
    /// Retention works on leaders and followers alike, each by its own clock.
    ///
    /// Source: Kafka 4.1, `LogManager.cleanupLogs`.
    pub(super) fn on_retention_check(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let before = self.log.start_offset();
        let (wall, high_watermark) = (now.wall.millis(), self.high_watermark);
        self.with_log(About::Nothing, effects, |log, out| {
            log.delete_old_segments(wall, high_watermark, out);
        });
        if self.log.start_offset() > before {
            self.announce_start(effects);
        }
    }

    /// Source: Kafka 4.1, `Partition.deleteRecordsOnLeader`.
    pub(super) fn on_delete_records(
        &mut self,
        request: ConnectionId,
        asked: Option<Offset>,
        effects: &mut Vec<Effect>,
    ) {
        let required = asked.unwrap_or(self.high_watermark);
        let error = if !self.is_leader() {
            ErrorCode::NotLeaderOrFollower
        } else if required > self.high_watermark || required < Offset::ZERO {
            ErrorCode::OffsetOutOfRange
        } else {
            ErrorCode::None
        };
        let is_right = error == ErrorCode::None;
        let start = self.log.start_offset().max(required);
        let reached = if is_right { self.low_watermark_from(start) } else { None };
        let kind = Kind::DeleteRecordsHandled {
            partition: self.partition(),
            asked,
            error,
            low_watermark: reached,
        };
        let about = About::Request(request);
        effects.push(Effect::Event { kind, about });
        if is_right {
            self.with_log(about, effects, |log, out| {
                log.advance_start_to(required, StartMovedBecause::DeleteRecords, out);
            });
        }
        let result = if is_right { Ok(LowWatermark { required, reached }) } else { Err(error) };
        effects.push(Effect::RecordsDeleted { request, result });
    }

    /// The smallest log start of this leader and of the followers that live; `None` as long as one
    /// of them has not told its own.
    ///
    /// Source: Kafka 4.1, `Partition.lowWatermarkIfLeader`.
    fn low_watermark_from(&self, start: Offset) -> Option<Offset> {
        let Role::Leader(leading) = &self.role else { return None };
        let lives = |broker| self.standings.get(broker).is_some_and(|standing| !standing.fenced);
        let followers = leading.followers.iter().filter(|(broker, _)| lives(broker));
        followers.map(|(_, follower)| follower.log_start).fold(Some(start), Ord::min)
    }

    /// A follower's log start, or this leader's, is another than before.
    pub(super) fn announce_low_watermark(&self, effects: &mut Vec<Effect>) {
        if let Some(offset) = self.low_watermark_from(self.log.start_offset()) {
            effects.push(Effect::LowWatermarkMoved { offset });
        }
    }

    /// Who must hear of a log start that moved without a fetch.
    fn announce_start(&self, effects: &mut Vec<Effect>) {
        match &self.role {
            Role::Leader(_) => self.announce_low_watermark(effects),
            Role::Follower(_) => {
                effects.push(Effect::LogStartMoved { offset: self.log.start_offset() });
            }
            Role::Unassigned | Role::Leaderless => {}
        }
    }
}
