//! What can happen to a controller.

use crate::message::{Batch, RequestBody};
use crate::types::{ConnectionId, LeaderEpoch, Offset};

/// What can happen to a controller.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// A broker's request (or the envelope of a client's) came on the connection `request`; one
    /// of the kinds that `Controller::serves` names.
    Request { request: ConnectionId, body: RequestBody },
    /// The quorum has committed `batches`, which follow what was committed before without a gap
    /// (control batches among them), on a leader and on a follower alike.
    Committed { batches: Vec<Batch> },
    /// This node leads the quorum in `leader_epoch`, all that was committed before has been given
    /// by `Committed`, and the next record will stand at `end_offset`.
    Claimed { leader_epoch: LeaderEpoch, end_offset: Offset },
    /// This node no longer leads the quorum; harmless when it did not.
    Resigned,
    /// An instant that `deadlines` named is here.
    DeadlineReached,
}
