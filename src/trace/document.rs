//! `docs/TRACE.md`, made of the table of events.

use std::fmt::Write;

use crate::event::Kind;
use crate::trace::columns::{COMMON, Codec, spell};
use crate::trace::run_file::FORMAT_VERSION;

/// The text of `docs/TRACE.md`. A test holds the file to it.
pub fn document() -> String {
    let mut text = INTRODUCTION.replace("{FORMAT_VERSION}", &FORMAT_VERSION.to_string());
    text = text.replace("{COMMON}", &COMMON.map(|name| format!("`{name}`")).join(", "));
    for info in Kind::TABLE {
        let _ = write!(text, "\n### {} `{}`\n\n{}\n", info.number, info.name, info.doc);
        if info.fields.is_empty() {
            continue;
        }
        text.push_str("\n| field | shape | codec | what it holds |\n|---|---|---|---|\n");
        for field in info.fields {
            let shape = spell(field.shape);
            let codec = Codec::of(field.shape).name();
            let doc = field.doc.replace('|', "\\|");
            let _ = writeln!(text, "| `{}` | {shape} | {codec} | {doc} |", field.name);
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Events and run files

Made from the table of events in `src/event/kind.rs` by `tests/it/trace_document.rs`; change the
table and run `REWRITE=1 cargo test --test it trace_document`.

## Events

A run is a list of events, each with its index, its moment (microseconds of the world's time; the
scenario's time zero is at 10,000,000), the host that recorded it (none for the world itself), the
name of its step (lane and count), its `cause` (for the first event of a step the event whose step
scheduled it, for every other the first event of its own step), what it is `about` (the event with
which the request or operation that it serves began) and its kind with the kind's fields.

Numbers of kinds are never used again for something else.

## Fingerprints

A fingerprint is the number of events, a hyphen and XXH3-128 over the words of all events, 64 bits
each, little endian: moment; host (0, or its id + 1) times 256, plus the kind's number; lane; count;
cause and about (0, or the index + 1); then the fields in order. A number is a word (signed ones in
two's complement), a topic's id two, an optional field 0, or 1 and then the field, a list its length
and then the items, a text its length in bytes and its UTF-8 in words filled up with zeros.

## Bytes of a field

| shape | bytes |
|---|---|
| unsigned | varint, seven bits a byte, the lowest first |
| signed | the same of the zigzag number |
| fixed64 | eight bytes, big endian |
| optional(x) | 0, or 1 and then x |
| list(x) | a varint count, then the items |
| text | a varint length, then UTF-8 |
| tuple(x,y) | one after the other |

## Run files

Format {FORMAT_VERSION}. `kafsim run file\\n`; u32 format version; u32 length of the header;
the header, JSON; u64 length of the columns; u64 length of the compressed columns; the columns,
gzip; u64 XXH3-64 of all bytes before. Integers are little endian. The header has `tool_version`,
`build_id`, `event_table` (hash of this table: re-checking needs the same), `until_micros` (where it
was told to stop, if it was), `title`, `scenario` (the text as it was run), `file`, `sets` and
`defects` (its file and what `--set` and `--defect` were given, for the command that makes the run),
`seed` (as text), `setup` (hosts and configuration that premises depend on), `verdicts`, `outcome`
(what `kafsim run` judged it, as in its JSON), `fingerprint`.

The columns: u32 number of columns, u32 length of each, then their bytes. Column 0 is JSON and
names all others with shape, codec and place, so that a reader needs no table of its own. Then
come {COMMON} for all events:

| column | bytes |
|---|---|
| `kind` | a byte |
| `dt` | varint, microseconds since the event before |
| `host` | varint, 0 for the world, else the id + 1 |
| `step` | varint, 0 for the step of the event before, else the lane's number + 1 |
| `lanes` | eight bytes for each lane when it is first met |
| `n` | for each event with a lane in `step`: zigzag varint, difference to the lane's last count |
| `cause`, `about` | varint, 0 for none, else the event's index minus the other's, + 1 |
| `hashes` | eight bytes for each value of a column with the codec hash |

Then the kinds that occurred, by number, a column for each field. Codecs:

| codec | bytes |
|---|---|
| delta | zigzag varint of the difference to the one before, wrapping in 64 bits |
| deltas | one such difference for each part of a tuple |
| dict | varint 0 and the bytes of a new value, else its number + 1 |
| hash | zigzag varint, difference of the value's place in `hashes` to the one before |
| raw | bytes of the field |

## Kinds
";
