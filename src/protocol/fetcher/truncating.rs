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
use crate::types::{
    Deed, Defect, ErrorCode, LeaderEpoch, Now, Offset, TopicPartition, TruncationEra,
};

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
        let ends = LeaderEpoch::from_wire(answer.leader_epoch);
        let epoch = ends.filter(|_| says_epoch);
        if epoch != ends && ends != asked.position.last_fetched_epoch {
            Deed::note(Defect::OffsetOnlyAnswer, partition);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ResponseBody;
    use crate::protocol::fetcher::config::FetcherConfig;
    use crate::protocol::fetcher::input::Input;
    use crate::protocol::machine::Machine;
    use crate::types::{BrokerId, PartitionIndex, TopicId};

    const ORDERS: TopicPartition =
        TopicPartition { topic_id: TopicId(7), partition: PartitionIndex(0) };

    fn position(end: i64, epoch: i32) -> FetchPosition {
        FetchPosition {
            fetch_offset: Offset(end),
            last_fetched_epoch: LeaderEpoch::from_wire(epoch),
            log_start_offset: Offset::ZERO,
        }
    }

    /// Broker 2 follows broker 1, in leader epoch 5.
    fn follower(defect: Defect, end: i64, epoch: i32) -> (Fetcher, Vec<Effect>) {
        let mut config = FetcherConfig::new(BrokerId(2), BrokerId(1));
        config.defects.insert(defect);
        let mut fetcher = Fetcher::new(config);
        let (topic, leader_epoch) = ("orders".into(), LeaderEpoch(5));
        let position = position(end, epoch);
        let add = Input::Add { partition: ORDERS, topic, leader_epoch, position };
        let mut effects = Vec::new();
        fetcher.step(Now::default(), add, &mut effects);
        fetcher.step(Now::default(), Input::Deadline, &mut effects);
        (fetcher, effects)
    }

    fn answer(error: i16, epoch: i32, end: i64) -> ResponseBody {
        let answer = answer::EpochEndOffset::default()
            .with_error_code(error)
            .with_leader_epoch(epoch)
            .with_end_offset(end);
        let topic = answer::OffsetForLeaderTopicResult::default().with_partitions(vec![answer]);
        k::OffsetForLeaderEpochResponse::default().with_topics(vec![topic]).into()
    }

    fn answered(fetcher: &mut Fetcher, token: u64, body: ResponseBody) -> Vec<Effect> {
        let mut effects = Vec::new();
        let records = Vec::new();
        fetcher.step(Now::default(), Input::Response { token, body, records }, &mut effects);
        effects
    }

    fn asks(effects: &[Effect]) -> &'static str {
        match effects {
            [Effect::Send { body: crate::message::RequestBody::Fetch(_), .. }] => "records",
            [
                Effect::Send {
                    body: crate::message::RequestBody::OffsetForLeaderEpoch(body), ..
                },
            ] => {
                let asked = &body.topics[0].partitions[0];
                assert_eq!(asked.current_leader_epoch, 5);
                "an end"
            }
            [Effect::EpochEnd { .. }] => "the replica",
            _ => "nothing",
        }
    }

    #[test]
    fn it_asks_on_until_it_has_the_epoch_that_the_answer_names() {
        let (mut fetcher, effects) = follower(Defect::UnknownEpochFallback, 9, 4);
        assert_eq!(asks(&effects), "an end");
        let effects = answered(&mut fetcher, 0, answer(0, 3, 7));
        assert_eq!(asks(&effects), "the replica");
        let mut effects = Vec::new();
        let cut = Input::Position { partition: ORDERS, position: position(6, 2) };
        fetcher.step(Now::default(), cut.clone(), &mut effects);
        assert_eq!(asks(&effects), "an end", "epoch 3 is not here: what of epoch 2?");
        answered(&mut fetcher, 1, answer(0, 2, 8));
        let mut effects = Vec::new();
        fetcher.step(Now::default(), cut, &mut effects);
        assert_eq!(asks(&effects), "records");
    }

    #[test]
    fn an_answer_without_its_epoch_is_the_last_word() {
        let (mut fetcher, _) = follower(Defect::OffsetOnlyAnswer, 9, 4);
        let effects = answered(&mut fetcher, 0, answer(0, 3, 7));
        let [Effect::EpochEnd { found, .. }] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(found.end, Some((None, Offset(7))));
        let mut effects = Vec::new();
        let cut = Input::Position { partition: ORDERS, position: position(7, 2) };
        fetcher.step(Now::default(), cut, &mut effects);
        assert_eq!(asks(&effects), "records");
    }

    #[test]
    fn a_log_without_epochs_is_fetched_at_once_and_a_refusal_is_waited_out() {
        let (_, effects) = follower(Defect::OffsetOnlyAnswer, 0, -1);
        assert_eq!(asks(&effects), "records");
        let (mut fetcher, _) = follower(Defect::OffsetOnlyAnswer, 9, 4);
        let refused = ErrorCode::NotLeaderOrFollower.code();
        assert_eq!(asks(&answered(&mut fetcher, 0, answer(refused, -1, -1))), "nothing");
        assert!(fetcher.deadlines().wall.is_some(), "it asks again after the back-off");
        let (mut fetcher, _) = follower(Defect::OffsetOnlyAnswer, 9, 4);
        let fenced = ErrorCode::FencedLeaderEpoch.code();
        assert_eq!(asks(&answered(&mut fetcher, 0, answer(fenced, -1, -1))), "nothing");
        assert!(fetcher.is_idle(), "it waits for metadata");
    }
}
