//! The metadata image: what a prefix of `__cluster_metadata` says of brokers, topics, partitions
//! and configuration. Controllers and brokers fold the same records by the same rules.
//!
//! Maps are persistent: a copy costs a few pointers, and images of many brokers share what did
//! not change. A [`Delta`] names what a stretch of records touched; since a stretch is applied as
//! a whole, what happened between its ends cannot be seen in it, as in Kafka.

mod delta;
mod digest;
mod metadata_image;
mod registration;

pub use delta::Delta;
pub use metadata_image::{
    ELIGIBLE_LEADER_REPLICAS_VERSION, MIN_INSYNC_REPLICAS, MetadataImage, Topic,
};
pub use registration::Registration;
