//! One run of a scenario with applications of the user's own beside it.

use std::future::Future;

use crate::explore::outcome::RunOutcome;
use crate::explore::run::{Recorder, RunOptions, conclude};
use crate::explore::vocabulary::vocabulary;
use crate::runtime::{Client, Coupled, Crashed};
use crate::scenario::{Scenario, ScenarioError};
use crate::sim::{Options, World};

/// A run of a scenario whose `[[client]]`s are applications written with `async`.
///
/// A client that no application is given for stays idle. When a fault crashes a client's host, its
/// futures are dropped; when the fault ends the application is called again, as a process that
/// starts anew.
///
/// ```no_run
/// use std::time::Duration;
///
/// use kafsim::explore::CoupledRun;
/// use kafsim::sim::SeekTo;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let scenario = std::fs::read_to_string("shop.toml")?;
/// let outcome = CoupledRun::new(&scenario, 7)?
///     .client("shop", |client| async move {
///         for order in 0.. {
///             let value = format!("order {order}");
///             match client.send("orders", Some(b"alice"), value.as_bytes()).await {
///                 Ok(sent) => println!("{value} stands at {:?}", sent.offset),
///                 Err(error) => println!("{value}: {error}"),
///             }
///         }
///     })
///     .client("audit", |client| async move {
///         client.assign("orders", &[0], SeekTo::Beginning).await.unwrap();
///         loop {
///             for batch in client.poll(Duration::from_millis(500)).await.unwrap() {
///                 println!("{} orders from {}", batch.records.len(), batch.base_offset);
///             }
///         }
///     })
///     .run()?;
/// println!("{:?}: {}", outcome.judgement(), outcome.fingerprint);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CoupledRun {
    scenario: Scenario,
    seed: u64,
    coupled: Coupled,
}

impl CoupledRun {
    /// The run of the scenario `text` with `seed`.
    ///
    /// # Errors
    ///
    /// All mistakes of the text, with their lines.
    pub fn new(text: &str, seed: u64) -> Result<Self, ScenarioError> {
        let scenario = Scenario::read("the scenario", text, &[], &[], &vocabulary())?;
        Ok(Self::of(scenario, seed))
    }

    /// The run of a scenario that was read, perhaps with changes, with `seed`.
    pub fn of(scenario: Scenario, seed: u64) -> Self {
        let world = World::new(&scenario.plan, seed, Options::default());
        Self { coupled: Coupled::new(world, seed), scenario, seed }
    }

    /// Adds the application of the client `name`.
    #[must_use]
    pub fn client<F>(
        self,
        name: &str,
        application: impl Fn(Client) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        Self { coupled: self.coupled.client(name, application), ..self }
    }

    /// Runs to the end of the scenario and says what it came to.
    ///
    /// # Errors
    ///
    /// [`Crashed`] when simulated code or an application panics, or when the scenario has no
    /// client of a name that an application was given for.
    pub fn run(self) -> Result<RunOutcome, Crashed> {
        let Self { scenario, seed, coupled } = self;
        let mut recorder = Recorder::new(&scenario.plan, None);
        let world = coupled.run(&mut recorder)?;
        let options = RunOptions::default();
        Ok(conclude(&scenario, (seed, &options), world, recorder, Ok(())).outcome)
    }
}
