//! The port between a process and its world: all that can happen to a process, and all that it
//! can ask for.
//!
//! The world promises: disk operations are carried out in the order given; messages of one
//! connection arrive in the order sent, or not at all; a server is shown one request of a
//! connection at a time, the next after it has answered (`Output::Answer`); a lane is given one
//! input at a time, and none while a blocking disk operation of its own is under way; every
//! deadline that has come is followed by `Input::Deadline` on its lane, again and again until the
//! process has moved it.

use crate::event::{About, ClosedBecause, HaltReason, Kind};
use crate::message::{
    AppCall, AppReply, DiskError, DiskOperation, MetadataRecord, Request, Response,
};
use crate::types::{
    BrokerId, CallToken, ConnectionId, Lane, LeaderEpoch, Offset, Purpose, Ticket, TopicPartition,
};

/// What can happen to a process. The world hands each to the lane that the process names for it.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// A request came on `connection`, which the other side opened for `purpose`.
    Request { connection: ConnectionId, purpose: Purpose, request: Request },
    /// The answer to a request of ours came on `connection`.
    Response { connection: ConnectionId, response: Response },
    /// `connection`, which we asked for, stands.
    Connected { connection: ConnectionId },
    /// `connection`, whoever opened it, is gone, `because` of this. Not reported after our own
    /// `Output::Close`.
    Disconnected { connection: ConnectionId, because: ClosedBecause },
    /// The disk operation named by `ticket` has ended.
    Disk { ticket: Ticket, result: Result<(), DiskError> },
    /// An instant that the lane waits for is here, or was.
    Deadline(Lane),
    /// Work that another lane of this process handed over.
    Task(Task),
    /// The application calls its client; `token` comes back with the reply.
    Call { token: CallToken, call: Box<AppCall> },
}

/// Work that one lane hands to another of the same process: opaque to the world.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Task {
    /// The raft lane appends these records of the controller that leads `leader_epoch`.
    AppendMetadata { leader_epoch: LeaderEpoch, records: Vec<MetadataRecord> },
    /// The controller's lane looks at what the quorum has committed, or at its new role.
    QuorumAdvanced,
    /// The broker's metadata lane applies what the quorum has committed.
    ApplyMetadata,
    /// Request handlers finish requests whose wait is over.
    CompleteRequests,
    /// A client's built-in application creates no more load.
    StopWorkload,
    /// The built-in admin application carries out the operation with this number.
    Administer(u32),
    /// Work of the group coordinator.
    Groups(GroupTask),
    /// A client's built-in application does nothing any more, or goes on.
    Stall(bool),
    /// The process is asked to end in order (SIGTERM).
    Shutdown,
}

/// Work of the group coordinator that waits its turn, as Kafka hands it to the coordinator's own
/// threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum GroupTask {
    /// Take over `partition` of `__consumer_offsets`, which this broker leads in `leader_epoch`.
    Take { partition: TopicPartition, leader_epoch: LeaderEpoch },
    /// Read on in the log of `partition`, about `max_bytes` of it.
    Load {
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        from: Option<Offset>,
        max_bytes: u32,
    },
    /// Forget `partition`, which this broker leads no longer.
    Drop { partition: TopicPartition },
}

/// What a process asks of the world, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Output {
    /// Open `connection` (its number is the process' own count, never used before by this host)
    /// to the node `to`, for `purpose`.
    Connect { connection: ConnectionId, to: BrokerId, purpose: Purpose },
    /// Close `connection`; what is in flight on it is lost.
    Close { connection: ConnectionId },
    /// Send `request` on a connection that we opened.
    Request { connection: ConnectionId, request: Request },
    /// The request on `connection` is done: send `response`, or nothing (acks=0).
    Answer { connection: ConnectionId, response: Option<Response> },
    /// Carry out `operation`.
    Disk(DiskOperation),
    /// Hand `task` to `lane`.
    Post { lane: Lane, task: Task },
    /// Record that `kind` happened, in service of `about`.
    Event { kind: Kind, about: About },
    /// Answer the application's call `token`.
    Reply { token: CallToken, reply: AppReply },
    /// Take no more connections, and close those that others opened.
    StopListening,
    /// The process has ended in order, as it was asked to.
    Exit,
    /// The process cannot go on (`Exit.halt`), for this `reason`.
    Halt { reason: HaltReason },
}

impl Output {
    /// An event in service of nothing in particular.
    pub fn event(kind: Kind) -> Self {
        Self::Event { kind, about: About::Nothing }
    }
}
