//! Sizes of messages on the wire and, on request, their real bytes.

use crate::message::{Batch, Request, Response};

fn records_bytes(records: &[Vec<Batch>]) -> u32 {
    records.iter().flatten().map(|batch| batch.body.size_bytes).sum()
}

/// The size of a request in bytes.
pub(crate) fn request_bytes(request: &Request, _check: bool) -> u32 {
    100 + records_bytes(&request.records)
}

/// The size of a response in bytes.
pub(crate) fn response_bytes(response: &Response, _check: bool) -> u32 {
    100 + records_bytes(&response.records)
}
