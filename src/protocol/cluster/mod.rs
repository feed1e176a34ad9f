//! What a client knows of the cluster: data that its machines share.

mod metadata;

pub use metadata::{ClusterMetadata, MetadataUpdate, PartitionMetadata, TopicMetadata};
