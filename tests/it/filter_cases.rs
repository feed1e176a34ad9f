//! The filter language by examples: `tests/data/filter_cases.txt` has a few events, and filters
//! with the events that pass, or with the mistake. The page's tests read the same file.
//!
//! `REWRITE=1` writes it anew from the events below and the filters in the file; read the
//! difference.

use std::sync::Arc;

use kafsim::event::{
    AckMode, CrashKeep, Event, FaultVerb, Kind, ProducerOutcome, ReplicaRole, StepName,
};
use kafsim::trace::{ClientSetup, Filter, HostSetup, Names, Part, Setup};
use kafsim::types::{
    ApiKey, BatchId, BrokerId, BrokerSet, ClientId, ConnectionId, CorrelationId, ErrorCode, HostId,
    LeaderEpoch, Moment, Offset, PartitionEpoch, PartitionIndex, TopicId, TopicPartition,
};

const FILE: &str = "tests/data/filter_cases.txt";
const ORDERS: TopicPartition =
    TopicPartition { topic_id: TopicId(7), partition: PartitionIndex(0) };
const PAYMENTS: TopicPartition =
    TopicPartition { topic_id: TopicId(8), partition: PartitionIndex(3) };

fn names() -> Names {
    let client = ClientSetup {
        id: ClientId(0),
        idempotent: true,
        in_flight_max: 5,
        answers_within: std::time::Duration::from_secs(1),
    };
    let parts = [
        ("broker-1", Part::Broker(BrokerId(1))),
        ("broker-2", Part::Broker(BrokerId(2))),
        ("controller-1", Part::Controller(BrokerId(3001))),
        ("shop", Part::Client(client)),
    ];
    let hosts = parts.map(|(name, part)| HostSetup { name: name.into(), part }).to_vec();
    Names::new(Arc::new(Setup { hosts, ..Setup::default() }))
}

/// Moment in microseconds of the scenario's time, host, cause, about, what.
type Row = (i64, Option<u16>, Option<u64>, Option<u64>, Kind);

fn fetch(is_response: bool, fault: Option<u32>) -> Kind {
    Kind::Delivered {
        connection: ConnectionId { opener: HostId(1), number: 4 },
        from: HostId(u16::from(!is_response)),
        api: ApiKey::Fetch,
        is_response,
        correlation_id: CorrelationId(9),
        bytes: 120,
        sent: Moment(19_999_000),
        fault,
    }
}

fn appended(partition: TopicPartition, base: i64, records: u32, epoch: i32) -> Kind {
    Kind::LogAppended {
        partition,
        base_offset: Offset(base),
        records,
        leader_epoch: LeaderEpoch(epoch),
        batch: BatchId(0xaa00 + base.unsigned_abs()),
        chain: kafsim::event::ChainHash(1),
        as_leader: true,
    }
}

fn rows() -> Vec<Row> {
    let topic = |topic_id, name: &str| Kind::TopicCommitted {
        topic: topic_id,
        name: name.into(),
        offset: Offset(1),
    };
    let moved = |high_watermark| Kind::HighWatermarkMoved {
        partition: ORDERS,
        high_watermark: Offset(high_watermark),
        as_leader: true,
    };
    vec![
        (-500_000, Some(2), None, None, topic(TopicId(7), "orders")),
        (-500_000, Some(2), Some(0), None, topic(TopicId(8), "payments")),
        (1_000_000, Some(0), None, Some(2), appended(ORDERS, 10, 3, 0)),
        (1_000_100, Some(0), None, None, fetch(false, None)),
        (1_000_100, Some(0), Some(3), Some(2), moved(13)),
        (1_000_200, Some(1), Some(4), None, fetch(true, Some(1))),
        (
            2_000_000,
            None,
            None,
            None,
            Kind::FaultBegan {
                fault: 1,
                verb: FaultVerb::Crash,
                hosts: vec![HostId(1), HostId(2)],
                groups: vec![1, 1],
                detail: "page cache".into(),
            },
        ),
        (
            2_000_000,
            Some(1),
            Some(6),
            None,
            Kind::HostStopped { keep: CrashKeep::PageCache, halted: None, in_order: false },
        ),
        (
            2_500_000,
            Some(0),
            None,
            None,
            Kind::RoleTaken {
                partition: ORDERS,
                role: ReplicaRole::Leader,
                leader: Some(BrokerId(1)),
                leader_epoch: LeaderEpoch(1),
                partition_epoch: PartitionEpoch(2),
                epoch_start: Some(Offset(12)),
                log_end_offset: Offset(12),
                high_watermark: Offset(11),
                in_sync: BrokerSet::of(BrokerId(1)),
                min_in_sync: 1,
            },
        ),
        (
            2_600_000,
            Some(1),
            Some(8),
            None,
            Kind::LogTruncated {
                partition: ORDERS,
                log_end_offset: Offset(10),
                from: Offset(13),
                chain: kafsim::event::ChainHash(2),
            },
        ),
        (3_000_000, Some(1), None, Some(10), appended(PAYMENTS, 10, 1, 1)),
        (
            3_000_000,
            Some(1),
            Some(10),
            Some(10),
            Kind::ProduceAnswered {
                partition: PAYMENTS,
                batch: BatchId(5),
                acks: AckMode::All,
                error: ErrorCode::None,
                base_offset: Some(Offset(10)),
            },
        ),
        (
            3_000_001,
            Some(1),
            None,
            None,
            Kind::ProduceHandled {
                partition: PAYMENTS,
                batch: BatchId(6),
                outcome: ProducerOutcome::Refused,
                error: ErrorCode::NotEnoughReplicas,
                base_offset: None,
            },
        ),
        (4_000_000, None, None, None, Kind::FaultEnded { fault: 1, changed: 2 }),
    ]
}

fn events() -> Vec<Event> {
    let event = |(index, (micros, host, cause, about, kind)): (usize, Row)| Event {
        index: index as u64,
        at: Moment(Moment::SCENARIO_BEGINS.0.strict_add_signed(micros)),
        host: host.map(HostId),
        step: StepName { lane: 1, n: index as u64 },
        cause,
        about,
        kind,
    };
    rows().into_iter().enumerate().map(event).collect()
}

/// The events that pass, as `e1 e2`, `nothing`, or the mistake behind an exclamation mark.
fn answer(filter: &str, names: &Names) -> String {
    let hosts = names.setup().hosts.iter().map(|host| host.name.to_string());
    let hosts: Vec<String> = hosts.chain(["world".to_owned()]).collect();
    let partitions = [ORDERS, PAYMENTS].map(|partition| names.partition(partition));
    let read = filter.parse::<Filter>().and_then(|filter| {
        filter.check_hosts(&hosts, names)?;
        filter.check_partitions(&partitions)?;
        Ok(filter)
    });
    let mut filter = match read {
        Ok(filter) => filter,
        Err(error) => return format!("! {error}"),
    };
    let passing: Vec<String> = events()
        .iter()
        .filter(|event| filter.accepts(event, names))
        .map(|event| format!("e{}", event.index))
        .collect();
    if passing.is_empty() { "nothing".to_owned() } else { passing.join(" ") }
}

#[test]
fn filters_pass_what_the_table_says() {
    let mut names = names();
    events().iter().for_each(|event| names.learn(event));
    let before = std::fs::read_to_string(FILE).unwrap();
    let (head, rest) = before.split_once("---- events\n").unwrap();
    let (_, cases) = rest.split_once("---- cases\n").unwrap();
    let mut now = format!("{head}---- events\n");
    for event in events() {
        now += &format!("{}\n{}\n", names.line(&event), names.json(&event));
    }
    now += "---- cases\n";
    let mut seen = 0;
    for line in cases.lines() {
        if line.is_empty() || line.starts_with('#') {
            now += &format!("{line}\n");
        } else if let Some(filter) = line.strip_prefix("filter ") {
            now += &format!("filter {filter}\n  {}\n", answer(filter, &names));
            seen += 1;
        }
    }
    assert!(seen >= 80, "{seen} cases");
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(FILE, now).unwrap();
    } else {
        assert_eq!(now, before, "{FILE} (REWRITE=1 writes it anew)");
    }
}

#[test]
fn a_filter_made_of_anything_neither_panics_nor_hangs() {
    let pieces = [
        "kind:",
        "part:",
        "after(",
        "before(",
        ")",
        "\"",
        "-",
        "!",
        "e5",
        "..",
        ":",
        "=",
        ",",
        "|",
        "offset:",
        "9223372036854775807",
        "-1",
        "é",
        " ",
        "time",
        "op:",
        "*",
        "~",
        "<=",
        "fault:",
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..12);
    let mut names = names();
    events().iter().for_each(|event| names.learn(event));
    runner
        .run(&strategy, |pieces| {
            let text = pieces.concat();
            match text.parse::<Filter>() {
                Ok(mut filter) => {
                    let _ = filter.check_partitions(&[]).is_ok();
                    events().iter().for_each(|event| {
                        filter.accepts(event, &names);
                    });
                }
                Err(error) => {
                    proptest::prop_assert!(error.column <= text.chars().count().max(1), "{}", text);
                }
            }
            Ok(())
        })
        .unwrap();
    let deep = "after(".repeat(5000) + "x" + &")".repeat(5000);
    assert!(deep.parse::<Filter>().is_err());
}
