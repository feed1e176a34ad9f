//! The integration tests: one binary, a module for each subject.

mod architecture;
mod cli;
mod controller_process;
#[cfg(madsim)]
mod coupled;
mod determinism;
mod disk_failure;
mod engine;
mod fake_disk;
mod golden;
mod interaction;
mod interaction_controller;
mod interaction_lifecycle;
mod interaction_raft;
mod interaction_request;
mod museum;
mod properties_controller;
mod properties_log;
mod properties_producer;
mod properties_raft;
mod raft_cluster;
mod replication;
mod replication_checks;
mod replication_controller;
mod replication_world;
mod scenario_document;
mod scenario_errors;
mod scenarios;
mod trace;
mod trace_document;
mod wire;
mod wire_admin;
mod wire_delivery;
mod wire_messages;
mod wire_requests;
mod wire_responses;
