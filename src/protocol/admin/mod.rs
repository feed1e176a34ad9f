//! The admin client: one request to any broker for each call, tried again while that may help.

mod config;
mod effect;
mod input;
mod machine;
mod request;

pub use config::AdminConfig;
pub use effect::Effect;
pub use input::Input;
pub use machine::Admin;
