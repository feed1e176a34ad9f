//! What an admin client asks for.

use crate::message::{AppReply, RequestBody};
use crate::types::{BrokerId, CallToken};

/// What an admin client asks of its process.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` to whichever node is the least loaded; `Input::Completed` with `token` follows.
    SendToAny { token: u64, body: RequestBody },
    /// Send `body` to the node `to`, connecting to it first if need be; `Input::Completed` with
    /// `token` follows.
    Send { token: u64, to: BrokerId, body: RequestBody },
    /// Answer the application's call `token`.
    Reply { token: CallToken, reply: AppReply },
}
