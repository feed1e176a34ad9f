//! Where the replicas of a new topic go.

use std::collections::BTreeMap;

use crate::protocol::image::MetadataImage;
use crate::types::{BrokerId, Name, Rng};

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
        return Err(format!("only {total} brokers are registered, {wanted} are needed"));
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
