//! Properties of partitions and their replicas.

mod acked_durability;
mod candidate_completeness;
mod consistent_read;
mod epoch_monotone;
mod epoch_offset_unique;
mod leader_completeness;
mod log_matching;
mod offset_order;
mod quorum_superset;

pub use acked_durability::AckedDurability;
pub use candidate_completeness::CandidateCompleteness;
pub use consistent_read::ConsistentRead;
pub use epoch_monotone::EpochMonotone;
pub use epoch_offset_unique::EpochOffsetUnique;
pub use leader_completeness::LeaderCompleteness;
pub use log_matching::LogMatching;
pub(crate) use log_matching::compare as compare_logs;
pub use offset_order::OffsetOrder;
pub use quorum_superset::QuorumSuperset;
