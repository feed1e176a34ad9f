//! What the table of event kinds says of a kind and of its fields.

use crate::event::field::Shape;

/// What the table says of a kind.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// Its number in fingerprints and run files.
    pub number: u8,
    /// Its name in text, JSON and filters.
    pub name: &'static str,
    /// What it says happened.
    pub doc: &'static str,
    /// Its fields in order.
    pub fields: &'static [FieldInfo],
}

/// What the table says of a field.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Its name.
    pub name: &'static str,
    /// The layout of its bytes.
    pub shape: Shape,
    /// All words that it is shown as, where they are few; else none.
    pub words: &'static [&'static str],
    /// What it holds.
    pub doc: &'static str,
}
