//! Properties of what the controller decides and what brokers make of it.

mod isr_membership;
mod metadata_prefix;
mod one_leader_per_epoch;
mod unclean_exclusion;

pub use isr_membership::IsrMembership;
pub use metadata_prefix::MetadataPrefix;
pub use one_leader_per_epoch::OneLeaderPerEpoch;
pub use unclean_exclusion::UncleanExclusion;
