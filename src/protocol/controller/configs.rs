//! Dynamic configuration: what an administrator changes while the cluster runs.

use std::collections::BTreeSet;

use kafka_protocol::messages as k;
use kafka_protocol::messages::incremental_alter_configs_request as ask;
use kafka_protocol::messages::incremental_alter_configs_response as say;
use kafka_protocol::protocol::StrBytes;

use crate::message::MetadataRecord;
use crate::protocol::controller::state::{Active, Decision};
use crate::protocol::image::MIN_INSYNC_REPLICAS;
use crate::types::{BrokerId, ConfigResource, ErrorCode, Name, TopicKey};

/// `ConfigResource.Type.TOPIC`.
const TOPIC: i8 = 2;
/// `ConfigResource.Type.BROKER`.
const BROKER: i8 = 4;
/// `AlterConfigOp.OpType.SET`.
const SET: i8 = 0;
/// `AlterConfigOp.OpType.DELETE`.
const DELETE: i8 = 1;
/// `AlterConfigOp.OpType.APPEND` and `SUBTRACT`: of lists, which none of our keys is.
const APPEND_OR_SUBTRACT: [i8; 2] = [2, 3];

/// Why a resource stays as it is, and in which words.
type Refused = (ErrorCode, String);

impl Active {
    /// Changes configuration: each resource as a whole or not at all.
    ///
    /// Source: Kafka 4.1, `ControllerApis.handleIncrementalAlterConfigs`,
    /// `ConfigurationControlManager.incrementalAlterConfigs`.
    pub(crate) fn alter_configs(&self, request: &k::IncrementalAlterConfigsRequest) -> Decision {
        let mut records = Vec::new();
        let mut body = k::IncrementalAlterConfigsResponse::default();
        for asked in &request.resources {
            let is_twin = |other: &&ask::AlterConfigsResource| {
                (other.resource_type, &other.resource_name)
                    == (asked.resource_type, &asked.resource_name)
            };
            let twins = request.resources.iter().filter(is_twin).count();
            let changed = if twins > 1 {
                let message = "each resource must appear at most once";
                Err((ErrorCode::InvalidRequest, message.to_owned()))
            } else {
                self.altered(asked)
            };
            let mut said = say::AlterConfigsResourceResponse::default();
            said.resource_type = asked.resource_type;
            said.resource_name = asked.resource_name.clone();
            said.error_message = None;
            match changed {
                Ok(changed) => records.extend(changed),
                Err((error, message)) => {
                    said.error_code = error.code();
                    said.error_message = Some(StrBytes::from_string(message));
                }
            }
            body.responses.push(said);
        }
        if request.validate_only {
            records.clear();
        }
        let cleared = self.clearing(&records);
        records.extend(cleared);
        Decision { body: Some(body.into()), ..Decision::write(records) }
    }

    /// The records that change one resource.
    fn altered(&self, asked: &ask::AlterConfigsResource) -> Result<Vec<MetadataRecord>, Refused> {
        let resource = resource(asked)?;
        let mut seen = BTreeSet::new();
        let mut records = Vec::new();
        for config in &asked.configs {
            if !seen.insert(config.name.clone()) {
                let message = "a key must appear at most once".to_owned();
                return Err((ErrorCode::InvalidRequest, message));
            }
            let key = Name::from(&*config.name);
            let value = self.new_value(&resource, &key, config)?;
            // A broker is told again what it has been told: it may want to load a file anew
            // (KAFKA-14136).
            let is_news = match resource {
                ConfigResource::Topic(_) => {
                    self.image.config_of(&resource, key.as_str()) != value.as_ref()
                }
                ConfigResource::Broker(_) | ConfigResource::Cluster => true,
            };
            if is_news {
                records.push(MetadataRecord::Config { resource: resource.clone(), key, value });
            }
        }
        self.check_exists(&resource)?;
        Ok(records)
    }

    fn new_value(
        &self,
        resource: &ConfigResource,
        key: &Name,
        config: &ask::AlterableConfig,
    ) -> Result<Option<Name>, Refused> {
        let invalid = |message: String| Err((ErrorCode::InvalidConfig, message));
        let value = match config.config_operation {
            SET => {
                let Some(value) = &config.value else {
                    let message = format!("`{key}` has no value");
                    return Err((ErrorCode::InvalidRequest, message));
                };
                Some(Name::from(&**value))
            }
            DELETE => None,
            operation if APPEND_OR_SUBTRACT.contains(&operation) => {
                return invalid(format!("`{key}` is no list"));
            }
            operation => {
                let message = format!("{operation} is no operation on a value");
                return Err((ErrorCode::InvalidRequest, message));
            }
        };
        if key.as_str() == MIN_INSYNC_REPLICAS && self.eligible_enabled() {
            // Who is eligible depends on one minimum for all (KAFKA-16540).
            match (resource, &value) {
                (ConfigResource::Broker(_), _) => {
                    return invalid(format!("`{key}` is not for a single broker"));
                }
                (ConfigResource::Cluster, None) => {
                    return invalid(format!("`{key}` of all brokers cannot be taken away"));
                }
                (ConfigResource::Cluster, Some(_)) | (ConfigResource::Topic(_), _) => {}
            }
        }
        let known = match resource {
            ConfigResource::Topic(_) => TopicKey::of_topic(key.as_str()),
            ConfigResource::Broker(_) | ConfigResource::Cluster => {
                TopicKey::of_broker(key.as_str())
            }
        };
        let Some(known) = known else {
            return invalid(format!("`{key}` is no key that {resource} may be given"));
        };
        if let Some(value) = value.as_ref().filter(|value| !known.values.accepts(value.as_str())) {
            return invalid(format!("`{value}` is no value for `{key}`"));
        }
        Ok(value)
    }

    /// Source: Kafka, `QuorumController.ConfigResourceExistenceChecker`.
    fn check_exists(&self, resource: &ConfigResource) -> Result<(), Refused> {
        match resource {
            ConfigResource::Topic(name) if self.image.topic_by_name(name.as_str()).is_none() => {
                let message = format!("there is no topic `{name}`");
                Err((ErrorCode::UnknownTopicOrPartition, message))
            }
            ConfigResource::Broker(broker) if self.image.broker(*broker).is_none() => {
                let message = format!("broker {broker} is not registered");
                Err((ErrorCode::BrokerIdNotRegistered, message))
            }
            ConfigResource::Topic(_) | ConfigResource::Broker(_) | ConfigResource::Cluster => {
                Ok(())
            }
        }
    }

    /// With another minimum, others would be eligible: nobody is, until partitions change.
    ///
    /// Source: Kafka 4.1, `createClearElrRecordsAsNeeded`.
    fn clearing(&self, records: &[MetadataRecord]) -> Vec<MetadataRecord> {
        if !self.eligible_enabled() {
            return Vec::new();
        }
        let clears = |record: &MetadataRecord| {
            let MetadataRecord::Config { resource, key, .. } = record else { return None };
            if key.as_str() != MIN_INSYNC_REPLICAS {
                return None;
            }
            let topic = match resource {
                ConfigResource::Topic(name) => Some(name.clone()),
                ConfigResource::Broker(_) | ConfigResource::Cluster => None,
            };
            Some(MetadataRecord::ClearEligible { topic })
        };
        records.iter().filter_map(clears).collect()
    }
}

fn resource(asked: &ask::AlterConfigsResource) -> Result<ConfigResource, Refused> {
    let name = &*asked.resource_name;
    let invalid = |message: String| Err((ErrorCode::InvalidRequest, message));
    match asked.resource_type {
        TOPIC if name.is_empty() => invalid("a topic needs a name".to_owned()),
        TOPIC => Ok(ConfigResource::Topic(name.into())),
        BROKER if name.is_empty() => Ok(ConfigResource::Cluster),
        BROKER => match name.parse::<i32>() {
            Ok(id) if id >= 0 => Ok(ConfigResource::Broker(BrokerId(id))),
            Ok(_) | Err(_) => invalid(format!("`{name}` is no broker id")),
        },
        kind => invalid(format!("there are no resources of type {kind}")),
    }
}
