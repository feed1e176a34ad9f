//! A run's outcome as a report of a screen or so: what was simulated, what happened when, what came
//! of every claim, the figures, and where to look next.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::check::Outcome;
use crate::cli::page::{Look, Page};
use crate::cli::simulated;
use crate::cli::text_groups::write_groups;
use crate::explore::{ClaimOutcome, End, Failure, Judgement, Matter, RunOutcome};
use crate::report::{grouped, rounded};
use crate::types::{Expectation, Moment};

/// A story longer than this is cut in the middle; the run file has all of it.
const STORY_LINES_MAX: usize = 40;
/// So many partitions without a leader are named.
const LEADERLESS_MAX: usize = 4;
/// Shorter times without a leader are an election, not an outage.
const LEADERLESS_LEAST: Duration = Duration::from_millis(50);
/// Where a line of the story says what happened.
const STORY_INDENT: usize = 22;

/// Writes `outcome`; `again` is the command that shows it again.
pub(crate) fn write_run(
    out: &mut impl Write,
    outcome: &RunOutcome,
    again: &str,
    colour: bool,
) -> io::Result<()> {
    let page = &mut Page::new(out, colour);
    page.line(Some(Look::Bold), &outcome.plan.title)?;
    page.line(None, &format!("{}, seed {}", outcome.scenario, outcome.seed))?;
    page.gap()?;
    for (at, line) in simulated::lines(&outcome.plan).iter().enumerate() {
        page.row(if at == 0 { "simulated" } else { "" }, line)?;
    }
    page.gap()?;
    write_story(page, outcome)?;
    write_claims(page, outcome)?;
    write_figures(page, outcome)?;
    page.row("fingerprint", &outcome.fingerprint.to_string())?;
    let look = match outcome.judgement() {
        Judgement::AsExpected => Look::Green,
        _ => Look::Red,
    };
    page.painted_row("outcome", Some(look), &judged(outcome))?;
    page.verbatim("again", again)?;
    let Some(file) = &outcome.run_file else {
        return page.row("file", "none (--no-record)");
    };
    page.verbatim("file", &file.display().to_string())?;
    let file = quoted(file);
    let look = where_to_look(evidence(outcome));
    page.verbatim("look", &format!("kafsim events {file} {look}"))?;
    // Also of one that may be: the page opens at the violation.
    if outcome.claims.iter().any(|claim| claim.verdict.outcome.violation().is_some()) {
        page.verbatim("why", &format!("kafsim explain {file}"))?;
    }
    page.verbatim("page", &format!("kafsim view {file} --open"))
}

/// What proves the first broken claim.
fn evidence(outcome: &RunOutcome) -> Option<&[u64]> {
    let broken = outcome.claims.iter().filter(|claim| {
        let is_claimed = claim.is_written && claim.expect == Expectation::Violated;
        !claim.is_as_expected() || claim.gave_way() || is_claimed
    });
    let evidence = broken.filter_map(|claim| claim.verdict.outcome.violation());
    evidence.map(|violation| violation.evidence.as_slice()).find(|events| !events.is_empty())
}

/// The filter of the events that say most: what proves a broken claim, else what decided who leads.
fn where_to_look(evidence: Option<&[u64]>) -> String {
    match evidence {
        Some(events) => {
            let events: Vec<_> = events.iter().take(6).map(ToString::to_string).collect();
            format!("'index={}'", events.join("|"))
        }
        None => "'kind=fault-*|role-taken|partition-committed' 'time>=0'".to_owned(),
    }
}

/// The path as a shell takes it.
fn quoted(path: &Path) -> String {
    crate::report::quoted(&path.to_string_lossy())
}

/// What the run is judged, and why. What was broken stands with the claims; here are their names.
fn judged(outcome: &RunOutcome) -> String {
    let judged = judgement_text(outcome.judgement());
    let so_far = match outcome.end {
        End::Stopped => "stopped by --until; so far ",
        End::Finished | End::NeverFormed | End::NotLive(_) | End::Crashed(_) => "",
    };
    match Failure::of(outcome) {
        None => {
            // Whoever asks about durability should not have to read two lines for it.
            let lost = match outcome.figures.lost {
                0 => String::new(),
                1 => ", and an acknowledged record is lost".to_owned(),
                lost => format!(", and {} acknowledged records are lost", grouped(lost)),
            };
            let gave_way: Vec<_> = outcome.claims.iter().filter(|claim| claim.gave_way()).collect();
            let came = gave_way.iter().map(|claim| match claim.verdict.outcome {
                Outcome::Holds => format!("{} holds", claim.property.name()),
                _ => format!("{} is {}", claim.property.name(), came(claim)),
            });
            match gave_way.is_empty() {
                true => format!("{so_far}{judged}{lost}"),
                false => {
                    let came = came.collect::<Vec<_>>().join(", ");
                    format!("{so_far}with the change {came}{lost}")
                }
            }
        }
        Some(Failure { property: Some(_), .. }) => {
            let unmet: Vec<_> = outcome.unmet().map(|claim| claim.property.name()).collect();
            format!("{so_far}{judged}: {}", unmet.join(", "))
        }
        Some(Failure { sentence, .. }) => format!("{so_far}{judged}: {sentence}"),
    }
}

/// What happened when: since time zero, and since a fault began last.
fn write_story<W: Write>(page: &mut Page<'_, W>, outcome: &RunOutcome) -> io::Result<()> {
    let story = &outcome.story;
    let cut = story.len() > STORY_LINES_MAX;
    let (head, tail) = (STORY_LINES_MAX - 10, story.len().saturating_sub(10));
    let mut last_fault = None;
    for (at, moment) in story.iter().enumerate() {
        if cut && at == head {
            let left = tail - head;
            let all = match &outcome.run_file {
                Some(file) => format!(": kafsim events {}", quoted(file)),
                None => String::new(),
            };
            page.verbatim("", &format!("... {left} more{all}"))?;
        }
        let since = last_fault.map(|fault: i64| moment.at_micros - fault);
        let look = match moment.matter {
            Matter::FaultBegins => {
                last_fault = Some(moment.at_micros);
                Some(Look::Yellow)
            }
            Matter::Clients => Some(Look::Red),
            Matter::Fault | Matter::Servers => None,
        };
        let since = match (moment.matter, since) {
            (Matter::FaultBegins, _) | (_, None) => String::new(),
            (_, Some(since)) => format!("+{}", seconds(since)),
        };
        if !cut || at < head || at >= tail {
            let times = format!("{:>10} {since:>10}", seconds(moment.at_micros));
            page.hanging(&times, STORY_INDENT, look, &moment.text)?;
        }
    }
    if !story.is_empty() {
        page.gap()?;
    }
    Ok(())
}

/// What became of a claim, in words.
fn came(claim: &ClaimOutcome) -> &'static str {
    match &claim.verdict.outcome {
        Outcome::OutsidePremise { violation: Some(_), .. } => "violated outside its premise",
        other => other.name(),
    }
}

fn write_claims<W: Write>(page: &mut Page<'_, W>, outcome: &RunOutcome) -> io::Result<()> {
    let is_broken = |claim: &ClaimOutcome| claim.verdict.outcome.violation().is_some();
    let shown = |claim: &&ClaimOutcome| {
        (claim.is_written && claim.expect != Expectation::May) || !claim.is_as_expected()
    };
    for claim in outcome.claims.iter().filter(shown) {
        let came = came(claim);
        let (judged, look) = match claim.expect {
            _ if claim.gave_way() => {
                (format!("; expected without the change: {}", claim.expect.name()), Look::Green)
            }
            _ if !claim.is_as_expected() => {
                (format!("; expected: {}", claim.expect.name()), Look::Red)
            }
            Expectation::Holds | Expectation::May => (String::new(), Look::Green),
            Expectation::Violated => (", as claimed".to_owned(), Look::Green),
        };
        let head = format!("{:<13}{:<26} ", "claim", claim.property.name());
        page.hanging(&head, head.len(), Some(look), &format!("{came}{judged}"))?;
        if let Outcome::OutsidePremise { because, .. } = &claim.verdict.outcome {
            page.row("", &format!("  its premise ended: {because}"))?;
        }
        if let Some(violation) = claim.verdict.outcome.violation() {
            page.row("", &format!("  {}", violation.sentence))?;
        }
    }
    let may = outcome.claims.iter().filter(|claim| !shown(claim) && is_broken(claim));
    let may: Vec<_> = may.map(|claim| claim.property.name()).collect();
    if !may.is_empty() {
        page.row("", &format!("violated too, as they may be: {}", may.join(", ")))?;
    }
    let rest = || outcome.claims.iter().filter(|claim| !shown(claim) && !is_broken(claim));
    let count = |name: &str| rest().filter(|c| c.verdict.outcome.name() == name).count();
    let outcomes = ["holds", "not exercised", "outside its premise"];
    let counts = outcomes.iter().map(|name| (count(name), *name)).filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(count, name)| match (name, count) {
            ("holds", 2..) => format!("{count} hold"),
            _ => format!("{count} {name}"),
        })
        .collect();
    if !counts.is_empty() {
        let of = if rest().count() < outcome.claims.len() { "of the others " } else { "" };
        page.row("properties", &format!("{of}{}", counts.join(", ")))?;
    }
    Ok(())
}

fn write_figures<W: Write>(page: &mut Page<'_, W>, outcome: &RunOutcome) -> io::Result<()> {
    let figures = &outcome.figures;
    let text = format!(
        "{} acknowledged, {} failed, {} unknown, {} lost",
        grouped(figures.acked),
        grouped(figures.failed),
        grouped(figures.unknown),
        grouped(figures.lost)
    );
    let look = (figures.lost > 0).then_some(Look::Red);
    page.painted_row("records", look, &text)?;
    let latency = |latency: Option<Duration>| latency.map_or("-".to_owned(), rounded);
    let text = format!(
        "p50 {}, p99 {}, max {}",
        latency(figures.ack_latency_p50),
        latency(figures.ack_latency_p99),
        latency(figures.ack_latency_max),
    );
    page.row("acks", &text)?;
    let from = match figures.longest_without_ack_at {
        Some(from) => format!(", from {}", seconds(from.scenario_micros())),
        None => String::new(),
    };
    let text = format!("longest time without one {}{from}", rounded(figures.longest_without_ack));
    page.row("", &text)?;
    page.row("leaderless", &leaderless(&figures.leaderless))?;
    write_groups(page, &figures.groups)?;
    let faults = outcome.faults;
    let text = format!("{} planned, {} begun, {} bit", faults.planned, faults.begun, faults.bit);
    page.row("faults", &text)?;
    let forming = Moment::SCENARIO_BEGINS.since(Moment(0));
    let text = format!(
        "{} after the {} of forming, {} messages, {} events",
        rounded(outcome.simulated.saturating_sub(forming)),
        rounded(forming),
        grouped(outcome.messages),
        grouped(outcome.fingerprint.events)
    );
    page.row("world", &text)
}

/// The partitions that nobody led for long, and how many there are beside.
fn leaderless(partitions: &[(String, Duration)]) -> String {
    let mut down: Vec<_> = partitions.iter().filter(|(_, time)| !time.is_zero()).collect();
    down.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let long = down.iter().take_while(|(_, time)| *time >= LEADERLESS_LEAST).count();
    let named = if down.len() == 1 { 1 } else { long.min(LEADERLESS_MAX) };
    let mut parts: Vec<_> =
        down[..named].iter().map(|(name, time)| format!("{name} {}", rounded(*time))).collect();
    match &down[named..] {
        [] => {}
        [one] => parts.push(format!("{} {}", one.0, rounded(one.1))),
        [most, ..] => {
            let others = if named > 0 { "others" } else { "partitions" };
            parts.push(format!("{} {others} at most {}", down.len() - named, rounded(most.1)));
        }
    }
    match parts.is_empty() {
        true => "no partition".to_owned(),
        false => parts.join(", "),
    }
}

/// The judgement in a sentence.
pub(crate) fn judgement_text(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::AsExpected => "as expected",
        Judgement::Unexpected => "a claim was not met",
        Judgement::Crashed => "simulated code crashed",
        Judgement::NotLive => "the cluster does not serve",
        Judgement::Nondeterministic => "two executions differ",
        Judgement::Vacuous => "nothing was put to the test",
    }
}

/// How the run ended, in a word, for programs.
pub(crate) fn end_word(end: &End) -> &'static str {
    match end {
        End::Finished => "finished",
        End::Stopped => "stopped",
        End::NeverFormed => "never-formed",
        End::NotLive(_) => "not-live",
        End::Crashed(_) => "crashed",
    }
}

/// Microseconds since time zero as seconds with three digits.
pub(crate) fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let millis = micros.unsigned_abs() / 1000;
    format!("{sign}{}.{:03}s", millis / 1000, millis % 1000)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::check::{Subject, Verdict, Violation};
    use crate::explore::tests::plan;
    use crate::explore::{Matter, Moment};
    use crate::history::Figures;
    use crate::sim::Exposure;
    use crate::trace::Fingerprint;
    use crate::types::{BrokerId, Moment as Instant, PropertyName};

    fn claim(property: PropertyName, expect: Expectation, outcome: Outcome) -> ClaimOutcome {
        let verdict =
            Verdict { property: property.name().to_owned(), outcome, exercised: 12, violations: 0 };
        let is_written = property != PropertyName::OffsetOrder;
        ClaimOutcome {
            property,
            expect,
            is_written,
            is_promised: false,
            is_left_behind: false,
            is_liveness: false,
            verdict,
            of: None,
        }
    }

    fn violated(sentence: &str) -> Outcome {
        let violation = Violation {
            sentence: sentence.to_owned(),
            evidence: vec![41, 97],
            subject: Subject::Node { node: BrokerId(1) },
        };
        Outcome::Violated { violation }
    }

    pub(crate) fn sample(expect: Expectation) -> RunOutcome {
        let moment = |at_micros, matter, text: &str| Moment {
            at_micros,
            event: Some(7),
            matter,
            text: text.to_owned(),
        };
        let lost = "record 17 of checkout-1, acknowledged at 9.998s, is not in the leader's log";
        RunOutcome {
            scenario: "scenarios/a.toml".to_owned(),
            plan: plan(),
            seed: 7,
            end: End::Finished,
            fingerprint: Fingerprint { events: 1_234_567, hash: 0xabc },
            simulated: Duration::from_millis(83_500),
            messages: 345_678,
            claims: vec![
                claim(PropertyName::AckedDurability, expect, violated(lost)),
                claim(PropertyName::NoDuplicate, Expectation::Holds, Outcome::Holds),
                claim(PropertyName::LostWrite, Expectation::May, violated("so was one read")),
                claim(PropertyName::OffsetOrder, Expectation::Holds, Outcome::Holds),
            ],
            figures: Figures {
                leaderless: vec![("orders-0".to_owned(), Duration::from_millis(9_210))],
                longest_without_ack: Duration::from_millis(9_400),
                longest_without_ack_at: Some(Instant::SCENARIO_BEGINS + Duration::from_secs(10)),
                waits: Vec::new(),
                ack_latency_p50: Some(Duration::from_micros(4_120)),
                ack_latency_p99: None,
                ack_latency_max: Some(Duration::from_millis(9_400)),
                acked: 23_900,
                failed: 0,
                unknown: 12,
                lost: 1,
                groups: Vec::new(),
            },
            story: vec![
                moment(10_000_000, Matter::FaultBegins, "fault 1: crash broker-1"),
                moment(19_210_000, Matter::Servers, "orders-0: broker-2 is elected"),
            ],
            faults: Exposure { planned: 1, begun: 1, bit: 1 },
            faults_begun: [(1, true)].into(),
            operations_asked: [].into(),
            run_file: Some("reports/a-7.run".into()),
        }
    }

    fn written(outcome: &RunOutcome) -> String {
        let mut out = Vec::new();
        write_run(&mut out, outcome, "kafsim run scenarios/a.toml --seed 7", false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_broken_claim_ends_with_what_was_lost_and_how_to_see_it_again() {
        let expected = "\
the plan of a test
scenarios/a.toml, seed 7

simulated    Kafka 4.1, 3 brokers, 1 controller; 60s of clients and faults
             topic orders: 1 partition, 3 replicas, min.insync.replicas=1

   10.000s            fault 1: crash broker-1
   19.210s    +9.210s orders-0: broker-2 is elected

claim        acked-durability           violated; expected: holds
               record 17 of checkout-1, acknowledged at 9.998s, is not in the
               leader's log
claim        no-duplicate               holds
             violated too, as they may be: lost-write
properties   of the others 1 holds
records      23,900 acknowledged, 0 failed, 12 unknown, 1 lost
acks         p50 4.12ms, p99 -, max 9.4s
             longest time without one 9.4s, from 10.000s
leaderless   orders-0 9.21s
faults       1 planned, 1 begun, 1 bit
world        73.5s after the 10s of forming, 345,678 messages, 1,234,567 events
fingerprint  1234567-00000000000000000000000000000abc
outcome      a claim was not met: acked-durability
again        kafsim run scenarios/a.toml --seed 7
file         reports/a-7.run
look         kafsim events reports/a-7.run 'index=41|97'
why          kafsim explain reports/a-7.run
page         kafsim view reports/a-7.run --open
";
        assert_eq!(written(&sample(Expectation::Holds)), expected);
    }

    #[test]
    fn every_violation_can_be_explained() {
        let why = |outcomes: [Outcome; 4]| {
            let mut run = sample(Expectation::Holds);
            for (claim, outcome) in run.claims.iter_mut().zip(outcomes) {
                claim.verdict.outcome = outcome;
            }
            written(&run).contains("\nwhy          kafsim explain reports/a-7.run\n")
        };
        let holds = || Outcome::Holds;
        assert!(why([holds(), holds(), violated("as it may be"), holds()]));
        let because = "broker-1 was elected uncleanly".to_owned();
        let outside =
            |violation| Outcome::OutsidePremise { event: 3, because: because.clone(), violation };
        let violation = violated("record 17 is gone").violation().cloned();
        assert!(!why([holds(), holds(), outside(None), holds()]));
        assert!(why([holds(), holds(), outside(violation), holds()]));
        assert!(!why([holds(), holds(), holds(), holds()]));
    }

    #[test]
    fn a_claimed_violation_is_as_expected() {
        let text = written(&sample(Expectation::Violated));
        assert!(text.contains("acked-durability           violated, as claimed\n"), "{text}");
        assert!(
            text.contains("outcome      as expected, and an acknowledged record is lost\nagain "),
            "{text}"
        );
    }

    #[test]
    fn a_breach_outside_the_premise_is_told_as_one() {
        let because = "broker-1 was elected uncleanly".to_owned();
        let violation = violated("record 17 is gone").violation().cloned();
        let outside =
            |violation| Outcome::OutsidePremise { event: 3, because: because.clone(), violation };
        let told = |expect, outcome| {
            let mut run = sample(expect);
            run.claims[0].verdict.outcome = outcome;
            let text = written(&run);
            let from = text.find("claim ").unwrap();
            text[from..].lines().take(3).map(|line| line.to_owned() + "\n").collect::<String>()
        };
        let claimed = told(Expectation::Violated, outside(violation.clone()));
        let expected = "\
claim        acked-durability           violated outside its premise, as claimed
               its premise ended: broker-1 was elected uncleanly
               record 17 is gone
";
        assert_eq!(claimed, expected);
        let held = told(Expectation::Holds, outside(violation));
        assert!(held.starts_with(&expected.replace(", as claimed", "")[..100]), "{held}");
        let unbroken = told(Expectation::Violated, outside(None));
        assert!(unbroken.contains(" outside its premise; expected: violated\n"), "{unbroken}");
        assert!(!unbroken.contains("violated outside"), "{unbroken}");
    }

    #[test]
    fn a_change_answers_for_what_it_was_to_show() {
        let because = "broker-1 was elected uncleanly".to_owned();
        let violation = violated("record 17 is gone").violation().cloned();
        let outside = Outcome::OutsidePremise { event: 3, because, violation };
        let told = |expect, outcome| {
            let mut run = sample(expect);
            let claim = &mut run.claims[0];
            (claim.is_left_behind, claim.is_promised) = (true, expect == Expectation::Holds);
            claim.verdict.outcome = outcome;
            let text = written(&run);
            (run.judgement(), text.split_whitespace().collect::<Vec<_>>().join(" ") + "\n")
        };
        let (judged, text) = told(Expectation::Violated, Outcome::Holds);
        assert_eq!(judged, Judgement::AsExpected);
        assert!(text.contains(" holds; expected without the change: violated "), "{text}");
        assert!(text.contains("outcome with the change acked-durability holds, and "), "{text}");
        let (judged, text) = told(Expectation::Violated, Outcome::NotExercised);
        assert_eq!(judged, Judgement::AsExpected);
        assert!(text.contains("with the change acked-durability is not exercised"), "{text}");
        let (judged, text) = told(Expectation::Holds, outside);
        assert_eq!(judged, Judgement::AsExpected);
        assert!(text.contains("is violated outside its premise, and"), "{text}");
        let (judged, text) = told(Expectation::Holds, violated("record 17 is gone"));
        assert_eq!(judged, Judgement::Unexpected, "a breach is one whatever was changed");
        assert!(text.contains(" violated; expected: holds "), "{text}");
        let (judged, _) = told(Expectation::Holds, Outcome::NotExercised);
        assert_eq!(judged, Judgement::Vacuous, "nor is a run in which nothing happened excused");
    }

    #[test]
    fn what_ended_a_run_is_told_once() {
        let mut outcome = sample(Expectation::Violated);
        outcome.end = End::Crashed("audit: broker-2 leads what it does not hold".to_owned());
        let text = written(&outcome);
        let told =
            "outcome      simulated code crashed: audit: broker-2 leads what it does not hold\n";
        assert!(text.contains(told), "{text}");
        let broken = written(&sample(Expectation::Holds));
        assert_eq!(broken.matches("record 17 of checkout-1").count(), 1, "{broken}");
    }

    #[test]
    fn a_long_story_is_cut_in_the_middle() {
        let mut outcome = sample(Expectation::Violated);
        let moment = outcome.story[0].clone();
        outcome.story = vec![moment; 100];
        let text = written(&outcome);
        assert!(text.contains("  ... 60 more: kafsim events reports/a-7.run\n"), "{text}");
        assert_eq!(text.matches("crash broker-1").count(), 40);
        outcome.run_file = None;
        let text = written(&outcome);
        assert!(text.contains("  ... 60 more\n") && !text.contains("kafsim events"), "{text}");
    }

    #[test]
    fn quantities_read_well() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(rounded(Duration::from_micros(4_120)), "4.12ms");
        assert_eq!(rounded(Duration::from_millis(9_400)), "9.4s");
        assert_eq!(rounded(Duration::from_secs(70)), "70s");
        assert_eq!(seconds(10_000_400), "10.000s");
        assert_eq!(seconds(-1_500_000), "-1.500s");
    }

    #[test]
    fn the_longest_without_a_leader_come_first() {
        let partition = |name: &str, secs| (name.to_owned(), Duration::from_secs(secs));
        let partitions = [partition("a-0", 1), partition("a-1", 0), partition("a-2", 9)];
        assert_eq!(leaderless(&partitions), "a-2 9s, a-0 1s");
        assert_eq!(leaderless(&[]), "no partition");
        let short = |name: &str| (name.to_owned(), Duration::from_micros(900));
        let mixed = [partition("a-0", 1), short("a-1"), short("a-2")];
        assert_eq!(leaderless(&mixed), "a-0 1s, 2 others at most 900us");
        assert_eq!(leaderless(&mixed[1..]), "2 partitions at most 900us");
        assert_eq!(leaderless(&mixed[1..2]), "a-1 900us");
    }
}
