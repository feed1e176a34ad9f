//! DeleteRecords: asked of each partition's leader, and again of the next one after it moved.

use std::collections::BTreeMap;

use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{DeleteRecordsRequest, MetadataRequest};

use crate::message::{RequestBody, ResponseBody, convert};
use crate::types::{BrokerId, ErrorCode, Name, Offset};

/// A partition: its topic and number.
pub(crate) type Place = (Name, i32);

/// Partitions of one call whose first records are to be deleted.
///
/// Source: Kafka 4.1, `DeleteRecordsHandler`, `PartitionLeaderStrategy`.
// Differs from Kafka: what is left of a call has one back-off, not one for each partition.
#[derive(Clone, Debug)]
pub(crate) struct Deletions {
    /// What is still to be done, and up to which offset; `None` for the high watermark.
    pub open: BTreeMap<Place, Option<Offset>>,
    /// What is settled: where the partition begins now, or why nothing was done.
    pub settled: BTreeMap<Place, Result<Offset, ErrorCode>>,
    /// Requests whose answers are awaited, with their partitions; none while leaders are looked up.
    pub awaited: BTreeMap<u64, Vec<Place>>,
    /// The last error that may go away.
    pub last_error: ErrorCode,
}

impl Deletions {
    pub(crate) fn new(partitions: &[(Name, i32, Option<Offset>)]) -> Self {
        let place = |(name, number, before): &(Name, i32, Option<Offset>)| {
            ((name.clone(), *number), *before)
        };
        Self {
            open: partitions.iter().map(place).collect(),
            settled: BTreeMap::new(),
            awaited: BTreeMap::new(),
            last_error: ErrorCode::None,
        }
    }

    /// Who leads what is still to be done?
    pub(crate) fn lookup(&self) -> RequestBody {
        let mut names: Vec<&Name> = self.open.keys().map(|(name, _)| name).collect();
        names.dedup();
        let topic = |name: &&Name| {
            MetadataRequestTopic::default().with_name(Some(convert::topic_name(name)))
        };
        let topics = names.iter().map(topic).collect();
        let body = MetadataRequest::default().with_topics(Some(topics));
        RequestBody::from(body.with_allow_auto_topic_creation(false))
    }

    /// Takes the leaders out of an answer; partitions without one are asked for again.
    pub(crate) fn leaders(&mut self, body: &ResponseBody) -> BTreeMap<BrokerId, Vec<Place>> {
        let mut leaders: BTreeMap<BrokerId, Vec<Place>> = BTreeMap::new();
        let ResponseBody::Metadata(body) = body else { return leaders };
        for topic in &body.topics {
            let Some(name) = topic.name.as_ref().map(|name| Name::from(name.0.as_str())) else {
                continue;
            };
            let error = ErrorCode::from_code(topic.error_code);
            if error != ErrorCode::None {
                self.last_error = error;
                if !error.is_retriable() {
                    self.open.keys().filter(|place| place.0 == name).cloned().for_each(|place| {
                        self.settled.insert(place, Err(error));
                    });
                    self.open.retain(|place, _| place.0 != name);
                }
                continue;
            }
            for partition in &topic.partitions {
                let place = (name.clone(), partition.partition_index);
                let leader = convert::broker_from_wire(partition.leader_id);
                match leader.filter(|_| self.open.contains_key(&place)) {
                    Some(leader) => leaders.entry(leader).or_default().push(place),
                    None => self.last_error = ErrorCode::LeaderNotAvailable,
                }
            }
        }
        leaders
    }

    /// The request for `places`, which one broker leads.
    pub(crate) fn request(&self, places: &[Place], timeout: i32) -> RequestBody {
        let mut topics: Vec<DeleteRecordsTopic> = Vec::new();
        for (name, number) in places {
            let before = self.open.get(&(name.clone(), *number)).copied().flatten();
            let partition = DeleteRecordsPartition::default()
                .with_partition_index(*number)
                .with_offset(before.map_or(-1, |before| before.0));
            let name = convert::topic_name(name);
            match topics.last_mut() {
                Some(topic) if topic.name == name => topic.partitions.push(partition),
                Some(_) | None => topics.push(
                    DeleteRecordsTopic::default().with_name(name).with_partitions(vec![partition]),
                ),
            }
        }
        let body = DeleteRecordsRequest::default().with_topics(topics).with_timeout_ms(timeout);
        RequestBody::from(body)
    }

    /// What a leader answered. A partition that it leaves out, or no longer leads, stays open.
    pub(crate) fn told(&mut self, body: &ResponseBody) {
        let ResponseBody::DeleteRecords(body) = body else { return };
        for topic in &body.topics {
            for told in &topic.partitions {
                let place = (Name::from(topic.name.0.as_str()), told.partition_index);
                let error = ErrorCode::from_code(told.error_code);
                if error.is_retriable() {
                    self.last_error = error;
                    continue;
                }
                let result = if error == ErrorCode::None {
                    Ok(Offset(told.low_watermark))
                } else {
                    Err(error)
                };
                if self.open.remove(&place).is_some() {
                    self.settled.insert(place, result);
                }
            }
        }
    }

    /// What became of each partition, in order; what is still open failed with `error`.
    pub(crate) fn outcome(&self, error: ErrorCode) -> Vec<(Name, i32, Result<Offset, ErrorCode>)> {
        let settled = self.settled.iter().map(|(place, result)| (place.clone(), *result));
        let open = self.open.keys().map(|place| (place.clone(), Err(error)));
        let all: BTreeMap<Place, _> = settled.chain(open).collect();
        all.into_iter().map(|((name, number), result)| (name, number, result)).collect()
    }
}
