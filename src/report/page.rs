//! A run as one HTML page: the viewer's bytes, and in its middle the run's head and columns.
//!
//! The viewer (`viewer/`, TypeScript) is built ahead and committed as `viewer.html`; it holds one
//! marker. What replaces it are two blocks of data that no browser takes for script: the head as
//! JSON, in which `<` is never written as such, and the columns, gzipped and in base64. The page
//! decodes the columns by the schema that is in them.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value as Json, json};

use crate::event::{ColumnSink, Field, Kind, KindInfo, Shape, Value};
use crate::report::diff::Difference;
use crate::report::explain::without_hashes;
use crate::report::fault_words::{told, told_of_end};
use crate::report::lesson::Lesson;
use crate::report::page_columns::Repacker;
use crate::report::page_ladder::{LogsShown, Part, Rung, heart};
use crate::trace::{ReadError, RunFile};
use crate::types::HostId;

/// The page without a run.
const VIEWER: &str = include_str!("viewer.html");
/// Where the run goes.
const MARKER: &str = "<!--the run-->";
/// The form of the head; the page refuses newer ones.
const VIEW_FORMAT: u32 = 2;

/// What a page shows beside the run itself.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Extras {
    /// The file's name, as the page tells it.
    pub file: String,
    /// How to run it again.
    pub again: String,
    /// What `kafsim explain --format json` prints.
    pub explanations: Vec<Json>,
    /// Notes that step through the run.
    pub lesson: Option<Lesson>,
    /// What of the run is not in the page, in a sentence.
    pub left_out: Option<String>,
    /// Where it has what logs hold, unless that is everywhere.
    pub logs: Option<LogsShown>,
}

/// The page of `file`.
///
/// # Errors
///
/// [`ReadError`] when the columns do not read.
pub fn page(file: &RunFile, extras: &Extras) -> Result<String, ReadError> {
    Ok(framed(&data(file, extras, "", None)?))
}

/// What became of a page that was to fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fitted {
    /// The page.
    Page(String),
    /// Even the least of the run takes too much: so many bytes the whole of it, and the least.
    TooLarge(usize, usize),
}

/// The page of `file`, with `room` bytes for the run: where the whole run takes more, the page
/// leaves out what matters least, and says so.
///
/// # Errors
///
/// [`ReadError`] when the columns do not read.
pub fn page_within(file: &RunFile, extras: &Extras, room: usize) -> Result<Fitted, ReadError> {
    let whole = data(file, extras, "", None)?;
    let size = whole.len();
    if size <= room {
        return Ok(Fitted::Page(framed(&whole)));
    }
    drop(whole);
    let mut least = size;
    let heart = heart(file)?;
    // As much of the time as there is room for, if every second of the run takes the same.
    let share = u64::try_from(room.saturating_mul(1000) / size).unwrap_or(0);
    let wide = [share * 8 / 10, share * 4 / 10].into_iter().filter_map(|share| heart.wide(share));
    let mut rungs: Vec<_> = Rung::ALL.into_iter().map(|rung| (rung, heart.near())).collect();
    rungs.splice(2..2, wide.map(|span| (Rung::Around, span)));
    for (rung, span) in rungs {
        let part = Part::of(file, rung, span)?;
        let text = format!(
            "{}. The whole run would take {} MB: `kafsim view --whole` makes a page of all.",
            part.told,
            megabytes(size)
        );
        let extras = Extras { left_out: Some(text), logs: part.logs, ..extras.clone() };
        let shown = numbered_data(&part.file, &extras, ("", Some(&part.numbers)), None)?;
        least = shown.len();
        if least <= room {
            return Ok(Fitted::Page(framed(&shown)));
        }
    }
    Ok(Fitted::TooLarge(size, least))
}

/// Bytes as people say them.
fn megabytes(bytes: usize) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The page of two runs side by side, and how they differ. A lesson and notes are the first's.
///
/// # Errors
///
/// [`ReadError`] when the columns of one do not read.
pub fn page_of_two(
    runs: [(&RunFile, &Extras); 2],
    difference: &Difference,
) -> Result<String, ReadError> {
    let [(one, its), (other, others)] = runs;
    let difference = serde_json::to_value(difference).expect("plain values are JSON");
    let first = data(one, its, "", Some(difference))?;
    let second = data(other, others, "-2", None)?;
    Ok(framed(&format!("{first}\n{second}")))
}

fn framed(data: &str) -> String {
    let (before, after) = VIEWER.split_once(MARKER).expect("the viewer has a place for a run");
    [before, data, after].concat()
}

/// The two blocks of data of one run; `suffix` tells a second run's from the first's.
fn data(
    file: &RunFile,
    extras: &Extras,
    suffix: &str,
    difference: Option<Json>,
) -> Result<String, ReadError> {
    numbered_data(file, extras, (suffix, None), difference)
}

/// The same, of a run of which some events are left out: `numbers` are those of the others.
fn numbered_data(
    file: &RunFile,
    extras: &Extras,
    (suffix, numbers): (&str, Option<&[u64]>),
    difference: Option<Json>,
) -> Result<String, ReadError> {
    let (vocabulary, occurred, columns) = Vocabulary::of(file, numbers)?;
    let mut head = head(file, extras, (&vocabulary, &occurred), columns.len());
    if let Some(difference) = difference {
        head["difference"] = difference;
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    let packed = gzip.write_all(&columns).and_then(|()| gzip.finish());
    let packed = packed.expect("memory takes all that is written to it");
    Ok(format!(
        "<script type=\"application/json\" id=\"run-head{suffix}\">{}</script>\n\
         <script type=\"text/plain\" id=\"run-columns{suffix}\">{}</script>",
        inert(&head),
        STANDARD.encode(packed)
    ))
}

/// JSON as it may stand within HTML: nothing in it begins or ends an element or a comment.
fn inert(value: &Json) -> String {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out += &format!("\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out
}

/// The verdicts with sentences for people: the hash of a batch tells nobody anything.
fn without_hashes_in(verdicts: &Json) -> Json {
    let mut verdicts = verdicts.clone();
    for verdict in verdicts.as_array_mut().into_iter().flatten() {
        let sentence = verdict.pointer_mut("/verdict/violation/sentence");
        if let Some(Json::String(sentence)) = sentence {
            *sentence = without_hashes(sentence, &[]);
        }
    }
    verdicts
}

fn head(
    file: &RunFile,
    extras: &Extras,
    (vocabulary, occurred): (&Vocabulary, &[&KindInfo]),
    expanded: usize,
) -> Json {
    let header = &file.header;
    let faults = vocabulary.faults.iter().map(|(event, told)| (event.to_string(), json!(told)));
    let faults: Map<_, _> = faults.collect();
    let kinds = occurred.iter().map(|info| (info.name.to_owned(), json!(info.doc)));
    json!({
        "view_format": VIEW_FORMAT,
        "file": extras.file,
        "again": extras.again,
        "title": header.title,
        "scenario": header.scenario,
        "seed": header.seed.to_string(),
        "until_micros": header.until_micros,
        "tool_version": header.tool_version,
        "build_id": header.build_id,
        "setup": header.setup,
        "verdicts": without_hashes_in(&header.verdicts),
        "outcome": header.outcome,
        "fingerprint": header.fingerprint,
        "vocabulary": vocabulary.json(),
        "kinds": kinds.collect::<Map<_, _>>(),
        "faults": faults,
        "expanded": expanded,
        "left_out": extras.left_out,
        "logs": extras.logs,
        "explanations": extras.explanations,
        "lesson": extras.lesson,
        "notes": [],
    })
}

/// What the numbers in the columns stand for: hosts, yes and no, and words.
#[derive(Debug, Default)]
struct Vocabulary {
    /// By kind's number and field's place.
    fields: BTreeMap<(u8, usize), Words>,
    /// What each fault did, by the event that began it, and what is so from its end on, by that.
    faults: BTreeMap<u64, String>,
}

/// What the numbers of one field stand for.
#[derive(Debug)]
enum Words {
    Hosts,
    YesNo,
    Named(BTreeMap<i64, String>),
}

/// Notes the fields of one event.
struct Noted<'a> {
    vocabulary: &'a mut Vocabulary,
    kind: u8,
}

impl ColumnSink for Noted<'_> {
    fn column(&mut self, place: usize, field: &impl Field) {
        let key = (self.kind, place);
        let known = self.vocabulary.fields.get(&key);
        if matches!(known, Some(Words::Hosts | Words::YesNo)) {
            return;
        }
        let word = match field.value() {
            Value::Word(word) => word.to_owned(),
            Value::Text(text) => text.to_string(),
            Value::Bool(_) => {
                self.vocabulary.fields.insert(key, Words::YesNo);
                return;
            }
            Value::Host(_) => {
                self.vocabulary.fields.insert(key, Words::Hosts);
                return;
            }
            Value::List(items) => {
                if matches!(items.first(), Some(Value::Host(_))) {
                    self.vocabulary.fields.insert(key, Words::Hosts);
                }
                return;
            }
            _ => return,
        };
        let Some(number) = number(field) else { return };
        let words = self.vocabulary.fields.entry(key);
        if let Words::Named(words) = words.or_insert(Words::Named(BTreeMap::new())) {
            words.entry(number).or_insert(word);
        }
    }
}

/// The number that stands for a field in its column, if one does.
fn number<F: Field>(field: &F) -> Option<i64> {
    let is_number = |shape: &Shape| matches!(shape, Shape::Unsigned | Shape::Signed);
    let mut words = Vec::new();
    match F::SHAPE {
        shape if is_number(&shape) => field.digest(&mut words),
        Shape::Optional(inner) if is_number(inner) => field.digest(&mut words),
        _ => return None,
    }
    words.last().map(|word| word.cast_signed())
}

impl Vocabulary {
    /// The words of the events of `file`, the kinds that occurred, and the columns of the page.
    fn of(
        file: &RunFile,
        numbers: Option<&[u64]>,
    ) -> Result<(Self, Vec<&'static KindInfo>, Vec<u8>), ReadError> {
        let mut repacker = Repacker::new();
        let mut vocabulary = Self::default();
        let mut occurred = [false; 256];
        let mut ends = BTreeMap::new();
        for event in file.events()? {
            let event = event?;
            repacker.add(&event);
            let kind = &event.kind;
            if let Kind::FaultBegan { fault, verb, hosts, groups, detail } = kind {
                let setup = &file.header.setup;
                let name = |host: &HostId| setup.host_name(Some(*host)).to_owned();
                let hosts: Vec<_> = hosts.iter().map(name).collect();
                ends.insert(*fault, told_of_end(*verb, &hosts, groups, detail.as_str()));
                let told = told(*verb, &hosts, groups, detail.as_str());
                vocabulary.faults.insert(event.index, told);
            }
            if let Kind::FaultEnded { fault, changed } = kind
                && let Some(end) = ends.remove(fault)
            {
                let vain = if *changed == 0 { "; it changed nothing" } else { "" };
                vocabulary.faults.insert(event.index, format!("{end}{vain}"));
            }
            occurred[usize::from(kind.number())] = true;
            let kind_number = kind.number();
            kind.give_columns(&mut Noted { vocabulary: &mut vocabulary, kind: kind_number });
        }
        let kinds = Kind::TABLE.iter().filter(|info| occurred[usize::from(info.number)]);
        let columns = repacker.finish(file.columns(), numbers);
        let columns = columns.ok_or(ReadError::Damaged("its columns do not read"))?;
        Ok((vocabulary, kinds.collect(), columns))
    }

    fn json(&self) -> Json {
        let mut kinds = Map::new();
        for ((number, place), words) in &self.fields {
            let info = Kind::TABLE.iter().find(|info| info.number == *number);
            let Some(info) = info else { continue };
            let Some(field) = info.fields.get(*place) else { continue };
            let words = match words {
                Words::Hosts => json!({ "as": "host" }),
                Words::YesNo => json!({ "as": "bool" }),
                Words::Named(words) => {
                    let words =
                        words.iter().map(|(number, word)| (number.to_string(), json!(word)));
                    json!({ "words": words.collect::<Map<_, _>>() })
                }
            };
            let kind = kinds.entry(info.name).or_insert_with(|| json!({}));
            kind[field.name] = words;
        }
        Json::Object(kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ChainHash, Event, FaultVerb, StepName};
    use crate::report::page_ladder;
    use crate::trace::{Header, HostSetup, Part, Setup, Writer};
    use crate::types::{
        ApiKey, BatchId, BrokerId, ConnectionId, CorrelationId, LeaderEpoch, Moment, Offset,
        PartitionIndex, TopicId, TopicPartition,
    };

    fn run() -> RunFile {
        let evil = "</script><script>alert(1)</script><!--";
        let mut writer = Writer::new();
        let kind = Kind::FaultBegan {
            fault: 0,
            verb: FaultVerb::Crash,
            hosts: vec![HostId(0)],
            groups: Vec::new(),
            detail: evil.into(),
        };
        writer.add(&Event {
            index: 0,
            at: Moment(5),
            host: None,
            step: StepName::default(),
            cause: None,
            about: None,
            kind,
        });
        let host = HostSetup { name: evil.into(), part: Part::Broker(BrokerId(1)) };
        let setup = Setup { hosts: vec![host], ..Setup::default() };
        let header = Header {
            title: evil.into(),
            scenario: evil.into(),
            setup,
            verdicts: json!([]),
            ..Header::default()
        };
        RunFile::read(&writer.finish(&header).to_vec()).expect("what was written reads")
    }

    #[test]
    fn names_cannot_leave_their_block() {
        let page = page(&run(), &Extras::default()).expect("the run reads");
        assert!(!page.contains("<script>alert"), "a title became an element");
        let blocks = page.matches("</script>").count();
        assert_eq!(blocks, VIEWER.matches("</script>").count() + 2);
        assert!(page.contains("\\u003c/script\\u003e"));
    }

    #[test]
    fn two_runs_have_blocks_of_their_own() {
        let run = run();
        let extras = Extras::default();
        let difference = Difference::of([&run, &run]).expect("the run reads");
        let page = page_of_two([(&run, &extras), (&run, &extras)], &difference);
        let page = page.expect("the runs read");
        for id in ["run-head", "run-columns", "run-head-2", "run-columns-2"] {
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
        assert_eq!(page.matches("\"difference\":").count(), 1);
    }

    /// Messages, most of them fetches that bring nothing, two logs that grow, and a few changes.
    fn busy() -> RunFile {
        let mut writer = Writer::new();
        let fetch = |index: u64| Kind::Delivered {
            connection: ConnectionId { opener: HostId(0), number: 0 },
            from: HostId(0),
            api: if index.is_multiple_of(7) { ApiKey::Produce } else { ApiKey::Fetch },
            is_response: index.is_multiple_of(2),
            correlation_id: CorrelationId(i32::try_from(index / 2).unwrap_or(0)),
            // Nothing that gzip makes small.
            bytes: (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as u32,
            sent: Moment(index * 1000),
            fault: None,
        };
        // Two partitions, the one a little later than the other.
        let append = |index: u64| Kind::LogAppended {
            partition: TopicPartition {
                topic_id: TopicId(7),
                partition: PartitionIndex((index % 100 / 60) as i32),
            },
            base_offset: Offset((index / 100) as i64),
            records: 1,
            leader_epoch: LeaderEpoch(i32::from(index > 15_000)),
            batch: BatchId(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            chain: ChainHash(index),
            as_leader: true,
        };
        for index in 0..40_000 {
            let kind = match index % 100 {
                99 => Kind::FaultBit { fault: 0 },
                50 | 60 => append(index),
                _ => fetch(index),
            };
            writer.add(&Event {
                index,
                at: Moment(index * 1000),
                host: Some(HostId(0)),
                step: StepName::default(),
                cause: index.checked_sub(1),
                about: None,
                kind,
            });
        }
        let host = HostSetup { name: "broker-1".into(), part: Part::Broker(BrokerId(1)) };
        let setup = Setup { hosts: vec![host], ..Setup::default() };
        let mut header = Header { setup, ..Header::default() };
        header.fingerprint.events = 40_000;
        header.verdicts = json!([{ "verdict": { "violation": { "evidence": [7, 20_050] } } }]);
        RunFile::read(&writer.finish(&header).to_vec()).expect("it reads")
    }

    #[test]
    fn a_run_that_is_too_large_goes_down_the_ladder_and_says_so() {
        let run = busy();
        let extras = Extras::default();
        let mut size = data(&run, &extras, "", None).expect("it reads").len();
        let whole = size;
        let mut told = Vec::new();
        while let Fitted::Page(page) = page_within(&run, &extras, size - 1).expect("it reads") {
            assert!(page.contains("The whole run would take"), "{told:?}");
            let (_, sentence) = page.split_once(" of 40,000 events: all ").expect("it says so");
            told.push(sentence.split(". ").next().unwrap_or_default().to_owned());
            size = page.len() - VIEWER.len() + MARKER.len();
        }
        assert_eq!(told[0], "but fetches and heartbeats that brought nothing");
        let near = "from 0.050000 to 12.050000 s, around the first violation";
        let elsewhere = "; elsewhere no messages";
        assert_eq!(told[1], format!("{near}{elsewhere}, and not what clients asked and were told"));
        let logs =
            format!("{elsewhere}, not what clients asked and were told, and not what logs hold");
        let [.., last, few] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(*last, format!("{near}{logs}"));
        assert!(few.starts_with(near) && few.ends_with(&logs), "{few}");
        assert!(few.contains(", but the logs of no partition but "), "{few}");
        let none = page_within(&run, &extras, size - 1).expect("it reads");
        assert_eq!(none, Fitted::TooLarge(whole, size));
    }

    /// There is room for more than the shortest window: it is as long as has room.
    #[test]
    fn the_window_grows_with_the_room_that_there_is() {
        let run = busy();
        let heart = heart(&run).expect("it reads");
        let size = |span| {
            let part = page_ladder::Part::of(&run, Rung::Around, span).expect("it reads");
            (part.numbers.len(), part.logs.expect("logs are left out"))
        };
        let (near, shown) = size(heart.near());
        assert!(heart.wide(100).is_none(), "four seconds are less than twelve");
        let (wide, wider) = size(heart.wide(500).expect("half of forty seconds"));
        assert!(wide > near, "{wide} and {near} events");
        assert!(wider.from < shown.from || wider.to > shown.to, "{wider:?} and {shown:?}");
        let all = heart.wide(1000).expect("all of it");
        let (_, whole) = size(all);
        assert!(whole.to >= 39_990, "{whole:?}");
    }

    /// Where a page knows what logs hold, they hold what they held: the last append before it, and
    /// the first of each epoch.
    #[test]
    fn logs_are_known_from_the_window_on() {
        let run = busy();
        let near = heart(&run).expect("it reads").near();
        let appends = |rung: Rung| {
            let part = page_ladder::Part::of(&run, rung, near).expect("it reads");
            let shown = part.logs.expect("logs are left out");
            let events =
                part.file.events().expect("they read").map(|event| event.expect("it reads"));
            let appended = events.filter(|event| matches!(event.kind, Kind::LogAppended { .. }));
            let numbers: Vec<u64> =
                appended.map(|event| part.numbers[event.index as usize]).collect();
            (shown, numbers)
        };
        // Time zero is ten seconds after the world's beginning, and events are a millisecond apart.
        let (shown, numbers) = appends(Rung::Around);
        assert_eq!((shown.from, shown.to, shown.partitions), (10_050, 22_050, None));
        let before: Vec<u64> = numbers.iter().copied().filter(|at| *at < 10_050).collect();
        assert_eq!(before, [50, 60, 9_950, 9_960]);
        assert!(
            (10_050..=22_050)
                .filter(|at| [50, 60].contains(&(at % 100)))
                .all(|at| numbers.contains(&at))
        );
        assert_eq!(numbers.last(), Some(&22_050));
        let (shown, numbers) = appends(Rung::Few);
        assert_eq!(shown.partitions.map(|names| names.len()), Some(1));
        assert!(numbers.iter().all(|at| at % 100 == 50), "of the other partition");
    }

    #[test]
    fn what_is_left_of_a_run_keeps_its_causes_and_its_numbers() {
        let run = busy();
        let near = heart(&run).expect("it reads").near();
        for rung in Rung::ALL {
            let part = page_ladder::Part::of(&run, rung, near).expect("it reads");
            assert!(part.numbers.contains(&99) && part.numbers.is_sorted(), "{rung:?}");
            let mut events = part.file.events().expect("they read");
            for (place, number) in (0_u64..).zip(&part.numbers) {
                let event = events.next().expect("as many").expect("it reads");
                assert_eq!((event.index, event.at), (place, Moment(number * 1000)), "{rung:?}");
                // Each was led to by the one before, or by whatever of that is left.
                assert_eq!(event.cause, place.checked_sub(1), "{rung:?} {number}");
            }
            assert!(events.next().is_none());
        }
    }

    #[test]
    fn a_run_of_another_table_of_events_is_refused() {
        let mut run = run();
        run.header.event_table = "another".into();
        let refused = page(&run, &Extras::default());
        assert!(matches!(refused, Err(ReadError::OtherEvents { .. })), "{refused:?}");
    }

    #[test]
    fn numbers_are_given_their_words() {
        let (vocabulary, kinds, _) = Vocabulary::of(&run(), None).expect("the run reads");
        let json = vocabulary.json();
        assert_eq!(json["fault-began"]["verb"]["words"]["0"], "crash");
        assert_eq!(json["fault-began"]["hosts"]["as"], "host");
        assert_eq!(kinds.len(), 1);
    }

    #[test]
    fn the_viewer_is_small_and_asks_for_nothing() {
        assert!(VIEWER.len() <= 200 * 1024, "the viewer has {} bytes", VIEWER.len());
        assert_eq!(VIEWER.matches(MARKER).count(), 1);
        for word in ["default-src 'none'", "script-src 'sha256-", "style-src 'sha256-"] {
            assert!(VIEWER.contains(word), "{word}");
        }
        assert!(!VIEWER.contains("unsafe-inline"));
    }
}
