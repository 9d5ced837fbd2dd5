//! Lists: sheets laid end to end, and what steps have done with them.

use std::collections::{BTreeMap, BTreeSet};

use signer::act::{PaymentLine, SheetKind, SheetLines};
use signer::merkle::leaf_hash;
use signer::value::{CaseId, Code, ListRoot, PersonId, StatementHash, Time};

use crate::history::Tree;

/// A list.
#[derive(Clone, Debug)]
pub struct List {
    /// Who signed its first sheet first.
    pub owner: PersonId,
    /// Of what it is.
    pub kind: SheetKind,
    /// Its sheets' lines.
    pub sheets: Vec<SheetLines>,
    /// Largest size of the log that the signers of a sheet had seen.
    pub seen_size: u64,
    /// Bytes of the sheets' texts, while no step has used it.
    pub unused_bytes: u64,
    /// Tree over the lines.
    tree: Tree,
    /// Lines that are not `omit`.
    pub count: u64,
    /// Sum of their amounts, in fen; nothing where it is too large to be anybody's.
    pub total: Option<u64>,
    /// First part of the last line.
    pub last: Option<String>,
    /// Size of the log that the signers of the first step that used it had seen.
    pub used_seeing: Option<u64>,
    /// The last statement that did its cases.
    pub done_by: Option<StatementHash>,
    /// Cases that it has lost.
    pub dropped: BTreeSet<CaseId>,
    /// The posting steps in which it is up, and since when by the signers' clock.
    pub up: BTreeMap<Code, Time>,
}

impl List {
    /// A list without sheets.
    pub fn new(owner: PersonId, kind: SheetKind) -> List {
        List {
            owner,
            kind,
            sheets: Vec::new(),
            seen_size: 0,
            unused_bytes: 0,
            tree: Tree::default(),
            count: 0,
            total: Some(0),
            last: None,
            used_seeing: None,
            done_by: None,
            dropped: BTreeSet::new(),
            up: BTreeMap::new(),
        }
    }

    /// Adds a sheet.
    pub fn push(&mut self, lines: &SheetLines, bytes: u64, seen_size: u64) {
        self.seen_size = self.seen_size.max(seen_size);
        for text in lines.texts() {
            self.tree.push(leaf_hash(text.as_bytes()));
            self.last = text.split(' ').next().map(ToOwned::to_owned);
        }
        self.count += lines.count();
        self.total = self.total.zip(lines.total()).and_then(|(one, other)| one.checked_add(other));
        self.unused_bytes += bytes;
        self.sheets.push(lines.clone());
    }

    /// Number of lines.
    pub fn lines(&self) -> u64 {
        self.tree.size()
    }

    /// Cases of lines that are not `omit`.
    pub fn cases(&self) -> impl Iterator<Item = &CaseId> {
        self.sheets.iter().flat_map(|sheet| -> Box<dyn Iterator<Item = &CaseId>> {
            match sheet {
                SheetLines::Cases(lines) => Box::new(lines.iter().filter(|line| !line.omit).map(|line| &line.case)),
                SheetLines::Payments(lines) => Box::new(lines.iter().filter_map(|line| match line {
                    PaymentLine::Pays { case, .. } => Some(case),
                    PaymentLine::Omits { .. } => None,
                })),
                SheetLines::Results(lines) => Box::new(lines.iter().map(|line| &line.case)),
                SheetLines::Seats(_) => Box::new(std::iter::empty()),
            }
        })
    }

    /// RFC 6962 root over the lines.
    pub fn root(&self) -> ListRoot {
        ListRoot(self.tree.root_at(self.tree.size()).map_or([0; 32], |root| root.0))
    }
}
