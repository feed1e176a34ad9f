//! metadata-prefix.
//!
//! Whatever a broker or controller has applied is a prefix of the committed metadata log (KIP-500,
//! KIP-631): two nodes that replayed up to one offset replayed the same records, nobody replays
//! beyond the quorum's high watermark, and nobody goes back while it runs.
//!
//! Compared: hashes of all that was replayed, where two nodes stood at one offset; each offset
//! with the highest high watermark of the quorum and with the node's last one.
//!
//! The boundary case: nodes stop at different offsets, since each applies what one fetch brought.
//! Hashes are compared only where two of them stood; that is often enough, for the log grows by a
//! sign of life every half second.

use std::collections::BTreeMap;

use imbl::OrdMap;

use crate::check::property::{Findings, Info, Property, View, clone_box};
use crate::check::subject::Subject;
use crate::event::{ChainHash, Event, Kind};
use crate::types::{HostId, Offset};

/// The property.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetadataPrefix {
    /// By offset: who stood there first, with which hash.
    digests: OrdMap<Offset, (ChainHash, HostId, u64)>,
    /// By node: how far its process has come.
    applied: BTreeMap<HostId, (Offset, u64)>,
}

const INFO: Info = Info {
    name: "metadata-prefix",
    statement: "what a node has applied is a prefix of the committed metadata log",
    source: "KIP-500, KIP-631",
    premise: "none",
    kinds: &["metadata-applied", "host-started"],
    is_liveness: false,
};

impl Property for MetadataPrefix {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn on_event(&mut self, event: &Event, view: View<'_>, findings: &mut Findings) {
        let Some(host) = event.host else { return };
        if let Kind::HostStarted { .. } = &event.kind {
            self.applied.remove(&host);
        }
        let Kind::MetadataApplied { offset, digest, .. } = &event.kind else { return };
        let setup = view.model.setup();
        let name = setup.host_name(Some(host));
        let Some(node) = setup.node(host) else { return };
        let before = self.applied.insert(host, (*offset, event.index));
        if let Some((before, last)) = before.filter(|(before, _)| before > offset) {
            let sentence = format!("{name} replayed up to {offset} after it had come to {before}");
            let subject = Subject::Node { node };
            findings.violated(subject, sentence, [last, event.index]);
        }
        let committed = view.model.metadata.readable_end;
        if *offset > committed {
            let sentence = format!(
                "{name} replayed the metadata log up to {offset}, while only {committed} is \
                 committed"
            );
            let subject = Subject::Node { node };
            findings.violated(subject, sentence, [event.index]);
        }
        match self.digests.get(offset) {
            None => {
                self.digests.insert(*offset, (*digest, host, event.index));
            }
            Some((known, other, first)) => {
                findings.exercised();
                if known != digest {
                    let who = match *other == host {
                        true => format!("{name} twice"),
                        false => format!("{name} and {} both", setup.host_name(Some(*other))),
                    };
                    let sentence = format!(
                        "{who} replayed the metadata log up to {offset}, but not the same records"
                    );
                    let subject = Subject::Node { node };
                    findings.violated(subject, sentence, [*first, event.index]);
                }
            }
        }
    }

    clone_box!();
}

#[cfg(test)]
mod tests {
    use crate::check::script::Script;
    use crate::event::{Kind, StartedAs};
    use crate::types::HostId;

    fn committed() -> Script {
        let mut run = Script::new();
        run.metadata_high_watermark(1, 9, true).applied(HostId(1), 5, 50);
        run
    }

    #[test]
    fn equal_prefixes_hold() {
        let mut run = committed();
        assert_eq!(run.outcome("metadata-prefix"), "not exercised");
        run.applied(HostId(2), 5, 50).applied(HostId(1), 7, 70);
        assert_eq!(run.outcome("metadata-prefix"), "holds");
    }

    #[test]
    fn other_records_up_to_the_same_offset_are_a_breach() {
        let mut run = committed();
        run.applied(HostId(2), 5, 51);
        assert_eq!(run.outcome("metadata-prefix"), "violated");
    }

    #[test]
    fn one_that_replays_anew_replays_the_same() {
        let mut run = committed();
        let started = Kind::HostStarted { incarnation: 1, after: StartedAs::AfterPowerLoss };
        run.add(HostId(1), started).applied(HostId(1), 5, 51);
        let verdict = run.verdict("metadata-prefix");
        let sentence = verdict.outcome.violation().map(|it| it.sentence.as_str());
        assert_eq!(
            sentence,
            Some("broker-1 twice replayed the metadata log up to 5, but not the same records")
        );
    }

    #[test]
    fn what_is_not_committed_must_not_be_replayed_and_nobody_goes_back() {
        let mut run = committed();
        let mut back = run.clone();
        run.applied(HostId(2), 10, 99);
        assert_eq!(run.outcome("metadata-prefix"), "violated");
        back.applied(HostId(1), 4, 40);
        assert_eq!(back.outcome("metadata-prefix"), "violated");
    }
}
