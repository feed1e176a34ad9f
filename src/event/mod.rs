//! The facts of a run: one table of kinds, each with its number, fields and bytes.

mod field;
mod kind;
mod kind_values;
mod record;

pub use field::{ChainHash, Field, Reader, Shape, Value};
pub use kind::{ColumnSink, FieldInfo, Kind, KindInfo};
pub use kind_values::{
    AckMode, ClosedBecause, CrashKeep, DiskFailure, FaultVerb, GroupProtocol, GroupState,
    LeftBecause, LifecycleState, OffsetGone, OperationResult, OperationVerb, Phase,
    ProducerOutcome, QuorumRole, ReplicaRole, RestartStep, StartMovedBecause, StartedAs,
};
pub use record::{About, Event, StepName};
