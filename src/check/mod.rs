//! Properties of a run: each a file, over events and the model folded from them.
//!
//! No property looks into a machine: a checker must not share a bug with what it checks.

mod account;
mod catalogue;
mod checker;
mod controller;
mod groups;
mod history;
mod liveness;
mod lost;
mod premise;
mod producer;
mod property;
mod quorum;
mod replication;
#[cfg(test)]
pub(crate) mod script;
mod subject;
mod verdict;

pub use account::Account;
pub use catalogue::{all, infos};
pub use checker::Checker;
pub use premise::Premises;
pub use property::{Findings, Info, Property, View};
pub use subject::Subject;
pub use verdict::{Outcome, Verdict, Violation};
