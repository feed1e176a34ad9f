//! The trace of a run: digested, written, read, compared, and folded into what is known.

mod digest;
mod model;
mod setup;

pub use digest::{Digest, Fingerprint, FingerprintError, canonical_bytes};
pub use model::{
    AppliedView, AuditFailure, CacheView, DecidedView, FaultView, HostView, LogEntry, LogView,
    MemberView, Model, PartitionView, QuorumRoleView, QuorumView, RegistrationView, ReplicaView,
    RoleView, StateView,
};
pub use setup::{ClientSetup, HostSetup, Part, Setup, TopicSetup};
