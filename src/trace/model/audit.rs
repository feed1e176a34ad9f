//! Where the record and the real state part: then a machine did something without saying so, and
//! no verdict of that run is worth anything.

use crate::types::{BrokerId, TopicPartition};

/// An event that contradicts those before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditFailure {
    /// The event.
    pub event: u64,
    /// The node.
    pub node: Option<BrokerId>,
    /// The partition.
    pub partition: TopicPartition,
    /// What differs.
    pub what: String,
}

impl std::fmt::Display for AuditFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let node = self.node.map_or_else(|| "the world".to_owned(), |node| format!("node {node}"));
        write!(f, "event {}: {node}: {}", self.event, self.what)
    }
}
