//! What faults of links, connections and work do when they begin.

use crate::scenario::{Direction, Fault, Slower, Target};
use crate::sim::engine::Engine;
use crate::sim::link::LinkFault;
use crate::sim::process::Launch;
use crate::sim::shape;
use crate::sim::weather::Spread;
use crate::types::HostId;

/// Whether a fault acts on what the first host hears, and on what it says.
pub(crate) fn directions(direction: Direction) -> (bool, bool) {
    match direction {
        Direction::Inbound => (true, false),
        Direction::Outbound => (false, true),
        Direction::Both => (true, true),
    }
}

/// All pairs of hosts of different groups, each once.
pub(crate) fn pairs_between(groups: &[Vec<HostId>]) -> Vec<(HostId, HostId)> {
    let mut pairs = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        for one in group {
            for other in groups[at + 1..].iter().flatten().filter(|other| *other != one) {
                pairs.push((*one, *other));
            }
        }
    }
    pairs
}

/// Begins the fault `what`, which befalls `aim`.
pub(crate) fn act<L: Launch>(
    fault: u32,
    what: &Fault,
    aim: &[Vec<HostId>],
    engine: &mut Engine<L>,
) {
    match what {
        Fault::Shape { shape, .. } => {
            for (from, to) in shape::cuts(*shape, aim) {
                engine.cut(from, to, fault);
            }
        }
        Fault::Delay { between, slower, direction } => {
            let what = match slower {
                Slower::Latency(latency) => LinkFault::Latency(Spread {
                    p50: latency.p50,
                    p99: latency.p99,
                    max: latency.max,
                }),
                Slower::By { by, jitter } => LinkFault::Delay { by: *by, jitter: *jitter },
            };
            afflict(fault, what, (aim, *direction), between, engine);
        }
        Fault::Lose { between, loss, direction } => {
            afflict(fault, LinkFault::Loss(*loss), (aim, *direction), between, engine);
        }
        Fault::Throttle { between: between @ (_, Some(_)), bandwidth, direction } => {
            afflict(fault, LinkFault::Bandwidth(*bandwidth), (aim, *direction), between, engine);
        }
        Fault::Throttle { between: (_, None), bandwidth, direction } => {
            for &host in &aim[0] {
                engine.throttle_card(host, fault, *bandwidth, directions(*direction));
            }
        }
        Fault::Reset { between: (_, None) } => {
            aim[0].iter().for_each(|host| engine.reset(*host, None, fault));
        }
        Fault::Reset { between: (_, Some(_)) } => {
            for (one, other) in pairs_between(aim) {
                engine.reset(one, Some(other), fault);
            }
        }
        Fault::Slow { factor, .. } => {
            aim[0].iter().for_each(|host| engine.slow(*host, fault, *factor));
        }
        _ => unreachable!("the injector does the others itself"),
    }
}

fn afflict<L: Launch>(
    fault: u32,
    what: LinkFault,
    (aim, direction): (&[Vec<HostId>], Direction),
    between: &(Target, Option<Target>),
    engine: &mut Engine<L>,
) {
    let (inbound, outbound) = directions(direction);
    for (one, other) in pairs_between(aim) {
        if inbound {
            engine.afflict(other, one, fault, what);
        }
        if outbound {
            engine.afflict(one, other, fault, what);
        }
    }
    if between.1.is_none() {
        // All links of several hosts are also those among them, one's inbound the other's outbound.
        for one in &aim[0] {
            for other in aim[0].iter().filter(|other| *other != one) {
                engine.afflict(*one, *other, fault, what);
            }
        }
    }
}
