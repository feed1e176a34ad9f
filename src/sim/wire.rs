//! Whether what is delivered could have come over a real wire.

use crate::message::{check_request, check_response};
use crate::sim::network::Segment;

/// Writes a message as bytes, reads it back and compares.
///
/// # Panics
///
/// With a sentence that names the message and the field, when what was read is not what was sent:
/// a process has sent what Kafka could not.
pub(crate) fn check(segment: &Segment) {
    let checked = match segment {
        Segment::Request(request) => check_request(request),
        Segment::Response(response) => check_response(response),
        Segment::Syn | Segment::SynAck | Segment::End(_) => Ok(()),
    };
    if let Err(error) = checked {
        panic!("not as on the wire: {error}");
    }
}
