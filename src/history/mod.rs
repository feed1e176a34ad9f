//! What clients saw, folded from events: operations under way, batches with their outcome, polls.
//!
//! A write whose answer never came is unknown, never absent.

mod figures;
mod record;

pub use figures::{FigureCounter, Figures, LONG_WAIT};
pub use record::{Batch, Client, History, Operation, Reading, RecordName, Run, Seen};
