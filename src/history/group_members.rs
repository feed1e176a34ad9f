//! The hosts of groups' members: who is in which group, and whose consumer failed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{Event, Kind, MemberState, OperationResult, OperationVerb};
use crate::types::{ErrorCode, HostId, Moment, Name};

/// A member that can never be one again: its process lives, and does nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedMember<Host = String> {
    /// Its host.
    pub host: Host,
    /// When it learned so.
    pub at: Moment,
    /// What it was told, if its application has asked.
    pub error: Option<ErrorCode>,
}

/// Polls that failed, of members that may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailedPolls {
    /// What their applications were told.
    pub error: ErrorCode,
    /// How many.
    pub polls: u64,
    /// When the first did.
    pub since: Moment,
}

/// A member whose application did not poll for max.poll.interval.ms, so that it left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OverdueMember<Host = String> {
    /// Its host.
    pub host: Host,
    /// How often.
    pub times: u64,
    /// When it did so first.
    pub since: Moment,
    /// max.poll.interval.ms.
    pub interval: Duration,
}

/// Folds events into what became of members.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::history) struct GroupMembers {
    hosts: BTreeMap<HostId, Member>,
    /// The poll in which each application is.
    polls: BTreeMap<HostId, u32>,
    /// By group and error: how many, and when the first was.
    failed_polls: BTreeMap<(Name, ErrorCode), (u64, Moment)>,
    /// By group.
    overdue: BTreeMap<(Name, HostId), OverdueMember<HostId>>,
}

#[derive(Clone, PartialEq, Debug)]
struct Member {
    group: Name,
    failed_at: Option<Moment>,
    error: Option<ErrorCode>,
}

impl GroupMembers {
    /// Folds in `event`.
    pub(in crate::history) fn apply(&mut self, event: &Event) {
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::MemberStateEntered { group, state, .. } => {
                let is_failed = *state == MemberState::Fatal;
                let known = self.hosts.get_mut(&host).filter(|known| known.group == *group);
                match known {
                    Some(known) if is_failed => known.failed_at = Some(event.at),
                    Some(_) => {}
                    None => {
                        let failed_at = is_failed.then_some(event.at);
                        let member = Member { group: group.clone(), failed_at, error: None };
                        self.hosts.insert(host, member);
                    }
                }
            }
            Kind::PollOverdue { group, interval, .. } => {
                let interval = Duration::from_millis(u64::from(*interval));
                let fresh = || OverdueMember { host, times: 0, since: event.at, interval };
                let key = (group.clone(), host);
                self.overdue.entry(key).or_insert_with(fresh).times += 1;
            }
            Kind::OperationInvoked { operation, verb: OperationVerb::Poll, .. } => {
                self.polls.insert(host, operation.number);
            }
            Kind::OperationReturned { operation, result, error, .. } => {
                let is_poll = self.polls.get(&host) == Some(&operation.number);
                if is_poll {
                    self.polls.remove(&host);
                }
                if let Some(member) = self.hosts.get_mut(&host)
                    && is_poll
                    && *result != OperationResult::Ok
                {
                    if member.failed_at.is_some() {
                        member.error.get_or_insert(*error);
                        return;
                    }
                    let key = (member.group.clone(), *error);
                    self.failed_polls.entry(key).or_insert((0, event.at)).0 += 1;
                }
            }
            // The next process begins anew.
            Kind::HostStopped { .. } => {
                self.polls.remove(&host);
                if let Some(member) = self.hosts.get_mut(&host) {
                    (member.failed_at, member.error) = (None, None);
                }
            }
            _ => {}
        }
    }

    /// The group that `host` is a member of, or was.
    pub(in crate::history) fn group_of(&self, host: HostId) -> Option<&Name> {
        self.hosts.get(&host).map(|member| &member.group)
    }

    /// The members of `group` that can never be members again, by when they learned so.
    pub(in crate::history) fn failed(&self, group: &Name) -> Vec<FailedMember<HostId>> {
        let of_group = self.hosts.iter().filter(|(_, member)| member.group == *group);
        let mut failed: Vec<_> = of_group
            .filter_map(|(host, member)| {
                Some(FailedMember { host: *host, at: member.failed_at?, error: member.error })
            })
            .collect();
        failed.sort_by_key(|member| (member.at, member.host));
        failed
    }

    /// The members of `group` whose applications polled too late.
    pub(in crate::history) fn overdue(
        &self,
        group: &Name,
    ) -> impl Iterator<Item = &OverdueMember<HostId>> {
        let all = self.overdue.iter();
        let group = group.clone();
        all.filter(move |((of, _), _)| *of == group).map(|(_, member)| member)
    }

    /// The polls of `group` that failed, by error.
    pub(in crate::history) fn failed_polls(&self, group: &Name) -> Vec<FailedPolls> {
        let of_group = self.failed_polls.iter().filter(|((of, _), _)| of == group);
        of_group
            .map(|((_, error), (polls, since))| FailedPolls {
                error: *error,
                polls: *polls,
                since: *since,
            })
            .collect()
    }
}

impl FailedMember<HostId> {
    /// With the host's name.
    pub(in crate::history) fn named(&self, host_name: &dyn Fn(HostId) -> String) -> FailedMember {
        FailedMember { host: host_name(self.host), at: self.at, error: self.error }
    }
}

impl OverdueMember<HostId> {
    /// With the host's name.
    pub(in crate::history) fn named(&self, host_name: &dyn Fn(HostId) -> String) -> OverdueMember {
        let Self { host, times, since, interval } = *self;
        OverdueMember { host: host_name(host), times, since, interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::script::{OTHER, READER, Script, WRITER};
    use crate::event::CrashKeep;
    use crate::types::{ClientId, OperationId};

    /// Looks at what became of `billing` in `run`.
    fn fold(run: &Script) -> (Vec<FailedMember<HostId>>, Vec<FailedPolls>) {
        let mut members = GroupMembers::default();
        run.events().iter().for_each(|event| members.apply(event));
        (members.failed(&"billing".into()), members.failed_polls(&"billing".into()))
    }

    fn enters(run: &mut Script, host: HostId, state: MemberState) {
        let (group, member, epoch, leads) = ("billing".into(), "m".into(), 1, false);
        run.add(host, Kind::MemberStateEntered { group, member, epoch, state, leads });
    }

    fn asks(run: &mut Script, host: HostId, verb: OperationVerb, number: u32, error: ErrorCode) {
        let operation = OperationId { client: ClientId(9), number };
        run.add(host, Kind::OperationInvoked { operation, verb, topic: None });
        let result = match error {
            ErrorCode::None => OperationResult::Ok,
            _ => OperationResult::Failed,
        };
        let (partition, offset) = (None, None);
        let returned = Kind::OperationReturned { operation, result, error, partition, offset };
        run.add(host, returned);
    }

    #[test]
    fn who_is_refused_for_good_is_told_with_the_reason() {
        let mut run = Script::new();
        enters(&mut run, OTHER, MemberState::Stable);
        enters(&mut run, READER, MemberState::Fatal);
        assert_eq!(fold(&run).0.len(), 1);
        let refused = ErrorCode::UnreleasedInstanceId;
        asks(&mut run, READER, OperationVerb::Poll, 3, refused);
        let (failed, polls) = fold(&run);
        let told: Vec<_> = failed.iter().map(|it| (it.host, it.error)).collect();
        assert_eq!(told, [(READER, Some(refused))]);
        assert_eq!(polls, []);
        // A process that is started anew may be a member again.
        let (keep, halted, in_order) = (CrashKeep::PageCache, None, false);
        run.add(READER, Kind::HostStopped { keep, halted, in_order });
        assert_eq!(fold(&run).0, []);
    }

    #[test]
    fn polls_that_fail_are_counted_and_nothing_else_is() {
        let mut run = Script::new();
        enters(&mut run, READER, MemberState::Stable);
        asks(&mut run, READER, OperationVerb::Poll, 1, ErrorCode::None);
        asks(&mut run, READER, OperationVerb::Commit, 2, ErrorCode::RebalanceInProgress);
        for number in 3..6 {
            asks(&mut run, READER, OperationVerb::Poll, number, ErrorCode::OffsetOutOfRange);
        }
        // No member of any group.
        asks(&mut run, WRITER, OperationVerb::Poll, 1, ErrorCode::OffsetOutOfRange);
        let told: Vec<_> = fold(&run).1.iter().map(|it| (it.error, it.polls)).collect();
        assert_eq!(told, [(ErrorCode::OffsetOutOfRange, 3)]);
    }

    #[test]
    fn polls_that_are_overdue_are_counted() {
        let mut run = Script::new();
        for host in [READER, OTHER, READER] {
            let (group, member, epoch) = ("billing".into(), "m".into(), 1);
            let (interval, tells) = (3_000, true);
            run.add(host, Kind::PollOverdue { group, member, epoch, interval, tells });
        }
        let mut members = GroupMembers::default();
        run.events().iter().for_each(|event| members.apply(event));
        let told: Vec<_> =
            members.overdue(&"billing".into()).map(|it| (it.host, it.times)).collect();
        assert_eq!(told, [(READER, 2), (OTHER, 1)]);
        assert_eq!(members.overdue(&"other".into()).count(), 0);
    }
}
