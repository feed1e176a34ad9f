//! Quantities as scenarios write them: `300us`, `500/s`, `16KiB`.

use std::time::Duration;

use crate::scenario::file_error::Wrong;
use crate::scenario::plan::Rate;

/// Nothing in a scenario lasts longer: a year.
const DURATION_MAX: Duration = Duration::from_secs(365 * 86_400);

const TIME_UNITS: &[(&str, u64)] = &[
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const BYTE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

const BANDWIDTH_UNITS: &[(&str, u64)] = &[
    ("bit", 1),
    ("kbit", 1000),
    ("Mbit", 1_000_000),
    ("Gbit", 1_000_000_000),
    ("B", 8),
    ("kB", 8000),
    ("KiB", 8 << 10),
    ("MB", 8_000_000),
    ("MiB", 8 << 20),
    ("GB", 8_000_000_000),
    ("GiB", 8 << 30),
];
/// Less than this is no link.
const BANDWIDTH_MIN: u64 = 1000;
/// Of a million; more than this is a cut.
const SHARE_MAX: u64 = 990_000;

/// Reads `0.5%` as parts per million.
pub(crate) fn parse_share(text: &str) -> Result<u32, Wrong> {
    let share = parse_quantity(text, &[("%", 10_000)]).ok_or_else(|| {
        let what = format!("`{}` is no share", shown(text));
        Wrong::new(what, "write a number and `%`, as in \"0.5%\", to four decimals")
    })?;
    if share > SHARE_MAX {
        let what = format!("`{}` is too much", shown(text));
        return Err(Wrong::new(
            what,
            "write at most \"99%\"; when nothing gets through, that is a cut",
        ));
    }
    Ok(u32::try_from(share).unwrap_or(u32::MAX))
}

/// Parts per million as [`parse_share`] reads them.
pub(crate) fn show_share(share: u32) -> String {
    let (whole, rest) = (share / 10_000, share % 10_000);
    let decimals = format!("{rest:04}");
    match decimals.trim_end_matches('0') {
        "" => format!("{whole}%"),
        decimals => format!("{whole}.{decimals}%"),
    }
}

/// Reads `100Mbit/s`, `10MB/s` as bytes a second.
pub(crate) fn parse_bandwidth(text: &str) -> Result<u64, Wrong> {
    let bits = text.trim().strip_suffix("/s");
    let bits =
        bits.and_then(|amount| parse_quantity(amount, BANDWIDTH_UNITS)).ok_or_else(|| {
            let what = format!("`{}` is no bandwidth", shown(text));
            Wrong::new(what, "write an amount a second, as in \"100Mbit/s\" or \"10MB/s\"")
        })?;
    let bytes = bits / 8;
    if bytes < BANDWIDTH_MIN {
        let what = format!("`{}` is next to nothing", shown(text));
        return Err(Wrong::new(what, "write \"1kB/s\" or more; for nothing at all, a cut"));
    }
    Ok(bytes)
}

/// Bytes a second as [`parse_bandwidth`] reads them, in the largest unit that leaves no rest.
pub(crate) fn show_bandwidth(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    let whole = units.iter().find(|(_, unit)| bytes.is_multiple_of(*unit));
    let (name, unit) = whole.copied().unwrap_or(("B", 1));
    format!("{}{name}/s", bytes / unit)
}

/// Reads `5s`, `300us`, `1.5min`. A bare number has no unit and is refused.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, Wrong> {
    let instead = "write a number and `us`, `ms`, `s`, `min`, `h` or `d`, as in \"5s\"";
    let nanos = parse_quantity(text, TIME_UNITS)
        .ok_or_else(|| Wrong::new(format!("`{}` is no duration", shown(text)), instead))?;
    let duration = Duration::from_nanos(nanos);
    if duration > DURATION_MAX {
        let what = format!("`{}` is longer than a year", shown(text));
        return Err(Wrong::new(what, "write at most \"365d\""));
    }
    if nanos % 1000 != 0 {
        let what = format!("`{}` is finer than a microsecond", shown(text));
        return Err(Wrong::new(what, "simulated time counts whole microseconds"));
    }
    Ok(duration)
}

/// Reads a duration as ISO 8601 and Java have it (`PT30S`, `P1DT2H30M`), in milliseconds; no
/// negative ones.
pub(crate) fn parse_iso_duration(text: &str) -> Option<u64> {
    let text = text.strip_prefix('P')?;
    let (days, times) = text.split_once('T').unwrap_or((text, ""));
    let mut millis = 0_u64;
    let parts = [(days, &[('D', 86_400_000)][..])];
    let times = (times, &[('H', 3_600_000), ('M', 60_000), ('S', 1000)][..]);
    for (mut rest, units) in parts.into_iter().chain([times]) {
        for (unit, factor) in units {
            let Some((number, behind)) = rest.split_once(*unit) else { continue };
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let thousandths = format!("{fraction:0<3}");
            if fraction.len() > 3 || !fraction.is_empty() && *unit != 'S' {
                return None;
            }
            let whole: u64 = whole.parse().ok()?;
            millis = millis.checked_add(whole.checked_mul(*factor)?)?;
            millis = millis.checked_add(thousandths.parse::<u64>().ok()?)?;
            rest = behind;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    (text.len() > 1).then_some(millis)
}

/// Reads `500/s`, `30/min`, `1/10s`.
pub(crate) fn parse_rate(text: &str) -> Result<Rate, Wrong> {
    let wrong = || {
        let what = format!("`{}` is no rate", shown(text));
        Wrong::new(what, "write records and a time, as in \"500/s\" or \"1/10s\"")
    };
    let (times, per) = text.split_once('/').ok_or_else(wrong)?;
    let times: u64 = times.trim().parse().map_err(|_| wrong())?;
    let per = per.trim();
    let whole = if per.starts_with(|c: char| c.is_ascii_digit()) {
        per.to_owned()
    } else {
        format!("1{per}")
    };
    let per = parse_duration(&whole).map_err(|_| wrong())?;
    if per.is_zero() {
        return Err(wrong());
    }
    if u128::from(times) * 1_000_000_000 > per.as_nanos() * 1_000_000 {
        let what = format!("`{}` is more than a million a second", shown(text));
        return Err(Wrong::new(what, "write \"1000000/s\" or less"));
    }
    Ok(Rate { times, per })
}

/// Reads `16KiB`, `100B`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, Wrong> {
    parse_quantity(text, BYTE_UNITS).ok_or_else(|| {
        let what = format!("`{}` is no size", shown(text));
        Wrong::new(what, "write a number and `B`, `KiB`, `MiB` or `GiB`, as in \"16KiB\"")
    })
}

/// Reads a duration as scenarios have it, for the command line.
///
/// # Errors
///
/// A sentence that says what is wrong and what would be right.
pub fn read_duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|Wrong { what, instead }| format!("{what}: {instead}"))
}

/// A duration as [`parse_duration`] reads it, in the largest unit that leaves no rest.
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = TIME_UNITS.iter().rev();
    // "60s" reads better than "1min", "600s" worse than "10min".
    let least = |name: &str| if matches!(name, "min" | "h" | "d") { 10 } else { 1 };
    let mut whole = units.filter(|(name, unit)| {
        let unit = u128::from(*unit);
        nanos.is_multiple_of(unit) && nanos / unit >= least(name)
    });
    match whole.next() {
        Some((name, unit)) => format!("{}{name}", nanos / u128::from(*unit)),
        None if nanos == 0 => "0s".to_owned(),
        None => format!("{}us", nanos.div_ceil(1000)),
    }
}

/// The number times its unit; decimals are allowed when the product is whole.
fn parse_quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let (_, unit) = units.iter().find(|(name, _)| *name == unit.trim())?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let scaled = whole.parse::<u64>().ok()?.checked_mul(*unit)?;
    if decimals.is_empty() {
        return (!number.ends_with('.')).then_some(scaled);
    }
    if decimals.len() > 9 {
        return None;
    }
    let power = 10_u64.pow(u32::try_from(decimals.len()).ok()?);
    let part = u128::from(decimals.parse::<u64>().ok()?) * u128::from(*unit);
    if part % u128::from(power) != 0 {
        return None;
    }
    scaled.checked_add(u64::try_from(part / u128::from(power)).ok()?)
}

/// As much of a wrong word as a message can hold.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("300us"), Ok(Duration::from_micros(300)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        for wrong in ["5", "5 parsecs", "", "s", "-5s", "1.s", "0.0005ms x", "99999999999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_count_per_time() {
        let rate = parse_rate("500/s").unwrap();
        assert_eq!(rate, Rate { times: 500, per: Duration::from_secs(1) });
        assert_eq!(rate.moment_of(250), Duration::from_millis(500));
        assert_eq!(parse_rate("1/10s").unwrap().moment_of(2), Duration::from_secs(20));
        for wrong in ["500", "/s", "500/", "5/0s", "x/s", "2000001/s"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_are_parts_per_million() {
        for (text, share) in [("0.5%", 5000), ("2%", 20_000), ("0%", 0), ("0.0001%", 1)] {
            assert_eq!(parse_share(text), Ok(share));
            assert_eq!(show_share(share), text);
        }
        for wrong in ["5", "0.00001%", "-1%", "99.5%", "%", ""] {
            assert!(parse_share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bandwidths_are_bytes_a_second() {
        assert_eq!(parse_bandwidth("100Mbit/s"), Ok(12_500_000));
        assert_eq!(parse_bandwidth("1.5kB/s"), Ok(1500));
        for text in ["10MB/s", "2GB/s", "12500kB/s", "1001B/s"] {
            assert_eq!(show_bandwidth(parse_bandwidth(text).unwrap()), text);
        }
        for wrong in ["10MB", "10", "1bit/s", "999B/s", "/s", "fast/s", "10MB/min"] {
            assert!(parse_bandwidth(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_read() {
        for text in ["300us", "5s", "90s", "60s", "10min", "24h", "1500ms", "0s"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }
}
