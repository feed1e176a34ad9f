//! Lessons: a run, and notes that step through it. What a note says is looked up in the run, and
//! what it claims is checked there, so that a lesson cannot outlive what it tells of.

mod facts;
mod plan;
mod reel;
mod shape;
mod teach;

pub use plan::{LessonError, LessonPlan, Other, Try};
pub use shape::{Lesson, LessonNote, Pane};
pub use teach::{Seen, Taught, teach, tried};
