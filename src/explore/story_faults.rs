//! What faults befell, in words: the roles that hosts were chosen by.

use crate::scenario::{Fault, Target};

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
        | Fault::Stall { host }
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
    fn a_role_is_told_and_a_name_not_twice() {
        let hosts = names(&["broker-2"]);
        let named = Fault::Pause { host: Target::Broker(BrokerId(2)) };
        assert_eq!(aside(&named, &hosts), "");
        let partition = PartitionName { topic: "orders".into(), partition: 0 };
        let role = Fault::Crash { host: Target::LeaderOf(partition), keep: CrashKeep::Synced };
        assert_eq!(aside(&role, &hosts), " (leader of orders-0)");
    }
}
