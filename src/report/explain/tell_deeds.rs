//! What an event says, in words: where a bug that is switched on decided.

use crate::event::{Event, Kind, MemberState};
use crate::report::explain::defects::does;
use crate::report::explain::note::{Deed, Tag};
use crate::report::explain::tape::Tape;
use crate::report::explain::tell::Teller;
use crate::trace::Model;
use crate::types::{ApiKey, BrokerId, Defect, Moment, Name, TopicPartition};

/// Whether what a bug did in the step of `event` was to hold a high watermark back: no in-sync set
/// was asked for or granted there.
pub(crate) fn waits(tape: &Tape, event: &Event) -> bool {
    let asks = |kind: &Kind| {
        matches!(kind, Kind::AlterPartitionSent { .. } | Kind::AlterPartitionDecided { .. })
    };
    !tape.step_of(event).any(|it| asks(&it.kind))
}

impl Teller<'_> {
    /// A bug decided: of interest where it was about the partition of the story, or about none.
    pub(crate) fn on_deed(
        &mut self,
        event: &Event,
        name: &Name,
        partition: Option<TopicPartition>,
        model: &Model,
    ) {
        let is_ours = match (partition, self.focus.partition, &self.focus.group) {
            (None, ..) | (_, None, _) => true,
            (Some(partition), Some(ours), None) => partition == ours,
            (Some(partition), Some(ours), Some(group)) => {
                partition == ours || group.partition.is_none_or(|it| it == partition)
            }
        };
        let found = self.tape.defects.iter().find(|defect| defect.name() == name.as_str());
        // Who leads the quorum, and what it committed, matters to every partition.
        let is_of_quorum = partition == Some(TopicPartition::CLUSTER_METADATA)
            && found.is_some_and(|defect| *defect != Defect::NeverFlush);
        let is_ours = is_ours || is_of_quorum;
        let Some(defect) = found.copied().filter(|_| is_ours) else { return };
        if defect == Defect::FirstTry && !self.is_of_older_epoch(event, partition, model) {
            return;
        }
        let what = match defect {
            Defect::ShuttingDownReplicaCounts => self.whom_it_awaits(partition, model),
            Defect::FencedInSync => self.whom_it_takes_in(event, partition, model),
            Defect::StaleClaims => self.what_it_keeps(event),
            Defect::FencedCannotRejoin => self.tape.message_to(event).map(|message| {
                let who = self.tape.host(Some(message.from));
                format!("refuses {who}, which wants to join again, as it knows it already")
            }),
            Defect::LastReplicaStanding if self.is_voter(event) => Some(
                "leaves the last member in the in-sync set, though it may have lost records"
                    .to_owned(),
            ),
            Defect::NeverSynced if self.is_coordinator(event) => {
                Some("sets no limit to its wait for the members' SyncGroup".to_owned())
            }
            _ => None,
        };
        if defect == Defect::LastFetchedEpochLost {
            self.tell_empty_answer(event, partition);
        }
        let what = what.unwrap_or_else(|| does(defect).to_owned());
        let text = format!("{} {what}", self.who(event));
        self.deeds.push(Deed { event: event.index, defect, text });
    }

    /// The last answer without records that the follower had since it appended some: what made it
    /// forget its last epoch.
    fn tell_empty_answer(&mut self, event: &Event, partition: Option<TopicPartition>) {
        let is_own = |it: &Event| it.host == event.host;
        let appended = self.tape.last_before(event, |it| {
            let Kind::LogAppended { partition: at, .. } = &it.kind else { return false };
            is_own(it) && Some(*at) == partition
        });
        let Some(appended) = appended.filter(|it| it.at >= Moment::SCENARIO_BEGINS) else { return };
        let is_broker = |from| {
            let node = self.tape.setup.node(from);
            node.is_some_and(|node| !self.tape.setup.voters().any(|voter| voter == node))
        };
        let answer = self.tape.last_before(event, |it| {
            let Kind::Delivered { api: ApiKey::Fetch, is_response: true, from, .. } = &it.kind
            else {
                return false;
            };
            is_own(it) && it.step != event.step && is_broker(*from)
        });
        let Some(answer) = answer.filter(|it| it.step > appended.step) else { return };
        let Kind::Delivered { from, .. } = &answer.kind else { return };
        let text = format!(
            "{} has an answer of {} without records",
            self.who(answer),
            self.tape.host(Some(*from))
        );
        let (answer, key) = (answer.clone(), ("empty", i64::try_from(answer.index).unwrap_or(-1)));
        if self.told.insert(key) {
            let why = format!(
                "nothing new had come since e{}; with such an answer the follower forgets of which \
                 epoch its last record is",
                appended.index
            );
            self.add_with(&answer, (Tag::Copy, 60), text, Some(why));
        }
    }

    /// Whether a deed was done in the step of `event`.
    pub(crate) fn is_deed(&self, event: &Event) -> bool {
        self.deeds
            .iter()
            .rev()
            .take(8)
            .filter(|deed| !matches!(deed.defect, Defect::FencedInSync))
            .any(|deed| self.tape.event(deed.event).is_some_and(|deed| deed.step == event.step))
    }

    /// Whether the sender of a fetch that does not say its epoch is in an older one than its
    /// leader: only then does it matter.
    pub(crate) fn is_of_older_epoch(
        &self,
        event: &Event,
        partition: Option<TopicPartition>,
        model: &Model,
    ) -> bool {
        let first = event.cause.and_then(|first| self.tape.event(first)).map(|first| &first.kind);
        let Some(Kind::Delivered { from, .. }) = first else { return true };
        let epoch_of = |node: Option<BrokerId>| {
            let known = model.partition(partition?)?.replicas.get(&node?)?;
            known.role.as_ref().map(|role| role.leader_epoch)
        };
        epoch_of(self.tape.setup.node(*from)) != epoch_of(self.node_of(event))
    }

    pub(crate) fn whom_it_awaits(
        &self,
        partition: Option<TopicPartition>,
        model: &Model,
    ) -> Option<String> {
        let partition = partition?;
        let state = model.partition(partition)?.state.as_ref()?;
        let out: Vec<BrokerId> =
            state.replicas.iter().copied().filter(|it| !state.in_sync.contains(*it)).collect();
        (!out.is_empty()).then(|| {
            format!(
                "holds its high watermark back for {}, which is no longer in the in-sync set {}",
                self.tape.nodes(out),
                state.in_sync
            )
        })
    }

    /// The fenced followers that the leader of `partition` waits for, where the deed is not that it
    /// wants one in.
    fn whom_it_takes_in(
        &self,
        event: &Event,
        partition: Option<TopicPartition>,
        model: &Model,
    ) -> Option<String> {
        if !waits(self.tape, event) {
            return None;
        }
        let known = model.partition(partition?)?;
        let state = known.state.as_ref()?;
        let fenced: Vec<BrokerId> = state
            .replicas
            .iter()
            .copied()
            .filter(|node| !state.in_sync.contains(*node))
            .filter(|node| model.registrations.get(node).is_some_and(|it| it.fenced))
            .collect();
        (!fenced.is_empty()).then(|| {
            format!(
                "holds its high watermark back for {}, which is fenced and not in the in-sync set \
                 {}",
                self.tape.nodes(fenced),
                state.in_sync
            )
        })
    }

    /// Of a member that is refused while it joins.
    pub(crate) fn what_it_keeps(&self, event: &Event) -> Option<String> {
        let is_refused = self.tape.step_of(event).any(|it| {
            matches!(&it.kind, Kind::MemberStateEntered { state: MemberState::Unjoined, .. })
        });
        is_refused.then(|| "is refused while it joins, and keeps what it owned".to_owned())
    }

    pub(crate) fn is_voter(&self, event: &Event) -> bool {
        self.node_of(event).is_some_and(|node| self.tape.setup.voters().any(|voter| voter == node))
    }

    pub(crate) fn is_coordinator(&self, event: &Event) -> bool {
        self.node_of(event).is_some()
    }
}
