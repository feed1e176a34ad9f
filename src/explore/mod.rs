//! One run, many runs: what `kafsim run`, `replay` and `sweep` are made of.

mod outcome;
mod vocabulary;

pub use outcome::{ClaimOutcome, End, FaultCounts, Figures, Judgement, Moment, RunOutcome};
pub use vocabulary::vocabulary;
