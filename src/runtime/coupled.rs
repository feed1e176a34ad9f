//! The coupled driver: the world's loop on madsim's clock, beside applications written with
//! `async`.
//!
//! Each application is a madsim node; when a fault crashes, pauses or restarts its host, madsim
//! does so to the node. The loop waits for each step with one `Sleep` that is reset, not made anew
//! (a reset deadline escapes madsim's lower bound of 1 ms), and never polled again while it is
//! pending (each such poll would leave another timer behind).

#![expect(clippy::disallowed_types, reason = "madsim puts its own clock in the place of std's")]

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use madsim::runtime::{Handle, NodeHandle, Runtime};
use madsim::time::{Instant, Sleep};

use crate::event::Kind;
use crate::runtime::client::Client;
use crate::runtime::free::{Crashed, message_of};
use crate::runtime::gate::{SharedGate, lock};
use crate::sim::{Sink, World};
use crate::types::{HostId, Moment, Name};

/// An application: called with its client at every start of its process.
type Application = Arc<dyn Fn(Client) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync>;

/// A world with applications beside it.
pub struct Coupled {
    world: World,
    applications: BTreeMap<Name, Application>,
    executor_seed: u64,
}

impl std::fmt::Debug for Coupled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coupled")
            .field("applications", &self.applications.keys())
            .finish_non_exhaustive()
    }
}

impl Coupled {
    /// `world`, whose scenario has a `[[client]]` for every application that will be added.
    pub fn new(world: World, executor_seed: u64) -> Self {
        Self { world, applications: BTreeMap::new(), executor_seed }
    }

    /// Adds the application of the client `name`.
    #[must_use]
    pub fn client<F>(
        mut self,
        name: &str,
        application: impl Fn(Client) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        let boxed: Application = Arc::new(move |client| Box::pin(application(client)));
        self.applications.insert(name.into(), boxed);
        self
    }

    /// Runs to the end of the scenario and gives the world back.
    ///
    /// # Errors
    ///
    /// [`Crashed`] when simulated code or an application panics.
    pub fn run(self, sink: &mut (impl Sink + Send)) -> Result<World, Crashed> {
        let Self { mut world, applications, executor_seed } = self;
        let job = || {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let config = madsim::Config::default();
                let runtime = Runtime::with_seed_and_config(executor_seed, config);
                runtime.block_on(pump(&mut world, applications, sink));
            }));
            caught.map_err(|panic| Crashed { message: message_of(&*panic) })
        };
        let ended = std::thread::scope(|scope| {
            scope
                .spawn(job)
                .join()
                .unwrap_or_else(|panic| Err(Crashed { message: message_of(&*panic) }))
        });
        ended.map(|()| world)
    }
}

/// What a fault does to an application's process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Starts,
    Dies,
    Pauses,
    Resumes,
}

/// The loop.
async fn pump(world: &mut World, applications: BTreeMap<Name, Application>, sink: &mut impl Sink) {
    let gate: SharedGate = Arc::default();
    let start = Instant::now();
    let hosts: BTreeMap<HostId, Application> = applications
        .into_iter()
        .map(|(name, application)| {
            let host = world.cast().client(&name);
            (host.unwrap_or_else(|| panic!("the scenario has no [[client]] `{name}`")), application)
        })
        .collect();
    let mut nodes = BTreeMap::new();
    let mut sleep = Box::pin(madsim::time::sleep(Duration::ZERO));
    while let Some(next) = world.next() {
        wait(&gate, &mut sleep, start + Duration::from_micros(next.0)).await;
        let calls = lock(&gate).take_calls();
        if !calls.is_empty() {
            // Quantised to the world's unit, and never before the step that woke the caller.
            let elapsed = Instant::now().duration_since(start);
            let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
            let at = Moment(micros).min(next).max(world.now());
            for call in calls {
                world.call(call.host, at, call.token, call.call);
            }
            continue;
        }
        let mut fates = Vec::new();
        world.step(&mut |event: &crate::event::Event, model: &crate::sim::Model| {
            if let Some(host) = event.host.filter(|host| hosts.contains_key(host)) {
                fates.extend(fate(&event.kind).map(|fate| (host, fate)));
            }
            sink.event(event, model);
        });
        for (host, token, reply) in world.take_replies() {
            lock(&gate).reply(host, token, reply);
        }
        for (host, fate) in fates {
            befall(host, fate, &hosts, &mut nodes, &gate);
        }
    }
    // madsim keeps what is pending when its runtime is dropped: end all nodes first.
    let handle = Handle::current();
    nodes.values().for_each(|node: &NodeHandle| handle.kill(node.id()));
    madsim::time::sleep(Duration::from_millis(1)).await;
}

fn fate(kind: &Kind) -> Option<Fate> {
    match kind {
        Kind::HostStarted { .. } => Some(Fate::Starts),
        Kind::HostStopped { .. } => Some(Fate::Dies),
        Kind::HostPaused {} => Some(Fate::Pauses),
        Kind::HostResumed {} => Some(Fate::Resumes),
        _ => None,
    }
}

fn befall(
    host: HostId,
    fate: Fate,
    hosts: &BTreeMap<HostId, Application>,
    nodes: &mut BTreeMap<HostId, NodeHandle>,
    gate: &SharedGate,
) {
    let handle = Handle::current();
    match (fate, nodes.get(&host)) {
        (Fate::Starts, None) => {
            let application = Arc::clone(&hosts[&host]);
            let gate = Arc::clone(gate);
            let begin = move || application(Client::new(Arc::clone(&gate), host));
            let node = handle.create_node().name(format!("client-{}", host.0)).init(begin).build();
            nodes.insert(host, node);
        }
        (Fate::Starts, Some(node)) => handle.restart(node.id()),
        (Fate::Dies, Some(node)) => {
            lock(gate).forget(host);
            handle.kill(node.id());
        }
        (Fate::Pauses, Some(node)) => handle.pause(node.id()),
        (Fate::Resumes, Some(node)) => handle.resume(node.id()),
        (Fate::Dies | Fate::Pauses | Fate::Resumes, None) => {}
    }
}

/// Waits until `deadline`, or until an application calls.
async fn wait(gate: &SharedGate, sleep: &mut Pin<Box<Sleep>>, deadline: Instant) {
    sleep.as_mut().reset(deadline);
    let mut is_set = false;
    std::future::poll_fn(|context| {
        let mut open = lock(gate);
        if open.has_calls() {
            return Poll::Ready(());
        }
        open.wake_on_call(context.waker());
        drop(open);
        if is_set {
            return if sleep.is_elapsed() { Poll::Ready(()) } else { Poll::Pending };
        }
        is_set = true;
        sleep.as_mut().poll(context)
    })
    .await;
}
