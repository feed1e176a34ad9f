//! What an event says, in words: requests for in-sync sets, decisions, roles.

use crate::event::{Event, Kind, ReplicaRole};
use crate::report::explain::note::Tag;
use crate::report::explain::tell::Teller;
use crate::trace::{Model, seconds};
use crate::types::{BrokerSet, ErrorCode};

/// That a controller decides what was decided already.
const TWICE: i32 = 40;

impl Teller<'_> {
    pub(crate) fn observe_cluster(&mut self, event: &Event, model: &Model) {
        match &event.kind {
            Kind::PartitionDecided { .. } => self.on_decided(event, model),
            Kind::PartitionCommitted { partition, .. } => {
                self.on_committed(event, *partition, model);
            }
            Kind::RoleTaken { .. } => self.on_role(event, model),
            Kind::InSyncChanged { committed, maximal, .. } => {
                let goes_back = committed == maximal && self.is_deed(event);
                if committed != maximal || goes_back || self.is_evidence(event) {
                    let text = format!(
                        "{} waits for {maximal} from here on; it knows that the controller \
                         recorded {committed}",
                        self.who(event)
                    );
                    let extra = if self.is_evidence(event) { 10 } else { -14 };
                    let text = match goes_back {
                        true => text.replacen(" waits for ", " waits no more than for ", 1),
                        false => text,
                    };
                    self.add_with(event, (Tag::InSync, extra), text, None);
                }
            }
            Kind::AlterPartitionSent { in_sync, partition_epoch, .. } => {
                self.asked = Some((in_sync.clone(), event.index));
                let text = format!(
                    "{} asks the controller to make {in_sync} the in-sync set (it knows partition \
                     epoch {partition_epoch})",
                    self.who(event)
                );
                self.add(event, Tag::AskInSync, text, self.lacking_among(in_sync, model));
            }
            Kind::AlterPartitionDecided { in_sync, error, .. } => {
                let who = self.who(event);
                let text = match error {
                    ErrorCode::None => format!("{who} grants the in-sync set {in_sync}"),
                    _ => format!("{who} refuses the in-sync set {in_sync}: {error}"),
                };
                if *error != ErrorCode::None && self.is_again(event, format!("{in_sync} {error}")) {
                    return;
                }
                let late = self.late(event);
                let extra = match (&late, error) {
                    (Some(_), _) => 16,
                    (None, ErrorCode::None) => -10,
                    (None, _) => 0,
                };
                self.add_with(event, (Tag::AskInSync, extra), text, late);
            }
            Kind::AlterPartitionAnswered { error, rolled_back, .. } => {
                if *error != ErrorCode::None || self.is_evidence(event) {
                    let back =
                        if *rolled_back { ", and goes back to the recorded set" } else { "" };
                    let text = format!(
                        "{} learns that its request to change the in-sync set came to \
                         {error}{back}",
                        self.who(event)
                    );
                    self.add(event, Tag::AskInSync, text, None);
                }
            }
            _ => self.observe_processes(event, model),
        }
    }

    /// An unclean election; or a change to a state that the partition has had already: whoever
    /// decides so does not know what is committed.
    fn on_decided(&mut self, event: &Event, model: &Model) {
        let Kind::PartitionDecided {
            partition,
            leader,
            leader_epoch,
            partition_epoch,
            unclean,
            ..
        } = &event.kind
        else {
            return;
        };
        if *unclean {
            self.unclean.insert(*leader_epoch);
        }
        let state = model.partition(*partition).and_then(|known| known.state.as_ref());
        let Some(state) = state.filter(|state| *partition_epoch <= state.partition_epoch) else {
            return;
        };
        let name = model.partition_name(*partition);
        let leader = leader.map_or_else(|| "nobody".to_owned(), |leader| self.tape.node(leader));
        let text = format!(
            "{} makes {leader} leader of {name} in leader epoch {leader_epoch} and partition epoch \
             {partition_epoch}, though the partition is in {} and {} already (e{})",
            self.who(event),
            state.leader_epoch,
            state.partition_epoch,
            state.event
        );
        self.add_with(event, (Tag::Despite, TWICE), text, None);
    }

    /// "the request left broker-1 at 3.2", if what led to `event` had been on its way for long.
    fn late(&self, event: &Event) -> Option<String> {
        let first = event.cause.and_then(|first| self.tape.event(first))?;
        let Kind::Delivered { from, sent, fault, is_response: false, .. } = &first.kind else {
            return None;
        };
        let held = fault.map(|fault| format!(", held up by fault {}", fault.saturating_add(1)));
        (event.at.0.saturating_sub(sent.0) > 500_000).then(|| {
            format!(
                "the request left {} at {}{}",
                self.tape.host(Some(*from)),
                seconds(*sent),
                held.unwrap_or_default()
            )
        })
    }

    /// Why a set is no good: a member of it lacks the records.
    fn lacking_among(&self, set: &BrokerSet, model: &Model) -> Option<String> {
        let lacking: Vec<String> =
            set.iter().filter_map(|member| self.lacks(model, member)).collect();
        (!lacking.is_empty())
            .then(|| format!("it takes them for caught up, though {}", lacking.join(", and ")))
    }

    fn on_role(&mut self, event: &Event, model: &Model) {
        let Kind::RoleTaken {
            partition,
            role,
            leader,
            leader_epoch,
            log_end_offset,
            high_watermark,
            ..
        } = &event.kind
        else {
            return;
        };
        let Some(node) = self.node_of(event) else { return };
        let who = self.who(event);
        let name = model.partition_name(*partition);
        let at =
            format!("its log ends at {log_end_offset}, its high watermark is {high_watermark}");
        let (text, extra) = match role {
            ReplicaRole::Leader => {
                let text = format!("{who} takes the lead of {name} in epoch {leader_epoch}; {at}");
                let text = match self.lacks(model, node) {
                    Some(lacks) => format!("{text}: {lacks}"),
                    None => text,
                };
                (text, 10)
            }
            ReplicaRole::Follower => {
                let of =
                    leader.map_or_else(|| "nobody".to_owned(), |leader| self.tape.node(leader));
                let text = format!("{who} follows {of} in epoch {leader_epoch}; {at}");
                (text, if self.is_named(node) { 0 } else { -24 })
            }
            ReplicaRole::Leaderless => {
                (format!("{who} learns that {name} has no leader in epoch {leader_epoch}"), -30)
            }
        };
        self.add_with(event, (Tag::Role, extra), text, None);
    }
}
