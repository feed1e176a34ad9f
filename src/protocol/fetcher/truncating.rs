//! Before it fetches, a follower of 0.11 to 2.6 asks its leader where the epoch of its last record
//! ends there, and cuts its log (KIP-101, KIP-279). Only defects bring that back: since 2.7 a fetch
//! says the same, and there is no such phase.
//!
//! ```text
//!              answer                    cut: the epoch named is here too
//!   Truncating -------> Cutting(epoch) -----------------------------------> Fetching
//!       ^                     |
//!       +---------------------+  cut, but the epoch named is not here (KIP-279): ask again
//! ```
//!
//! Source: Kafka 2.6, `AbstractFetcherThread.maybeTruncate`, `truncateToEpochEndOffsets`.

use kafka_protocol::messages as k;
use kafka_protocol::messages::offset_for_leader_epoch_request as ask;
use kafka_protocol::messages::offset_for_leader_epoch_response as answer;
use kafka_protocol::protocol::StrBytes;

use crate::message::{EpochEnd, FetchPosition};
use crate::protocol::fetcher::effect::Effect;
use crate::protocol::fetcher::machine::{Fetcher, InFlight};
use crate::protocol::fetcher::session::Asked;
use crate::types::{ErrorCode, LeaderEpoch, Now, Offset, TopicPartition, TruncationEra};

/// How far the follower is with a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The leader has to be asked where logs part.
    Truncating,
    /// The replica cuts its log; the answer named this epoch.
    Cutting(Option<LeaderEpoch>),
    /// It may be fetched.
    Fetching,
}

impl Phase {
    /// The phase of a partition that has just been added. A log without epochs has been cut
    /// already: there is nothing to ask about.
    pub(super) fn begun(era: TruncationEra, asked: &Asked) -> Self {
        if era.asks_first() && asked.position.last_fetched_epoch.is_some() {
            Self::Truncating
        } else {
            Self::Fetching
        }
    }

    /// The phase when the replica goes on at `position`.
    pub(super) fn after(self, position: FetchPosition) -> Self {
        match self {
            Self::Cutting(Some(named))
                if position.last_fetched_epoch.is_some_and(|e| e < named) =>
            {
                Self::Truncating
            }
            Self::Cutting(_) => Self::Fetching,
            Self::Truncating | Self::Fetching => self,
        }
    }
}

impl Fetcher {
    /// Asks about all partitions that wait for it; returns whether there were any.
    pub(super) fn ask_for_epoch_ends(&mut self, effects: &mut Vec<Effect>) -> bool {
        let mut topics: Vec<ask::OffsetForLeaderTopic> = Vec::new();
        let mut asked = Vec::new();
        for (partition, state) in &self.partitions {
            let Some(epoch) = state.asked.position.last_fetched_epoch else { continue };
            if state.phase != Phase::Truncating || state.delayed_until.is_some() {
                continue;
            }
            let name: k::TopicName = StrBytes::from_string(state.topic.as_str().to_owned()).into();
            if topics.last().is_none_or(|topic| topic.topic != name) {
                topics.push(ask::OffsetForLeaderTopic::default().with_topic(name));
            }
            let topic = topics.last_mut().expect("one was pushed above");
            topic.partitions.push(
                ask::OffsetForLeaderPartition::default()
                    .with_partition(partition.partition.0)
                    .with_current_leader_epoch(state.asked.leader_epoch.0)
                    .with_leader_epoch(epoch.0),
            );
            asked.push((*partition, state.asked));
        }
        if asked.is_empty() {
            return false;
        }
        let body = k::OffsetForLeaderEpochRequest::default()
            .with_replica_id(k::BrokerId(self.config.broker.0))
            .with_topics(topics);
        let token = self.take_token();
        self.in_flight = Some(InFlight::EpochEnds { token, asked });
        effects.push(Effect::Send { to: self.config.source, token, body: body.into() });
        true
    }

    /// The answers stand in the order of the questions.
    pub(super) fn on_epoch_ends(
        &mut self,
        now: Now,
        asked: &[(TopicPartition, Asked)],
        body: &k::OffsetForLeaderEpochResponse,
        effects: &mut Vec<Effect>,
    ) {
        let answers = body.topics.iter().flat_map(|topic| &topic.partitions);
        for ((partition, asked), answer) in asked.iter().zip(answers) {
            self.on_epoch_end(now, *partition, *asked, answer, effects);
        }
    }

    fn on_epoch_end(
        &mut self,
        now: Now,
        partition: TopicPartition,
        asked: Asked,
        answer: &answer::EpochEndOffset,
        effects: &mut Vec<Effect>,
    ) {
        let says_epoch = self.era != TruncationEra::EndOffset;
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if state.asked != asked || state.phase != Phase::Truncating {
            return;
        }
        let error = ErrorCode::from_code(answer.error_code);
        if error == ErrorCode::FencedLeaderEpoch {
            return self.on_fenced(now, partition, asked);
        }
        if error != ErrorCode::None {
            return self.delay(now, partition);
        }
        // Before KIP-279 the answer did not say of which epoch the end is.
        let epoch = LeaderEpoch::from_wire(answer.leader_epoch).filter(|_| says_epoch);
        state.phase = Phase::Cutting(epoch);
        state.is_delivering = true;
        self.delivering += 1;
        let found = EpochEnd {
            leader_epoch: asked.leader_epoch,
            fetch_offset: asked.position.fetch_offset,
            end: Offset::from_wire(answer.end_offset).map(|end| (epoch, end)),
        };
        effects.push(Effect::EpochEnd { partition, found });
    }
}
