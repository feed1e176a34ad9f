//! The workload: the scenario, how it is run, and what happens in it.

use std::time::Duration;

use kafsim::event::{Event, Kind};
use kafsim::explore::{RunOptions, run_once, vocabulary};
use kafsim::runtime::run_free;
use kafsim::scenario::Scenario;
use kafsim::sim::{Model, Options, World};
use kafsim::types::ApiKey;

/// The scenario's file.
pub(crate) const FILE: &str = "scenarios/bench/basic.toml";

/// The scenario.
#[derive(Debug)]
pub(crate) struct Workload(Scenario);

/// What happens in a run of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) messages: u64,
    pub(crate) steps: u64,
    pub(crate) events: u64,
    /// Records that were acknowledged.
    pub(crate) acked: u64,
    pub(crate) simulated: Duration,
    /// Fetches that were answered without any partition.
    pub(crate) idle_fetches: u64,
    pub(crate) heartbeats: u64,
}

impl Workload {
    pub(crate) fn read() -> Self {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        let text = std::fs::read_to_string(path).expect("the scenario is in the repository");
        let scenario = Scenario::read(FILE, &text, &[], &[], &vocabulary());
        Self(scenario.expect("the scenario has no mistakes"))
    }

    /// The world before its first step.
    pub(crate) fn world(&self, seed: u64) -> World {
        World::new(&self.0.plan, seed, Options::default())
    }

    /// A whole run, as `kafsim run` makes it.
    pub(crate) fn run(&self, seed: u64, check: bool, record: bool) {
        let options = RunOptions { record, unchecked: !check, ..RunOptions::default() };
        std::hint::black_box(run_once(&self.0, seed, &options));
    }

    /// Counts what happens.
    pub(crate) fn count(&self) -> Counts {
        let mut world = self.world(0);
        let mut counts = Counts::default();
        let mut smallest = u32::MAX;
        let mut sink = |event: &Event, _: &Model| {
            counts.events += 1;
            let Kind::Delivered { api, is_response, bytes, .. } = event.kind else { return };
            counts.heartbeats += u64::from(api == ApiKey::BrokerHeartbeat && !is_response);
            if api == ApiKey::Fetch && is_response {
                // No answer is smaller than one that names no partition.
                if bytes < smallest {
                    smallest = bytes;
                    counts.idle_fetches = 0;
                }
                counts.idle_fetches += u64::from(bytes == smallest);
            }
        };
        run_free(&mut world, &mut sink, 0).expect("the workload does not crash");
        (counts.steps, counts.messages) = world.counts();
        counts.acked = world.figures().acked;
        counts.simulated = world.now().since(kafsim::types::Moment(0));
        counts
    }
}
