//! Runs of scenarios with all their events kept, for tests that look at what a fault did.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use kafsim::check::Outcome;
use kafsim::event::{Event, Kind};
use kafsim::explore::vocabulary;
use kafsim::scenario::Scenario;
use kafsim::sim::{Exposure, Model, Options, Progress, World};
use kafsim::types::{BrokerId, BrokerSet, Moment};

/// A run that is over, and all that happened in it.
pub(crate) struct Watched {
    pub(crate) events: Vec<Event>,
    pub(crate) world: World,
}

/// The file `path` with `changes` under `seed`, run to its end.
pub(crate) fn watch_file(path: &str, changes: &[&str], seed: u64) -> Watched {
    watch(&crate::scenarios::scenario(path, changes, &[]), seed)
}

/// The scenario `text` under seed 0, run to its end.
pub(crate) fn watch_text(text: &str) -> Watched {
    let scenario = Scenario::read("test.toml", text, &[], &[], &vocabulary());
    watch(&scenario.unwrap_or_else(|error| panic!("{error}")), 0)
}

fn watch(scenario: &Scenario, seed: u64) -> Watched {
    let mut events = Vec::new();
    let mut world = World::new(&scenario.plan, seed, Options::default());
    let mut keep = |event: &Event, _: &Model| events.push(event.clone());
    while world.next().is_some() {
        world.step(&mut keep);
    }
    Watched { events, world }
}

impl Watched {
    /// The kinds of events, each with its time in milliseconds after time zero.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (i64, &Event)> {
        self.events.iter().map(|event| (event.at.scenario_micros() / 1000, event))
    }

    /// The name of the host of an event.
    pub(crate) fn host(&self, event: &Event) -> &str {
        self.world.model().setup().host_name(event.host)
    }

    /// When events of a kind happened, in milliseconds after time zero.
    pub(crate) fn times(&self, is: impl Fn(&Kind) -> bool) -> Vec<i64> {
        self.kinds().filter(|(_, event)| is(&event.kind)).map(|(at, _)| at).collect()
    }

    /// The in-sync sets of the only partition after time zero: when, and which.
    pub(crate) fn in_sync(&self) -> Vec<(i64, BrokerSet, Option<BrokerId>)> {
        let committed = self.kinds().filter_map(|(at, event)| match &event.kind {
            Kind::PartitionCommitted { in_sync, leader, .. }
                if event.at >= Moment::SCENARIO_BEGINS =>
            {
                Some((at, in_sync.clone(), *leader))
            }
            _ => None,
        });
        committed.collect()
    }

    /// Fails unless the run came to a good end, every fault bit, and no property was violated.
    pub(crate) fn assert_clean(&mut self) -> Exposure {
        assert_eq!(self.world.progress(), Progress::Finished, "{:?}", self.world.amiss());
        let exposure = self.world.exposure();
        assert_eq!(exposure.bit, exposure.planned, "every fault bites: {exposure:?}");
        let verdicts = self.world.verdicts();
        let broken = verdicts.iter().find(|v| matches!(v.outcome, Outcome::Violated { .. }));
        assert!(broken.is_none(), "{}", broken.unwrap());
        exposure
    }
}
