//! Applications written with `async` that are members of groups, and one that administers groups.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafsim::explore::{CoupledRun, Failure, RunOutcome, vocabulary};
use kafsim::runtime::{Client, ClientError, PollEvent};
use kafsim::scenario::Scenario;
use kafsim::types::{ErrorCode, Offset};

const OFFICE: &str = r#"
version = 1
title = "two workers of ours share a topic, one of them is killed, and an office administers"
duration = "45s"

[cluster]
brokers = 3
controllers = 3

[cluster.config]
broker.session.timeout.ms = 3000
broker.heartbeat.interval.ms = 1000
group.consumer.session.timeout.ms = 6000
group.consumer.min.session.timeout.ms = 6000
group.consumer.heartbeat.interval.ms = 2000
group.consumer.min.heartbeat.interval.ms = 2000

[[topic]]
name = "orders"
partitions = 4

[[producer]]
name = "checkout"
topic = "orders"
rate = "25/s"
keys = { uniform = 20 }
records_max = 500

[[client]]
name = "worker-1"
group = "billing"
auto_commit = false
consumer = { auto.offset.reset = "earliest", session.timeout.ms = 6000, heartbeat.interval.ms = 2000 }

[[client]]
name = "worker-2"
group = "billing"
auto_commit = false
consumer = { auto.offset.reset = "earliest", session.timeout.ms = 6000, heartbeat.interval.ms = 2000 }

[[client]]
name = "office"

[[fault]]
at = "8s"
crash = { host = "worker-1" }
for = "2s"

[[fault]]
at = "12s"
crash = { host = "coordinator of billing" }
for = "3s"
"#;

/// What the applications and the office saw.
#[derive(Default)]
struct Seen {
    /// How often each record was processed.
    processed: BTreeMap<(i32, i64), u32>,
    assigned: u32,
    revoked_or_lost: u32,
    /// The office has come to its end.
    is_administered: bool,
}

type Shared = Arc<Mutex<Seen>>;

/// Processes and commits until it has been idle for long, then leaves.
async fn work(client: Client, seen: Shared) {
    client.subscribe(&["orders"]).await.unwrap();
    let mut idle = 0;
    while idle < 150 {
        match client.poll_event(Duration::from_millis(100)).await.unwrap() {
            PollEvent::Records(batches) => {
                idle = if batches.is_empty() { idle + 1 } else { 0 };
                for batch in &batches {
                    for (offset, _) in (batch.base_offset.0..).zip(&batch.records) {
                        let mut seen = seen.lock().unwrap();
                        *seen.processed.entry((batch.partition, offset)).or_default() += 1;
                    }
                    client.processed(batch).await.unwrap();
                }
                let offsets = batches.iter().map(kafsim::sim::PolledBatch::next).collect();
                match client.commit_offsets(offsets).await {
                    // The partitions are another's, who will process them again.
                    Ok(()) | Err(ClientError::Refused(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            PollEvent::Assigned(places) => {
                assert!(places.iter().all(|(topic, _)| topic == "orders"));
                seen.lock().unwrap().assigned += 1;
            }
            PollEvent::Revoked(_) | PollEvent::Lost(_) => {
                seen.lock().unwrap().revoked_or_lost += 1;
            }
        }
    }
    client.close().await.unwrap();
}

/// Looks at the group while it works, and deletes it when its members are gone.
async fn administer(client: Client, seen: Shared) {
    let nobody = client.subscribe(&["orders"]).await;
    assert_eq!(nobody, Err(ClientError::NotSent(ErrorCode::InvalidGroupId)));
    madsim::time::sleep(Duration::from_secs(17)).await;
    // Until the coordinator has expelled the worker that was killed, it counts it, too.
    loop {
        let group = client.describe_group("billing").await.unwrap();
        if (group.state.as_str(), group.members.len()) == ("Stable", 2) {
            break;
        }
        madsim::time::sleep(Duration::from_millis(500)).await;
    }
    let groups = client.list_groups().await.unwrap();
    let names: Vec<_> = groups.groups.iter().map(|group| group.group.as_str()).collect();
    assert_eq!((names, groups.failed.len()), (vec!["billing"], 0));
    let group = client.describe_group("billing").await.unwrap();
    assert_eq!((group.state.as_str(), group.members.len()), ("Stable", 2));
    let places = group.members.iter().flat_map(|member| member.partitions.clone());
    let numbers: BTreeSet<i32> = places.map(|(_, number)| number).collect();
    assert_eq!(numbers, (0..4).collect());
    let refused = |code| Err(ClientError::Refused(code));
    assert_eq!(client.delete_group("billing").await, refused(ErrorCode::NonEmptyGroup));
    assert_eq!(client.delete_group("billling").await, refused(ErrorCode::GroupIdNotFound));
    let unknown = client.describe_group("billling").await.map(|_| ());
    assert_eq!(unknown, refused(ErrorCode::GroupIdNotFound));
    assert_eq!(
        client.delete_group_offsets("billing", "orders", &[0]).await,
        refused(ErrorCode::GroupSubscribedToTopic)
    );
    assert_eq!(
        client.alter_group_offsets("billing", &[("orders", 0, Offset(0))]).await,
        refused(ErrorCode::UnknownMemberId)
    );
    while client.describe_group("billing").await.unwrap().state.as_str() != "Empty" {
        madsim::time::sleep(Duration::from_millis(500)).await;
    }
    let committed = |offsets: Vec<kafsim::sim::PartitionOffset>| {
        offsets.into_iter().map(|it| (it.partition, it.offset.0)).collect::<BTreeMap<_, _>>()
    };
    let before = committed(client.group_offsets("billing").await.unwrap());
    assert_eq!((before.len(), before.values().sum::<i64>()), (4, 500));
    client.alter_group_offsets("billing", &[("orders", 1, Offset(7))]).await.unwrap();
    client.delete_group_offsets("billing", "orders", &[2]).await.unwrap();
    let after = committed(client.group_offsets("billing").await.unwrap());
    assert_eq!(after, BTreeMap::from([(0, before[&0]), (1, 7), (3, before[&3])]));
    client.delete_group("billing").await.unwrap();
    assert_eq!(client.list_groups().await.unwrap().groups, []);
    seen.lock().unwrap().is_administered = true;
}

fn run(text: &str) -> (RunOutcome, Seen) {
    let seen = Shared::default();
    let [one, two, three] = [0; 3].map(|_| Arc::clone(&seen));
    let run = CoupledRun::new(text, 5)
        .unwrap()
        .client("worker-1", move |client| work(client, Arc::clone(&one)))
        .client("worker-2", move |client| work(client, Arc::clone(&two)))
        .client("office", move |client| administer(client, Arc::clone(&three)));
    let outcome = run.run().unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (outcome, seen)
}

/// The same application as a member of either protocol.
#[test]
fn async_applications_share_a_topic_and_an_office_administers_their_group() {
    let classic = "session.timeout.ms = 6000, heartbeat.interval.ms = 2000";
    let modern = "group.protocol = \"consumer\"";
    for text in [OFFICE.to_owned(), OFFICE.replace(classic, modern)] {
        let (outcome, seen) = run(&text);
        assert_eq!(Failure::of(&outcome), None, "{:?}", outcome.unmet().collect::<Vec<_>>());
        assert!(seen.is_administered);
        assert_eq!(seen.processed.len(), 500, "every record was processed");
        assert!(seen.assigned >= 3 && seen.revoked_or_lost >= 1, "{}", seen.assigned);
        let group = &outcome.figures.groups[0];
        assert_eq!((group.name.as_str(), group.processed), ("billing", 500));
        let again: u32 = seen.processed.values().map(|times| times - 1).sum();
        assert_eq!(group.processed_again(), u64::from(again));
        let verdict = |name: &str| {
            let claim = outcome.claims.iter().find(|claim| claim.property.name() == name);
            claim.unwrap().verdict.outcome.name()
        };
        assert_eq!((verdict("exclusive-ownership"), verdict("commit-durable")), ("holds", "holds"));
        assert_eq!(verdict("processing-order"), "holds");
    }
}

/// A partition that is paused brings nothing, and all that it held back once it is resumed.
#[test]
fn an_application_pauses_partitions_and_resumes_them() {
    let numbers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&numbers);
    let run = CoupledRun::new(OFFICE, 5).unwrap().client("worker-2", move |client| {
        let seen = Arc::clone(&seen);
        async move {
            client.subscribe_pattern("ord.*").await.unwrap();
            let foreign = client.pause("orders", &[0]).await;
            assert!(matches!(foreign, Err(ClientError::NotSent(_))), "it owns nothing yet");
            while !matches!(
                client.poll_event(Duration::from_secs(1)).await.unwrap(),
                PollEvent::Assigned(_)
            ) {}
            client.pause("orders", &[0, 3]).await.unwrap();
            for round in 0..2 {
                for _ in 0..20 {
                    let batches = client.poll(Duration::from_millis(200)).await.unwrap();
                    let numbers = batches.iter().map(|batch| (round, batch.partition));
                    seen.lock().unwrap().extend(numbers);
                    // Nobody waits for it.
                    drop(client.commit_async());
                }
                client.resume("orders", &[0, 3]).await.unwrap();
            }
            client.commit().await.unwrap();
            client.close().await.unwrap();
        }
    });
    let outcome = run.run().unwrap();
    assert_eq!(Failure::of(&outcome), None);
    let numbers = numbers.lock().unwrap();
    let of = |round| -> BTreeSet<i32> {
        numbers.iter().filter(|(of, _)| *of == round).map(|(_, number)| *number).collect()
    };
    assert_eq!(of(0), BTreeSet::from([1, 2]));
    assert_eq!(of(1), BTreeSet::from([0, 1, 2, 3]));
    // What it had processed it never said: nobody calls that a loss.
    assert_eq!(outcome.figures.groups[0].unprocessed(), 0);
}

/// The keys of `[[client]]` that make it a member.
#[test]
fn a_clients_group_is_read_and_its_mistakes_are_told() {
    let mistakes = |change: &str| {
        let changes = [change.to_owned()];
        let read = Scenario::read("office.toml", OFFICE, &changes, &[], &vocabulary());
        read.unwrap_err().to_string()
    };
    let told = mistakes("client.office.static=true");
    assert!(
        told.contains("`static` says something of a member, and there is no `group`"),
        "{told}"
    );
    let told = mistakes("client.office.consumer.session.timeout.ms=1000");
    assert!(told.contains("session.timeout.ms"), "{told}");
    let told = mistakes("client.worker-1.consumer.group.id=other");
    assert!(told.contains("the `group` of a [[client]]"), "{told}");
    let told = mistakes("client.worker-1.auto_commit=1");
    assert!(told.contains("write true or false"), "{told}");
}
