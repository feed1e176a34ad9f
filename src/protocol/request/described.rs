//! DescribeConfigs and DescribeCluster: what this broker knows of configurations and brokers.

use kafka_protocol::messages as k;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_configs_response as cr;

use crate::message::ValueSource;
use crate::protocol::request::layer::RequestLayer;
use crate::protocol::request::wire;
use crate::types::{BrokerId, ConfigResource, ErrorCode, Name};

/// `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// The endpoint type of brokers (KIP-919).
const BROKER_ENDPOINTS: i8 = 1;

/// The configuration that a broker has been started with, as it shows it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConfigTable {
    /// The broker's own keys.
    pub broker: Vec<ConfigRow>,
    /// The keys of topics, with what holds on this broker for one that sets nothing.
    pub topic: Vec<ConfigRow>,
}

/// A key, and its value on this broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigRow {
    /// The key.
    pub name: Name,
    /// For a topic's key: the broker's key behind it.
    pub broker_key: Option<Name>,
    /// Its value; `None` where it has none.
    pub value: Option<Name>,
    /// Whether the broker's `server.properties` sets it.
    pub is_set: bool,
}

impl RequestLayer {
    /// Source: Kafka 4.1, `ConfigHelper.describeConfigs`.
    // Differs from Kafka: only keys that something here obeys are shown, without synonyms, types
    // and documentation.
    pub(crate) fn configs_response(
        &self,
        body: &k::DescribeConfigsRequest,
    ) -> k::DescribeConfigsResponse {
        let describe = |resource: &k::describe_configs_request::DescribeConfigsResource| {
            let found = self.rows(resource.resource_type, resource.resource_name.as_str());
            let error = found.as_ref().err().copied().unwrap_or(ErrorCode::None);
            let wanted = |row: &cr::DescribeConfigsResourceResult| {
                let keys = resource.configuration_keys.as_deref().unwrap_or_default();
                keys.is_empty() || keys.contains(&row.name)
            };
            let mut rows = found.unwrap_or_default();
            rows.retain(wanted);
            cr::DescribeConfigsResult::default()
                .with_error_code(error.code())
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
                .with_configs(rows)
        };
        let results = body.resources.iter().map(describe).collect();
        k::DescribeConfigsResponse::default().with_results(results)
    }

    fn rows(
        &self,
        kind: i8,
        name: &str,
    ) -> Result<Vec<cr::DescribeConfigsResourceResult>, ErrorCode> {
        let table = &self.config.described;
        match (kind, name) {
            (TOPIC, name) => {
                let unknown = ErrorCode::UnknownTopicOrPartition;
                let topic = self.image.topic_by_name(name).ok_or(unknown)?;
                let name = topic.name.clone();
                Ok(table.topic.iter().map(|row| self.topic_row(&name, row)).collect())
            }
            (BROKER, "") => {
                let dynamic = table.broker.iter().filter_map(|row| {
                    let value =
                        self.image.config_of(&ConfigResource::Cluster, row.name.as_str())?;
                    Some(shown(&row.name, Some(value), ValueSource::Cluster))
                });
                Ok(dynamic.collect())
            }
            (BROKER, id) if id.parse() == Ok(self.config.broker.0) => {
                Ok(table.broker.iter().map(|row| self.broker_row(&row.name, row)).collect())
            }
            _ => Err(ErrorCode::InvalidRequest),
        }
    }

    /// A topic's key: what the topic sets, else what holds on this broker.
    fn topic_row(&self, topic: &Name, row: &ConfigRow) -> cr::DescribeConfigsResourceResult {
        let resource = ConfigResource::Topic(topic.clone());
        if let Some(value) = self.image.config_of(&resource, row.name.as_str()) {
            return shown(&row.name, Some(value), ValueSource::Topic);
        }
        match &row.broker_key {
            Some(key) => {
                let mut shown = self.broker_row(key, row);
                shown.name = wire::text(row.name.as_str());
                shown
            }
            None => shown(&row.name, row.value.as_ref(), ValueSource::Default),
        }
    }

    fn broker_row(&self, key: &Name, row: &ConfigRow) -> cr::DescribeConfigsResourceResult {
        let own = ConfigResource::Broker(self.config.broker);
        if let Some(value) = self.image.config_of(&own, key.as_str()) {
            return shown(&row.name, Some(value), ValueSource::Broker);
        }
        if let Some(value) = self.image.config_of(&ConfigResource::Cluster, key.as_str()) {
            return shown(&row.name, Some(value), ValueSource::Cluster);
        }
        let source = if row.is_set { ValueSource::Static } else { ValueSource::Default };
        shown(&row.name, row.value.as_ref(), source)
    }

    /// Source: Kafka 4.1, `KafkaApis.handleDescribeCluster`, `AuthHelper`.
    pub(crate) fn cluster_response(
        &mut self,
        body: &k::DescribeClusterRequest,
    ) -> k::DescribeClusterResponse {
        let response = k::DescribeClusterResponse::default().with_cluster_id(wire::text("kafsim"));
        if body.endpoint_type != BROKER_ENDPOINTS {
            // Kafka has an error of its own for it (115), which no client of ours can cause.
            return response.with_error_code(ErrorCode::InvalidRequest.code());
        }
        let known = self.image.brokers();
        let shown = known.filter(|(_, known)| body.include_fenced_brokers || !known.fenced);
        let brokers = shown.map(|(broker, known)| {
            DescribeClusterBroker::default()
                .with_broker_id(wire::broker_id(broker))
                .with_host(wire::host_of(broker))
                .with_port(wire::PORT)
                .with_rack(known.rack.as_ref().map(|rack| wire::text(rack.as_str())))
                .with_is_fenced(known.fenced)
        });
        let brokers: Vec<_> = brokers.collect();
        let alive: Vec<BrokerId> = brokers
            .iter()
            .filter(|broker| !broker.is_fenced)
            .map(|broker| BrokerId(broker.broker_id.0))
            .collect();
        // As for Metadata: any broker forwards to the controller, so any that is alive is named.
        let controller = self.rng.choose(&alive).map_or(-1, |broker| broker.0);
        response.with_controller_id(k::BrokerId(controller)).with_brokers(brokers)
    }
}

fn shown(
    name: &Name,
    value: Option<&Name>,
    source: ValueSource,
) -> cr::DescribeConfigsResourceResult {
    cr::DescribeConfigsResourceResult::default()
        .with_name(wire::text(name.as_str()))
        .with_value(value.map(|value| wire::text(value.as_str())))
        .with_config_source(source.code())
}
