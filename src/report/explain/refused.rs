//! Batches that a disk refused, and that may stand in a log's file all the same.

use std::collections::BTreeMap;

use crate::event::{Event, Kind};
use crate::report::explain::tape::Tape;
use crate::trace::LogView;
use crate::types::{BatchId, HostId, Offset, TopicPartition};

/// A write to a log that failed.
#[derive(Clone, Copy, Debug)]
struct Refused {
    event: u64,
    base: Offset,
    batch: BatchId,
    /// Whether the process that saw it fail still runs.
    is_known: bool,
}

/// The first write that failed, of each log.
#[derive(Debug, Default)]
pub(crate) struct RefusedWrites(BTreeMap<(HostId, TopicPartition), Refused>);

impl RefusedWrites {
    pub(crate) fn observe(&mut self, event: &Event) {
        let Some(host) = event.host else { return };
        match &event.kind {
            Kind::StorageFailed { partition, base_offset, batch, .. } => {
                let (event, base, batch) = (event.index, *base_offset, *batch);
                let refused = Refused { event, base, batch, is_known: true };
                self.0.entry((host, *partition)).or_insert(refused);
            }
            Kind::HostStopped { .. } => {
                for ((_, _), refused) in self.0.iter_mut().filter(|((at, _), _)| *at == host) {
                    refused.is_known = false;
                }
            }
            _ => {}
        }
    }

    /// Why a log should take no record any more, if it should not.
    pub(crate) fn forbids(
        &self,
        host: Option<HostId>,
        partition: TopicPartition,
    ) -> Option<String> {
        let refused = self.0.get(&(host?, partition)).filter(|refused| refused.is_known)?;
        Some(format!(
            "its log goes on, though it could not write offset {} (e{})",
            refused.base, refused.event
        ))
    }

    /// What is wrong with a log that was loaded from its file.
    pub(crate) fn left(
        &self,
        host: Option<HostId>,
        partition: TopicPartition,
        log: &LogView,
    ) -> Option<String> {
        let refused = self.0.get(&(host?, partition))?;
        let entry = log.entry_at(refused.base)?;
        (entry.batch == refused.batch).then(|| {
            format!(
                "at offset {} the file has the batch whose write failed (e{}): it stood there all \
                 the same",
                refused.base, refused.event
            )
        })
    }
}

/// The event at which the write of `batch` to the log of `host` failed, if one did.
pub(crate) fn refused(
    tape: &Tape,
    host: Option<HostId>,
    (partition, batch): (TopicPartition, BatchId),
) -> Option<u64> {
    let failed = tape.events.iter().find(|event| {
        event.host == host
            && matches!(&event.kind, Kind::StorageFailed { partition: of, batch: it, .. }
                if *of == partition && *it == batch)
    });
    failed.map(|event| event.index)
}
