//! Why in-sync sets change, brokers are registered and fenced, and what administrators ask for.

use crate::event::{Event, Kind, StartedAs};
use crate::report::explain::reason::logs::is_of_controllers;
use crate::report::explain::reason::reasons::Reasons;
use crate::report::explain::reason::trail::Message;
use crate::report::explain::tape::row;
use crate::trace::seconds;
use crate::types::{
    ApiKey, BrokerId, BrokerSet, ErrorCode, HostId, LeaderEpoch, Offset, PartitionEpoch,
    TopicPartition,
};

impl<'a> Reasons<'a> {
    pub(crate) fn of_cluster(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::InSyncChanged { .. } => self.of_wait(event),
            Kind::AlterPartitionSent { partition, in_sync, .. } => {
                self.of_request(event, *partition, in_sync)
            }
            Kind::AlterPartitionDecided { partition, error, .. } => {
                self.of_decision(event, *partition, *error)
            }
            Kind::AlterPartitionAnswered { partition, .. } => {
                let answer = self.brought(event, |it| it.is_response)?;
                let decided = self.tape.last_before(event, |it| {
                    matches!(&it.kind, Kind::AlterPartitionDecided { partition: it, .. }
                        if it == partition)
                });
                let decided = decided.map_or_else(String::new, |it| {
                    format!("; it was decided at {} (e{})", seconds(it.at), it.index)
                });
                Some(format!("{answer} says so{decided}"))
            }
            Kind::PartitionCommitted { partition, partition_epoch, offset, .. } => {
                self.of_commit(event, *partition, (*offset, *partition_epoch))
            }
            Kind::PartitionDecided { partition, .. } => self.of_late_decision(event, *partition),
            Kind::BrokerRegistered { broker, .. } => self.of_registration(event, *broker),
            Kind::RegistrationCommitted { broker, is_new: true, broker_epoch, .. } => {
                let written = self.tape.last_before(event, |it| {
                    matches!(&it.kind, Kind::BrokerRegistered { broker: it, broker_epoch: at, .. }
                        if it == broker && at == broker_epoch)
                })?;
                Some(format!("{} asked to be registered (e{})", self.node(*broker), written.index))
            }
            Kind::RegistrationCommitted { broker, fenced, in_controlled_shutdown, .. } => {
                self.of_heartbeat(event, *broker, (*fenced, *in_controlled_shutdown))
            }
            Kind::BrokerUnregistered { .. }
            | Kind::ElectionAsked { .. }
            | Kind::ConfigCommitted { .. }
            | Kind::DeleteRecordsHandled { .. } => {
                let asked = self.tape.message_before(event, |it| {
                    !it.is_response && is_of_controllers(it.api) && it.api != ApiKey::Produce
                })?;
                Some(format!("{} asks for it", asked.words(self.tape)))
            }
            Kind::PartitionsCreated { .. } => {
                let asked = self.tape.message_before(event, |it| {
                    !it.is_response && it.api == ApiKey::CreatePartitions
                })?;
                Some(format!("{} asks for it", asked.words(self.tape)))
            }
            _ => None,
        }
    }

    pub(crate) fn node(&self, node: BrokerId) -> String {
        self.tape.node(node)
    }

    /// Why a leader waits for another set.
    fn of_wait(&self, event: &'a Event) -> Option<String> {
        let Kind::InSyncChanged { committed, maximal, .. } = &event.kind else { return None };
        let asks = self.beside(event, |it| matches!(it, Kind::AlterPartitionSent { .. }));
        if let Some(asks) = asks {
            let until = if committed == maximal { "" } else { ", and may be granted it any time" };
            return Some(format!(
                "it asks the controller to change the set (e{}){until}",
                asks.index
            ));
        }
        let told = self.beside(event, |it| matches!(it, Kind::AlterPartitionAnswered { .. }));
        if let Some(told) = told {
            return Some(format!("the controller has answered its request (e{})", told.index));
        }
        self.brought(event, |it| it.is_response).map(|by| format!("{by} brings new metadata"))
    }

    /// Why a leader asks for `in_sync`.
    fn of_request(
        &self,
        event: &'a Event,
        partition: TopicPartition,
        in_sync: &BrokerSet,
    ) -> Option<String> {
        let before = self.tape.last_before(event, |it| {
            matches!(&it.kind, Kind::AlterPartitionAnswered { partition: it, .. }
                if *it == partition)
                && it.host == event.host
        });
        let trigger = self.tape.trigger_of(event);
        if let Kind::Delivered { api: ApiKey::AlterPartition, is_response: true, .. } =
            &trigger.kind
            && let Some(Kind::AlterPartitionAnswered { error, .. }) = before.map(|it| &it.kind)
        {
            let at = before.map_or(0, |it| it.index);
            return Some(format!("its request before came to {error} (e{at}), and it asks again"));
        }
        if let Some(fetch) = self.brought(event, |it| !it.is_response && it.api == ApiKey::Fetch) {
            return Some(format!("{fetch} shows that its sender has caught up"));
        }
        let left = self.awaited(event, partition)?.without(in_sync);
        let late: Vec<String> = left.iter().map(|broker| self.last_fetch(event, broker)).collect();
        (!late.is_empty()).then(|| {
            format!(
                "{} had not caught up for replica.lag.time.max.ms: {}",
                self.tape.nodes(left.iter()),
                row(&late)
            )
        })
    }

    /// The set in force at the event's host, as its partition's last commit before has it.
    fn awaited(&self, event: &Event, partition: TopicPartition) -> Option<BrokerSet> {
        let known = self.tape.last_before(event, |it| match &it.kind {
            Kind::InSyncChanged { partition: of, .. } => {
                *of == partition && it.host == event.host && it.step != event.step
            }
            Kind::RoleTaken { partition: of, .. } => *of == partition && it.host == event.host,
            _ => false,
        })?;
        match &known.kind {
            Kind::InSyncChanged { maximal, .. } => Some(maximal.clone()),
            Kind::RoleTaken { in_sync, .. } => Some(in_sync.clone()),
            _ => None,
        }
    }

    fn last_fetch(&self, event: &'a Event, broker: BrokerId) -> String {
        let name = self.node(broker);
        let from: Option<HostId> = self.tape.setup.host_of(broker);
        let last = self.tape.last_before(event, |it| {
            let is_fetch = |it: &Message<'_>| it.api == ApiKey::Fetch && !it.is_response;
            it.host == event.host
                && Message::of(it).is_some_and(|it| Some(it.from) == from && is_fetch(&it))
        });
        last.map_or_else(
            || format!("no fetch of {name} ever came"),
            |it| format!("the last fetch of {name} came at {} (e{})", seconds(it.at), it.index),
        )
    }

    /// What made the controller grant or refuse a set.
    fn of_decision(
        &self,
        event: &'a Event,
        partition: TopicPartition,
        error: ErrorCode,
    ) -> Option<String> {
        let asked = self.brought(event, |it| !it.is_response)?;
        let sent = self.tape.message_to(event)?;
        let request = self.tape.last_before(sent.event, |it| {
            it.host == Some(sent.from)
                && matches!(&it.kind, Kind::AlterPartitionSent { partition: it, .. }
                    if *it == partition)
        });
        let known = self.last_here(
            event,
            |it| matches!(it, Kind::PartitionDecided { partition: it, .. } if *it == partition),
        );
        let (Some((theirs, at)), Some((ours, own))) =
            (request.and_then(epochs).zip(request), known.and_then(epochs).zip(known))
        else {
            return Some(format!("{asked} asks for it"));
        };
        let (at, own) = (at.index, own.index);
        Some(match error {
            ErrorCode::None => format!("{asked} asks for it"),
            ErrorCode::NotController if theirs.1 > ours.1 => format!(
                "{asked} speaks of partition epoch {} (e{at}), and the controller itself knows of \
                 none after {} (e{own}): it takes itself for the one that is behind",
                theirs.1, ours.1
            ),
            ErrorCode::FencedLeaderEpoch | ErrorCode::InvalidUpdateVersion => format!(
                "{asked} speaks of leader epoch {} and partition epoch {} (e{at}), and the \
                 controller is at {} and {} (e{own})",
                theirs.0, theirs.1, ours.0, ours.1
            ),
            _ => format!("that is its answer to {asked}"),
        })
    }

    /// What made the controller write what is committed with `event`.
    fn of_commit(
        &self,
        event: &'a Event,
        partition: TopicPartition,
        (offset, epoch): (Offset, PartitionEpoch),
    ) -> Option<String> {
        // By the record's place: a controller that is behind takes it for another epoch.
        let decided = self.tape.last_before(event, |it| {
            matches!(&it.kind, Kind::PartitionDecided { partition: of, offset: at, .. }
                if *of == partition && *at == offset)
        })?;
        let at = decided.index;
        let by = self.tape.host(decided.host);
        if let Kind::PartitionDecided { partition_epoch, .. } = &decided.kind
            && *partition_epoch != epoch
        {
            return Some(format!(
                "{by} wrote that (e{at}), and takes it for partition epoch {partition_epoch}"
            ));
        }
        let asked = self.brought(decided, |it| !it.is_response && is_of_controllers(it.api));
        Some(match asked {
            Some(asked) => format!("{by} decided so (e{at}) on {asked}"),
            None => match &self.tape.trigger_of(decided).kind {
                Kind::DeadlineReached { .. } => {
                    format!("{by} decided so by itself, when a timer was due (e{at})")
                }
                _ => format!("{by} decided so as it took charge (e{at})"),
            },
        })
    }

    /// What a controller knew of a partition when it took charge.
    fn of_late_decision(&self, event: &'a Event, partition: TopicPartition) -> Option<String> {
        let activated =
            self.last_here(event, |it| matches!(it, Kind::ControllerActivated { .. }))?;
        let known = self.tape.step_of(activated).filter(|it| {
            matches!(&it.kind, Kind::PartitionCommitted { partition: it, .. } if *it == partition)
        });
        let known = known.last()?;
        let Kind::PartitionCommitted { leader_epoch, partition_epoch, .. } = &known.kind else {
            return None;
        };
        Some(format!(
            "when it took charge (e{}) it knew the partition in leader epoch {leader_epoch} and \
             partition epoch {partition_epoch} (e{}), and goes on from there",
            activated.index, known.index
        ))
    }

    fn of_registration(&self, event: &'a Event, broker: BrokerId) -> Option<String> {
        let asked = self
            .tape
            .message_before(event, |it| !it.is_response && it.api == ApiKey::BrokerRegistration)?;
        let host = self.tape.setup.host_of(broker);
        let started = self.tape.last_before(event, |it| {
            it.host == host && matches!(it.kind, Kind::HostStarted { .. })
        })?;
        let Kind::HostStarted { after, .. } = &started.kind else { return None };
        let after = match after {
            StartedAs::New => "started",
            StartedAs::AfterShutdown => "started again after a shutdown in order",
            StartedAs::AfterCrash => "started again after a crash",
            StartedAs::AfterPowerLoss => "started again after a loss of power",
            StartedAs::AfterDiskLoss => "started again with an empty disk",
        };
        let asked = asked.words(self.tape);
        // It has registered since, and asks again: of an answer to its heartbeats, that is.
        let before = self.tape.last_before(event, |it| {
            it.index > started.index
                && matches!(it.kind, Kind::BrokerRegistered { broker: it, .. } if it == broker)
        });
        let answer = before.and_then(|before| {
            let answer = self.tape.last_before(event, |it| {
                it.host == host
                    && matches!(
                        it.kind,
                        Kind::Delivered { api: ApiKey::BrokerHeartbeat, is_response: true, .. }
                    )
            })?;
            Some((before, answer))
        });
        if let Some((before, answer)) = answer {
            let Kind::Delivered { from, .. } = &answer.kind else { return None };
            return Some(format!(
                "its process, which had registered already (e{}), begins again after the answer of \
                 {} to its BrokerHeartbeat request (e{}): {asked} asks for it",
                before.index,
                self.name(*from),
                answer.index
            ));
        }
        Some(format!("its process {after} (e{}): {asked} asks for it", started.index))
    }

    /// What a broker's heartbeat, or the lack of one, made of its registration.
    fn of_heartbeat(
        &self,
        event: &'a Event,
        broker: BrokerId,
        (fenced, shuts_down): (bool, bool),
    ) -> Option<String> {
        let host = self.tape.setup.host_of(broker)?;
        let heartbeat = self.tape.message_before(event, |it| {
            !it.is_response && it.api == ApiKey::BrokerHeartbeat && it.from == host
        });
        let heartbeat = heartbeat?.words(self.tape);
        Some(match (shuts_down, fenced) {
            (true, _) => format!("{heartbeat} asks for it"),
            (false, false) => {
                format!("{heartbeat} says that it has caught up with the metadata log")
            }
            (false, true) => format!("{heartbeat} led to it"),
        })
    }
}

/// The leader epoch and the partition epoch that an event tells of.
fn epochs(event: &Event) -> Option<(LeaderEpoch, PartitionEpoch)> {
    match &event.kind {
        Kind::AlterPartitionSent { leader_epoch, partition_epoch, .. }
        | Kind::PartitionDecided { leader_epoch, partition_epoch, .. } => {
            Some((*leader_epoch, *partition_epoch))
        }
        _ => None,
    }
}
