//! What people and other programs are told of a run, drawn up from its events: its state at an
//! instant, timelines, logs side by side, explanations.

mod at;
mod claims;
mod diff;
mod diff_account;
mod diff_scenario;
mod diff_text;
mod diff_words;
mod diff_words_clients;
pub mod explain;
pub mod export;
mod fault_words;
mod group_state;
mod halt_words;
mod lesson;
mod log;
mod log_text;
mod metadata_records;
mod owners;
mod page;
mod page_columns;
mod page_common;
mod page_ladder;
mod shell;
mod state;
mod state_groups;
mod state_text;
mod table;
mod text;
mod timeline;
mod timeline_groups;
mod timeline_quorum;
mod timeline_starts;
mod timeline_text;
mod timeline_words;

pub use at::{
    At, AtError, Seconds, SecondsError, TellError, check_instant, fold_up_to, partition_named,
};
pub use claims::{Claim, claims};
pub use diff::{Difference, Run, Steps, Told};
pub use diff_account::{Outcome, Sort};
pub(crate) use fault_words::{told, told_of_end};
pub use group_state::{GroupMember, GroupPartition, GroupState};
pub(crate) use halt_words::halt_words;
pub use lesson::{
    Lesson, LessonError, LessonNote, LessonPlan, Other, Pane, Seen, Taught, Try, teach, tried,
};
pub use log::{Cell, Gone, Logs, Offsets, Row};
pub(crate) use owners::{Owners, epoch_word};
pub use page::{Extras, Fitted, page, page_of_two, page_within};
pub(crate) use shell::quoted;
pub use state::{
    Committed, Decided, FaultInForce, Partition, Process, Quorum, QuorumMember, Replica, State,
    Vote,
};
pub use state_groups::GroupLine;
pub use table::table;
pub use text::printable;
pub(crate) use text::{fitted, grouped, rounded, several, wrapped};
pub use timeline::{LEGEND, Line, MARKS, QUORUM_LEGEND, Timeline, Window};
