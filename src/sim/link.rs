//! A directed link and a network card: what a message meets on its way.
//!
//! - *Latency* is drawn for each message. `delay` replaces it or adds to it.
//! - *Loss* is TCP's, seen from above: nothing is missing, it comes late. A message is cut into
//!   segments ([`SEGMENT_BYTES`]), each of which is lost by itself. One with three more of its
//!   message behind it is noticed by the other side and sent again within a round trip (fast
//!   retransmission). One of the last three is noticed by nobody: its message, and all that is
//!   behind it in that direction of the connection, waits for the retransmission timer: 200 ms,
//!   doubling.
//! - *Bandwidth* is time on the wire, one message after the other: of all that a host sends or is
//!   sent through its network card, and of what passes on one link in one direction. Connections
//!   take turns, message by message.
//!
//! Draws are keyed by place and instant, those of loss and jitter apart from those of latency: a
//! link without loss draws nothing for it, and a loss leaves all latencies as they were.

use std::time::Duration;

use smallvec::SmallVec;

use crate::sim::weather::{Spread, Weather};
use crate::types::{HostId, Moment, Purpose};

/// What a TCP segment carries: Ethernet's 1500 bytes without the headers of IP and TCP.
const SEGMENT_BYTES: u32 = 1460;
/// The last segments of a message have too few behind them for duplicate acknowledgements.
const TAIL_SEGMENTS: u32 = 3;
const MILLION: u128 = 1_000_000;
/// Chances are counted in 2^32nds.
const CERTAIN: u64 = 1 << 32;

/// What a link is like, in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkPhysics {
    /// How long a message travels.
    pub latency: Spread,
    /// How many segments of a million are lost; below a million.
    pub loss: u32,
    /// How many bytes it carries in a second; `None` for as many as come.
    pub bandwidth: Option<u64>,
}

impl LinkPhysics {
    /// A link that loses nothing and carries everything.
    pub const fn of_latency(latency: Spread) -> Self {
        Self { latency, loss: 0, bandwidth: None }
    }
}

/// A directed link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    weather: Weather,
    base: LinkPhysics,
    /// The faults that cut it.
    pub(crate) cuts: SmallVec<[u32; 2]>,
    /// Counts the arrivals scheduled, by purpose.
    arrivals: [u32; Purpose::ALL.len()],
    /// Whatever is not plain latency; most links of most runs have none.
    trouble: Option<Box<Trouble>>,
}

/// What a link has beside latency.
#[derive(Clone, Debug)]
struct Trouble {
    loss_weather: Weather,
    jitter_weather: Weather,
    /// The faults that give it another latency.
    instead: SmallVec<[(u32, Spread); 1]>,
    /// The faults that add to it: how much, give or take how much.
    more: SmallVec<[(u32, Duration, Duration); 1]>,
    /// The faults that make it lossy, and how many segments of a million they take.
    losses: SmallVec<[(u32, u32); 1]>,
    pipe: Pipe,
}

/// Whether a message gets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passage {
    /// It does, after so many round trips more.
    Passes { round_trips: u32 },
    /// It must wait for the retransmission timer.
    Lost,
}

impl Link {
    pub(crate) fn new(seed: u64, from: HostId, to: HostId, base: LinkPhysics) -> Self {
        let place = [u64::from(from.0), u64::from(to.0)];
        let mut link = Self {
            weather: Weather::new(seed, "link", &place),
            base,
            cuts: SmallVec::new(),
            arrivals: [0; Purpose::ALL.len()],
            trouble: None,
        };
        if base.loss > 0 || base.bandwidth.is_some() {
            link.trouble(seed, from, to);
        }
        link
    }

    /// Whether it has nothing but its ordinary latency.
    pub(crate) fn is_plain(&self) -> bool {
        self.trouble.is_none()
    }

    fn trouble(&mut self, seed: u64, from: HostId, to: HostId) -> &mut Trouble {
        let bandwidth = self.base.bandwidth;
        self.trouble.get_or_insert_with(|| {
            let place = [u64::from(from.0), u64::from(to.0)];
            Box::new(Trouble {
                loss_weather: Weather::new(seed, "loss", &place),
                jitter_weather: Weather::new(seed, "jitter", &place),
                instead: SmallVec::new(),
                more: SmallVec::new(),
                losses: SmallVec::new(),
                pipe: Pipe::new(bandwidth),
            })
        })
    }

    /// Lets `fault` do `what` to this link, which leads from one host to another.
    pub(crate) fn afflict(
        &mut self,
        fault: u32,
        what: LinkFault,
        (seed, from, to): (u64, HostId, HostId),
    ) {
        let trouble = self.trouble(seed, from, to);
        match what {
            LinkFault::Latency(spread) => trouble.instead.push((fault, spread)),
            LinkFault::Delay { by, jitter } => trouble.more.push((fault, by, jitter)),
            LinkFault::Loss(loss) => trouble.losses.push((fault, loss)),
            LinkFault::Bandwidth(bandwidth) => trouble.pipe.throttle(fault, bandwidth),
        }
    }

    /// Ends what `fault` does to it.
    pub(crate) fn lift(&mut self, fault: u32) {
        self.cuts.retain(|cut| *cut != fault);
        let Some(trouble) = &mut self.trouble else { return };
        trouble.instead.retain(|delay| delay.0 != fault);
        trouble.more.retain(|delay| delay.0 != fault);
        trouble.losses.retain(|loss| loss.0 != fault);
        trouble.pipe.lift(fault);
        let is_plain = self.base.loss == 0
            && trouble.instead.is_empty()
            && trouble.more.is_empty()
            && trouble.losses.is_empty()
            && trouble.pipe.is_wide();
        if is_plain {
            self.trouble = None;
        }
    }

    /// The number of the next arrival for `purpose`.
    pub(crate) fn count(&mut self, purpose: Purpose) -> u32 {
        let arrivals = &mut self.arrivals[purpose.number() as usize];
        *arrivals += 1;
        *arrivals - 1
    }

    /// How long a message travels that leaves at `now`, and the fault that has a part in it.
    pub(crate) fn travel(&mut self, now: Moment) -> (Duration, Option<u32>) {
        let Some(trouble) = &mut self.trouble else {
            return (self.base.latency.at(self.weather.draw(now)), None);
        };
        let instead = trouble.instead.last().copied();
        let spread = instead.map_or(self.base.latency, |(_, spread)| spread);
        let mut takes = spread.at(self.weather.draw(now));
        let mut fault = instead.map(|(fault, _)| fault);
        for &(by_fault, by, jitter) in &trouble.more {
            fault = Some(by_fault);
            takes += by.saturating_sub(jitter);
            if !jitter.is_zero() {
                let width = u64::try_from(2 * jitter.as_micros()).unwrap_or(u64::MAX);
                let place = trouble.jitter_weather.draw(now) >> 32;
                let micros = (u128::from(width + 1) * u128::from(place)) >> 32;
                takes += Duration::from_micros(u64::try_from(micros).unwrap_or(width));
            }
        }
        (takes, fault)
    }

    /// Whether a message of `bytes` gets through at `now`, and the fault that has a part in it.
    pub(crate) fn pass(&mut self, now: Moment, bytes: u32) -> (Passage, Option<u32>) {
        let through = (Passage::Passes { round_trips: 0 }, None);
        let Some(trouble) = &mut self.trouble else { return through };
        let base = self.base.loss;
        let worst = trouble.losses.iter().max_by_key(|(_, loss)| *loss);
        let worst = worst.filter(|(_, loss)| *loss > base).copied();
        let loss = worst.map_or(base, |(_, loss)| loss);
        if loss == 0 {
            return through;
        }
        let draw = trouble.loss_weather.draw(now);
        let (tail, early) = (draw >> 32, draw & 0xffff_ffff);
        let segments = bytes.div_ceil(SEGMENT_BYTES).max(1);
        let last = segments.min(TAIL_SEGMENTS);
        // A fault has a part in what would not have been lost without it.
        let by_fault = |draw: u64, segments: u32| {
            worst.map(|(fault, _)| fault).filter(|_| draw >= chance_of_loss(base, segments))
        };
        if tail < chance_of_loss(loss, last) {
            return (Passage::Lost, by_fault(tail, last));
        }
        let front = segments - last;
        if early < chance_of_loss(loss, front) {
            return (Passage::Passes { round_trips: 1 }, by_fault(early, front));
        }
        through
    }

    /// When `bytes` that come at `now` have left, and the fault that holds them up.
    pub(crate) fn carry(&mut self, at: Nanos, bytes: u32) -> (Nanos, Option<u32>) {
        match &mut self.trouble {
            Some(trouble) => trouble.pipe.carry(at, bytes),
            None => (at, None),
        }
    }
}

/// What a fault does to a link, beside cutting it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkFault {
    /// Another latency instead of the ordinary one.
    Latency(Spread),
    /// So much more than the ordinary one, give or take at most as much.
    #[expect(missing_docs, reason = "the sentence names the fields")]
    Delay { by: Duration, jitter: Duration },
    /// So many segments of a million are lost.
    Loss(u32),
    /// So many bytes a second.
    Bandwidth(u64),
}

/// The chance that one of so many segments is lost, in 2^32nds.
fn chance_of_loss(loss: u32, segments: u32) -> u64 {
    let certain = u128::from(CERTAIN);
    let mut one = certain - certain * u128::from(loss) / MILLION;
    let mut all = certain;
    let mut left = segments;
    while left > 0 {
        if left % 2 == 1 {
            all = (all * one) >> 32;
        }
        one = (one * one) >> 32;
        left /= 2;
    }
    u64::try_from(certain - all).unwrap_or(CERTAIN)
}

/// Nanoseconds since the beginning of a run: bytes are faster than microseconds.
pub(crate) type Nanos = u64;

/// Something that carries so many bytes a second, one message after the other.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    base: Option<u64>,
    throttles: SmallVec<[(u32, u64); 1]>,
    busy_until: Nanos,
}

impl Pipe {
    pub(crate) fn new(base: Option<u64>) -> Self {
        Self { base, throttles: SmallVec::new(), busy_until: 0 }
    }

    /// Whether it carries as much as comes.
    pub(crate) fn is_wide(&self) -> bool {
        self.base.is_none() && self.throttles.is_empty()
    }

    pub(crate) fn throttle(&mut self, fault: u32, bandwidth: u64) {
        self.throttles.push((fault, bandwidth));
    }

    pub(crate) fn lift(&mut self, fault: u32) {
        let before = self.throttles.len();
        self.throttles.retain(|throttle| throttle.0 != fault);
        if self.throttles.len() < before {
            // What waited goes on faster from here: it is given to the pipe anew.
            self.busy_until = 0;
        }
    }

    /// When `bytes` that come at `at` are through, and the fault that has a part in it.
    pub(crate) fn carry(&mut self, at: Nanos, bytes: u32) -> (Nanos, Option<u32>) {
        let base = self.base.map(|bandwidth| (bandwidth, None));
        let throttles = self.throttles.iter().map(|(fault, bandwidth)| (*bandwidth, Some(*fault)));
        let narrowest = base.into_iter().chain(throttles).min_by_key(|(bandwidth, _)| *bandwidth);
        let Some((bandwidth, fault)) = narrowest else { return (at, None) };
        let takes = (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(bandwidth));
        self.busy_until = at.max(self.busy_until) + u64::try_from(takes).unwrap_or(u64::MAX >> 1);
        (self.busy_until, fault.filter(|_| self.busy_until > at))
    }
}

/// A host's network card.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) outbound: Pipe,
    pub(crate) inbound: Pipe,
}

impl Card {
    pub(crate) fn new(bandwidth: Option<u64>) -> Self {
        Self { outbound: Pipe::new(bandwidth), inbound: Pipe::new(bandwidth) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: HostId = HostId(1);
    const TO: HostId = HostId(2);

    fn link(loss: u32, bandwidth: Option<u64>) -> Link {
        let micros = Duration::from_micros;
        let latency = Spread { p50: micros(300), p99: micros(2000), max: micros(20_000) };
        Link::new(7, FROM, TO, LinkPhysics { latency, loss, bandwidth })
    }

    fn lost_of_10_000(link: &mut Link, bytes: u32) -> usize {
        (0..10_000).filter(|at| link.pass(Moment(*at), bytes).0 == Passage::Lost).count()
    }

    #[test]
    fn so_many_are_lost_as_the_link_says() {
        assert_eq!(lost_of_10_000(&mut link(0, None), 100), 0);
        let lost = lost_of_10_000(&mut link(50_000, None), 100);
        assert!((430..570).contains(&lost), "{lost} of 10,000 at 5 %");
        // Three segments: 1 - 0.95^3 = 14.3 %.
        let lost = lost_of_10_000(&mut link(50_000, None), 3 * SEGMENT_BYTES);
        assert!((1300..1560).contains(&lost), "{lost} of 10,000 messages of three segments");
        // However large a message, only its last three segments wait for the timer.
        let lost = lost_of_10_000(&mut link(50_000, None), 100 * SEGMENT_BYTES);
        assert!((1300..1560).contains(&lost), "{lost} of 10,000 messages of 100 segments");
    }

    #[test]
    fn the_chance_of_loss_grows_with_the_segments() {
        let percent = |loss, segments| chance_of_loss(loss, segments) * 1000 / CERTAIN;
        assert_eq!(percent(0, 1000), 0);
        assert_eq!(percent(10_000, 0), 0);
        assert!((9..=10).contains(&percent(10_000, 1)));
        assert!((632..=635).contains(&percent(10_000, 100)), "1 - 0.99^100 = 63.4 %");
    }

    #[test]
    fn a_fault_has_a_part_only_in_what_it_took() {
        let mut both = link(100_000, None);
        both.afflict(3, LinkFault::Loss(300_000), (7, FROM, TO));
        let mut own = link(100_000, None);
        let (mut lost_anyway, mut lost_to_fault) = (0, 0);
        for at in (0..5000).map(Moment) {
            let (passage, fault) = both.pass(at, 100);
            match own.pass(at, 100).0 {
                Passage::Lost => {
                    assert_eq!((passage, fault), (Passage::Lost, None));
                    lost_anyway += 1;
                }
                Passage::Passes { .. } if passage == Passage::Lost => {
                    assert_eq!(fault, Some(3));
                    lost_to_fault += 1;
                }
                Passage::Passes { .. } => assert_eq!(fault, None),
            }
        }
        assert!(lost_anyway > 400 && lost_to_fault > 800, "{lost_anyway} and {lost_to_fault}");
        both.lift(3);
        own.pass(Moment(9000), 100);
        assert_eq!(both.pass(Moment(9001), 100), own.pass(Moment(9001), 100));
    }

    #[test]
    fn messages_go_through_a_pipe_one_after_the_other() {
        let mut link = link(0, Some(1_000_000));
        // 1,000 bytes at 1 MB/s: a millisecond each.
        assert_eq!(link.carry(0, 1000), (1_000_000, None));
        assert_eq!(link.carry(500_000, 1000), (2_000_000, None));
        assert_eq!(link.carry(9_000_000, 1000), (10_000_000, None));
        link.afflict(4, LinkFault::Bandwidth(100_000), (7, FROM, TO));
        assert_eq!(link.carry(10_000_000, 1000), (20_000_000, Some(4)));
        link.lift(4);
        assert_eq!(link.carry(11_000_000, 1000), (12_000_000, None));
    }

    #[test]
    fn a_delay_adds_to_what_the_latency_would_have_been() {
        let millis = Duration::from_millis;
        let (mut plain, mut slow) = (link(0, None), link(0, None));
        assert!(plain.is_plain());
        let delay = LinkFault::Delay { by: millis(50), jitter: millis(20) };
        slow.afflict(1, delay, (7, FROM, TO));
        let (mut least, mut most) = (millis(1000), Duration::ZERO);
        for at in (0..3000).map(Moment) {
            let (takes, fault) = slow.travel(at);
            let more = takes.checked_sub(plain.travel(at).0).unwrap();
            assert_eq!(fault, Some(1));
            (least, most) = (least.min(more), most.max(more));
        }
        assert!((millis(30)..millis(31)).contains(&least), "{least:?}");
        assert!((millis(69)..=millis(70)).contains(&most), "{most:?}");
        slow.lift(1);
        assert!(slow.is_plain());
    }
}
