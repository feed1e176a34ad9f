//! Explanations: why a property was violated, from the events of a run.

mod brief;
mod choose;
mod compose;
mod defects;
mod focus;
mod links;
mod mark;
mod not_cause;
mod note;
mod order;
mod picture;
mod reason;
mod refused;
mod rests;
mod shape;
mod tape;
mod tell;
mod tell_clients;
mod tell_cluster;
mod tell_deeds;
mod tell_elections;
mod tell_group;
mod tell_logs;
mod tell_processes;
mod tell_quorum;
mod text;
mod why_not;

pub use brief::brief;
pub use compose::{Asked, explain, explain_all, without_hashes};
pub use order::violations;
pub use shape::{
    Cell, Explanation, Nearby, Other, Picture, Remark, Reruns, Retried, Row, Saved, Step, WhyNot,
};
pub(crate) use text::{Heading, heading};
pub use text::{markdown, text};
