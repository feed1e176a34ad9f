//! Scenarios that are no mistake and cannot show what they seem to be for. Only what is certain is
//! told.

use std::time::Duration;

use crate::scenario::file_error::Wrong;
use crate::scenario::plan::{Plan, ProducerPlan, Trigger};
use crate::scenario::table::Mistakes;
use crate::types::PropertyName;

/// Warns of what nothing in `plan` can come of. What a user's own code does nobody knows here.
pub(crate) fn warn(plan: &Plan, mistakes: &mut Mistakes) {
    if !plan.clients.is_empty() {
        return;
    }
    let has_faults = !plan.faults.is_empty() || plan.random.is_some();
    if plan.producers.is_empty() && has_faults && plan.groups.is_empty() {
        let what = "nobody writes, so no fault can cost a record";
        mistakes.warn(1, Wrong::new(what, "describe a [[producer]]"));
    }
    for consumer in &plan.consumers {
        if !plan.producers.iter().any(|producer| producer.topic == consumer.topic) {
            let what =
                format!("`{}` reads `{}`, and nobody writes it", consumer.name, consumer.topic);
            mistakes.warn(1, Wrong::new(what, "describe a [[producer]] of that topic"));
        }
    }
    // A group goes on committing and rebalancing when nobody writes any more.
    if let (Some(done), Some(first)) = (all_done(plan), first_fault(plan))
        && done < first
        && plan.groups.is_empty()
    {
        let what = "all producers have sent their `records_max` before the first fault begins";
        mistakes.warn(1, Wrong::new(what, "let it begin earlier, or leave `records_max` out"));
    }
    warn_of_flushes(plan, mistakes);
    warn_of_sessions(plan, mistakes);
    warn_of_deciders(plan, mistakes);
    let nobody_asks =
        |acks: &str| plan.producers.iter().all(|producer| producer.config.text("acks") != acks);
    for claim in &plan.claims {
        let needs = match claim.property {
            PropertyName::AckedDurability if nobody_asks("all") => "`acks = \"all\"`",
            PropertyName::AcksOneDurability if nobody_asks("1") => "`acks = \"1\"`",
            _ => continue,
        };
        if !plan.producers.is_empty() {
            let name = claim.property.name();
            let what = format!("`{name}` is about records sent with {needs}, and no producer does");
            mistakes.warn(claim.line, Wrong::new(what, "claim another property, or change `acks`"));
        }
    }
}

/// Controllers elect, and say how many replicas must be in sync: with
/// `eligible.leader.replicas.version` the active one's value goes to all brokers.
fn warn_of_deciders(plan: &Plan, mistakes: &mut Mistakes) {
    let Some(controller) = plan.cluster.controllers.first() else { return };
    for key in ["min.insync.replicas", "unclean.leader.election.enable"] {
        let decides = controller.config.setting(key).value;
        for broker in &plan.cluster.brokers {
            let own = broker.config.setting(key);
            if broker.config.is_set(key) && own.value != decides {
                let what = format!("`{key}` of broker-{} does nothing", broker.id);
                let instead = "set it on a topic, in cluster.config, or for the controllers";
                mistakes.warn(own.line, Wrong::new(what, instead));
            }
        }
    }
}

/// Coordinators refuse members whose session is too short or too long for them
/// (INVALID_SESSION_TIMEOUT).
fn warn_of_sessions(plan: &Plan, mistakes: &mut Mistakes) {
    let Some(broker) = plan.cluster.brokers.first() else { return };
    let (min, max) = ("group.min.session.timeout.ms", "group.max.session.timeout.ms");
    for group in &plan.groups {
        let later = group.deployments.iter().map(|deployment| &deployment.config);
        for config in std::iter::once(&group.config).chain(later) {
            let session = config.setting("session.timeout.ms");
            let said = config.integer("session.timeout.ms");
            let bound = if said < broker.config.integer(min) {
                min
            } else if said > broker.config.integer(max) {
                max
            } else {
                continue;
            };
            if config.text("group.protocol") == "classic" {
                let what = format!(
                    "group `{}`: `session.timeout.ms` {said} is beyond the brokers' `{bound}` {}, \
                     so they refuse every member",
                    group.name,
                    broker.config.integer(bound)
                );
                mistakes.warn(session.line, Wrong::new(what, "change either"));
            }
        }
    }
}

/// Brokers look for logs that are to be flushed by time only when they are told how often.
fn warn_of_flushes(plan: &Plan, mistakes: &mut Mistakes) {
    let looks = "log.flush.scheduler.interval.ms";
    if plan.cluster.brokers.iter().any(|broker| broker.config.is_set(looks)) {
        return;
    }
    for topic in plan.topics.iter().filter(|topic| topic.config.is_set("flush.ms")) {
        let what = format!("`flush.ms` of `{}` does nothing, as in Kafka by default", topic.name);
        let line = topic.config.setting("flush.ms").line;
        mistakes.warn(line, Wrong::new(what, format!("set `{looks}` in cluster.config")));
    }
}

/// When the last producer sends its last record, if all of them end.
fn all_done(plan: &Plan) -> Option<Duration> {
    let last = |producer: &ProducerPlan| {
        let records = producer.records_max?;
        Some(producer.start + producer.rate.moment_of(records.saturating_sub(1)))
    };
    let ends: Option<Vec<Duration>> = plan.producers.iter().map(last).collect();
    ends?.into_iter().max()
}

/// When the first fault begins, if all are written down and go by time.
fn first_fault(plan: &Plan) -> Option<Duration> {
    if plan.random.is_some() {
        return None;
    }
    let begins: Option<Vec<Duration>> = plan
        .faults
        .iter()
        .map(|fault| match fault.trigger {
            Trigger::At(at) => Some(at),
            Trigger::When(_) => None,
        })
        .collect();
    begins?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use crate::scenario::decode::{Vocabulary, decode};

    fn warnings(rest: &str) -> Vec<String> {
        let text = format!(
            "version = 1\ntitle = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
             controllers = 1\n[[topic]]\nname = \"a\"\n[[topic]]\nname = \"b\"\n{rest}"
        );
        let plan = decode("s.toml", &text, &Vocabulary::default()).unwrap();
        plan.warnings.iter().map(ToString::to_string).collect()
    }

    const FAULT: &str = "[[fault]]\nat = \"3s\"\npause = { host = \"broker-1\" }\n";
    const WRITER: &str = "[[producer]]\nname = \"p\"\ntopic = \"a\"\nconfig = { acks = 1 }\n";
    const NONE: [&str; 0] = [];

    #[test]
    fn only_what_surely_shows_nothing_is_told() {
        assert_eq!(warnings(""), NONE);
        assert_eq!(warnings(&format!("{WRITER}{FAULT}")), NONE);
        let nobody = "s.toml:1: nobody writes, so no fault can cost a record: describe a \
                      [[producer]]";
        assert_eq!(warnings(FAULT), [nobody]);
        let own_code = warnings(&format!("{FAULT}[[client]]\nname = \"c\"\n"));
        assert_eq!(own_code, NONE, "what it does is its own business");
        let early = WRITER.replace("topic", "rate = \"10/s\"\nrecords_max = 5\ntopic");
        let done = warnings(&format!("{early}{FAULT}"));
        assert!(done[0].contains("before the first fault begins"), "{done:?}");
        let group = "[[group]]\nname = \"g\"\ntopics = [\"a\"]\n";
        assert_eq!(warnings(&format!("{early}{FAULT}{group}")), NONE);
        let reader = "[[consumer]]\nname = \"r\"\ntopic = \"b\"\n";
        let reads = warnings(&format!("{WRITER}{reader}"));
        assert!(reads[0].contains("`r` reads `b`, and nobody writes it"), "{reads:?}");
        let group = "[[group]]\nname = \"g\"\ntopics = [\"a\"]\nconfig = { session.timeout.ms = ";
        let short = format!("{WRITER}{group}3000, heartbeat.interval.ms = 1000 }}\n");
        let short = warnings(&short);
        assert!(short[0].contains("`group.min.session.timeout.ms` 6000"), "{short:?}");
        assert_eq!(
            warnings(&format!("{WRITER}{group}6000, heartbeat.interval.ms = 2000 }}\n")),
            NONE
        );
        let claim = "[[claim]]\nproperty = \"acked-durability\"\n";
        let other = warnings(&format!("{WRITER}{claim}"));
        assert!(other[0].contains("sent with `acks = \"all\"`"), "{other:?}");
    }

    #[test]
    fn flushes_that_nobody_looks_for_are_told() {
        let topic = "[[topic]]\nname = \"c\"\nconfig = { flush.ms = 100 }\n";
        let told = warnings(&format!("{WRITER}{topic}"));
        assert!(told[0].contains("`flush.ms` of `c` does nothing"), "{told:?}");
        let looks = "[[broker]]\nid = 1\nconfig = { log.flush.scheduler.interval.ms = 50 }\n";
        assert_eq!(warnings(&format!("{WRITER}{topic}{looks}")), NONE);
    }

    #[test]
    fn a_broker_that_has_nothing_to_decide_is_told() {
        let broker = "[[broker]]\nid = 1\nconfig = { min.insync.replicas = 2 }\n";
        let told = warnings(&format!("{WRITER}{broker}"));
        assert!(told[0].contains("`min.insync.replicas` of broker-1 does nothing"), "{told:?}");
        let controller = "[[controller]]\nid = 1\nconfig = { min.insync.replicas = 2 }\n";
        assert_eq!(warnings(&format!("{WRITER}{broker}{controller}")), NONE);
    }

    #[test]
    fn a_fault_after_the_last_record_is_told() {
        let writer = |max: u32| format!("{WRITER}records_max = {max}\n{FAULT}");
        // Hundred a second: record 299 is sent at 2.99 s.
        assert!(warnings(&writer(300))[0].contains("before the first fault begins"));
        assert_eq!(warnings(&writer(301)), NONE);
    }
}
