//! A partition as one group owns it: who does, for how long nobody did, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::history::delivered::Delivered;
use crate::history::group_figures::{AgainBecause, GroupPartitionFigures, Stint};
use crate::types::{HostId, Moment, Offset};

/// A partition, as one group owns and reads it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::history) struct Owned {
    pub(in crate::history) stints: Vec<Stint<HostId>>,
    /// Those who believe that they own it, each with how it came to that.
    pub(in crate::history) owners: BTreeMap<HostId, (i32, AgainBecause)>,
    /// Those of them whom the coordinator counts no more.
    pub(in crate::history) expelled: BTreeSet<HostId>,
    /// What became of the group's offset, if whoever takes the partition next is led elsewhere.
    pub(in crate::history) offset_gone: Option<AgainBecause>,
    /// How long it waited for its first owner; `None` if it never had one.
    pub(in crate::history) waited: Option<Duration>,
    /// What became of the last owner.
    pub(in crate::history) last: Option<(HostId, AgainBecause)>,
    pub(in crate::history) unowned_since: Option<Moment>,
    /// The times without an owner that somebody ended, by the epoch in which it was taken.
    pub(in crate::history) ended: Vec<(Moment, i32, Duration)>,
    pub(in crate::history) unowned: Duration,
    pub(in crate::history) longest: Duration,
    pub(in crate::history) longest_at: Option<Moment>,
    pub(in crate::history) delivered: Delivered,
    pub(in crate::history) committed: Option<Offset>,
    pub(in crate::history) largest_lag: u64,
    /// When its topic was deleted.
    pub(in crate::history) removed: Option<Moment>,
}

/// Records that are there and not committed.
pub(in crate::history) fn lag(committed: Option<Offset>, end: Option<Offset>) -> u64 {
    let (committed, end) = (committed.map_or(0, |it| it.0), end.map_or(0, |it| it.0));
    u64::try_from(end.saturating_sub(committed)).unwrap_or(0)
}

/// Now, and when healing began.
pub(in crate::history) type Times = (Moment, Option<Moment>);

/// The time since `since`, as far as the scenario is not over.
fn within(since: Moment, (now, healed): Times) -> Duration {
    let since = since.max(Moment::SCENARIO_BEGINS);
    healed.map_or(now, |healed| healed.min(now)).since(since)
}

impl Owned {
    /// `host` takes it, which somebody might have had since `wanted`.
    pub(in crate::history) fn take(
        &mut self,
        host: HostId,
        epoch: i32,
        (wanted, times): (Moment, Times),
    ) {
        self.waited.get_or_insert_with(|| within(wanted, times));
        let others: BTreeSet<HostId> =
            self.owners.keys().copied().filter(|owner| *owner != host).collect();
        let because = match self.last {
            _ if !others.is_empty() => AgainBecause::Both,
            Some((last, because)) if last != host || because == AgainBecause::Ended => because,
            Some((_, because @ AgainBecause::Lost)) => because,
            _ => AgainBecause::Same,
        };
        if let Some(time) = self.end_unowned(times).filter(|time| !time.is_zero()) {
            self.ended.push((times.0, epoch, time));
        }
        self.expelled.remove(&host);
        self.owners.insert(host, (epoch, because));
        self.stints.push(Stint { owner: host, epoch, from: times.0, until: None, expelled: None });
    }

    pub(in crate::history) fn give_up(
        &mut self,
        host: HostId,
        because: AgainBecause,
        times: Times,
    ) {
        if self.owners.remove(&host).is_none() {
            return;
        }
        self.expelled.remove(&host);
        self.last = Some((host, because));
        if let Some(stint) = self.stints.iter_mut().rfind(|stint| stint.owner == host) {
            stint.until = Some(times.0);
        }
        self.miss_owner(times.0);
    }

    /// Whether nobody owns it whom the coordinator counts: nobody may, since `at` if not before.
    fn miss_owner(&mut self, at: Moment) {
        // What is no more wants no owner.
        if self.owners.len() == self.expelled.len() && self.removed.is_none() {
            self.unowned_since.get_or_insert(at);
        }
    }

    /// The coordinator counts `host` no more.
    pub(in crate::history) fn expel(&mut self, host: HostId, at: Moment) {
        if self.owners.contains_key(&host) {
            self.expelled.insert(host);
            let stint = self.stints.iter_mut().rfind(|stint| stint.owner == host);
            if let Some(stint) = stint.filter(|stint| stint.until.is_none()) {
                stint.expelled.get_or_insert(at);
            }
            self.miss_owner(at);
        }
    }

    /// Its coordinator counts `host` again: a new one has found it in its log, where the word of
    /// the one before never came.
    pub(in crate::history) fn readmit(&mut self, host: HostId) {
        if self.expelled.remove(&host) {
            self.unowned_since = None;
            if let Some(stint) = self.stints.iter_mut().rfind(|stint| stint.owner == host) {
                stint.expelled = None;
            }
        }
    }

    /// Whoever took it begins at `offset`, as its coordinator says.
    pub(in crate::history) fn on_begun(&mut self, host: Option<HostId>, offset: Option<Offset>) {
        let is_older = |known: Offset| offset.is_none_or(|offset| offset < known);
        let lost = self.committed.filter(|known| is_older(*known));
        let because = self.offset_gone.take().or(lost.map(|_| AgainBecause::OffsetLost));
        let owner = host.and_then(|host| self.owners.get_mut(&host));
        if let (Some(owner), Some(because)) = (owner, because) {
            owner.1 = because;
        }
    }

    /// Its topic is deleted.
    pub(in crate::history) fn remove(&mut self, times: Times) {
        self.end_unowned(times);
        self.removed.get_or_insert(times.0);
    }

    fn end_unowned(&mut self, times: Times) -> Option<Duration> {
        let since = self.unowned_since.take()?.max(Moment::SCENARIO_BEGINS);
        let time = within(since, times);
        self.unowned += time;
        if time > self.longest {
            (self.longest, self.longest_at) = (time, Some(since));
        }
        Some(time)
    }

    /// All but the stints and what is lost.
    pub(in crate::history) fn figures(
        &self,
        name: String,
        end: Option<Offset>,
        times: Times,
    ) -> GroupPartitionFigures {
        let mut ended = Self {
            unowned_since: self.unowned_since,
            unowned: self.unowned,
            longest: self.longest,
            longest_at: self.longest_at,
            ..Self::default()
        };
        ended.end_unowned(times);
        let lag = if self.removed.is_some() { 0 } else { lag(self.committed, end) };
        GroupPartitionFigures {
            name,
            stints: Vec::new(),
            waited: self.waited,
            unowned: ended.unowned,
            longest_unowned: ended.longest,
            longest_unowned_at: ended.longest_at,
            committed: self.committed,
            end,
            lag,
            largest_lag: self.largest_lag.max(lag),
            unprocessed: 0,
            passed_over: self.delivered.passed_over(),
            removed: self.removed,
        }
    }
}
