//! Whether a healed cluster serves again, by what the model knows.

use std::collections::BTreeSet;

use crate::event::{GroupState, QuorumRole};
use crate::trace::{GroupSetup, Model, Part, PartitionView};
use crate::types::{BrokerId, Name, TopicId, TopicPartition};

/// The first thing that is still amiss, in a sentence; `None` when all is well.
///
/// Everything runs; a controller is in charge, and all other voters follow it; every broker is
/// registered and unfenced; every partition of a topic has a leader, a full in-sync set, replicas
/// that hold all that the leader holds, and a high watermark at its end; every partition in `tried`
/// was written and read again.
pub(crate) fn amiss(model: &Model, tried: &BTreeSet<TopicPartition>) -> Option<String> {
    for (id, host) in model.setup().hosts() {
        let Some(view) = model.host(id) else {
            return Some(format!("nothing is known of {}", host.name));
        };
        let is_server = matches!(host.part, Part::Broker(_) | Part::Controller(_));
        if is_server && (!view.is_running || view.is_paused) {
            return Some(format!("{} does not run", host.name));
        }
        let Part::Broker(broker) = host.part else { continue };
        match model.registrations.get(&broker) {
            None => return Some(format!("{} is not registered", host.name)),
            Some(registration) if registration.fenced => {
                return Some(format!("{} is fenced", host.name));
            }
            Some(_) => {}
        }
    }
    if let Some(what) = quorum_amiss(model) {
        return Some(what);
    }
    let topics: BTreeSet<TopicId> = model.topics.values().copied().collect();
    for (partition, view) in &model.partitions {
        let name = || model.partition_name(*partition);
        // Of a topic that was deleted brokers tell for a while what they do with it.
        if !topics.contains(&partition.topic_id) {
            continue;
        }
        if let Some(what) = partition_amiss(view) {
            return Some(format!("{}: {what}", name()));
        }
        if !tried.contains(partition) && !model.is_internal(*partition) {
            return Some(format!("{}: not written and read again yet", name()));
        }
    }
    groups_amiss(model)
}

/// A group comes to rest with whoever wants to be a member, unless that cannot be.
fn groups_amiss(model: &Model) -> Option<String> {
    let rests = |state| matches!(state, GroupState::Stable | GroupState::Empty | GroupState::Dead);
    let is_excused = |group: &GroupSetup| model.excuse_of(group).is_some();
    let counts = |name: &Name| !model.setup().group(name).is_some_and(is_excused);
    let mut known = model.groups.iter();
    if let Some((name, group)) = known.find(|(name, group)| !rests(group.state) && counts(name)) {
        return Some(format!("group {name} is {} in epoch {}", group.state, group.epoch));
    }
    let mut planned = model.setup().groups.iter().filter(|group| counts(&group.name));
    planned.find_map(|group| {
        let unrest = model.unrest(group).map(|unrest| unrest.sentence);
        unrest.or_else(|| {
            let (partition, owners) = model.not_owned_once(group)?;
            let (name, owners) = (model.partition_name(partition), owners.len());
            Some(format!("{name} has {owners} owners in group {}", group.name))
        })
    })
}

fn quorum_amiss(model: &Model) -> Option<String> {
    let role = |node| model.quorum.members.get(&node).and_then(|member| member.role);
    let active = model.active_controller().and_then(role);
    let Some(active) = active.filter(|active| active.role == QuorumRole::Leader) else {
        return Some("no controller is in charge".to_owned());
    };
    // Between two attempts to find the leader a voter may stand for election for a while.
    let is_settled = |node: BrokerId| {
        role(node).is_some_and(|role| {
            role.leader_epoch == active.leader_epoch
                && matches!(role.role, QuorumRole::Leader | QuorumRole::Follower)
        })
    };
    let stray = model.setup().voters().find(|node| !is_settled(*node))?;
    Some(format!("controller {stray} does not follow the metadata quorum's leader"))
}

fn partition_amiss(view: &PartitionView) -> Option<String> {
    let Some(state) = &view.state else {
        return Some("the controller does not know it".to_owned());
    };
    let Some(leader) = state.leader else { return Some("it has no leader".to_owned()) };
    if state.in_sync.len() != state.replicas.len() {
        return Some(format!("only {} are in sync", state.in_sync));
    }
    let Some(log) = view.replicas.get(&leader) else {
        return Some(format!("broker {leader} has no replica"));
    };
    if !log.leads(state.leader_epoch) {
        return Some(format!("broker {leader} does not lead yet"));
    }
    for broker in &state.replicas {
        let end = view.replicas.get(broker).map(|replica| replica.log.end());
        if end != Some(log.log.end()) {
            return Some(format!("broker {broker} has not caught up with broker {leader}"));
        }
    }
    if log.high_watermark != log.log.end() {
        return Some("the high watermark is below the log end".to_owned());
    }
    None
}
