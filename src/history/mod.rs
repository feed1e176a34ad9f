//! What clients saw, folded from events: operations under way, batches with their outcome, polls.
//!
//! A write whose answer never came is unknown, never absent.

mod committers;
mod delivered;
mod figures;
mod group;
mod group_figures;
mod group_members;
mod groups;
mod owned;
mod record;
mod spans;

pub use committers::Committers;
pub use figures::{FigureCounter, Figures, LONG_WAIT};
pub use group_figures::{
    AgainBecause, GroupEpochFigures, GroupFigures, GroupPartitionFigures, ProcessedAgain, Stint,
};
pub use group_members::{FailedMember, FailedPolls, OverdueMember};
pub use record::{Batch, Client, History, Operation, Reading, RecordName, Run, Seen};
pub use spans::Spans;
