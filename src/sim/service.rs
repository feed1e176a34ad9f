//! How long lanes are busy: the costs of inputs.

use std::time::Duration;

use crate::node::Input;
use crate::types::ApiKey;

/// How long a lane is busy with an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceTimes {
    /// With a Produce request, beside its records.
    pub produce: Duration,
    /// With a Fetch request.
    pub fetch: Duration,
    /// With any other request.
    pub request: Duration,
    /// With a response, beside its records.
    pub response: Duration,
    /// With a KiB of records.
    pub kib: Duration,
    /// With anything else: a deadline, a disk operation that ended, work of another lane.
    pub other: Duration,
}

impl ServiceTimes {
    /// A machine of today: small beside the network and the disk.
    pub const DEFAULT: Self = Self {
        produce: Duration::from_micros(10),
        fetch: Duration::from_micros(10),
        request: Duration::from_micros(10),
        response: Duration::from_micros(10),
        kib: Duration::from_micros(1),
        other: Duration::from_micros(5),
    };

    /// The time for `input`.
    pub(crate) fn of(&self, input: &Input) -> Duration {
        let (message, records) = match input {
            Input::Request { request, .. } => {
                let time = match request.body.api() {
                    ApiKey::Produce => self.produce,
                    ApiKey::Fetch => self.fetch,
                    _ => self.request,
                };
                (time, &request.records)
            }
            Input::Response { response, .. } => (self.response, &response.records),
            _ => return self.other,
        };
        let bytes: u64 = records.iter().flatten().map(|b| u64::from(b.body.size_bytes)).sum();
        message + self.kib * u32::try_from(bytes / 1024).unwrap_or(u32::MAX)
    }
}
