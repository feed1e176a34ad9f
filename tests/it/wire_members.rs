//! Bodies of the requests and responses of members of consumer groups, filled at random.

use kafka_protocol::messages as k;

use crate::wire_messages::Draw;

impl Draw {
    pub(crate) fn find_coordinator_request(&mut self) -> k::FindCoordinatorRequest {
        k::FindCoordinatorRequest::default()
            .with_key_type(self.i8())
            .with_coordinator_keys(self.list(Self::text))
    }

    pub(crate) fn find_coordinator_response(&mut self) -> k::FindCoordinatorResponse {
        use k::find_coordinator_response as a;
        k::FindCoordinatorResponse::default().with_throttle_time_ms(self.i32()).with_coordinators(
            self.list(|draw: &mut Self| {
                a::Coordinator::default()
                    .with_key(draw.text())
                    .with_node_id(draw.broker())
                    .with_host(draw.text())
                    .with_port(draw.i32())
                    .with_error_code(draw.i16())
                    .with_error_message(draw.maybe(Self::text))
            }),
        )
    }

    pub(crate) fn join_group_request(&mut self) -> k::JoinGroupRequest {
        use k::join_group_request as q;
        k::JoinGroupRequest::default()
            .with_group_id(self.group())
            .with_session_timeout_ms(self.i32())
            .with_rebalance_timeout_ms(self.i32())
            .with_member_id(self.text())
            .with_group_instance_id(self.maybe(Self::text))
            .with_protocol_type(self.text())
            .with_protocols(self.list(|draw: &mut Self| {
                q::JoinGroupRequestProtocol::default()
                    .with_name(draw.text())
                    .with_metadata(draw.bytes())
            }))
            .with_reason(self.maybe(Self::text))
    }

    pub(crate) fn join_group_response(&mut self) -> k::JoinGroupResponse {
        use k::join_group_response as a;
        k::JoinGroupResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_generation_id(self.i32())
            .with_protocol_type(self.maybe(Self::text))
            .with_protocol_name(self.maybe(Self::text))
            .with_leader(self.text())
            .with_skip_assignment(self.flag())
            .with_member_id(self.text())
            .with_members(self.list(|draw: &mut Self| {
                a::JoinGroupResponseMember::default()
                    .with_member_id(draw.text())
                    .with_group_instance_id(draw.maybe(Self::text))
                    .with_metadata(draw.bytes())
            }))
    }

    pub(crate) fn heartbeat_request(&mut self) -> k::HeartbeatRequest {
        k::HeartbeatRequest::default()
            .with_group_id(self.group())
            .with_generation_id(self.i32())
            .with_member_id(self.text())
            .with_group_instance_id(self.maybe(Self::text))
    }

    pub(crate) fn heartbeat_response(&mut self) -> k::HeartbeatResponse {
        k::HeartbeatResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
    }

    pub(crate) fn leave_group_request(&mut self) -> k::LeaveGroupRequest {
        use k::leave_group_request as q;
        k::LeaveGroupRequest::default().with_group_id(self.group()).with_members(self.list(
            |draw: &mut Self| {
                q::MemberIdentity::default()
                    .with_member_id(draw.text())
                    .with_group_instance_id(draw.maybe(Self::text))
                    .with_reason(draw.maybe(Self::text))
            },
        ))
    }

    pub(crate) fn leave_group_response(&mut self) -> k::LeaveGroupResponse {
        use k::leave_group_response as a;
        k::LeaveGroupResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_members(self.list(|draw: &mut Self| {
                a::MemberResponse::default()
                    .with_member_id(draw.text())
                    .with_group_instance_id(draw.maybe(Self::text))
                    .with_error_code(draw.i16())
            }))
    }

    pub(crate) fn sync_group_request(&mut self) -> k::SyncGroupRequest {
        use k::sync_group_request as q;
        k::SyncGroupRequest::default()
            .with_group_id(self.group())
            .with_generation_id(self.i32())
            .with_member_id(self.text())
            .with_group_instance_id(self.maybe(Self::text))
            .with_protocol_type(self.maybe(Self::text))
            .with_protocol_name(self.maybe(Self::text))
            .with_assignments(self.list(|draw: &mut Self| {
                q::SyncGroupRequestAssignment::default()
                    .with_member_id(draw.text())
                    .with_assignment(draw.bytes())
            }))
    }

    pub(crate) fn sync_group_response(&mut self) -> k::SyncGroupResponse {
        k::SyncGroupResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_protocol_type(self.maybe(Self::text))
            .with_protocol_name(self.maybe(Self::text))
            .with_assignment(self.bytes())
    }

    pub(crate) fn consumer_group_heartbeat_request(&mut self) -> k::ConsumerGroupHeartbeatRequest {
        use k::consumer_group_heartbeat_request as q;
        k::ConsumerGroupHeartbeatRequest::default()
            .with_group_id(self.group())
            .with_member_id(self.text())
            .with_member_epoch(self.i32())
            .with_instance_id(self.maybe(Self::text))
            .with_rack_id(self.maybe(Self::text))
            .with_rebalance_timeout_ms(self.i32())
            .with_subscribed_topic_names(self.maybe(|draw: &mut Self| draw.list(Self::topic)))
            .with_subscribed_topic_regex(self.maybe(Self::text))
            .with_server_assignor(self.maybe(Self::text))
            .with_topic_partitions(self.maybe(|draw: &mut Self| {
                draw.list(|draw: &mut Self| {
                    q::TopicPartitions::default()
                        .with_topic_id(draw.uuid())
                        .with_partitions(draw.list(Self::i32))
                })
            }))
    }

    pub(crate) fn consumer_group_heartbeat_response(
        &mut self,
    ) -> k::ConsumerGroupHeartbeatResponse {
        use k::consumer_group_heartbeat_response as a;
        k::ConsumerGroupHeartbeatResponse::default()
            .with_throttle_time_ms(self.i32())
            .with_error_code(self.i16())
            .with_error_message(self.maybe(Self::text))
            .with_member_id(self.maybe(Self::text))
            .with_member_epoch(self.i32())
            .with_heartbeat_interval_ms(self.i32())
            .with_assignment(self.maybe(|draw: &mut Self| {
                a::Assignment::default().with_topic_partitions(draw.list(|draw: &mut Self| {
                    a::TopicPartitions::default()
                        .with_topic_id(draw.uuid())
                        .with_partitions(draw.list(Self::i32))
                }))
            }))
    }
}
