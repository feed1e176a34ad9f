//! What people and other programs are told of a run, drawn up from its events.

pub mod explain;
mod fault_words;

pub(crate) use fault_words::told;
