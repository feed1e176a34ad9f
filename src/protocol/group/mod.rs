//! The coordinator of consumer groups: whoever leads a partition of `__consumer_offsets` keeps the
//! groups that hash to it, and what they have committed.
//!
//! ```text
//!   request ──> shard ── records ──> Effect::Append ──> the partition's log
//!                │  state as of the append                     │
//!                └── waits ──── answer <── high watermark ─────┘
//! ```
//!
//! A shard's state is what its log says: it is read to its end when leadership comes
//! (COORDINATOR_LOAD_IN_PROGRESS meanwhile), changed by records that the shard appends itself, and
//! forgotten when leadership goes. What was changed is answered when its records are below the
//! high watermark, and only by a broker that leads still.
//!
//! Source: Kafka 4.1, `CoordinatorRuntime`, `GroupCoordinatorService`, `GroupCoordinatorShard`,
//! `GroupMetadataManager`, `OffsetMetadataManager`, `ClassicGroup`, `ConsumerGroup`.

mod admin;
mod answer;
mod classic;
mod classic_group;
mod classic_join;
mod classic_sync;
mod config;
mod consumer_protocol;
mod conversion;
mod deletion;
mod desk;
mod effect;
mod find;
mod input;
#[cfg(test)]
mod laws;
mod machine;
mod mixed;
mod modern;
mod modern_assignors;
mod modern_group;
mod modern_join;
mod offsets;
mod operation;
mod reconcile;
mod shard;
mod state;
mod timers;

pub use config::{GroupConfig, Migration};
pub use effect::Effect;
pub use find::{OFFSETS_TOPIC, partition_of};
pub use input::{Input, Read};
pub use machine::GroupCoordinator;
