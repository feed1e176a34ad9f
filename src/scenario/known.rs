//! What a scenario's names may refer to: its hosts, its topics.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::file_error::{Wrong, suggest};
use crate::scenario::target::{PartitionName, Target};
use crate::scenario::units::shown;
use crate::types::{BrokerId, Name};

/// The hosts and topics of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) brokers: i32,
    pub(crate) controllers: i32,
    pub(crate) clients: BTreeSet<Name>,
    pub(crate) groups: BTreeSet<Name>,
    /// Those of them whose members are all of KIP-848, so that none leads.
    pub(crate) unled: BTreeSet<Name>,
    /// Partitions by topic.
    pub(crate) topics: BTreeMap<Name, i32>,
}

/// Roles that stand alone.
pub(crate) const ROLES: &[&str] =
    &["active controller", "random broker", "every broker", "every controller", "every client"];

/// Roles that a partition has, before its name; as patterns for the schema.
pub(crate) const PARTITION_ROLES: &[&str] =
    &["leader of", "stale leader of", "follower of", "in-sync follower of", REPLICA];
/// Roles that a group has, before its name; as patterns for the schema.
pub(crate) const GROUP_ROLES: &[&str] = &[
    "coordinator of",
    "leader of group",
    "newest member of",
    "owner of [A-Za-z0-9._-]+-[0-9]+ in",
];
/// A replica by its place.
pub(crate) const REPLICA: &str = "replica [1-9][0-9]* of";

impl Known {
    /// The target that `text` names: a host or a role.
    pub(crate) fn target(&self, text: &str) -> Result<Target, Wrong> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["active", "controller"] => return Ok(Target::ActiveController),
            ["random", "broker"] => return Ok(Target::RandomBroker),
            ["every", "broker"] => return Ok(Target::EveryBroker),
            ["every", "controller"] => return Ok(Target::EveryController),
            ["every", "client"] => return Ok(Target::EveryClient),
            ["leader", "of", name] => return self.partition(name).map(Target::LeaderOf),
            ["stale", "leader", "of", name] => {
                return self.partition(name).map(Target::StaleLeaderOf);
            }
            ["follower", "of", name] => return self.partition(name).map(Target::FollowerOf),
            ["in-sync", "follower", "of", name] => {
                return self.partition(name).map(Target::InSyncFollowerOf);
            }
            ["replica", place, "of", name] => {
                let partition = self.partition(name)?;
                let place: Option<u16> = place.parse().ok().filter(|place| *place > 0);
                let place = place.ok_or_else(|| {
                    Wrong::new(
                        format!("`{}` is no place in a list of replicas", shown(text)),
                        format!("count from 1, as in `replica 1 of {partition}`"),
                    )
                })?;
                return Ok(Target::ReplicaOf(place, partition));
            }
            ["coordinator", "of", group] => return self.group(group).map(Target::CoordinatorOf),
            ["leader", "of", "group", group] => return self.led(group).map(Target::GroupLeader),
            ["newest", "member", "of", group] => {
                return self.group(group).map(Target::NewestMember);
            }
            ["owner", "of", name, "in", group] => {
                return Ok(Target::OwnerOf(self.partition(name)?, self.group(group)?));
            }
            ["broker", number] => return self.server("broker", number),
            ["controller", number] => return self.server("controller", number),
            _ => {}
        }
        if let Some(name) = self.clients.get(text) {
            return Ok(Target::Client(name.clone()));
        }
        for kind in ["broker", "controller"] {
            if let Some(number) = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')) {
                return self.server(kind, number);
            }
        }
        let hosts = self.hosts();
        let of = ["leader of T-P", "follower of T-P", "in-sync follower of T-P"];
        let all = hosts.iter().map(String::as_str).chain(ROLES.iter().copied()).chain(of);
        Err(Wrong::new(format!("there is no host `{}`", shown(text)), suggest(text, all)))
    }

    /// How many hosts a target is.
    pub(crate) fn hosts_of(&self, target: &Target) -> usize {
        let count = |servers: i32| usize::try_from(servers).unwrap_or(0);
        match target {
            Target::EveryBroker => count(self.brokers),
            Target::EveryController => count(self.controllers),
            Target::EveryClient => self.clients.len(),
            _ => 1,
        }
    }

    /// A target that is a host by name, not a role.
    pub(crate) fn host(&self, text: &str) -> Result<Target, Wrong> {
        match self.target(text)? {
            host @ (Target::Broker(_) | Target::Controller(_) | Target::Client(_)) => Ok(host),
            role => Err(Wrong::new(format!("`{role}` is a role"), "name a host, as in `broker-1`")),
        }
    }

    /// Who may have recorded an event: a host by name, or a replica by its place.
    pub(crate) fn recorder(&self, text: &str) -> Result<Target, Wrong> {
        match self.target(text)? {
            replica @ Target::ReplicaOf(..) => Ok(replica),
            _ => self.host(text),
        }
    }

    /// The partition that `text` names: `orders-0`.
    pub(crate) fn partition(&self, text: &str) -> Result<PartitionName, Wrong> {
        let (topic, number) = text.rsplit_once('-').unwrap_or((text, ""));
        let names = || self.topics.keys().map(Name::as_str);
        let Ok(partition) = number.parse::<i32>() else {
            let what = format!("`{}` is no partition", shown(text));
            let example = names().next().unwrap_or("orders").to_owned();
            return Err(Wrong::new(what, format!("write topic and number, as in `{example}-0`")));
        };
        let Some((topic, partitions)) = self.topics.get_key_value(topic) else {
            let what = format!("there is no topic `{}`", shown(topic));
            return Err(Wrong::new(what, suggest(topic, names())));
        };
        if !(0..*partitions).contains(&partition) {
            let what = format!("`{topic}` has no partition {partition}");
            return Err(Wrong::new(what, format!("it has 0 to {}", partitions - 1)));
        }
        Ok(PartitionName { topic: topic.clone(), partition })
    }

    /// The group called `text`.
    pub(crate) fn group(&self, text: &str) -> Result<Name, Wrong> {
        self.groups.get(text).cloned().ok_or_else(|| {
            let what = format!("there is no group `{}`", shown(text));
            let instead = if self.groups.is_empty() {
                "describe it in a [[group]]".to_owned()
            } else {
                suggest(text, self.groups.iter().map(Name::as_str))
            };
            Wrong::new(what, instead)
        })
    }

    /// The group called `text`, one of whose members leads it.
    fn led(&self, text: &str) -> Result<Name, Wrong> {
        let group = self.group(text)?;
        if self.unled.contains(&group) {
            let what = format!("group `{group}` has no leader, for its members are of KIP-848");
            let instead = format!("write `coordinator of {group}` or `newest member of {group}`");
            return Err(Wrong::new(what, instead));
        }
        Ok(group)
    }

    /// The topic called `text`.
    pub(crate) fn topic(&self, text: &str) -> Result<Name, Wrong> {
        self.topics.get_key_value(text).map(|(name, _)| name.clone()).ok_or_else(|| {
            let what = format!("there is no topic `{}`", shown(text));
            let names: Vec<_> = self.topics.keys().map(Name::as_str).collect();
            let instead = if names.is_empty() {
                "describe it in a [[topic]]".to_owned()
            } else {
                suggest(text, names)
            };
            Wrong::new(what, instead)
        })
    }

    fn server(&self, kind: &str, number: &str) -> Result<Target, Wrong> {
        let (count, base) = match kind {
            "broker" => (self.brokers, 0),
            _ => (self.controllers, 3000),
        };
        let id = number.parse::<i32>().ok().filter(|id| (1..=count).contains(id));
        match id {
            Some(id) if base == 0 => Ok(Target::Broker(BrokerId(id))),
            Some(id) => Ok(Target::Controller(BrokerId(base + id))),
            None => Err(Wrong::new(
                format!("there is no host `{kind}-{}`", shown(number)),
                format!("there are `{kind}-1` to `{kind}-{count}`"),
            )),
        }
    }

    fn hosts(&self) -> Vec<String> {
        let brokers = (1..=self.brokers).map(|id| format!("broker-{id}"));
        let controllers = (1..=self.controllers).map(|id| format!("controller-{id}"));
        let clients = self.clients.iter().map(Name::to_string);
        clients.chain(brokers).chain(controllers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let topics = [(Name::from("big-orders"), 2)].into_iter().collect();
        let clients = [Name::from("checkout")].into_iter().collect();
        let groups = [Name::from("billing")].into_iter().collect();
        Known { brokers: 3, controllers: 3, clients, groups, topics, ..Known::default() }
    }

    #[test]
    fn targets_read_back_as_they_are_shown() {
        let texts = [
            "broker-3",
            "controller-1",
            "checkout",
            "leader of big-orders-1",
            "stale leader of big-orders-0",
            "follower of big-orders-0",
            "in-sync follower of big-orders-0",
            "replica 2 of big-orders-0",
            "active controller",
            "random broker",
            "every broker",
            "coordinator of billing",
            "leader of group billing",
            "newest member of billing",
            "owner of big-orders-0 in billing",
        ];
        for text in texts {
            assert_eq!(known().target(text).unwrap().to_string(), text);
        }
        assert_eq!(known().target("broker 2"), Ok(Target::Broker(BrokerId(2))));
    }

    #[test]
    fn hosts_that_are_not_there_are_refused_with_a_neighbour() {
        let wrong = known().target("broker-4").unwrap_err();
        assert_eq!(wrong.instead, "there are `broker-1` to `broker-3`");
        assert_eq!(known().target("chekout").unwrap_err().instead, "did you mean `checkout`?");
        let wrong = known().target("leader of big-orders-2").unwrap_err();
        assert_eq!(wrong.instead, "it has 0 to 1");
        let wrong = known().target("owner of big-orders-0 in biling").unwrap_err();
        assert_eq!(wrong.instead, "did you mean `billing`?");
        let mut unled = known();
        unled.unled = unled.groups.clone();
        let wrong = unled.target("leader of group billing").unwrap_err();
        assert_eq!(wrong.instead, "write `coordinator of billing` or `newest member of billing`");
        assert!(unled.target("newest member of billing").is_ok());
        assert!(known().host("active controller").is_err());
        assert!(known().target("replica 0 of big-orders-0").is_err());
        assert!(known().host("replica 1 of big-orders-0").is_err());
        assert!(known().recorder("replica 1 of big-orders-0").is_ok());
        assert!(known().recorder("every broker").is_err());
    }
}
