//! Why clients send, poll, are answered and give up.

use crate::event::{Event, Kind, OperationResult, OperationVerb, ProducerOutcome};
use crate::report::explain::reason::reasons::Reasons;
use crate::types::{ApiKey, BatchId, ErrorCode, Offset, TopicPartition};

impl<'a> Reasons<'a> {
    pub(crate) fn of_client(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::BatchSealed { operations, .. } => self.of_batch(event, operations),
            Kind::BatchDone { result, error, .. } => self.of_result(event, (*result, *error)),
            Kind::ProduceHandled { outcome: ProducerOutcome::Duplicate, batch, .. } => {
                let before = self.tape.last_before(event, |it| {
                    it.host == event.host && is_append_of(&it.kind, *batch)
                })?;
                Some(format!("it has the batch since e{}, by its sequence numbers", before.index))
            }
            Kind::ProduceHandled { error, .. } => self.of_refusal(event, *error),
            Kind::ProduceAnswered { error, .. } if *error != ErrorCode::None => {
                self.of_refusal(event, *error)
            }
            Kind::ProduceAnswered { .. } => {
                self.brought(event, |it| !it.is_response).map(|it| format!("{it} led to it"))
            }
            Kind::SequencesReset { .. } => self
                .brought(event, |it| it.is_response)
                .map(|it| format!("{it} leaves it open what became of earlier batches"))
                .or_else(|| Some("it gave up batches whose fate it does not know".to_owned())),
            Kind::Polled { partition, base_offset, .. } => {
                self.of_poll(event, (*partition, *base_offset))
            }
            Kind::PositionSet { by_reset, .. } => self.of_position(event, *by_reset),
            Kind::OperationInvoked { verb, .. } => match verb {
                OperationVerb::Send => Some("its application's next record is due".to_owned()),
                _ => None,
            },
            Kind::OperationReturned { .. } => {
                let done = self.beside(event, |it| matches!(it, Kind::BatchDone { .. }))?;
                Some(format!("that is what became of the batch (e{})", done.index))
            }
            Kind::LatestOffsetTold { .. } => {
                let asked = self.brought(event, |it| !it.is_response)?;
                Some(format!("{asked} asks, and that is its high watermark"))
            }
            Kind::TruncationDetected { .. } => {
                self.brought(event, |it| it.is_response).map(|it| format!("{it} says so"))
            }
            _ => None,
        }
    }

    /// Who wanted the records of a batch written.
    fn of_batch(&self, event: &'a Event, operations: &[u32]) -> Option<String> {
        let (first, last) = (operations.first()?, operations.last()?);
        let invoked = |number: u32| {
            self.last_here(event, |it| {
                matches!(it, Kind::OperationInvoked { operation, verb: OperationVerb::Send, .. }
                    if operation.number == number)
            })
        };
        let (from, to) = (invoked(*first)?.index, invoked(*last)?.index);
        Some(match from == to {
            true => format!("its application asked for it (e{from})"),
            false => format!("its application asked for them (e{from} to e{to})"),
        })
    }

    fn of_result(
        &self,
        event: &'a Event,
        (result, error): (OperationResult, ErrorCode),
    ) -> Option<String> {
        let answer = self.brought(event, |it| it.is_response && it.api == ApiKey::Produce);
        match (answer, result) {
            (Some(answer), _) => Some(format!("{answer} says so")),
            (None, OperationResult::Ok) => None,
            (None, _) if error == ErrorCode::RequestTimedOut => {
                Some("delivery.timeout.ms is over".to_owned())
            }
            (None, _) => None,
        }
    }

    /// The answer in which the records came that an application polls.
    fn of_poll(
        &self,
        event: &'a Event,
        (partition, offset): (TopicPartition, Offset),
    ) -> Option<String> {
        let fetched = self.tape.message_before(event, |it| {
            it.is_response && it.api == ApiKey::Fetch && it.event.host == event.host
        });
        let Some(fetched) = fetched else {
            let trigger = self.tape.trigger_of(event);
            return matches!(trigger.kind, Kind::DeadlineReached { .. }).then(|| {
                format!(
                    "it had been fetched before, and its application polls again (e{})",
                    trigger.index
                )
            });
        };
        let is_that = self
            .last_here(event, |it| {
                matches!(it, Kind::Polled { partition: of, base_offset, .. }
                    if *of == partition && *base_offset > offset)
            })
            .is_none();
        let again = if is_that { "" } else { ", although it was shown later records before" };
        Some(format!("{} brought it{again}", fetched.words(self.tape)))
    }

    fn of_position(&self, event: &'a Event, by_reset: bool) -> Option<String> {
        let told = self.brought(event, |it| it.is_response)?;
        Some(match by_reset {
            true => format!("auto.offset.reset says where to begin, and {told} where that is"),
            false => format!("{told} says that it stands there"),
        })
    }
}

fn is_append_of(kind: &Kind, wanted: BatchId) -> bool {
    matches!(kind, Kind::LogAppended { batch, .. } if *batch == wanted)
}
