//! A run's outcome as one JSON object, for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::json_groups;
use crate::cli::simulated;
use crate::cli::text::end_word;
use crate::explore::{ClaimOutcome, Judgement, RunOutcome, SeedOutcome, SweepOutcome};
use crate::types::PropertyName;

/// The object that `kafsim run --format json` prints.
pub(crate) fn run(outcome: &RunOutcome, again: &str) -> Value {
    let judgement = outcome.judgement();
    let figures = &outcome.figures;
    let leaderless: serde_json::Map<String, Value> = figures
        .leaderless
        .iter()
        .map(|(partition, time)| (partition.clone(), seconds(*time)))
        .collect();
    json!({
        "scenario": outcome.scenario,
        "title": outcome.plan.title,
        "seed": outcome.seed,
        "outcome": judgement.name(),
        "exit": judgement as u8,
        "end": end_word(&outcome.end),
        "fingerprint": fingerprint(outcome.fingerprint),
        "virtual_seconds": seconds(outcome.simulated),
        "messages": outcome.messages,
        "simulated": simulated::json(&outcome.plan),
        "claims": outcome.claims.iter().map(claim).collect::<Vec<_>>(),
        "figures": {
            "leaderless_seconds": leaderless,
            "longest_without_ack_seconds": seconds(figures.longest_without_ack),
            "longest_without_ack_from_seconds":
                figures.longest_without_ack_at.map(|from| micros(from.scenario_micros())),
            "ack_latency_p50_seconds": figures.ack_latency_p50.map(seconds),
            "ack_latency_p99_seconds": figures.ack_latency_p99.map(seconds),
            "ack_latency_max_seconds": figures.ack_latency_max.map(seconds),
            "acked": figures.acked,
            "failed": figures.failed,
            "unknown": figures.unknown,
            "lost": figures.lost,
            "groups": figures.groups.iter().map(json_groups::group).collect::<Vec<_>>(),
        },
        "story": outcome.story.iter().map(|moment| json!({
            "seconds": micros(moment.at_micros),
            "event": moment.event,
            "about": moment.matter.name(),
            "text": moment.text,
        })).collect::<Vec<_>>(),
        "exposure": exposure(outcome.faults),
        "run_file": outcome.run_file.as_ref().map(|file| file.display().to_string()),
        "again": again,
    })
}

fn claim(claim: &ClaimOutcome) -> Value {
    let violation = claim.verdict.outcome.violation();
    json!({
        "property": claim.property.name(),
        "expect": claim.expect.name(),
        "result": claim.verdict.outcome.name(),
        "as_expected": claim.is_as_expected(),
        "gave_way": claim.gave_way(),
        "written": claim.is_written,
        "exercised": claim.verdict.exercised,
        "violations": claim.verdict.violations,
        "sentence": violation.map(|violation| &violation.sentence),
        "evidence": violation.map_or(&[][..], |violation| violation.evidence.as_slice()),
    })
}

fn fingerprint(fingerprint: crate::trace::Fingerprint) -> Value {
    json!({ "events": fingerprint.events, "digest": format!("{:032x}", fingerprint.hash) })
}

fn exposure(faults: crate::sim::Exposure) -> Value {
    let crate::sim::Exposure { planned, begun, bit } = faults;
    json!({ "faults_planned": planned, "faults_begun": begun, "faults_bit": bit })
}

/// One line of `kafsim sweep --out`: the same for any number of jobs.
pub(crate) fn seed(scenario: &str, outcome: &SeedOutcome) -> Value {
    let failure = outcome.failure.as_ref();
    json!({
        "scenario": scenario,
        "seed": outcome.seed,
        "outcome": failure.map_or(Judgement::AsExpected, |f| f.judgement).name(),
        "property": failure.and_then(|failure| failure.property).map(PropertyName::name),
        "sentence": failure.map(|failure| &failure.sentence),
        "violated": outcome.violated.iter().map(|property| property.name()).collect::<Vec<_>>(),
        "fingerprint": fingerprint(outcome.fingerprint),
        "exposure": exposure(outcome.faults),
        "groups": outcome.groups.iter()
            .map(|(name, cost)| json_groups::cost(name, cost))
            .collect::<Vec<_>>(),
    })
}

/// What `kafsim sweep --format json` prints of one scenario, judged so.
pub(crate) fn sweep(
    scenario: &str,
    outcome: &SweepOutcome,
    judgement: Judgement,
    kept: &[(u64, String)],
) -> Value {
    let names = |list: Vec<&'static str>| list;
    json!({
        "scenario": scenario,
        "outcome": judgement.name(),
        "exit": judgement as u8,
        "seeds": outcome.seeds,
        "as_expected": outcome.as_expected,
        "failures": outcome.failures.iter().map(|(kind, failures)| {
            let (judgement, property) = kind;
            let kept = kept.iter().find(|(seed, _)| *seed == failures.first);
            json!({
                "outcome": judgement.name(),
                "property": property.map(PropertyName::name),
                "seeds": failures.seeds,
                "first_seed": failures.first,
                "sentence": failures.sentence,
                "run_file": kept.map(|(_, file)| file),
            })
        }).collect::<Vec<_>>(),
        "violated": outcome.violated.iter()
            .map(|(property, seeds)| (property.name().to_owned(), json!(seeds)))
            .collect::<serde_json::Map<_, _>>(),
        "broken_outside_premise": outcome.broken_outside.iter()
            .map(|(property, seeds)| (property.name().to_owned(), json!(seeds)))
            .collect::<serde_json::Map<_, _>>(),
        "unmet_claims": names(outcome.unmet.iter().map(|(property, _)| property.name()).collect()),
        "idle_claims": names(outcome.idle.iter().map(|property| property.name()).collect()),
        "exposure": exposure(outcome.faults),
        "groups": outcome.groups.iter()
            .map(|(name, costs)| json_groups::costs(name, costs))
            .collect::<Vec<_>>(),
    })
}

pub(crate) fn seconds(duration: Duration) -> Value {
    json!(duration.as_secs_f64())
}

#[expect(clippy::float_arithmetic, reason = "for a reader; decides nothing")]
#[expect(clippy::cast_precision_loss, reason = "a run is shorter than 2^53 microseconds")]
pub(crate) fn micros(micros: i64) -> Value {
    json!(micros as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::text::tests::sample;
    use crate::types::Expectation;

    #[test]
    fn a_run_has_what_programs_rely_on() {
        let object = run(&sample(Expectation::Holds), "kafsim run a.toml");
        assert_eq!(object["scenario"], "scenarios/a.toml");
        assert_eq!(object["seed"], 7);
        assert_eq!(object["outcome"], "unexpected");
        assert_eq!(object["exit"], 1);
        assert_eq!(object["fingerprint"]["events"], 1_234_567);
        assert_eq!(object["fingerprint"]["digest"], "00000000000000000000000000000abc");
        assert_eq!(object["virtual_seconds"].to_string(), "83.5");
        assert_eq!(object["claims"][0]["property"], "acked-durability");
        assert_eq!(object["claims"][0]["expect"], "holds");
        assert_eq!(object["claims"][0]["result"], "violated");
        assert_eq!(object["exposure"]["faults_bit"], 1);
        assert_eq!(object["run_file"], "reports/a-7.run");
        assert_eq!(object["story"][0]["seconds"].to_string(), "10.0");
        assert_eq!(object["story"][0]["about"], "fault-begins");
        assert_eq!(object["simulated"]["topics"][0]["name"], "orders");
        assert_eq!(object["figures"]["longest_without_ack_from_seconds"].to_string(), "10.0");
        assert_eq!(object["figures"]["ack_latency_max_seconds"].to_string(), "9.4");
    }
}
