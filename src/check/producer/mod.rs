//! Properties of what producers wrote, seen in the logs.

mod no_duplicate;
mod per_producer_order;

pub(crate) use no_duplicate::{NoDuplicate, excuse as duplicate_excuse};
pub(crate) use per_producer_order::PerProducerOrder;
