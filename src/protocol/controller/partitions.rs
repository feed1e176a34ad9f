//! Partitions that are added to a topic that there is.

use std::collections::BTreeSet;

use kafka_protocol::messages as k;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::protocol::StrBytes;

use crate::event::Kind;
use crate::message::MetadataRecord;
use crate::protocol::controller::placement::place;
use crate::protocol::controller::state::{Active, Decision};
use crate::protocol::controller::topics::Refused;
use crate::types::{BrokerId, ErrorCode, Rng, TopicPartition, counted};

/// What is to be written, and what is told of it.
#[derive(Default)]
struct Growth {
    records: Vec<MetadataRecord>,
    events: Vec<Kind>,
}

impl Active {
    /// Adds partitions to topics: those that can be are, each of the others is refused by itself.
    ///
    /// Source: Kafka, `ControllerApis.createPartitions`,
    /// `ReplicationControlManager.createPartitions`.
    pub(crate) fn create_partitions(
        &self,
        request: &k::CreatePartitionsRequest,
        rng: &mut Rng,
    ) -> Decision {
        let mut growth = Growth::default();
        let mut body = k::CreatePartitionsResponse::default();
        let mut seen = BTreeSet::new();
        for topic in request.topics.iter().filter(|topic| seen.insert(topic.name.as_str())) {
            let twins = request.topics.iter().filter(|other| other.name == topic.name).count();
            let result = if twins > 1 {
                Err((ErrorCode::InvalidRequest, "duplicate topic name".to_owned()))
            } else {
                self.grow(topic, rng, &mut growth)
            };
            let mut told = CreatePartitionsTopicResult::default();
            told.name = topic.name.clone();
            told.error_message = None;
            if let Err((error, message)) = result {
                told.error_code = error.code();
                told.error_message = Some(StrBytes::from_string(message));
            }
            body.results.push(told);
        }
        if request.validate_only {
            growth = Growth::default();
        }
        let Growth { records, events } = growth;
        Decision { body: Some(body.into()), events, ..Decision::write(records) }
    }

    fn grow(
        &self,
        asked: &CreatePartitionsTopic,
        rng: &mut Rng,
        growth: &mut Growth,
    ) -> Result<(), Refused> {
        let Some(topic) = self.image.topic_by_name(&asked.name) else {
            let message = format!("there is no topic `{}`", &**asked.name);
            return Err((ErrorCode::UnknownTopicOrPartition, message));
        };
        let factor = self.image.partitions_of(topic.topic_id).next();
        let factor = factor.map_or(0, |(_, state)| state.replicas.len());
        let now = self.image.partitions_of(topic.topic_id).count();
        let now = i32::try_from(now).expect("counted in an i32");
        let invalid = |message: String| Err((ErrorCode::InvalidPartitions, message));
        if asked.count == now {
            return invalid(format!("the topic has {} already", counted(now, "partition")));
        }
        if asked.count < now {
            let now = counted(now, "partition");
            return invalid(format!("the topic has {now}; they do not become fewer"));
        }
        let placed = match &asked.assignments {
            None => {
                let replicas = i16::try_from(factor).expect("counted in an i16");
                place(&self.image, asked.count - now, replicas, rng)
                    .map_err(|message| (ErrorCode::InvalidReplicationFactor, message))?
            }
            Some(assignments) => {
                let assignments = assignments.iter();
                let brokers = assignments.map(|one| one.broker_ids.iter().map(|b| BrokerId(b.0)));
                let placed: Vec<Vec<_>> = brokers.map(Iterator::collect).collect();
                self.check_new(&placed, now, asked.count, factor)?;
                placed
            }
        };
        for (index, replicas) in (now..).zip(placed) {
            let partition = TopicPartition::new(topic.topic_id, index);
            let state = Box::new(self.new_partition(replicas));
            growth.records.push(MetadataRecord::Partition { partition, state });
        }
        let (before, count) = (now.unsigned_abs(), asked.count.unsigned_abs());
        growth.events.push(Kind::PartitionsCreated { topic: topic.topic_id, before, count });
        Ok(())
    }

    /// Checks the replicas that the request gives to the partitions from `now` to below `count`.
    fn check_new(
        &self,
        placed: &[Vec<BrokerId>],
        now: i32,
        count: i32,
        factor: usize,
    ) -> Result<(), Refused> {
        let (given, needed) = (placed.len(), count - now);
        if i32::try_from(given) != Ok(needed) {
            let message =
                format!("{needed} partitions are to be added, replicas are given to {given}");
            return Err((ErrorCode::InvalidReplicaAssignment, message));
        }
        for (index, replicas) in (now..).zip(placed) {
            self.check_replicas(index, replicas, Some(factor))?;
        }
        Ok(())
    }
}
