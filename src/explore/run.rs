//! One run: a world driven to its end, with its outcome and, if asked for, its record.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::explore::outcome::{ClaimOutcome, End, FaultCounts, RunOutcome};
use crate::explore::story::Story;
use crate::runtime::{Crashed, run_free};
use crate::scenario::{Expectation, Plan};
use crate::sim::{Options, Progress, Sink, World};
use crate::trace::{Header, Model, Writer};
use crate::types::{Moment, PropertyName};

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The scenario file as it was named.
    pub scenario: String,
    /// The text of the scenario with everything that was changed on the way.
    pub text: String,
    /// The plan that the text says.
    pub plan: Arc<Plan>,
    /// The seed.
    pub seed: u64,
    /// What does not change the run.
    pub options: Options,
    /// Stop at this time of the scenario.
    pub until: Option<Duration>,
    /// Whether to keep a record.
    pub record: bool,
    /// Seeds the executor under the run, on which nothing may depend.
    pub executor_seed: u64,
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What it came to.
    pub outcome: RunOutcome,
    /// The bytes of its run file, if a record was asked for.
    pub record: Option<Vec<u8>>,
}

/// Takes the events of a run.
struct Recorder {
    writer: Option<Writer>,
    story: Story,
}

impl Sink for Recorder {
    fn event(&mut self, event: &Event, model: &Model) {
        if let Some(writer) = &mut self.writer {
            writer.add_digested(event);
        }
        self.story.observe(event, model);
    }
}

/// Runs it.
pub fn run_once(request: &RunRequest) -> Ran {
    let mut world = World::new(&request.plan, request.seed, request.options);
    if let Some(until) = request.until {
        world.stop_at(Moment::SCENARIO_BEGINS + until);
    }
    let writer = request.record.then(Writer::new);
    let mut recorder = Recorder { writer, story: Story::default() };
    let ended = run_free(&mut world, &mut recorder, request.executor_seed);
    conclude(request, &mut world, recorder, ended)
}

fn conclude(
    request: &RunRequest,
    world: &mut World,
    recorder: Recorder,
    ended: Result<(), Crashed>,
) -> Ran {
    let mut end = match (&ended, world.progress()) {
        (Err(crashed), _) => End::Crashed(crashed.message.clone()),
        (Ok(()), Progress::Running | Progress::Stopped) => End::Stopped,
        (Ok(()), Progress::NeverFormed) => End::NeverFormed,
        (Ok(()), Progress::NotLive) => {
            End::NotLive(world.amiss().unwrap_or("the cluster did not settle").to_owned())
        }
        (Ok(()), Progress::Finished) => End::Finished,
    };
    let verdicts = if ended.is_ok() { world.verdicts() } else { Vec::new() };
    if let (Some(failure), Ok(())) = (world.model().audit_failures().first(), &ended) {
        end = End::Crashed(format!("audit: {}", failure.sentence));
    }
    let mut claims: Vec<ClaimOutcome> = verdicts
        .into_iter()
        .filter_map(|verdict| {
            let property = PropertyName::from_name(&verdict.property)?;
            let written = request.plan.claims.iter().rfind(|claim| claim.property == property);
            let expect = written.map_or(Expectation::Holds, |claim| claim.expect);
            Some(ClaimOutcome { property, expect, is_written: written.is_some(), verdict })
        })
        .collect();
    claims.sort_by_key(|claim| !claim.is_written);
    let exposure = world.exposure();
    let fingerprint = world.fingerprint();
    let outcome = RunOutcome {
        scenario: request.scenario.clone(),
        title: request.plan.title.clone(),
        seed: request.seed,
        end,
        fingerprint,
        simulated: world.now().since(Moment(0)),
        messages: world.counts().1,
        claims,
        figures: world.figures(),
        story: recorder.story.finish(),
        faults: FaultCounts {
            planned: exposure.planned,
            begun: exposure.begun,
            bit: exposure.bit,
        },
        run_file: None,
    };
    let record = recorder.writer.map(|writer| {
        let header = Header {
            scenario: request.text.clone(),
            title: request.plan.title.clone(),
            seed: request.seed,
            setup: world.model().setup().clone(),
            verdicts: verdicts_json(&outcome),
            fingerprint,
            ..Header::of_this_build()
        };
        writer.finish(&header)
    });
    Ran { outcome, record }
}

fn verdicts_json(outcome: &RunOutcome) -> serde_json::Value {
    let claims = outcome.claims.iter().map(|claim| {
        serde_json::json!({
            "property": claim.property.name(),
            "expect": claim.expect.name(),
            "verdict": claim.verdict,
        })
    });
    serde_json::Value::Array(claims.collect())
}
