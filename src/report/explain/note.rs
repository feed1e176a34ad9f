//! What may become a step of an explanation.

use crate::report::explain::focus::Shape;
use crate::types::Defect;

/// What a note is about: by it, and by the shape of the story, it is weighed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Tag {
    /// A leader appends records that the story is about.
    Write,
    /// A follower copies them.
    Copy,
    /// They count as committed.
    Commit,
    /// A producer is told that they are written.
    Ack,
    /// A replica loses records that the story is about.
    Loss,
    /// A replica's log is cut, or is loaded, otherwise.
    Cut,
    /// Something is done although a replica concerned lacks the records.
    Despite,
    /// A leader is elected.
    Election,
    /// A replica takes its part.
    Role,
    /// The in-sync set changes.
    InSync,
    /// A change of it is asked for, decided, answered.
    AskInSync,
    /// A fault begins or ends.
    Fault,
    /// A process concerned starts, stops, pauses, goes on.
    Process,
    /// A broker is registered, fenced, unfenced.
    Fence,
    /// A leader learns of a follower's log end.
    Counted,
    /// A leader says where logs part.
    Diverged,
    /// A producer sends, or is answered.
    Send,
    /// A consumer reads, or is told of an offset.
    Read,
    /// High watermark, log start, epoch cache, where the story is about them.
    Place,
    /// A member of the metadata quorum changes its part, or votes.
    Quorum,
    /// A controller takes charge or retires.
    Controller,
    /// Metadata are applied.
    Apply,
    /// Disks and clocks.
    Hardware,
    /// An administrator.
    Admin,
    /// A part of the run begins.
    Phase,
    /// A coordinator goes on with a group.
    Group,
    /// A member of a group goes on in its membership.
    Member,
    /// What a group commits, and where it goes on.
    Offset,
    /// An application processes records.
    Work,
    /// What a bug made do otherwise, where no other event tells of it.
    Deed,
}

/// What a fault matters beyond its tag without which, the run says, it would not have happened.
/// Below what befell the records themselves.
pub(crate) const NEEDED: i32 = 20;

/// What a fault matters without which it happens as well.
pub(crate) const IDLE: i32 = -60;

/// What a fault matters without which it happens as well, and without others it does not.
pub(crate) const ACQUITTED: i32 = -120;

/// What a fault matters that changed nothing: it is said that it is not the cause, and no more.
pub(crate) const CHANGED_NOTHING: i32 = -200;

/// What may become a step.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) event: u64,
    pub(crate) tag: Tag,
    /// What it matters beyond its tag.
    pub(crate) extra: i32,
    pub(crate) text: String,
    pub(crate) because: Option<String>,
    /// The events without which nobody understands it, those of other notes.
    pub(crate) rests: Vec<u64>,
}

/// That a bug decided, as the event `event` says.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) event: u64,
    pub(crate) defect: Defect,
    /// What was done, in words.
    pub(crate) text: String,
}

/// What a note with this tag matters in a story of this shape; 0 leaves it out.
pub(crate) fn weight(shape: Shape, tag: Tag) -> i32 {
    use Tag as T;
    match shape {
        Shape::Group => match tag {
            T::Offset => 86,
            T::Work => 84,
            T::Group => 80,
            T::Member => 78,
            T::Process => 74,
            T::Fault => 72,
            T::Election => 60,
            T::Role | T::Cut | T::Loss | T::Hardware => 46,
            T::Admin | T::Phase => 40,
            T::Fence | T::Despite => 30,
            _ => 0,
        },
        Shape::Records => match tag {
            T::Loss => 96,
            T::Despite => 94,
            T::Write => 88,
            T::Ack => 84,
            T::Commit => 80,
            T::Election => 72,
            T::Fault => 70,
            T::Process => 56,
            T::Diverged => 54,
            T::Cut => 50,
            T::Role => 48,
            T::InSync => 52,
            T::Copy => 44,
            T::Hardware => 60,
            T::Fence => 34,
            T::Counted => 30,
            T::AskInSync => 32,
            T::Send | T::Read => 36,
            T::Admin => 40,
            T::Quorum => 42,
            T::Place => 20,
            T::Controller => 20,
            _ => 0,
        },
        Shape::Logs => match tag {
            T::Write => 92,
            T::Loss => 84,
            T::Copy => 70,
            T::Election => 74,
            T::Role => 68,
            T::Diverged => 72,
            T::Cut => 76,
            T::Fault => 66,
            T::Process => 54,
            T::Hardware => 64,
            T::Quorum => 60,
            T::Despite => 60,
            T::Commit => 40,
            T::InSync => 34,
            T::Ack
            | T::Fence
            | T::Counted
            | T::AskInSync
            | T::Send
            | T::Read
            | T::Place
            | T::Admin => 20,
            _ => 0,
        },
        Shape::Leaders => match tag {
            T::Quorum => 84,
            T::Election => 84,
            T::Role => 76,
            T::Process => 72,
            T::Fault => 70,
            T::Controller => 66,
            T::Fence => 40,
            T::InSync => 40,
            T::Cut | T::Loss | T::Despite | T::Hardware => 50,
            T::Write | T::Copy | T::Commit | T::Ack | T::Diverged | T::Counted | T::AskInSync => 20,
            _ => 0,
        },
        Shape::InSync => match tag {
            T::InSync => 86,
            T::Fence => 78,
            T::AskInSync => 76,
            T::Despite => 74,
            T::Process => 70,
            T::Fault => 68,
            T::Election => 64,
            T::Role => 52,
            T::Hardware | T::Loss => 64,
            T::Counted => 46,
            T::Controller => 40,
            T::Cut => 36,
            T::Write | T::Copy | T::Commit | T::Ack | T::Diverged | T::Admin => 30,
            _ => 0,
        },
        Shape::Batches => match tag {
            T::Write => 90,
            T::Send => 84,
            T::Read => 40,
            T::Ack => 76,
            T::Loss => 84,
            T::Despite => 70,
            T::Fault => 68,
            T::Election => 60,
            T::Process => 54,
            T::Place => 58,
            T::Admin => 56,
            T::Role => 44,
            T::Commit => 46,
            T::Hardware => 50,
            T::Cut => 40,
            T::Copy => 24,
            T::InSync => 24,
            T::Fence | T::Counted | T::AskInSync | T::Diverged => 12,
            _ => 0,
        },
        Shape::Reading => match tag {
            T::Read => 88,
            T::Write => 72,
            T::Commit => 70,
            T::Loss => 74,
            T::Election => 70,
            T::Role => 60,
            T::Fault => 60,
            T::Place => 64,
            T::Despite => 62,
            T::Process => 50,
            T::Ack => 40,
            T::Copy | T::Cut | T::Admin | T::Hardware => 30,
            T::InSync | T::Counted | T::Fence | T::AskInSync | T::Diverged | T::Send => 14,
            _ => 0,
        },
        Shape::Replica => match tag {
            T::Place => 88,
            T::Loss | T::Cut => 84,
            T::Role => 68,
            T::Election => 62,
            T::Process => 66,
            T::Fault => 64,
            T::Hardware => 66,
            T::Diverged => 56,
            T::Write => 50,
            T::Copy | T::Despite => 46,
            T::Admin => 60,
            T::Commit | T::InSync | T::Quorum => 30,
            T::Ack | T::Counted | T::Fence | T::AskInSync | T::Send | T::Read => 14,
            _ => 0,
        },
        Shape::Stuck => match tag {
            T::AskInSync => 80,
            T::Election => 80,
            T::Process => 74,
            T::Fence => 76,
            T::InSync => 74,
            T::Fault => 68,
            T::Role => 58,
            T::Place => 60,
            T::Cut | T::Loss => 62,
            T::Diverged => 60,
            T::Counted => 56,
            T::Controller => 64,
            T::Apply => 66,
            T::Send => 66,
            T::Despite => 60,
            T::Admin => 50,
            T::Phase => 58,
            T::Hardware => 60,
            T::Write | T::Ack | T::Commit => 36,
            T::Quorum => 40,
            T::Copy | T::Read => 20,
            _ => 0,
        },
    }
}
