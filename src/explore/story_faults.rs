//! What faults befell, in words: hosts in a row, and the roles they were chosen by.

use crate::scenario::{CrashKeep, Direction, Fault, Target};

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

/// What stands behind the hosts that `fault` befell: by which role they were chosen, and what else
/// of the fault one must know.
pub(crate) fn aside(fault: &Fault, hosts: &[String]) -> String {
    let roles = |targets: &[&Target]| {
        let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
        match names.iter().any(|name| !hosts.contains(name)) {
            true => format!(" ({})", names.join(", ")),
            false => String::new(),
        }
    };
    let way = |direction: &Direction| match direction {
        Direction::Inbound => ", inbound only",
        Direction::Outbound => ", outbound only",
        Direction::Both => "",
    };
    match fault {
        Fault::Crash { host, keep } => {
            let keep = match keep {
                CrashKeep::PageCache => "",
                CrashKeep::Synced => ", its power fails",
            };
            format!("{}{keep}", roles(&[host]))
        }
        Fault::Pause { host } => roles(&[host]),
        Fault::Isolate { host, direction } => format!("{}{}", roles(&[host]), way(direction)),
        Fault::Cut { between: (a, b), direction } => {
            format!("{}{}", roles(&[a, b]), way(direction))
        }
        Fault::Delay { between: (a, Some(b)), .. } => roles(&[a, b]),
        Fault::Delay { between: (a, None), .. } => roles(&[a]),
        Fault::Partition { groups } => {
            let group = |group: &Vec<Target>| {
                group.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            };
            let groups: Vec<String> = groups.iter().map(group).collect();
            format!(" ({})", groups.join(" | "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::PartitionName;
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
        assert_eq!(aside(&role, &hosts), " (leader of orders-0), its power fails");
    }
}
