//! How a controller process is configured.

use crate::protocol::controller;
use crate::protocol::raft::RaftConfig;
use crate::types::{BrokerId, BrokerSet, DefectSet};

/// A controller process: a voter of the quorum, and the controller that it may become.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// The voter.
    pub raft: RaftConfig,
    /// The controller's state machine.
    pub controller: controller::Config,
}

impl ControllerConfig {
    /// Kafka's defaults for the controller `node` in the quorum of `voters`.
    pub fn new(node: BrokerId, voters: BrokerSet) -> Self {
        Self {
            raft: RaftConfig::new(node, voters),
            controller: controller::Config { node, ..controller::Config::default() },
        }
    }

    /// The same with `defects` in every part.
    #[must_use]
    pub fn with_defects(mut self, defects: DefectSet) -> Self {
        self.raft.defects = defects;
        self.raft.log.defects = defects;
        self.controller.defects = defects;
        self
    }
}

impl Default for ControllerConfig {
    fn default() -> Self {
        let node = BrokerId(3001);
        Self::new(node, BrokerSet::of(node))
    }
}
