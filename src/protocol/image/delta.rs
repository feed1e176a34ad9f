//! What a stretch of metadata records touched.

use std::collections::BTreeSet;

use crate::types::{BrokerId, ConfigResource, TopicId, TopicPartition};

/// What changed between two images, by name; the values stand in the images themselves.
///
/// Something that was made and removed again within the stretch is named too.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Delta {
    /// Partitions that were made, changed or removed.
    pub partitions: BTreeSet<TopicPartition>,
    /// Topics that were made.
    pub topics_created: BTreeSet<TopicId>,
    /// Topics that were removed.
    pub topics_removed: BTreeSet<TopicId>,
    /// Brokers that registered, changed or left.
    pub brokers: BTreeSet<BrokerId>,
    /// Whose configuration changed.
    pub configs: BTreeSet<ConfigResource>,
}

impl Delta {
    /// Whether nothing changed, but for the end of the log.
    pub fn is_empty(&self) -> bool {
        let Self { partitions, topics_created, topics_removed, brokers, configs } = self;
        partitions.is_empty()
            && topics_created.is_empty()
            && topics_removed.is_empty()
            && brokers.is_empty()
            && configs.is_empty()
    }
}
