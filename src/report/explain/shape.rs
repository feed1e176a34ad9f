//! What an explanation is made of: for text, for Markdown, for the page, for other programs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::report::explain::choose::acquit;
use crate::report::explain::not_cause::NO_DISK;
use crate::types::Defect;

/// Why one property of a run was violated; or, when none was, what the run came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// Which violation of the run this is, from 1; 0 when there is none.
    pub number: u32,
    /// How many properties were violated, within their premises or not.
    pub of: u32,
    /// The scenario's title.
    pub title: String,
    /// The seed, in decimal.
    pub seed: String,
    /// The property; empty when none was violated.
    pub property: String,
    /// What the property says.
    pub statement: String,
    /// `violated`, `outside its premise` or `holds`.
    pub outcome: String,
    /// What the scenario expected: `holds`, `violated` or `may`.
    pub expected: String,
    /// What happened to whom, in a paragraph.
    pub sentence: String,
    /// The decisive event.
    pub event: Option<u64>,
    /// Its moment, in microseconds since time zero.
    pub moment_us: Option<i64>,
    /// The logs, or the nodes, at that moment.
    pub picture: Option<Picture>,
    /// How it happened, in the order of time.
    pub steps: Vec<Step>,
    /// Why each replica that lacks the records lacks them.
    pub why_not: Vec<WhyNot>,
    /// What one might suspect, and what speaks against it.
    pub not_the_cause: Vec<Remark>,
    /// What became of the same seed with one thing changed; empty when nothing was run again.
    pub saved_by: Vec<Saved>,
    /// The changes for which there was no time, in words.
    #[serde(default)]
    pub not_tried: Vec<String>,
    /// Commands that show it again.
    pub again: Vec<String>,
    /// The other violations of the run.
    pub others: Vec<Other>,
}

impl Explanation {
    /// Takes back what it says of bugs that are switched on where the run, made again with the bug
    /// off, was violated all the same: such a bug is not the cause.
    pub fn acquit(&mut self) {
        self.say_why_flushing_helped();
        for (place, defect) in Retried::of(&self.saved_by).acquitted.into_iter().enumerate() {
            acquit(&mut self.steps, defect);
            let mut text =
                format!("{} is switched on: without it this happens as well.", defect.called());
            text.replace_range(..1, "T");
            let remark = Remark { text, event: None };
            if !self.not_the_cause.contains(&remark) {
                self.not_the_cause.insert(place, remark);
            }
        }
    }
}

impl Explanation {
    /// A flush takes its time: where no disk lost anything, that alone made another run.
    fn say_why_flushing_helped(&mut self) {
        let is_no_disk = self.not_the_cause.iter().any(|remark| remark.text == NO_DISK);
        let flushed = self.saved_by.iter_mut().filter(|it| {
            it.helped && it.change.starts_with("flush.messages=") && it.outcome == "not violated"
        });
        for saved in flushed.filter(|_| is_no_disk) {
            saved.outcome += ", but by other timing alone: no disk lost anything here";
        }
    }
}

/// What runs with one thing changed have shown of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Retried {
    /// The defects without which it happened all the same.
    pub acquitted: Vec<Defect>,
    /// The faults without which it did not happen, by number from 1.
    pub needed: BTreeSet<u32>,
    /// The faults without which it happened all the same.
    pub idle: BTreeSet<u32>,
}

impl Retried {
    /// What these runs have shown.
    pub fn of(saved_by: &[Saved]) -> Self {
        let in_vain = |it: &&Saved| !it.helped && !it.untried && !it.another;
        let is_off = |defect: &&Defect| {
            let off = format!("{} off", defect.called());
            saved_by.iter().filter(in_vain).any(|it| it.change == off)
        };
        // Drawn ones are left out by their place among the drawn, but named by their number.
        let fault = |it: &Saved| -> Option<u32> {
            it.change.strip_prefix("without fault ")?.split(' ').next()?.parse().ok()
        };
        Self {
            acquitted: Defect::ALL.iter().filter(is_off).copied().collect(),
            needed: saved_by.iter().filter(|it| it.helped).filter_map(fault).collect(),
            idle: saved_by.iter().filter(in_vain).filter_map(fault).collect(),
        }
    }
}

/// One thing that happened, and why.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Step {
    /// The event.
    pub event: u64,
    /// Its moment, in microseconds since time zero.
    pub moment_us: i64,
    /// The event's kind.
    pub kind: String,
    /// The host that recorded it; none for the world itself.
    pub host: Option<String>,
    /// What happened.
    pub text: String,
    /// Why, where it does not go without saying; without the word "because".
    pub because: Option<String>,
}

/// Why a replica does not hold what it should.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct WhyNot {
    /// The replica's host.
    pub replica: String,
    /// Why.
    pub text: String,
    /// The event that decided it, where one did.
    pub event: Option<u64>,
}

/// A sentence, and the event that bears it out, where one does.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Remark {
    /// The sentence.
    pub text: String,
    /// The event.
    pub event: Option<u64>,
}

/// What other runs came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reruns {
    /// The same seed with one thing changed.
    pub saved_by: Vec<Saved>,
    /// The changes for which there was no time, in words.
    pub not_tried: Vec<String>,
}

/// The same seed with one thing changed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Saved {
    /// The change, in words.
    pub change: String,
    /// The same, as `kafsim run --set` takes it.
    pub set: Vec<String>,
    /// Whether the property was tried, and not violated any more.
    pub helped: bool,
    /// Whether nothing tried the property: then the change proves nothing.
    #[serde(default)]
    pub untried: bool,
    /// Whether it was violated, but elsewhere or at another time: then the change may have
    /// prevented this breach.
    #[serde(default)]
    pub another: bool,
    /// What became of the run.
    pub outcome: String,
    /// Of how many other seeds with the change the property was violated in how many.
    pub nearby: Option<Nearby>,
}

/// Other seeds with the same change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Nearby {
    /// How many violated the property.
    pub violated: u32,
    /// How many were run.
    pub seeds: u32,
    /// How many of the same seeds violated it without the change.
    #[serde(default)]
    pub without: u32,
}

/// Another violation of the same run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Other {
    /// Its number, as `--violation` takes it.
    pub number: u32,
    /// The property.
    pub property: String,
    /// What was found.
    pub sentence: String,
}

/// Logs side by side: a column per offset, a row per replica.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Picture {
    /// The partition, such as `orders-0`.
    pub partition: String,
    /// The event up to which, itself included, the picture is drawn.
    pub event: u64,
    /// The columns; empty when no logs are shown.
    pub offsets: Vec<i64>,
    /// The first of the records that it is about, if it is about records.
    pub from: Option<i64>,
    /// The offset after the last of them.
    pub to: Option<i64>,
    /// Everything below is committed.
    pub committed: i64,
    /// The replicas, in the order of assignment.
    pub rows: Vec<Row>,
}

/// One replica.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// Its host.
    pub replica: String,
    /// What it takes itself for, and how it fares: `leader of epoch 1`, `down`.
    pub note: String,
    /// Whether its process runs.
    pub is_running: bool,
    /// Whether the controller counts it as in sync.
    pub in_sync: bool,
    /// The first offset of its log.
    pub log_start: i64,
    /// The offset after its last record.
    pub log_end: i64,
    /// Its high watermark.
    pub high_watermark: i64,
    /// What it holds at each offset of the picture.
    pub cells: Vec<Cell>,
}

/// What a replica holds at an offset.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Cell {
    /// The leader epoch of the record; none where there is no record.
    pub epoch: Option<i32>,
    /// Whether this very record is committed.
    pub committed: bool,
    /// Tells records apart where replicas hold different ones at this offset: `a`, `b`.
    pub variant: Option<char>,
    /// Whether the replica's log begins above: what stood here was deleted, by retention or by
    /// request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}
