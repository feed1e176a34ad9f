//! What faults befell, in words: hosts in a row, and the roles they were chosen by.

use crate::scenario::{Fault, Target};

/// So many hosts stand in a row by name; more are gathered by their numbers.
const HOSTS_MAX: usize = 4;

/// `hosts` in a row; many of them by their numbers: `broker-1 to broker-5`.
pub(crate) fn hosts_text(hosts: &[String]) -> String {
    if hosts.len() <= HOSTS_MAX {
        return hosts.join(", ");
    }
    let mut numbered: Vec<(&str, Option<u32>)> = hosts.iter().map(|host| numbered(host)).collect();
    numbered.sort_unstable();
    let mut runs: Vec<(&str, Option<u32>, Option<u32>)> = Vec::new();
    for (name, number) in numbered {
        match (runs.last_mut(), number) {
            (Some((last, _, Some(to))), Some(number)) if *last == name && number == *to + 1 => {
                *to = number;
            }
            _ => runs.push((name, number, number)),
        }
    }
    let of = |(name, from, to): (&str, Option<u32>, Option<u32>)| match (from, to) {
        (Some(from), Some(to)) if to > from => format!("{name}-{from} to {name}-{to}"),
        (Some(from), _) => format!("{name}-{from}"),
        (None, _) => name.to_owned(),
    };
    runs.into_iter().map(of).collect::<Vec<_>>().join(", ")
}

/// A host's name and its number, if it ends in one.
fn numbered(host: &str) -> (&str, Option<u32>) {
    let parts = host.rsplit_once('-').and_then(|(name, number)| Some((name, number.parse().ok()?)));
    parts.map_or((host, None), |(name, number)| (name, Some(number)))
}

/// What stands behind the hosts that `fault` befell: by which roles they were chosen.
pub(crate) fn aside(fault: &Fault, hosts: &[String]) -> String {
    let names: Vec<String> = targets(fault).iter().map(ToString::to_string).collect();
    match names.iter().any(|name| !hosts.contains(name)) {
        true => format!(" ({})", names.join(", ")),
        false => String::new(),
    }
}

fn targets(fault: &Fault) -> Vec<&Target> {
    match fault {
        Fault::Crash { host, .. }
        | Fault::Pause { host }
        | Fault::Stop { host, .. }
        | Fault::Isolate { host, .. }
        | Fault::Slow { host, .. }
        | Fault::SlowDisk { host, .. }
        | Fault::HangDisk { host }
        | Fault::FillDisk { host }
        | Fault::FailDisk { host, .. }
        | Fault::ReplaceDisk { host }
        | Fault::JumpClock { host, .. }
        | Fault::DriftClock { host, .. } => vec![host],
        Fault::RollingRestart { hosts, .. } => hosts.iter().collect(),
        Fault::Cut { between: (one, other), .. } => vec![one, other],
        Fault::Delay { between: (one, other), .. }
        | Fault::Lose { between: (one, other), .. }
        | Fault::Throttle { between: (one, other), .. }
        | Fault::Reset { between: (one, other) } => {
            std::iter::once(one).chain(other.as_ref()).collect()
        }
        Fault::Partition { groups } => groups.iter().flatten().collect(),
        Fault::Shape { of, .. } => of.iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{CrashKeep, PartitionName};
    use crate::types::BrokerId;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn many_hosts_are_told_by_their_numbers() {
        assert_eq!(hosts_text(&names(&["broker-2", "broker-1"])), "broker-2, broker-1");
        let many =
            names(&["broker-2", "controller-1", "broker-1", "broker-3", "audit", "broker-5"]);
        assert_eq!(hosts_text(&many), "audit, broker-1 to broker-3, broker-5, controller-1");
    }

    #[test]
    fn a_role_is_told_and_a_name_not_twice() {
        let hosts = names(&["broker-2"]);
        let named = Fault::Pause { host: Target::Broker(BrokerId(2)) };
        assert_eq!(aside(&named, &hosts), "");
        let partition = PartitionName { topic: "orders".into(), partition: 0 };
        let role = Fault::Crash { host: Target::LeaderOf(partition), keep: CrashKeep::Synced };
        assert_eq!(aside(&role, &hosts), " (leader of orders-0)");
    }
}
