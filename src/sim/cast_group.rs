//! The members of a plan's groups.

use std::time::Duration;

use crate::node::application::{ApplicationConfig, CommitMode, GroupWorkload, Pause};
use crate::node::{Assignor, ClientConfig, GroupProtocol};
use crate::scenario::{ClientGroupPlan, CommitPlan, Config, GroupPlan, PausePlan, Value};
use crate::sim::clock::wall;
use crate::trace::{GroupSetup, Promise};
use crate::types::{Defect, DefectSet, HostId, Name};

/// How long a member's poll waits when there is nothing, as in Kafka's examples.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// What the members of `group` do.
pub(crate) fn workload(group: &GroupPlan, defects: DefectSet) -> ApplicationConfig {
    ApplicationConfig::Group(GroupWorkload {
        topics: group.topics.clone(),
        pattern: group.pattern.clone(),
        processing: group.processing,
        commit: match group.commit {
            CommitPlan::Auto => CommitMode::Auto,
            CommitPlan::Sync => CommitMode::Sync,
            CommitPlan::Async => CommitMode::Async,
            CommitPlan::Before => CommitMode::Before,
            CommitPlan::Never => CommitMode::Never,
        },
        produce_to: group.produce_to.clone(),
        pauses: group.pauses.iter().map(pause).collect(),
        poll_timeout: POLL_TIMEOUT,
        // Whoever commits itself does so when it has processed, or before it hands anything over.
        hands_over: group.commit == CommitPlan::Auto && defects.has(Defect::AsyncProcessing),
    })
}

/// An application knows the time from its own clock.
fn pause(plan: &PausePlan) -> Pause {
    Pause {
        from: wall(plan.at),
        until: plan.length.map(|length| wall(plan.at + length)),
        places: plan.partitions.iter().map(|it| (it.topic.clone(), it.partition)).collect(),
    }
}

/// The membership of the host `name` in `group`, which is configured by `config`.
pub(crate) fn set_member(
    client: &mut ClientConfig,
    name: &Name,
    group: &ClientGroupPlan,
    config: &Config,
) {
    let member = &mut client.member;
    member.group = Some(group.name.clone());
    member.instance = group.is_static.then(|| name.clone());
    member.protocol = match config.text("group.protocol") {
        "consumer" => GroupProtocol::Consumer,
        _ => GroupProtocol::Classic,
    };
    let assignors = config.list("partition.assignment.strategy");
    member.assignors = assignors.iter().filter_map(Assignor::named).collect();
    member.remote_assignor = match config.setting("group.remote.assignor").value {
        Some(Value::Word(name)) => Some(Name::from(name)),
        _ => None,
    };
    member.session_timeout = config.duration("session.timeout.ms");
    member.heartbeat_interval = config.duration("heartbeat.interval.ms");
    member.poll_interval_max = config.duration("max.poll.interval.ms");
    member.auto_commit = group.auto_commit;
    member.auto_commit_interval = config.duration("auto.commit.interval.ms");
    member.retry_backoff = client.network.retry_backoff;
    member.request_timeout = client.network.connections.request_timeout;
    member.api_timeout = config.duration("default.api.timeout.ms");
}

/// What each member of `group` is to it.
pub(crate) fn membership(group: &GroupPlan) -> ClientGroupPlan {
    ClientGroupPlan {
        name: group.name.clone(),
        is_static: group.is_static,
        auto_commit: group.commit == CommitPlan::Auto,
    }
}

/// What is to be known of `group` to read its events; `host` finds hosts by name.
pub(crate) fn setup(group: &GroupPlan, host: impl Fn(&Name) -> Option<HostId>) -> GroupSetup {
    GroupSetup {
        name: group.name.clone(),
        topics: group.topics.clone(),
        promise: match group.commit {
            // The consumer commits what earlier polls returned, and that is processed.
            CommitPlan::Auto | CommitPlan::Sync | CommitPlan::Async => Promise::AtLeastOnce,
            CommitPlan::Before => Promise::AtMostOnce,
            CommitPlan::Never => Promise::Nothing,
        },
        members: group.hosts().iter().filter_map(host).collect(),
    }
}

/// What is set in a configuration, in words.
pub(crate) fn in_words(config: &Config) -> Name {
    let set = config.explicit().filter_map(|(key, it)| Some(format!("{key}={}", it.value?)));
    set.collect::<Vec<_>>().join(" ").into()
}

/// When the hosts of `group`, by their places, start (`true`) and stop, after time zero.
pub(crate) fn timetable(group: &GroupPlan) -> Vec<(Duration, usize, bool)> {
    let mut all: Vec<_> =
        (0..usize::from(group.members)).map(|nth| (group.start, nth, true)).collect();
    let mut members = usize::from(group.members);
    for step in &group.scale {
        let next = usize::from(step.members);
        all.extend((members..next).map(|nth| (step.at, nth, true)));
        all.extend((next..members).rev().map(|nth| (step.at, nth, false)));
        members = next;
    }
    all
}
