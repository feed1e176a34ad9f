//! Properties of what producers wrote, seen in the logs.

mod key_to_partition;
mod nack_not_proof;
mod no_duplicate;
mod per_producer_order;

pub(crate) use key_to_partition::KeyToPartition;
pub(crate) use nack_not_proof::NackNotProof;
pub(crate) use no_duplicate::{NoDuplicate, excuse as duplicate_excuse};
pub(crate) use per_producer_order::PerProducerOrder;
