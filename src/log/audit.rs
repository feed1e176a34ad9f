//! What must be true of a log whatever happened to it, checked from the batches up.

use crate::log::batches::Batches;
use crate::log::log::Log;
use crate::message::ProducerStamp;
use crate::types::Offset;

impl Log {
    /// Whether what the log knows of itself is what its batches say: segments cover the batches,
    /// the chain hash is theirs, the leader-epoch cache ascends and names each batch's epoch, and
    /// every batch that is remembered of a producer stands where it is remembered.
    pub fn audit(&self) -> bool {
        self.segments_are_sound()
            && self.chain_is_sound()
            && self.epochs_are_sound()
            && self.producers_are_sound()
    }

    /// Whether the leader-epoch cache says what the batches say.
    pub fn epochs_are_sound(&self) -> bool {
        let entries = self.epochs.entries();
        let ascends = entries.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1);
        let is_within = entries.last().is_none_or(|(_, start)| *start <= self.end_offset());
        let names_epochs = self.batches.from(self.start).all(|entry| {
            let asked = entry.batch.base_offset.max(self.start);
            self.epochs.epoch_at(asked) == Some(entry.batch.leader_epoch)
        });
        ascends && is_within && names_epochs
    }

    fn segments_are_sound(&self) -> bool {
        let bases: Vec<Offset> = self.segment_bases().collect();
        let bytes = |from: Offset, to: Offset| -> u64 {
            let entries = self.batches.from(from).take_while(|entry| entry.end() <= to);
            entries.map(|entry| u64::from(entry.size_bytes())).sum()
        };
        let ends = bases[1..].iter().copied().chain([self.end_offset()]);
        let sizes = self.segments.iter().zip(ends);
        bases[0] == self.batches.base()
            && bases.windows(2).all(|pair| pair[0] < pair[1])
            && bases.iter().all(|base| self.chain_at(*base).is_some())
            && (bases[0]..=self.end_offset()).contains(&self.start)
            && self.recovery_point <= self.end_offset()
            && sizes.into_iter().all(|(s, end)| s.size_bytes == bytes(s.base_offset, end))
    }

    fn chain_is_sound(&self) -> bool {
        let mut again = Batches::new(self.batches.base());
        for entry in self.batches.from(self.batches.base()) {
            if entry.batch.base_offset != again.end() {
                return false;
            }
            again.push(entry.batch.clone());
        }
        (again.end(), again.chain()) == (self.end_offset(), self.chain_at_end())
    }

    fn producers_are_sound(&self) -> bool {
        self.producers.map_end() == self.end_offset()
            && self.producers.producers().iter().all(|(id, producer)| {
                let remembered = producer.batches.iter();
                // What was deleted from the log's start is still remembered.
                let present = remembered.filter(|batch| batch.base_offset >= self.batches.base());
                present.into_iter().all(|batch| {
                    let stamp = ProducerStamp {
                        id: *id,
                        epoch: producer.epoch,
                        base_sequence: batch.first_sequence,
                    };
                    let found = self.batches.from(batch.base_offset).next();
                    found.is_some_and(|entry| {
                        entry.batch.base_offset == batch.base_offset
                            && entry.batch.last_offset() == batch.last_offset
                            && entry.batch.body.producer == Some(stamp)
                    })
                })
            })
    }
}
