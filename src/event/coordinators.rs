//! Which broker coordinates a group. A broker that was deposed learns of it late, and goes on for a
//! while as if it were in charge; what it says then is of no account.

use std::collections::BTreeMap;

use crate::event::kind::Kind;
use crate::event::record::Event;
use crate::types::{HostId, LeaderEpoch, TopicId, TopicPartition};

/// Where Kafka keeps what its groups have committed.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Who reads, or has read, each partition of `__consumer_offsets` as its leader of the latest
/// epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coordinators {
    topic: Option<TopicId>,
    /// How many partitions it has.
    partitions: i32,
    in_charge: BTreeMap<TopicPartition, (LeaderEpoch, HostId)>,
}

impl Coordinators {
    /// Folds in `event`.
    pub fn apply(&mut self, event: &Event) {
        match &event.kind {
            Kind::TopicCommitted { topic, name, .. } if name.as_str() == OFFSETS_TOPIC => {
                if self.topic != Some(*topic) {
                    *self = Self { topic: Some(*topic), ..Self::default() };
                }
            }
            Kind::PartitionCommitted { partition, .. }
                if Some(partition.topic_id) == self.topic =>
            {
                self.partitions = self.partitions.max(partition.partition.0 + 1);
            }
            Kind::CoordinatorLoading { partition, leader_epoch } => {
                let Some(host) = event.host else { return };
                let latest = self.in_charge.entry(*partition).or_insert((*leader_epoch, host));
                if latest.0 <= *leader_epoch {
                    *latest = (*leader_epoch, host);
                }
            }
            _ => {}
        }
    }

    /// Whether `event` tells of a group that its host no longer coordinates.
    pub fn is_late(&self, event: &Event) -> bool {
        let (Kind::GroupStateChanged { group, .. } | Kind::GroupEpochBegan { group, .. }) =
            &event.kind
        else {
            return false;
        };
        event.host.is_some_and(|host| self.is_deposed(group.as_str(), host))
    }

    /// The partition of `__consumer_offsets` that keeps what `group` commits, once there is one.
    pub fn home(&self, group: &str) -> Option<TopicPartition> {
        self.topic.and_then(|topic| home_of(group, topic, self.partitions))
    }

    /// In which epoch `partition` was begun to be read last.
    pub fn epoch_of(&self, partition: TopicPartition) -> Option<LeaderEpoch> {
        self.in_charge.get(&partition).map(|(epoch, _)| *epoch)
    }

    /// Whether another host than `host` has begun to coordinate `group` since `host` did.
    pub fn is_deposed(&self, group: &str, host: HostId) -> bool {
        let in_charge = self.home(group).and_then(|home| self.in_charge.get(&home));
        in_charge.is_some_and(|(_, in_charge)| *in_charge != host)
    }
}

/// The partition of `__consumer_offsets`, which has so many, whose leader coordinates `group`.
///
/// Source: Kafka 4.0, `GroupCoordinatorService.partitionFor`.
pub(crate) fn home_of(group: &str, topic: TopicId, partitions: i32) -> Option<TopicPartition> {
    // `String.hashCode`.
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // `Utils.abs`: of the least integer it is 0.
    let index = hash.checked_abs().unwrap_or(0).checked_rem(partitions)?;
    Some(TopicPartition::new(topic, index))
}
