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

#[cfg(test)]
mod tests {
    use kafka_protocol::messages as k;

    use super::*;
    use crate::message::Response;
    use crate::types::CorrelationId;

    fn answer(batches: usize) -> Segment {
        let body = k::BrokerHeartbeatResponse::default().into();
        let records = vec![Vec::new(); batches];
        Segment::Response(Box::new(Response { correlation_id: CorrelationId(1), body, records }))
    }

    #[test]
    fn what_kafka_sends_passes() {
        check(&answer(0));
        check(&Segment::Syn);
    }

    #[test]
    #[should_panic(expected = "BrokerHeartbeatResponse: records of 2 partitions, the body has 0")]
    fn what_kafka_could_not_send_is_a_crash() {
        check(&answer(2));
    }
}
