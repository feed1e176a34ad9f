//! CPU time, and what of several measurements counts.

use cpu_time::ProcessTime;

/// What something cost, and what it came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed<T> {
    /// Nanoseconds of CPU time, of all threads of this process.
    pub(crate) nanos: f64,
    /// What came of it.
    pub(crate) value: T,
}

/// Does `work` and says what it cost.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> Timed<T> {
    let start = ProcessTime::now();
    let value = work();
    Timed { nanos: start.elapsed().as_secs_f64() * 1e9, value }
}

/// The least: whatever else a computer does adds to a cost and takes nothing from it.
pub(crate) fn least(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::INFINITY, f64::min)
}

/// How many turns the command line asks for (`--rounds N`).
pub(crate) fn rounds(default: usize) -> usize {
    let asked = number("--rounds").and_then(|rounds| usize::try_from(rounds).ok());
    asked.filter(|rounds| *rounds > 0).unwrap_or(default)
}

/// The number that the command line has behind `option`.
pub(crate) fn number(option: &str) -> Option<u64> {
    word(option)?.parse().ok()
}

/// The word that the command line has behind `option`.
pub(crate) fn word(option: &str) -> Option<String> {
    std::env::args().skip_while(|word| word != option).nth(1)
}
