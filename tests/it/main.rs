//! The integration tests: one binary, a module for each subject.

mod architecture;
mod engine;
mod interaction;
mod interaction_controller;
mod interaction_lifecycle;
mod interaction_request;
mod properties_controller;
mod properties_log;
mod scenario_errors;
mod trace;
mod trace_document;
