//! The trace of a run: digested, written, read, compared, and folded into what is known.

mod columns;
mod diff;
mod digest;
mod document;
mod filter;
mod model;
mod packed;
mod run_file;
mod setup;
mod text;

pub use diff::{Alignment, Divergence, align, first_divergence};
pub use digest::{Digest, Fingerprint, FingerprintError, canonical_words};
pub use document::document;
pub use filter::{Filter, FilterError, Problem};
pub use model::{
    AppliedView, AuditFailure, CacheView, ConfigView, DecidedView, DeletedBatches, FaultView,
    GroupMemberView, GroupView, HostView, LogEntry, LogView, MemberView, Model, PartitionView,
    QuorumRoleView, QuorumView, RegistrationView, ReplicaView, RoleView, StateView, Unrest,
    VoteView,
};
pub use run_file::{
    Events, FORMAT_VERSION, Header, ReadError, Recording, RunFile, Writer, event_table,
};
pub use setup::{ClientSetup, ClockSetup, GroupSetup, HostSetup, Part, Promise, Setup, TopicSetup};
pub use text::{Names, seconds};
