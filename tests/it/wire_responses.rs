//! Bodies of responses of every kind, filled at random.

use bytes::Bytes;
use kafka_protocol::messages as k;
use uuid::Uuid;

use kafsim::message::ResponseBody;
use kafsim::types::{ApiKey, TopicPartition};

use crate::wire_messages::Draw;

impl Draw {
    /// The body of a response of kind `api`.
    pub(crate) fn response_body(&mut self, api: ApiKey) -> ResponseBody {
        match api {
            ApiKey::Produce => self.produce_response().into(),
            ApiKey::Fetch => self.fetch_response().into(),
            ApiKey::ListOffsets => self.list_offsets_response().into(),
            ApiKey::Metadata => self.metadata_response().into(),
            ApiKey::CreateTopics => self.create_topics_response().into(),
            ApiKey::DeleteTopics => k::DeleteTopicsResponse::default()
                .with_throttle_time_ms(self.i32())
                .with_responses(self.list(|draw| {
                    k::delete_topics_response::DeletableTopicResult::default()
                        .with_name(draw.maybe(Self::topic))
                        .with_topic_id(draw.uuid())
                        .with_error_code(draw.i16())
                        .with_error_message(draw.maybe(Self::text))
                }))
                .into(),
            ApiKey::CreatePartitions => k::CreatePartitionsResponse::default()
                .with_throttle_time_ms(self.i32())
                .with_results(self.list(|draw| {
                    k::create_partitions_response::CreatePartitionsTopicResult::default()
                        .with_name(draw.topic())
                        .with_error_code(draw.i16())
                        .with_error_message(draw.maybe(Self::text))
                }))
                .into(),
            ApiKey::InitProducerId => k::InitProducerIdResponse::default()
                .with_throttle_time_ms(self.i32())
                .with_error_code(self.i16())
                .with_producer_id(k::ProducerId(self.i64()))
                .with_producer_epoch(self.i16())
                .into(),
            ApiKey::OffsetForLeaderEpoch => self.epoch_end_response().into(),
            ApiKey::Vote => self.vote_response().into(),
            ApiKey::BeginQuorumEpoch => self.begin_response().into(),
            ApiKey::EndQuorumEpoch => self.end_response().into(),
            ApiKey::AlterPartition => self.alter_partition_response().into(),
            ApiKey::Envelope => {
                let api = self.plain_api();
                ResponseBody::Envelope(match self.maybe(|draw| draw.response(api)) {
                    Some(response) => Ok(Box::new(response)),
                    None => Err(self.error()),
                })
            }
            ApiKey::BrokerRegistration => k::BrokerRegistrationResponse::default()
                .with_throttle_time_ms(self.i32())
                .with_error_code(self.i16())
                .with_broker_epoch(self.i64())
                .into(),
            ApiKey::BrokerHeartbeat => k::BrokerHeartbeatResponse::default()
                .with_throttle_time_ms(self.i32())
                .with_error_code(self.i16())
                .with_is_caught_up(self.flag())
                .with_is_fenced(self.flag())
                .with_should_shut_down(self.flag())
                .into(),
            ApiKey::AllocateProducerIds => k::AllocateProducerIdsResponse::default()
                .with_throttle_time_ms(self.i32())
                .with_error_code(self.i16())
                .with_producer_id_start(k::ProducerId(self.i64()))
                .with_producer_id_len(self.i32())
                .into(),
            ApiKey::DeleteRecords => self.delete_records_response().into(),
            ApiKey::DescribeConfigs => self.describe_configs_response().into(),
            ApiKey::ElectLeaders => self.elect_leaders_response().into(),
            ApiKey::IncrementalAlterConfigs => self.alter_configs_response().into(),
            ApiKey::DescribeCluster => self.describe_cluster_response().into(),
            ApiKey::UnregisterBroker => self.unregister_broker_response().into(),
            ApiKey::OffsetCommit => self.offset_commit_response().into(),
            ApiKey::OffsetFetch => self.offset_fetch_response().into(),
            ApiKey::FindCoordinator => self.find_coordinator_response().into(),
            ApiKey::JoinGroup => self.join_group_response().into(),
            ApiKey::Heartbeat => self.heartbeat_response().into(),
            ApiKey::LeaveGroup => self.leave_group_response().into(),
            ApiKey::SyncGroup => self.sync_group_response().into(),
            ApiKey::DescribeGroups => self.describe_groups_response().into(),
            ApiKey::ListGroups => self.list_groups_response().into(),
            ApiKey::DeleteGroups => self.delete_groups_response().into(),
            ApiKey::OffsetDelete => self.offset_delete_response().into(),
            ApiKey::ConsumerGroupHeartbeat => self.consumer_group_heartbeat_response().into(),
            ApiKey::ConsumerGroupDescribe => self.consumer_group_describe_response().into(),
            ApiKey::DescribeTopicPartitions => self.describe_response().into(),
        }
    }

    fn produce_response(&mut self) -> k::ProduceResponse {
        use k::produce_response as a;
        let record_error = |draw: &mut Self| {
            a::BatchIndexAndErrorMessage::default()
                .with_batch_index(draw.i32())
                .with_batch_index_error_message(draw.maybe(Self::text))
        };
        let partition = |draw: &mut Self| {
            a::PartitionProduceResponse::default()
                .with_index(draw.i32())
                .with_error_code(draw.i16())
                .with_base_offset(draw.i64())
                .with_log_append_time_ms(draw.i64())
                .with_log_start_offset(draw.i64())
                .with_record_errors(draw.list(record_error))
                .with_error_message(draw.maybe(Self::text))
                .with_current_leader(
                    a::LeaderIdAndEpoch::default()
                        .with_leader_id(draw.broker())
                        .with_leader_epoch(draw.i32()),
                )
        };
        k::ProduceResponse::default()
            .with_responses(self.list(|draw| {
                a::TopicProduceResponse::default()
                    .with_topic_id(draw.uuid())
                    .with_partition_responses(draw.list(partition))
            }))
            .with_throttle_time_ms(self.i32())
            .with_node_endpoints(self.list(|draw| {
                a::NodeEndpoint::default()
                    .with_node_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.i32())
                    .with_rack(draw.maybe(Self::text))
            }))
    }

    fn fetch_response(&mut self) -> k::FetchResponse {
        use k::fetch_response as a;
        let aborted = |draw: &mut Self| {
            a::AbortedTransaction::default()
                .with_producer_id(k::ProducerId(draw.i64()))
                .with_first_offset(draw.i64())
        };
        let partition = |draw: &mut Self| {
            a::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_error_code(draw.i16())
                .with_high_watermark(draw.i64())
                .with_last_stable_offset(draw.i64())
                .with_log_start_offset(draw.i64())
                .with_diverging_epoch(
                    a::EpochEndOffset::default().with_epoch(draw.i32()).with_end_offset(draw.i64()),
                )
                .with_current_leader(
                    a::LeaderIdAndEpoch::default()
                        .with_leader_id(draw.broker())
                        .with_leader_epoch(draw.i32()),
                )
                .with_snapshot_id(
                    a::SnapshotId::default().with_end_offset(draw.i64()).with_epoch(draw.i32()),
                )
                .with_aborted_transactions(draw.maybe(|draw| draw.list(aborted)))
                .with_preferred_read_replica(draw.broker())
                .with_records(draw.maybe(|_| Bytes::new()))
        };
        k::FetchResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_session_id(self.i32())
            .with_responses(self.list(|draw| {
                let quorum = TopicPartition::CLUSTER_METADATA.topic_id;
                let is_quorum = draw.flag();
                let id = if is_quorum { Uuid::from_u128(quorum.0) } else { draw.uuid() };
                a::FetchableTopicResponse::default()
                    .with_topic_id(id)
                    .with_partitions(draw.list(partition))
            }))
            .with_node_endpoints(self.list(|draw| {
                a::NodeEndpoint::default()
                    .with_node_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.i32())
                    .with_rack(draw.maybe(Self::text))
            }))
    }

    fn list_offsets_response(&mut self) -> k::ListOffsetsResponse {
        use k::list_offsets_response as a;
        let partition = |draw: &mut Self| {
            a::ListOffsetsPartitionResponse::default()
                .with_partition_index(draw.i32())
                .with_error_code(draw.i16())
                .with_timestamp(draw.i64())
                .with_offset(draw.i64())
                .with_leader_epoch(draw.i32())
        };
        k::ListOffsetsResponse::default().with_throttle_time_ms(self.i32()).with_topics(self.list(
            |draw| {
                a::ListOffsetsTopicResponse::default()
                    .with_name(draw.topic())
                    .with_partitions(draw.list(partition))
            },
        ))
    }

    fn metadata_response(&mut self) -> k::MetadataResponse {
        use k::metadata_response as a;
        let partition = |draw: &mut Self| {
            a::MetadataResponsePartition::default()
                .with_error_code(draw.i16())
                .with_partition_index(draw.i32())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
                .with_replica_nodes(draw.list(Self::broker))
                .with_isr_nodes(draw.list(Self::broker))
                .with_offline_replicas(draw.list(Self::broker))
        };
        k::MetadataResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_brokers(self.list(|draw| {
                a::MetadataResponseBroker::default()
                    .with_node_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.i32())
                    .with_rack(draw.maybe(Self::text))
            }))
            .with_cluster_id(self.maybe(Self::text))
            .with_controller_id(self.broker())
            .with_topics(self.list(|draw| {
                a::MetadataResponseTopic::default()
                    .with_error_code(draw.i16())
                    .with_name(draw.maybe(Self::topic))
                    .with_topic_id(draw.uuid())
                    .with_is_internal(draw.flag())
                    .with_partitions(draw.list(partition))
                    .with_topic_authorized_operations(draw.i32())
            }))
            .with_error_code(self.i16())
    }

    fn create_topics_response(&mut self) -> k::CreateTopicsResponse {
        use k::create_topics_response as a;
        let config = |draw: &mut Self| {
            a::CreatableTopicConfigs::default()
                .with_name(draw.text())
                .with_value(draw.maybe(Self::text))
                .with_read_only(draw.flag())
                .with_config_source(draw.i8())
                .with_is_sensitive(draw.flag())
        };
        k::CreateTopicsResponse::default().with_throttle_time_ms(self.i32()).with_topics(self.list(
            |draw| {
                a::CreatableTopicResult::default()
                    .with_name(draw.topic())
                    .with_topic_id(draw.uuid())
                    .with_error_code(draw.i16())
                    .with_error_message(draw.maybe(Self::text))
                    .with_topic_config_error_code(draw.i16())
                    .with_num_partitions(draw.i32())
                    .with_replication_factor(draw.i16())
                    .with_configs(draw.maybe(|draw| draw.list(config)))
            },
        ))
    }

    fn epoch_end_response(&mut self) -> k::OffsetForLeaderEpochResponse {
        use k::offset_for_leader_epoch_response as a;
        let partition = |draw: &mut Self| {
            a::EpochEndOffset::default()
                .with_error_code(draw.i16())
                .with_partition(draw.i32())
                .with_leader_epoch(draw.i32())
                .with_end_offset(draw.i64())
        };
        k::OffsetForLeaderEpochResponse::default().with_throttle_time_ms(self.i32()).with_topics(
            self.list(|draw| {
                a::OffsetForLeaderTopicResult::default()
                    .with_topic(draw.topic())
                    .with_partitions(draw.list(partition))
            }),
        )
    }

    fn vote_response(&mut self) -> k::VoteResponse {
        use k::vote_response as a;
        let partition = |draw: &mut Self| {
            a::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_error_code(draw.i16())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
                .with_vote_granted(draw.flag())
        };
        k::VoteResponse::default()
            .with_error_code(self.i16())
            .with_topics(self.list(|draw| {
                a::TopicData::default()
                    .with_topic_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
            .with_node_endpoints(self.list(|draw| {
                a::NodeEndpoint::default()
                    .with_node_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.u16())
            }))
    }

    fn begin_response(&mut self) -> k::BeginQuorumEpochResponse {
        use k::begin_quorum_epoch_response as a;
        let partition = |draw: &mut Self| {
            a::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_error_code(draw.i16())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
        };
        k::BeginQuorumEpochResponse::default()
            .with_error_code(self.i16())
            .with_topics(self.list(|draw| {
                a::TopicData::default()
                    .with_topic_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
            .with_node_endpoints(self.list(|draw| {
                a::NodeEndpoint::default()
                    .with_node_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.u16())
            }))
    }

    fn end_response(&mut self) -> k::EndQuorumEpochResponse {
        use k::end_quorum_epoch_response as a;
        let partition = |draw: &mut Self| {
            a::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_error_code(draw.i16())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
        };
        k::EndQuorumEpochResponse::default()
            .with_error_code(self.i16())
            .with_topics(self.list(|draw| {
                a::TopicData::default()
                    .with_topic_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
            .with_node_endpoints(self.list(|draw| {
                a::NodeEndpoint::default()
                    .with_node_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.u16())
            }))
    }

    fn alter_partition_response(&mut self) -> k::AlterPartitionResponse {
        use k::alter_partition_response as a;
        let partition = |draw: &mut Self| {
            a::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_error_code(draw.i16())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
                .with_isr(draw.list(Self::broker))
                .with_leader_recovery_state(draw.i8())
                .with_partition_epoch(draw.i32())
        };
        k::AlterPartitionResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_topics(self.list(|draw| {
                a::TopicData::default()
                    .with_topic_id(draw.uuid())
                    .with_partitions(draw.list(partition))
            }))
    }

    fn describe_response(&mut self) -> k::DescribeTopicPartitionsResponse {
        use k::describe_topic_partitions_response as a;
        let brokers = |draw: &mut Self| draw.list(Self::broker);
        let partition = |draw: &mut Self| {
            a::DescribeTopicPartitionsResponsePartition::default()
                .with_error_code(draw.i16())
                .with_partition_index(draw.i32())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
                .with_replica_nodes(brokers(draw))
                .with_isr_nodes(brokers(draw))
                .with_eligible_leader_replicas(draw.maybe(brokers))
                .with_last_known_elr(draw.maybe(brokers))
                .with_offline_replicas(brokers(draw))
        };
        k::DescribeTopicPartitionsResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_topics(self.list(|draw| {
                a::DescribeTopicPartitionsResponseTopic::default()
                    .with_error_code(draw.i16())
                    .with_name(draw.maybe(Self::topic))
                    .with_topic_id(draw.uuid())
                    .with_is_internal(draw.flag())
                    .with_partitions(draw.list(partition))
                    .with_topic_authorized_operations(draw.i32())
            }))
            .with_next_cursor(self.maybe(|draw| {
                a::Cursor::default().with_topic_name(draw.topic()).with_partition_index(draw.i32())
            }))
    }
}
