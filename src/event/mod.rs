//! The facts of a run: one table of kinds, each with its number, fields and bytes.

mod coordinators;
mod field;
mod kind;
mod kind_info;
mod kind_macro;
mod kind_values;
mod record;

pub use coordinators::Coordinators;
pub(crate) use coordinators::{OFFSETS_TOPIC, home_of};
pub use field::{ChainHash, Field, Reader, Shape, Value};
pub use kind::{ColumnSink, Kind};
pub use kind_info::{FieldInfo, KindInfo};
pub use kind_values::{
    AckMode, CallbackVerb, ClosedBecause, CrashKeep, DiskFailure, FaultVerb, GivenUpBecause,
    GroupProtocol, GroupState, HaltReason, LeftBecause, LifecycleState, MemberState, OffsetGone,
    OperationResult, OperationVerb, Phase, ProducerOutcome, QuorumRole, ReplicaRole, RestartStep,
    StartMovedBecause, StartedAs,
};
pub use record::{About, Event, StepName};
