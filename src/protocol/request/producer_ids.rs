//! Producer ids: handed to producers one by one, drawn from the controller in blocks (KIP-730).

use kafka_protocol::messages as k;

use crate::message::{RequestBody, ResponseBody};
use crate::protocol::request::effect::Effect;
use crate::protocol::request::layer::{Call, RequestLayer};
use crate::types::{BrokerEpoch, ErrorCode, Now, ProducerId, Wall};

/// The blocks of producer ids that this broker holds.
///
/// Source: Kafka 4.1, `RPCProducerIdManager`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerIds {
    current: Block,
    next: Option<Block>,
    in_flight: bool,
    /// Not before this is the controller asked again after a refusal.
    backoff_until: Option<Wall>,
}

/// Consecutive producer ids of which the first `taken` are gone.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    first: i64,
    size: i64,
    taken: i64,
}

impl Block {
    /// At nine tenths of a block the next one is asked for (`PID_PREFETCH_THRESHOLD`).
    fn prefetch_at(self) -> i64 {
        self.size * 9 / 10
    }
}

impl RequestLayer {
    /// Answers with a producer id, or with `COORDINATOR_LOAD_IN_PROGRESS` (14) while there is none
    /// here: producers try again.
    pub(crate) fn init_producer_id(
        &mut self,
        now: Now,
        body: &k::InitProducerIdRequest,
        effects: &mut Vec<Effect>,
    ) -> k::InitProducerIdResponse {
        let response = k::InitProducerIdResponse::default();
        if body.transactional_id.is_some() {
            // No transaction coordinator is simulated.
            return response.with_error_code(ErrorCode::CoordinatorNotAvailable.code());
        }
        match self.take_producer_id(now, effects) {
            Some(id) => response.with_producer_id(k::ProducerId(id.0)).with_producer_epoch(0),
            None => response.with_error_code(ErrorCode::CoordinatorLoadInProgress.code()),
        }
    }

    fn take_producer_id(&mut self, now: Now, effects: &mut Vec<Effect>) -> Option<ProducerId> {
        let ids = &mut self.producer_ids;
        if ids.current.taken == ids.current.size {
            match ids.next.take() {
                Some(block) => ids.current = block,
                None => {
                    self.ask_for_block(now, effects);
                    return None;
                }
            }
        }
        let block = &mut self.producer_ids.current;
        let id = ProducerId(block.first + block.taken);
        let prefetch = block.taken == block.prefetch_at();
        block.taken += 1;
        if prefetch {
            self.ask_for_block(now, effects);
        }
        Some(id)
    }

    fn ask_for_block(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let ids = &mut self.producer_ids;
        let too_early = ids.backoff_until.is_some_and(|until| now.wall < until);
        if too_early || ids.in_flight || ids.next.is_some() {
            return;
        }
        ids.in_flight = true;
        ids.backoff_until = None;
        let body = k::AllocateProducerIdsRequest::default()
            .with_broker_id(k::BrokerId(self.config.broker.0))
            .with_broker_epoch(BrokerEpoch::to_wire(self.broker_epoch));
        let token = self.call(Call::ProducerIds);
        effects.push(Effect::ToController { token, body: RequestBody::from(body) });
    }

    pub(crate) fn on_producer_ids(&mut self, now: Now, body: Option<ResponseBody>) {
        let ids = &mut self.producer_ids;
        ids.in_flight = false;
        let Some(ResponseBody::AllocateProducerIds(block)) = body else { return };
        if block.error_code == ErrorCode::None.code() && block.producer_id_len > 0 {
            let first = block.producer_id_start.0;
            let after = ids.current.first + ids.current.size;
            assert!(first >= after, "block from {first} overlaps the one before {after}");
            ids.next = Some(Block { first, size: i64::from(block.producer_id_len), taken: 0 });
        } else {
            ids.backoff_until = Some(now.wall + self.config.retry_backoff);
        }
    }
}
