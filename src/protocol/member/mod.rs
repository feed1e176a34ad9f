//! A consumer's membership of its group: the coordinator, joining and leaving, heartbeats, the
//! callbacks of a rebalance, commits, and where to begin.
//!
//! The classic protocol goes on within polls, its heartbeats beside them:
//! ```text
//!            poll                JoinGroup answered            SyncGroup answered
//!  unjoined ------> preparing ---------------------> completing ---------------> stable
//!     ^             ^   ^  (leader: assignor)          |   |                       |  |
//!     |             |   +------------------------------+   |                       |  |
//!     |             |          group rebalances again      |   heartbeat: rebalance,  |
//!     |             +--------------------------------------|-- new metadata, poll  |  |
//!     +----------------------------------------------------+-----------------------+--+
//!         expelled, left: max.poll.interval.ms passed, generation unknown, closed
//! ```
//! That of KIP-848 goes on beside the polls, which are needed for callbacks only:
//! ```text
//!            heartbeat 0              new target            revoked, assigned
//!  unsubscribed --> joining --> stable ---------> reconciling ---------> acknowledging
//!                    ^            ^                    ^  nothing more     | heartbeat
//!                    |            +--------------------|-------------------+
//!     partitions lost|                                 +-------------------+
//!                  fenced <--- FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID
//!                  stale  <--- left by itself: max.poll.interval.ms passed
//! ```

mod answers;
mod callbacks;
mod classic;
mod classic_answers;
mod close;
mod commit;
mod config;
mod coordinator;
mod effect;
mod heartbeat;
mod input;
mod machine;
mod offsets;
mod reconcile;
mod subscription;
mod target;

pub use config::{GroupProtocol, MemberConfig};
pub use effect::{Effect, Start, Why};
pub use input::Input;
pub use machine::Member;
