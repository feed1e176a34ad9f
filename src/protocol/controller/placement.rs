//! Where the replicas of a new topic go.

use std::collections::BTreeMap;

use crate::protocol::image::MetadataImage;
use crate::types::{BrokerId, Name, Rng, counted};

/// Brokers that are handed out one after the other, from a place that moves on with each round.
#[derive(Default)]
struct Striped {
    brokers: Vec<BrokerId>,
    next: usize,
    start: usize,
    round: u32,
}

#[derive(Default)]
struct Rack {
    unfenced: Striped,
    fenced: Striped,
}

struct Racks {
    names: Vec<Option<Name>>,
    by_name: BTreeMap<Option<Name>, Rack>,
    unfenced: usize,
    round: u32,
    start: usize,
}

/// The replicas of each of `partitions` partitions, the preferred leader first: stripes over
/// racks and over the brokers of each, from a random start; leaders on unfenced brokers, and
/// fenced ones last.
///
/// # Errors
///
/// Why the replication factor cannot be had (`INVALID_REPLICATION_FACTOR`).
///
/// # Source
///
/// Kafka, `StripedReplicaPlacer`.
pub(crate) fn place(
    image: &MetadataImage,
    partitions: i32,
    replication_factor: i16,
    rng: &mut Rng,
) -> Result<Vec<Vec<BrokerId>>, String> {
    let wanted = usize::try_from(replication_factor).unwrap_or(0);
    if wanted == 0 {
        return Err(format!("the replication factor {replication_factor} is not positive"));
    }
    let mut racks = Racks::new(image, rng);
    if racks.unfenced == 0 {
        return Err("all brokers are fenced".to_owned());
    }
    let total: usize =
        racks.by_name.values().map(|r| r.fenced.brokers.len() + r.unfenced.brokers.len()).sum();
    if wanted > total {
        let is = if total == 1 { "is" } else { "are" };
        let total = counted(total, "broker");
        return Err(format!("only {total} {is} registered, {wanted} are needed"));
    }
    Ok((0..partitions).map(|_| racks.place(wanted, rng)).collect())
}

impl Racks {
    fn new(image: &MetadataImage, rng: &mut Rng) -> Self {
        let mut racks: BTreeMap<Option<Name>, Rack> = BTreeMap::new();
        // One that has shut down is fenced, and will be back; one that is about to takes no more.
        let usable = image.brokers().filter(|(_, r)| r.fenced || !r.in_controlled_shutdown);
        for (broker, registration) in usable {
            let rack = racks.entry(registration.rack.clone()).or_default();
            let list = if registration.fenced { &mut rack.fenced } else { &mut rack.unfenced };
            list.brokers.push(broker);
        }
        for rack in racks.values_mut() {
            rack.fenced.begin_anywhere(rng);
            rack.unfenced.begin_anywhere(rng);
        }
        let names: Vec<_> = racks.keys().cloned().collect();
        let unfenced = racks.values().map(|rack| rack.unfenced.brokers.len()).sum();
        let start = index_below(names.len(), rng);
        Self { names, by_name: racks, unfenced, round: 0, start }
    }

    fn place(&mut self, replicas: usize, rng: &mut Rng) -> Vec<BrokerId> {
        // As many assignments as unfenced brokers: a shuffle, lest they repeat.
        if self.round as usize == self.unfenced && self.unfenced > 1 {
            shuffle(&mut self.names, rng);
            for rack in self.by_name.values_mut() {
                shuffle(&mut rack.fenced.brokers, rng);
                shuffle(&mut rack.unfenced.brokers, rng);
            }
            self.round = 0;
        }
        if self.start == self.names.len() {
            self.start = 0;
        }
        let (round, count) = (self.round, self.names.len());
        let mut chosen = Vec::with_capacity(replicas);
        // Some rack has an unfenced broker left: each round begins with all of them.
        let mut first = self.start;
        loop {
            if let Some(broker) = self.rack(first).unfenced.take(round) {
                chosen.push(broker);
                break;
            }
            first = (first + 1) % count;
        }
        // The rack of the first replica is passed over once.
        let (mut at, mut pass_over) = (self.start, Some(first));
        while chosen.len() < replicas {
            if pass_over == Some(at) {
                pass_over = None;
            } else {
                let rack = self.rack(at);
                chosen.extend(rack.unfenced.take(round).or_else(|| rack.fenced.take(round)));
            }
            at = (at + 1) % count;
        }
        self.round += 1;
        self.start += 1;
        chosen
    }

    fn rack(&mut self, place: usize) -> &mut Rack {
        self.by_name.get_mut(&self.names[place]).expect("names are the keys")
    }
}

impl Striped {
    fn begin_anywhere(&mut self, rng: &mut Rng) {
        self.start = index_below(self.brokers.len(), rng);
    }

    fn take(&mut self, round: u32) -> Option<BrokerId> {
        let count = self.brokers.len();
        if count == 0 {
            return None;
        }
        if self.round != round {
            (self.round, self.next, self.start) = (round, 0, (self.start + 1) % count);
        }
        (self.next < count).then(|| {
            self.next += 1;
            self.brokers[(self.next - 1 + self.start) % count]
        })
    }
}

fn index_below(count: usize, rng: &mut Rng) -> usize {
    usize::try_from(rng.below(count as u64)).expect("an index below a count fits")
}

fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for at in (1..items.len()).rev() {
        items.swap(at, index_below(at + 1, rng));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MetadataRecord;
    use crate::types::{BrokerEpoch, IncarnationId, LeaderEpoch};

    fn cluster(brokers: &[(i32, Option<&str>, bool)]) -> MetadataImage {
        let mut image = MetadataImage::new();
        for (id, rack, fenced) in brokers {
            let record = MetadataRecord::RegisterBroker {
                broker: BrokerId(*id),
                incarnation: IncarnationId(1),
                broker_epoch: BrokerEpoch(image.end_offset().0),
                rack: rack.map(Name::from),
                directories: Vec::new(),
                fenced: *fenced,
                in_controlled_shutdown: false,
            };
            image.apply(image.end_offset(), LeaderEpoch(1), &record);
        }
        image
    }

    fn rng() -> Rng {
        Rng::named(1, "placement", &[])
    }

    /// As Kafka's tests have it: a broker, its rack, whether it is fenced.
    fn racked(brokers: &[(i32, &str, bool)]) -> MetadataImage {
        let brokers: Vec<_> =
            brokers.iter().map(|(id, rack, fenced)| (*id, Some(*rack), *fenced)).collect();
        cluster(&brokers)
    }

    /// The first placements, when nothing is left to chance: each list of brokers begins where
    /// `starts` says, and the racks at `start`.
    fn placed(
        image: &MetadataImage,
        start: usize,
        starts: &[(Option<&str>, usize, usize)],
        (rounds, replicas): (usize, usize),
    ) -> Vec<Vec<i32>> {
        let mut rng = rng();
        let mut racks = Racks::new(image, &mut rng);
        racks.start = start;
        for (name, unfenced, fenced) in starts {
            let rack = racks.by_name.get_mut(&name.map(Name::from)).unwrap();
            (rack.unfenced.start, rack.fenced.start) = (*unfenced, *fenced);
        }
        let ids = |replicas: Vec<BrokerId>| replicas.iter().map(|broker| broker.0).collect();
        (0..rounds).map(|_| ids(racks.place(replicas, &mut rng))).collect()
    }

    /// Source: Kafka, `StripedReplicaPlacerTest.testAvoidFencedReplicaIfPossibleOnSingleRack`,
    /// `testPlacementOnFencedReplicaOnSingleRack`, `testSuccessfulPlacement`.
    #[test]
    fn one_rack_is_striped_as_in_kafka() {
        let one = |brokers: &[(i32, bool)]| {
            let brokers: Vec<_> = brokers.iter().map(|(id, fenced)| (*id, None, *fenced)).collect();
            cluster(&brokers)
        };
        let image = one(&[(3, false), (1, true), (0, false), (4, false), (2, false)]);
        let expected = [[3, 4, 0, 2], [4, 0, 2, 3], [0, 2, 3, 4], [2, 3, 4, 0]];
        assert_eq!(placed(&image, 0, &[(None, 2, 0)], (4, 4)), expected);
        let image = one(&[(3, false), (1, true), (2, false)]);
        assert_eq!(placed(&image, 0, &[(None, 1, 0)], (2, 3)), [[3, 2, 1], [2, 3, 1]]);
        let image = one(&[(0, false), (3, false), (2, false), (1, false)]);
        let expected = [[2, 3, 0], [3, 0, 1], [0, 1, 2], [1, 2, 3]];
        assert_eq!(placed(&image, 0, &[(None, 2, 0)], (4, 3)), expected);
        let image = one(&[(0, false), (1, true)]);
        assert_eq!(place(&image, 3, 1, &mut rng()).unwrap(), vec![vec![BrokerId(0)]; 3]);
    }

    /// Source: Kafka, `StripedReplicaPlacerTest.testRackListWithMultipleRacks`,
    /// `testRackListWithInvalidRacks`.
    #[test]
    fn racks_are_striped_as_in_kafka() {
        let image = racked(&[
            (11, "1", false),
            (10, "1", false),
            (30, "3", false),
            (31, "3", false),
            (21, "2", false),
            (20, "2", true),
        ]);
        let starts = [(Some("1"), 1, 0), (Some("3"), 1, 0)];
        let expected = [[11, 21, 31, 10], [21, 30, 10, 20], [31, 11, 21, 30]];
        assert_eq!(placed(&image, 0, &starts, (3, 4)), expected);
        let image = racked(&[
            (11, "1", false),
            (10, "1", false),
            (30, "3", true),
            (31, "3", true),
            (20, "2", true),
            (21, "2", true),
            (41, "4", false),
            (40, "4", true),
        ]);
        let starts = [(Some("1"), 1, 0), (Some("2"), 0, 1), (Some("3"), 0, 0), (Some("4"), 0, 0)];
        let expected = [[41, 11, 21, 30], [10, 20, 31, 41], [41, 21, 30, 11]];
        assert_eq!(placed(&image, 3, &starts, (3, 4)), expected);
    }

    /// Every cluster of up to three racks of up to three brokers, and every factor: the replicas
    /// of a partition differ; the first is unfenced; no rack has two while another that could
    /// give one has none; and where no rack has more unfenced brokers than another, each
    /// rack leads as often in the first round. Kafka promises no more: in three racks of three
    /// brokers, with three replicas each, one broker of each rack leads the whole round; and after
    /// the shuffle that ends it, a list that was last asked in the beginning counts as empty once:
    /// its rack is passed over, or gives a fenced broker although it has another.
    #[test]
    fn what_placement_promises_holds_for_small_clusters() {
        // Each rack: how many of its brokers are unfenced and how many fenced.
        let racks: Vec<(usize, usize)> = vec![(0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0)];
        for a in &racks {
            for b in &racks {
                for c in &racks {
                    check_promises(&[*a, *b, *c]);
                }
            }
        }
    }

    fn check_promises(racks: &[(usize, usize)]) {
        let mut brokers = Vec::new();
        for (rack, (unfenced, fenced)) in racks.iter().enumerate() {
            let names = ["a", "b", "c"];
            for place in 0..unfenced + fenced {
                let id = i32::try_from(10 * (rack + 1) + place).unwrap();
                brokers.push((id, names[rack], place >= *unfenced));
            }
        }
        let image = racked(&brokers);
        let unfenced = brokers.iter().filter(|(.., fenced)| !fenced).count();
        let is_even = racks.iter().all(|(count, _)| *count == racks[0].0);
        for factor in 1..=brokers.len() {
            let partitions = i32::try_from(3 * unfenced.max(1)).unwrap();
            let factor = i16::try_from(factor).unwrap();
            let result = place(&image, partitions, factor, &mut rng());
            let Ok(placed) = result else {
                assert_eq!(unfenced, 0, "{racks:?} {factor}");
                continue;
            };
            for replicas in placed.iter().take(unfenced) {
                check_replicas(replicas, racks, &image);
            }
            for round in placed.chunks(unfenced).take(1).filter(|_| is_even) {
                for rack in 1..=racks.len() {
                    let leads = |replicas: &&Vec<BrokerId>| {
                        replicas[0].0 / 10 == i32::try_from(rack).unwrap()
                    };
                    let count = round.iter().filter(leads).count();
                    assert_eq!(count, racks[0].0, "{racks:?} {factor}: {round:?}");
                }
            }
        }
    }

    fn check_replicas(replicas: &[BrokerId], racks: &[(usize, usize)], image: &MetadataImage) {
        let about = format!("{racks:?}: {replicas:?}");
        let distinct: std::collections::BTreeSet<_> = replicas.iter().collect();
        assert_eq!(distinct.len(), replicas.len(), "{about}");
        assert!(!image.broker(replicas[0]).unwrap().fenced, "{about}");
        let in_rack = |rack: usize| {
            replicas.iter().filter(move |broker| broker.0 / 10 == i32::try_from(rack + 1).unwrap())
        };
        for (rack, (unfenced, fenced)) in racks.iter().enumerate() {
            let used = in_rack(rack).count();
            // Whoever has brokers left has no fewer replicas than others, but for the round that
            // is under way.
            let is_full = used == unfenced + fenced;
            let most = (0..racks.len()).map(|other| in_rack(other).count()).max().unwrap();
            assert!(is_full || used + 1 >= most, "{about}");
            // A fenced one is taken only when no unfenced one of the rack is left.
            let fenced_used = in_rack(rack).filter(|b| image.broker(**b).unwrap().fenced).count();
            assert!(fenced_used == 0 || used - fenced_used == *unfenced, "{about}");
        }
    }

    #[test]
    fn leaders_and_replicas_are_spread() {
        let image = cluster(&[(1, None, false), (2, None, false), (3, None, false)]);
        let placed = place(&image, 6, 2, &mut rng()).unwrap();
        for broker in 1..=3 {
            let first = placed[..3].iter().filter(|p| p[0] == BrokerId(broker)).count();
            let all = placed.iter().flatten().filter(|b| **b == BrokerId(broker)).count();
            assert_eq!((first, all), (1, 4));
        }
    }

    #[test]
    fn racks_take_turns() {
        let image = cluster(&[(1, Some("a"), false), (2, Some("a"), false), (3, Some("b"), false)]);
        for replicas in place(&image, 9, 2, &mut rng()).unwrap() {
            assert!(replicas.contains(&BrokerId(3)), "{replicas:?}");
        }
    }

    #[test]
    fn fenced_brokers_come_last_and_never_first() {
        let image = cluster(&[(1, None, true), (2, None, false), (3, None, false)]);
        for replicas in place(&image, 5, 3, &mut rng()).unwrap() {
            assert_eq!(replicas[2], BrokerId(1));
        }
        let fenced = cluster(&[(1, None, true)]);
        assert!(place(&fenced, 1, 1, &mut rng()).is_err());
        assert!(place(&image, 1, 4, &mut rng()).is_err());
    }
}
