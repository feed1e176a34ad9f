//! Properties of consumer groups, as far as their coordinators decide them.

mod commit_durable;
mod commit_fenced;
mod exclusive_ownership;
mod group_stable;
mod groups;

pub(crate) use commit_durable::CommitDurable;
pub(crate) use commit_fenced::CommitFenced;
pub(crate) use exclusive_ownership::ExclusiveOwnership;
pub(crate) use group_stable::GroupStable;
