//! The one fold of events into what is known. Properties, role targets, milestones and reports
//! read it; nobody looks into a machine.

mod apply;
mod audit;
mod config;
mod deleted;
mod fold;
mod group_member;
mod log;
mod partition;
mod quorum;
mod told;

pub use audit::AuditFailure;
pub use config::ConfigView;
pub use deleted::DeletedBatches;
pub use fold::{FaultView, HostView, Model, RegistrationView};
pub use group_member::{GroupMemberView, GroupView, Unrest};
pub use log::{LogEntry, LogView};
pub use partition::{CacheView, DecidedView, PartitionView, ReplicaView, RoleView, StateView};
pub use quorum::{AppliedView, MemberView, QuorumRoleView, QuorumView, VoteView};
