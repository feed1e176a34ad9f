//! One run of a scenario: from the plan and a seed to what it came to.

use std::sync::Arc;
use std::time::Duration;

use crate::check::{Subject, infos};
use crate::event::Event;
use crate::explore::build::{BUILD_ID, VERSION};
use crate::explore::outcome::{ClaimOutcome, End, RunOutcome};
use crate::explore::story::Story;
use crate::runtime::{Crashed, run_free};
use crate::scenario::{Plan, Scenario};
use crate::sim::{Options, Progress, Sink, World};
use crate::trace::{Header, Model, Recording, Writer};
use crate::types::{Expectation, Moment, PropertyName};

/// What a run does beside running. None of it changes the fingerprint, but for `until`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RunOptions {
    /// Whether events are kept for a run file.
    pub record: bool,
    /// Where to stop before the end, from time zero.
    pub until: Option<Duration>,
    /// Stop at the first breach of this property.
    pub until_violated: Option<PropertyName>,
    /// One outside its premise counts, too.
    pub or_outside: bool,
    /// Whether every message is encoded, decoded and compared at each delivery.
    pub wire: bool,
    /// Leave the properties unchecked: for measuring what they cost.
    pub unchecked: bool,
    /// Seeds madsim's executor below the run, on which nothing may depend.
    pub executor_seed: u64,
}

/// A run that was executed.
#[derive(Clone, PartialEq, Debug)]
pub struct Executed {
    /// What it came to.
    pub outcome: RunOutcome,
    /// The bytes of its run file, when it was recorded.
    pub run_file: Option<Recording>,
}

/// Takes the events of a run.
pub(crate) struct Recorder {
    writer: Option<Writer>,
    story: Story,
}

impl Recorder {
    /// Of a run of `plan`; its events go to `writer`.
    pub(crate) fn new(plan: &Arc<Plan>, writer: Option<Writer>) -> Self {
        Self { writer, story: Story::new(plan) }
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: &Event, model: &Model) {
        self.story.observe(event, model);
    }

    fn keep(&mut self, events: &mut Vec<Event>) {
        if let Some(writer) = &mut self.writer {
            writer.add_all(events);
        }
    }
}

/// Runs `scenario` with `seed`.
pub fn run_once(scenario: &Scenario, seed: u64, options: &RunOptions) -> Executed {
    let physics = Options { wire: options.wire, check: !options.unchecked };
    let mut world = World::new(&scenario.plan, seed, physics);
    if let Some(until) = options.until {
        world.stop_at(Moment::SCENARIO_BEGINS + until);
    }
    if let Some(property) = options.until_violated {
        world.stop_on(property, options.or_outside);
    }
    let writer = options.record.then(Writer::new);
    let mut recorder = Recorder::new(&scenario.plan, writer);
    let ended = run_free(&mut world, &mut recorder, options.executor_seed);
    conclude(scenario, (seed, options), world, recorder, ended)
}

/// Draws up what the world that ran came to.
pub(crate) fn conclude(
    scenario: &Scenario,
    (seed, options): (u64, &RunOptions),
    mut world: World,
    recorder: Recorder,
    ended: Result<(), Crashed>,
) -> Executed {
    let plan = &scenario.plan;
    let has_crashed = ended.is_err();
    let end = match ended {
        Err(crashed) => End::Crashed(crashed.message),
        Ok(()) => match (world.model().audit_failures().first(), world.progress()) {
            (Some(failure), _) => End::Crashed(format!("audit: {}", failure.what)),
            (None, Progress::Running | Progress::Stopped) => End::Stopped,
            (None, Progress::NeverFormed) => End::NeverFormed,
            (None, Progress::NotLive) => {
                End::NotLive(world.amiss().unwrap_or("the cluster did not settle").to_owned())
            }
            (None, Progress::Finished) => End::Finished,
        },
    };
    let verdicts = if has_crashed { Vec::new() } else { world.verdicts() };
    let liveness: Vec<_> =
        infos().into_iter().filter(|info| info.is_liveness).map(|info| info.name).collect();
    let claims = verdicts.into_iter().filter_map(|verdict| {
        let property = PropertyName::from_name(&verdict.property)?;
        let written = plan.claims.iter().rfind(|claim| claim.property == property);
        let expect = written.map_or(Expectation::Holds, |claim| claim.expect);
        let is_liveness = liveness.contains(&property.name());
        let is_written = written.is_some();
        let is_drawn = plan.random.is_some();
        let is_promised = is_written && expect == Expectation::Holds && !is_drawn;
        let of = verdict.outcome.violation().map(|it| about(&it.subject, world.model()));
        let is_left_behind = scenario.left_behind.contains(&property);
        Some(ClaimOutcome {
            property,
            expect,
            is_written,
            is_promised,
            is_left_behind,
            is_liveness,
            verdict,
            of,
        })
    });
    let mut claims: Vec<ClaimOutcome> = claims.collect();
    claims.sort_by_key(|claim| !claim.is_written);
    let figures = world.figures();
    let outcome = RunOutcome {
        scenario: scenario.file.clone(),
        plan: Arc::clone(plan),
        seed,
        end,
        fingerprint: world.fingerprint(),
        simulated: world.now().since(Moment(0)),
        messages: world.counts().1,
        claims,
        story: recorder.story.finish(&figures),
        figures,
        faults: world.exposure(),
        faults_begun: world.faults_begun(),
        operations_asked: world.operations_asked(),
        run_file: None,
    };
    let run_file = recorder.writer.map(|writer| {
        let header = Header {
            tool_version: VERSION.to_owned(),
            build_id: BUILD_ID.to_owned(),
            title: plan.title.clone(),
            scenario: scenario.text.clone(),
            file: scenario.file.clone(),
            sets: scenario.sets.clone(),
            defects: scenario.defects.clone(),
            seed,
            until_micros: options.until.map(|until| until.as_micros() as u64),
            setup: world.model().setup().clone(),
            verdicts: verdicts_json(&outcome),
            outcome: outcome.judgement().name().to_owned(),
            fingerprint: outcome.fingerprint,
            ..Header::default()
        };
        (writer, header)
    });
    // The file is put together when the world is gone, and takes the memory that it leaves.
    drop(world);
    let run_file = run_file.map(|(writer, header)| writer.finish(&header));
    Executed { outcome, run_file }
}

fn verdicts_json(outcome: &RunOutcome) -> serde_json::Value {
    let unmet: Vec<_> = outcome.unmet().map(|claim| claim.property).collect();
    let claims = outcome.claims.iter().map(|claim| {
        let mut told = serde_json::json!({
            "property": claim.property.name(),
            "expect": claim.expect.name(),
            "verdict": claim.verdict,
        });
        if claim.gave_way() {
            told["gave_way"] = true.into();
        }
        if unmet.contains(&claim.property) {
            told["unmet"] = true.into();
        }
        told
    });
    serde_json::Value::Array(claims.collect())
}

/// What a breach is of, in a word or two that mean the same in another run.
fn about(subject: &Subject, model: &Model) -> String {
    let setup = model.setup();
    match subject {
        Subject::Group { group, partition, .. } => match partition {
            Some(partition) => format!("{group}, {}", model.partition_name(*partition)),
            None => group.to_string(),
        },
        Subject::Operation { client, .. } => setup.host_name(Some(*client)).to_owned(),
        Subject::Node { node } | Subject::Vote { voter: node, .. } => setup.node_name(*node),
        Subject::InSync { partition, brokers } => {
            let nodes: Vec<String> = brokers.iter().map(|node| setup.node_name(*node)).collect();
            format!("{} in {}", nodes.join(", "), model.partition_name(*partition))
        }
        _ => subject.partition().map_or_else(String::new, |it| model.partition_name(it)),
    }
}
