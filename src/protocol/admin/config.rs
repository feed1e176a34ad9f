//! How an admin client is configured.

use std::time::Duration;

use crate::types::Backoff;

/// An admin client's configuration; the defaults are those of Kafka 4.1's keys of like name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminConfig {
    /// `default.api.timeout.ms`: how long a call may take in all.
    pub api_timeout: Duration,
    /// `request.timeout.ms`: how long one attempt may take.
    pub request_timeout: Duration,
    /// `retries`.
    pub retries: u32,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            api_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(30),
            retries: i32::MAX as u32,
            retry_backoff: Backoff {
                initial: Duration::from_millis(100),
                max: Duration::from_secs(1),
            },
        }
    }
}
