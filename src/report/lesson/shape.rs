//! A lesson as a page shows it: notes that step through a run, ask, and answer.

use serde::{Deserialize, Serialize};

/// Notes that step through a run, or through two that are compared.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lesson {
    /// What it is called.
    pub title: String,
    /// What it is about, in a paragraph.
    pub summary: String,
    /// The notes, in the order in which they are read.
    pub notes: Vec<LessonNote>,
    /// What two runs that are compared are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<[String; 2]>,
    /// Whether the reader shall find out why: what explains it opens with the last note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_riddle: bool,
}

/// A moment of a run, what is to be seen at it, and what to think about.
///
/// Texts are paragraphs, with an empty line between; nothing in them is markup.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LessonNote {
    /// The event at which the cursor stands.
    pub event: u64,
    /// Which of two compared runs the events are of: 0 or 1.
    #[serde(default, skip_serializing_if = "is_first")]
    pub run: u8,
    /// A headline.
    pub title: String,
    /// What is to be seen.
    pub text: String,
    /// What to think about before reading on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The answer, shown when it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The partition to be looked at, such as `orders-0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The pane to be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<Pane>,
    /// An event to be shown as selected, if not the one at the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_first(run: &u8) -> bool {
    *run == 0
}

/// A pane of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pane {
    /// The explanation.
    Explain,
    /// The list of events.
    Events,
    /// What clients saw.
    Clients,
    /// Consumer groups.
    Groups,
    /// The state at the cursor.
    State,
    /// The notes themselves.
    Notes,
    /// The controllers' quorum.
    Quorum,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_said_is_left_out() {
        let note =
            LessonNote { event: 7, title: "a".into(), text: "b".into(), ..Default::default() };
        let json = serde_json::to_value(&note).expect("plain values are JSON");
        assert_eq!(json, json!({ "event": 7, "title": "a", "text": "b" }));
        let note = LessonNote { run: 1, pane: Some(Pane::Explain), ..note };
        let json = serde_json::to_value(&note).expect("plain values are JSON");
        assert_eq!((&json["run"], &json["pane"]), (&json!(1), &json!("explain")));
        assert_eq!(serde_json::from_value::<LessonNote>(json).expect("it reads"), note);
    }
}
