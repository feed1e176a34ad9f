//! The run file: a header, then the events as compressed columns, then a checksum.
//!
//! `kafsim run file\n`, the format version (u32), the header's length (u32), the header (JSON),
//! the columns' length before and after compression (u64 each), the columns (gzip), and XXH3-64
//! of everything before. Integers are little endian.

use std::io::Read;

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::event::{Event, Kind};
use crate::trace::columns::{Columns, Rows, spell};
use crate::trace::digest::{Digest, Fingerprint};
use crate::trace::setup::Setup;

/// What a run file begins with.
const MAGIC: &[u8; 16] = b"kafsim run file\n";
/// The version of the format that is written, and the only one that is read.
pub const FORMAT_VERSION: u32 = 2;
/// gzip makes the columns ten times smaller, fifty when little happens. A file that claims more
/// than this was not written by us and shall not fill the memory.
const COMPRESSION_MAX: u64 = 400;

/// What a run file says of its run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Header {
    /// The version of kafsim that ran.
    pub tool_version: String,
    /// The hash of its sources: the same build runs the same.
    pub build_id: String,
    /// The hash of its table of events.
    pub event_table: String,
    /// The scenario's title.
    pub title: String,
    /// The scenario as it was run, with all that was set from outside.
    pub scenario: String,
    /// The scenario's file as it was named, for the command that makes the run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// What was set in it with `--set`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<String>,
    /// What was switched on in it with `--defect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<String>,
    /// The seed.
    #[serde(with = "decimal")]
    pub seed: u64,
    /// Where it was stopped, in microseconds since time zero, if it was told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_micros: Option<u64>,
    /// Who played.
    pub setup: Setup,
    /// What each property came to, and whatever else was found.
    pub verdicts: serde_json::Value,
    /// What `kafsim run` judged it, in its word for programs; older files do not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub outcome: String,
    /// What another execution must have in common with this one.
    pub fingerprint: Fingerprint,
}

/// Why a run file cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// It begins with something else.
    #[error("this is not a run file of kafsim; give one that `kafsim run` wrote")]
    NotARunFile,
    /// A version before the first release wrote it.
    #[error(
        "the run file has format {found}, this kafsim reads {FORMAT_VERSION}; \
         use the kafsim that wrote it, or run the scenario again"
    )]
    Older {
        /// Its version.
        found: u32,
    },
    /// Another version wrote it.
    #[error(
        "the run file has format {found}, this kafsim reads up to {FORMAT_VERSION}; \
         use the kafsim that wrote it, or a newer one"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It ends too early.
    #[error("the run file is cut short after {bytes} bytes; write it again with `kafsim run`")]
    Cut {
        /// How long it is.
        bytes: usize,
    },
    /// Its checksum does not match.
    #[error("the run file was changed after it was written; write it again with `kafsim run`")]
    Changed,
    /// Its checksum matches, but it does not say what it should.
    #[error("the run file is damaged: {0}; write it again with `kafsim run`")]
    Damaged(&'static str),
    /// It was written with another table of events.
    #[error(
        "kafsim {tool_version} ({build_id}) wrote the run file with another table of events; \
         use that build, or run scenario and seed again"
    )]
    OtherEvents {
        /// The version that wrote it.
        tool_version: String,
        /// The build that wrote it.
        build_id: String,
    },
}

/// The hash of the table of events: numbers, names and shapes.
pub fn event_table() -> String {
    let mut text = String::new();
    for info in Kind::TABLE {
        text += &format!("{} {}", info.number, info.name);
        for field in info.fields {
            text += &format!(" {}:{}", field.name, spell(field.shape));
        }
        text.push('\n');
    }
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// So many events wait to be put into columns together: what the columns need in a processor's
/// caches is there once for all of them, and not taken from what runs the cluster at each.
const WAITING_MAX: usize = 256;

/// Gathers events for a run file.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    columns: Columns,
    /// Events that are not in the columns yet.
    waiting: Vec<Event>,
    digest: Digest,
}

impl Writer {
    /// A writer of no events yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `event`, which must be the next.
    pub fn add(&mut self, event: &Event) {
        self.settle();
        self.columns.add(event);
    }

    /// Adds `events`, which must be the next, and leaves none.
    pub fn add_all(&mut self, events: &mut Vec<Event>) {
        self.waiting.append(events);
        if self.waiting.len() >= WAITING_MAX {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        self.waiting.iter().for_each(|event| self.columns.add(event));
        self.waiting.clear();
        // One step may bring thousands of events.
        self.waiting.shrink_to(WAITING_MAX);
    }

    /// Adds `event` and hashes it, for callers that keep no digest of their own.
    pub fn add_digested(&mut self, event: &Event) {
        self.add(event);
        self.digest.add(event);
    }

    /// The fingerprint of what was added with [`Self::add_digested`].
    pub fn fingerprint(&self) -> Fingerprint {
        self.digest.fingerprint()
    }

    /// How many events it holds.
    pub fn events(&self) -> u64 {
        self.columns.events() + self.waiting.len() as u64
    }

    /// The run file. `event_table` of the header is filled in.
    pub fn finish(mut self, header: &Header) -> Recording {
        self.settle();
        let header = Header { event_table: event_table(), ..header.clone() };
        let header = serde_json::to_vec(&header).expect("a header has string keys only");
        let length = u32::try_from(header.len()).expect("a header is below 4 GiB");
        let (columns, expanded) = self.columns.compressed();
        let compressed: usize = columns.iter().map(Vec::len).sum();
        let mut head = Vec::with_capacity(header.len() + 64);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(&header);
        head.extend_from_slice(&(expanded as u64).to_le_bytes());
        head.extend_from_slice(&(compressed as u64).to_le_bytes());
        let mut parts = vec![head];
        parts.extend(columns);
        let mut checksum = Xxh3::new();
        parts.iter().for_each(|part| checksum.update(part));
        parts.push(checksum.digest().to_le_bytes().to_vec());
        Recording { parts }
    }
}

/// A run file that is ready to be written. It lies in parts, as its columns were compressed: a
/// long run's file is large.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    parts: Vec<Vec<u8>>,
}

impl Recording {
    /// Its parts, to be written one after the other.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(Vec::as_slice)
    }

    /// All its bytes in one place.
    pub fn to_vec(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

/// A run file that was read.
#[derive(Clone, PartialEq, Debug)]
pub struct RunFile {
    /// What it says of its run.
    pub header: Header,
    columns: Vec<u8>,
}

/// What is left of a file while it is read.
struct Bytes<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], ReadError> {
        let cut = ReadError::Cut { bytes: self.total };
        let count = usize::try_from(count).map_err(|_| cut.clone())?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: u64) -> Result<u64, ReadError> {
        let taken = self.take(bytes)?;
        Ok(taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl RunFile {
    /// Reads a run file's bytes.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the file and what to do. No file, however made,
    /// panics or takes more memory than a few hundred times its own size.
    pub fn read(file: &[u8]) -> Result<Self, ReadError> {
        let mut bytes = Bytes { rest: file, total: file.len() };
        let begin = &MAGIC[..MAGIC.len().min(file.len())];
        if file.is_empty() || !file.starts_with(begin) {
            return Err(ReadError::NotARunFile);
        }
        bytes.take(MAGIC.len() as u64)?;
        let found = u32::try_from(bytes.number(4)?).unwrap_or(u32::MAX);
        if found > FORMAT_VERSION {
            return Err(ReadError::Newer { found });
        }
        if found < FORMAT_VERSION {
            return Err(ReadError::Older { found });
        }
        let length = bytes.number(4)?;
        let header = bytes.take(length)?;
        let (expanded, length) = (bytes.number(8)?, bytes.number(8)?);
        let compressed = bytes.take(length)?;
        let checksum = bytes.number(8)?;
        if !bytes.rest.is_empty() || xxh3_64(&file[..file.len() - 8]) != checksum {
            return Err(ReadError::Changed);
        }
        let header: Header = serde_json::from_slice(header)
            .map_err(|_| ReadError::Damaged("its header does not read"))?;
        if expanded > (compressed.len() as u64).saturating_mul(COMPRESSION_MAX) {
            return Err(ReadError::Damaged("its columns are larger than they can be"));
        }
        let mut columns = Vec::new();
        GzDecoder::new(compressed)
            .take(expanded.saturating_add(1))
            .read_to_end(&mut columns)
            .map_err(|_| ReadError::Damaged("its columns do not decompress"))?;
        if columns.len() as u64 != expanded {
            return Err(ReadError::Damaged("its columns are not as long as it says"));
        }
        Ok(Self { header, columns })
    }

    /// The columns as they stand in the file: what the page reads.
    pub fn columns(&self) -> &[u8] {
        &self.columns
    }

    /// The events in order.
    ///
    /// # Errors
    ///
    /// [`ReadError::OtherEvents`] when another table of events wrote it; [`ReadError::Damaged`],
    /// here or from the iterator, when the columns do not read.
    pub fn events(&self) -> Result<Events<'_>, ReadError> {
        if self.header.event_table != event_table() {
            return Err(ReadError::OtherEvents {
                tool_version: self.header.tool_version.clone(),
                build_id: self.header.build_id.clone(),
            });
        }
        let rows = Rows::new(&self.columns).map_err(ReadError::Damaged)?;
        Ok(Events { rows, is_over: false })
    }
}

/// The events of a run file, read one by one.
#[derive(Debug)]
pub struct Events<'a> {
    rows: Rows<'a>,
    is_over: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over || self.rows.left() == 0 {
            return None;
        }
        let event = self.rows.next().ok_or(ReadError::Damaged("an event does not read"));
        self.is_over = event.is_err();
        Some(event)
    }
}

/// Seeds as text: other readers of JSON lose digits of large numbers.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn serialize<S: Serializer>(seed: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&seed.to_string())
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<u64, D::Error> {
        String::deserialize(from)?.parse().map_err(|_| D::Error::custom("a seed is a number"))
    }
}
