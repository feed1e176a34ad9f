//! How a broker's leaders ask the controller for new in-sync sets: all wishes of the moment in one
//! request, one request in flight, sent again until it is answered.
//!
//! ```text
//!          Propose                    Response (top level 0)
//!  idle -----------> request formed ------------------------> idle, or the next request
//!    ^                 |   ^
//!    | other top-level |   | NOT_CONTROLLER, SendFailed:
//!    +--- error -------+   +-- the same request, to the controller then known
//!      (50 ms, formed anew)
//! ```
//!
//! A partition has one wish at a time. What a controller may already have carried out must not be
//! taken back, so a request whose answer was lost goes out again as it was.
//!
//! Source: Kafka 4.1, `DefaultAlterPartitionManager`, `NodeToControllerChannelManagerImpl`;
//! KIP-497.

mod effect;
mod input;
mod machine;

pub use effect::Effect;
pub use input::Input;
pub use machine::{AlterPartition, AlterPartitionConfig};
