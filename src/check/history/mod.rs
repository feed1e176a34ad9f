//! Anomalies that clients see by themselves, after the workload «kafka» of Jepsen: nothing of what
//! happens inside the cluster is needed to find them.

mod anomaly;
mod duplicate;
mod inconsistent_offsets;
mod lost_write;
mod nonmonotonic_poll;
mod nonmonotonic_send;
mod poll_skip;
mod unseen;

pub(crate) use duplicate::Duplicate;
pub(crate) use inconsistent_offsets::InconsistentOffsets;
pub(crate) use lost_write::LostWrite;
pub(crate) use nonmonotonic_poll::NonmonotonicPoll;
pub(crate) use nonmonotonic_send::NonmonotonicSend;
pub(crate) use poll_skip::PollSkip;
pub(crate) use unseen::Unseen;
