//! The broker's request layer: what stands between a client's request and the partitions' replicas,
//! the metadata image and the controller.
//!
//! ```text
//!   request ──► resolve topics by the image ──► ask replicas, one by one ──► answer
//!                                                      │        ▲
//!                                        not enough    ▼        │ log end, high watermark, role
//!                                                  purgatory ───┘ moved, or the time is up
//!   CreateTopics, DeleteTopics ──► envelope to the controller, again and again ──► answer
//! ```
//!
//! A connection has one request at a time, so the connection names the request. The machine does
//! not know replicas: it emits [`Effect::ToReplica`], and the node brings back what the replica
//! did.

mod alter_configs;
mod config;
mod delete_records;
mod described;
mod effect;
mod fetch;
mod fetch_answer;
mod fetch_session;
mod forward;
mod forward_answer;
mod input;
mod layer;
mod metadata;
mod offsets;
mod produce;
mod producer_ids;
mod wire;

pub use config::RequestConfig;
pub use described::{ConfigRow, ConfigTable};
pub use effect::{Ask, Effect};
pub use input::{Input, LowWatermark, Placed, Unreached};
pub use layer::RequestLayer;
