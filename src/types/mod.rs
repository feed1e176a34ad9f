//! Small values that everything above speaks: ids, epochs, offsets, instants, randomness, errors.

mod api;
mod backoff;
mod batch_map;
mod broker_set;
mod chunks;
mod config_resource;
mod count;
mod deed;
mod defect;
mod epoch;
mod error_code;
mod id;
mod lane;
mod name;
mod newtype;
mod offset;
mod property_name;
mod rng;
mod time;
mod topic_pattern;
mod truncation_era;

pub use api::ApiKey;
pub use backoff::Backoff;
pub use batch_map::BatchMap;
pub use broker_set::BrokerSet;
pub use chunks::Chunks;
pub use config_resource::{ConfigResource, ConfigValues, TopicKey};
pub use count::counted;
pub use deed::Deed;
pub use defect::{Defect, DefectKind, DefectSet};
pub use epoch::{BrokerEpoch, GroupEpoch, LeaderEpoch, PartitionEpoch, ProducerEpoch};
pub use error_code::ErrorCode;
pub use id::{
    BatchId, BrokerId, CallToken, ClientId, ConnectionId, CorrelationId, DirectoryId, HostId,
    IncarnationId, KeyHash, OperationId, PartitionIndex, ProducerId, Ticket, TopicId,
    TopicPartition,
};
pub use lane::{Lane, Purpose};
pub use name::Name;
pub use offset::{Offset, Sequence};
pub use property_name::{Expectation, PropertyName};
pub use rng::{Rng, hash_words, mix};
pub use time::{Deadlines, FOREVER, Moment, Monotonic, Now, Wall};
pub use topic_pattern::TopicPattern;
pub use truncation_era::TruncationEra;
