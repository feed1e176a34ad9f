//! The engine's part that ends processes in order, and says what starts next.

use crate::event::{About, ClosedBecause, CrashKeep, Kind, StartedAs};
use crate::node::Task;
use crate::sim::engine::Engine;
use crate::sim::host::HostState;
use crate::sim::process::Launch;
use crate::types::{ConnectionId, HostId, Moment};

impl<L: Launch> Engine<L> {
    /// Asks the process of `host` to end in order (SIGTERM); one that stands still hears of it
    /// when it goes on. Says whether there is a process.
    pub fn shut_down(&mut self, host: HostId) -> bool {
        if self.state(host) == HostState::Down {
            return false;
        }
        self.record(Some(host), Kind::ShutdownRequested {}, About::Nothing);
        self.task(host, Task::Shutdown);
        true
    }

    /// What the process of `host` is from its next start on.
    pub(crate) fn deploy(&mut self, host: HostId, launch: L) {
        self.hosts[host.0 as usize].setup.launch = launch;
    }

    /// How often the process of `host` was started.
    pub(crate) fn starts(&self, host: HostId) -> u32 {
        self.hosts[host.0 as usize].starts
    }

    /// The process of `host` has ended in order.
    pub(crate) fn exit(&mut self, host: HostId) {
        let this = &mut self.hosts[host.0 as usize];
        if this.process.take().is_none() {
            return;
        }
        this.state = HostState::Down;
        this.lanes.clear();
        this.started_as = StartedAs::AfterShutdown;
        let keep = CrashKeep::PageCache;
        let kind = Kind::HostStopped { keep, halted: None, in_order: true };
        self.record(Some(host), kind, About::Nothing);
        self.abandon_connections(host, keep, ClosedBecause::Closed);
    }

    /// The process of `host` takes no more connections, and closes those that it took.
    pub(crate) fn stop_listening(&mut self, host: HostId, at: Moment) {
        self.hosts[host.0 as usize].is_listening = false;
        let accepted: Vec<ConnectionId> = self
            .network
            .of_host(host)
            .into_iter()
            .filter_map(|side| {
                let connection = self.network.get(side)?;
                (side.end == 1 && connection.ends[1].open).then_some(connection.id)
            })
            .collect();
        accepted.into_iter().for_each(|connection| self.close(host, connection, at));
    }
}
