//! What a broker does at intervals: checkpoints, the look for lagging followers, retention,
//! forgetting producers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::HaltReason;
use crate::message::{Checkpoint, DiskOperation, FileName};
use crate::node::broker::{Broker, Component};
use crate::node::broker_config::BrokerConfig;
use crate::node::port::Output;
use crate::protocol::replica::Replica;
use crate::protocol::{connection, fetcher, replica};
use crate::types::{Deadlines, Monotonic, Now, Offset, Ticket, TopicPartition};

/// How long the thread takes that handles failures of log directories: it stops fetchers and waits
/// for locks before it halts the process.
const DIRECTORY_FAILURE_TAKES: Duration = Duration::from_millis(10);

/// When each task is next due, by the steady clock (`KafkaScheduler`); none before the broker has
/// shown its replicas the first metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    high_watermarks: Option<Monotonic>,
    recovery_points: Option<Monotonic>,
    log_starts: Option<Monotonic>,
    shrink: Option<Monotonic>,
    retention: Option<Monotonic>,
    flush: Option<Monotonic>,
    producers: Option<Monotonic>,
    /// When the failure of the log directory is handled.
    directory_failed: Option<Monotonic>,
    /// A log was cut: what the disk says of recovery points may lie beyond its end.
    pub(crate) recovery_points_are_stale: bool,
}

impl Schedule {
    pub(crate) fn begin(&mut self, now: Now, config: &BrokerConfig) {
        let after = |interval: Duration| Some(now.monotonic + interval);
        self.high_watermarks = after(config.high_watermark_checkpoint_interval);
        // Source: Kafka 4.1, `LogManager.startupWithConfigOverrides`.
        self.recovery_points = after(config.initial_task_delay);
        self.log_starts = after(config.initial_task_delay);
        self.retention = after(config.initial_task_delay);
        self.flush = config.flush_check_interval.and(after(config.initial_task_delay));
        self.shrink = after(config.replica_lag_time_max / 2);
        self.producers = after(config.producer_expiration_interval);
    }

    pub(crate) fn deadlines(&self) -> Deadlines {
        let all = [
            self.high_watermarks,
            self.recovery_points,
            self.log_starts,
            self.shrink,
            self.retention,
            self.flush,
            self.producers,
            self.directory_failed,
        ];
        Deadlines::monotonic(all.into_iter().flatten().min())
    }
}

/// Whether a task is due; if so, says when it is due again.
fn is_due(at: &mut Option<Monotonic>, now: Now, interval: Duration) -> bool {
    match *at {
        Some(due) if due <= now.monotonic => {
            *at = Some(now.monotonic + interval);
            true
        }
        Some(_) | None => false,
    }
}

impl Broker {
    /// A write to a log has failed: the directory is given up, and with it, as it is the only one,
    /// the process. Until that has been done the process goes on.
    ///
    /// Source: Kafka 4.1, `LogDirFailureChannel`, `ReplicaManager.LogDirFailureHandler`,
    /// `LogManager.handleLogDirFailure`.
    pub(crate) fn on_storage_failed(&mut self, now: Now) {
        self.touched.scheduler = true;
        let due = now.monotonic + DIRECTORY_FAILURE_TAKES;
        self.schedule.directory_failed.get_or_insert(due);
    }

    pub(crate) fn on_schedule(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.schedule.directory_failed.is_some_and(|due| due <= now.monotonic) {
            self.halt(HaltReason::DiskFailed, out);
            return;
        }
        let config = std::sync::Arc::clone(&self.config);
        let every = config.high_watermark_checkpoint_interval;
        if is_due(&mut self.schedule.high_watermarks, now, every) {
            self.checkpoint_high_watermarks(false, out);
        }
        let every = config.recovery_point_checkpoint_interval;
        if is_due(&mut self.schedule.recovery_points, now, every) {
            self.checkpoint_recovery_points(false, out);
        }
        if is_due(&mut self.schedule.log_starts, now, config.log_start_checkpoint_interval) {
            self.checkpoint_log_starts(false, out);
        }
        if is_due(&mut self.schedule.shrink, now, config.replica_lag_time_max / 2) {
            let leaders = self.replicas.iter().filter(|(_, replica)| replica.is_leader());
            let leaders: Vec<_> = leaders.map(|(partition, _)| *partition).collect();
            for partition in leaders {
                self.tell(now, partition, replica::Input::ShrinkCheck);
            }
        }
        if is_due(&mut self.schedule.retention, now, config.retention_check_interval) {
            let partitions: Vec<_> = self.replicas.keys().copied().collect();
            for partition in partitions {
                self.tell(now, partition, replica::Input::RetentionCheck);
            }
        }
        if config
            .flush_check_interval
            .is_some_and(|every| is_due(&mut self.schedule.flush, now, every))
        {
            let partitions: Vec<_> = self.replicas.keys().copied().collect();
            for partition in partitions {
                self.tell(now, partition, replica::Input::FlushCheck);
            }
        }
        if is_due(&mut self.schedule.producers, now, config.producer_expiration_interval) {
            for replica in self.replicas.values_mut() {
                replica.log_mut().expire_producers(now.wall.millis());
            }
        }
    }

    pub(crate) fn checkpoint_high_watermarks(&mut self, blocking: bool, out: &mut Vec<Output>) {
        let offsets = self.offsets(|replica| Some(replica.high_watermark()));
        self.write_offsets(FileName::HighWatermarks, offsets, blocking, out);
    }

    pub(crate) fn checkpoint_recovery_points(&mut self, blocking: bool, out: &mut Vec<Output>) {
        self.schedule.recovery_points_are_stale = false;
        let offsets = self.offsets(|replica| Some(replica.log().recovery_point()));
        self.write_offsets(FileName::RecoveryPoints, offsets, blocking, out);
    }

    pub(crate) fn checkpoint_log_starts(&mut self, blocking: bool, out: &mut Vec<Output>) {
        let offsets = self.offsets(|replica| replica.log().start_offset_to_checkpoint());
        self.write_offsets(FileName::LogStarts, offsets, blocking, out);
    }

    fn offsets(
        &self,
        offset: impl Fn(&Replica) -> Option<Offset>,
    ) -> BTreeMap<TopicPartition, Offset> {
        let replicas = self.replicas.iter();
        replicas.filter_map(|(partition, replica)| Some((*partition, offset(replica)?))).collect()
    }

    fn write_offsets(
        &mut self,
        file: FileName,
        offsets: BTreeMap<TopicPartition, Offset>,
        blocking: bool,
        out: &mut Vec<Output>,
    ) {
        let ticket = Some(self.ticket());
        let content = Checkpoint::Offsets(offsets);
        out.push(Output::Disk(DiskOperation::Write { file, content, ticket, blocking }));
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket - 1)
    }

    /// Fetchers without partitions end, and their connections with them. A later one begins
    /// without a session.
    ///
    /// Source: Kafka 4.1, `AbstractFetcherManager.shutdownIdleFetcherThreads`.
    pub(crate) fn end_idle_fetchers(&mut self, now: Now) {
        let idle = self.fetchers.iter().filter(|(leader, source)| {
            let connections = &source.connections;
            let is_connected = connections.is_open(**leader) || connections.is_connecting(**leader);
            source.fetcher.is_idle() && is_connected
        });
        let idle: Vec<_> = idle.map(|(broker, _)| *broker).collect();
        for leader in idle {
            let forget = connection::Input::Forget { to: leader };
            self.connect(now, Component::Fetcher(leader), forget);
            let fetcher = self.new_fetcher(leader);
            if let Some(source) = self.fetchers.get_mut(&leader) {
                source.fetcher = fetcher;
            }
            if let Some(broker_epoch) = self.broker_epoch {
                self.fetch(now, leader, fetcher::Input::Registered { broker_epoch });
            }
        }
    }
}
