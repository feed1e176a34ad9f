//! Assignors: which member of a group reads which partition. Pure functions, run by the leader of
//! a classic group.

mod constrained;
mod cooperative;
mod general;
mod member;
mod movements;
mod named;
mod range;
mod round_robin;
mod sticky;

pub use member::{Assignment, Member, Place, Topics};
pub use named::{Assignor, RebalanceProtocol};
