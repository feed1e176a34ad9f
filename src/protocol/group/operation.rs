//! What a request or a timer comes to: records to write, and what is to follow when they are safe.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::event::Kind;
use crate::message::{GroupRecord, ResponseBody};
use crate::protocol::group::mixed::Heard;
use crate::protocol::group::state::State;
use crate::types::{ConnectionId, ErrorCode, GroupEpoch, Name};

/// What a request or a timer comes to.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) records: Vec<GroupRecord>,
    /// Whether the state follows the records as soon as they are appended. Groups of the classic
    /// protocol are changed by hand, and their records only say how they are.
    pub(crate) replays: bool,
    /// The state before the group was changed by hand, to which it goes back if the append fails.
    pub(crate) undo: Option<(Name, State)>,
    /// What happened, once the records are appended.
    pub(crate) events: Vec<Kind>,
    pub(crate) then: Then,
}

/// What follows when the records are below the high watermark, or have failed to get there.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    Nothing,
    /// Somebody is answered.
    Answer {
        connection: ConnectionId,
        body: ResponseBody,
    },
    /// Whoever committed offsets is answered.
    Committed {
        connection: ConnectionId,
        body: ResponseBody,
        member: Option<Name>,
        epoch: GroupEpoch,
        offsets: Vec<GroupRecord>,
    },
    /// A member of the classic protocol in a group of KIP-848 is answered.
    Heard {
        connection: ConnectionId,
        body: ResponseBody,
        heard: Heard,
    },
    /// The leader's assignment counts.
    Synced {
        group: Name,
        generation: i32,
        assignment: BTreeMap<Name, Bytes>,
    },
    /// A static member has come back under a new id.
    Replaced {
        group: Name,
        member: Name,
    },
    /// A new group is known; whoever made it hears only of failure.
    Created {
        connection: ConnectionId,
    },
}

impl Operation {
    /// Nothing to write: the answer waits for what was written before.
    pub(crate) fn answer(connection: ConnectionId, body: impl Into<ResponseBody>) -> Self {
        Self::write(Vec::new(), Then::Answer { connection, body: body.into() })
    }

    pub(crate) fn write(records: Vec<GroupRecord>, then: Then) -> Self {
        Self { records, replays: true, undo: None, events: Vec::new(), then }
    }

    /// Records of a group of the classic protocol.
    pub(crate) fn store(record: GroupRecord, then: Then) -> Self {
        Self { replays: false, ..Self::write(vec![record], then) }
    }

    pub(crate) fn with_events(mut self, events: Vec<Kind>) -> Self {
        self.events = events;
        self
    }
}

/// What a client is told when a write failed.
///
/// Source: Kafka 4.1, `CoordinatorOperationExceptionHelper.handleOperationException`.
pub(crate) fn write_error(error: ErrorCode) -> ErrorCode {
    use ErrorCode as E;
    if matches!(error, E::UnknownTopicOrPartition | E::NotEnoughReplicas | E::RequestTimedOut) {
        E::CoordinatorNotAvailable
    } else if matches!(error, E::NotLeaderOrFollower | E::KafkaStorageError) {
        E::NotCoordinator
    } else if matches!(error, E::MessageTooLarge | E::RecordListTooLarge) {
        E::UnknownServerError
    } else {
        error
    }
}
