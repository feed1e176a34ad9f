//! The memory that a run takes, at its peak.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::workload;

/// How often the child is looked at: its own account of its peak only rises.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The peak of a recorded run of the command line, in MiB; not a number where the system does not
/// tell.
#[expect(clippy::disallowed_methods, reason = "a child process takes its time")]
pub(crate) fn mebibytes() -> f64 {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join(workload::FILE);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-peak.run");
    let child = Command::new(env!("CARGO_BIN_EXE_kafsim"))
        .arg("run")
        .arg(scenario)
        .arg("--out")
        .arg(file)
        .stdout(Stdio::null())
        .spawn();
    let mut child = child.expect("the command line runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = f64::NAN;
    while child.try_wait().is_ok_and(|ended| ended.is_none()) {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        peak = peak_of(&text).unwrap_or(peak);
        std::thread::sleep(LOOK_EVERY);
    }
    peak
}

/// The peak of the resident memory that `/proc/.../status` tells.
fn peak_of(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
