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

/// The `count`-th choice of the round-robin partitioner, from 0: in turn among the partitions that
/// have a leader, or among all if none has.
///
/// Source: Kafka 4.1, `RoundRobinPartitioner`.
pub(crate) fn round_robin(count: u64, known: &[PartitionMetadata]) -> usize {
    let led = led(known).count();
    let nth = |of: usize| usize::try_from(count % of as u64).unwrap_or(0);
    if led == 0 {
        return nth(known.len());
    }
    self::led(known).nth(nth(led)).expect("as many have a leader as were counted")
}

/// The partitions that have a leader.
fn led(known: &[PartitionMetadata]) -> impl Iterator<Item = usize> {
    let all = known.iter().enumerate();
    all.filter(|(_, partition)| partition.leader.is_some()).map(|(at, _)| at)
}

/// How busy a partition is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub partition: usize,
    /// Batches that wait to be sent.
    pub queued: usize,
}

/// A partition for the next records without a key: the more batches wait for one, the less often
/// it is chosen. `loads` are those of the partitions that may be chosen, of `all` that there are.
/// `None` when the loads say nothing: all are alike, or there is but one partition.
///
/// Source: KIP-794; Kafka 4.1, `BuiltInPartitioner.updatePartitionLoadStats`, `nextPartition`.
pub(crate) fn by_load(
    loads: impl Iterator<Item = Load> + Clone,
    all: usize,
    rng: &mut Rng,
) -> Option<usize> {
    let queued = || loads.clone().map(|load| load.queued);
    let (least, most) = (queued().min()?, queued().max()?);
    if all < 2 || least == most && queued().count() == all {
        return None;
    }
    let weight = |load: &Load| (most + 1 - load.queued) as u64;
    let total = loads.clone().map(|load| weight(&load)).sum();
    let mut at = rng.below(total);
    for load in loads {
        let weight = weight(&load);
        if at < weight {
            return Some(load.partition);
        }
        at -= weight;
    }
    unreachable!("a number below the sum of all weights lies within one of them")
}

/// A partition for the next records without a key, each as likely as another: among those that
/// have a leader, or among all if none has.
pub(crate) fn uniform(known: &[PartitionMetadata], rng: &mut Rng) -> usize {
    let led = led(known).count();
    if led == 0 || led == known.len() {
        return rng.below(known.len() as u64) as usize;
    }
    let nth = rng.below(led as u64) as usize;
    self::led(known).nth(nth).expect("as many have a leader as were counted")
}

/// Where records without a key go: one partition, until a batch's worth of bytes went there.
///
/// Source: KIP-480, KIP-794; Kafka 4.1, `BuiltInPartitioner`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sticky {
    partition: Option<usize>,
    produced_bytes: u32,
}

impl Sticky {
    /// The partition to write to now, of `partitions`; `None` when one must be chosen.
    pub(crate) fn current(&self, partitions: usize) -> Option<usize> {
        // A topic that was made anew may have fewer partitions.
        self.partition.filter(|at| *at < partitions)
    }

    /// Goes on with `partition`.
    pub(crate) fn switch_to(&mut self, partition: usize) {
        *self = Self { partition: Some(partition), produced_bytes: 0 };
    }

    /// Counts `bytes` written to the current partition, and says whether to switch: when a batch's
    /// worth is reached and `no_batch_is_open` there, at twice as much in any case, so that a
    /// switch does not leave a batch behind half full.
    pub(crate) fn produced(
        &mut self,
        bytes: u32,
        no_batch_is_open: bool,
        batch_bytes: u32,
    ) -> bool {
        self.produced_bytes = self.produced_bytes.saturating_add(bytes);
        self.produced_bytes >= batch_bytes && no_batch_is_open
            || self.produced_bytes >= batch_bytes.saturating_mul(2)
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
        let mut sticky = Sticky::default();
        assert_eq!(sticky.current(3), None);
        sticky.switch_to(2);
        assert!(!sticky.produced(99, true, 100));
        assert_eq!(sticky.current(3), Some(2));
        assert!(!sticky.produced(1, false, 100), "a batch is open there");
        assert!(sticky.owes_switch(100));
        assert!(sticky.produced(0, true, 100));
        assert!(sticky.produced(100, false, 100), "twice as much");
        assert_eq!(sticky.current(2), None, "there is no such partition any more");
    }

    #[test]
    fn uniform_choices_avoid_partitions_without_a_leader() {
        let mut rng = Rng::named(1, "partitioner", &[]);
        let known = known(&[-1, 2, -1, 3]);
        let mut counts = [0_u32; 4];
        (0..1000).for_each(|_| counts[uniform(&known, &mut rng)] += 1);
        assert_eq!((counts[0], counts[2]), (0, 0));
        assert!(counts[1].abs_diff(counts[3]) < 100, "{counts:?}");
        let nobody = self::known(&[-1, -1]);
        assert!(uniform(&nobody, &mut rng) < 2);
    }

    #[test]
    fn round_robin_takes_turns_among_those_with_a_leader() {
        let known = known(&[1, -1, 2, 3]);
        let turns: Vec<usize> = (0..6).map(|count| round_robin(count, &known)).collect();
        assert_eq!(turns, [0, 2, 3, 0, 2, 3]);
        let nobody = self::known(&[-1, -1]);
        assert_eq!([0, 1, 2].map(|count| round_robin(count, &nobody)), [0, 1, 0]);
    }

    fn chosen(queued: &[usize], all: usize) -> Option<Vec<u32>> {
        let mut rng = Rng::named(1, "partitioner", &[]);
        let loads = queued.iter().enumerate();
        let loads = loads.map(|(partition, queued)| Load { partition, queued: *queued });
        let mut counts = vec![0; queued.len()];
        for _ in 0..8000 {
            counts[by_load(loads.clone(), all, &mut rng)?] += 1;
        }
        Some(counts)
    }

    /// The example in Kafka's own comment: queues of 0, 3 and 1 batches weigh 4, 1 and 3.
    #[test]
    fn the_longer_a_queue_the_less_often_it_is_chosen() {
        let counts = chosen(&[0, 3, 1], 3).unwrap();
        for (count, expected) in counts.iter().zip([4000_u32, 1000, 3000]) {
            assert!(count.abs_diff(expected) < 200, "{counts:?}");
        }
    }

    #[test]
    fn equal_loads_and_single_partitions_say_nothing() {
        assert_eq!(chosen(&[2, 2, 2], 3), None);
        assert_eq!(chosen(&[5], 1), None);
        assert_eq!(chosen(&[], 3), None);
        // One of two is not to be chosen: the other it is.
        assert_eq!(chosen(&[5], 2), Some(vec![8000]));
    }
}
