//! What a broker's lifecycle asks of the broker.

use crate::event::HaltReason;
use crate::message::RequestBody;
use crate::protocol::lifecycle::state::BrokerState;
use crate::types::BrokerEpoch;

/// What a broker's lifecycle asks of the broker, in order.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Effect {
    /// Send `body` to the active controller; the outcome comes back with `token`.
    Send { token: u64, body: RequestBody },
    /// The controller registered this start of the broker under `broker_epoch`.
    Registered { broker_epoch: BrokerEpoch },
    /// The broker is now in `state`.
    StateChanged { state: BrokerState },
    /// The process ends: in order, or at once, because it `halted`.
    End { halted: Option<HaltReason> },
}
