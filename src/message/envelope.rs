//! Requests and responses as they travel: the protocol crate's bodies, and record batches beside
//! them as values.
//!
//! A produce request and a fetch response carry records. In the crate's structs these are bytes;
//! here the field stays empty and `records[i]` holds the batches of the i-th partition, counted
//! over the body's topics in order. `--wire` writes them as real bytes, reads them back and
//! compares (`message::wire`).

use kafka_protocol::messages as k;

use crate::message::batch::Batch;
use crate::types::{ApiKey, CorrelationId, ErrorCode};

/// Declares the bodies once.
macro_rules! bodies {
    ($($name:ident $request:ident $response:ident;)*) => {
        /// The body of a request.
        #[derive(Clone, PartialEq, Debug)]
        pub enum RequestBody {
            $(#[doc = concat!("`", stringify!($name), "`.")] $name(Box<k::$request>),)*
            /// A client's request, forwarded by a broker to the active controller (KIP-590).
            Envelope(Box<Request>),
        }

        /// The body of a response.
        #[derive(Clone, PartialEq, Debug)]
        pub enum ResponseBody {
            $(#[doc = concat!("`", stringify!($name), "`.")] $name(Box<k::$response>),)*
            /// The controller's answer to a forwarded request; `Err` when it is not the active
            /// controller and has not looked at the request.
            Envelope(Result<Box<Response>, ErrorCode>),
        }

        impl RequestBody {
            /// Its kind.
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Self::$name(_) => ApiKey::$name,)*
                    Self::Envelope(_) => ApiKey::Envelope,
                }
            }
        }

        impl ResponseBody {
            /// Its kind.
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Self::$name(_) => ApiKey::$name,)*
                    Self::Envelope(_) => ApiKey::Envelope,
                }
            }
        }

        $(impl From<k::$request> for RequestBody {
            fn from(body: k::$request) -> Self {
                Self::$name(Box::new(body))
            }
        }

        impl From<k::$response> for ResponseBody {
            fn from(body: k::$response) -> Self {
                Self::$name(Box::new(body))
            }
        })*
    };
}

bodies! {
    Produce ProduceRequest ProduceResponse;
    Fetch FetchRequest FetchResponse;
    ListOffsets ListOffsetsRequest ListOffsetsResponse;
    Metadata MetadataRequest MetadataResponse;
    CreateTopics CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics DeleteTopicsRequest DeleteTopicsResponse;
    CreatePartitions CreatePartitionsRequest CreatePartitionsResponse;
    InitProducerId InitProducerIdRequest InitProducerIdResponse;
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    Vote VoteRequest VoteResponse;
    BeginQuorumEpoch BeginQuorumEpochRequest BeginQuorumEpochResponse;
    EndQuorumEpoch EndQuorumEpochRequest EndQuorumEpochResponse;
    AlterPartition AlterPartitionRequest AlterPartitionResponse;
    BrokerRegistration BrokerRegistrationRequest BrokerRegistrationResponse;
    BrokerHeartbeat BrokerHeartbeatRequest BrokerHeartbeatResponse;
    AllocateProducerIds AllocateProducerIdsRequest AllocateProducerIdsResponse;
    DescribeTopicPartitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse;
    DeleteRecords DeleteRecordsRequest DeleteRecordsResponse;
    DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
    ElectLeaders ElectLeadersRequest ElectLeadersResponse;
    IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    DescribeCluster DescribeClusterRequest DescribeClusterResponse;
    UnregisterBroker UnregisterBrokerRequest UnregisterBrokerResponse;
    OffsetCommit OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch OffsetFetchRequest OffsetFetchResponse;
    FindCoordinator FindCoordinatorRequest FindCoordinatorResponse;
    JoinGroup JoinGroupRequest JoinGroupResponse;
    Heartbeat HeartbeatRequest HeartbeatResponse;
    LeaveGroup LeaveGroupRequest LeaveGroupResponse;
    SyncGroup SyncGroupRequest SyncGroupResponse;
    DescribeGroups DescribeGroupsRequest DescribeGroupsResponse;
    ListGroups ListGroupsRequest ListGroupsResponse;
    DeleteGroups DeleteGroupsRequest DeleteGroupsResponse;
    OffsetDelete OffsetDeleteRequest OffsetDeleteResponse;
    ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse;
}

/// A request on a connection.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Its number on the connection.
    pub correlation_id: CorrelationId,
    /// What is asked.
    pub body: RequestBody,
    /// The batches of a produce request, partition by partition; empty for any other.
    pub records: Vec<Vec<Batch>>,
}

/// The answer to a request on the same connection.
#[derive(Clone, PartialEq, Debug)]
pub struct Response {
    /// The request's number.
    pub correlation_id: CorrelationId,
    /// What is answered.
    pub body: ResponseBody,
    /// The batches of a fetch response, partition by partition; empty for any other.
    pub records: Vec<Vec<Batch>>,
}

/// What became of a request that was sent: the answer's body and batches, or why there is none.
pub type Answer = Result<(ResponseBody, Vec<Vec<Batch>>), SendError>;

/// Why a request has no answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SendError {
    /// The connection was lost while it was in flight: the peer may have handled it, or may yet.
    Disconnected,
    /// It, or another in flight on the same connection, waited too long, and the connection was
    /// closed: the peer may have handled it, or may yet.
    TimedOut,
    /// It never left.
    NotConnected,
}
