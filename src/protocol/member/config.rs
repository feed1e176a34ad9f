//! How a member of a group is configured.

use std::time::Duration;

use crate::protocol::assignor::Assignor;
use crate::types::{Backoff, ClientId, DefectSet, Name};

/// `group.protocol`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GroupProtocol {
    /// The members' leader assigns.
    #[default]
    Classic,
    /// The coordinator assigns (KIP-848).
    Consumer,
}

/// A member's configuration; the defaults are those of Kafka 4.1's keys of like name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberConfig {
    /// Which client of the run this is.
    pub client: ClientId,
    /// How many operations earlier starts of this client counted.
    pub first_operation: u32,
    /// `group.id`; `None` for a consumer without a group.
    pub group: Option<Name>,
    /// `group.instance.id`: makes it a static member.
    pub instance: Option<Name>,
    /// `group.protocol`.
    pub protocol: GroupProtocol,
    /// `group.remote.assignor`.
    pub remote_assignor: Option<Name>,
    /// `partition.assignment.strategy`, the preferred one first.
    pub assignors: Vec<Assignor>,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`, which is the rebalance timeout, too.
    pub poll_interval_max: Duration,
    /// `enable.auto.commit`.
    pub auto_commit: bool,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: how long a commit that is waited for may take.
    pub api_timeout: Duration,
    /// The defects that are switched on.
    pub defects: DefectSet,
}

impl Default for MemberConfig {
    fn default() -> Self {
        Self {
            client: ClientId(0),
            first_operation: 0,
            group: None,
            instance: None,
            protocol: GroupProtocol::Classic,
            remote_assignor: None,
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            poll_interval_max: Duration::from_secs(300),
            auto_commit: true,
            auto_commit_interval: Duration::from_secs(5),
            retry_backoff: Backoff {
                initial: Duration::from_millis(100),
                max: Duration::from_secs(1),
            },
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            defects: DefectSet::NONE,
        }
    }
}
