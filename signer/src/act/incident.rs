//! Incidents: what was found wrong with the copies of a ledger on a cluster, and from what the record goes on (format.md
//! section 5.20).

use crate::rule::Refusal;
use crate::statement::Times::Once;
use crate::statement::{LayoutLine, Values, Writer};
use crate::value::{Commitment, NodeName, TreeRoot, number};

/// The lines that follow the header.
pub(super) const LAYOUT: &[LayoutLine] =
    &[("incident", Once), ("node", Once), ("generation", Once), ("size", Once), ("root", Once), ("document", Once)];

word_type! {
    /// What happened.
    IncidentKind {
        /// The stream is gone.
        StreamLost "stream-lost",
        /// The stream lacks blocks, or holds others.
        StreamDamaged "stream-damaged",
        /// A node's segments lack entries, or hold others.
        SegmentsDamaged "segments-damaged",
        /// A node's folder was put back from a copy.
        NodeRestored "node-restored",
        /// Any other.
        Other "other",
    }
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What happened.
    pub kind: IncidentKind,
    /// The node at which it was found.
    pub node: NodeName,
    /// The generation of the stream that it opens, or 0.
    pub generation: u64,
    /// Number of entries of the record from which it goes on.
    pub size: u64,
    /// Root over them.
    pub root: TreeRoot,
    /// SHA-256 of the report, which lies in the archive.
    pub document: Commitment,
}

impl Incident {
    pub(super) fn read(values: &mut Values<'_>) -> Result<Incident, Refusal> {
        Ok(Incident {
            kind: values.one(IncidentKind::EXPECTED, IncidentKind::parse)?,
            node: values.one("a node", NodeName::parse)?,
            generation: values.one("a generation, or 0", number)?,
            size: values.one("a number of entries", number)?,
            root: values.one("a root", TreeRoot::parse)?,
            document: values.one("the hash of the report", Commitment::parse)?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.line("incident", self.kind);
        out.line("node", &self.node);
        out.line("generation", self.generation);
        out.line("size", self.size);
        out.line("root", self.root);
        out.line("document", self.document);
    }
}
