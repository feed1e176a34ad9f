//! Runs in formats of other programs. docs/VIEWING.md says what becomes what.

mod csv;
mod format;
mod jepsen;
mod mermaid;
mod perfetto;
mod proto;
mod quiet;
mod shiviz;
mod slice;

pub use format::{Breach, Chosen, ExportError, ExportFormat, Story, Told, diagrams, export};
pub use quiet::{Served, last_acknowledged, says_something};
pub use shiviz::PARSER;
