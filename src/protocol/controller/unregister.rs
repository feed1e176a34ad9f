//! A broker leaves the cluster for good.

use kafka_protocol::messages as k;

use crate::message::MetadataRecord;
use crate::protocol::controller::replicas::Turn;
use crate::protocol::controller::state::{Active, Decision};
use crate::types::{BrokerId, ErrorCode};

impl Active {
    /// Removes a broker's registration. It leaves every in-sync set; its partitions keep it among
    /// their replicas until they are reassigned. Where it was eligible it stays so, as in Kafka:
    /// it can only lead again after it has registered again, and then it counts as having lost
    /// its tail.
    ///
    /// # Errors
    ///
    /// `BROKER_ID_NOT_REGISTERED`: nobody registered as such.
    ///
    /// # Source
    ///
    /// Kafka, `ReplicationControlManager.unregisterBroker`, `handleBrokerUnregistered`; KIP-631.
    pub(crate) fn unregister_broker(
        &self,
        request: &k::UnregisterBrokerRequest,
    ) -> Result<Decision, ErrorCode> {
        let broker = BrokerId(request.broker_id.0);
        let registration = self.image.broker(broker).ok_or(ErrorCode::BrokerIdNotRegistered)?;
        let broker_epoch = registration.broker_epoch;
        let mut records = self.leader_and_in_sync_updates(Turn::Unregisters(broker));
        records.push(MetadataRecord::UnregisterBroker { broker, broker_epoch });
        let mut body = k::UnregisterBrokerResponse::default();
        body.error_message = None;
        Ok(Decision { body: Some(body.into()), ..Decision::write(records) })
    }
}
