//! What people and other programs are told of a run, drawn up from its events: its state at an
//! instant, explanations, and other texts.

mod at;
pub mod explain;
mod fault_words;
mod state;
mod state_text;
mod table;

pub use at::{At, AtError, TellError, fold_up_to, partition_named};
pub(crate) use fault_words::told;
pub use state::{
    Committed, Decided, FaultInForce, Partition, Process, Quorum, QuorumMember, Replica, State,
    Vote,
};
pub use table::table;
