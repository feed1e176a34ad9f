//! The words that scenario files may use and that the scenario itself does not know.

use crate::event::Kind;
use crate::scenario::Vocabulary;

/// The events that a milestone may name, with their fields.
pub fn vocabulary() -> Vocabulary {
    let fields = |kind: &'static [crate::event::FieldInfo]| kind.iter().map(|f| f.name).collect();
    let events = Kind::TABLE.iter().map(|kind| (kind.name, fields(kind.fields)));
    Vocabulary { events: events.collect() }
}
