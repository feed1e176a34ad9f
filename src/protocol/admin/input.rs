//! What can happen to an admin client.

use crate::message::{AdminCall, Answer};
use crate::types::CallToken;

/// What can happen to an admin client.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Input {
    /// The application asks for `call`; one `Effect::Reply` with `token` follows.
    Call { token: CallToken, call: AdminCall },
    /// The request `token` was answered, or never will be.
    Completed { token: u64, answer: Answer },
    /// The instant that `deadlines` named is here, or was.
    Deadline,
}
