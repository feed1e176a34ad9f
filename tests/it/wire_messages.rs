//! Requests and responses of every kind, filled at random: every field that the version has.

#![expect(clippy::unwrap_used, reason = "lists to choose from are not empty")]

use bytes::Bytes;
use kafka_protocol::messages as k;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use kafsim::message::{
    Assigned, Batch, BatchBody, ClassicGroupValue, ClassicMemberValue, ClassicMetadata,
    CommittedOffset, CurrentValue, GroupRecord, Header, MemberState, MemberValue, MetadataRecord,
    PartitionChange, PartitionState, ProducerStamp, Record, Records, Request, RequestBody,
    Response, ResponseBody, batch_size_bytes,
};
use kafsim::types::{
    ApiKey, BatchId, BrokerEpoch, BrokerId, BrokerSet, ConfigResource, CorrelationId, DirectoryId,
    ErrorCode, IncarnationId, LeaderEpoch, Name, Offset, PartitionEpoch, PartitionIndex,
    ProducerEpoch, ProducerId, Rng, Sequence, TopicId, TopicPartition,
};

/// Draws values; lists have up to `items` items.
pub(crate) struct Draw {
    rng: Rng,
    items: u64,
}

impl Draw {
    pub(crate) fn new(seed: u64, items: u64) -> Self {
        Self { rng: Rng::named(seed, "wire", &[]), items }
    }

    /// A number that fits `bits`, often one on the edge.
    pub(crate) fn bits(&mut self, bits: u32) -> i64 {
        let all = self.rng.bits() as i64;
        match self.rng.below(6) {
            0 => -1,
            1 => 0,
            2 => all >> (64 - bits) >> (bits / 2),
            3 => i64::MAX >> (64 - bits),
            4 => i64::MIN >> (64 - bits),
            _ => all >> (64 - bits),
        }
    }

    pub(crate) fn i8(&mut self) -> i8 {
        i8::try_from(self.bits(8)).unwrap()
    }

    pub(crate) fn i16(&mut self) -> i16 {
        i16::try_from(self.bits(16)).unwrap()
    }

    pub(crate) fn u16(&mut self) -> u16 {
        self.i16().cast_unsigned()
    }

    pub(crate) fn i32(&mut self) -> i32 {
        i32::try_from(self.bits(32)).unwrap()
    }

    pub(crate) fn i64(&mut self) -> i64 {
        self.bits(64)
    }

    pub(crate) fn count(&mut self) -> i32 {
        self.i32() & i32::MAX
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.rng.chance(1, 2)
    }

    pub(crate) fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.rng.bits(), self.rng.bits())
    }

    pub(crate) fn string(&mut self) -> String {
        let length = if self.rng.chance(1, 8) { 200 } else { self.rng.below(20) };
        (0..length).map(|_| *self.rng.choose(&['a', 'B', '.', '_', '7', 'é']).unwrap()).collect()
    }

    pub(crate) fn text(&mut self) -> StrBytes {
        StrBytes::from_string(self.string())
    }

    pub(crate) fn name(&mut self) -> Name {
        self.string().into()
    }

    pub(crate) fn topic(&mut self) -> k::TopicName {
        k::TopicName(self.text())
    }

    pub(crate) fn group(&mut self) -> k::GroupId {
        k::GroupId(self.text())
    }

    pub(crate) fn broker(&mut self) -> k::BrokerId {
        k::BrokerId(self.i32())
    }

    pub(crate) fn bytes(&mut self) -> Bytes {
        let length = if self.rng.chance(1, 8) { 300 } else { self.rng.below(12) };
        (0..length).map(|_| self.rng.bits().to_le_bytes()[0]).collect()
    }

    pub(crate) fn maybe<T>(&mut self, item: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| item(self))
    }

    pub(crate) fn list<T>(&mut self, item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        self.at_least(0, item)
    }

    pub(crate) fn at_least<T>(
        &mut self,
        least: u64,
        mut item: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let many = least + self.rng.below(self.items + 1);
        (0..many).map(|_| item(self)).collect()
    }

    pub(crate) fn correlation_id(&mut self) -> CorrelationId {
        CorrelationId(self.count())
    }

    pub(crate) fn error(&mut self) -> ErrorCode {
        *self.rng.choose(ErrorCode::ALL).unwrap()
    }

    /// Any kind but an envelope.
    pub(crate) fn plain_api(&mut self) -> ApiKey {
        let plain = ApiKey::ALL.iter().copied().filter(|api| *api != ApiKey::Envelope);
        *self.rng.choose(&plain.collect::<Vec<_>>()).unwrap()
    }

    /// A request of kind `api`.
    pub(crate) fn request(&mut self, api: ApiKey) -> Request {
        let body = self.request_body(api);
        let records = match &body {
            RequestBody::Produce(body) => {
                let partitions = body.topic_data.iter().map(|topic| topic.partition_data.len());
                (0..partitions.sum()).map(|_| self.at_least(1, Self::data_batch)).collect()
            }
            _ => Vec::new(),
        };
        Request { correlation_id: self.correlation_id(), body, records }
    }

    /// A response of kind `api`.
    pub(crate) fn response(&mut self, api: ApiKey) -> Response {
        let body = self.response_body(api);
        let records = match &body {
            ResponseBody::Fetch(body) => {
                let partitions = body.responses.iter().flat_map(|topic| {
                    let id = topic.topic_id.as_u128();
                    let is_quorum = id == TopicPartition::CLUSTER_METADATA.topic_id.0;
                    topic.partitions.iter().map(move |_| is_quorum)
                });
                partitions
                    .map(|is_quorum| {
                        let batch = match (is_quorum, self.rng.below(4)) {
                            (true, _) => Self::quorum_batch,
                            (false, 0) => Self::group_batch,
                            (false, _) => Self::data_batch,
                        };
                        self.list(batch)
                    })
                    .collect()
            }
            _ => Vec::new(),
        };
        Response { correlation_id: self.correlation_id(), body, records }
    }

    pub(crate) fn batch(
        &mut self,
        records: Records,
        producer: Option<ProducerStamp>,
        time: i64,
    ) -> Batch {
        let body = BatchBody {
            id: BatchId(self.rng.bits()),
            producer,
            base_timestamp: time,
            max_timestamp: time + i64::from(self.count()),
            size_bytes: batch_size_bytes(&records, time),
            records,
        };
        Batch {
            base_offset: Offset(self.i64()),
            leader_epoch: LeaderEpoch(self.i32()),
            body: body.into(),
        }
    }

    /// A batch of a client.
    pub(crate) fn data_batch(&mut self) -> Batch {
        let time = self.i64() >> 2;
        let header =
            |draw: &mut Self| Header { name: draw.bytes(), value: draw.maybe(Self::bytes) };
        let records = self.at_least(1, |draw| Record {
            key: draw.maybe(Self::bytes),
            value: draw.maybe(Self::bytes),
            headers: draw.list(header).into(),
            timestamp: time + i64::from(draw.i32()),
        });
        let producer = self.maybe(|draw| ProducerStamp {
            id: ProducerId(draw.i64() & i64::MAX),
            epoch: ProducerEpoch(draw.i16() & i16::MAX),
            base_sequence: Sequence(draw.count()),
        });
        self.batch(Records::Data(records), producer, time)
    }

    fn assigned(&mut self) -> Assigned {
        self.list(Self::partition).into_iter().collect()
    }

    /// A record of `__consumer_offsets`.
    pub(crate) fn group_record(&mut self) -> GroupRecord {
        use GroupRecord as G;
        let group = self.name();
        match self.rng.below(7) {
            0 => G::Offset {
                group,
                topic: self.name(),
                partition: PartitionIndex(self.i32()),
                value: self.maybe(|draw| CommittedOffset {
                    offset: Offset(draw.i64()),
                    leader_epoch: LeaderEpoch::from_wire(draw.count()),
                    metadata: draw.name(),
                    commit_timestamp: draw.i64(),
                }),
            },
            1 => G::Classic { group, value: self.maybe(|draw| Box::new(draw.classic_group())) },
            2 => G::GroupEpoch { group, value: self.maybe(|draw| (draw.i32(), draw.i64())) },
            3 => G::Member {
                group,
                member: self.name(),
                value: self.maybe(|draw| {
                    Box::new(MemberValue {
                        instance: draw.maybe(Self::name),
                        rack: draw.maybe(Self::name),
                        client_id: draw.name(),
                        client_host: draw.name(),
                        topics: draw.list(Self::name),
                        pattern: draw.maybe(Self::name),
                        rebalance_timeout_ms: draw.i32(),
                        assignor: draw.maybe(Self::name),
                        classic: draw.maybe(Self::classic_metadata),
                    })
                }),
            },
            4 => G::TargetEpoch { group, value: self.maybe(Self::i32) },
            5 => G::Target { group, member: self.name(), value: self.maybe(Self::assigned) },
            _ => G::Current {
                group,
                member: self.name(),
                value: self.maybe(|draw| {
                    let states = [
                        MemberState::Stable,
                        MemberState::UnrevokedPartitions,
                        MemberState::UnreleasedPartitions,
                    ];
                    Box::new(CurrentValue {
                        epoch: draw.i32(),
                        previous_epoch: draw.i32(),
                        state: *draw.rng.choose(&states).unwrap(),
                        assigned: draw.assigned(),
                        revoking: draw.assigned(),
                    })
                }),
            },
        }
    }

    fn classic_metadata(&mut self) -> ClassicMetadata {
        ClassicMetadata {
            session_timeout_ms: self.i32(),
            protocols: self.list(|draw| (draw.name(), draw.bytes())),
        }
    }

    fn classic_group(&mut self) -> ClassicGroupValue {
        ClassicGroupValue {
            protocol_type: self.name(),
            generation: self.i32(),
            protocol: self.maybe(Self::name),
            leader: self.maybe(Self::name),
            state_timestamp: self.i64(),
            members: self.list(|draw| ClassicMemberValue {
                member: draw.name(),
                instance: draw.maybe(Self::name),
                client_id: draw.name(),
                client_host: draw.name(),
                rebalance_timeout_ms: draw.i32(),
                session_timeout_ms: draw.i32(),
                subscription: draw.bytes(),
                assignment: draw.bytes(),
            }),
        }
    }

    /// A batch of `__consumer_offsets`.
    pub(crate) fn group_batch(&mut self) -> Batch {
        let records = Records::Group(self.at_least(1, Self::group_record));
        let time = self.i64() >> 2;
        let mut batch = self.batch(records, None, time);
        // All its records are of one time.
        std::sync::Arc::get_mut(&mut batch.body).unwrap().max_timestamp = time;
        batch
    }

    /// A batch of the metadata log.
    pub(crate) fn quorum_batch(&mut self) -> Batch {
        let records = if self.rng.chance(1, 4) {
            Records::LeaderChange { leader: self.node(), voters: self.set() }
        } else {
            Records::Metadata(self.at_least(1, Self::metadata_record))
        };
        let time = i64::from(self.i32());
        self.batch(records, None, time)
    }

    pub(crate) fn node(&mut self) -> BrokerId {
        BrokerId(self.count())
    }

    pub(crate) fn set(&mut self) -> BrokerSet {
        self.list(Self::node).into_iter().collect()
    }

    fn resource(&mut self) -> ConfigResource {
        match self.rng.below(3) {
            0 => ConfigResource::Topic(self.name()),
            1 => ConfigResource::Broker(self.node()),
            _ => ConfigResource::Cluster,
        }
    }

    pub(crate) fn topic_id(&mut self) -> TopicId {
        TopicId(self.uuid().as_u128())
    }

    pub(crate) fn partition(&mut self) -> TopicPartition {
        TopicPartition::new(self.topic_id(), self.count())
    }

    /// A record of the metadata log.
    pub(crate) fn metadata_record(&mut self) -> MetadataRecord {
        use MetadataRecord as M;
        match self.rng.below(12) {
            0 => M::RegisterBroker {
                broker: self.node(),
                incarnation: IncarnationId(self.rng.bits()),
                broker_epoch: BrokerEpoch(self.i64()),
                rack: self.maybe(Self::name),
                directories: self.list(|draw| DirectoryId(draw.rng.bits())),
                fenced: self.flag(),
                in_controlled_shutdown: self.flag(),
            },
            1 => M::BrokerRegistrationChange {
                broker: self.node(),
                broker_epoch: BrokerEpoch(self.i64()),
                fenced: self.maybe(Self::flag),
                in_controlled_shutdown: self.maybe(|_| true),
            },
            2 => M::UnregisterBroker { broker: self.node(), broker_epoch: BrokerEpoch(self.i64()) },
            3 => M::Topic { name: self.name(), topic_id: self.topic_id() },
            4 => M::Partition {
                partition: self.partition(),
                state: Box::new(PartitionState {
                    replicas: self.list(Self::node),
                    in_sync: self.set(),
                    eligible: self.set(),
                    last_known: self.list(Self::node),
                    leader: self.maybe(Self::node),
                    recovering: self.flag(),
                    leader_epoch: LeaderEpoch(self.i32()),
                    partition_epoch: PartitionEpoch(self.i32()),
                }),
            },
            5 => M::PartitionChange {
                partition: self.partition(),
                change: Box::new(PartitionChange {
                    in_sync: self.maybe(Self::set),
                    eligible: self.maybe(Self::set),
                    last_known: self.maybe(|draw| draw.list(Self::node)),
                    leader: self.maybe(|draw| draw.maybe(Self::node)),
                    recovering: self.maybe(Self::flag),
                    replicas: self.maybe(|draw| draw.list(Self::node)),
                }),
            },
            6 => M::RemoveTopic { topic_id: self.topic_id() },
            10 => M::ClearEligible {
                // An empty name says that all topics are meant.
                topic: self.maybe(Self::name).filter(|name| !name.as_str().is_empty()),
            },
            7 => M::Config {
                resource: self.resource(),
                key: self.name(),
                value: self.maybe(Self::name),
            },
            8 => M::FeatureLevel { feature: self.name(), level: self.i16() },
            9 => M::ProducerIds {
                broker: self.node(),
                broker_epoch: BrokerEpoch(self.i64()),
                next_producer_id: ProducerId(self.i64()),
            },
            _ => M::NoOp,
        }
    }
}
