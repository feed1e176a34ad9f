//! Between the protocol crate's types and ours, as far as the request layer needs it.

use kafka_protocol::messages as k;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::types::{BrokerId, Name, TopicId};

/// A topic's id from the wire; `None` for the zero UUID.
pub(crate) fn topic_id(uuid: Uuid) -> Option<TopicId> {
    (!uuid.is_nil()).then(|| TopicId(uuid.as_u128()))
}

/// A topic's id for the wire.
pub(crate) fn topic_uuid(topic_id: TopicId) -> Uuid {
    Uuid::from_u128(topic_id.0)
}

/// Text for the wire.
pub(crate) fn text(name: &str) -> StrBytes {
    StrBytes::from_string(name.to_owned())
}

/// A topic's name for the wire.
pub(crate) fn topic_name(name: &Name) -> k::TopicName {
    k::TopicName(text(name.as_str()))
}

/// A broker's id for the wire.
pub(crate) fn broker_id(broker: BrokerId) -> k::BrokerId {
    k::BrokerId(broker.0)
}

pub(crate) use crate::message::convert::{PORT, host_of};
