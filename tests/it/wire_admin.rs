//! Bodies of the requests and responses of admin clients, filled at random.

use kafka_protocol::messages as k;

use crate::wire_messages::Draw;

impl Draw {
    pub(crate) fn delete_records_request(&mut self) -> k::DeleteRecordsRequest {
        use k::delete_records_request as q;
        let partition = |draw: &mut Self| {
            q::DeleteRecordsPartition::default()
                .with_partition_index(draw.i32())
                .with_offset(draw.i64())
        };
        k::DeleteRecordsRequest::default()
            .with_topics(self.list(|draw| {
                q::DeleteRecordsTopic::default()
                    .with_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }))
            .with_timeout_ms(self.i32())
    }

    pub(crate) fn delete_records_response(&mut self) -> k::DeleteRecordsResponse {
        use k::delete_records_response as a;
        let partition = |draw: &mut Self| {
            a::DeleteRecordsPartitionResult::default()
                .with_partition_index(draw.i32())
                .with_low_watermark(draw.i64())
                .with_error_code(draw.i16())
        };
        k::DeleteRecordsResponse::default().with_throttle_time_ms(self.i32()).with_topics(
            self.list(|draw| {
                a::DeleteRecordsTopicResult::default()
                    .with_name(draw.topic())
                    .with_partitions(draw.list(partition))
            }),
        )
    }

    pub(crate) fn describe_configs_request(&mut self) -> k::DescribeConfigsRequest {
        use k::describe_configs_request as q;
        k::DescribeConfigsRequest::default()
            .with_resources(self.list(|draw| {
                q::DescribeConfigsResource::default()
                    .with_resource_type(draw.i8())
                    .with_resource_name(draw.text())
                    .with_configuration_keys(draw.maybe(|draw| draw.list(Self::text)))
            }))
            .with_include_synonyms(self.flag())
            .with_include_documentation(self.flag())
    }

    pub(crate) fn describe_configs_response(&mut self) -> k::DescribeConfigsResponse {
        use k::describe_configs_response as a;
        let synonym = |draw: &mut Self| {
            a::DescribeConfigsSynonym::default()
                .with_name(draw.text())
                .with_value(draw.maybe(Self::text))
                .with_source(draw.i8())
        };
        let config = |draw: &mut Self| {
            a::DescribeConfigsResourceResult::default()
                .with_name(draw.text())
                .with_value(draw.maybe(Self::text))
                .with_read_only(draw.flag())
                .with_config_source(draw.i8())
                .with_is_sensitive(draw.flag())
                .with_synonyms(draw.list(synonym))
                .with_config_type(draw.i8())
                .with_documentation(draw.maybe(Self::text))
        };
        k::DescribeConfigsResponse::default().with_throttle_time_ms(self.i32()).with_results(
            self.list(|draw| {
                a::DescribeConfigsResult::default()
                    .with_error_code(draw.i16())
                    .with_error_message(draw.maybe(Self::text))
                    .with_resource_type(draw.i8())
                    .with_resource_name(draw.text())
                    .with_configs(draw.list(config))
            }),
        )
    }

    pub(crate) fn elect_leaders_request(&mut self) -> k::ElectLeadersRequest {
        use k::elect_leaders_request as q;
        k::ElectLeadersRequest::default()
            .with_election_type(self.i8())
            .with_topic_partitions(self.maybe(|draw| {
                draw.list(|draw| {
                    q::TopicPartitions::default()
                        .with_topic(draw.topic())
                        .with_partitions(draw.list(Self::i32))
                })
            }))
            .with_timeout_ms(self.i32())
    }

    pub(crate) fn elect_leaders_response(&mut self) -> k::ElectLeadersResponse {
        use k::elect_leaders_response as a;
        let partition = |draw: &mut Self| {
            a::PartitionResult::default()
                .with_partition_id(draw.i32())
                .with_error_code(draw.i16())
                .with_error_message(draw.maybe(Self::text))
        };
        k::ElectLeadersResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_replica_election_results(self.list(|draw| {
                a::ReplicaElectionResult::default()
                    .with_topic(draw.topic())
                    .with_partition_result(draw.list(partition))
            }))
    }

    pub(crate) fn alter_configs_request(&mut self) -> k::IncrementalAlterConfigsRequest {
        use k::incremental_alter_configs_request as q;
        let config = |draw: &mut Self| {
            q::AlterableConfig::default()
                .with_name(draw.text())
                .with_config_operation(draw.i8())
                .with_value(draw.maybe(Self::text))
        };
        k::IncrementalAlterConfigsRequest::default()
            .with_resources(self.list(|draw| {
                q::AlterConfigsResource::default()
                    .with_resource_type(draw.i8())
                    .with_resource_name(draw.text())
                    .with_configs(draw.list(config))
            }))
            .with_validate_only(self.flag())
    }

    pub(crate) fn alter_configs_response(&mut self) -> k::IncrementalAlterConfigsResponse {
        use k::incremental_alter_configs_response as a;
        k::IncrementalAlterConfigsResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_responses(self.list(|draw| {
                a::AlterConfigsResourceResponse::default()
                    .with_error_code(draw.i16())
                    .with_error_message(draw.maybe(Self::text))
                    .with_resource_type(draw.i8())
                    .with_resource_name(draw.text())
            }))
    }

    pub(crate) fn describe_cluster_request(&mut self) -> k::DescribeClusterRequest {
        k::DescribeClusterRequest::default()
            .with_include_cluster_authorized_operations(self.flag())
            .with_endpoint_type(self.i8())
            .with_include_fenced_brokers(self.flag())
    }

    pub(crate) fn describe_cluster_response(&mut self) -> k::DescribeClusterResponse {
        use k::describe_cluster_response as a;
        k::DescribeClusterResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_error_message(self.maybe(Self::text))
            .with_endpoint_type(self.i8())
            .with_cluster_id(self.text())
            .with_controller_id(self.broker())
            .with_brokers(self.list(|draw| {
                a::DescribeClusterBroker::default()
                    .with_broker_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.i32())
                    .with_rack(draw.maybe(Self::text))
                    .with_is_fenced(draw.flag())
            }))
            .with_cluster_authorized_operations(self.i32())
    }

    pub(crate) fn unregister_broker_request(&mut self) -> k::UnregisterBrokerRequest {
        k::UnregisterBrokerRequest::default().with_broker_id(self.broker())
    }

    pub(crate) fn unregister_broker_response(&mut self) -> k::UnregisterBrokerResponse {
        k::UnregisterBrokerResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_error_message(self.maybe(Self::text))
    }
}
