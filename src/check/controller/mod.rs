//! Properties of what the controller decides and what brokers make of it.

mod isr_membership;
mod metadata_prefix;
mod one_leader_per_epoch;
mod unclean_exclusion;

pub(crate) use isr_membership::IsrMembership;
pub(crate) use metadata_prefix::MetadataPrefix;
pub(crate) use one_leader_per_epoch::OneLeaderPerEpoch;
pub(crate) use unclean_exclusion::UncleanExclusion;
