//! Reads faults of disks and clocks.

use toml::de::DeValue;

use crate::scenario::file_error::Wrong;
use crate::scenario::file_keys as keys;
use crate::scenario::hardware::{DiskOperations, drift, offset};
use crate::scenario::known::Known;
use crate::scenario::plan::Fault;
use crate::scenario::table::{Mistakes, Table, number, text, word};
use crate::scenario::target::Target;

/// The kinds that are read here.
pub(crate) const KINDS: [&str; 7] = [
    "slow_disk",
    "hang_disk",
    "fill_disk",
    "fail_disk",
    "replace_disk",
    "jump_clock",
    "drift_clock",
];

/// A disk that is a thousand times slower hangs.
const FACTOR_MAX: u64 = 10_000;

/// A fault of one of [`KINDS`]; `None` for a mistake, which is noted, or another kind.
pub(crate) fn fault(
    kind: &str,
    table: &Table<'_, '_>,
    known: &Known,
    mistakes: &mut Mistakes,
) -> Option<Fault> {
    let any = |value: &DeValue<'_>| known.target(&text(value)?);
    let server = |value: &DeValue<'_>| match known.target(&text(value)?)? {
        Target::Client(_) | Target::EveryClient => {
            Err(Wrong::new("clients have no disk", "write a broker or a controller"))
        }
        server => Ok(server),
    };
    match kind {
        "slow_disk" => {
            let table = table.table("slow_disk", &keys::SLOW_DISK, mistakes)?;
            let factor = table.need("factor", mistakes, |value| number(value, 2, FACTOR_MAX));
            let host = table.need("host", mistakes, server)?.value;
            Some(Fault::SlowDisk { host, factor: u32::try_from(factor?.value).ok()? })
        }
        "hang_disk" => {
            let table = table.table("hang_disk", &keys::HANG_DISK, mistakes)?;
            Some(Fault::HangDisk { host: table.need("host", mistakes, server)?.value })
        }
        "fill_disk" => {
            let table = table.table("fill_disk", &keys::FILL_DISK, mistakes)?;
            Some(Fault::FillDisk { host: table.need("host", mistakes, server)?.value })
        }
        "fail_disk" => {
            let table = table.table("fail_disk", &keys::FAIL_DISK, mistakes)?;
            let words = DiskOperations::EVERY.map(|operations| (operations.name(), operations));
            let operations = table.read("operations", mistakes, |value| word(value, &words));
            let operations = operations.map_or(DiskOperations::All, |read| read.value);
            Some(Fault::FailDisk { host: table.need("host", mistakes, server)?.value, operations })
        }
        "replace_disk" => {
            let table = table.table("replace_disk", &keys::REPLACE_DISK, mistakes)?;
            let broker = |value: &DeValue<'_>| match server(value)? {
                Target::Controller(_) | Target::ActiveController | Target::EveryController => {
                    Err(Wrong::new(
                        "a controller without its disk is another voter (KIP-853), and voters are \
                         fixed yet",
                        "write a broker",
                    ))
                }
                broker => Ok(broker),
            };
            Some(Fault::ReplaceDisk { host: table.need("host", mistakes, broker)?.value })
        }
        "jump_clock" => {
            let table = table.table("jump_clock", &keys::JUMP_CLOCK, mistakes)?;
            let by = table.need("by", mistakes, |value| match offset(value)? {
                0 => Err(Wrong::new("that is no jump", "write \"40s\" or \"-40s\"")),
                by => Ok(by),
            });
            let host = table.need("host", mistakes, any)?.value;
            Some(Fault::JumpClock { host, by_micros: by?.value })
        }
        "drift_clock" => {
            let table = table.table("drift_clock", &keys::DRIFT_CLOCK, mistakes)?;
            let by = table.need("by", mistakes, |value| match drift(value)? {
                0 => Err(Wrong::new("that is no drift", "write \"1%\" or \"-200ppm\"")),
                by => Ok(by),
            });
            let host = table.need("host", mistakes, any)?.value;
            Some(Fault::DriftClock { host, by_ppm: by?.value })
        }
        _ => None,
    }
}
