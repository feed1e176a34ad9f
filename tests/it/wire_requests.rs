//! Bodies of requests of every kind, filled at random.

use bytes::Bytes;
use kafka_protocol::messages as k;

use kafsim::message::RequestBody;
use kafsim::types::ApiKey;

use crate::wire_messages::Draw;

impl Draw {
    /// The body of a request of kind `api`.
    pub(crate) fn request_body(&mut self, api: ApiKey) -> RequestBody {
        match api {
            ApiKey::Produce => self.produce_request().into(),
            ApiKey::Fetch => self.fetch_request().into(),
            ApiKey::ListOffsets => self.list_offsets_request().into(),
            ApiKey::Metadata => k::MetadataRequest::default()
                .with_topics(self.maybe(|draw| {
                    draw.list(|draw| {
                        k::metadata_request::MetadataRequestTopic::default()
                            .with_topic_id(draw.uuid())
                            .with_name(draw.maybe(Self::topic))
                    })
                }))
                .with_allow_auto_topic_creation(self.flag())
                .with_include_topic_authorized_operations(self.flag())
                .into(),
            ApiKey::CreateTopics => self.create_topics_request().into(),
            ApiKey::DeleteTopics => k::DeleteTopicsRequest::default()
                .with_topics(self.list(|draw| {
                    k::delete_topics_request::DeleteTopicState::default()
                        .with_name(draw.maybe(Self::topic))
                        .with_topic_id(draw.uuid())
                }))
                .with_timeout_ms(self.i32())
                .into(),
            ApiKey::CreatePartitions => k::CreatePartitionsRequest::default()
                .with_topics(self.list(|draw| {
                    let assignment = |draw: &mut Self| {
                        k::create_partitions_request::CreatePartitionsAssignment::default()
                            .with_broker_ids(draw.list(|draw| k::BrokerId(draw.i32())))
                    };
                    k::create_partitions_request::CreatePartitionsTopic::default()
                        .with_name(draw.topic())
                        .with_count(draw.i32())
                        .with_assignments(draw.maybe(|draw| draw.list(assignment)))
                }))
                .with_timeout_ms(self.i32())
                .with_validate_only(self.flag())
                .into(),
            ApiKey::InitProducerId => k::InitProducerIdRequest::default()
                .with_transactional_id(self.maybe(|draw| k::TransactionalId(draw.text())))
                .with_transaction_timeout_ms(self.i32())
                .with_producer_id(k::ProducerId(self.i64()))
                .with_producer_epoch(self.i16())
                .into(),
            ApiKey::OffsetForLeaderEpoch => self.epoch_end_request().into(),
            ApiKey::Vote => self.vote_request().into(),
            ApiKey::BeginQuorumEpoch => self.begin_request().into(),
            ApiKey::EndQuorumEpoch => self.end_request().into(),
            ApiKey::AlterPartition => self.alter_partition_request().into(),
            ApiKey::Envelope => {
                let api = self.plain_api();
                RequestBody::Envelope(Box::new(self.request(api)))
            }
            ApiKey::BrokerRegistration => self.registration_request().into(),
            ApiKey::BrokerHeartbeat => k::BrokerHeartbeatRequest::default()
                .with_broker_id(self.broker())
                .with_broker_epoch(self.i64())
                .with_current_metadata_offset(self.i64())
                .with_want_fence(self.flag())
                .with_want_shut_down(self.flag())
                .with_offline_log_dirs(self.list(Self::uuid))
                .into(),
            ApiKey::AllocateProducerIds => k::AllocateProducerIdsRequest::default()
                .with_broker_id(self.broker())
                .with_broker_epoch(self.i64())
                .into(),
            ApiKey::DeleteRecords => self.delete_records_request().into(),
            ApiKey::DescribeConfigs => self.describe_configs_request().into(),
            ApiKey::ElectLeaders => self.elect_leaders_request().into(),
            ApiKey::IncrementalAlterConfigs => self.alter_configs_request().into(),
            ApiKey::DescribeCluster => self.describe_cluster_request().into(),
            ApiKey::UnregisterBroker => self.unregister_broker_request().into(),
            ApiKey::OffsetCommit => self.offset_commit_request().into(),
            ApiKey::OffsetFetch => self.offset_fetch_request().into(),
            ApiKey::FindCoordinator => self.find_coordinator_request().into(),
            ApiKey::JoinGroup => self.join_group_request().into(),
            ApiKey::Heartbeat => self.heartbeat_request().into(),
            ApiKey::LeaveGroup => self.leave_group_request().into(),
            ApiKey::SyncGroup => self.sync_group_request().into(),
            ApiKey::DescribeGroups => self.describe_groups_request().into(),
            ApiKey::ListGroups => self.list_groups_request().into(),
            ApiKey::DeleteGroups => self.delete_groups_request().into(),
            ApiKey::OffsetDelete => self.offset_delete_request().into(),
            ApiKey::ConsumerGroupHeartbeat => self.consumer_group_heartbeat_request().into(),
            ApiKey::ConsumerGroupDescribe => self.consumer_group_describe_request().into(),
            ApiKey::DescribeTopicPartitions => {
                use k::describe_topic_partitions_request as q;
                k::DescribeTopicPartitionsRequest::default()
                    .with_topics(
                        self.list(|draw| q::TopicRequest::default().with_name(draw.topic())),
                    )
                    .with_response_partition_limit(self.i32())
                    .with_cursor(self.maybe(|draw| {
                        q::Cursor::default()
                            .with_topic_name(draw.topic())
                            .with_partition_index(draw.i32())
                    }))
                    .into()
            }
        }
    }

    fn produce_request(&mut self) -> k::ProduceRequest {
        use k::produce_request as q;
        k::ProduceRequest::default()
            .with_transactional_id(self.maybe(|draw| k::TransactionalId(draw.text())))
            .with_acks(self.i16())
            .with_timeout_ms(self.i32())
            .with_topic_data(self.list(|draw| {
                q::TopicProduceData::default().with_topic_id(draw.uuid()).with_partition_data(
                    draw.list(|draw| {
                        q::PartitionProduceData::default()
                            .with_index(draw.i32())
                            .with_records(draw.maybe(|_| Bytes::new()))
                    }),
                )
            }))
    }

    fn fetch_request(&mut self) -> k::FetchRequest {
        use k::fetch_request as q;
        let partition = |draw: &mut Self| {
            q::FetchPartition::default()
                .with_partition(draw.i32())
                .with_current_leader_epoch(draw.i32())
                .with_fetch_offset(draw.i64())
                .with_last_fetched_epoch(draw.i32())
                .with_log_start_offset(draw.i64())
                .with_partition_max_bytes(draw.i32())
                .with_replica_directory_id(draw.uuid())
                .with_high_watermark(draw.i64())
        };
        k::FetchRequest::default()
            .with_cluster_id(self.maybe(Self::text))
            .with_replica_state(
                q::ReplicaState::default()
                    .with_replica_id(self.broker())
                    .with_replica_epoch(self.i64()),
            )
            .with_max_wait_ms(self.i32())
            .with_min_bytes(self.i32())
            .with_max_bytes(self.i32())
            .with_isolation_level(self.i8())
            .with_session_id(self.i32())
            .with_session_epoch(self.i32())
            .with_topics(self.list(|draw| {
                q::FetchTopic::default()
                    .with_topic_id(draw.uuid())
                    .with_partitions(draw.list(partition))
            }))
            .with_forgotten_topics_data(self.list(|draw| {
                q::ForgottenTopic::default()
                    .with_topic_id(draw.uuid())
                    .with_partitions(draw.list(Self::i32))
            }))
            .with_rack_id(self.text())
    }

    fn list_offsets_request(&mut self) -> k::ListOffsetsRequest {
        use k::list_offsets_request as q;
        let partition = |draw: &mut Self| {
            q::ListOffsetsPartition::default()
                .with_partition_index(draw.i32())
                .with_current_leader_epoch(draw.i32())
                .with_timestamp(draw.i64())
        };
        k::ListOffsetsRequest::default()
            .with_replica_id(self.broker())
            .with_isolation_level(self.i8())
            .with_topics(self.list(|draw| {
                q::ListOffsetsTopic::default()
                    .with_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
            .with_timeout_ms(self.i32())
    }

    fn create_topics_request(&mut self) -> k::CreateTopicsRequest {
        use k::create_topics_request as q;
        let assignment = |draw: &mut Self| {
            q::CreatableReplicaAssignment::default()
                .with_partition_index(draw.i32())
                .with_broker_ids(draw.list(Self::broker))
        };
        let config = |draw: &mut Self| {
            q::CreatableTopicConfig::default()
                .with_name(draw.text())
                .with_value(draw.maybe(Self::text))
        };
        k::CreateTopicsRequest::default()
            .with_topics(self.list(|draw| {
                q::CreatableTopic::default()
                    .with_name(draw.topic())
                    .with_num_partitions(draw.i32())
                    .with_replication_factor(draw.i16())
                    .with_assignments(draw.list(assignment))
                    .with_configs(draw.list(config))
            }))
            .with_timeout_ms(self.i32())
            .with_validate_only(self.flag())
    }

    fn epoch_end_request(&mut self) -> k::OffsetForLeaderEpochRequest {
        use k::offset_for_leader_epoch_request as q;
        let partition = |draw: &mut Self| {
            q::OffsetForLeaderPartition::default()
                .with_partition(draw.i32())
                .with_current_leader_epoch(draw.i32())
                .with_leader_epoch(draw.i32())
        };
        k::OffsetForLeaderEpochRequest::default().with_replica_id(self.broker()).with_topics(
            self.list(|draw| {
                q::OffsetForLeaderTopic::default()
                    .with_topic(draw.topic())
                    .with_partitions(draw.list(partition))
            }),
        )
    }

    fn vote_request(&mut self) -> k::VoteRequest {
        use k::vote_request as q;
        let partition = |draw: &mut Self| {
            q::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_replica_epoch(draw.i32())
                .with_replica_id(draw.broker())
                .with_replica_directory_id(draw.uuid())
                .with_voter_directory_id(draw.uuid())
                .with_last_offset_epoch(draw.i32())
                .with_last_offset(draw.i64())
                .with_pre_vote(draw.flag())
        };
        k::VoteRequest::default()
            .with_cluster_id(self.maybe(Self::text))
            .with_voter_id(self.broker())
            .with_topics(self.list(|draw| {
                q::TopicData::default()
                    .with_topic_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
    }

    fn begin_request(&mut self) -> k::BeginQuorumEpochRequest {
        use k::begin_quorum_epoch_request as q;
        let partition = |draw: &mut Self| {
            q::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_voter_directory_id(draw.uuid())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
        };
        k::BeginQuorumEpochRequest::default()
            .with_cluster_id(self.maybe(Self::text))
            .with_voter_id(self.broker())
            .with_topics(self.list(|draw| {
                q::TopicData::default()
                    .with_topic_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
            .with_leader_endpoints(self.list(|draw| {
                q::LeaderEndpoint::default()
                    .with_name(draw.text())
                    .with_host(draw.text())
                    .with_port(draw.u16())
            }))
    }

    fn end_request(&mut self) -> k::EndQuorumEpochRequest {
        use k::end_quorum_epoch_request as q;
        let candidate = |draw: &mut Self| {
            q::ReplicaInfo::default()
                .with_candidate_id(draw.broker())
                .with_candidate_directory_id(draw.uuid())
        };
        let partition = |draw: &mut Self| {
            q::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_leader_id(draw.broker())
                .with_leader_epoch(draw.i32())
                .with_preferred_candidates(draw.list(candidate))
        };
        k::EndQuorumEpochRequest::default()
            .with_cluster_id(self.maybe(Self::text))
            .with_topics(self.list(|draw| {
                q::TopicData::default()
                    .with_topic_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
            .with_leader_endpoints(self.list(|draw| {
                q::LeaderEndpoint::default()
                    .with_name(draw.text())
                    .with_host(draw.text())
                    .with_port(draw.u16())
            }))
    }

    fn alter_partition_request(&mut self) -> k::AlterPartitionRequest {
        use k::alter_partition_request as q;
        let member = |draw: &mut Self| {
            q::BrokerState::default().with_broker_id(draw.broker()).with_broker_epoch(draw.i64())
        };
        let partition = |draw: &mut Self| {
            q::PartitionData::default()
                .with_partition_index(draw.i32())
                .with_leader_epoch(draw.i32())
                .with_new_isr_with_epochs(draw.list(member))
                .with_leader_recovery_state(draw.i8())
                .with_partition_epoch(draw.i32())
        };
        k::AlterPartitionRequest::default()
            .with_broker_id(self.broker())
            .with_broker_epoch(self.i64())
            .with_topics(self.list(|draw| {
                q::TopicData::default()
                    .with_topic_id(draw.uuid())
                    .with_partitions(draw.list(partition))
            }))
    }

    fn registration_request(&mut self) -> k::BrokerRegistrationRequest {
        use k::broker_registration_request as q;
        let listener = |draw: &mut Self| {
            q::Listener::default()
                .with_name(draw.text())
                .with_host(draw.text())
                .with_port(draw.u16())
                .with_security_protocol(draw.i16())
        };
        let feature = |draw: &mut Self| {
            q::Feature::default()
                .with_name(draw.text())
                .with_min_supported_version(draw.i16())
                .with_max_supported_version(draw.i16())
        };
        k::BrokerRegistrationRequest::default()
            .with_broker_id(self.broker())
            .with_cluster_id(self.text())
            .with_incarnation_id(self.uuid())
            .with_listeners(self.list(listener))
            .with_features(self.list(feature))
            .with_rack(self.maybe(Self::text))
            .with_is_migrating_zk_broker(self.flag())
            .with_log_dirs(self.list(Self::uuid))
            .with_previous_broker_epoch(self.i64())
    }
}
