//! Faults of clocks: that each bites, and what it changes.

use kafsim::event::{Kind, OperationResult, QuorumRole};
use kafsim::types::ErrorCode;

use crate::watched::{Watched, watch_file, watch_text};

/// A small cluster with one partition, 20 s, and `rest`.
fn cluster(rest: &str) -> Watched {
    watch_text(&format!(
        "version = 1\ntitle = \"t\"\nduration = \"20s\"\n\
         [cluster]\nbrokers = 3\ncontrollers = 3\n\
         [[topic]]\nname = \"orders\"\nconfig = {{ min.insync.replicas = 2 }}\n\
         {rest}"
    ))
}

const PRODUCER: &str = "[[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"50/s\"\n";

fn clocks_set(run: &Watched) -> Vec<(i64, String, i64, i64)> {
    let set = run.kinds().filter_map(|(at, event)| match event.kind {
        Kind::ClockSet { by, drift } => Some((at, run.host(event).to_owned(), by, drift)),
        _ => None,
    });
    set.collect()
}

#[test]
fn a_jump_with_an_end_jumps_back() {
    let mut run = cluster(&format!(
        "{PRODUCER}[[fault]]\nat = \"5s\"\njump_clock = {{ host = \"broker-1\", by = \"7s\" }}\n\
         for = \"2s\"\n[[fault]]\nat = \"6s\"\n\
         jump_clock = {{ host = \"broker-2\", by = \"-1500ms\" }}\n"
    ));
    run.assert_clean();
    let name = |broker: u32| format!("broker-{broker}");
    let expected = [
        (5_000, name(1), 7_000_000, 0),
        (6_000, name(2), -1_500_000, 0),
        (7_000, name(1), -7_000_000, 0),
    ];
    assert_eq!(clocks_set(&run), expected);
}

#[test]
fn drifts_add_up_and_end() {
    let mut run = cluster(&format!(
        "{PRODUCER}[[broker]]\nid = 1\nclock = {{ drift = \"100ppm\" }}\n\
         [[fault]]\nat = \"5s\"\ndrift_clock = {{ host = \"broker-1\", by = \"1%\" }}\n\
         for = \"4s\"\n[[fault]]\nat = \"6s\"\n\
         drift_clock = {{ host = \"broker-1\", by = \"-200ppm\" }}\nfor = \"5s\"\n"
    ));
    run.assert_clean();
    let drifts: Vec<_> = clocks_set(&run).into_iter().map(|(at, _, _, ppm)| (at, ppm)).collect();
    assert_eq!(drifts, [(5_000, 10_100), (6_000, 9_900), (9_000, -100), (11_000, 100)]);
}

/// A producer that runs ten per cent fast sends ten per cent more: it counts by its own clock.
#[test]
fn a_clock_that_drifts_makes_its_host_fast() {
    let sends = |clock: &str| {
        let mut run = cluster(&format!("{PRODUCER}{clock}"));
        run.assert_clean();
        run.times(|kind| matches!(kind, Kind::OperationInvoked { .. })).len()
    };
    let (exact, fast) = (sends(""), sends("clock = { drift = \"10%\" }\n"));
    assert!((95..105).contains(&(fast - exact)), "{exact} {fast}");
}

#[test]
fn the_leaders_clock_shrinks_the_in_sync_set_and_fences_nobody() {
    let path = "scenarios/replication/clock_jump_shrinks_isr.toml";
    for seed in 0..3 {
        let mut run = watch_file(path, &[], seed);
        run.assert_clean();
        let sets = run.in_sync();
        let shrunk = sets.iter().find(|(_, set, _)| set.len() < 3);
        let (when, ..) = shrunk.unwrap_or_else(|| panic!("nobody counts as lagging: {sets:?}"));
        assert!((11_000..14_500).contains(when), "{sets:?}");
        let fenced = run.times(|kind| {
            matches!(kind, Kind::RegistrationCommitted { fenced: true, is_new: false, .. })
        });
        assert!(fenced.iter().all(|when| *when < 0), "sessions go by the steady clock: {fenced:?}");
    }
    let text = std::fs::read_to_string(path).expect("the scenario is there");
    let mut quiet = watch_text(&text.replace("by = \"10s\"", "by = \"100ms\""));
    quiet.assert_clean();
    assert!(quiet.in_sync().iter().all(|(_, set, _)| set.len() == 3), "so little is nothing");
}

#[test]
fn the_active_controllers_clock_makes_it_resign() {
    let path = "scenarios/controller/clock_jump.toml";
    let mut run = watch_file(path, &[], 0);
    run.assert_clean();
    let resigned =
        run.times(|kind| matches!(kind, Kind::QuorumRoleTaken { role: QuorumRole::Resigned, .. }));
    let near =
        |at: &i64| [6_000, 12_000, 18_000].iter().any(|jump| (0..1_000).contains(&(at - jump)));
    assert!(!resigned.is_empty() && resigned.iter().all(near), "{resigned:?}");
}

#[test]
fn a_producers_clock_expires_what_it_holds() {
    let mut run = watch_file("scenarios/clients/producer_clock_jump.toml", &[], 0);
    run.assert_clean();
    let failed = run.kinds().filter_map(|(at, event)| match event.kind {
        Kind::BatchDone { result, error, .. } if result != OperationResult::Ok => {
            Some((at, result, error))
        }
        _ => None,
    });
    let failed: Vec<_> = failed.collect();
    assert!(!failed.is_empty());
    for (at, _, error) in &failed {
        assert!((8_000..8_100).contains(at), "{failed:?}");
        assert_eq!(*error, ErrorCode::RequestTimedOut, "{failed:?}");
    }
}

/// Nobody is woken by a clock that is set: what sleeps learns of it when it wakes.
#[test]
fn timers_by_the_wall_clock_stand_still_while_it_is_behind() {
    let mut run = cluster(&format!(
        "{PRODUCER}[[fault]]\nat = \"5s\"\n\
         jump_clock = {{ host = \"every controller\", by = \"-4s\" }}\n\
         [[fault]]\nat = \"6s\"\ncrash = {{ host = \"active controller\" }}\n"
    ));
    run.assert_clean();
    let stands = run
        .times(|kind| matches!(kind, Kind::QuorumRoleTaken { role: QuorumRole::Prospective, .. }));
    let first = stands.iter().find(|at| **at >= 6_000).expect("somebody stands at last");
    // Two seconds without an answer, and four for the clocks to come round.
    assert!((8_000..13_000).contains(first), "{stands:?}");
}
