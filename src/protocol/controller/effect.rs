//! What a controller asks of the world.

use crate::event::{About, Kind};
use crate::message::{MetadataRecord, ResponseBody};
use crate::types::{ConnectionId, LeaderEpoch, Offset};

/// What a controller asks of the world.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Append `records` as one batch (`Input::Committed` reports it, or `Input::Resigned` says
    /// that it may be lost). The first stands at `base_offset` if this node still leads
    /// `leader_epoch`; if it does not, nothing must be appended.
    Append { leader_epoch: LeaderEpoch, base_offset: Offset, records: Vec<MetadataRecord> },
    /// Answer the request on the connection `request`, which may be gone by now.
    Answer { request: ConnectionId, body: ResponseBody },
    /// Record that `kind` happened.
    Event { kind: Kind, about: About },
}
