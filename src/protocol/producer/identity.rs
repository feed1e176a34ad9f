//! An idempotent producer's id and epoch, and its sequences when one of them changes.

use kafka_protocol::messages::{InitProducerIdRequest, ProducerId as WireProducerId};

use crate::event::{About, Kind};
use crate::message::{Answer, ProducerStamp, RequestBody, ResponseBody};
use crate::protocol::producer::effect::Effect;
use crate::protocol::producer::machine::Producer;
use crate::types::{ErrorCode, ProducerEpoch, ProducerId, Sequence, Wall};

/// What an idempotent producer calls itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Identity {
    /// Nothing yet, or no more; nobody was asked.
    None,
    /// `InitProducerId` is on its way as request `token`, after so many failures.
    Asked { token: u64, failures: u32 },
    /// Asked again at `retry_at`.
    BackingOff { retry_at: Wall, failures: u32 },
    /// It has one. `bump` lists the partitions whose count asks for a higher epoch.
    Taken { id: ProducerId, epoch: ProducerEpoch, bump: Vec<u32> },
}

impl Identity {
    /// Whether request `token` asks for it.
    pub(crate) fn is_asked_by(&self, token: u64) -> bool {
        matches!(self, Self::Asked { token: asked, .. } if *asked == token)
    }

    /// When to ask again.
    pub(crate) fn retry_at(&self) -> Option<Wall> {
        match self {
            Self::BackingOff { retry_at, .. } => Some(*retry_at),
            Self::None | Self::Asked { .. } | Self::Taken { .. } => None,
        }
    }

    /// The id and epoch, if it has them.
    pub(crate) fn current(&self) -> Option<(ProducerId, ProducerEpoch)> {
        match self {
            Self::Taken { id, epoch, .. } => Some((*id, *epoch)),
            Self::None | Self::Asked { .. } | Self::BackingOff { .. } => None,
        }
    }
}

impl Producer {
    /// Asks any broker for a producer id.
    pub(crate) fn request_identity(&mut self, effects: &mut Vec<Effect>) {
        let token = self.token();
        let failures = match self.identity {
            Identity::BackingOff { failures, .. } => failures,
            Identity::None | Identity::Asked { .. } | Identity::Taken { .. } => 0,
        };
        self.identity = Identity::Asked { token, failures };
        let body = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(WireProducerId(-1))
            .with_producer_epoch(-1);
        effects.push(Effect::SendToAny { token, body: RequestBody::from(body) });
    }

    pub(crate) fn on_identity(&mut self, wall: Wall, answer: Answer, effects: &mut Vec<Effect>) {
        let Identity::Asked { failures, .. } = self.identity else {
            unreachable!("only an answer that was asked for comes here");
        };
        let taken = match answer {
            Ok((ResponseBody::InitProducerId(body), _))
                if body.error_code == ErrorCode::None.code() =>
            {
                Some((ProducerId(body.producer_id.0), ProducerEpoch(body.producer_epoch)))
            }
            Ok(_) | Err(_) => None,
        };
        let Some((id, epoch)) = taken else {
            // Always the same (`TxnRequestHandler.retryBackoffMs`), unlike that of batches.
            let wait = self.config.retry_backoff.initial;
            self.identity = Identity::BackingOff { retry_at: wall + wait, failures: failures + 1 };
            return;
        };
        self.identity = Identity::Taken { id, epoch, bump: Vec::new() };
        let kind = Kind::ProducerIdTaken { producer: id, epoch };
        self.event(kind, About::Nothing, effects);
        self.hot.extend(self.nodes.keys().copied());
    }

    /// The partition's count has a gap that no retry can close.
    pub(crate) fn require_epoch_bump(&mut self, slot: u32) {
        if let Identity::Taken { bump, .. } = &mut self.identity
            && !bump.contains(&slot)
        {
            bump.push(slot);
        }
    }

    /// Raises the epoch if some partition asks for it, and numbers that partition's batches anew
    /// from 0. Other partitions follow when nothing of theirs is in flight.
    ///
    /// Source: KIP-360; Kafka 4.1, `TransactionManager.bumpIdempotentProducerEpoch`.
    pub(crate) fn bump_epoch_if_required(&mut self, wall: Wall, effects: &mut Vec<Effect>) {
        let Identity::Taken { id, epoch, bump } = &mut self.identity else { return };
        if bump.is_empty() {
            return;
        }
        let slots = std::mem::take(bump);
        if epoch.0 == i16::MAX {
            self.identity = Identity::None;
            self.request_identity(effects);
            return;
        }
        *epoch = ProducerEpoch(epoch.0 + 1);
        let producer = (*id, *epoch);
        let kind = Kind::SequencesReset { producer: *id, epoch: *epoch };
        self.event(kind, About::Nothing, effects);
        for slot in slots {
            self.restart_sequences(slot, producer);
            self.place(wall, slot, effects);
        }
    }

    /// Counts the partition's records from 0 under `producer`, those in flight first.
    ///
    /// Source: Kafka 4.1, `TxnPartitionEntry.startSequencesAtBeginning`.
    pub(crate) fn restart_sequences(&mut self, slot: u32, producer: (ProducerId, ProducerEpoch)) {
        let (id, epoch) = producer;
        let sequences = &mut self.partitions[slot as usize].sequences;
        let mut next = Sequence(0);
        for serial in &sequences.in_flight {
            let batch = self.batches.get_mut(serial).expect("batches in flight are alive");
            batch.renumber(ProducerStamp { id, epoch, base_sequence: next });
            next = next.plus(batch.record_count());
        }
        sequences.producer = Some(producer);
        sequences.next = next;
        sequences.last_acked = None;
        sequences.unresolved = None;
    }

    /// Looks whether a gap left by a batch that was given up is closed, now that nothing of the
    /// partition is in flight; if not, only a higher epoch can go on.
    ///
    /// Source: Kafka 4.1, `TransactionManager.maybeResolveSequences`.
    pub(crate) fn resolve_sequences(&mut self, slot: u32) {
        let sequences = &mut self.partitions[slot as usize].sequences;
        if sequences.unresolved.is_none() || !sequences.in_flight.is_empty() {
            return;
        }
        sequences.unresolved = None;
        if !sequences.is_next(sequences.next) {
            self.require_epoch_bump(slot);
        }
    }
}
