//! What led to an event: its step, what scheduled the step, and the message that came in it.

use crate::event::{Event, Kind};
use crate::report::explain::tape::Tape;
use crate::trace::seconds;
use crate::types::{ApiKey, HostId, Moment};

/// How many steps back a cause is looked for.
const STEPS_BACK: usize = 64;
/// A message that was on its way for longer than this many microseconds is called late.
const LATE: u64 = 500_000;

/// A request or an answer that came, and the event that says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) event: &'a Event,
    pub(crate) from: HostId,
    pub(crate) api: ApiKey,
    pub(crate) is_response: bool,
    sent: Moment,
    fault: Option<u32>,
}

impl<'a> Message<'a> {
    /// The message that `event` tells of, if it tells of one.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        match &event.kind {
            Kind::Delivered { from, api, is_response, sent, fault, .. } => Some(Self {
                event,
                from: *from,
                api: *api,
                is_response: *is_response,
                sent: *sent,
                fault: *fault,
            }),
            _ => None,
        }
    }

    /// "the Produce request of checkout (e9)", "the answer of broker-1 to a Fetch request (e7)".
    pub(crate) fn words(&self, tape: &Tape) -> String {
        let Self { api, from, event, .. } = self;
        let from = tape.host(Some(*from));
        let late = event.at.0.saturating_sub(self.sent.0) > LATE;
        let since =
            if late { format!(", on its way since {}", seconds(self.sent)) } else { String::new() };
        let held = self
            .fault
            .filter(|_| late)
            .map(|it| format!(", held up by fault {}", it.saturating_add(1)));
        let place = format!("(e{}{since}{})", event.index, held.unwrap_or_default());
        match self.is_response {
            true => format!("the answer of {from} to its {api:?} request {place}"),
            false => format!("the {api:?} request of {from} {place}"),
        }
    }
}

impl Tape {
    /// The first event of the step of `event`.
    pub(crate) fn first_of<'a>(&'a self, event: &'a Event) -> &'a Event {
        let cause = event.cause.and_then(|cause| self.event(cause));
        cause.filter(|cause| cause.step == event.step).unwrap_or(event)
    }

    /// All events of the step of `event`, itself among them.
    pub(crate) fn step_of<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Event> {
        let first = usize::try_from(self.first_of(event).index).unwrap_or(usize::MAX);
        let step = event.step;
        self.events.iter().skip(first).take_while(move |it| it.step == step)
    }

    /// The first event of the step that scheduled that of `event`.
    pub(crate) fn parent_of<'a>(&'a self, event: &'a Event) -> Option<&'a Event> {
        let first = self.first_of(event);
        let cause = first.cause.filter(|cause| *cause < first.index)?;
        self.event(cause).map(|cause| self.first_of(cause))
    }

    /// What set `event` off: the message, the timer, the fault at the beginning of its step, or of
    /// the step for which it was handed from lane to lane or waited for the disk.
    pub(crate) fn trigger_of<'a>(&'a self, event: &'a Event) -> &'a Event {
        let mut at = self.first_of(event);
        for _ in 0..STEPS_BACK {
            let is_passed_on = matches!(
                at.kind,
                Kind::TaskPosted { .. }
                    | Kind::LaneResumed { .. }
                    | Kind::DiskCompleted { .. }
                    | Kind::ConnectionOpened { .. }
            );
            match self.parent_of(at).filter(|_| is_passed_on) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        at
    }

    /// The message that set `event` off, if one did.
    pub(crate) fn message_to<'a>(&'a self, event: &'a Event) -> Option<Message<'a>> {
        Message::of(self.trigger_of(event))
    }

    /// The nearest message that led to `event` and is as `wanted`.
    pub(crate) fn message_before<'a>(
        &'a self,
        event: &'a Event,
        wanted: impl Fn(&Message<'a>) -> bool,
    ) -> Option<Message<'a>> {
        let steps = std::iter::successors(Some(self.first_of(event)), |at| self.parent_of(at));
        steps.take(STEPS_BACK).filter_map(Message::of).find(wanted)
    }

    /// The last event before `event` that is as `wanted`.
    pub(crate) fn last_before<'a>(
        &'a self,
        event: &Event,
        wanted: impl Fn(&Event) -> bool,
    ) -> Option<&'a Event> {
        let end = usize::try_from(event.index).unwrap_or(usize::MAX).min(self.events.len());
        self.events[..end].iter().rev().find(|it| wanted(it))
    }
}
