//! Bodies of the requests and responses about groups and their offsets, filled at random.

use kafka_protocol::messages as k;

use crate::wire_messages::Draw;

impl Draw {
    pub(crate) fn offset_commit_request(&mut self) -> k::OffsetCommitRequest {
        use k::offset_commit_request as q;
        k::OffsetCommitRequest::default()
            .with_group_id(self.group())
            .with_generation_id_or_member_epoch(self.i32())
            .with_member_id(self.text())
            .with_group_instance_id(self.maybe(Self::text))
            .with_topics(self.list(|draw: &mut Self| {
                q::OffsetCommitRequestTopic::default().with_name(draw.topic()).with_partitions(
                    draw.list(|draw: &mut Self| {
                        q::OffsetCommitRequestPartition::default()
                            .with_partition_index(draw.i32())
                            .with_committed_offset(draw.i64())
                            .with_committed_leader_epoch(draw.i32())
                            .with_committed_metadata(draw.maybe(Self::text))
                    }),
                )
            }))
    }

    pub(crate) fn offset_commit_response(&mut self) -> k::OffsetCommitResponse {
        use k::offset_commit_response as a;
        k::OffsetCommitResponse::default().with_throttle_time_ms(self.i32()).with_topics(self.list(
            |draw: &mut Self| {
                a::OffsetCommitResponseTopic::default().with_name(draw.topic()).with_partitions(
                    draw.list(|draw: &mut Self| {
                        a::OffsetCommitResponsePartition::default()
                            .with_partition_index(draw.i32())
                            .with_error_code(draw.i16())
                    }),
                )
            },
        ))
    }

    pub(crate) fn offset_fetch_request(&mut self) -> k::OffsetFetchRequest {
        use k::offset_fetch_request as q;
        k::OffsetFetchRequest::default()
            .with_groups(self.list(|draw: &mut Self| {
                q::OffsetFetchRequestGroup::default()
                    .with_group_id(draw.group())
                    .with_member_id(draw.maybe(Self::text))
                    .with_member_epoch(draw.i32())
                    .with_topics(draw.maybe(|draw: &mut Self| {
                        draw.list(|draw: &mut Self| {
                            q::OffsetFetchRequestTopics::default()
                                .with_name(draw.topic())
                                .with_partition_indexes(draw.list(Self::i32))
                        })
                    }))
            }))
            .with_require_stable(self.flag())
    }

    pub(crate) fn offset_fetch_response(&mut self) -> k::OffsetFetchResponse {
        use k::offset_fetch_response as a;
        k::OffsetFetchResponse::default().with_throttle_time_ms(self.i32()).with_groups(self.list(
            |draw: &mut Self| {
                a::OffsetFetchResponseGroup::default()
                    .with_group_id(draw.group())
                    .with_topics(draw.list(|draw: &mut Self| {
                        a::OffsetFetchResponseTopics::default()
                            .with_name(draw.topic())
                            .with_partitions(draw.list(|draw: &mut Self| {
                                a::OffsetFetchResponsePartitions::default()
                                    .with_partition_index(draw.i32())
                                    .with_committed_offset(draw.i64())
                                    .with_committed_leader_epoch(draw.i32())
                                    .with_metadata(draw.maybe(Self::text))
                                    .with_error_code(draw.i16())
                            }))
                    }))
                    .with_error_code(draw.i16())
            },
        ))
    }

    pub(crate) fn describe_groups_request(&mut self) -> k::DescribeGroupsRequest {
        k::DescribeGroupsRequest::default()
            .with_groups(self.list(Self::group))
            .with_include_authorized_operations(self.flag())
    }

    pub(crate) fn describe_groups_response(&mut self) -> k::DescribeGroupsResponse {
        use k::describe_groups_response as a;
        k::DescribeGroupsResponse::default().with_throttle_time_ms(self.i32()).with_groups(
            self.list(|draw: &mut Self| {
                a::DescribedGroup::default()
                    .with_error_code(draw.i16())
                    .with_error_message(draw.maybe(Self::text))
                    .with_group_id(draw.group())
                    .with_group_state(draw.text())
                    .with_protocol_type(draw.text())
                    .with_protocol_data(draw.text())
                    .with_members(draw.list(|draw: &mut Self| {
                        a::DescribedGroupMember::default()
                            .with_member_id(draw.text())
                            .with_group_instance_id(draw.maybe(Self::text))
                            .with_client_id(draw.text())
                            .with_client_host(draw.text())
                            .with_member_metadata(draw.bytes())
                            .with_member_assignment(draw.bytes())
                    }))
                    .with_authorized_operations(draw.i32())
            }),
        )
    }

    pub(crate) fn list_groups_request(&mut self) -> k::ListGroupsRequest {
        k::ListGroupsRequest::default()
            .with_states_filter(self.list(Self::text))
            .with_types_filter(self.list(Self::text))
    }

    pub(crate) fn list_groups_response(&mut self) -> k::ListGroupsResponse {
        use k::list_groups_response as a;
        k::ListGroupsResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_groups(self.list(|draw: &mut Self| {
                a::ListedGroup::default()
                    .with_group_id(draw.group())
                    .with_protocol_type(draw.text())
                    .with_group_state(draw.text())
                    .with_group_type(draw.text())
            }))
    }

    pub(crate) fn delete_groups_request(&mut self) -> k::DeleteGroupsRequest {
        k::DeleteGroupsRequest::default().with_groups_names(self.list(Self::group))
    }

    pub(crate) fn delete_groups_response(&mut self) -> k::DeleteGroupsResponse {
        use k::delete_groups_response as a;
        k::DeleteGroupsResponse::default().with_throttle_time_ms(self.i32()).with_results(
            self.list(|draw: &mut Self| {
                a::DeletableGroupResult::default()
                    .with_group_id(draw.group())
                    .with_error_code(draw.i16())
            }),
        )
    }

    pub(crate) fn offset_delete_request(&mut self) -> k::OffsetDeleteRequest {
        use k::offset_delete_request as q;
        k::OffsetDeleteRequest::default().with_group_id(self.group()).with_topics(self.list(
            |draw: &mut Self| {
                q::OffsetDeleteRequestTopic::default().with_name(draw.topic()).with_partitions(
                    draw.list(|draw: &mut Self| {
                        q::OffsetDeleteRequestPartition::default().with_partition_index(draw.i32())
                    }),
                )
            },
        ))
    }

    pub(crate) fn offset_delete_response(&mut self) -> k::OffsetDeleteResponse {
        use k::offset_delete_response as a;
        k::OffsetDeleteResponse::default()
            .with_error_code(self.i16())
            .with_throttle_time_ms(self.i32())
            .with_topics(self.list(|draw: &mut Self| {
                a::OffsetDeleteResponseTopic::default().with_name(draw.topic()).with_partitions(
                    draw.list(|draw: &mut Self| {
                        a::OffsetDeleteResponsePartition::default()
                            .with_partition_index(draw.i32())
                            .with_error_code(draw.i16())
                    }),
                )
            }))
    }

    pub(crate) fn consumer_group_describe_request(&mut self) -> k::ConsumerGroupDescribeRequest {
        k::ConsumerGroupDescribeRequest::default()
            .with_group_ids(self.list(Self::group))
            .with_include_authorized_operations(self.flag())
    }

    pub(crate) fn consumer_group_describe_response(&mut self) -> k::ConsumerGroupDescribeResponse {
        use k::consumer_group_describe_response as a;
        k::ConsumerGroupDescribeResponse::default().with_throttle_time_ms(self.i32()).with_groups(
            self.list(|draw: &mut Self| {
                a::DescribedGroup::default()
                    .with_error_code(draw.i16())
                    .with_error_message(draw.maybe(Self::text))
                    .with_group_id(draw.group())
                    .with_group_state(draw.text())
                    .with_group_epoch(draw.i32())
                    .with_assignment_epoch(draw.i32())
                    .with_assignor_name(draw.text())
                    .with_members(draw.list(|draw: &mut Self| {
                        a::Member::default()
                            .with_member_id(draw.text())
                            .with_instance_id(draw.maybe(Self::text))
                            .with_rack_id(draw.maybe(Self::text))
                            .with_member_epoch(draw.i32())
                            .with_client_id(draw.text())
                            .with_client_host(draw.text())
                            .with_subscribed_topic_names(draw.list(Self::topic))
                            .with_subscribed_topic_regex(draw.maybe(Self::text))
                            .with_assignment(a::Assignment::default().with_topic_partitions(
                                draw.list(|draw: &mut Self| {
                                    a::TopicPartitions::default()
                                        .with_topic_id(draw.uuid())
                                        .with_topic_name(draw.topic())
                                        .with_partitions(draw.list(Self::i32))
                                }),
                            ))
                            .with_target_assignment(a::Assignment::default().with_topic_partitions(
                                draw.list(|draw: &mut Self| {
                                    a::TopicPartitions::default()
                                        .with_topic_id(draw.uuid())
                                        .with_topic_name(draw.topic())
                                        .with_partitions(draw.list(Self::i32))
                                }),
                            ))
                            .with_member_type(draw.i8())
                    }))
                    .with_authorized_operations(draw.i32())
            }),
        )
    }
}
