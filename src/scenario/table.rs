//! Reads tables of a parsed scenario file and gathers every mistake on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::scenario::file_error::{FileError, Wrong, suggest};
use crate::scenario::file_keys::{LATER, Section};
use crate::scenario::units::{parse_bytes, parse_duration, shown};

/// The mistakes found so far, and what turns places into lines.
#[derive(Debug)]
pub(crate) struct Mistakes {
    file: String,
    line_starts: Vec<usize>,
    found: BTreeSet<FileError>,
    warnings: Vec<FileError>,
}

/// A file with more mistakes than this is not worth a longer list.
const MISTAKES_MAX: usize = 100;

impl Mistakes {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { file: file.to_owned(), line_starts, found: BTreeSet::new(), warnings: Vec::new() }
    }

    /// The line of the byte `at`, from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        u32::try_from(self.line_starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    pub(crate) fn add(&mut self, line: u32, wrong: Wrong) {
        let file = self.file.clone();
        self.add_in(&file, line, wrong);
    }

    /// A mistake in a file that the scenario names.
    pub(crate) fn add_in(&mut self, file: &str, line: u32, wrong: Wrong) {
        if self.found.len() < MISTAKES_MAX {
            let Wrong { what, instead } = wrong;
            self.found.insert(FileError { file: file.to_owned(), line, what, instead });
        }
    }

    /// Something that is no mistake but surely not what was meant.
    pub(crate) fn warn(&mut self, line: u32, wrong: Wrong) {
        let file = self.file.clone();
        self.warn_in(&file, line, wrong);
    }

    /// The same in a file that the scenario names.
    pub(crate) fn warn_in(&mut self, file: &str, line: u32, wrong: Wrong) {
        let Wrong { what, instead } = wrong;
        self.warnings.push(FileError { file: file.to_owned(), line, what, instead });
    }

    /// The warnings so far, by file and line.
    pub(crate) fn take_warnings(&mut self) -> Vec<FileError> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.sort();
        warnings
    }

    pub(crate) fn into_errors(self) -> Vec<FileError> {
        let mut errors: Vec<_> = self.found.into_iter().collect();
        // The scenario's own first.
        errors.sort_by_key(|error| (error.file != self.file, error.file.clone(), error.line));
        errors
    }
}

/// A value that was read, and its line.
#[derive(Clone, Debug)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) line: u32,
}

/// A table of the file, with the section that says which keys it takes.
#[derive(Debug)]
pub(crate) struct Table<'t, 'i> {
    section: &'static Section,
    /// The line where it begins.
    pub(crate) line: u32,
    entries: BTreeMap<&'t str, &'t Spanned<DeValue<'i>>>,
    /// Whether it has keys that the section does not know; they have been noted.
    pub(crate) has_strangers: bool,
}

impl<'t, 'i> Table<'t, 'i> {
    /// The table `table`, whose keys must be of `section`.
    pub(crate) fn new(
        section: &'static Section,
        table: &'t DeTable<'i>,
        span: Range<usize>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut entries = BTreeMap::new();
        let mut has_strangers = false;
        for (key, value) in table {
            let name: &str = key.get_ref();
            if section.keys.iter().any(|known| known.name == name) {
                entries.insert(name, value);
                continue;
            }
            has_strangers = true;
            let line = mistakes.line(key.span().start);
            let later = LATER.iter().find(|(of, key, _)| *of == section.name && *key == name);
            let wrong = match later {
                Some((_, _, sentence)) => {
                    Wrong::new(format!("`{name}` in {}", section.name), *sentence)
                }
                None => Wrong::new(
                    format!("unknown key `{}` in {}", shown(name), section.name),
                    suggest(name, section.keys.iter().map(|key| key.name)),
                ),
            };
            mistakes.add(line, wrong);
        }
        Self { section, line: mistakes.line(span.start), entries, has_strangers }
    }

    pub(crate) fn section(&self) -> &'static Section {
        self.section
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of `key` as `parse` reads it; a mistake is noted and leaves `None`.
    pub(crate) fn read<T>(
        &self,
        key: &'static str,
        mistakes: &mut Mistakes,
        parse: impl FnOnce(&DeValue<'i>) -> Result<T, Wrong>,
    ) -> Option<Read<T>> {
        debug_assert!(self.section.keys.iter().any(|known| known.name == key), "{key}");
        let value = self.entries.get(key)?;
        let line = mistakes.line(value.span().start);
        match parse(value.get_ref()) {
            Ok(value) => Some(Read { value, line }),
            Err(Wrong { what, instead }) => {
                mistakes.add(line, Wrong { what: format!("`{key}`: {what}"), instead });
                None
            }
        }
    }

    /// As [`Self::read`], for a key that must be there.
    pub(crate) fn need<T>(
        &self,
        key: &'static str,
        mistakes: &mut Mistakes,
        parse: impl FnOnce(&DeValue<'i>) -> Result<T, Wrong>,
    ) -> Option<Read<T>> {
        if !self.has(key) {
            let known = self.section.keys.iter().find(|known| known.name == key);
            let form = known.map_or("", |known| known.form);
            let what = format!("{} has no `{key}`", self.section.name);
            mistakes.add(self.line, Wrong::new(what, format!("write `{key} = ...`, {form}")));
        }
        self.read(key, mistakes, parse)
    }

    /// The table under `key`, if there is one.
    pub(crate) fn table(
        &self,
        key: &'static str,
        section: &'static Section,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let value = self.entries.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Table::new(section, table, value.span(), mistakes)),
            other => {
                let line = mistakes.line(value.span().start);
                let what = format!("`{key}` is {}", kind(other));
                let names: Vec<_> = section.keys.iter().map(|key| key.name).collect();
                let instead = format!("write a table of `{}`", names.join("`, `"));
                mistakes.add(line, Wrong::new(what, instead));
                None
            }
        }
    }

    /// The tables under `key`: `[[key]]`.
    pub(crate) fn tables(
        &self,
        key: &'static str,
        section: &'static Section,
        mistakes: &mut Mistakes,
    ) -> Vec<Self> {
        let Some(value) = self.entries.get(key) else { return Vec::new() };
        let line = mistakes.line(value.span().start);
        let instead = format!("write {} before each", section.name);
        let DeValue::Array(array) = value.get_ref() else {
            let what = format!("`{key}` is {}", kind(value.get_ref()));
            mistakes.add(line, Wrong::new(what, instead));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in array {
            match element.get_ref() {
                DeValue::Table(table) => {
                    tables.push(Table::new(section, table, element.span(), mistakes));
                }
                other => {
                    let line = mistakes.line(element.span().start);
                    let what = format!("`{key}` holds {}", kind(other));
                    mistakes.add(line, Wrong::new(what, instead.clone()));
                }
            }
        }
        tables
    }

    /// The raw value of `key`.
    pub(crate) fn raw(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.entries.get(key).copied()
    }
}

/// What a value is, for messages.
pub(crate) fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{}\"", shown(text)),
        DeValue::Integer(number) => format!("the number {}", shown(number.as_str())),
        DeValue::Float(number) => format!("the number {}", shown(number.as_str())),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Text.
pub(crate) fn text(value: &DeValue<'_>) -> Result<String, Wrong> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Wrong::new(format!("{} is no text", kind(value)), "write it in quotes")),
    }
}

/// A duration: `"5s"`.
pub(crate) fn duration(value: &DeValue<'_>) -> Result<Duration, Wrong> {
    match value.as_str() {
        Some(text) => parse_duration(text),
        None => Err(Wrong::new(
            format!("{} is no duration", kind(value)),
            "write a number and its unit in quotes, as in \"5s\"",
        )),
    }
}

/// A whole number as TOML has it.
pub(crate) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    let digits: String = number.as_str().chars().filter(|c| *c != '_').collect();
    i64::from_str_radix(&digits, number.radix()).ok()
}

/// A whole number from `min` to `max`.
pub(crate) fn number(value: &DeValue<'_>, min: u64, max: u64) -> Result<u64, Wrong> {
    let instead = || match min == max {
        true => format!("write {min}"),
        false => format!("write a number from {min} to {max}"),
    };
    let number = integer(value)
        .ok_or_else(|| Wrong::new(format!("{} is no whole number", kind(value)), instead()))?;
    match u64::try_from(number) {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(Wrong::new(format!("{number} is out of range"), instead())),
    }
}

/// A size: a number of bytes, or text with a unit.
pub(crate) fn bytes(value: &DeValue<'_>, max: u64) -> Result<u64, Wrong> {
    let bytes = match value.as_str() {
        Some(text) => parse_bytes(text)?,
        None => number(value, 0, max)?,
    };
    if bytes > max {
        return Err(Wrong::new(format!("{bytes} bytes are too many"), format!("at most {max}")));
    }
    Ok(bytes)
}

/// One of some words.
pub(crate) fn word<T: Copy>(value: &DeValue<'_>, words: &[(&'static str, T)]) -> Result<T, Wrong> {
    let known = || words.iter().map(|(word, _)| *word);
    let Some(text) = value.as_str() else {
        let instead = format!("write one of \"{}\"", known().collect::<Vec<_>>().join("\", \""));
        return Err(Wrong::new(format!("{} is no word", kind(value)), instead));
    };
    words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
        Wrong::new(format!("\"{}\" is not known", shown(text)), suggest(text, known()))
    })
}
