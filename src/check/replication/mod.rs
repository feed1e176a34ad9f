//! Properties of partitions and their replicas.

mod acked_durability;
mod candidate_completeness;
mod consistent_read;
mod deletion_by_rule;
mod epoch_monotone;
mod epoch_offset_unique;
mod leader_completeness;
mod list_offsets_monotone;
mod log_matching;
mod offset_order;
mod quorum_superset;

pub(crate) use acked_durability::AckedDurability;
pub(crate) use candidate_completeness::CandidateCompleteness;
pub(crate) use consistent_read::ConsistentRead;
pub(crate) use deletion_by_rule::DeletionByRule;
pub(crate) use epoch_monotone::EpochMonotone;
pub(crate) use epoch_offset_unique::EpochOffsetUnique;
pub(crate) use leader_completeness::LeaderCompleteness;
pub(crate) use list_offsets_monotone::ListOffsetsMonotone;
pub(crate) use log_matching::LogMatching;
pub(crate) use log_matching::compare as compare_logs;
pub(crate) use offset_order::OffsetOrder;
pub(crate) use quorum_superset::QuorumSuperset;
