//! Changes of configuration: what a broker itself says of them before they go on to the
//! controller.

use std::collections::BTreeSet;

use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::protocol::StrBytes;

use crate::message::ResponseBody;
use crate::types::{BrokerId, ErrorCode, TopicKey};

/// `ConfigResource.Type.TOPIC`.
const TOPIC: i8 = 2;
/// `ConfigResource.Type.BROKER`.
const BROKER: i8 = 4;
/// `AlterConfigOp.OpType.DELETE`.
const DELETE: i8 = 1;

/// A resource that the broker refused, and its place in the request.
pub(super) type Refused = (usize, AlterConfigsResourceResponse);

/// Takes out of `request` what `broker` refuses: that of other brokers, keys that cannot be
/// changed while a broker runs, values that are none. All of it is `INVALID_REQUEST`.
///
/// Source: Kafka 4.1, `ConfigAdminManager.preprocess`, `DynamicBrokerConfig.validateConfigs`.
pub(super) fn take_refused(
    broker: BrokerId,
    request: &mut IncrementalAlterConfigsRequest,
) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut place = 0;
    request.resources.retain(|resource| {
        let result = check(broker, resource);
        if let Err(message) = &result {
            let mut said = AlterConfigsResourceResponse::default();
            said.error_code = ErrorCode::InvalidRequest.code();
            said.error_message = Some(StrBytes::from_string(message.clone()));
            said.resource_type = resource.resource_type;
            said.resource_name = resource.resource_name.clone();
            refused.push((place, said));
        }
        place += 1;
        result.is_ok()
    });
    refused
}

/// Puts what was refused back into its places in the controller's answer.
pub(super) fn put_refused(body: &mut ResponseBody, refused: Vec<Refused>) {
    if let ResponseBody::IncrementalAlterConfigs(body) = body {
        for (place, said) in refused {
            body.responses.insert(place.min(body.responses.len()), said);
        }
    }
}

fn check(broker: BrokerId, resource: &AlterConfigsResource) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for config in &resource.configs {
        if !seen.insert(&config.name) {
            return Err(format!("`{}` appears more than once", &*config.name));
        }
        if config.value.is_none() && config.config_operation != DELETE {
            return Err(format!("`{}` has no value", &*config.name));
        }
    }
    match resource.resource_type {
        TOPIC => Ok(()),
        BROKER => check_broker(broker, resource),
        kind => Err(format!("there are no resources of type {kind}")),
    }
}

fn check_broker(broker: BrokerId, resource: &AlterConfigsResource) -> Result<(), String> {
    let name = &*resource.resource_name;
    if !name.is_empty() && name.parse() != Ok(broker.0) {
        return Err(format!("asked of broker {broker}, which is not `{name}`"));
    }
    for config in &resource.configs {
        let key = &*config.name;
        let Some(known) = TopicKey::of_broker(key) else {
            return Err(format!("`{key}` cannot be changed while a broker runs"));
        };
        if let Some(value) = &config.value
            && config.config_operation != DELETE
            && !known.values.accepts(value)
        {
            return Err(format!("`{}` is no value for `{key}`", &**value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::IncrementalAlterConfigsResponse;
    use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;

    use super::*;

    fn text(text: &str) -> StrBytes {
        StrBytes::from_string(text.to_owned())
    }

    fn resource(kind: i8, name: &str, key: &str, value: Option<&str>) -> AlterConfigsResource {
        let config = AlterableConfig::default().with_name(text(key)).with_value(value.map(text));
        AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configs(vec![config])
    }

    #[test]
    fn refused_resources_keep_their_places() {
        let size = ("log.segment.bytes", Some("2048"));
        let mut request = IncrementalAlterConfigsRequest::default().with_resources(vec![
            resource(BROKER, "1", size.0, size.1),
            resource(BROKER, "2", size.0, size.1),
            resource(BROKER, "", "replica.lag.time.max.ms", Some("1000")),
            resource(TOPIC, "orders", "nonsense", Some("1")),
            resource(BROKER, "", size.0, Some("many")),
            resource(BROKER, "", size.0, None),
            resource(8, "", size.0, size.1),
        ]);
        let refused = take_refused(BrokerId(1), &mut request);
        let places: Vec<usize> = refused.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [1, 2, 4, 5, 6]);
        assert_eq!(request.resources.len(), 2);
        let said =
            |name: &str| AlterConfigsResourceResponse::default().with_resource_name(text(name));
        let mut body: ResponseBody = IncrementalAlterConfigsResponse::default()
            .with_responses(vec![said("1"), said("orders")])
            .into();
        put_refused(&mut body, refused);
        let ResponseBody::IncrementalAlterConfigs(body) = body else { panic!("{body:?}") };
        let names: Vec<&str> = body.responses.iter().map(|r| &*r.resource_name).collect();
        assert_eq!(names, ["1", "2", "", "orders", "", "", ""]);
    }

    #[test]
    fn what_is_taken_away_needs_no_value() {
        let config = AlterableConfig::default()
            .with_name(text("log.segment.bytes"))
            .with_config_operation(DELETE);
        let asked = resource(BROKER, "1", "", None).with_configs(vec![config]);
        assert_eq!(check(BrokerId(1), &asked), Ok(()));
        let twice = asked.configs[0].clone();
        let asked = asked.with_configs(vec![twice.clone(), twice]);
        assert!(check(BrokerId(1), &asked).is_err());
    }
}
