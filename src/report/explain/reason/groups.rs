//! Why groups rebalance, members come and go, and offsets are committed.

use std::collections::BTreeSet;

use crate::event::{
    Event, GivenUpBecause, GroupProtocol, GroupState, Kind, LeftBecause, MemberState, OffsetGone,
    ReplicaRole,
};
use crate::report::explain::reason::reasons::Reasons;
use crate::report::explain::reason::trail::Message;
use crate::report::explain::tell_group::has_left;
use crate::trace::seconds;
use crate::types::{ApiKey, Defect, ErrorCode, HostId, Moment, Name, Offset, TopicPartition};

impl<'a> Reasons<'a> {
    pub(crate) fn of_group(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::MemberJoined { .. } => self.asked(event, "asks for it"),
            Kind::MemberLeft { group, member, because } => {
                self.of_leaving(event, (group, member), *because)
            }
            Kind::GroupStateChanged { state, .. } => self.of_state(event, *state),
            Kind::GroupEpochBegan { group, epoch, .. } => self.of_epoch(event, group, *epoch),
            Kind::AssignmentDecided { group, .. } => self.of_assignment(event, group),
            Kind::MemberReconciled { group, member, revoking, .. } => {
                let others = self.assigned_to_another(event, (group, member), revoking);
                let does_not_look = self.tape.acted(event, Defect::NoRevocationBarrier);
                let why = others.unwrap_or_else(|| match does_not_look {
                    true => {
                        "came, and of these the coordinator did not ask who owns them".to_owned()
                    }
                    false => "came, and of these the coordinator knows no other owner".to_owned(),
                });
                self.asked(event, &why)
            }
            Kind::CoordinatorLoading { partition, .. }
            | Kind::CoordinatorLoaded { partition, .. } => self.of_lead(event, *partition),
            Kind::GroupLoaded { .. } | Kind::MemberLoaded { .. } | Kind::OffsetLoaded { .. } => {
                let loading =
                    self.last_here(event, |it| matches!(it, Kind::CoordinatorLoading { .. }))?;
                let until = self.of_session(event).unwrap_or_default();
                Some(format!(
                    "it coordinates the group now and reads its log (e{}){until}",
                    loading.index
                ))
            }
            Kind::CoordinatorUnloaded { partition, .. } => {
                let role = self.last_here(
                    event,
                    |it| matches!(it, Kind::RoleTaken { partition: of, .. } if of == partition),
                )?;
                Some(format!("it does not lead that partition any more (e{})", role.index))
            }
            _ => self.of_offset(event).or_else(|| self.of_member(event)),
        }
    }

    /// "the JoinGroup request of billing-1 (e9) asks for it", if a member's request set it off.
    fn asked(&self, event: &'a Event, does: &str) -> Option<String> {
        let asked = self.brought(event, |it| !it.is_response && is_of_members(it.api));
        asked.map(|asked| format!("{asked} {does}"))
    }

    fn of_leaving(
        &self,
        event: &'a Event,
        (group, member): (&Name, &Name),
        because: LeftBecause,
    ) -> Option<String> {
        match because {
            LeftBecause::Left | LeftBecause::Removed => self.asked(event, "says so"),
            LeftBecause::Full => {
                self.asked(event, "came when there were group.max.size members already")
            }
            LeftBecause::Replaced => {
                self.asked(event, "comes from a process with the same group.instance.id")
            }
            LeftBecause::SessionExpired => self.of_silence(event, (group, member)),
            LeftBecause::RebalanceExpired | LeftBecause::SyncExpired => {
                let began = self.last_here(
                    event,
                    |it| matches!(it, Kind::GroupStateChanged { group: of, .. } if of == group),
                )?;
                Some(format!("its time since e{} is over, its rebalance timeout", began.index))
            }
        }
    }

    /// Since when nothing was heard of a member whose session is over: its last sign of life, or
    /// when this coordinator read in its log that there is such a member.
    fn of_silence(&self, event: &'a Event, (group, id): (&Name, &Name)) -> Option<String> {
        let host = self.host_of(group, id)?;
        let until = self.end_of_id(event, host, id);
        // A commit prolongs the session of a member of the classic protocol only.
        let is_modern = self.is_modern(event, group);
        let is_sign =
            |api: ApiKey| is_sign_of_life(api) && !(is_modern && api == ApiKey::OffsetCommit);
        let last = self.tape.last_before(event, |it| {
            it.host == event.host
                && matches!(&it.kind, Kind::Delivered { sent, .. } if *sent <= until)
                && Message::of(it)
                    .is_some_and(|it| it.from == host && !it.is_response && is_sign(it.api))
        });
        let loaded = self.last_here(event, |it| {
            matches!(it, Kind::MemberLoaded { group: of, member, .. }
                if of == group && member == id)
        });
        let since = last.into_iter().chain(loaded).max_by_key(|it| it.index)?;
        let (at, index) = (seconds(since.at), since.index);
        Some(match since.kind {
            Kind::MemberLoaded { .. } => format!(
                "its session timeout is over: nothing was heard of it since this coordinator \
                 found it in its log, at {at} (e{index})"
            ),
            _ => format!("its session timeout is over: it was last heard of at {at} (e{index})"),
        })
    }

    /// When the process that has a member id ends after it took it, or takes another: what it sends
    /// from then on is no sign that the member lives.
    fn end_of_id(&self, event: &'a Event, host: HostId, id: &Name) -> Moment {
        let (mut is_known, mut has_it) = (false, false);
        for it in self.tape.events.iter().take_while(|it| it.index < event.index) {
            let own = it.host == Some(host);
            match &it.kind {
                Kind::MemberJoined { member, .. } if member == id => is_known = true,
                Kind::MemberStateEntered { member, .. } if own && member == id => has_it = true,
                Kind::MemberStateEntered { member, .. }
                    if own && has_it && !member.as_str().is_empty() =>
                {
                    return it.at;
                }
                Kind::HostStopped { .. } if own && (has_it || is_known) => return it.at,
                _ => {}
            }
        }
        event.at
    }

    /// The host of a member.
    fn host_of(&self, group: &Name, member: &Name) -> Option<HostId> {
        self.tape.events.iter().find_map(|it| match &it.kind {
            Kind::MemberStateEntered { group: of, member: id, .. }
                if of == group && id == member =>
            {
                it.host
            }
            _ => None,
        })
    }

    fn of_state(&self, event: &'a Event, state: GroupState) -> Option<String> {
        let came = self.beside(event, |it| matches!(it, Kind::MemberJoined { .. }));
        let went = self.beside(event, |it| matches!(it, Kind::MemberLeft { .. }));
        match (state, went, came) {
            (GroupState::Empty | GroupState::PreparingRebalance, Some(went), _) => {
                Some(format!("a member is gone (e{})", went.index))
            }
            (GroupState::PreparingRebalance, None, Some(came)) => {
                Some(format!("a member has come (e{})", came.index))
            }
            (GroupState::CompletingRebalance, ..) => {
                self.asked(event, "is the last for which it had waited")
            }
            (GroupState::Stable, ..) => self.of_stability(event),
            (GroupState::Reconciling, ..) => self.of_reconciling(event),
            _ => self.asked(event, "led to it"),
        }
    }

    /// "epoch 3 began as billing-3 joined (e7), and billing-1 has yet to come to it".
    fn of_reconciling(&self, event: &'a Event) -> Option<String> {
        let began = self.last_here(event, |it| matches!(it, Kind::GroupEpochBegan { .. }))?;
        let Kind::GroupEpochBegan { group, epoch, .. } = &began.kind else { return None };
        let after = self.tape.events.iter().skip(usize::try_from(began.index).ok()?);
        let after = after.take_while(|it| it.index <= event.index);
        let (mut open, mut done): (Vec<&Name>, Vec<&Name>) = (Vec::new(), Vec::new());
        for it in after.filter(|it| it.host == event.host) {
            match &it.kind {
                Kind::AssignmentDecided { group: of, member, epoch: at, .. }
                    if (of, at) == (group, epoch) =>
                {
                    open.push(member);
                }
                Kind::MemberReconciled { group: of, member, epoch: at, revoking, .. }
                    if (of, at) == (group, epoch) && revoking.is_empty() =>
                {
                    done.push(member);
                }
                _ => {}
            }
        }
        open.retain(|member| !done.contains(member));
        let names: Option<BTreeSet<&str>> =
            open.into_iter().map(|member| self.process_of(event, member)).collect();
        let names: Vec<&str> = names.unwrap_or_default().into_iter().collect();
        let (at, by) = (began.index, self.begun_by(began));
        let by = by.unwrap_or_else(|| format!("epoch {epoch} began (e{at})"));
        Some(match names.as_slice() {
            [] => format!("{by}, and not every member has come to it yet"),
            [one] => format!("{by}, and {one} has yet to come to it"),
            [first @ .., last] => {
                format!("{by}, and {} and {last} have yet to come to it", first.join(", "))
            }
        })
    }

    /// "epoch 3 began when billing-3 joined (e7)".
    fn begun_by(&self, began: &'a Event) -> Option<String> {
        let Kind::GroupEpochBegan { epoch, .. } = &began.kind else { return None };
        let joined = self.beside(began, |it| matches!(it, Kind::MemberJoined { .. }))?;
        let who = self.tape.message_to(joined).filter(|it| !it.is_response)?.from;
        Some(format!("epoch {epoch} began when {} joined (e{})", self.name(who), joined.index))
    }

    /// "came; these are billing-2's since epoch 2 began when billing-2 joined (e7)": why a member
    /// must give partitions up, if another shall have one of them.
    fn assigned_to_another(
        &self,
        event: &'a Event,
        (group, member): (&Name, &Name),
        revoking: &[TopicPartition],
    ) -> Option<String> {
        let decided = self.last_here(event, |it| {
            matches!(it, Kind::AssignmentDecided { group: of, member: other, partitions, .. }
                if of == group
                    && other != member
                    && partitions.iter().any(|partition| revoking.contains(partition)))
        })?;
        let Kind::AssignmentDecided { member: other, epoch, .. } = &decided.kind else {
            return None;
        };
        let began = self.last_here(event, |it| {
            matches!(it, Kind::GroupEpochBegan { group: of, epoch: at, .. }
                if of == group && at == epoch)
        })?;
        let by = self.begun_by(began)?;
        let other = self.process_of(event, other)?;
        Some(format!(
            "came; {by}, and what it has to give up is to be {other}'s (e{})",
            decided.index
        ))
    }

    /// The process that has, or had, a member id: the one that heard of it.
    fn process_of(&self, event: &Event, id: &Name) -> Option<&'a str> {
        let is_its = |it: &Event| match &it.kind {
            Kind::MemberStateEntered { member, .. } => member == id,
            _ => false,
        };
        let before = self.tape.last_before(event, is_its);
        let after = || {
            let at = usize::try_from(event.index).ok()?;
            self.tape.events.iter().skip(at).find(|it| is_its(it))
        };
        before.or_else(after)?.host.map(|host| self.name(host))
    }

    /// "; until group.consumer.session.timeout.ms=45000 is over from here, it stays one", of a
    /// member that a coordinator of KIP-848 reads in its log and that had left.
    fn of_session(&self, event: &'a Event) -> Option<String> {
        let Kind::MemberLoaded { group, member, .. } = &event.kind else { return None };
        let is_modern = self.is_modern(event, group);
        let left = self.tape.last_before(
            event,
            |it| matches!(&it.kind, Kind::MemberStateEntered { member: of, .. } if of == member),
        )?;
        let Kind::MemberStateEntered { state, .. } = &left.kind else { return None };
        let has_left = has_left(*state);
        let node = self.tape.setup.node(event.host?)?;
        let broker = self.plan.cluster.brokers.iter().find(|broker| broker.id == node)?;
        let key = "group.consumer.session.timeout.ms";
        let timeout = broker.config.duration(key).as_millis();
        (is_modern && has_left)
            .then(|| format!("; it stays one until {key}={timeout} is over from here"))
    }

    /// Whether `group` goes by KIP-848 at `event`.
    fn is_modern(&self, event: &Event, group: &Name) -> bool {
        let began = self.tape.last_before(
            event,
            |it| matches!(&it.kind, Kind::GroupEpochBegan { group: of, .. } if of == group),
        );
        matches!(
            began.map(|it| &it.kind),
            Some(Kind::GroupEpochBegan { protocol: GroupProtocol::Consumer, .. })
        )
    }

    /// The SyncGroup request of the leader of a classic generation, which the coordinator writes
    /// down.
    fn assigned(&self, event: &'a Event) -> Option<String> {
        let is_classic = self.last_here(event, |it| matches!(it, Kind::GroupEpochBegan { .. }));
        let is_classic = matches!(
            is_classic.map(|it| &it.kind),
            Some(Kind::GroupEpochBegan { protocol: GroupProtocol::Classic, .. })
        );
        let written = self.tape.last_before(event, |it| {
            let is_it = |it: &Message<'_>| !it.is_response && it.api == ApiKey::SyncGroup;
            it.host == event.host
                && Message::of(it).is_some_and(|it| is_it(&it))
                && self
                    .tape
                    .step_of(it)
                    .any(|it| matches!(it.kind, Kind::LogAppended { as_leader: true, .. }))
        });
        written.filter(|_| is_classic).and_then(|it| self.message(it))
    }

    /// The assignment that the leader of a classic generation sent, or a member's heartbeat.
    fn of_stability(&self, event: &'a Event) -> Option<String> {
        match self.assigned(event) {
            Some(assigned) => Some(format!(
                "{assigned} brought the assignment, and the followers have the record of it"
            )),
            None => self.asked(event, "is the last that was missing"),
        }
    }

    fn of_epoch(
        &self,
        event: &'a Event,
        group: &Name,
        epoch: impl std::fmt::Display,
    ) -> Option<String> {
        let changed = self.tape.step_of(event).find(|it| {
            matches!(
                &it.kind,
                Kind::MemberJoined { group: of, .. } | Kind::MemberLeft { group: of, .. }
                    if of == group
            )
        });
        if let Some(changed) = changed {
            let what = match &changed.kind {
                Kind::MemberJoined { .. } => "a member has come",
                _ => "a member is gone",
            };
            return Some(format!("{what} (e{})", changed.index));
        }
        let asked = self.asked(event, "is the last for which it had waited");
        let is_over = || match &self.tape.trigger_of(event).kind {
            Kind::DeadlineReached { .. } => Some(format!(
                "the time is over for which it waits for members before epoch {epoch}"
            )),
            _ => None,
        };
        asked.or_else(is_over)
    }

    fn of_assignment(&self, event: &'a Event, group: &Name) -> Option<String> {
        if let Some(assigned) = self.assigned(event) {
            return Some(format!("the leader of the generation assigned so in {assigned}"));
        }
        let began = self.last_here(
            event,
            |it| matches!(it, Kind::GroupEpochBegan { group: of, .. } if of == group),
        )?;
        Some(format!("an epoch began (e{}), and the coordinator assigns anew", began.index))
    }

    fn of_lead(&self, event: &'a Event, partition: TopicPartition) -> Option<String> {
        let leads = self.last_here(event, |it| {
            matches!(it, Kind::RoleTaken { partition: of, role: ReplicaRole::Leader, .. }
                if *of == partition)
        })?;
        Some(format!("it leads {} now (e{})", self.partition(partition), leads.index))
    }

    fn of_offset(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::OffsetAppended { .. } => self.asked(event, "asks for it"),
            Kind::OffsetTold { .. } => self.asked(event, "asks for it"),
            Kind::OffsetRemoved { group, partition, because: OffsetGone::Expired, .. } => {
                let written = self.last_here(event, |it| {
                    matches!(it, Kind::OffsetAppended { group: of, partition: at, .. }
                        if of == group && at == partition)
                })?;
                Some(format!(
                    "offsets.retention.minutes is over since it was committed, at {} (e{})",
                    seconds(written.at),
                    written.index
                ))
            }
            Kind::OffsetCommitAnswered { error, .. } if *error != ErrorCode::None => {
                let asked = self.asked(event, "")?;
                Some(format!("that is its answer to {}", asked.trim_end()))
            }
            Kind::OffsetCommitAnswered { .. } | Kind::OffsetCommitted { .. } => {
                let fetch = self.brought(event, |it| !it.is_response && it.api == ApiKey::Fetch)?;
                Some(format!("with {fetch} all that it waits for have it"))
            }
            Kind::CommitAsked { group, partition, offset, automatic, .. } => {
                self.of_commit_asked(event, (group, *partition, *offset, *automatic))
            }
            Kind::CommitAnswered { error, .. } => {
                let answer = self.brought(event, |it| it.is_response);
                answer.map(|answer| format!("{answer} says so")).or_else(|| {
                    let is_its_own = *error != ErrorCode::None;
                    is_its_own.then(|| {
                        "the consumer knows that it is no member, and does not ask".to_owned()
                    })
                })
            }
            Kind::CommittedOffsetUsed { group, partition, .. } => {
                let told = self.tape.last_before(event, |it| {
                    matches!(&it.kind, Kind::OffsetTold { group: of, partition: at, .. }
                        if of == group && at == partition)
                });
                let answer = self
                    .tape
                    .message_before(event, |it| it.is_response && it.api == ApiKey::OffsetFetch)?;
                let who = self.name(answer.from);
                Some(match told.filter(|it| it.host == Some(answer.from)) {
                    Some(told) => format!("{who} told it so (e{})", told.index),
                    None => format!("{} says so", answer.words(self.tape)),
                })
            }
            _ => None,
        }
    }

    /// Why a member commits, and what it was shown until then.
    fn of_commit_asked(
        &self,
        event: &'a Event,
        (group, partition, offset, automatic): (&Name, TopicPartition, Offset, bool),
    ) -> Option<String> {
        let processed = self.last_here(event, |it| {
            matches!(it, Kind::Processed { group: of, partition: at, .. }
                if of == group && *at == partition)
        });
        let done = processed.map(|it| match &it.kind {
            Kind::Processed { base_offset, records, .. } => {
                let end = *base_offset + u64::from(*records);
                match end == offset {
                    true => format!("its application has processed all below (e{})", it.index),
                    false => {
                        format!("its application has processed all below {end} (e{})", it.index)
                    }
                }
            }
            _ => String::new(),
        });
        if !automatic {
            return done;
        }
        let polled = self.last_here(event, |it| {
            matches!(it, Kind::Polled { partition: at, base_offset, records, .. }
                if *at == partition && *base_offset + u64::from(*records) == offset)
        });
        let polled =
            polled.map_or_else(String::new, |it| format!("; it has polled so far (e{})", it.index));
        Some(match &self.tape.trigger_of(event).kind {
            Kind::DeadlineReached { .. } => {
                format!("auto.commit.interval.ms is over since it committed last{polled}")
            }
            Kind::Delivered { .. } => format!(
                "{} has it rejoin or give partitions up, and it commits before{polled}",
                self.message(self.tape.trigger_of(event))?
            ),
            _ => format!("enable.auto.commit is on{polled}"),
        })
    }

    fn of_member(&self, event: &'a Event) -> Option<String> {
        match &event.kind {
            Kind::MemberStateEntered { state, .. } => self.of_membership(event, *state),
            Kind::PartitionTaken { .. } => {
                let told = self.last_here(event, |it| is_answer(it, is_assignment))?;
                Some(format!("{} assigned it", self.message(told)?))
            }
            Kind::PartitionGivenUp { because: GivenUpBecause::Revoked, .. } => {
                let told = self.last_here(event, |it| is_answer(it, is_of_rebalance))?;
                Some(format!("{} told it to", self.message(told)?))
            }
            Kind::PartitionGivenUp { .. } | Kind::CallbackInvoked { .. } => {
                let told = self.tape.message_before(event, |it| {
                    it.event.host == event.host && is_answer(&it.event.kind, is_of_rebalance)
                })?;
                Some(format!("{} told it to", told.words(self.tape)))
            }
            Kind::Processed { partition, base_offset, .. } => {
                let polled = self.last_here(event, |it| {
                    matches!(it, Kind::Polled { partition: of, base_offset: at, records, .. }
                        if of == partition
                            && at <= base_offset
                            && *base_offset < *at + u64::from(*records))
                })?;
                Some(format!("it polled that at {} (e{})", seconds(polled.at), polled.index))
            }
            _ => None,
        }
    }

    /// "its process started (e7), ", if it has been no member since.
    fn came(&self, event: &'a Event) -> String {
        let started = self.last_here(event, |it| matches!(it, Kind::HostStarted { .. }));
        let was_one = self.last_here(event, |it| {
            matches!(it, Kind::MemberStateEntered { state: MemberState::Stable, .. })
        });
        let Some(started) = started.filter(|it| was_one.is_none_or(|was| was.index < it.index))
        else {
            return String::new();
        };
        let why = self.of_scale(started).map(|why| format!(": {why}")).unwrap_or_default();
        format!("its process started (e{}){why}; ", started.index)
    }

    fn of_membership(&self, event: &'a Event, state: MemberState) -> Option<String> {
        let overdue = self.beside(event, |it| matches!(it, Kind::PollOverdue { .. }));
        if let Some(overdue) = overdue {
            let Kind::PollOverdue { interval, .. } = &overdue.kind else { return None };
            return Some(format!(
                "its application had not polled for max.poll.interval.ms={interval} (e{})",
                overdue.index
            ));
        }
        let message = self.tape.message_to(event).filter(|it| it.is_response)?;
        let words = message.words(self.tape);
        // What a coordinator answers to a commit stands in the record.
        let refused = self.tape.parent_of(message.event).and_then(|step| {
            self.tape.step_of(step).find_map(|it| match &it.kind {
                Kind::OffsetCommitAnswered { error, .. } if *error != ErrorCode::None => {
                    Some((*error, it.index))
                }
                _ => None,
            })
        });
        let refused = refused.filter(|_| message.api == ApiKey::OffsetCommit);
        Some(match (refused, state) {
            (Some((error, at)), _) => format!("{words} says {error} (e{at})"),
            (None, MemberState::Stable) => format!("{words} brings its assignment"),
            (None, MemberState::PreparingRebalance | MemberState::Joining)
                if message.api == ApiKey::OffsetCommit =>
            {
                format!("it has committed before it joins again: {words} has come")
            }
            (None, MemberState::PreparingRebalance) if message.api == ApiKey::JoinGroup => {
                format!("{}{words} gave it a member id to join with", self.came(event))
            }
            (None, MemberState::Fenced | MemberState::Unjoined | MemberState::Fatal)
                if message.api != ApiKey::OffsetCommit =>
            {
                format!("{words} says so")
            }
            (None, _) => format!("{words} led to it"),
        })
    }
}

/// Whether `kind` is that of an answer to a request of such a kind.
fn is_answer(kind: &Kind, wanted: impl Fn(ApiKey) -> bool) -> bool {
    matches!(kind, Kind::Delivered { api, is_response: true, .. } if wanted(*api))
}

/// Whether a coordinator's answer to this says what a member owns.
fn is_assignment(api: ApiKey) -> bool {
    matches!(api, ApiKey::SyncGroup | ApiKey::ConsumerGroupHeartbeat)
}

/// Whether a coordinator's answer to this may tell a member to give up what it owns.
fn is_of_rebalance(api: ApiKey) -> bool {
    is_assignment(api) || matches!(api, ApiKey::Heartbeat | ApiKey::JoinGroup)
}

/// Whether members of groups ask their coordinators for this.
fn is_of_members(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::JoinGroup
            | ApiKey::SyncGroup
            | ApiKey::Heartbeat
            | ApiKey::LeaveGroup
            | ApiKey::OffsetCommit
            | ApiKey::OffsetFetch
            | ApiKey::OffsetDelete
            | ApiKey::DeleteGroups
            | ApiKey::ConsumerGroupHeartbeat
    )
}

/// Whether a coordinator takes a request of this kind for a sign of life.
fn is_sign_of_life(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::JoinGroup
            | ApiKey::SyncGroup
            | ApiKey::Heartbeat
            | ApiKey::ConsumerGroupHeartbeat
            | ApiKey::OffsetCommit
    )
}
