//! Which partition a record goes to.

use crate::protocol::cluster::PartitionMetadata;
use crate::types::Rng;

/// The partition of a record with `key`, of `partitions` in all, available or not.
///
/// Source: Kafka 4.1, `BuiltInPartitioner.partitionForKey`, `Utils.toPositive`.
pub fn partition_for_key(key: &[u8], partitions: usize) -> usize {
    let positive = murmur2(key) & 0x7fff_ffff;
    usize::try_from(positive).expect("31 bits fit") % partitions
}

/// The 32-bit MurmurHash 2 that Kafka's Java client uses.
///
/// Source: Kafka 4.1, `Utils.murmur2`.
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let length = u32::try_from(data.len()).expect("keys are below 4 GiB");
    let (words, rest) = data.as_chunks::<4>();
    let mut hash = words.iter().fold(SEED ^ length, |hash, word| {
        let word = u32::from_le_bytes(*word).wrapping_mul(M);
        let word = (word ^ (word >> R)).wrapping_mul(M);
        hash.wrapping_mul(M) ^ word
    });
    for (at, byte) in rest.iter().enumerate().rev() {
        hash ^= u32::from(*byte) << (8 * at);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Where records without a key go: one partition, until a batch's worth of bytes went there.
///
/// Source: KIP-480, KIP-794; Kafka 4.1, `BuiltInPartitioner`.
// Differs from Kafka: the choice is uniform; partitioner.adaptive.partitioning.enable is not
// followed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sticky {
    partition: Option<usize>,
    produced_bytes: u32,
}

impl Sticky {
    /// The partition to write to now.
    pub(crate) fn current(&mut self, known: &[PartitionMetadata], rng: &mut Rng) -> usize {
        // A topic that was made anew may have fewer partitions.
        match self.partition.filter(|at| *at < known.len()) {
            Some(at) => at,
            None => self.switch(known, rng),
        }
    }

    /// Chooses a partition among those that have a leader, or among all if none has.
    fn switch(&mut self, known: &[PartitionMetadata], rng: &mut Rng) -> usize {
        let led = known.iter().filter(|partition| partition.leader.is_some()).count();
        let chosen = if led == 0 || led == known.len() {
            rng.below(known.len() as u64) as usize
        } else {
            let nth = rng.below(led as u64) as usize;
            let mut led = known.iter().enumerate().filter(|(_, p)| p.leader.is_some());
            led.nth(nth).expect("as many have a leader as were counted").0
        };
        *self = Self { partition: Some(chosen), produced_bytes: 0 };
        chosen
    }

    /// Counts `bytes` written to the current partition, and switches when a batch's worth is
    /// reached: at once when `no_batch_is_open` there, at twice as much in any case, so that a
    /// switch does not leave a batch behind half full.
    pub(crate) fn produced(
        &mut self,
        bytes: u32,
        no_batch_is_open: bool,
        batch_bytes: u32,
        known: &[PartitionMetadata],
        rng: &mut Rng,
    ) {
        self.produced_bytes = self.produced_bytes.saturating_add(bytes);
        let is_enough = self.produced_bytes >= batch_bytes && no_batch_is_open
            || self.produced_bytes >= batch_bytes.saturating_mul(2);
        if is_enough {
            self.switch(known, rng);
        }
    }

    /// Whether a switch is owed as soon as no batch is open.
    pub(crate) fn owes_switch(&self, batch_bytes: u32) -> bool {
        self.produced_bytes >= batch_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BrokerId;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_agrees_with_java() {
        let vectors: [(&str, i32); 6] = [
            ("21", -973932308),
            ("foobar", -790332482),
            ("a-little-bit-long-string", -985981536),
            ("a-little-bit-longer-string", -1486304829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            ("abc", 479470107),
        ];
        for (text, hash) in vectors {
            assert_eq!(murmur2(text.as_bytes()) as i32, hash, "{text}");
        }
    }

    #[test]
    fn a_key_keeps_its_partition_and_a_negative_hash_is_no_negative_partition() {
        let positive = (-973_932_308_i32).cast_unsigned() & 0x7fff_ffff;
        assert_eq!(partition_for_key(b"21", 6), positive as usize % 6);
        assert_eq!(partition_for_key(b"abc", 6), 479470107 % 6);
    }

    fn known(leaders: &[i32]) -> Vec<PartitionMetadata> {
        let leader = |id: &i32| (*id >= 0).then_some(BrokerId(*id));
        let partition =
            |id| PartitionMetadata { leader: leader(id), ..PartitionMetadata::default() };
        leaders.iter().map(partition).collect()
    }

    #[test]
    fn sticky_stays_until_a_batch_is_written() {
        let mut rng = Rng::named(1, "partitioner", &[]);
        let known = known(&[1; 50]);
        let mut sticky = Sticky::default();
        let first = sticky.current(&known, &mut rng);
        sticky.produced(99, true, 100, &known, &mut rng);
        assert_eq!(sticky.current(&known, &mut rng), first);
        sticky.produced(1, false, 100, &known, &mut rng);
        assert_eq!(sticky.current(&known, &mut rng), first, "a batch is open there");
        sticky.produced(0, true, 100, &known, &mut rng);
        assert_ne!(sticky.current(&known, &mut rng), first);
    }

    #[test]
    fn sticky_avoids_partitions_without_a_leader() {
        let mut rng = Rng::named(1, "partitioner", &[]);
        let known = known(&[-1, 2, -1, 3]);
        for _ in 0..20 {
            let chosen = Sticky::default().current(&known, &mut rng);
            assert!(chosen == 1 || chosen == 3, "{chosen}");
        }
    }
}
