//! What a built-in application is told, and what it asks for.

use crate::event::Kind;
use crate::message::{AppCall, AppReply};
use crate::types::{CallToken, Name, Offset, TopicPartition};

/// What a built-in application is told.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Input {
    /// Its process has started.
    Start,
    /// Its call `token` is answered.
    Reply {
        /// The call.
        token: CallToken,
        /// The answer.
        reply: AppReply,
    },
    /// It should create no more load.
    Stop,
    /// It should carry out the operation with this number (an admin application).
    Administer(u32),
    /// Its process is asked to end (SIGTERM): it closes its client and exits.
    Shutdown,
    /// The instant that `deadlines` named is here, or was.
    Deadline,
}

/// What a built-in application asks for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Effect {
    /// Its client should do this.
    Call {
        /// Comes back with the answer; counted from 0 without a gap.
        token: CallToken,
        /// What.
        call: AppCall,
    },
    /// It has processed records that it was given as a member of a group.
    Processed {
        /// The partition.
        partition: TopicPartition,
        /// The first record.
        base_offset: Offset,
        /// How many.
        records: u32,
    },
    /// It has sent on a record that it was given.
    SentOn {
        /// The topic that it was read from.
        topic: Name,
        /// The partition.
        partition: i32,
        /// Its offset there.
        offset: Offset,
        /// The call that sends it.
        token: CallToken,
    },
    /// This happened.
    Event(Kind),
    /// Its process ends: it has closed its client.
    Exit,
}
