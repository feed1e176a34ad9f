//! What is told of committed records, whoever wrote them.

use crate::event::Kind;
use crate::message::{MetadataRecord, PartitionState};
use crate::protocol::image::MetadataImage;
use crate::types::{BrokerId, Name, Offset, TopicPartition};

/// The events that say that `record`, at `offset`, is committed, given to `tell`; `before` and
/// `after` are the committed images around it, as the controller `node` sees them.
pub(crate) fn committed(
    node: BrokerId,
    (before, after): (&MetadataImage, &MetadataImage),
    offset: Offset,
    record: &MetadataRecord,
    mut tell: impl FnMut(Kind),
) {
    let kind = match record {
        MetadataRecord::Topic { name, topic_id } => {
            Some(Kind::TopicCommitted { topic: *topic_id, name: name.clone(), offset })
        }
        MetadataRecord::RemoveTopic { topic_id } => {
            Some(Kind::TopicRemoved { topic: *topic_id, offset })
        }
        MetadataRecord::Partition { partition, .. }
        | MetadataRecord::PartitionChange { partition, .. } => {
            after.partition(*partition).map(|state| {
                partition_committed(*partition, state, after.min_in_sync(node, *partition), offset)
            })
        }
        MetadataRecord::RegisterBroker { broker, .. } => {
            let epoch = |image: &MetadataImage| image.broker(*broker).map(|r| r.broker_epoch);
            registration_committed(after, *broker, offset, epoch(before) != epoch(after))
        }
        MetadataRecord::BrokerRegistrationChange { broker, .. } => {
            registration_committed(after, *broker, offset, false)
        }
        MetadataRecord::UnregisterBroker { broker, broker_epoch } => {
            let (broker, broker_epoch) = (*broker, *broker_epoch);
            Some(Kind::BrokerUnregistered { broker, broker_epoch, offset })
        }
        MetadataRecord::Config { resource, key, value } => {
            let (resource, key) = (Name::from(resource.to_string()), key.clone());
            Some(Kind::ConfigCommitted { resource, key, value: value.clone(), offset })
        }
        MetadataRecord::ClearEligible { .. }
        | MetadataRecord::FeatureLevel { .. }
        | MetadataRecord::ProducerIds { .. }
        | MetadataRecord::NoOp => None,
    };
    kind.map(&mut tell);
    if let MetadataRecord::ClearEligible { topic } = record {
        partitions_changed(node, topic.as_ref(), (before, after), offset, tell);
    }
}

/// Partitions of `topic` (or of all) that no record names, and yet are in another state.
fn partitions_changed(
    node: BrokerId,
    topic: Option<&Name>,
    (before, after): (&MetadataImage, &MetadataImage),
    offset: Offset,
    mut tell: impl FnMut(Kind),
) {
    let topics = after.topics().filter(|known| topic.is_none_or(|name| known.name == *name));
    for (partition, state) in topics.flat_map(|known| after.partitions_of(known.topic_id)) {
        if before.partition(partition) != Some(state) {
            let min_in_sync = after.min_in_sync(node, partition);
            tell(partition_committed(partition, state, min_in_sync, offset));
        }
    }
}

fn registration_committed(
    image: &MetadataImage,
    broker: BrokerId,
    offset: Offset,
    is_new: bool,
) -> Option<Kind> {
    let registration = image.broker(broker)?;
    Some(Kind::RegistrationCommitted {
        broker,
        broker_epoch: registration.broker_epoch,
        offset,
        fenced: registration.fenced,
        in_controlled_shutdown: registration.in_controlled_shutdown,
        is_new,
    })
}

fn partition_committed(
    partition: TopicPartition,
    state: &PartitionState,
    min_in_sync: u32,
    offset: Offset,
) -> Kind {
    Kind::PartitionCommitted {
        partition,
        offset,
        replicas: state.replicas.as_slice().into(),
        leader: state.leader,
        leader_epoch: state.leader_epoch,
        partition_epoch: state.partition_epoch,
        in_sync: state.in_sync.clone(),
        eligible: state.eligible.clone(),
        last_known: state.last_known.as_slice().into(),
        recovering: state.recovering,
        min_in_sync,
    }
}

/// The event that says that the record at `offset` is to make `after` of `before`.
pub(crate) fn decided(
    partition: TopicPartition,
    offset: Offset,
    before: Option<&PartitionState>,
    after: &PartitionState,
) -> Kind {
    // Clean is whoever was in sync, or eligible when nobody was.
    let unclean = before.is_some_and(|before| {
        let elected = after.leader.filter(|leader| before.leader != Some(*leader));
        elected.is_some_and(|l| !before.in_sync.contains(l) && !before.eligible.contains(l))
    });
    Kind::PartitionDecided {
        partition,
        offset,
        leader: after.leader,
        leader_epoch: after.leader_epoch,
        partition_epoch: after.partition_epoch,
        in_sync: after.in_sync.clone(),
        eligible: after.eligible.clone(),
        recovering: after.recovering,
        unclean,
    }
}
