//! What the scenario's own schedule does to groups, in lines of a run's story: when it adds members
//! and takes them away, and what those have that start from then on.

use crate::explore::outcome::{Matter, Moment};
use crate::report::several;
use crate::scenario::{GroupPlan, Plan};
use crate::types::{Moment as Instant, Name};

/// The lines for the members that `plan` adds and takes away until `until`.
pub(crate) fn scaled(plan: &Plan, until: Instant) -> Vec<Moment> {
    let mut lines = Vec::new();
    for group in &plan.groups {
        let mut members = group.members;
        for step in &group.scale {
            let at = Instant::SCENARIO_BEGINS + step.at;
            if at > until || step.members == members {
                continue;
            }
            let text = scaling(group, members, step.members);
            let at_micros = at.scenario_micros();
            lines.push(Moment { at_micros, event: None, matter: Matter::Servers, text });
            members = step.members;
        }
    }
    lines
}

fn scaling(group: &GroupPlan, before: u16, now: u16) -> String {
    let hosts = group.hosts();
    let hosts = &hosts[usize::from(before.min(now))..usize::from(before.max(now))];
    let names = several(hosts.iter().map(Name::as_str));
    let does = match (now > before, hosts.len()) {
        (true, 1) => "starts",
        (true, _) => "start",
        (false, 1) => "is to end",
        (false, _) => "are to end",
    };
    let name = &group.name;
    format!("the scenario scales group {name} from {before} to {now}: {names} {does}")
}

/// What whoever starts from `at` on goes back to, though their configuration does not say so: the
/// default protocol.
pub(crate) fn default_protocol(plan: &Plan, group: &str, at: Instant) -> Option<String> {
    let group = plan.groups.iter().find(|it| it.name.as_str() == group)?;
    let is_now = |at: Instant, deployed| Instant::SCENARIO_BEGINS + deployed == at;
    let place = group.deployments.iter().position(|it| is_now(at, it.at))?;
    let now = &group.deployments[place].config;
    let before = match place.checked_sub(1) {
        Some(before) => &group.deployments[before].config,
        None => &group.config,
    };
    let protocol = now.text("group.protocol");
    let is_said = now.explicit().any(|(key, _)| key == "group.protocol");
    (!is_said && protocol != before.text("group.protocol"))
        .then(|| format!("back to group.protocol={protocol}, the default"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::vocabulary;
    use crate::scenario::Scenario;
    use std::time::Duration;

    fn plan() -> Plan {
        let text = "version = 1\ntitle = \"t\"\nduration = \"60s\"\n\n[cluster]\nbrokers = 3\n\
                    controllers = 3\n\n[[topic]]\nname = \"orders\"\n\n[[group]]\n\
                    name = \"billing\"\nmembers = 2\ntopics = [\"orders\"]\n\
                    scale = [{ at = \"10s\", members = 5 }, { at = \"20s\", members = 4 }]\n\
                    deploy = [\n  { at = \"10s\", config = { group.protocol = \"consumer\" } },\n  \
                    { at = \"40s\", config = {} },\n  { at = \"50s\", config = {} },\n]\n";
        let read = Scenario::read("a.toml", text, &[], &[], &vocabulary());
        Plan::clone(&read.unwrap().plan)
    }

    fn at(seconds: u64) -> Instant {
        Instant::SCENARIO_BEGINS + Duration::from_secs(seconds)
    }

    #[test]
    fn the_scenario_scales_a_group_as_far_as_the_run_went() {
        let told = |until| -> Vec<(i64, String)> {
            let lines = scaled(&plan(), at(until)).into_iter();
            lines.map(|line| (line.at_micros, line.text)).collect()
        };
        let up = "the scenario scales group billing from 2 to 5: billing-3, billing-4, billing-5 \
                  start";
        let down = "the scenario scales group billing from 5 to 4: billing-5 is to end";
        let up = (10_000_000, up.to_owned());
        assert_eq!(told(60), [up.clone(), (20_000_000, down.to_owned())]);
        assert_eq!(told(15), [up]);
        assert!(told(5).is_empty());
    }

    #[test]
    fn who_goes_back_to_the_default_protocol_is_told_so() {
        let plan = plan();
        let back = default_protocol(&plan, "billing", at(40));
        assert_eq!(back.as_deref(), Some("back to group.protocol=classic, the default"));
        assert_eq!(default_protocol(&plan, "billing", at(10)), None, "it says so itself");
        assert_eq!(default_protocol(&plan, "billing", at(50)), None, "it was so already");
        assert_eq!(default_protocol(&plan, "other", at(40)), None);
    }
}
