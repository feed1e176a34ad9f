//! Properties that say that something good happens. They are judged when the audit begins: the
//! faults have ended, crashed hosts run again, and the time to settle is over. A run that stops
//! before says nothing of them.

mod acked_replicated;
mod alter_partition_answered;
mod broker_unfenced;
mod high_watermark_reaches_end;
mod leader_elected;
mod metadata_converges;
mod produce_answered;
mod replicas_rejoin;

pub(crate) use acked_replicated::AckedReplicated;
pub(crate) use alter_partition_answered::AlterPartitionAnswered;
pub(crate) use broker_unfenced::BrokerUnfenced;
pub(crate) use high_watermark_reaches_end::HighWatermarkReachesEnd;
pub(crate) use leader_elected::LeaderElected;
pub(crate) use metadata_converges::MetadataConverges;
pub(crate) use produce_answered::ProduceAnswered;
pub(crate) use replicas_rejoin::ReplicasRejoin;
