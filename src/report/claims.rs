//! What a run file says that its properties came to.
//!
//! Read leniently: files of other versions have other details, and are shown all the same.

use serde_json::Value;

use crate::report::explain::without_hashes;
use crate::trace::Header;

/// A property, what was expected of it, and what it came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The property.
    pub property: String,
    /// What was expected.
    pub expect: String,
    /// What it came to.
    pub result: String,
    /// The first breach in a sentence.
    pub sentence: Option<String>,
    /// The events that prove it, the decisive one last.
    pub evidence: Vec<u64>,
    /// How many breaches there were.
    pub violations: u64,
}

/// The claims in `header`, in its order; none where it has none, as of a run that crashed.
pub fn claims(header: &Header) -> Vec<Claim> {
    let list = header.verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(claim).collect()
}

fn claim(value: &Value) -> Option<Claim> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let verdict = &value["verdict"];
    let violation = &verdict["violation"];
    let evidence = violation["evidence"].as_array().map(Vec::as_slice).unwrap_or_default();
    Some(Claim {
        property: value["property"].as_str()?.to_owned(),
        expect: text(&value["expect"]),
        result: text(&verdict["result"]),
        sentence: violation["sentence"].as_str().map(|it| without_hashes(it, &[])),
        evidence: evidence.iter().filter_map(Value::as_u64).collect(),
        violations: verdict["violations"].as_u64().unwrap_or_default(),
    })
}

impl Claim {
    /// The event that decided it, of a breach.
    pub fn decided_by(&self) -> Option<u64> {
        self.sentence.as_ref().and(self.evidence.last().copied())
    }
}
