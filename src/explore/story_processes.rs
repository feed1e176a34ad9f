//! What becomes of processes that are asked to end, in lines of a run's story.

use std::collections::BTreeSet;

use crate::event::{Event, Kind, LifecycleState, RestartStep};
use crate::explore::story_schedule::default_protocol;
use crate::report::halt_words;
use crate::scenario::Plan;
use crate::trace::{Model, Part};
use crate::types::HostId;

/// Follows processes that are asked to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes {
    /// Hosts whose processes were asked to end and have not ended.
    asked: BTreeSet<HostId>,
}

impl Processes {
    /// The line for `event`: a process is asked to end, ends, or has its turn in a rolling restart.
    pub(crate) fn line(
        &mut self,
        event: &Event,
        model: &Model,
        plan: Option<&Plan>,
    ) -> Option<String> {
        let host = model.setup().host_name(event.host);
        match &event.kind {
            Kind::ShutdownRequested {} => {
                self.asked.extend(event.host);
                None
            }
            Kind::HostStopped { halted, in_order, .. } => {
                let was_asked = event.host.is_some_and(|host| self.asked.remove(&host));
                let what = match (in_order, halted, was_asked) {
                    (true, ..) => "has ended in order".to_owned(),
                    (false, Some(reason), _) => {
                        format!("halts by itself: {}", halt_words(*reason))
                    }
                    (false, None, true) => "dies before it has ended in order".to_owned(),
                    (false, None, false) => return None,
                };
                Some(format!("{host} {what}"))
            }
            Kind::BrokerStateEntered { state: LifecycleState::ShuttingDown } => {
                Some(format!("{host} serves nobody any more, and closes its logs"))
            }
            Kind::RestartStepped { fault, host, step } => {
                let is_client = matches!(model.setup().part(*host), Some(Part::Client(_)));
                let (fault, host) = (fault + 1, model.setup().host_name(Some(*host)));
                let what = match step {
                    RestartStep::Waits => {
                        format!("waits until all is in sync, before it stops {host}")
                    }
                    RestartStep::Stops => format!("stops {host}"),
                    RestartStep::Starts => format!("starts {host} again"),
                    RestartStep::InSync if is_client => format!("sees {host} run again"),
                    RestartStep::InSync => format!("sees {host} in sync again"),
                };
                Some(format!("fault {fault}: the rolling restart {what}"))
            }
            Kind::ConfigDeployed { group, config } => {
                let set = config.as_str().replace(' ', ", ");
                let set = if set.is_empty() { "Kafka's defaults".to_owned() } else { set };
                let back = plan.and_then(|plan| default_protocol(plan, group.as_str(), event.at));
                let back = back.map(|back| format!("; it goes {back}")).unwrap_or_default();
                Some(format!("whoever of group {group} starts from now on has {set}{back}"))
            }
            _ => None,
        }
    }
}
