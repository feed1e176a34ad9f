//! One run, many runs: what `kafsim run`, `replay` and `sweep` are made of.

mod build;
mod change;
mod change_settings;
#[cfg(madsim)]
mod coupled;
mod outcome;
mod run;
mod story;
mod story_clients;
mod story_faults;
mod story_groups;
mod story_processes;
mod story_schedule;
mod sweep;
mod sweep_groups;
mod vocabulary;
mod what_if;

pub use build::{BUILD_ID, VERSION};
#[cfg(madsim)]
pub use coupled::CoupledRun;
pub use outcome::{ClaimOutcome, End, Judgement, Matter, Moment, RunOutcome};
pub use run::{Executed, RunOptions, run_once};
pub use sweep::{Failure, Failures, SeedOutcome, SweepOutcome, TWICE_EVERY, sweep};
pub use sweep_groups::{GroupCost, GroupCosts, Spread};
pub use vocabulary::vocabulary;
pub use what_if::{Came, OtherSeeds, WhatIf, WhatIfs, what_if};

#[cfg(test)]
pub(crate) use outcome::tests;
