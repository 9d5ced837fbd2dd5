//! Lists, read from the sheets in the record: the root that signers named must be the one over these lines.

use std::collections::BTreeMap;
use std::rc::Rc;

use ledger::history::Tree;
use projector::rows::CasePart;
use signer::Refusal;
use signer::act::{Act, ListRef};
use signer::merkle::{leaf_hash, list_root, root_of_inclusion};
use signer::rule::Rule;
use signer::value::{ListRoot, TreeHash};

use super::said::Said;

/// A list as its sheets have it.
pub struct Lines {
    /// Entries of its sheets.
    pub sheets: Vec<u64>,
    /// Every line, in order, each with its sheet's entry.
    pub texts: Vec<(u64, String)>,
    /// Root over the lines.
    pub root: ListRoot,
    count: u64,
    total: Option<u64>,
    /// Place of the line that begins with a word.
    by_first: BTreeMap<String, usize>,
}

/// One line, with the way from it to the root of its list.
#[derive(Clone, Debug)]
pub struct LineProof {
    /// The line.
    pub text: String,
    /// Its sheet's entry.
    pub sheet: u64,
    /// Its place in the list, from 0.
    pub index: u64,
    /// Lines of the list.
    pub of: u64,
    /// Hashes beside the way up (RFC 6962 section 2.1.1), the line's neighbour first.
    pub path: Vec<TreeHash>,
}

impl LineProof {
    /// Whether the way leads to this root.
    pub fn leads_to(&self, root: &ListRoot) -> bool {
        let found = root_of_inclusion(leaf_hash(self.text.as_bytes()), self.index, self.of, &self.path);
        found.is_some_and(|found| found.0 == root.0)
    }
}

impl Lines {
    /// The lines of a list, from what its sheets' entries say.
    pub(super) fn of(list: &str, sheets: Vec<u64>, said: &[Option<Rc<Said>>]) -> Lines {
        let mut texts = Vec::new();
        let (mut count, mut total) = (0, Some(0_u64));
        for (entry, said) in sheets.iter().zip(said) {
            let Some(Act::Sheet(sheet)) = said.as_ref().and_then(|said| said.act()) else { continue };
            if sheet.list.as_str() != list {
                continue;
            }
            count += sheet.lines.count();
            total = total.zip(sheet.lines.total()).and_then(|(sum, more)| sum.checked_add(more));
            texts.extend(sheet.lines.texts().into_iter().map(|text| (*entry, text)));
        }
        let root = list_root(texts.iter().map(|(_, text)| text));
        let first = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        let by_first = texts.iter().enumerate().map(|(at, (_, text))| (first(text), at)).collect();
        Lines { sheets, texts, root, count, total, by_first }
    }

    /// The line of a case, with its way to the root.
    pub fn proof(&self, case: &str) -> Option<LineProof> {
        let at = *self.by_first.get(case)?;
        let (sheet, text) = self.texts.get(at)?.clone();
        let mut tree = Tree::default();
        self.texts.iter().for_each(|(_, line)| tree.push(leaf_hash(line.as_bytes())));
        let (index, of) = (at as u64, self.texts.len() as u64);
        Some(LineProof { text, sheet, index, of, path: tree.inclusion(index, of)? })
    }

    /// Whether count, total and root are those that signers named.
    pub fn judge(&self, named: &ListRef) -> Result<(), Refusal> {
        if (named.count, Some(named.total), named.root) == (self.count, self.total, self.root) {
            return Ok(());
        }
        let total = self.total.map_or("too much".to_owned(), |total| total.to_string());
        let expected = format!("list {}: {} lines, {total} fen, root {}", named.list, self.count, self.root);
        Err(Refusal::new(Rule::ListRoot, expected, format!("{} lines, {} fen, root {}", named.count, named.total, named.root)))
    }

    /// Whether the line of a case is what the case's part in a list says.
    pub fn judge_line(&self, list: &str, case: &str, part: &CasePart) -> Result<(), Refusal> {
        let line = self.by_first.get(case).map_or("", |at| self.texts[*at].1.as_str());
        let is_omit = line.ends_with(" omit");
        let is_so = match part {
            CasePart::Kept { .. } | CasePart::Dropped(_) | CasePart::DroppedBefore(_) | CasePart::InBatch | CasePart::HeldBack(_) => {
                !line.is_empty() && !is_omit
            }
            CasePart::Omitted(blame) => line == format!("{case} {} omit", signer::value::StatementHash(blame.hash)),
            CasePart::Paid => line == format!("{case} paid"),
            CasePart::Failed(reason) => line == format!("{case} failed {reason}"),
            CasePart::Own | CasePart::Waits => true,
        };
        if is_so {
            return Ok(());
        }
        let found = if line.is_empty() { "none" } else { line };
        Err(Refusal::new(Rule::ListRoot, format!("list {list}: a line of case {case} as it is told"), found))
    }
}
