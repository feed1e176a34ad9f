//! What a fault says beside whom it befalls, for its event.

use crate::scenario::hardware::show_offset;
use crate::scenario::plan::{CrashKeep, Direction, Fault, Latency, Shape, Slower};
use crate::scenario::units::{show_bandwidth, show_duration, show_share};

impl Fault {
    /// How much, which way: what tells it from others of its kind. Empty for nothing.
    pub fn detail(&self) -> String {
        match self {
            Self::Crash { keep: CrashKeep::PageCache, .. } => "page-cache".to_owned(),
            Self::Crash { keep: CrashKeep::Synced, .. } => "synced".to_owned(),
            Self::Isolate { direction, .. } | Self::Cut { direction, .. } => {
                direction.name().to_owned()
            }
            Self::Delay { slower, direction, .. } => one_way(slower.words(), *direction),
            Self::Lose { loss, direction, .. } => one_way(show_share(*loss), *direction),
            Self::Throttle { bandwidth, direction, .. } => {
                one_way(show_bandwidth(*bandwidth), *direction)
            }
            Self::Slow { factor, .. } | Self::SlowDisk { factor, .. } => format!("{factor} times"),
            Self::FailDisk { operations, .. } => operations.name().to_owned(),
            Self::JumpClock { by_micros, .. } => show_offset(*by_micros),
            Self::DriftClock { by_ppm, .. } => format!("{by_ppm}ppm"),
            Self::Shape { shape, .. } => shape.name().to_owned(),
            Self::Stop { kill_after, .. } | Self::RollingRestart { kill_after, .. } => kill_after
                .map_or_else(String::new, |after| format!("killed after {}", show_duration(after))),
            Self::Pause { .. }
            | Self::Stall { .. }
            | Self::Partition { .. }
            | Self::Reset { .. }
            | Self::HangDisk { .. }
            | Self::FillDisk { .. }
            | Self::ReplaceDisk { .. } => String::new(),
        }
    }

    /// Whether it is over as soon as it has begun.
    pub fn is_instant(&self) -> bool {
        matches!(self, Self::Reset { .. })
    }
}

fn one_way(what: String, direction: Direction) -> String {
    match direction {
        Direction::Both => what,
        one => format!("{what}, {}", one.name()),
    }
}

impl Slower {
    fn words(&self) -> String {
        match self {
            Self::Latency(Latency { p50, max, .. }) if p50 == max => show_duration(*p50),
            Self::Latency(Latency { p50, max, .. }) => {
                format!("{} to {}", show_duration(*p50), show_duration(*max))
            }
            Self::By { by, jitter } if jitter.is_zero() => format!("{} more", show_duration(*by)),
            Self::By { by, jitter } => {
                format!("{} more, give or take {}", show_duration(*by), show_duration(*jitter))
            }
        }
    }
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Halves, Self::One, Self::Bridge, Self::Ring, Self::OneWay];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Halves => "halves",
            Self::One => "one",
            Self::Bridge => "bridge",
            Self::Ring => "ring",
            Self::OneWay => "one-way",
        }
    }

    /// How many hosts it takes at least.
    pub fn hosts_min(self) -> usize {
        match self {
            Self::Halves | Self::One | Self::OneWay => 2,
            Self::Bridge => 3,
            // In a smaller ring everybody is near everybody.
            Self::Ring => 4,
        }
    }
}

impl Direction {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Both => "both",
        }
    }
}
