//! Who plays, and what was configured that a premise depends on.
//!
//! Events tell what happened; this tells what was asked for. A property that holds only for a
//! configuration looks here, and not at what the programs did: a defect that behaves as if
//! another configuration stood there must not excuse itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{BrokerId, ClientId, HostId, Name};

/// The cast of a run and its configuration, as far as reading events needs them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Setup {
    /// The hosts, by [`HostId`].
    pub hosts: Vec<HostSetup>,
    /// Topics of the plan for which something other than the defaults was configured.
    pub topics: Vec<TopicSetup>,
    /// The consumer groups of the plan.
    #[serde(default)]
    pub groups: Vec<GroupSetup>,
    /// Whether `eligible.leader.replicas.version` is at least 1 (KIP-966).
    pub eligible_replicas: bool,
    /// `controller.quorum.fetch.timeout.ms`.
    pub quorum_fetch_timeout: Duration,
    /// `offsets.topic.replication.factor`: with fewer brokers no group ever has a coordinator.
    #[serde(default)]
    pub offsets_replicas: u64,
    /// Whether voters do not write down for whom they vote (the defect `vote-not-persisted`). No
    /// event tells what a process reads back at its start, so whoever shows an instant asks here;
    /// properties do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgets_votes: bool,
    /// The clocks that are off, or run at another pace, from the beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<ClockSetup>,
}

/// A host's clocks at the beginning (`clock` in the scenario).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClockSetup {
    /// The host.
    pub host: HostId,
    /// How far its wall clock is off, in microseconds.
    pub offset_micros: i64,
    /// How many microseconds its clocks gain in a million.
    pub drift_ppm: i64,
}

/// One host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostSetup {
    /// Its name, such as `broker-1`.
    pub name: Name,
    /// What runs on it.
    pub part: Part,
}

/// What runs on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Part {
    /// A broker.
    Broker(BrokerId),
    /// A controller; all controllers are voters.
    Controller(BrokerId),
    /// A client.
    Client(ClientSetup),
}

/// A client's configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientSetup {
    /// The client.
    pub id: ClientId,
    /// `enable.idempotence`.
    pub idempotent: bool,
    /// `max.in.flight.requests.per.connection`.
    pub in_flight_max: u32,
    /// `max.block.ms` and `delivery.timeout.ms` together: every send is answered within this.
    #[serde(default)]
    pub answers_within: Duration,
}

/// A topic's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TopicSetup {
    /// Its name.
    pub name: Name,
    /// `unclean.leader.election.enable`.
    pub unclean_elections: bool,
    /// Whether `flush.messages` is 1: nothing is acknowledged that is not on the disk.
    pub flushes_each_message: bool,
}

/// A consumer group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupSetup {
    /// Its name.
    pub name: Name,
    /// The topics that its members read; none with a pattern.
    pub topics: Vec<Name>,
    /// What its applications promise by when they commit.
    pub promise: Promise,
    /// The hosts that want to be its members whenever they run.
    #[serde(default)]
    pub members: Vec<HostId>,
}

/// How often an application processes a record, by when it commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Promise {
    /// It does not commit.
    #[default]
    Nothing,
    /// It commits what it has processed.
    AtLeastOnce,
    /// It commits first, and processes only what it could commit.
    AtMostOnce,
}

impl Setup {
    /// What the applications of `group` promise.
    pub fn promise_of(&self, group: &Name) -> Promise {
        self.group(group).map_or(Promise::Nothing, |group| group.promise)
    }

    /// The group `name` of the plan.
    pub fn group(&self, name: &Name) -> Option<&GroupSetup> {
        self.groups.iter().find(|known| known.name == *name)
    }

    /// What runs on `host`.
    pub fn part(&self, host: HostId) -> Option<Part> {
        self.hosts.get(usize::from(host.0)).map(|host| host.part)
    }

    /// The node id of the broker or controller on `host`.
    pub fn node(&self, host: HostId) -> Option<BrokerId> {
        match self.part(host)? {
            Part::Broker(id) | Part::Controller(id) => Some(id),
            Part::Client(_) => None,
        }
    }

    /// The client on `host`.
    pub fn client(&self, host: HostId) -> Option<ClientSetup> {
        match self.part(host)? {
            Part::Client(client) => Some(client),
            Part::Broker(_) | Part::Controller(_) => None,
        }
    }

    /// The host of the broker or controller `node`.
    pub fn host_of(&self, node: BrokerId) -> Option<HostId> {
        self.hosts()
            .find(|(_, host)| match host.part {
                Part::Broker(id) | Part::Controller(id) => id == node,
                Part::Client(_) => false,
            })
            .map(|(id, _)| id)
    }

    /// The name of `host`, or `world` when it is none.
    pub fn host_name(&self, host: Option<HostId>) -> &str {
        let Some(host) = host else { return "world" };
        self.hosts.get(usize::from(host.0)).map_or("?", |host| host.name.as_str())
    }

    /// The name of the host of the broker or controller `node`, such as `controller-1`.
    pub fn node_name(&self, node: BrokerId) -> String {
        match self.host_of(node) {
            Some(host) => self.host_name(Some(host)).to_owned(),
            None => format!("node {node}"),
        }
    }

    /// All hosts with their ids.
    pub fn hosts(&self) -> impl Iterator<Item = (HostId, &HostSetup)> {
        let ids = (0..=u16::MAX).map(HostId);
        ids.zip(self.hosts.iter())
    }

    /// The voters of the metadata quorum.
    pub fn voters(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.hosts.iter().filter_map(|host| match host.part {
            Part::Controller(id) => Some(id),
            Part::Broker(_) | Part::Client(_) => None,
        })
    }

    /// What was configured for the topic `name`; nothing when all stands as by default.
    pub fn topic(&self, name: &str) -> Option<&TopicSetup> {
        self.topics.iter().find(|topic| topic.name.as_str() == name)
    }
}
