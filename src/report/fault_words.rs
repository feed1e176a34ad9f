//! What a fault did, in a sentence as one would write it into an incident report.

use crate::event::FaultVerb;

/// So many hosts stand in a row by name; more are gathered by their numbers.
const HOSTS_MAX: usize = 4;

/// `hosts` in a row; many of them by their numbers: `broker-1 to broker-5`.
fn hosts_text(hosts: &[String]) -> String {
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

/// The sentence for a fault that befell `hosts`, which stand in groups of these sizes.
pub(crate) fn told(verb: FaultVerb, hosts: &[String], groups: &[u32], detail: &str) -> String {
    let mut rest = hosts;
    let mut sides: Vec<String> = Vec::new();
    for size in groups {
        let (side, more) = rest.split_at(rest.len().min(*size as usize));
        sides.push(hosts_text(side));
        rest = more;
    }
    let side = |n: usize| sides.get(n).map_or("", String::as_str);
    let (all, one, other) = (hosts_text(hosts), side(0), side(1));
    let links = match sides.len() {
        0 | 1 => format!("links of {all}"),
        _ => format!("link between {one} and {other}"),
    };
    match verb {
        FaultVerb::Crash if detail == "synced" => format!("power loss of {all}"),
        FaultVerb::Crash => format!("crash of {all}"),
        FaultVerb::Pause => format!("{all} stands still"),
        FaultVerb::Stall => format!("the application of {all} does nothing"),
        FaultVerb::Isolate => match detail {
            "inbound" => format!("{all} hears nobody"),
            "outbound" => format!("nobody hears {all}"),
            _ => format!("{all} is cut off from all others"),
        },
        FaultVerb::Partition => format!("network partition: {}", sides.join(" | ")),
        FaultVerb::Bridge => {
            format!("network partition: {one} | {}, and only {other} hears both sides", side(2))
        }
        FaultVerb::Ring => {
            format!("network partition: a ring of {all}, in which each hears {detail}")
        }
        FaultVerb::OneWay => format!("network partition: {other} does not hear {one}"),
        FaultVerb::Cut => match detail {
            "inbound" => format!("{one} does not hear {other}"),
            "outbound" => format!("{other} does not hear {one}"),
            _ => format!("the {links} is cut"),
        },
        FaultVerb::Delay => format!("slow {links} ({detail})"),
        FaultVerb::Lose => format!("loss on the {links} ({detail})"),
        FaultVerb::Throttle => format!("little bandwidth on the {links} ({detail})"),
        FaultVerb::Reset if sides.len() > 1 => {
            format!("connections between {one} and {other} are reset")
        }
        FaultVerb::Reset => format!("connections of {all} are reset"),
        FaultVerb::Slow => format!("{all} works slowly ({detail})"),
        FaultVerb::Stop => format!("stop of {all}"),
        FaultVerb::RollingRestart => format!("rolling restart of {all}"),
        _ => told_of_hardware(verb, &all, detail),
    }
}

/// The sentence for a fault of disks or clocks.
fn told_of_hardware(verb: FaultVerb, all: &str, detail: &str) -> String {
    match verb {
        FaultVerb::SlowDisk => format!("slow disk of {all} ({detail})"),
        FaultVerb::HangDisk => format!("the disk of {all} hangs"),
        FaultVerb::FillDisk => format!("the disk of {all} is full"),
        FaultVerb::FailDisk => format!("the disk of {all} fails ({detail})"),
        FaultVerb::ReplaceDisk => format!("{all} loses its disk"),
        FaultVerb::JumpClock => format!("the clock of {all} jumps ({detail})"),
        FaultVerb::DriftClock => format!("the clocks of {all} drift ({detail})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
