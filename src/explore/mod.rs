//! One run, many runs: what `kafsim run`, `replay` and `sweep` are made of.

mod outcome;

pub use outcome::{ClaimOutcome, End, Figures, FaultCounts, Judgement, Moment, RunOutcome};
