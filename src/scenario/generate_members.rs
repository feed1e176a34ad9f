//! Draws random faults of the members of groups, from streams of their own: a plan without groups
//! has the faults that it had.

use std::time::Duration;

use crate::scenario::generate::{direction, index, shuffle, span};
use crate::scenario::plan::{CrashKeep, Fault, Plan, Profile, RandomFaults, Slower};
use crate::scenario::plan_group::GroupPlan;
use crate::scenario::target::Target;
use crate::types::{Name, Rng};

/// Lengths of a window, in seconds: shorter than a session, and longer.
const WINDOW_SECONDS: [u64; 4] = [4, 8, 16, 30];

/// What a random fault of a member may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Crash,
    Pause,
    Stall,
    Stop,
    Isolate,
    Cut,
    Delay,
    Lose,
    Reset,
    Slow,
    JumpClock,
    DriftClock,
}

const KINDS: [Kind; 12] = [
    Kind::Crash,
    Kind::Pause,
    Kind::Stall,
    Kind::Stop,
    Kind::Isolate,
    Kind::Cut,
    Kind::Delay,
    Kind::Lose,
    Kind::Reset,
    Kind::Slow,
    Kind::JumpClock,
    Kind::DriftClock,
];

/// A fault, and when it begins and ends, in microseconds.
pub(crate) type Drawn = (u64, u64, Fault);

/// The faults of members in an act that goes from `quiet` to `end`.
pub(crate) fn draw(
    plan: &Plan,
    random: &RandomFaults,
    seed: u64,
    (quiet, end): (u64, u64),
) -> Vec<Drawn> {
    let mut rng = Rng::named(seed, "random-member-weather", &[]);
    let drawn: Vec<Kind> = KINDS.into_iter().filter(|_| rng.chance(1, 2)).collect();
    let often = rng.between(1, 4);
    let (kinds, often) = match random.profile {
        Profile::Swarm if !drawn.is_empty() => (drawn, often),
        Profile::Swarm | Profile::Steady => (KINDS.to_vec(), 2),
    };
    let hosts = plan.groups.iter().flat_map(GroupPlan::hosts).map(Target::Client);
    let hosts = shuffle(hosts.collect(), &mut Rng::named(seed, "random-member-hosts", &[]));
    let lanes = u64::from(random.budget.members_down);
    let mut faults = Vec::new();
    for lane in 0..lanes {
        let own = hosts.iter().skip(index(lane)).step_by(index(lanes)).cloned();
        let own: Vec<Target> = own.collect();
        let mut rng = Rng::named(seed, "random-member-lane", &[lane]);
        let seconds = rng.choose(&WINDOW_SECONDS).copied().unwrap_or(WINDOW_SECONDS[0]);
        let window = seconds * 1_000_000;
        for number in 0..end.saturating_sub(quiet) / window {
            let mut rng = Rng::named(seed, "random-member-fault", &[lane, number]);
            if !rng.chance(often, 4) {
                continue;
            }
            let (begin, lasts) = span(quiet + number * window, window, &mut rng);
            let Some(host) = victim(plan, &own, &mut rng) else { continue };
            let Some(kind) = rng.choose(&kinds).copied() else { continue };
            faults.push((begin, begin + lasts, fault(plan, kind, host, &mut rng)));
        }
    }
    faults
}

/// A member by its host, or by what it is to its group.
fn victim(plan: &Plan, hosts: &[Target], rng: &mut Rng) -> Option<Target> {
    let host = rng.choose(hosts)?.clone();
    let group: Name = rng.choose(&plan.groups)?.name.clone();
    Some(match rng.below(6) {
        0 if !plan.groups_without_leader().contains(&group) => Target::GroupLeader(group),
        0 | 1 => Target::NewestMember(group),
        _ => host,
    })
}

fn fault(plan: &Plan, kind: Kind, host: Target, rng: &mut Rng) -> Fault {
    let brokers = &plan.cluster.brokers;
    let broker = rng.choose(brokers).map(|broker| Target::Broker(broker.id));
    let direction = direction(rng);
    let micros = Duration::from_micros;
    match kind {
        Kind::Crash => Fault::Crash { host, keep: CrashKeep::PageCache },
        Kind::Pause => Fault::Pause { host },
        Kind::Stall => Fault::Stall { host },
        Kind::Stop => Fault::Stop { host, kill_after: None },
        Kind::Isolate => Fault::Isolate { host, direction },
        Kind::Cut => match broker {
            Some(broker) => Fault::Cut { between: (host, broker), direction },
            None => Fault::Isolate { host, direction },
        },
        Kind::Delay => {
            let by = micros(rng.between(1_000, 1_000_000));
            let slower = Slower::By { by, jitter: by / 4 };
            Fault::Delay { between: (host, broker), slower, direction }
        }
        Kind::Lose => {
            let loss = u32::try_from(rng.between(1_000, 300_000)).unwrap_or(1_000);
            Fault::Lose { between: (host, broker), loss, direction }
        }
        Kind::Reset => Fault::Reset { between: (host, broker) },
        Kind::Slow => Fault::Slow { host, factor: 10 << u32::try_from(rng.below(9)).unwrap_or(0) },
        Kind::JumpClock => {
            let micros = i64::try_from(rng.between(1_000, 20_000_000)).unwrap_or(1_000);
            let by_micros = if rng.chance(1, 3) { -micros / 4 } else { micros };
            Fault::JumpClock { host, by_micros }
        }
        Kind::DriftClock => {
            let ppm = i64::try_from(rng.between(1, 100_000)).unwrap_or(1);
            Fault::DriftClock { host, by_ppm: if rng.chance(1, 2) { ppm } else { -ppm } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::scenario::decode::{Vocabulary, decode};
    use crate::scenario::generate::generate;
    use crate::scenario::plan::Trigger;

    const PLAN: &str = "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\
        [cluster]\nbrokers = 3\ncontrollers = 3\n\
        [[topic]]\nname = \"t\"\n\
        [[producer]]\nname = \"p\"\ntopic = \"t\"\n\
        [faults.random]\nbudget = { hosts_down = 0, controllers_down = 0, members_down = 2 }\n";

    #[test]
    fn members_have_faults_of_their_own_within_the_act() {
        let alone = decode("t.toml", PLAN, &Vocabulary::default()).unwrap();
        let text = format!("{PLAN}[[group]]\nname = \"g\"\nmembers = 3\ntopics = [\"t\"]\n");
        let plan = decode("t.toml", &text, &Vocabulary::default()).unwrap();
        let mut kinds = BTreeSet::new();
        for seed in 0..200 {
            let before = generate(&alone, seed);
            let faults = generate(&plan, seed);
            assert_eq!(faults, generate(&plan, seed));
            assert!(before.len() <= faults.len());
            for fault in &faults {
                kinds.insert(fault.fault.name());
                let Trigger::At(begin) = fault.trigger else { panic!("{fault:?}") };
                assert!(begin + fault.lasts.unwrap_or_default() <= plan.duration, "{fault:?}");
            }
            // At most two members at once.
            let at = |fault: &crate::scenario::plan::FaultPlan| match fault.trigger {
                Trigger::At(begin) => begin,
                Trigger::When(_) => panic!("{fault:?}"),
            };
            for fault in &faults {
                let now = at(fault);
                let together = faults.iter().filter(|other| {
                    at(other) <= now && now < at(other) + other.lasts.unwrap_or_default()
                });
                assert!(together.count() <= 2);
            }
        }
        assert!(kinds.len() >= 11, "{kinds:?}");
    }
}
