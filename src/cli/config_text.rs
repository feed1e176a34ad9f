//! `kafsim run --show-config`: every configuration value and where it comes from.

use std::io::Write;

use serde_json::{Map, Value as Json, json};

use crate::cli::args::Format;
use crate::scenario::{
    Config, ConfigSource, DeployPlan, Plan, Scope, Setting, Value, show_duration,
};
use crate::types::Name;

/// Writes all values of `plan`'s processes and topics.
pub(crate) fn write(out: &mut impl Write, plan: &Plan, format: Format) -> anyhow::Result<()> {
    let sections = sections(plan);
    match format {
        Format::Text => {
            for (name, rows) in &sections {
                writeln!(out, "[{name}]")?;
                for (key, value, source) in rows {
                    writeln!(out, "{:<52}  # {source}", format!("{key} = {value}"))?;
                }
                writeln!(out)?;
            }
        }
        Format::Json => {
            let mut all = Map::new();
            for (name, rows) in sections {
                let rows = rows.into_iter().map(|(key, value, source)| {
                    (key.to_owned(), json!({ "value": value, "source": source }))
                });
                all.insert(name, Json::Object(rows.collect()));
            }
            writeln!(out, "{:#}", Json::Object(all))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// A section's name, and its keys with value and source.
type Section = (String, Vec<(&'static str, String, String)>);

fn sections(plan: &Plan) -> Vec<Section> {
    let mut sections = vec![section("features", &plan.cluster.features, NO_FILES)];
    for broker in &plan.cluster.brokers {
        let files = [&plan.cluster.server_properties, &broker.server_properties];
        sections.push(section(&format!("broker-{}", broker.id), &broker.config, files));
    }
    for (at, controller) in plan.cluster.controllers.iter().enumerate() {
        let files = [&plan.cluster.server_properties, &controller.server_properties];
        sections.push(section(&format!("controller-{}", at + 1), &controller.config, files));
    }
    for topic in &plan.topics {
        // What a topic does not set, each of its brokers answers for itself.
        let broker = &plan.cluster.brokers[0].config;
        let files = [&plan.cluster.server_properties, &None];
        let rows = topic.config.all().map(|(key, own)| {
            let setting = topic.setting_on(broker, key.name);
            let whose = match setting.source {
                ConfigSource::Own | ConfigSource::OwnFile
                    if own.source == ConfigSource::Default =>
                {
                    "broker".to_owned()
                }
                source => source_text(source, Scope::Topic, setting.line, files),
            };
            (key.name, value_text(setting), whose)
        });
        sections.push((format!("topic {}", topic.name), rows.collect()));
    }
    for producer in &plan.producers {
        sections.push(section(&format!("producer {}", producer.name), &producer.config, NO_FILES));
    }
    for consumer in &plan.consumers {
        sections.push(section(&format!("consumer {}", consumer.name), &consumer.config, NO_FILES));
    }
    for group in &plan.groups {
        sections.push(section(&format!("group {}", group.name), &group.config, NO_FILES));
        for DeployPlan { at, config } in &group.deployments {
            let name = format!("group {} from {} on", group.name, show_duration(*at));
            sections.push(section(&name, config, NO_FILES));
        }
        if group.produce_to.is_some() {
            let name = format!("group {} as producer", group.name);
            sections.push(section(&name, &group.producer, NO_FILES));
        }
    }
    for client in &plan.clients {
        sections.push(section(
            &format!("client {} as producer", client.name),
            &client.producer,
            NO_FILES,
        ));
        sections.push(section(
            &format!("client {} as consumer", client.name),
            &client.consumer,
            NO_FILES,
        ));
    }
    sections
}

/// The files of a server: the cluster's and its own.
type Files<'p> = [&'p Option<Name>; 2];
const NO_FILES: Files<'_> = [&None, &None];

fn section(name: &str, config: &Config, files: Files<'_>) -> Section {
    let rows = config.all().map(|(key, setting)| {
        let source = source_text(setting.source, config.scope(), setting.line, files);
        (key.name, value_text(setting), source)
    });
    (name.to_owned(), rows.collect())
}

fn value_text(setting: Setting) -> String {
    setting.value.map_or("none".to_owned(), |value: Value| value.to_string())
}

fn source_text(source: ConfigSource, scope: Scope, line: u32, files: Files<'_>) -> String {
    let [of_cluster, own] = files;
    let in_file = |file: &Option<Name>| {
        format!("{}:{line}", file.as_ref().map_or("server.properties", Name::as_str))
    };
    match source {
        ConfigSource::ClusterFile => in_file(of_cluster),
        ConfigSource::OwnFile => in_file(own),
        ConfigSource::Default => "default of 4.1".to_owned(),
        ConfigSource::Cluster => format!("cluster, line {line}"),
        ConfigSource::Own => format!("{}, line {line}", scope.name()),
        ConfigSource::Derived => "follows from another key".to_owned(),
    }
}
