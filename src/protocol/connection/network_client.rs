//! A client's connections and what it knows of the cluster.

use std::sync::Arc;
use std::time::Duration;

use crate::message::{Answer, RequestBody, ResponseBody, SendError};
use crate::protocol::cluster::ClusterMetadata;
use crate::protocol::connection::effect::Effect;
use crate::protocol::connection::input::Input;
use crate::protocol::connection::machine::{Connections, ConnectionsConfig};
use crate::protocol::connection::updater::Updater;
use crate::protocol::machine::Machine;
use crate::types::{
    Backoff, BrokerId, Deadlines, LeaderEpoch, Name, Now, Rng, TopicPartition, Wall,
};

/// What a network client is made for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkClientConfig {
    /// Its connections.
    pub connections: ConnectionsConfig,
    /// `bootstrap.servers`: whom to ask before any broker is known.
    pub bootstrap: Vec<BrokerId>,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
    /// `metadata.recovery.rebootstrap.trigger.ms`.
    pub rebootstrap_trigger: Duration,
}

/// What can happen to a network client.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum NetworkInput {
    /// As for [`Connections`].
    Connection(Input),
    /// Send `body` to the least loaded node; `Completed` with `token` follows.
    SendToAny { token: u64, body: RequestBody },
    /// Keep `topic`'s metadata from now on.
    AddTopic { topic: Name },
    /// Keep all topics' metadata from now on.
    AllTopics,
    /// What is known proved wrong.
    RefreshMetadata,
    /// Say when what is known is fresh: `MetadataFresh` follows. With `asks` it is asked for anew,
    /// if the back-off has passed.
    FreshMetadata { asks: bool },
    /// An answer named the `leader` of `leader_epoch` (KIP-951).
    LeaderHint { partition: TopicPartition, leader: BrokerId, leader_epoch: LeaderEpoch },
    /// There is, or was, a leader of `leader_epoch` (KIP-320).
    EpochSeen { partition: TopicPartition, leader_epoch: LeaderEpoch },
}

/// What a network client asks of the world, and tells its owner.
#[derive(Clone, PartialEq, Debug)]
pub enum NetworkEffect {
    /// As for [`Connections`], but for the answers to its own metadata requests.
    Connection(Effect),
    /// This is known of the cluster now.
    MetadataChanged(Arc<ClusterMetadata>),
    /// What is known is fresh, whether it changed or not.
    MetadataFresh,
}

/// A client's connections, and the cluster's metadata kept up to date through them.
///
/// Source: Kafka 4.1, `NetworkClient`, `NetworkClient.DefaultMetadataUpdater`.
#[derive(Clone, Debug)]
pub struct NetworkClient {
    config: NetworkClientConfig,
    connections: Connections,
    updater: Updater,
    cluster: Arc<ClusterMetadata>,
    /// The node that is being connected to for a metadata request.
    opening: Option<BrokerId>,
    /// Whether somebody waits for what is known to be fresh.
    owes_fresh: bool,
    rng: Rng,
    scratch: Vec<Effect>,
}

impl Machine for NetworkClient {
    type Input = NetworkInput;
    type Effect = NetworkEffect;

    fn step(&mut self, now: Now, input: NetworkInput, effects: &mut Vec<NetworkEffect>) {
        match input {
            NetworkInput::Connection(input) => self.drive(now, input, effects),
            NetworkInput::SendToAny { token, body } => {
                self.on_send_to_any(now, token, body, effects);
            }
            NetworkInput::AddTopic { topic } => {
                self.updater.add_topic(topic, now.wall);
            }
            NetworkInput::AllTopics => self.updater.want_all(now.wall),
            NetworkInput::RefreshMetadata => self.updater.request(),
            NetworkInput::FreshMetadata { asks } => {
                self.owes_fresh = true;
                if self.updater.is_fresh(now.wall, asks) {
                    self.tell_fresh(effects);
                }
            }
            NetworkInput::LeaderHint { partition, leader, leader_epoch } => {
                self.on_leader_hint(partition, leader, leader_epoch, effects);
            }
            NetworkInput::EpochSeen { partition, leader_epoch } => {
                let known = self.cluster.partition(partition).and_then(|it| it.leader_epoch);
                if known.is_none_or(|known| known < leader_epoch)
                    && Arc::make_mut(&mut self.cluster).forget_leader(partition, leader_epoch)
                {
                    self.updater.request();
                    effects.push(NetworkEffect::MetadataChanged(Arc::clone(&self.cluster)));
                }
            }
        }
        self.update_metadata(now, effects);
    }

    fn deadlines(&self) -> Deadlines {
        let metadata = self.updater.due_at().filter(|_| self.opening.is_none());
        self.connections.deadlines().or(Deadlines::wall(metadata))
    }
}

impl NetworkClient {
    /// The token of its own metadata requests; others must not use it.
    const METADATA: u64 = u64::MAX;

    /// A client that knows only its bootstrap servers.
    pub fn new(config: NetworkClientConfig, rng: Rng, connections_rng: Rng, now: Now) -> Self {
        let updater = Updater::new(
            config.metadata_max_age,
            config.retry_backoff,
            config.rebootstrap_trigger,
            now.wall,
        );
        Self {
            connections: Connections::new(config.connections.clone(), connections_rng),
            updater,
            config,
            cluster: Arc::default(),
            opening: None,
            owes_fresh: false,
            rng,
            scratch: Vec::new(),
        }
    }

    /// The connections.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What is known of the cluster.
    pub fn cluster(&self) -> &Arc<ClusterMetadata> {
        &self.cluster
    }

    /// Gives `input` to the connections and looks at what they say.
    fn drive(&mut self, now: Now, input: Input, effects: &mut Vec<NetworkEffect>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        self.connections.step(now, input, &mut scratch);
        for effect in scratch.drain(..) {
            match effect {
                Effect::Completed { token: Self::METADATA, to: _, result } => {
                    self.on_metadata(now.wall, result, effects);
                }
                Effect::Opened { to } | Effect::Lost { to } => {
                    if self.opening == Some(to) {
                        self.opening = None;
                    }
                    // A lost connection may mean that its broker's partitions have moved.
                    if matches!(effect, Effect::Lost { .. }) {
                        self.updater.request();
                    }
                    effects.push(NetworkEffect::Connection(effect));
                }
                Effect::Connect { .. }
                | Effect::Close { .. }
                | Effect::Transmit { .. }
                | Effect::Completed { .. } => effects.push(NetworkEffect::Connection(effect)),
            }
        }
        self.scratch = scratch;
    }

    fn on_send_to_any(
        &mut self,
        now: Now,
        token: u64,
        body: RequestBody,
        effects: &mut Vec<NetworkEffect>,
    ) {
        let Some(to) = self.least_loaded(now) else {
            let (to, result) = (BrokerId(-1), Err(SendError::NotConnected));
            effects.push(NetworkEffect::Connection(Effect::Completed { token, to, result }));
            return;
        };
        let (records, timeout) = (Vec::new(), None);
        let send = Input::Send { token, to, body, records, timeout, expects_answer: true };
        self.drive(now, send, effects);
    }

    fn on_leader_hint(
        &mut self,
        partition: TopicPartition,
        leader: BrokerId,
        leader_epoch: LeaderEpoch,
        effects: &mut Vec<NetworkEffect>,
    ) {
        // Looked up before the copy is made: most hints are not news.
        let known = self.cluster.partition(partition).and_then(|known| known.leader_epoch);
        if known.is_none_or(|known| known < leader_epoch)
            && Arc::make_mut(&mut self.cluster).apply_leader(partition, leader, leader_epoch)
        {
            effects.push(NetworkEffect::MetadataChanged(Arc::clone(&self.cluster)));
        }
    }

    fn on_metadata(&mut self, wall: Wall, result: Answer, effects: &mut Vec<NetworkEffect>) {
        let Ok((ResponseBody::Metadata(response), _)) = result else {
            self.updater.fail(wall, &mut self.rng);
            return;
        };
        // A broker that has just started knows nobody; Kafka takes that for a failure, too.
        if response.brokers.is_empty() {
            self.updater.fail(wall, &mut self.rng);
            return;
        }
        let update = Arc::make_mut(&mut self.cluster).update(&response);
        let lacks_topics = self.updater.lacks_topics();
        self.updater.succeed(wall, update.changed, update.incomplete, &mut self.rng);
        if update.changed {
            effects.push(NetworkEffect::MetadataChanged(Arc::clone(&self.cluster)));
        }
        if !lacks_topics {
            self.tell_fresh(effects);
        }
    }

    fn tell_fresh(&mut self, effects: &mut Vec<NetworkEffect>) {
        if std::mem::take(&mut self.owes_fresh) {
            effects.push(NetworkEffect::MetadataFresh);
        }
    }

    /// Sends a metadata request if one is due and a node can be asked.
    fn update_metadata(&mut self, now: Now, effects: &mut Vec<NetworkEffect>) {
        if self.opening.is_some() || self.updater.due_at().is_none_or(|at| now.wall < at) {
            return;
        }
        let Some(to) = self.least_loaded(now) else {
            self.updater.postpone(now.wall, self.config.connections.reconnect_backoff);
            return;
        };
        if !self.connections.is_open(to) {
            self.opening = Some(to);
            self.drive(now, Input::Open { to }, effects);
            return;
        }
        let body = RequestBody::from(self.updater.begin(now.wall));
        let send = Input::Send {
            token: Self::METADATA,
            to,
            body,
            records: Vec::new(),
            timeout: None,
            expects_answer: true,
        };
        self.drive(now, send, effects);
    }

    /// The node with a connection and the fewest requests in flight; else one that is being
    /// connected to; else one that may be. The search begins at a random node.
    ///
    /// Source: Kafka 4.1, `NetworkClient.leastLoadedNode`.
    fn least_loaded(&mut self, now: Now) -> Option<BrokerId> {
        let starts_over = self.updater.starts_over(now.wall);
        let known = self.cluster.brokers();
        let nodes =
            if known.is_empty() || starts_over { &self.config.bootstrap[..] } else { known };
        let first = usize::try_from(self.rng.below(nodes.len() as u64)).unwrap_or(0);
        let from_first = || nodes[first..].iter().chain(&nodes[..first]).copied();
        let ready = from_first()
            .filter(|node| self.connections.is_ready(*node))
            .min_by_key(|node| self.connections.in_flight(*node));
        ready.or_else(|| from_first().find(|node| self.connections.is_connecting(*node))).or_else(
            || {
                from_first().find(|node| {
                    !self.connections.is_open(*node) && self.connections.accepts(*node, now)
                })
            },
        )
    }
}
