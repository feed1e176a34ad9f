//! Explanations: why a property was violated, from the events of a run.

mod shape;

pub use shape::{Cell, Explanation, Nearby, Other, Picture, Remark, Row, Saved, Step, WhyNot};
