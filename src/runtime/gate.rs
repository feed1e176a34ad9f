//! Where calls of async applications wait for the loop, and the loop's replies for applications.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::sim::{AppCall, AppReply};
use crate::types::{CallToken, HostId};

/// A call on its way to the loop.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) host: HostId,
    pub(crate) token: CallToken,
    pub(crate) call: AppCall,
}

/// The gate between async applications and the loop. All of it lives on one thread; the lock is
/// never waited for.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    calls: Vec<Call>,
    next_token: u64,
    waiting: BTreeMap<(HostId, CallToken), Slot>,
    /// Wakes the loop.
    pump: Option<Waker>,
}

#[derive(Debug, Default)]
struct Slot {
    reply: Option<AppReply>,
    waker: Option<Waker>,
}

/// A gate that several hold.
pub(crate) type SharedGate = Arc<Mutex<Gate>>;

/// Takes the lock.
pub(crate) fn lock(gate: &SharedGate) -> MutexGuard<'_, Gate> {
    gate.lock().expect("the gate is held for a few lines that do not panic")
}

impl Gate {
    /// The calls since the last time.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    pub(crate) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Whom to wake when there is a call.
    pub(crate) fn wake_on_call(&mut self, waker: &Waker) {
        self.pump = Some(waker.clone());
    }

    /// Hands a reply to whoever waits for it.
    pub(crate) fn reply(&mut self, host: HostId, token: CallToken, reply: AppReply) {
        if let Some(slot) = self.waiting.get_mut(&(host, token)) {
            slot.reply = Some(reply);
            slot.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Forgets what a dead process asked for.
    pub(crate) fn forget(&mut self, host: HostId) {
        self.calls.retain(|call| call.host != host);
        self.waiting.retain(|(of, _), _| *of != host);
    }
}

/// A call that was made and not answered yet.
#[derive(Debug)]
pub(crate) struct Reply {
    gate: SharedGate,
    host: HostId,
    token: CallToken,
}

impl Reply {
    /// Makes a call.
    pub(crate) fn to(gate: &SharedGate, host: HostId, call: AppCall) -> Self {
        let mut open = lock(gate);
        let token = CallToken(open.next_token);
        open.next_token += 1;
        open.waiting.insert((host, token), Slot::default());
        open.calls.push(Call { host, token, call });
        open.pump.take().into_iter().for_each(Waker::wake);
        drop(open);
        Self { gate: Arc::clone(gate), host, token }
    }
}

impl Future for Reply {
    type Output = AppReply;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AppReply> {
        let mut gate = lock(&self.gate);
        let key = (self.host, self.token);
        match gate.waiting.get_mut(&key) {
            // The process died: madsim drops this future with its node; until then it waits.
            None => Poll::Pending,
            Some(slot) => match slot.reply.take() {
                Some(reply) => {
                    gate.waiting.remove(&key);
                    Poll::Ready(reply)
                }
                None => {
                    slot.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            },
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // An application may give up on a call; its reply then goes nowhere.
        if let Ok(mut gate) = self.gate.lock() {
            gate.waiting.remove(&(self.host, self.token));
        }
    }
}
