//! What connections ask of the world, and tell their owner.

use crate::message::{Answer, Request};
use crate::types::{BrokerId, ConnectionId, Purpose};

/// What connections ask of the world (the first three), and tell their owner (the others).
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Open `connection` to the node `to` for `purpose`.
    Connect { connection: ConnectionId, to: BrokerId, purpose: Purpose },
    /// Close `connection`.
    Close { connection: ConnectionId },
    /// Send `request` on `connection`.
    Transmit { connection: ConnectionId, request: Request },
    /// The request `token` to the node `to` was answered, or never will be.
    Completed { token: u64, to: BrokerId, result: Answer },
    /// There is a connection to the node `to` now.
    Opened { to: BrokerId },
    /// The connection to the node `to` is lost, or could not be made. The completions of what was
    /// in flight follow: whoever sends on at once when one fails should know already.
    Lost { to: BrokerId },
}
