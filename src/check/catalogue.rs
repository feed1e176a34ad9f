//! Every property, in the order in which reports list them.

use crate::check::controller::{
    IsrMembership, MetadataPrefix, OneLeaderPerEpoch, UncleanExclusion,
};
use crate::check::groups::{
    AssignmentLegal, AtLeastOnce, AtMostOnce, CommitDurable, CommitFenced, CommitTold,
    ExclusiveOwnership, GroupStable, ProcessingOrder,
};
use crate::check::history::{
    Duplicate, InconsistentOffsets, LostWrite, NonmonotonicPoll, NonmonotonicSend, PollSkip, Unseen,
};
use crate::check::liveness::{
    AckedReplicated, AlterPartitionAnswered, BrokerUnfenced, HighWatermarkReachesEnd,
    LeaderElected, MetadataConverges, ProduceAnswered, ReplicasRejoin,
};
use crate::check::producer::{KeyToPartition, NackNotProof, NoDuplicate, PerProducerOrder};
use crate::check::property::{Info, Property};
use crate::check::quorum::{
    QuorumStable, RaftCommittedPrefix, RaftElectionSafety, RaftLogMatching, RaftVoteOnce,
};
use crate::check::replication::{
    AckedDurability, CandidateCompleteness, ConsistentRead, DeletionByRule, EpochMonotone,
    EpochOffsetUnique, LeaderCompleteness, ListOffsetsMonotone, LogMatching, OffsetOrder,
    QuorumSuperset,
};

/// A fresh instance of every property, in the order of [`crate::types::PropertyName::ALL`].
pub fn all() -> Vec<Box<dyn Property>> {
    vec![
        Box::new(LogMatching),
        Box::new(EpochOffsetUnique::default()),
        Box::new(EpochMonotone::default()),
        Box::new(OffsetOrder::default()),
        Box::new(LeaderCompleteness),
        Box::new(CandidateCompleteness),
        Box::new(QuorumSuperset),
        Box::new(ConsistentRead::default()),
        Box::new(ListOffsetsMonotone::default()),
        Box::new(AckedDurability::all()),
        Box::new(AckedDurability::one()),
        Box::new(DeletionByRule::default()),
        Box::new(IsrMembership),
        Box::new(UncleanExclusion::default()),
        Box::new(OneLeaderPerEpoch::default()),
        Box::new(MetadataPrefix::default()),
        Box::new(RaftElectionSafety::default()),
        Box::new(RaftVoteOnce::default()),
        Box::new(RaftLogMatching),
        Box::new(RaftCommittedPrefix::default()),
        Box::new(NoDuplicate::default()),
        Box::new(PerProducerOrder::default()),
        Box::new(NackNotProof::default()),
        Box::new(KeyToPartition::default()),
        Box::new(ExclusiveOwnership::default()),
        Box::new(CommitFenced::default()),
        Box::new(CommitDurable::default()),
        Box::new(CommitTold::default()),
        Box::new(AssignmentLegal::default()),
        Box::new(AtLeastOnce::default()),
        Box::new(AtMostOnce::default()),
        Box::new(ProcessingOrder::default()),
        Box::new(LeaderElected::default()),
        Box::new(ReplicasRejoin::default()),
        Box::new(ProduceAnswered::default()),
        Box::new(HighWatermarkReachesEnd::default()),
        Box::new(MetadataConverges::default()),
        Box::new(QuorumStable::default()),
        Box::new(AlterPartitionAnswered::default()),
        Box::new(AckedReplicated::default()),
        Box::new(BrokerUnfenced::default()),
        Box::new(GroupStable::default()),
        Box::new(LostWrite),
        Box::new(Unseen::default()),
        Box::new(Duplicate),
        Box::new(InconsistentOffsets),
        Box::new(PollSkip),
        Box::new(NonmonotonicPoll),
        Box::new(NonmonotonicSend),
    ]
}

/// What the catalogue says of every property.
pub fn infos() -> Vec<&'static Info> {
    all().iter().map(|property| property.info()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::check::catalogue::infos;
    use crate::event::Kind;
    use crate::types::{Defect, PropertyName};

    #[test]
    fn the_catalogue_lists_every_name_in_order() {
        let listed: Vec<&str> = infos().iter().map(|info| info.name).collect();
        let named: Vec<&str> = PropertyName::ALL.iter().map(|name| name.name()).collect();
        assert_eq!(listed, named);
    }

    #[test]
    fn every_property_can_be_broken_by_a_defect_and_asks_for_kinds_that_exist() {
        let caught: BTreeSet<&str> =
            Defect::ALL.iter().flat_map(|defect| defect.caught_by()).copied().collect();
        let kinds: BTreeSet<&str> = Kind::TABLE.iter().map(|info| info.name).collect();
        for info in infos() {
            assert!(caught.contains(info.name), "no defect breaks {}", info.name);
            for kind in info.kinds {
                assert!(kinds.contains(kind), "{} asks for {kind}", info.name);
            }
            let texts = [info.statement, info.source, info.premise];
            assert!(texts.iter().all(|text| !text.is_empty()), "{} says too little", info.name);
        }
    }
}
