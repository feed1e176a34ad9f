//! Elections that an administrator asks for.

use kafka_protocol::messages as k;
use kafka_protocol::messages::elect_leaders_response as say;

use crate::event::Kind;
use crate::message::MetadataRecord;
use crate::message::convert::topic_name;
use crate::protocol::controller::election::{Election, record};
use crate::protocol::controller::state::{Active, Decision};
use crate::types::{ErrorCode, TopicPartition};

/// `ElectionType.PREFERRED`.
const PREFERRED: i8 = 0;
/// `ElectionType.UNCLEAN`.
const UNCLEAN: i8 = 1;

impl Active {
    /// Elects preferred leaders, or leaders for partitions that have none and will get none
    /// cleanly. Partitions are decided one by one; each has an error of its own.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST`: the kind of election is not known.
    ///
    /// # Source
    ///
    /// Kafka, `ReplicationControlManager.electLeaders`, `QuorumController.electLeaders`; KIP-460.
    pub(crate) fn elect_leaders(
        &self,
        request: &k::ElectLeadersRequest,
    ) -> Result<Decision, ErrorCode> {
        let unclean = match request.election_type {
            PREFERRED => false,
            UNCLEAN => true,
            _ => return Err(ErrorCode::InvalidRequest),
        };
        let mut decision = Decision::default();
        let mut body = k::ElectLeadersResponse::default();
        match &request.topic_partitions {
            Some(topics) => {
                for topic in topics {
                    let known = self.image.topic_by_name(&topic.topic).map(|topic| topic.topic_id);
                    let mut results = say::ReplicaElectionResult::default();
                    results.topic = topic.topic.clone();
                    for index in &topic.partitions {
                        let partition = known.map(|id| TopicPartition::new(id, *index));
                        let error = self.elect_one(partition, unclean, &mut decision);
                        results.partition_result.push(result(*index, error));
                    }
                    body.replica_election_results.push(results);
                }
            }
            // All of them; those that need none are left out.
            None => {
                for topic in self.image.topics() {
                    let mut results = say::ReplicaElectionResult::default();
                    results.topic = topic_name(&topic.name);
                    for (partition, _) in self.image.partitions_of(topic.topic_id) {
                        let error = self.elect_one(Some(partition), unclean, &mut decision);
                        if error != ErrorCode::ElectionNotNeeded {
                            results.partition_result.push(result(partition.partition.0, error));
                        }
                    }
                    body.replica_election_results.push(results);
                }
                decision.events.retain(|event| {
                    let error = ErrorCode::ElectionNotNeeded;
                    !matches!(event, Kind::ElectionAsked { error: told, .. } if *told == error)
                });
            }
        }
        decision.body = Some(body.into());
        Ok(decision)
    }

    fn elect_one(
        &self,
        partition: Option<TopicPartition>,
        unclean: bool,
        decision: &mut Decision,
    ) -> ErrorCode {
        let state = partition.and_then(|partition| self.image.partition(partition));
        let (Some(partition), Some(state)) = (partition, state) else {
            return ErrorCode::UnknownTopicOrPartition;
        };
        let is_led_as_asked = if unclean {
            state.leader.is_some()
        } else {
            state.leader == state.replicas.first().copied()
        };
        let result = if is_led_as_asked {
            Err(ErrorCode::ElectionNotNeeded)
        } else {
            let election = if unclean { Election::Unclean } else { Election::Preferred };
            self.elect(partition, election).ok_or(if unclean {
                ErrorCode::EligibleLeadersNotAvailable
            } else {
                ErrorCode::PreferredLeaderNotAvailable
            })
        };
        let error = result.as_ref().err().copied().unwrap_or(ErrorCode::None);
        decision.events.push(Kind::ElectionAsked { partition, unclean, error });
        decision.records.extend(result.ok());
        error
    }

    /// The record of an election in `partition`; `None` when it would change nothing.
    pub(crate) fn elect(
        &self,
        partition: TopicPartition,
        election: Election,
    ) -> Option<MetadataRecord> {
        let is_acceptable = |replica| self.image.is_active(replica);
        let state = self.image.partition(partition)?;
        let mut builder = self.builder(partition, state, &is_acceptable);
        builder.election = election;
        Some(record(partition, state, builder.build()?, self.config.defects))
    }
}

fn result(partition: i32, error: ErrorCode) -> say::PartitionResult {
    let mut result = say::PartitionResult::default();
    result.partition_id = partition;
    (result.error_code, result.error_message) = (error.code(), None);
    result
}
