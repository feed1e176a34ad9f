//! How a client process is configured.

use std::time::Duration;

use crate::node::application::ApplicationConfig;
use crate::protocol::admin::AdminConfig;
use crate::protocol::connection::{ConnectionsConfig, NetworkClientConfig};
use crate::protocol::consumer::ConsumerConfig;
use crate::protocol::member::MemberConfig;
use crate::protocol::producer::ProducerConfig;
use crate::types::{Backoff, BrokerId, ClientId, Name};

/// A client process: what its producer, consumer and admin client are made for, and who uses them.
///
/// The identity fields of its parts (client, host, incarnation) are filled in when it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientConfig {
    /// Its place in the list of clients.
    pub client: ClientId,
    /// Its name, which is its host's.
    pub name: Name,
    /// Its connections and metadata.
    pub network: NetworkClientConfig,
    /// Its producer.
    pub producer: ProducerConfig,
    /// Its consumer.
    pub consumer: ConsumerConfig,
    /// Its membership of a group.
    pub member: MemberConfig,
    /// Its admin client.
    pub admin: AdminConfig,
    /// Who uses it.
    pub application: ApplicationConfig,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            client: ClientId(0),
            name: Name::from("client"),
            network: NetworkClientConfig {
                connections: ConnectionsConfig::default(),
                bootstrap: vec![BrokerId(1)],
                metadata_max_age: Duration::from_secs(300),
                retry_backoff: Backoff {
                    initial: Duration::from_millis(100),
                    max: Duration::from_secs(1),
                },
                rebootstrap_trigger: Duration::from_secs(300),
            },
            producer: ProducerConfig::default(),
            consumer: ConsumerConfig::default(),
            member: MemberConfig::default(),
            admin: AdminConfig::default(),
            application: ApplicationConfig::default(),
        }
    }
}
