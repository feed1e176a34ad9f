//! The states of a broker.

/// Where a broker is in its life. Names are Kafka's.
///
/// Source: Kafka 4.1, `BrokerState`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BrokerState {
    /// Not started.
    NotRunning,
    /// Registering, and catching up with the metadata log.
    Starting,
    /// Caught up; waits to be unfenced.
    Recovery,
    /// Unfenced at least once: serves.
    Running,
    /// Asked the controller to move its leaderships away.
    PendingControlledShutdown,
    /// Leads nothing, or gave up: ends now.
    ShuttingDown,
}
