//! Applications written with `async` beside the simulated cluster.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafsim::explore::{CoupledRun, Failure, Judgement, RunOptions, run_once, vocabulary};
use kafsim::runtime::{ClientError, Coupled};
use kafsim::scenario::Scenario;
use kafsim::sim::{AdminCall, AdminReply, ConfigResource, Options, Progress, SeekTo, World};
use kafsim::types::ErrorCode;

use crate::scenarios;

const SHOP: &str = r#"
version = 1
title = "a shop of ours, killed and restarted"
about = "An application writes, another reads; a fault kills the writer."
duration = "20s"

[cluster]
brokers = 3
controllers = 3

[[topic]]
name = "orders"
partitions = 2
replication_factor = 3
config = { min.insync.replicas = 2 }

[[client]]
name = "shop"

[[client]]
name = "audit"

[[fault]]
at = "6s"
crash = { host = "shop", keep = "page-cache" }
for = "3s"

[[fault]]
at = "10s"
crash = { host = "leader of orders-0", keep = "page-cache" }
for = "5s"
"#;

#[derive(Default)]
struct Seen {
    /// Each start of the shop, in orders acknowledged.
    starts: Vec<u64>,
    acknowledged: Vec<String>,
    read: BTreeMap<String, u32>,
}

type Shared = Arc<Mutex<Seen>>;

fn run_shop(seed: u64, executor_seed: u64) -> (World, Seen) {
    let scenario = Scenario::read("shop.toml", SHOP, &[], &[], &vocabulary()).unwrap();
    let world = World::new(&scenario.plan, seed, Options::default());
    let seen = Shared::default();
    let (shop, audit) = (Arc::clone(&seen), Arc::clone(&seen));
    let world = Coupled::new(world, executor_seed)
        .client("shop", move |client| {
            let seen = Arc::clone(&shop);
            async move {
                let start = {
                    let mut seen = seen.lock().unwrap();
                    seen.starts.push(0);
                    seen.starts.len()
                };
                for order in 0.. {
                    let name = format!("start {start} order {order}");
                    match client.send("orders", Some(b"customer"), name.as_bytes()).await {
                        Ok(_) => {
                            let mut seen = seen.lock().unwrap();
                            *seen.starts.last_mut().unwrap() += 1;
                            seen.acknowledged.push(name);
                        }
                        Err(ClientError::Closed) => return,
                        Err(error) => panic!("{error}"),
                    }
                    madsim::time::sleep(Duration::from_millis(50)).await;
                }
            }
        })
        .client("audit", move |client| {
            let seen = Arc::clone(&audit);
            async move {
                client.assign("orders", &[0, 1], SeekTo::Beginning).await.unwrap();
                loop {
                    for batch in client.poll(Duration::from_millis(500)).await.unwrap() {
                        for record in batch.records {
                            let text = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                            *seen.lock().unwrap().read.entry(text).or_default() += 1;
                        }
                    }
                }
            }
        })
        .run(&mut ())
        .unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (world, seen)
}

#[test]
fn an_async_application_is_killed_and_restarted_and_loses_nothing() {
    let (mut world, seen) = run_shop(7, 7);
    assert_eq!(world.progress(), Progress::Finished, "{:?}", world.amiss());
    assert_eq!(seen.starts.len(), 2, "it was started again");
    assert!(seen.starts.iter().all(|orders| *orders > 50), "{:?}", seen.starts);
    for order in &seen.acknowledged {
        assert_eq!(seen.read.get(order), Some(&1), "{order}");
    }
    let broken: Vec<_> = world
        .verdicts()
        .into_iter()
        .filter(|verdict| verdict.outcome.violation().is_some())
        .map(|verdict| verdict.to_string())
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn a_coupled_run_is_a_function_of_its_seed() {
    let (first, second) = (run_shop(7, 7).0, run_shop(7, 7).0);
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert_ne!(first.fingerprint(), run_shop(8, 7).0.fingerprint());
}

#[test]
fn without_async_applications_the_coupled_driver_runs_as_the_free_one() {
    let scenario = scenarios::scenario("scenarios/sweep/three.toml", &["duration=12s"], &[]);
    for seed in 0..2 {
        let world = World::new(&scenario.plan, seed, Options::default());
        let coupled = Coupled::new(world, 1).run(&mut ()).unwrap();
        let free = run_once(&scenario, seed, &RunOptions::default());
        assert_eq!(coupled.fingerprint(), free.outcome.fingerprint, "seed {seed}");
    }
}

#[test]
fn a_coupled_run_is_judged_as_any_other() {
    let scenario = scenarios::scenario("scenarios/sweep/three.toml", &["duration=12s"], &[]);
    let coupled = CoupledRun::of(scenario.clone(), 3).run().unwrap();
    assert_eq!(coupled, run_once(&scenario, 3, &RunOptions::default()).outcome);

    // With an application that works, and a claim that it falsifies.
    let claim = "[[claim]]\nproperty = \"lost-write\"\nexpect = \"violated\"\n";
    let run = |text: &str| {
        let shop = CoupledRun::new(text, 7).unwrap().client("shop", |client| async move {
            while client.send("orders", None, b"an order").await.is_ok() {
                madsim::time::sleep(Duration::from_millis(50)).await;
            }
        });
        shop.run().unwrap()
    };
    let outcome = run(SHOP);
    assert_eq!(Failure::of(&outcome), None);
    assert!(outcome.figures.acked > 100 && outcome.faults.bit == 2, "{outcome:?}");
    assert!(outcome.story.iter().any(|moment| moment.text.contains("crash of shop")));
    let outcome = run(&format!("{SHOP}\n{claim}"));
    assert_eq!(outcome.judgement(), Judgement::Unexpected);
}

#[test]
fn an_application_without_its_client_is_told_so() {
    let run = CoupledRun::new(SHOP, 7).unwrap().client("shpo", |_| async {});
    let error = run.run().unwrap_err().to_string();
    assert!(error.contains("the scenario has no [[client]] `shpo`"), "{error}");
    assert!(CoupledRun::new("version = 2", 7).unwrap_err().to_string().contains("newer kafsim"));
}

const OFFICE: &str = r#"
version = 1
title = "an application that administers, and one that reads what a built-in producer writes"
duration = "10s"

[cluster]
brokers = 3
controllers = 1

[[topic]]
name = "orders"

[[producer]]
name = "checkout"
topic = "orders"
rate = "20/s"
keys = { uniform = 5 }
value = "json"
headers = { source = "web" }

[[client]]
name = "office"

[[client]]
name = "audit"
"#;

/// All that an application may ask of its admin client, and records with contents.
#[test]
fn an_application_administers_and_reads_what_is_in_records() {
    let scenario = Scenario::read("office.toml", OFFICE, &[], &[], &vocabulary()).unwrap();
    let world = World::new(&scenario.plan, 3, Options::default());
    let values = Arc::new(Mutex::new(Vec::new()));
    let (seen, told) = (Arc::clone(&values), Arc::new(Mutex::new(Vec::new())));
    let answers = Arc::clone(&told);
    let world = Coupled::new(world, 3)
        .client("office", move |client| {
            let answers = Arc::clone(&answers);
            async move {
                let resource = || ConfigResource::Topic("orders".into());
                let calls = [
                    AdminCall::DescribeCluster,
                    AdminCall::DescribeConfigs { resource: resource() },
                    AdminCall::ListTopics,
                    AdminCall::DescribeTopic { name: "nowhere".into() },
                ];
                for call in calls {
                    let answer = client.admin(call).await;
                    answers.lock().unwrap().push(answer);
                }
            }
        })
        .client("audit", move |client| {
            let seen = Arc::clone(&seen);
            async move {
                client.assign("orders", &[0], SeekTo::Timestamp(0)).await.unwrap();
                client.seek("orders", 0, SeekTo::Beginning).await.unwrap();
                let nowhere = client.seek("orders", 7, SeekTo::End).await;
                assert!(matches!(nowhere, Err(ClientError::NotSent(_))));
                loop {
                    for batch in client.poll(Duration::from_millis(500)).await.unwrap() {
                        seen.lock().unwrap().extend(batch.records);
                    }
                }
            }
        })
        .run(&mut ())
        .unwrap();
    assert_eq!(world.progress(), Progress::Finished, "{:?}", world.amiss());
    let told = told.lock().unwrap();
    let Ok(AdminReply::Cluster(cluster)) = &told[0] else { panic!("{:?}", told[0]) };
    assert_eq!(cluster.brokers.len(), 3);
    let Ok(AdminReply::Configs(entries)) = &told[1] else { panic!("{:?}", told[1]) };
    assert!(entries.iter().any(|entry| entry.name.as_str() == "segment.bytes"));
    assert_eq!(told[2], Ok(AdminReply::Topics(vec![("orders".into(), 1)])));
    assert_eq!(told[3], Err(ClientError::Refused(ErrorCode::UnknownTopicOrPartition)));
    let records = values.lock().unwrap();
    assert!(records.len() > 100);
    let first = &records[0];
    let text = String::from_utf8(first.value.clone().unwrap().to_vec()).unwrap();
    assert!(text.contains("\"producer\":\"checkout\"") && text.contains("\"n\":0"), "{text}");
    assert_eq!(first.headers[0].name, "source");
}
