//! The admin client: one request to any broker for each call, tried again while that may help.

mod config;

pub use config::AdminConfig;
