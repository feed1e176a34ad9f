//! Properties of consumer groups: who owns what, what is committed, what was processed.

mod assignment_legal;
mod at_least_once;
mod at_most_once;
mod commit_durable;
mod commit_fenced;
mod commit_told;
mod deliveries;
mod exclusive_ownership;
mod group_stable;
mod processing_order;
mod roster;

pub(crate) use assignment_legal::AssignmentLegal;
pub(crate) use at_least_once::AtLeastOnce;
pub(crate) use at_most_once::AtMostOnce;
pub(crate) use commit_durable::CommitDurable;
pub(crate) use commit_fenced::CommitFenced;
pub(crate) use commit_told::CommitTold;
pub(crate) use exclusive_ownership::ExclusiveOwnership;
pub(crate) use group_stable::GroupStable;
pub(crate) use processing_order::ProcessingOrder;
