//! What clients saw, folded from events: operations under way, batches with their outcome, polls.
//!
//! A write whose answer never came is unknown, never absent.

mod figures;
mod groups;
mod record;
mod spans;

pub use figures::{FigureCounter, Figures, LONG_WAIT};
pub use groups::{
    AgainBecause, GroupEpochFigures, GroupFigures, GroupPartitionFigures, ProcessedAgain, Stint,
};
pub use record::{Batch, Client, History, Operation, Reading, RecordName, Run, Seen};
pub use spans::Spans;
