//! The free driver: the world's loop, as fast as it goes.
//!
//! Under `--cfg madsim` the loop runs in one task of a madsim runtime on a fresh thread, whose
//! interception turns a stray clock or hash order into a deterministic one. That hides such a leak
//! from a second run of the same kind, so the audit of determinism also runs under another madsim
//! seed and in the plain build: a leak differs there (`tests/it/determinism.rs`, `.ci/run`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sim::{Sink, World};

/// How many steps are handled before madsim's executor is given a turn.
const STEPS_A_TURN: u32 = 256;

/// Simulated code stopped with an assertion or a panic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crashed {
    /// What it said.
    pub message: String,
}

impl std::fmt::Display for Crashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "simulated code crashed: {}", self.message)
    }
}

impl std::error::Error for Crashed {}

/// Whether this build has no madsim in it.
pub fn is_plain_build() -> bool {
    cfg!(not(madsim))
}

/// Runs `world` to its end, showing `sink` all events, on a thread of its own.
///
/// `executor_seed` seeds madsim's executor, which a run must not depend on.
///
/// # Errors
///
/// [`Crashed`] when simulated code panics; `world` and `sink` are as the panic left them.
pub fn run_free(
    world: &mut World,
    sink: &mut (impl Sink + Send),
    executor_seed: u64,
) -> Result<(), Crashed> {
    let job = || {
        let caught = catch_unwind(AssertUnwindSafe(|| drive(world, sink, executor_seed)));
        caught.map_err(|panic| Crashed { message: message_of(&*panic) })
    };
    // A fresh thread: std's hash keys and thread-local generators are set once per thread.
    std::thread::scope(|scope| {
        scope
            .spawn(job)
            .join()
            .unwrap_or_else(|panic| Err(Crashed { message: message_of(&*panic) }))
    })
}

/// What a panic said.
pub(crate) fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(madsim)]
fn drive(world: &mut World, sink: &mut impl Sink, executor_seed: u64) {
    let config = madsim::Config::default();
    let runtime = madsim::runtime::Runtime::with_seed_and_config(executor_seed, config);
    runtime.block_on(async {
        let mut steps = 0_u32;
        while world.next().is_some() {
            world.step(sink);
            steps += 1;
            if steps.is_multiple_of(STEPS_A_TURN) {
                yield_once().await;
            }
        }
    });
}

/// Gives the executor a turn.
#[cfg(madsim)]
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cfg(not(madsim))]
fn drive(world: &mut World, sink: &mut impl Sink, _executor_seed: u64) {
    let _ = STEPS_A_TURN;
    while world.next().is_some() {
        world.step(sink);
    }
}
