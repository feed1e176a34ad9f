//! The admin client: a request to any broker, or to those it concerns, for each call, tried again
//! while that may help.

mod config;
mod effect;
mod groups;
mod input;
mod machine;
mod records;
mod request;

pub use config::AdminConfig;
pub use effect::Effect;
pub use input::Input;
pub use machine::Admin;
