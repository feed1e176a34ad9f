//! Why logs grow, are cut and loaded, and why places in them move.

use crate::event::{Event, Kind, QuorumRole};
use crate::report::explain::reason::reasons::Reasons;
use crate::report::explain::reason::trail::Message;
use crate::types::{ApiKey, ErrorCode, Offset, TopicPartition};

impl<'a> Reasons<'a> {
    pub(crate) fn of_log(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::LogAppended { partition, base_offset, as_leader, .. } => {
                self.of_append(event, (*partition, *base_offset, *as_leader))
            }
            Kind::LogTruncated { .. } => self.answered(event, "says so"),
            Kind::LogRecovered { .. } => {
                let first = self.tape.first_of(event);
                let started = |it: &Kind| matches!(it, Kind::HostStarted { .. });
                let started = self.beside(event, started).map_or(first.index, |it| it.index);
                Some(format!("its process starts (e{started}), and that is what its disk kept"))
            }
            Kind::HighWatermarkMoved { partition, as_leader: true, .. } => {
                self.of_high_watermark(event, *partition)
            }
            Kind::HighWatermarkMoved { .. } => self.answered(event, "says so"),
            Kind::EpochCacheChanged { partition, .. } => self.of_epoch_cache(event, *partition),
            Kind::RoleTaken { partition, partition_epoch, leader_epoch: its, .. } => {
                let decided = |exactly: bool| {
                    self.tape.last_before(event, |it| {
                        matches!(&it.kind,
                            Kind::PartitionCommitted {
                                partition: of, partition_epoch: at, leader_epoch, ..
                            }
                            if of == partition && leader_epoch == its
                                && (!exactly || at == partition_epoch))
                    })
                };
                // Who left a record out counts partition epochs otherwise.
                let decided = decided(true).or_else(|| decided(false));
                let decided = decided.map(|it| it.index);
                let brought = self.brought(event, |it| it.is_response && it.api == ApiKey::Fetch);
                let it_is = "the controller decided so";
                match (decided, brought) {
                    (Some(at), Some(by)) => Some(format!("{it_is} (e{at}), and {by} brings it")),
                    (Some(at), None) => Some(format!("{it_is} (e{at})")),
                    (None, by) => by.map(|by| format!("{by} brings the controller's decision")),
                }
            }
            Kind::FetchDiverged { .. } => {
                let asked = self.brought(event, |it| !it.is_response)?;
                Some(format!("{asked} comes from a log that has parted from its own"))
            }
            Kind::FollowerCounted { .. } => {
                let asked = self.brought(event, |it| !it.is_response)?;
                Some(format!("that is the offset for which {asked} asks"))
            }
            Kind::ReplicaAudited { .. } | Kind::QuorumAudited { .. } => {
                let at = self.tape.first_of(event).index;
                Some(format!("the run is over and looks into every log (e{at})"))
            }
            _ => None,
        }
    }

    /// "the answer of broker-1 to its Fetch request (e9) says so", if an answer set `event` off.
    fn answered(&self, event: &'a Event, says: &str) -> Option<String> {
        self.brought(event, |it| it.is_response).map(|answer| format!("{answer} {says}"))
    }

    fn of_append(
        &self,
        event: &'a Event,
        (partition, base, as_leader): (TopicPartition, Offset, bool),
    ) -> Option<String> {
        if !as_leader {
            return self.answered(event, "brings that");
        }
        if partition != TopicPartition::CLUSTER_METADATA {
            return self.brought(event, |it| !it.is_response).map(|it| format!("{it} asks for it"));
        }
        let leads =
            |it: &Kind| matches!(it, Kind::QuorumRoleTaken { role: QuorumRole::Leader, .. });
        if let Some(leads) = self.beside(event, leads) {
            return Some(format!(
                "a new leader of the quorum begins its epoch with a record (e{})",
                leads.index
            ));
        }
        self.of_metadata_record(event, base)
    }

    /// What the active controller had decided that it wrote at `base`, or was asked for.
    fn of_metadata_record(&self, event: &'a Event, base: Offset) -> Option<String> {
        let decided = self.last_here(
            event,
            |it| matches!(it, Kind::PartitionDecided { offset, .. } if *offset == base),
        );
        if let Some(decided) = decided {
            let about = match &decided.kind {
                Kind::PartitionDecided { partition, .. } => self.partition(*partition),
                _ => return None,
            };
            return Some(format!("it had decided about {about} (e{})", decided.index));
        }
        let asked = |it: &Message<'a>| !it.is_response && is_of_controllers(it.api);
        let here = self.tape.message_before(event, asked);
        here.filter(|it| it.event.host == event.host)
            .map(|it| format!("{} asks for it", it.words(self.tape)))
            .or_else(|| {
                let parent = self.tape.parent_of(event)?;
                let timer = self.tape.trigger_of(parent);
                if self.is_idle(timer) {
                    return Some(format!(
                        "nothing was written for metadata.max.idle.interval.ms, and it writes a \
                         record that changes nothing (e{})",
                        timer.index
                    ));
                }
                matches!(timer.kind, Kind::DeadlineReached { .. })
                    .then(|| format!("a timer of the active controller was due (e{})", timer.index))
            })
    }

    /// Whether `timer` is that of a controller which has had nothing to write.
    fn is_idle(&self, timer: &'a Event) -> bool {
        let Some(set) = self.tape.parent_of(timer) else { return false };
        let idle = self.plan.cluster.controllers.first().map(|controller| {
            controller.config.duration("metadata.max.idle.interval.ms").as_micros()
        });
        idle == Some(u128::from(timer.at.0.saturating_sub(set.at.0)))
    }

    /// Whom a leader's high watermark had waited for.
    fn of_high_watermark(&self, event: &'a Event, partition: TopicPartition) -> Option<String> {
        let own = self.beside(
            event,
            |it| matches!(it, Kind::InSyncChanged { partition: it, .. } if *it == partition),
        );
        if let Some(own) = own {
            return Some(format!("what it waits for changed (e{})", own.index));
        }
        let counted = self.tape.step_of(event).find_map(|it| match &it.kind {
            Kind::FollowerCounted { partition: of, log_end_offset, .. } if *of == partition => {
                Some(*log_end_offset)
            }
            _ => None,
        });
        let asked = self.brought(event, |it| !it.is_response)?;
        Some(match counted {
            Some(end) => format!("{asked} asks for offset {end}, and so holds all below"),
            None if partition == TopicPartition::CLUSTER_METADATA => {
                format!("with {asked} a majority of the voters holds all below")
            }
            None => format!("{asked} led to it"),
        })
    }

    fn of_epoch_cache(&self, event: &'a Event, partition: TopicPartition) -> Option<String> {
        let of_it = |it: &Kind| {
            crate::report::explain::tape::partition_of(it) == Some(partition)
                && matches!(
                    it,
                    Kind::LogTruncated { .. }
                        | Kind::LogStartMoved { .. }
                        | Kind::LogRecovered { .. }
                        | Kind::RoleTaken { .. }
                )
        };
        let changed = self.beside(event, of_it);
        let text = changed.map(|it| {
            let what = match &it.kind {
                Kind::LogTruncated { log_end_offset, .. } => {
                    format!("its log was cut to {log_end_offset}")
                }
                Kind::LogStartMoved { log_start_offset, .. } => {
                    format!("its log begins at {log_start_offset} from here on")
                }
                Kind::LogRecovered { .. } => "its log was loaded".to_owned(),
                _ => "it takes the lead, and notes where its epoch begins".to_owned(),
            };
            format!("{what} (e{})", it.index)
        });
        text.or_else(|| {
            let appended = self.beside(
                event,
                |it| matches!(it, Kind::LogAppended { partition: it, .. } if *it == partition),
            )?;
            Some(format!("it appended the first record of that epoch (e{})", appended.index))
        })
    }

    /// Why a leader refuses a batch.
    pub(crate) fn of_refusal(&self, event: &'a Event, error: ErrorCode) -> Option<String> {
        let asked = self.brought(event, |it| !it.is_response);
        let why = match error {
            ErrorCode::NotLeaderOrFollower => "it does not lead the partition",
            ErrorCode::NotEnoughReplicas => "the in-sync set is smaller than min.insync.replicas",
            ErrorCode::NotEnoughReplicasAfterAppend => {
                "the in-sync set became smaller than min.insync.replicas after the append"
            }
            ErrorCode::OutOfOrderSequenceNumber => {
                "its sequence numbers do not follow the last that the leader knows of its producer"
            }
            ErrorCode::RequestTimedOut => {
                "the in-sync set did not have it within the producer's request.timeout.ms"
            }
            ErrorCode::UnknownProducerId => "the leader knows nothing of its producer",
            ErrorCode::InvalidProducerEpoch => "the leader knows a newer epoch of its producer",
            _ => return asked.map(|asked| format!("that is what became of {asked}")),
        };
        Some(why.to_owned())
    }
}

/// Whether requests of this kind go to the active controller.
pub(crate) fn is_of_controllers(api: ApiKey) -> bool {
    !matches!(
        api,
        ApiKey::Fetch
            | ApiKey::Vote
            | ApiKey::BeginQuorumEpoch
            | ApiKey::EndQuorumEpoch
            | ApiKey::Metadata
    )
}
