//! Faults of disks: that each bites, and what it changes.

use kafsim::event::{CrashKeep, Kind, StartedAs};
use kafsim::types::{BrokerId, ErrorCode};

use crate::watched::{Watched, watch_file, watch_text};

/// A small cluster with one partition, 20 s, and `rest`.
fn cluster(rest: &str) -> Watched {
    watch_text(&format!(
        "version = 1\ntitle = \"t\"\nduration = \"20s\"\n\
         [cluster]\nbrokers = 3\ncontrollers = 3\n\
         config = {{ broker.session.timeout.ms = 3000, replica.lag.time.max.ms = 4000 }}\n\
         [[topic]]\nname = \"orders\"\nconfig = {{ min.insync.replicas = 2 }}\n\
         [[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"50/s\"\n\
         config = {{ request.timeout.ms = 5000, delivery.timeout.ms = 30000 }}\n\
         {rest}"
    ))
}

fn leader(run: &Watched) -> BrokerId {
    run.in_sync().first().and_then(|(.., leader)| *leader).expect("the faulty one led")
}

/// When processes stopped by themselves, and on which host.
fn halts(run: &Watched) -> Vec<(i64, String)> {
    let stopped = run.kinds().filter(|(at, event)| {
        *at >= 0 && matches!(event.kind, Kind::HostStopped { halted: Some(_), .. })
    });
    stopped.map(|(at, event)| (at, run.host(event).to_owned())).collect()
}

/// How long the flushes took that somebody waited for, in microseconds, at most.
fn slowest_flush(run: &Watched, host: &str) -> u64 {
    let done = run.events.iter().filter(|event| {
        matches!(event.kind, Kind::DiskCompleted { .. })
            && run.host(event) == host
            && (5_000..15_000).contains(&(event.at.scenario_micros() / 1000))
    });
    let took = |cause: u64| run.events[usize::try_from(cause).expect("an index")].at;
    done.filter_map(|event| Some(event.at.0 - took(event.cause?).0)).max().expect("some flushes")
}

#[test]
fn a_slow_disk_takes_longer() {
    let fault = "[[fault]]\nat = \"5s\"\nslow_disk = { host = \"broker-1\", factor = 100 }\n\
                 for = \"10s\"\n";
    let mut slow = cluster(fault);
    slow.assert_clean();
    assert!(slowest_flush(&slow, "broker-1") > 20_000);
    assert!(slowest_flush(&slow, "broker-2") <= 20_000);
}

/// What the power loss at 15 s left of the log of orders-0, and what there had been.
fn power_loss(config: &str) -> (i64, i64) {
    let run = watch_text(&format!(
        "version = 1\ntitle = \"t\"\nduration = \"20s\"\n[cluster]\nbrokers = 1\ncontrollers = 1\n\
         config = {{ log.initial.task.delay.ms = 0{config} }}\n\
         [[topic]]\nname = \"orders\"\nreplication_factor = 1\nconfig = {{ flush.ms = 1000 }}\n\
         [[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"50/s\"\n\
         [[fault]]\nat = \"15s\"\ncrash = {{ host = \"broker-1\", keep = \"synced\" }}\nfor = \"1s\"\n"
    ));
    let mut ends = run.kinds().filter_map(|(_, event)| match event.kind {
        Kind::DurableEnd { log_end_offset, durable_end, .. } if run.host(event) == "broker-1" => {
            Some((durable_end.0, log_end_offset.0))
        }
        _ => None,
    });
    ends.find(|(_, end)| *end > 500).expect("the log of orders-0 is cut")
}

#[test]
fn flush_ms_works_as_often_as_the_broker_looks() {
    let (durable, end) = power_loss(", log.flush.scheduler.interval.ms = 500");
    assert!(durable >= end - 100 && durable < end, "{durable} of {end}: two seconds at most");
    let (durable, end) = power_loss("");
    assert!(durable < end - 100, "{durable} of {end}: by default nobody looks");
}

#[test]
fn a_disk_has_its_own_flush_time_and_bandwidth() {
    let flush = "flush = { p50 = \"30ms\", p99 = \"40ms\", max = \"50ms\" }";
    let mut run = cluster(&format!("[[broker]]\nid = 2\ndisk = {{ {flush} }}\n"));
    run.assert_clean();
    assert!(slowest_flush(&run, "broker-2") > 20_000);
    assert!(slowest_flush(&run, "broker-1") <= 20_000);
}

#[test]
fn a_broker_whose_disk_hangs_heartbeats_leads_and_answers_nobody() {
    let mut run = watch_file("scenarios/operations/hung_disk.toml", &[], 0);
    run.assert_clean();
    let hung = 8_000..33_000;
    let fenced = run.kinds().any(|(at, event)| {
        hung.contains(&at) && matches!(event.kind, Kind::RegistrationCommitted { fenced: true, .. })
    });
    assert!(!fenced, "its heartbeats need no disk");
    let sick = leader(&run);
    let while_hung: Vec<_> =
        run.in_sync().into_iter().filter(|(at, ..)| hung.contains(at)).collect();
    assert!(while_hung.iter().all(|(.., leader)| *leader == Some(sick)), "{while_hung:?}");
    let (at, alone, _) = while_hung.last().expect("the in-sync set shrinks");
    assert_eq!(alone.iter().collect::<Vec<_>>(), [sick]);
    assert!((14_000..18_000).contains(at), "{at}");
    // A broker serves one request of a connection at a time: every handler has one soon.
    let answered = |from, to| {
        let times =
            run.times(|kind| matches!(kind, Kind::ProduceAnswered { error: ErrorCode::None, .. }));
        times.iter().filter(|at| (from..to).contains(*at)).count()
    };
    assert_eq!(answered(8_500, 33_000), 0, "nobody is answered");
    assert!(answered(0, 8_000) > 100 && answered(33_000, 45_000) > 50);
    let stalled = run.times(|kind| matches!(kind, Kind::DiskStalled { blocking: true, .. }));
    assert!(stalled.len() >= 4, "all handlers wait: {stalled:?}");
}

#[test]
fn appends_do_not_wait_for_a_disk_that_hangs() {
    let fault = "[[fault]]\nat = \"5s\"\nhang_disk = { host = \"leader of orders-0\" }\n\
                 for = \"10s\"\n";
    let mut run = cluster(fault);
    run.assert_clean();
    let answered =
        run.times(|kind| matches!(kind, Kind::ProduceAnswered { error: ErrorCode::None, .. }));
    let meanwhile = answered.iter().filter(|at| (5_000..15_000).contains(*at)).count();
    assert!(meanwhile > 400, "the page cache takes them: {meanwhile}");
    assert!(!run.times(|kind| matches!(kind, Kind::DiskStalled { .. })).is_empty());
}

#[test]
fn a_process_does_not_start_on_a_disk_that_hangs() {
    let faults = "[[fault]]\nat = \"5s\"\nhang_disk = { host = \"broker-1\" }\nfor = \"8s\"\n\
                  [[fault]]\nat = \"6s\"\ncrash = { host = \"broker-1\" }\nfor = \"2s\"\n";
    let mut run = cluster(faults);
    run.assert_clean();
    let started =
        run.times(|kind| matches!(kind, Kind::HostStarted { after: StartedAs::AfterCrash, .. }));
    assert_eq!(started, [13_000]);
}

#[test]
fn a_broker_whose_disk_is_full_halts_and_returns_when_there_is_room() {
    let mut run = watch_file("scenarios/operations/disk_full.toml", &[], 0);
    run.assert_clean();
    let halts = halts(&run);
    let (at, host) = &halts[0];
    assert!((6_000..6_200).contains(at), "{halts:?}");
    let failed = run.times(|kind| matches!(kind, Kind::StorageFailed { .. }));
    assert_eq!(*at - failed[0], 10, "{failed:?}");
    let started = run.kinds().find(|(_, event)| {
        matches!(event.kind, Kind::HostStarted { after: StartedAs::AfterCrash, .. })
    });
    let (at, event) = started.expect("it starts again");
    assert_eq!((at, run.host(event)), (18_000, host.as_str()));
    let refused = run.times(|kind| {
        matches!(kind, Kind::ProduceAnswered { error: ErrorCode::KafkaStorageError, .. })
    });
    assert!(!refused.is_empty(), "producers are told");
}

#[test]
fn a_disk_that_reaches_its_capacity_is_full() {
    let mut run = cluster("[[broker]]\nid = 1\ndisk = { capacity = \"50kB\" }\n");
    run.assert_clean();
    let halts = halts(&run);
    assert!(halts.len() == 1 && halts[0].1 == "broker-1", "{halts:?}");
    assert!((1_000..20_000).contains(&halts[0].0), "{halts:?}");
}

#[test]
fn what_fails_decides_when_a_broker_halts() {
    let fault = |operations: &str| {
        format!(
            "[[fault]]\nat = \"5s\"\n\
             fail_disk = {{ host = \"broker-1\", operations = \"{operations}\" }}\nfor = \"6s\"\n"
        )
    };
    for operations in ["writes", "flushes", "all"] {
        let mut run = cluster(&fault(operations));
        run.assert_clean();
        let halts = halts(&run);
        assert!((5_000..10_100).contains(&halts[0].0), "{operations}: {halts:?}");
        assert_eq!(halts[0].1, "broker-1");
    }
    // A running process reads its page cache.
    let crash = "[[fault]]\nat = \"6s\"\ncrash = { host = \"broker-1\" }\nfor = \"2s\"\n";
    let mut run = cluster(&format!("{}{crash}", fault("reads")));
    run.assert_clean();
    assert_eq!(halts(&run), [(8_000, "broker-1".to_owned())]);
    let started =
        run.times(|kind| matches!(kind, Kind::HostStarted { after: StartedAs::AfterCrash, .. }));
    assert_eq!(started, [8_000, 11_000]);
}

#[test]
fn a_controller_whose_disk_fails_halts() {
    let fault = "[[fault]]\nat = \"5s\"\nfail_disk = { host = \"active controller\", \
                 operations = \"writes\" }\nfor = \"6s\"\n";
    let mut run = cluster(fault);
    run.assert_clean();
    let halts = halts(&run);
    assert!(halts.len() == 1 && halts[0].1.starts_with("controller-"), "{halts:?}");
    assert!((5_000..6_000).contains(&halts[0].0), "{halts:?}");
}

#[test]
fn a_replaced_disk_is_empty_and_its_broker_counts_for_nothing_before_it_has_caught_up() {
    let mut run = watch_file("scenarios/operations/replaced_disk.toml", &[], 0);
    run.assert_clean();
    let stopped = Kind::HostStopped { keep: CrashKeep::Nothing, halted: None, in_order: false };
    assert_eq!(run.times(|kind| *kind == stopped), [8_000]);
    let lost = run.kinds().find(|(_, event)| matches!(event.kind, Kind::DiskReplaced {}));
    let (at, replaced) = lost.expect("the disk is lost");
    let first_append = run.kinds().find(|(when, event)| {
        *when > at
            && event.host == replaced.host
            && matches!(event.kind, Kind::LogAppended { as_leader: false, leader_epoch, .. }
                if leader_epoch.0 >= 0 && matches!(event.kind, Kind::LogAppended { base_offset, .. }
                    if base_offset.0 == 0))
    });
    assert!(first_append.is_some(), "it copies from the beginning");
    let registered = run
        .kinds()
        .find(|(when, event)| *when > at && matches!(event.kind, Kind::BrokerRegistered { .. }));
    let (_, event) = registered.expect("it registers");
    assert!(matches!(event.kind, Kind::BrokerRegistered { clean: false, .. }));
}
