//! A disk for tests of machines: what was written, and what of it is sure to outlive power loss.

use std::collections::BTreeMap;

use kafsim::message::{Batch, Checkpoint, DiskImage, DiskOperation, FileContent, FileName};

/// The files of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeDisk {
    files: BTreeMap<FileName, File>,
}

#[derive(Clone, Debug)]
enum File {
    Segment { batches: Vec<Batch>, durable: usize },
    Checkpoint { current: Checkpoint, durable: Option<Checkpoint> },
}

impl FakeDisk {
    /// Carries out `operation` in the page cache. A flush or write without a ticket is durable at
    /// once; one with a ticket when [`Self::complete`] is called.
    pub(crate) fn take(&mut self, operation: &DiskOperation) {
        match operation {
            DiskOperation::Create { file } => drop(self.segment(*file)),
            DiskOperation::Append { file, batch } => self.segment(*file).0.push(batch.clone()),
            DiskOperation::AppendInVain { .. } => unreachable!("this disk refuses nothing"),
            DiskOperation::Truncate { file, end } => {
                let (batches, durable) = self.segment(*file);
                batches.retain(|batch| batch.end_offset() <= *end);
                *durable = (*durable).min(batches.len());
            }
            DiskOperation::Delete { file } => drop(self.files.remove(file)),
            DiskOperation::Flush { ticket, .. } => {
                if ticket.is_none() {
                    self.complete(operation);
                }
            }
            DiskOperation::Write { file, content, ticket, .. } => {
                let durable = match self.files.remove(file) {
                    Some(File::Checkpoint { durable, .. }) => durable,
                    Some(File::Segment { .. }) | None => None,
                };
                let current = content.clone();
                self.files.insert(*file, File::Checkpoint { current, durable });
                if ticket.is_none() {
                    self.complete(operation);
                }
            }
        }
    }

    /// Makes durable what the flush or write `operation` is about.
    pub(crate) fn complete(&mut self, operation: &DiskOperation) {
        let (DiskOperation::Flush { file, .. } | DiskOperation::Write { file, .. }) = operation
        else {
            return;
        };
        match self.files.get_mut(file) {
            Some(File::Segment { batches, durable }) => *durable = batches.len(),
            Some(File::Checkpoint { current, durable }) => *durable = Some(current.clone()),
            None => {}
        }
    }

    /// Loses all that is not durable.
    pub(crate) fn lose_power(&mut self) {
        self.files.retain(|_, file| match file {
            File::Segment { batches, durable } => {
                batches.truncate(*durable);
                true
            }
            File::Checkpoint { current, durable } => match durable {
                Some(durable) => {
                    current.clone_from(durable);
                    true
                }
                None => false,
            },
        });
    }

    /// What a process finds that starts now.
    pub(crate) fn image(&self) -> DiskImage {
        let content = |file: &File| match file {
            File::Segment { batches, .. } => {
                FileContent::Segment { batches: batches.clone(), broken: None }
            }
            File::Checkpoint { current, .. } => FileContent::Checkpoint(current.clone()),
        };
        DiskImage { files: self.files.iter().map(|(name, file)| (*name, content(file))).collect() }
    }

    fn segment(&mut self, file: FileName) -> (&mut Vec<Batch>, &mut usize) {
        let fresh = || File::Segment { batches: Vec::new(), durable: 0 };
        match self.files.entry(file).or_insert_with(fresh) {
            File::Segment { batches, durable } => (batches, durable),
            File::Checkpoint { .. } => panic!("{file:?} is a checkpoint"),
        }
    }
}
