//! Which links a fault acts on: who does not hear whom while it is in force.

use crate::event::FaultVerb;
use crate::trace::FaultView;
use crate::types::HostId;

/// What an event says of a fault, as far as links go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links<'a> {
    pub(crate) verb: FaultVerb,
    pub(crate) hosts: &'a [HostId],
    /// How many of the hosts stand in each group, in order.
    pub(crate) groups: &'a [u32],
    pub(crate) detail: &'a str,
}

impl<'a> Links<'a> {
    pub(crate) fn of(fault: &'a FaultView) -> Self {
        let FaultView { verb, hosts, groups, detail, .. } = fault;
        Self { verb: *verb, hosts, groups, detail: detail.as_str() }
    }

    /// Whether nothing that `from` sends reaches `to`.
    fn cuts(&self, from: HostId, to: HostId) -> bool {
        let (inbound, outbound) = (self.detail != "outbound", self.detail != "inbound");
        let sides = (self.group_of(from), self.group_of(to));
        match self.verb {
            FaultVerb::Isolate => {
                (inbound && self.hosts.contains(&to)) || (outbound && self.hosts.contains(&from))
            }
            FaultVerb::Partition => sides.0.is_some() && sides.1.is_some() && sides.0 != sides.1,
            FaultVerb::Bridge => matches!(sides, (Some(0), Some(2)) | (Some(2), Some(0))),
            FaultVerb::OneWay => sides == (Some(0), Some(1)),
            FaultVerb::Cut => {
                (outbound && sides == (Some(0), Some(1)))
                    || (inbound && sides == (Some(1), Some(0)))
            }
            FaultVerb::Ring => self.is_beyond_in_ring(from, to),
            _ => false,
        }
    }

    /// Whether one of two hosts does not hear the other, so that no request between them is
    /// answered.
    pub(crate) fn part(&self, one: HostId, other: HostId) -> bool {
        one != other && (self.cuts(one, other) || self.cuts(other, one))
    }

    /// Whether messages between two hosts are late, or lost, or their connections reset.
    pub(crate) fn trouble(&self, one: HostId, other: HostId) -> bool {
        let is_of_links = matches!(
            self.verb,
            FaultVerb::Delay | FaultVerb::Lose | FaultVerb::Throttle | FaultVerb::Reset
        );
        let sides = (self.group_of(one), self.group_of(other));
        is_of_links
            && one != other
            && match self.groups.len() {
                // All links of a host: the other ends are not named.
                0 | 1 => sides.0.is_some() || sides.1.is_some(),
                _ => matches!(sides, (Some(0), Some(1)) | (Some(1), Some(0))),
            }
    }

    /// Whether a host itself works slowly.
    pub(crate) fn slow(&self, host: HostId) -> bool {
        let is_of_hosts =
            matches!(self.verb, FaultVerb::Slow | FaultVerb::SlowDisk | FaultVerb::HangDisk);
        is_of_hosts && self.hosts.contains(&host)
    }

    fn group_of(&self, host: HostId) -> Option<usize> {
        let place = self.hosts.iter().position(|other| *other == host)?;
        let mut end = 0_usize;
        self.groups.iter().position(|size| {
            end = end.saturating_add(usize::try_from(*size).unwrap_or(usize::MAX));
            place < end
        })
    }

    /// In a ring each hears so many hosts, itself included, as the detail begins with.
    fn is_beyond_in_ring(&self, one: HostId, other: HostId) -> bool {
        let heard = self.detail.split(' ').next().and_then(|heard| heard.parse::<usize>().ok());
        let place = |host| self.hosts.iter().position(|it| *it == host);
        let (Some(heard), Some(one), Some(other)) = (heard, place(one), place(other)) else {
            return false;
        };
        let apart = one.abs_diff(other);
        apart.min(self.hosts.len() - apart) > heard / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a fault of `verb` on hosts, in groups, does to the links between `one` and `other`:
    /// whether it cuts the way there, parts the two, troubles them.
    fn between(
        verb: FaultVerb,
        (hosts, groups, detail): (&[u16], &[u32], &str),
        (one, other): (u16, u16),
    ) -> (bool, bool, bool) {
        let hosts: Vec<HostId> = hosts.iter().copied().map(HostId).collect();
        let links = Links { verb, hosts: &hosts, groups, detail };
        let (one, other) = (HostId(one), HostId(other));
        (links.cuts(one, other), links.part(one, other), links.trouble(one, other))
    }

    const FREE: (bool, bool, bool) = (false, false, false);
    const CUT: (bool, bool, bool) = (true, true, false);
    const DEAF: (bool, bool, bool) = (false, true, false);
    const SLOW: (bool, bool, bool) = (false, false, true);

    #[test]
    fn a_fault_parts_whom_it_cuts_and_nobody_else() {
        let sides = (&[0, 1, 2][..], &[1, 2][..], "");
        assert_eq!(between(FaultVerb::Partition, sides, (0, 1)), CUT);
        assert_eq!(between(FaultVerb::Partition, sides, (2, 0)), CUT);
        assert_eq!(between(FaultVerb::Partition, sides, (1, 2)), FREE);
        assert_eq!(between(FaultVerb::Partition, sides, (0, 3)), FREE);
        let inbound = (&[0][..], &[1][..], "inbound");
        assert_eq!(between(FaultVerb::Isolate, inbound, (1, 0)), CUT);
        assert_eq!(between(FaultVerb::Isolate, inbound, (0, 1)), DEAF);
        assert_eq!(between(FaultVerb::Isolate, inbound, (1, 2)), FREE);
        let bridge = (&[0, 1, 2][..], &[1, 1, 1][..], "");
        assert_eq!(between(FaultVerb::Bridge, bridge, (0, 2)), CUT);
        assert_eq!(between(FaultVerb::Bridge, bridge, (0, 1)), FREE);
        let pair = (&[0, 1][..], &[1, 1][..], "");
        assert_eq!(between(FaultVerb::OneWay, pair, (0, 1)), CUT);
        assert_eq!(between(FaultVerb::OneWay, pair, (1, 0)), DEAF);
        let outbound = (&[0, 1, 2][..], &[1, 2][..], "outbound");
        assert_eq!(between(FaultVerb::Cut, outbound, (0, 1)), CUT);
        assert_eq!(between(FaultVerb::Cut, outbound, (1, 0)), DEAF);
        assert_eq!(between(FaultVerb::Cut, outbound, (1, 2)), FREE);
        let ring = (&[0, 1, 2, 3, 4][..], &[5][..], "3 of 5");
        assert_eq!(between(FaultVerb::Ring, ring, (0, 1)), FREE);
        assert_eq!(between(FaultVerb::Ring, ring, (0, 2)), CUT);
        assert_eq!(between(FaultVerb::Ring, ring, (0, 4)), FREE);
    }

    #[test]
    fn a_fault_that_slows_links_parts_nobody() {
        let pair = (&[0, 1][..], &[1, 1][..], "1s");
        assert_eq!(between(FaultVerb::Delay, pair, (0, 1)), SLOW);
        assert_eq!(between(FaultVerb::Delay, pair, (0, 2)), FREE);
        let all = (&[0][..], &[1][..], "5 %");
        assert_eq!(between(FaultVerb::Lose, all, (2, 0)), SLOW);
        assert_eq!(between(FaultVerb::Lose, all, (1, 2)), FREE);
        assert_eq!(between(FaultVerb::Pause, pair, (0, 1)), FREE);
    }
}
