//! What an event says, in words: a consumer group's coordinator, its members, what they commit.

use std::collections::BTreeMap;

use crate::event::{CallbackVerb, Event, GroupState, Kind, LeftBecause, MemberState};
use crate::report::explain::focus::{Focus, GroupFocus};
use crate::report::explain::note::Tag;
use crate::report::explain::tape::{Tape, offsets};
use crate::report::explain::tell::Teller;
use crate::trace::Model;
use crate::types::{ErrorCode, HostId, Moment, Name, TopicPartition, counted};

/// What is not about the partition, the offset, the member that the story is about.
const ASIDE: i32 = -24;
/// What is.
const TO_THE_POINT: i32 = 12;
/// What sets a rebalance off that nobody asked for.
const TROUBLE: i32 = 36;

/// How many shares of an assignment one step tells.
const SHARES_MAX: usize = 4;

/// The member that a coordinator did something for, or about.
fn member_of(kind: &Kind) -> Option<&Name> {
    match kind {
        Kind::OffsetAppended { member, .. } | Kind::OffsetCommitAnswered { member, .. } => {
            member.as_ref()
        }
        Kind::MemberJoined { member, .. }
        | Kind::MemberLeft { member, .. }
        | Kind::AssignmentDecided { member, .. }
        | Kind::MemberReconciled { member, .. } => Some(member),
        _ => None,
    }
}

/// The hosts of the members of the group that the story is about, by member id.
pub(crate) fn members(tape: &Tape, focus: &Focus) -> BTreeMap<Name, HostId> {
    let Some(about) = &focus.group else { return BTreeMap::new() };
    let named = tape.events.iter().filter_map(|event| match &event.kind {
        Kind::MemberStateEntered { group, member, .. } if *group == about.name => {
            Some((member.clone(), event.host?))
        }
        // An id that nobody came to hear of: the process asked for it with its own name.
        Kind::MemberJoined { group, member, instance: Some(_) } if *group == about.name => {
            Some((member.clone(), tape.message_to(event).filter(|it| !it.is_response)?.from))
        }
        _ => None,
    });
    named.collect()
}

impl Teller<'_> {
    /// Whether the event was about the group that the story is about, or is of no interest to it.
    pub(crate) fn observe_group(&mut self, event: &Event, model: &Model) -> bool {
        let Some(about) = self.focus.group.clone() else { return false };
        let before = self.notes.len();
        let is_of_group = self.on_coordinator(event, &about, model)
            || self.on_offsets(event, &about, model)
            || self.on_member(event, &about, model);
        if is_of_group && self.is_evidence(event) && self.notes.len() == before {
            let text = format!("{}: {}", self.who(event), event.kind.name());
            self.add(event, Tag::Group, text, None);
        }
        is_of_group
    }

    /// A member by its host, as people know it.
    fn member(&self, id: &Name) -> String {
        match self.members.get(id) {
            Some(host) => self.tape.host(Some(*host)).to_owned(),
            None if id.as_str().is_empty() => "a new member".to_owned(),
            None => id.as_str().to_owned(),
        }
    }

    /// Whether `event`, that `member` left, is of an earlier life of `group`: it was stable again
    /// before anything of the breach happened, and nothing of that was done by the member, or for
    /// it.
    fn is_of_before(&self, event: &Event, group: &Name, member: &Name) -> bool {
        let host = self.members.get(member).copied();
        let proofs = || self.focus.evidence.iter().filter_map(|at| self.tape.event(*at));
        let is_own = |it: &Event| {
            host.is_some() && it.host == host
                || member_of(&it.kind).is_some_and(|id| self.members.get(id).copied() == host)
        };
        let Some(first) = proofs().find(|it| it.at >= Moment::SCENARIO_BEGINS) else {
            return false;
        };
        let is_stable = |it: &Event| {
            matches!(&it.kind, Kind::GroupStateChanged { group: of, state: GroupState::Stable, .. }
                if of == group)
        };
        let after = usize::try_from(event.index).unwrap_or(usize::MAX).saturating_add(1);
        let between = self.tape.events.iter().skip(after).take_while(|it| it.index < first.index);
        let is_of_records = self.focus.group.as_ref().is_some_and(|about| about.offset.is_some());
        is_of_records && !proofs().any(is_own) && between.into_iter().any(is_stable)
    }

    /// A member by its host, and by its id where the process had several: a coordinator knows ids.
    fn member_by_id(&self, id: &Name) -> String {
        let name = self.member(id);
        match self.has_other_ids(id) {
            true => format!("{name} (id {id})"),
            false => name,
        }
    }

    /// Whether the process that has the id had another, or has another later.
    fn has_other_ids(&self, id: &Name) -> bool {
        let host = self.members.get(id);
        let mut ids = self.members.iter().filter(|(_, its)| Some(*its) == host);
        host.is_some() && ids.any(|(other, _)| other != id && !other.as_str().is_empty())
    }

    fn list(partitions: &[TopicPartition], model: &Model) -> String {
        match partitions {
            [] => "nothing".to_owned(),
            some => {
                let names: Vec<_> = some.iter().map(|it| model.partition_name(*it)).collect();
                names.join(", ")
            }
        }
    }

    fn on_coordinator(&mut self, event: &Event, about: &GroupFocus, model: &Model) -> bool {
        let who = self.who(event);
        let is_ours = |group: &Name| *group == about.name;
        let touches = |partitions: &[TopicPartition]| {
            about.partition.is_none_or(|partition| partitions.contains(&partition))
        };
        let (extra, text) = match &event.kind {
            Kind::GroupStateChanged { group, state, epoch, members, .. } if is_ours(group) => {
                let text = match state {
                    GroupState::Empty => format!("{who}: group {group} has no members any more"),
                    _ => {
                        let members = counted(*members, "member");
                        format!("{who}: group {group}, with {members}, is {state} in epoch {epoch}")
                    }
                };
                (-12, text)
            }
            Kind::GroupEpochBegan { group, epoch, members, .. } if is_ours(group) => {
                let members = counted(*members, "member");
                (-6, format!("{who} begins epoch {epoch} of group {group}, which has {members}"))
            }
            Kind::GroupLoaded { group, state, epoch, members, .. } if is_ours(group) => {
                let text = format!(
                    "{who} takes group {group} over: {state}, epoch {epoch}, {}",
                    counted(*members, "member")
                );
                (6, text)
            }
            Kind::MemberLoaded { group, member, epoch, partitions } if is_ours(group) => {
                let text = format!(
                    "{who} finds in its log that {} is a member in epoch {epoch} and owns {}",
                    self.member_by_id(member),
                    Self::list(partitions, model)
                );
                // Who is a member is what matters of a whole group.
                let aside = if touches(partitions) { 0 } else { ASIDE };
                let left = self.left_before(event, member).filter(|_| !self.has_other_ids(member));
                let (trouble, left) = match left {
                    Some(left) => (TROUBLE, format!(", though it has left (e{left})")),
                    None => (0, String::new()),
                };
                let text = text + &left;
                // By which of its ids it is known decides whether it is one still.
                let which = if self.has_other_ids(member) { 2 * TO_THE_POINT } else { 0 };
                (trouble + which + if about.is_whole() { 12 } else { aside }, text)
            }
            Kind::MemberJoined { group, member, .. } if is_ours(group) => {
                // Under a new id it is another to the coordinator.
                let host = self.members.get(member).map_or(-1, |host| i64::from(host.0));
                let is_new = !self.told.insert(("joined", host)) && self.has_other_ids(member);
                // Of two who own the same, it matters when each came.
                let mut named = about.members.iter().filter_map(|id| self.members.get(id));
                let is_one = about.members.len() > 1
                    && event.at >= Moment::SCENARIO_BEGINS
                    && named.any(|named| Some(named) == self.members.get(member));
                let extra = i32::from(is_new) * TO_THE_POINT + i32::from(is_one) * 2 * TO_THE_POINT;
                // By then who leads the generation has the list of its members already.
                let state = model.groups.get(group).map(|known| known.state);
                let state = match state {
                    Some(state @ GroupState::CompletingRebalance) => format!(", which is {state}"),
                    _ => String::new(),
                };
                let member = self.member_by_id(member);
                (extra, format!("{who} takes {member} into group {group}{state}"))
            }
            Kind::MemberLeft { group, member, because } if is_ours(group) => {
                let who_left = self.member_by_id(member);
                let extra = match because {
                    _ if self.is_of_before(event, group, member) => ASIDE,
                    LeftBecause::Left => 4,
                    _ => TROUBLE,
                };
                let because = match because {
                    LeftBecause::Replaced => {
                        "its group.instance.id is back with a new member id".to_owned()
                    }
                    other => other.to_string(),
                };
                (extra, format!("{who} counts {who_left} out of group {group}: {because}"))
            }
            Kind::AssignmentDecided { group, member, epoch, partitions } if is_ours(group) => {
                let share = format!(
                    "{} shall own {}",
                    self.member_by_id(member),
                    Self::list(partitions, model)
                );
                // Who gets nothing under a new id may have been somebody under the old one.
                let is_nobody = partitions.is_empty() && self.has_other_ids(member);
                let is_it = is_nobody || touches(partitions);
                let extra = match (is_nobody, is_it && !about.is_whole()) {
                    (true, true) => TO_THE_POINT,
                    (_, true) => -4,
                    _ => 2 * ASIDE,
                };
                let nobody = is_nobody.then(|| self.unassigned(event, about, model)).flatten();
                let share = share + &nobody.unwrap_or_default();
                return self.assign(event, extra, (&format!("in epoch {epoch} "), &share));
            }
            Kind::MemberReconciled { group, member, epoch, partitions, revoking }
                if is_ours(group) =>
            {
                let give_up = match revoking.as_slice() {
                    [] => String::new(),
                    some => format!(", and has yet to give up {}", Self::list(some, model)),
                };
                let text = format!(
                    "{who} lets {} own {} in epoch {epoch}{give_up}",
                    self.member(member),
                    Self::list(partitions, model)
                );
                let extra = match about.partition {
                    // What is asked back, and not given, is what others wait for.
                    Some(partition) if revoking.contains(&partition) => TROUBLE,
                    Some(partition) if partitions.contains(&partition) => 2,
                    Some(_) => ASIDE,
                    None if about.is_whole() => ASIDE / 2,
                    None => 2,
                };
                (extra, text)
            }
            Kind::CoordinatorLoaded { partition, leader_epoch, .. }
                if Some(*partition) == self.focus.partition =>
            {
                let text = format!(
                    "{who} has read {} and coordinates its groups in leader epoch {leader_epoch}",
                    model.partition_name(*partition)
                );
                (0, text)
            }
            Kind::CoordinatorUnloaded { partition, .. }
                if Some(*partition) == self.focus.partition =>
            {
                (0, format!("{who} forgets the groups of {}", model.partition_name(*partition)))
            }
            _ => return is_of_groups(&event.kind) && !is_of_commits(&event.kind),
        };
        self.add_with(event, (Tag::Group, extra), text, None);
        true
    }

    /// The event since which the member itself takes itself for none.
    fn left_before(&self, event: &Event, id: &Name) -> Option<u64> {
        let last = self.tape.last_before(
            event,
            |it| matches!(&it.kind, Kind::MemberStateEntered { member, .. } if member == id),
        )?;
        let Kind::MemberStateEntered { state, .. } = &last.kind else { return None };
        has_left(*state).then_some(last.index)
    }

    /// "; orders-5 is in nobody's share", if no share of the same assignment has the partition that
    /// the story is about.
    fn unassigned(&self, event: &Event, about: &GroupFocus, model: &Model) -> Option<String> {
        let partition = about.partition?;
        let is_given = self.tape.step_of(event).any(|it| {
            let Kind::AssignmentDecided { partitions, .. } = &it.kind else { return false };
            partitions.contains(&partition)
        });
        let name = model.partition_name(partition);
        (!is_given).then(|| format!("; {name} is in nobody's share"))
    }

    /// Adds a share of an assignment to what was told of the same assignment.
    fn assign(&mut self, event: &Event, extra: i32, (lead, share): (&str, &str)) -> bool {
        let is_evidence = self.is_evidence(event);
        let same = self.notes.last_mut().filter(|note| {
            let before = self.tape.event(note.event);
            before.is_some_and(|before| {
                before.step == event.step && matches!(before.kind, Kind::AssignmentDecided { .. })
            })
        });
        match same {
            Some(note) if !is_evidence && !self.focus.evidence.contains(&note.event) => {
                // The share that matters comes first, and beyond a few they say no more.
                if extra > note.extra {
                    note.text = format!("{lead}{share}");
                    (note.event, note.extra) = (event.index, extra);
                } else if extra == note.extra
                    && note.text.matches(" shall own ").count() < SHARES_MAX
                {
                    note.text += &format!("; {share}");
                }
            }
            _ => self.add_with(event, (Tag::Group, extra), format!("{lead}{share}"), None),
        }
        true
    }

    fn on_offsets(&mut self, event: &Event, about: &GroupFocus, model: &Model) -> bool {
        let who = self.who(event);
        let (group, partition) = match &event.kind {
            Kind::OffsetAppended { group, partition, .. }
            | Kind::OffsetCommitAnswered { group, partition, .. }
            | Kind::OffsetCommitted { group, partition, .. }
            | Kind::OffsetRemoved { group, partition, .. }
            | Kind::OffsetLoaded { group, partition, .. }
            | Kind::OffsetTold { group, partition, .. }
            | Kind::CommitAsked { group, partition, .. }
            | Kind::CommitAnswered { group, partition, .. }
            | Kind::CommittedOffsetUsed { group, partition, .. } => (group, *partition),
            _ => return false,
        };
        let is_ours = *group == about.name && about.partition.is_none_or(|it| it == partition);
        // Of a whole group it matters little who begins where.
        let is_aside = about.is_whole() && matches!(event.kind, Kind::CommittedOffsetUsed { .. });
        if !is_ours || is_aside {
            return true;
        }
        let name = model.partition_name(partition);
        let proof = self.focus.evidence.iter().filter_map(|at| self.tape.event(*at));
        let is_of_offsets = about.offset.is_some()
            || !about.commits.is_empty()
            || proof.into_iter().any(|it| is_of_commits(&it.kind));
        let near = |offset| {
            let is_it = about.offset == Some(offset) || about.commits.contains(&offset);
            match (is_it, is_of_offsets) {
                (true, _) => TO_THE_POINT,
                (false, true) if !about.is_whole() => ASIDE,
                // Where it is about who owns what, commits are beside the point.
                (false, _) => 3 * ASIDE,
            }
        };
        let (extra, text) = match &event.kind {
            Kind::OffsetAppended { offset, member, epoch, log_offset, .. } => {
                let from = member.as_ref().map_or("an outsider".to_owned(), |id| self.member(id));
                let text = format!(
                    "{who} writes offset {offset} of {name}, from {from} in epoch {epoch}, at \
                     {log_offset} of its log"
                );
                let before = self.tape.last_before(event, |it| {
                    let Kind::OffsetCommitted { group: of, partition: at, .. } = &it.kind else {
                        return false;
                    };
                    of == group && *at == partition
                });
                let before = before.and_then(|it| match &it.kind {
                    Kind::OffsetCommitted { offset: before, .. } if before > offset => {
                        Some(format!("{text}, though {before} was committed (e{})", it.index))
                    }
                    _ => None,
                });
                (near(*offset), before.unwrap_or(text))
            }
            Kind::OffsetCommitAnswered { offset, member, error, .. } => {
                let to = member.as_ref().map_or("an outsider".to_owned(), |id| self.member(id));
                let text = match error {
                    ErrorCode::None => {
                        format!("{who} tells {to} that offset {offset} of {name} is committed")
                    }
                    _ => format!("{who} refuses offset {offset} of {name} from {to}: {error}"),
                };
                (near(*offset), text)
            }
            Kind::OffsetCommitted { offset, .. } if self.is_evidence(event) => {
                (0, format!("{who}: the followers have offset {offset} of {name}, it is committed"))
            }
            Kind::OffsetRemoved { because, .. } => (
                TO_THE_POINT,
                format!("{who} takes the offset of group {group} for {name} away: {because}"),
            ),
            Kind::OffsetLoaded { offset, .. } => {
                (near(*offset) / 2, format!("{who} finds offset {offset} of {name} in its log"))
            }
            Kind::OffsetTold { offset, .. } if self.is_evidence(event) => {
                let whom = self.tape.message_to(event).filter(|it| !it.is_response);
                let whom = whom.map_or("a client", |it| self.tape.host(Some(it.from)));
                let what = offset.map_or_else(
                    || "has no committed offset".to_owned(),
                    |offset| format!("has committed offset {offset}"),
                );
                (TO_THE_POINT, format!("{who} tells {whom} that group {group} {what} of {name}"))
            }
            Kind::CommitAsked { offset, automatic, .. } => {
                // Who commits by the clock commits the same again and again.
                let host = event.host.map_or(0, |host| i64::from(host.0));
                let is_first = self.told.insert(("commit", (host << 48) | offset.0));
                if !is_first && !self.is_evidence(event) {
                    return true;
                }
                let how = if *automatic { ", by itself" } else { "" };
                (near(*offset), format!("{who} commits offset {offset} of {name}{how}"))
            }
            Kind::CommitAnswered { offset, error, .. } if *error != ErrorCode::None => {
                let text = format!(
                    "{who} learns that its commit of offset {offset} of {name} came to {error}"
                );
                (near(*offset), text)
            }
            Kind::CommittedOffsetUsed { offset, .. } => {
                let from = offset.map_or("where auto.offset.reset says".to_owned(), |offset| {
                    format!("at offset {offset}")
                });
                (if is_of_offsets { 0 } else { ASIDE }, format!("{who} begins {name} {from}"))
            }
            _ => return true,
        };
        self.add_with(event, (Tag::Offset, extra), text, None);
        true
    }

    /// Whether the process of `event` was asked to end.
    fn is_ending(&self, event: &Event) -> bool {
        let last = self.tape.last_before(event, |it| {
            it.host == event.host
                && matches!(it.kind, Kind::ShutdownRequested {} | Kind::HostStarted { .. })
        });
        last.is_some_and(|it| matches!(it.kind, Kind::ShutdownRequested {}))
    }

    fn on_member(&mut self, event: &Event, about: &GroupFocus, model: &Model) -> bool {
        let who = self.who(event);
        let is_named = |member: &Name| about.members.is_empty() || about.members.contains(member);
        let is_it = |partition: &TopicPartition| about.partition.is_none_or(|it| it == *partition);
        let (tag, extra, text) = match &event.kind {
            Kind::MemberStateEntered { group, member, epoch, state, .. } => {
                if *group != about.name {
                    return true;
                }
                let text = match state {
                    MemberState::Unjoined if self.is_ending(event) => {
                        format!("{who} is no member any more")
                    }
                    MemberState::Unjoined => {
                        format!("{who} is no member any more, and will join again")
                    }
                    MemberState::Fenced => format!("{who} learns that it was expelled"),
                    MemberState::Stale => format!("{who} leaves: its application does not poll"),
                    MemberState::Fatal => format!("{who} can never be a member again"),
                    MemberState::Joining | MemberState::PreparingRebalance => {
                        format!("{who} asks to join")
                    }
                    MemberState::Stable => format!("{who} is {state}, in epoch {epoch}"),
                    _ => return true,
                };
                if *state == MemberState::Fenced && self.is_again(event, text.clone()) {
                    return true;
                }
                let is_trouble = matches!(
                    state,
                    MemberState::Fenced
                        | MemberState::Stale
                        | MemberState::Fatal
                        | MemberState::Unjoined
                );
                let extra = match state {
                    MemberState::Stale | MemberState::Fatal => TROUBLE,
                    // Again and again, or it would not be stuck.
                    MemberState::Fenced if about.is_whole() => TROUBLE,
                    _ if is_trouble && is_named(member) => 4,
                    _ => ASIDE,
                };
                (Tag::Member, extra, text)
            }
            Kind::CallbackInvoked { group, callback: CallbackVerb::Lost, partitions, .. }
                if *group == about.name =>
            {
                (
                    Tag::Member,
                    -6,
                    format!("{who} tells its application that it lost {partitions} partitions"),
                )
            }
            Kind::PartitionTaken { group, member, epoch, partition } => {
                if *group != about.name || !is_it(partition) || about.is_whole() {
                    return true;
                }
                let name = model.partition_name(*partition);
                // Of two who own the same, or shall, it matters since when.
                let extra = match (is_named(member), about.members.len()) {
                    (true, 2..) => 2 * TO_THE_POINT,
                    (true, _) => 6,
                    (false, _) => ASIDE,
                };
                (Tag::Member, extra, format!("{who} takes {name}, in epoch {epoch}"))
            }
            Kind::PartitionGivenUp { group, member, partition, because, .. } => {
                if *group != about.name || !is_it(partition) {
                    return true;
                }
                let name = model.partition_name(*partition);
                let is_near = is_named(member) && !about.is_whole();
                let extra = if is_near { 6 } else { ASIDE };
                (Tag::Member, extra, format!("{who} gives {name} up: {because}"))
            }
            Kind::Polled { partition, base_offset, records, .. } => {
                let end = *base_offset + u64::from(*records);
                // Where the offset is that of a commit, the record there is not what it is about.
                let record = about.offset.filter(|it| !about.commits.contains(it));
                let covers = record.is_some_and(|it| *base_offset <= it && it < end);
                let is_ours = about.partition == Some(*partition)
                    && covers
                    && self.members.values().any(|host| Some(*host) == event.host);
                if !is_ours {
                    return false;
                }
                let name = model.partition_name(*partition);
                (
                    Tag::Work,
                    TROUBLE,
                    format!("{who} is given {} of {name}", offsets(*base_offset, end)),
                )
            }
            Kind::Processed { group, partition, base_offset, records, .. } => {
                let end = *base_offset + u64::from(*records);
                let covers = about.offset.is_some_and(|it| *base_offset <= it && it <= end);
                let is_ours = *group == about.name && is_it(partition) && covers;
                if !is_ours && !self.is_evidence(event) {
                    return true;
                }
                let name = model.partition_name(*partition);
                let last = about.offset.filter(|it| *it == end);
                let last = last.map_or_else(String::new, |it| format!(", the last before {it}"));
                let text =
                    format!("{who} processes {} of {name}{last}", offsets(*base_offset, end));
                (Tag::Work, 0, text)
            }
            _ => return false,
        };
        self.add_with(event, (tag, extra), text, None);
        true
    }
}

/// Whether who is in `state` has told its coordinator that it goes.
pub(crate) fn has_left(state: MemberState) -> bool {
    matches!(state, MemberState::Stale | MemberState::Unjoined | MemberState::Leaving)
}

/// Whether an event is a coordinator's or a member's.
fn is_of_groups(kind: &Kind) -> bool {
    (160..190).contains(&kind.number())
}

fn is_of_commits(kind: &Kind) -> bool {
    matches!(kind.number(), 163 | 170..=174 | 180..=187)
}
