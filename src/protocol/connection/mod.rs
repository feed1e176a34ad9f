//! The connections that a client, a broker or a voter opens: on demand, one to each peer.
//!
//! ```text
//!            Send, Open                 Connected
//!  closed ---------------> connecting ------------> ready
//!    ^  (back-off over)        |                      |
//!    |   set-up timed out,     |    request timed out,|
//!    +---- refused ------------+    reset, closed ----+
//! ```
//!
//! A request that finds the peer closed and its back-off not over fails at once with
//! `NotConnected`: its sender has a back-off of its own. All requests in flight on a connection
//! fail together when it is lost, or when one of them has waited for `request.timeout.ms`; the
//! peer may still handle them.
//!
//! [`NetworkClient`] is what a producer, consumer or admin client has: such connections, and what
//! is known of the cluster, asked for again when it is old or proved wrong.
//!
//! Source: Kafka 4.1, `NetworkClient`, `ClusterConnectionStates`, `InFlightRequests`.

mod effect;
mod input;
mod link;
mod machine;
mod network_client;
mod updater;

pub use crate::message::SendError;
pub use effect::Effect;
pub use input::Input;
pub use machine::{Connections, ConnectionsConfig};
pub use network_client::{NetworkClient, NetworkClientConfig, NetworkEffect, NetworkInput};
