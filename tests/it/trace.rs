//! The run file: what is written reads back, what is broken is refused, what is hashed is pinned.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use kafsim::event::{Event, Kind, Reader, Shape, StepName};
use kafsim::trace::{
    Digest, Fingerprint, Header, HostSetup, Part, ReadError, RunFile, Setup, Writer,
    first_divergence,
};
use kafsim::types::{BrokerId, HostId, Moment, Rng};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Some bytes that a field of `shape` may have; values are small so that most of them decode.
fn bytes_of(shape: Shape, rng: &mut Rng, out: &mut Vec<u8>) {
    match shape {
        Shape::Unsigned | Shape::Signed => {
            // One byte in three is a longer varint.
            if rng.chance(1, 3) {
                out.push(0x80 | rng.below(128) as u8);
            }
            out.push(rng.below(if out.len().is_multiple_of(2) { 3 } else { 100 }) as u8);
        }
        Shape::Fixed64 => out.extend_from_slice(&rng.bits().to_be_bytes()),
        Shape::Optional(inner) => {
            let some = rng.below(2);
            out.push(some as u8);
            if some == 1 {
                bytes_of(*inner, rng, out);
            }
        }
        Shape::List(inner) => {
            let count = rng.below(4);
            out.push(count as u8);
            (0..count).for_each(|_| bytes_of(*inner, rng, out));
        }
        Shape::Text => out.extend_from_slice(b"\x06orders"),
        Shape::Tuple(parts) => parts.iter().for_each(|part| bytes_of(*part, rng, out)),
    }
}

/// A trace of about `count` events of all kinds, each as likely as another.
fn trace(seed: u64, count: u64) -> Vec<Event> {
    let mut rng = Rng::named(seed, "trace-test", &[]);
    let mut events: Vec<Event> = Vec::new();
    let mut at = 0;
    while (events.len() as u64) < count {
        let info = rng.choose(Kind::TABLE).unwrap();
        let mut bytes = Vec::new();
        info.fields.iter().for_each(|field| bytes_of(field.shape, &mut rng, &mut bytes));
        let Some(kind) = Kind::decode(info.number, &mut Reader(&bytes)) else {
            continue;
        };
        let index = events.len() as u64;
        let repeats = index > 0 && rng.chance(1, 2);
        let step = match events.last() {
            Some(last) if repeats => last.step,
            _ => StepName { lane: rng.below(5).wrapping_mul(u64::MAX / 7), n: rng.below(900) },
        };
        at += rng.below(3) * rng.below(70_000);
        let before = |rng: &mut Rng| rng.chance(2, 3).then(|| rng.below(index.max(1)));
        let (cause, about) = match index {
            0 => (None, None),
            _ => (before(&mut rng), before(&mut rng)),
        };
        let host = rng.chance(9, 10).then(|| HostId(rng.below(3) as u16));
        events.push(Event { index, at: Moment(at), host, step, cause, about, kind });
    }
    events
}

fn header() -> Header {
    let host = HostSetup { name: "broker-1".into(), part: Part::Broker(BrokerId(1)) };
    Header {
        until_micros: None,
        tool_version: "0.1.0".to_owned(),
        scenario: "version = 1\n".to_owned(),
        seed: u64::MAX,
        setup: Setup { hosts: vec![host], ..Setup::default() },
        ..Header::default()
    }
}

fn write(events: &[Event]) -> Vec<u8> {
    let mut writer = Writer::new();
    events.iter().for_each(|event| writer.add_digested(event));
    let fingerprint = writer.fingerprint();
    writer.finish(&Header { fingerprint, ..header() }).to_vec()
}

fn read(file: &[u8]) -> Result<Vec<Event>, ReadError> {
    RunFile::read(file)?.events()?.collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_reads_back(seed in any::<u64>(), count in 0_u64..300) {
        let events = trace(seed, count);
        let file = write(&events);
        prop_assert_eq!(first_divergence(read(&file).unwrap(), events.clone()), None);
        let mut digest = Digest::default();
        events.iter().for_each(|event| digest.add(event));
        prop_assert_eq!(RunFile::read(&file).unwrap().header.fingerprint, digest.fingerprint());
    }
}

#[test]
fn the_header_reads_back() {
    let file = RunFile::read(&write(&trace(1, 5))).unwrap();
    assert_eq!(file.header.seed, u64::MAX);
    assert_eq!(file.header.setup, header().setup);
    let text = file.header.fingerprint.to_string();
    assert_eq!(text.parse::<Fingerprint>().unwrap(), file.header.fingerprint);
}

#[test]
fn a_cut_a_changed_and_a_newer_file_are_refused_each_with_its_sentence() {
    let file = write(&trace(2, 50));
    for length in 1..file.len() {
        let error = RunFile::read(&file[..length]).unwrap_err();
        assert_eq!(error, ReadError::Cut { bytes: length });
    }
    let mut changed = file.clone();
    changed[40] ^= 1;
    assert_eq!(RunFile::read(&changed), Err(ReadError::Changed));
    let longer = [file.as_slice(), b"x"].concat();
    assert_eq!(RunFile::read(&longer), Err(ReadError::Changed));
    let mut newer = file.clone();
    newer[16] = 9;
    assert_eq!(RunFile::read(&newer), Err(ReadError::Newer { found: 9 }));
    let mut older = file.clone();
    older[16] = 1;
    assert_eq!(RunFile::read(&older), Err(ReadError::Older { found: 1 }));
    assert_eq!(RunFile::read(b"PK\x03\x04"), Err(ReadError::NotARunFile));
    assert_eq!(RunFile::read(b""), Err(ReadError::NotARunFile));
}

/// A file whose checksum was made to match: only an ill will writes one.
fn forged(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - 8;
    let checksum = xxhash_rust::xxh3::xxh3_64(&file[..end]);
    file[end..].copy_from_slice(&checksum.to_le_bytes());
    file
}

#[test]
fn a_thousand_mutated_files_neither_panic_nor_fill_the_memory() {
    let file = write(&trace(3, 120));
    let mut rng = Rng::named(3, "mutate", &[]);
    let mut refused = 0;
    for _ in 0..1000 {
        let mut broken = file.clone();
        for _ in 0..rng.between(1, 4) {
            let at = usize::try_from(rng.below(broken.len() as u64 - 8)).unwrap();
            broken[at] = rng.bits() as u8;
        }
        if rng.chance(1, 5) {
            let at = usize::try_from(rng.between(20, broken.len() as u64 - 9)).unwrap();
            broken.remove(at);
        }
        refused += u64::from(read(&forged(broken)).is_err());
    }
    assert!(refused > 800, "only {refused} of 1000 broken files were refused");
}

/// Columns that were broken before they were compressed: gzip's own checksum does not help here.
#[test]
fn broken_columns_are_refused_or_read_without_a_panic() {
    use std::io::Write;
    let file = write(&trace(4, 120));
    let columns = RunFile::read(&file).unwrap().columns().to_vec();
    let header_bytes = u32::from_le_bytes(file[20..24].try_into().unwrap());
    let begin = 24 + usize::try_from(header_bytes).unwrap();
    let mut rng = Rng::named(4, "mutate", &[]);
    for _ in 0..1000 {
        let mut broken = columns.clone();
        for _ in 0..rng.between(1, 6) {
            let at = usize::try_from(rng.below(broken.len() as u64)).unwrap();
            broken[at] = rng.bits() as u8;
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&broken).unwrap();
        let compressed = gzip.finish().unwrap();
        let mut out = file[..begin].to_vec();
        out.extend_from_slice(&(broken.len() as u64).to_le_bytes());
        out.extend_from_slice(&(compressed.len() as u64).to_le_bytes());
        out.extend_from_slice(&compressed);
        out.extend_from_slice(&[0; 8]);
        let _ = read(&forged(out));
    }
}

#[test]
fn the_digest_is_pinned() {
    // Moved by a change of the event table or of canonical words only; say so in the commit.
    let mut digest = Digest::default();
    let event = Event {
        index: 0,
        at: Moment(1_000_000),
        host: Some(HostId(2)),
        step: StepName { lane: 7, n: 3 },
        cause: Some(5),
        about: None,
        kind: Kind::FaultBit { fault: 300 },
    };
    (0..2000).for_each(|_| digest.add(&event));
    assert_eq!(digest.fingerprint().to_string(), "2000-21f04dd1e886f4fa2f9b6079528cb8d4");
}
