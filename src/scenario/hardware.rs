//! What differs from host to host: disks and clocks. Data, and how a scenario writes it.

use std::time::Duration;

use toml::de::DeValue;

use crate::scenario::decode_network::latency_under;
use crate::scenario::file_error::Wrong;
use crate::scenario::file_keys as keys;
use crate::scenario::plan::Latency;
use crate::scenario::table::{Mistakes, Table, kind, text};
use crate::scenario::units::{parse_bytes, parse_duration, show_duration, shown};

/// No clock is off by more than a year.
const JUMP_MICROS_MAX: i64 = 365 * 86_400 * 1_000_000;
/// No clock gains or loses more than a tenth: that is a broken one.
const DRIFT_PPM_MAX: i64 = 100_000;
/// Less than this is no disk.
const BANDWIDTH_MIN: u64 = 1024;

/// The disk of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskPlan {
    /// How long a flush takes, beside the bytes.
    pub flush: Latency,
    /// How many bytes a second it writes; `None` for as many as come.
    pub bandwidth: Option<u64>,
    /// How many bytes of records it takes; `None` for any number.
    pub capacity: Option<u64>,
}

impl Default for DiskPlan {
    /// A disk of today.
    fn default() -> Self {
        Self {
            flush: Latency {
                p50: Duration::from_micros(400),
                p99: Duration::from_millis(3),
                max: Duration::from_millis(20),
            },
            bandwidth: None,
            capacity: None,
        }
    }
}

/// The clocks of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClockPlan {
    /// How far the wall clock is ahead, in microseconds.
    pub offset_micros: i64,
    /// How many microseconds both clocks gain in a million.
    pub drift_ppm: i64,
}

/// Which operations of a disk fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskOperations {
    /// Whatever changes a file, already in the page cache.
    Writes,
    /// fsync.
    Flushes,
    /// What a starting process reads.
    Reads,
    /// All of them.
    All,
}

impl DiskOperations {
    /// All of them.
    pub const EVERY: [Self; 4] = [Self::Writes, Self::Flushes, Self::Reads, Self::All];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Writes => "writes",
            Self::Flushes => "flushes",
            Self::Reads => "reads",
            Self::All => "all",
        }
    }

    /// Whether writes into the page cache fail.
    pub fn has_writes(self) -> bool {
        matches!(self, Self::Writes | Self::All)
    }

    /// Whether flushes fail.
    pub fn has_flushes(self) -> bool {
        matches!(self, Self::Flushes | Self::All)
    }

    /// Whether reads fail.
    pub fn has_reads(self) -> bool {
        matches!(self, Self::Reads | Self::All)
    }
}

/// `disk = { .. }` of a server.
pub(crate) fn disk(table: &Table<'_, '_>, mistakes: &mut Mistakes) -> DiskPlan {
    let mut plan = DiskPlan::default();
    let Some(table) = table.table("disk", &keys::DISK, mistakes) else { return plan };
    if table.has("flush")
        && let Some(flush) = latency_under("flush", &table, mistakes)
    {
        plan.flush = flush;
    }
    plan.bandwidth = table.read("bandwidth", mistakes, bandwidth).map(|read| read.value);
    plan.capacity = table
        .read("capacity", mistakes, |value| match parse_bytes(&text(value)?)? {
            0 => Err(Wrong::new("a disk without room", "write \"1MiB\" or more")),
            bytes => Ok(bytes),
        })
        .map(|read| read.value);
    plan
}

/// `clock = { .. }` of a host.
pub(crate) fn clock(table: &Table<'_, '_>, mistakes: &mut Mistakes) -> ClockPlan {
    let Some(table) = table.table("clock", &keys::CLOCK, mistakes) else {
        return ClockPlan::default();
    };
    ClockPlan {
        offset_micros: table.read("offset", mistakes, offset).map_or(0, |read| read.value),
        drift_ppm: table.read("drift", mistakes, drift).map_or(0, |read| read.value),
    }
}

/// A time that may be negative, in microseconds.
pub(crate) fn offset(value: &DeValue<'_>) -> Result<i64, Wrong> {
    let text = text(value)?;
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let micros = i64::try_from(parse_duration(rest)?.as_micros()).unwrap_or(i64::MAX);
    if micros > JUMP_MICROS_MAX {
        let what = format!("`{}` is longer than a year", shown(&text));
        return Err(Wrong::new(what, "write at most \"365d\""));
    }
    Ok(sign * micros)
}

/// A time that may be negative, as [`offset`] reads it.
pub(crate) fn show_offset(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}", show_duration(Duration::from_micros(micros.unsigned_abs())))
}

/// A pace: how much a clock gains, in parts per million: `"50ppm"`, `"-1%"`.
pub(crate) fn drift(value: &DeValue<'_>) -> Result<i64, Wrong> {
    let instead = "write it in parts per million or per cent, as in \"50ppm\" or \"-1%\"";
    let text = text(value)?;
    let wrong = || Wrong::new(format!("`{}` is no drift of a clock", shown(&text)), instead);
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let ppm = if let Some(number) = rest.strip_suffix("ppm") {
        number.trim().parse::<i64>().map_err(|_| wrong())?
    } else {
        let percent = rest.strip_suffix('%').ok_or_else(wrong)?.trim();
        let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > 4 || !is_number(whole) || !is_number(decimals) {
            return Err(wrong());
        }
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let part: i64 = format!("{decimals:0<4}").parse().map_err(|_| wrong())?;
        whole.saturating_mul(10_000).saturating_add(part)
    };
    if !(0..=DRIFT_PPM_MAX).contains(&ppm) {
        let what = format!("`{}`: a clock that drifts so is broken", shown(&text));
        return Err(Wrong::new(what, "write at most \"10%\""));
    }
    Ok(sign * ppm)
}

/// Bytes a second: `"200MB/s"`.
fn bandwidth(value: &DeValue<'_>) -> Result<u64, Wrong> {
    let instead = "write a size for each second in quotes, as in \"200MB/s\"";
    let text = value
        .as_str()
        .ok_or_else(|| Wrong::new(format!("{} is no bandwidth", kind(value)), instead))?;
    let wrong = || Wrong::new(format!("`{}` is no bandwidth", shown(text)), instead);
    let size = text.strip_suffix("/s").ok_or_else(wrong)?;
    match parse_bytes(size).map_err(|_| wrong())? {
        little if little < BANDWIDTH_MIN => {
            let what = format!("`{}` is too slow for a disk", shown(text));
            Err(Wrong::new(what, "write \"1KiB/s\" or more"))
        }
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>, text: &str) -> Option<T> {
        parse(&DeValue::String(text.to_owned().into())).ok()
    }

    #[test]
    fn drifts_are_parts_per_million_or_per_cent() {
        for (text, ppm) in [("50ppm", 50), ("-1%", -10_000), ("0.0125%", 125), ("+10%", 100_000)] {
            assert_eq!(read(drift, text), Some(ppm), "{text}");
        }
        for wrong in ["1", "11%", "1.%%", "ppm", "%", "-", "0.00001%", "--1%", "1e3ppm", "1.x%"] {
            assert_eq!(read(drift, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn offsets_have_a_sign() {
        assert_eq!(read(offset, "-40s"), Some(-40_000_000));
        assert_eq!(read(offset, "200ms"), Some(200_000));
        assert_eq!(read(offset, "+1us"), Some(1));
        assert_eq!(read(offset, "--1s"), None);
        assert_eq!(read(offset, "366d"), None);
    }

    #[test]
    fn bandwidths_are_sizes_a_second() {
        assert_eq!(read(bandwidth, "10MB/s"), Some(10_000_000));
        assert_eq!(read(bandwidth, "1KiB/s"), Some(1024));
        for wrong in ["10MB", "0B/s", "1B/s", "fast", "10MB/min"] {
            assert_eq!(read(bandwidth, wrong), None, "{wrong}");
        }
    }
}
