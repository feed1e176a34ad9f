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
use crate::report::fault_words::told;
use crate::report::lesson::Lesson;
use crate::report::page_columns::Repacker;
use crate::trace::{Header, ReadError, RunFile, Writer, seconds};
use crate::types::{HostId, Moment};

/// The page without a run.
const VIEWER: &str = include_str!("viewer.html");
/// Where the run goes.
const MARKER: &str = "<!--the run-->";
/// The form of the head; the page refuses newer ones.
const VIEW_FORMAT: u32 = 1;

/// So many events after the proof of a violation are in a page that holds a run's beginning.
const PROOF_MARGIN: u64 = 50_000;

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
}

/// The page of `file`.
///
/// # Errors
///
/// [`ReadError`] when the columns do not read.
pub fn page(file: &RunFile, extras: &Extras) -> Result<String, ReadError> {
    Ok(framed(&data(file, extras, "", None)?))
}

/// The page of `file`, with `room` bytes for the run: where the whole run takes more, the page
/// holds its beginning, up to what proves the first violation at least, and says so.
///
/// # Errors
///
/// [`ReadError`] when the columns do not read.
pub fn page_within(file: &RunFile, extras: &Extras, room: usize) -> Result<String, ReadError> {
    let whole = data(file, extras, "", None)?;
    let (all, size) = (file.header.fingerprint.events, whole.len());
    if size <= room {
        return Ok(framed(&whole));
    }
    drop(whole);
    // Bytes are spread evenly enough over a run, and what remains to be missed is little.
    let part = all.saturating_mul(room as u64) / (size as u64).max(1);
    let least = first_proof(&file.header).map_or(0, |event| event.saturating_add(PROOF_MARGIN));
    let kept = (part - part / 20).max(least).min(all);
    let (begun, end) = beginning(file, kept)?;
    let bytes = size / 100_000;
    let text = format!(
        "The first {kept} of {all} events, up to {end} s: the whole run would take {}.{} MB. \
         `kafsim view --whole` makes a page of all.",
        bytes / 10,
        bytes % 10
    );
    let extras = Extras { left_out: Some(text), ..extras.clone() };
    Ok(framed(&data(&begun, &extras, "", None)?))
}

/// The event that proves the first violation of the run, if there is one.
fn first_proof(header: &Header) -> Option<u64> {
    let proof = |one: &Json| {
        let evidence = one["verdict"]["violation"]["evidence"].as_array()?;
        evidence.iter().filter_map(Json::as_u64).max()
    };
    header.verdicts.as_array()?.iter().filter_map(proof).min()
}

/// The first `count` events of `file`, and the moment of the last of them.
fn beginning(file: &RunFile, count: u64) -> Result<(RunFile, String), ReadError> {
    let mut writer = Writer::new();
    let mut end = Moment::default();
    for event in file.events()? {
        let event = event?;
        if event.index >= count {
            break;
        }
        end = event.at;
        writer.add(&event);
    }
    Ok((RunFile::read(&writer.finish(&file.header).to_vec())?, seconds(end)))
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
    let (vocabulary, occurred, columns) = Vocabulary::of(file)?;
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
        "verdicts": header.verdicts,
        "fingerprint": header.fingerprint,
        "vocabulary": vocabulary.json(),
        "kinds": kinds.collect::<Map<_, _>>(),
        "faults": faults,
        "expanded": expanded,
        "left_out": extras.left_out,
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
    /// What each fault did, by the event that began it.
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
    fn of(file: &RunFile) -> Result<(Self, Vec<&'static KindInfo>, Vec<u8>), ReadError> {
        let mut repacker = Repacker::new();
        let mut vocabulary = Self::default();
        let mut occurred = [false; 256];
        for event in file.events()? {
            let event = event?;
            repacker.add(&event);
            let kind = &event.kind;
            if let Kind::FaultBegan { verb, hosts, groups, detail, .. } = kind {
                let setup = &file.header.setup;
                let name = |host: &HostId| setup.host_name(Some(*host)).to_owned();
                let hosts: Vec<_> = hosts.iter().map(name).collect();
                let told = told(*verb, &hosts, groups, detail.as_str());
                vocabulary.faults.insert(event.index, told);
            }
            occurred[usize::from(kind.number())] = true;
            let kind_number = kind.number();
            kind.give_columns(&mut Noted { vocabulary: &mut vocabulary, kind: kind_number });
        }
        let kinds = Kind::TABLE.iter().filter(|info| occurred[usize::from(info.number)]);
        let columns = repacker.finish(file.columns());
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
    use crate::event::{Event, FaultVerb, StepName};
    use crate::trace::{HostSetup, Part, Setup};
    use crate::types::BrokerId;

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

    #[test]
    fn a_run_that_is_too_large_is_shown_from_its_beginning_and_says_so() {
        let scattered = |index: u64| {
            let mixed = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as u32
        };
        let mut writer = Writer::new();
        let event = |index: u64| Event {
            index,
            at: Moment(10_000_000 + index),
            host: None,
            step: StepName::default(),
            cause: None,
            about: None,
            // Nothing that gzip makes small.
            kind: Kind::FaultBit { fault: scattered(index) },
        };
        (0..100_000).for_each(|index| writer.add(&event(index)));
        let mut header = Header::default();
        header.fingerprint.events = 100_000;
        let run = RunFile::read(&writer.finish(&header).to_vec()).expect("it reads");
        let extras = Extras::default();
        let whole = page(&run, &extras).expect("it reads").len();
        assert_eq!(page_within(&run, &extras, whole).expect("it reads").len(), whole);
        let room = (whole - VIEWER.len()) / 2;
        let half = page_within(&run, &extras, room).expect("it reads");
        assert!(half.len() < VIEWER.len() + room, "{} bytes of {whole}", half.len());
        assert!(half.contains("of 100000 events, up to 0.0"), "the page does not say so");
        // What proves a violation is never left out.
        let mut run = run;
        run.header.verdicts = json!([{ "verdict": { "violation": { "evidence": [7, 49_990] } } }]);
        let page = page_within(&run, &extras, 1000).expect("it reads");
        assert!(page.contains("The first 99990 of 100000 events"), "the proof is left out");
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
        let (vocabulary, kinds, _) = Vocabulary::of(&run()).expect("the run reads");
        let json = vocabulary.json();
        assert_eq!(json["fault-began"]["verb"]["words"]["0"], "crash");
        assert_eq!(json["fault-began"]["hosts"]["as"], "host");
        assert_eq!(kinds.len(), 1);
    }

    #[test]
    fn the_viewer_is_small_and_asks_for_nothing() {
        assert!(VIEWER.len() <= 170 * 1024, "the viewer has {} bytes", VIEWER.len());
        assert_eq!(VIEWER.matches(MARKER).count(), 1);
        for word in ["default-src 'none'", "script-src 'sha256-", "style-src 'sha256-"] {
            assert!(VIEWER.contains(word), "{word}");
        }
        assert!(!VIEWER.contains("unsafe-inline"));
    }
}
