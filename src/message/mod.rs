//! What passes between processes, and between a process and its world: requests and responses,
//! batches of records, metadata records, disk operations, calls of applications, and what the
//! machines of replication hand each other.

mod admin;
mod application;
mod batch;
mod batch_codec;
mod codec;
pub mod convert;
mod difference;
mod envelope;
mod group_codec;
mod group_record;
mod metadata_codec;
mod metadata_record;
mod replication;
mod size;
mod storage;
mod wire;

pub use admin::{
    AdminCall, AdminReply, BrokerDescription, ClusterDescription, ConfigEntry, ConfigResource,
    Election, GroupDescription, GroupListing, GroupListings, GroupMemberDescription,
    PartitionDescription, TopicDescription, ValueSource,
};
pub use application::{
    AppCall, AppError, AppReply, PartitionOffset, PolledBatch, RebalanceCallback, SeekTo,
    SendRecord,
};
pub use batch::{Batch, BatchBody, Header, ProducerStamp, Record, Records};
pub use batch_codec::{LogKind, batch_size_bytes, decode_batches, encode_batch};
pub use codec::CodecError;
pub use envelope::{Answer, Request, RequestBody, Response, ResponseBody, SendError};
pub use group_codec::{decode_group_record, encode_group_record};
pub use group_record::{
    Assigned, ClassicGroupValue, ClassicMemberValue, ClassicMetadata, CommittedOffset,
    CurrentValue, GroupRecord, MemberState, MemberValue,
};
pub use metadata_codec::{
    decode_metadata_record, encode_metadata_record, metadata_record_size_bytes,
};
pub use metadata_record::{MetadataRecord, PartitionChange, PartitionState};
pub use replication::{
    EpochEnd, FetchPosition, FetchResult, Fetched, InSyncProposal, InSyncRecorded, OutOfRange,
    PartitionFetch, Reader, Standing,
};
pub use size::{request_size_bytes, response_size_bytes};
pub use storage::{
    BrokenFile, Checkpoint, DiskError, DiskImage, DiskOperation, FileContent, FileName,
    ProducerSnapshotEntry, QuorumState,
};
pub use wire::{
    check_request, check_response, decode_request, decode_response, encode_request, encode_response,
};
