//! What a fault did, in a sentence as one would write it into an incident report.

use std::time::Duration;

use crate::event::FaultVerb;
use crate::scenario::show_duration;

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

/// The links between hosts in two groups, or all links of one.
fn links_text(hosts: &[String], groups: &[u32]) -> String {
    match groups {
        [] | [_] => format!("links of {}", hosts_text(hosts)),
        [first, second, ..] => {
            let (one, rest) = hosts.split_at(hosts.len().min(*first as usize));
            let other = &rest[..rest.len().min(*second as usize)];
            format!("link between {} and {}", hosts_text(one), hosts_text(other))
        }
    }
}

/// The two ends of links, without a host's link with itself, which it has not: who stands alone at
/// one end is left out of the other.
fn without_itself(hosts: &[String], groups: &[u32]) -> Option<(Vec<String>, Vec<u32>)> {
    let [first, second] = groups else { return None };
    let (one, other) = hosts.split_at_checked(*first as usize)?;
    let left = |of: &[String], alone: &[String]| -> Vec<String> {
        let is_other = |host: &&String| alone.len() != 1 || !alone.contains(host);
        of.iter().filter(is_other).cloned().collect()
    };
    let (mut ends, others) = (left(one, other), left(other, one));
    let is_told = !ends.is_empty() && !others.is_empty() && other.len() == *second as usize;
    let sizes = [&ends, &others].map(|end| u32::try_from(end.len()).unwrap_or(u32::MAX));
    ends.extend(others);
    (is_told && ends.len() < hosts.len()).then(|| (ends, sizes.to_vec()))
}

/// The sentence for a fault that befell `hosts`, which stand in groups of these sizes.
pub(crate) fn told(verb: FaultVerb, hosts: &[String], groups: &[u32], detail: &str) -> String {
    if let Some((hosts, groups)) = without_itself(hosts, groups) {
        return told(verb, &hosts, &groups, detail);
    }
    let mut rest = hosts;
    let mut sides: Vec<String> = Vec::new();
    for size in groups {
        let (side, more) = rest.split_at(rest.len().min(*size as usize));
        sides.push(hosts_text(side));
        rest = more;
    }
    let side = |n: usize| sides.get(n).map_or("", String::as_str);
    // Of several hosts: they hear, and do not hear.
    let count = |n: usize| groups.get(n).map_or(hosts.len(), |size| *size as usize);
    let does_not = |n: usize| if count(n) > 1 { "do not" } else { "does not" };
    let of = |one: &'static str, many: &'static str| if hosts.len() > 1 { many } else { one };
    let (all, one, other) = (hosts_text(hosts), side(0), side(1));
    let links = links_text(hosts, groups);
    match verb {
        FaultVerb::Crash if detail == "synced" => format!("power loss of {all}"),
        FaultVerb::Crash => format!("crash of {all}"),
        FaultVerb::Pause => format!("{all} {} still", of("stands", "stand")),
        FaultVerb::Stall => format!(
            "{} of {all} {} nothing",
            of("the application", "the applications"),
            of("does", "do")
        ),
        FaultVerb::Isolate => match detail {
            "inbound" => format!("{all} {} nobody", of("hears", "hear")),
            "outbound" => format!("nobody hears {all}"),
            _ => format!("{all} {} cut off from all others", of("is", "are")),
        },
        FaultVerb::Partition => format!("network partition: {}", sides.join(" | ")),
        FaultVerb::Bridge => {
            format!("network partition: {one} | {}, and only {other} hears both sides", side(2))
        }
        FaultVerb::Ring => {
            format!("network partition: a ring of {all}, in which each hears {detail}")
        }
        FaultVerb::OneWay => {
            format!("network partition: {other} {} hear {one}", does_not(1))
        }
        FaultVerb::Cut => match detail {
            "inbound" => format!("{one} {} hear {other}", does_not(0)),
            "outbound" => format!("{other} {} hear {one}", does_not(1)),
            _ => format!("the {links} is cut"),
        },
        FaultVerb::Delay => format!("slow {links} ({detail})"),
        FaultVerb::Lose => format!("loss on the {links} ({detail})"),
        FaultVerb::Throttle => format!("little bandwidth on the {links} ({detail})"),
        FaultVerb::Reset if sides.len() > 1 => {
            format!("connections between {one} and {other} are reset")
        }
        FaultVerb::Reset => format!("connections of {all} are reset"),
        FaultVerb::Slow => format!("{all} {} slowly ({detail})", of("works", "work")),
        FaultVerb::Stop => format!("stop of {all}"),
        FaultVerb::RollingRestart => format!("rolling restart of {all}"),
        _ => told_of_hardware(verb, &all, detail),
    }
}

/// The sentence for the end of such a fault: what is so from then on.
pub(crate) fn told_of_end(
    verb: FaultVerb,
    hosts: &[String],
    groups: &[u32],
    detail: &str,
) -> String {
    if let Some((hosts, groups)) = without_itself(hosts, groups) {
        return told_of_end(verb, &hosts, &groups, detail);
    }
    let of = |one: &'static str, many: &'static str| if hosts.len() > 1 { many } else { one };
    let all = hosts_text(hosts);
    match verb {
        FaultVerb::Pause => format!("{all} {} on", of("goes", "go")),
        FaultVerb::Stall => {
            let (applications, go) = (of("application", "applications"), of("goes", "go"));
            format!("the {applications} of {all} {go} on")
        }
        FaultVerb::Isolate => match detail {
            "inbound" => format!("{all} {} others again", of("hears", "hear")),
            "outbound" => format!("others hear {all} again"),
            _ => format!("{all} {} no longer cut off", of("is", "are")),
        },
        FaultVerb::Cut => {
            let are = if groups.len() > 1 { "is" } else { "are" };
            format!("the {} {are} whole again", links_text(hosts, groups))
        }
        FaultVerb::Reset => told(verb, hosts, groups, detail).replace(" are reset", " were reset"),
        FaultVerb::Slow => format!("{all} {} as fast as before", of("works", "work")),
        FaultVerb::HangDisk | FaultVerb::FailDisk => format!("the disk of {all} works again"),
        FaultVerb::FillDisk => format!("the disk of {all} has room again"),
        FaultVerb::ReplaceDisk => format!("{all} {} with an empty disk", of("begins", "begin")),
        FaultVerb::JumpClock | FaultVerb::DriftClock => {
            format!("the clocks of {all} are left alone")
        }
        FaultVerb::OneWay => format!("{all} hear each other again"),
        // These are names, not sentences.
        _ => told(verb, hosts, groups, detail),
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

/// What becomes of the clocks of `who`: the wall clock jumps by so many microseconds, or both gain
/// so many in a second.
pub(crate) fn clock_words(who: &str, by: i64, drift: i64) -> String {
    match (by, drift) {
        (0, 0) => format!("{who}'s clocks keep time again"),
        (0, drift) => format!("{who}'s clocks drift by {drift:+} ppm"),
        (by, _) => {
            let sign = if by < 0 { '-' } else { '+' };
            let by = show_duration(Duration::from_micros(by.unsigned_abs()));
            format!("{who}'s clock jumps by {sign}{by}")
        }
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

    #[test]
    fn a_host_is_not_linked_with_itself() {
        let one_of_all = names(&["broker-3", "broker-1", "broker-2", "broker-3"]);
        let told = told(FaultVerb::Cut, &one_of_all, &[1, 3], "");
        assert_eq!(told, "the link between broker-3 and broker-1, broker-2 is cut");
        let end = told_of_end(FaultVerb::Cut, &one_of_all, &[1, 3], "");
        assert!(end.contains("between broker-3 and broker-1, broker-2 is whole"), "{end}");
        let all_of_one = names(&["a-1", "a-2", "a-1"]);
        assert_eq!(
            without_itself(&all_of_one, &[2, 1]),
            Some((names(&["a-2", "a-1"]), vec![1, 1]))
        );
        let many = names(&["a-1", "a-2", "a-1", "a-2"]);
        assert_eq!(without_itself(&many, &[2, 2]), None);
        assert_eq!(without_itself(&names(&["a-1", "a-1"]), &[1, 1]), None);
    }

    #[test]
    fn several_hosts_do_what_one_does() {
        let hosts = names(&["broker-1", "broker-2", "broker-3"]);
        let cases = [
            (
                FaultVerb::OneWay,
                vec![1, 2],
                "",
                "network partition: broker-2, broker-3 do not hear broker-1",
            ),
            (
                FaultVerb::OneWay,
                vec![2, 1],
                "",
                "network partition: broker-3 does not hear broker-1, broker-2",
            ),
            (FaultVerb::Cut, vec![2, 1], "inbound", "broker-1, broker-2 do not hear broker-3"),
            (FaultVerb::Pause, vec![3], "", "broker-1, broker-2, broker-3 stand still"),
            (
                FaultVerb::Isolate,
                vec![3],
                "",
                "broker-1, broker-2, broker-3 are cut off from all others",
            ),
        ];
        for (verb, groups, detail, expected) in cases {
            let text = told(verb, &hosts, &groups, detail);
            assert_eq!(
                text.replace("broker-1 to broker-3", "broker-1, broker-2, broker-3")
                    .replace(" to ", ", "),
                expected
            );
        }
        assert_eq!(
            told(FaultVerb::Pause, &names(&["broker-1"]), &[1], ""),
            "broker-1 stands still"
        );
    }

    #[test]
    fn clocks_are_told_in_units_for_people() {
        assert_eq!(clock_words("b3", 40_000_000, 0), "b3's clock jumps by +40s");
        assert_eq!(clock_words("b3", -1_500_000, 200), "b3's clock jumps by -1500ms");
        assert_eq!(clock_words("b3", 0, -200), "b3's clocks drift by -200 ppm");
        assert_eq!(clock_words("b3", 0, 0), "b3's clocks keep time again");
    }

    #[test]
    fn an_end_says_what_is_so_from_then_on() {
        let one = names(&["billing-1"]);
        let end = |verb, hosts: &[String], groups: &[u32], detail| {
            told_of_end(verb, hosts, groups, detail)
        };
        assert_eq!(end(FaultVerb::Pause, &one, &[1], ""), "billing-1 goes on");
        assert_eq!(end(FaultVerb::Stall, &one, &[1], ""), "the application of billing-1 goes on");
        assert_eq!(end(FaultVerb::Isolate, &one, &[1], ""), "billing-1 is no longer cut off");
        let two = names(&["broker-1", "broker-2"]);
        assert_eq!(end(FaultVerb::Pause, &two, &[2], ""), "broker-1, broker-2 go on");
        assert_eq!(
            end(FaultVerb::Cut, &two, &[1, 1], ""),
            "the link between broker-1 and broker-2 is whole again"
        );
        assert_eq!(
            end(FaultVerb::Partition, &two, &[1, 1], ""),
            "network partition: broker-1 | broker-2"
        );
        assert_eq!(end(FaultVerb::Crash, &one, &[1], ""), "crash of billing-1");
    }
}
