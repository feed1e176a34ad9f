//! The reasons of steps, kind by kind.

use crate::event::{Event, Kind};
use crate::report::explain::choose::blames_only;
use crate::report::explain::reason::trail::Message;
use crate::report::explain::shape::Step;
use crate::report::explain::tape::Tape;
use crate::scenario::Plan;
use crate::trace::Model;
use crate::types::{HostId, TopicPartition};

/// Looks up why something happened.
pub(crate) struct Reasons<'a> {
    pub(crate) tape: &'a Tape,
    pub(crate) plan: &'a Plan,
    /// For names.
    pub(crate) model: &'a Model,
}

impl<'a> Reasons<'a> {
    /// Gives each step its reason that has none yet.
    pub(crate) fn give(&self, steps: &mut [Step]) {
        for step in steps {
            // That a bug is switched on says what is wrong with a step, and not what led to it.
            let blame = step.because.as_deref().and_then(|because| blames_only(because));
            let is_deed = step.kind == "defect-acted";
            if step.because.is_some() && (blame.is_none() || is_deed) {
                continue;
            }
            let own = self.tape.event(step.event).and_then(|event| self.of(event));
            step.because = match (own, step.because.take()) {
                (Some(own), Some(blame)) => Some(format!("{own}; {blame}")),
                (own, blame) => own.or(blame),
            };
        }
    }

    fn of(&self, event: &'a Event) -> Option<String> {
        self.of_fault(event)
            .or_else(|| self.of_log(event))
            .or_else(|| self.of_cluster(event))
            .or_else(|| self.of_quorum(event))
            .or_else(|| self.of_client(event))
            .or_else(|| self.of_group(event))
            .or_else(|| self.of_trigger(event))
    }

    /// What set `event` off, whatever it is.
    fn of_trigger(&self, event: &'a Event) -> Option<String> {
        let trigger = self.tape.trigger_of(event);
        let at = trigger.index;
        Some(match &trigger.kind {
            Kind::Delivered { .. } => format!("{} led to it", self.message(trigger)?),
            Kind::ConnectionClosed { peer, because, .. } => {
                format!("its connection to {} was {because} (e{at})", self.name(*peer))
            }
            Kind::FaultBegan { fault, .. } => format!("fault {} does it (e{at})", fault + 1),
            Kind::FaultEnded { fault, .. } => format!("fault {} is over (e{at})", fault + 1),
            Kind::HostStarted { .. } if at != event.index => format!("its process started (e{at})"),
            Kind::PhaseBegan { phase } => format!("part `{phase}` of the run begins (e{at})"),
            Kind::DeadlineReached { lane } if trigger.index != event.index => {
                format!("a timer of its {lane} lane was due (e{at})")
            }
            _ => return None,
        })
    }

    pub(crate) fn message(&self, event: &'a Event) -> Option<String> {
        Message::of(event).map(|message| message.words(self.tape))
    }

    /// The message that set `event` off, in words, if it is as `wanted`.
    pub(crate) fn brought(
        &self,
        event: &'a Event,
        wanted: impl Fn(&Message<'a>) -> bool,
    ) -> Option<String> {
        let message = self.tape.message_to(event).filter(wanted)?;
        Some(message.words(self.tape))
    }

    /// The last event of the host of `event` before it that is as `wanted`.
    pub(crate) fn last_here(
        &self,
        event: &Event,
        wanted: impl Fn(&Kind) -> bool,
    ) -> Option<&'a Event> {
        self.tape.last_before(event, |it| it.host == event.host && wanted(&it.kind))
    }

    /// Another event of the step of `event`, and of its host, that is as `wanted`.
    pub(crate) fn beside(
        &self,
        event: &'a Event,
        wanted: impl Fn(&Kind) -> bool,
    ) -> Option<&'a Event> {
        let here = |it: &&Event| it.index != event.index && it.host == event.host;
        self.tape.step_of(event).find(|it| here(it) && wanted(&it.kind))
    }

    pub(crate) fn name(&self, host: HostId) -> &'a str {
        self.tape.host(Some(host))
    }

    pub(crate) fn partition(&self, partition: TopicPartition) -> String {
        self.model.partition_name(partition)
    }
}
