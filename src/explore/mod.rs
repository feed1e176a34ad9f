//! One run, many runs: what `kafsim run`, `replay` and `sweep` are made of.

mod vocabulary;

pub use vocabulary::vocabulary;
