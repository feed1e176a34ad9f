//! The names of the properties: what scenarios claim and checkers report.

/// Declares the names once.
macro_rules! properties {
    ($($variant:ident $name:literal $what:literal;)*) => {
        /// A property that every run is checked for. `check` has its statement and source.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum PropertyName {
            $(#[doc = $what] $variant,)*
        }

        impl PropertyName {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that scenarios and reports use.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it says, in a line.
            pub fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }

            /// The property called `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

properties! {
    LogMatching "log-matching"
        "two replicas with the same epoch at an offset agree on everything below it";
    EpochOffsetUnique "epoch-offset-unique"
        "one record at most is ever created for a partition, leader epoch and offset";
    EpochMonotoneInLog "epoch-monotone-in-log"
        "leader epochs do not fall along a log, and the epoch cache says what the log says";
    OffsetOrder "offset-order"
        "log start, high watermark and log end of a replica stand in this order";
    LeaderCompleteness "leader-completeness"
        "whoever leads in the controller's current epoch has every committed record";
    CandidateCompleteness "candidate-completeness"
        "every running member of the in-sync set has every committed record";
    QuorumSuperset "quorum-superset"
        "a leader waits for at least the in-sync set that the controller has recorded";
    ConsistentRead "consistent-read"
        "a record that could once be read stays at its offset with its content";
    ListOffsetsMonotone "list-offsets-monotone"
        "the latest offset that clients are told does not go back";
    AckedDurability "acked-durability"
        "a record acknowledged with acks=all is in the current leader's log";
    AcksOneDurability "acks-one-durability"
        "a record acknowledged with acks=1 is in the current leader's log";
    DeletionByRule "deletion-by-rule"
        "records are deleted by retention or on request only, below the high watermark";
    IsrMembership "isr-membership"
        "the in-sync set holds the leader and no fenced, leaving or foreign broker";
    UncleanExclusion "unclean-exclusion"
        "a broker that shut down uncleanly counts again only after a leader has added it";
    OneLeaderPerEpoch "one-leader-per-epoch"
        "a leader epoch has one leader, and epochs rise with every change";
    MetadataPrefix "metadata-prefix"
        "what a broker has applied is a prefix of the committed metadata log";
    RaftElectionSafety "raft-election-safety"
        "the quorum has one leader an epoch";
    RaftVoteOnce "raft-vote-once"
        "a voter votes once an epoch, over restarts too";
    RaftLogMatching "raft-log-matching"
        "two metadata logs with the same epoch at an offset agree on everything below it";
    RaftCommittedPrefix "raft-committed-prefix"
        "what the quorum has committed stays committed";
    NoDuplicate "no-duplicate"
        "a record that an idempotent producer sent once stands in the log once";
    PerProducerOrder "per-producer-order"
        "records of one producer stand in a partition in the order they were sent";
    NackNotProof "nack-not-proof"
        "what a producer reports as failed is in no log, and what may be there is not so reported";
    KeyToPartition "key-to-partition"
        "records with the same key go to the same partition";
    ExclusiveOwnership "exclusive-ownership"
        "no partition is given to two members of a group at once";
    CommitFenced "commit-fenced"
        "a commit is taken from members of the current generation or epoch only";
    CommitDurable "commit-durable"
        "an offset that was acknowledged is known to every later coordinator";
    CommitTold "commit-told"
        "a coordinator tells the last offset that is committed, and a member begins there";
    AssignmentLegal "assignment-legal"
        "epochs of members and assignments follow their group's, and at rest all has one owner";
    AtLeastOnce "at-least-once"
        "what a group has committed was processed, if its applications commit afterwards";
    AtMostOnce "at-most-once"
        "no record is processed twice by a group, if its applications commit before";
    ProcessingOrder "processing-order"
        "who owns a partition processes its records in the order of their offsets";
    LeaderElected "leader-elected"
        "after healing every partition gets a leader";
    ReplicasRejoin "replicas-rejoin"
        "after healing every replica catches up and is in sync again";
    ProduceAnswered "produce-answered"
        "every send is answered within delivery.timeout.ms";
    HighWatermarkReachesEnd "high-watermark-reaches-end"
        "when writing stops the high watermark reaches the log end";
    MetadataConverges "metadata-converges"
        "after healing all brokers know the same metadata";
    QuorumStable "quorum-stable"
        "a connected majority keeps its leader";
    AlterPartitionAnswered "alter-partition-answered"
        "what a leader asks for its in-sync set is answered or overtaken";
    AckedReplicated "acked-replicated"
        "after healing every replica holds what was acknowledged";
    BrokerUnfenced "broker-unfenced"
        "after healing every broker that was fenced is unfenced";
    GroupStable "group-stable"
        "when all nodes run again every group comes to rest";
    LostWrite "lost-write"
        "an acknowledged record below what a consumer has read was never read by it";
    Unseen "unseen"
        "an acknowledged record was read by no consumer by the end";
    Duplicate "duplicate"
        "a record was read at two offsets";
    InconsistentOffsets "inconsistent-offsets"
        "two records were seen at one offset";
    PollSkip "poll-skip"
        "a consumer was not shown a record that others saw between two of its polls";
    NonmonotonicPoll "nonmonotonic-poll"
        "a consumer's polls went back without a seek";
    NonmonotonicSend "nonmonotonic-send"
        "the offsets of a producer's acknowledged sends went back";
}

/// What is expected of a property.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Expectation {
    /// It is not broken within its premise. What is expected of every property by itself.
    #[default]
    Holds,
    /// It is violated: in this run, or in one seed of a sweep.
    Violated,
    /// Either.
    May,
}

impl Expectation {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated => "violated",
            Self::May => "may",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Defect;

    #[test]
    fn names_are_found_again_and_defects_name_known_properties() {
        for property in PropertyName::ALL {
            assert_eq!(PropertyName::from_name(property.name()), Some(*property));
        }
        for defect in Defect::ALL {
            for name in defect.caught_by() {
                assert!(PropertyName::from_name(name).is_some(), "{} {name}", defect.name());
            }
        }
    }
}
