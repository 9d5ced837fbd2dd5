//! Writes the statements of a table's rows, rehearses them, and puts them into drafts: all of them, or nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::act::Act;
use signer::draft::{DRAFT_BYTES_MAX, Draft, DraftStatement};
use signer::rule::Refusal;
use signer::statement::{By, Header, ProcedureName, Seen, Statement};
use signer::value::{DeviceId, PersonId, Time};

use super::rehearsal::{Rehearsal, is_of_all};
use super::remembered_sizes;
use crate::desk::drafted_from;
use crate::error::Failure;
use crate::files;
use crate::salts::Salts;

/// Whoever writes the statements.
pub struct Clerk<'a> {
    ledger: &'a Snapshot<Folder>,
    at: Time,
    procedure: Option<ProcedureName>,
    seen: Seen,
    counters: BTreeMap<DeviceId, u64>,
    rehearsal: Rehearsal,
    groups: Vec<(Vec<PersonId>, Vec<String>)>,
    /// Salts of the papers that the statements commit to.
    pub salts: Salts,
}

/// What one statement met in the rehearsal.
pub enum Met {
    /// It would be admitted, with these warnings.
    Admitted(Vec<Refusal>),
    /// It would be refused.
    Refused(Refusal),
}

impl<'a> Clerk<'a> {
    /// Statements that see the whole log, at this time.
    pub fn of(ledger: &'a Snapshot<Folder>, at: Time) -> Result<Clerk<'a>, Failure> {
        let state = ledger.state();
        let moment = at.unix_ms().max(state.received_last());
        let procedure = state.procedure_at(ledger.size(), moment).map(|enacted| enacted.name.clone());
        let seen = ledger.history().seen_at(ledger.size()).ok_or(ledger::LedgerError::NotALedger)?;
        Ok(Clerk {
            ledger,
            at,
            procedure,
            seen,
            counters: BTreeMap::new(),
            rehearsal: Rehearsal::of(ledger, moment),
            groups: Vec::new(),
            salts: Salts::default(),
        })
    }

    /// Writes a statement and judges it. A refusal that is about all of them alike ends the work.
    pub fn write(&mut self, by: Vec<By>, device: &DeviceId, act: Act) -> Result<Met, Failure> {
        let recorded = || self.ledger.state().device(device).and_then(|device| device.counters.keys().next_back().copied());
        let first = || recorded().map_or(0, |last| last + 1);
        let counter = self.counters.get(device).copied().unwrap_or_else(first);
        self.counters.insert(device.clone(), counter + 1);
        let header = Header { procedure: self.procedure.clone(), by, device: device.clone(), counter, at: self.at, seen: self.seen };
        let persons: Vec<PersonId> = header.by.iter().map(|by| by.person.clone()).collect();
        let text = Statement::Act { ledger: self.ledger.id().clone(), header, act }.encode();
        match self.rehearsal.judge(&text) {
            Ok(warnings) => {
                match self.groups.iter_mut().find(|(signers, _)| *signers == persons) {
                    Some((_, texts)) => texts.push(text),
                    None => self.groups.push((persons, vec![text])),
                }
                Ok(Met::Admitted(warnings))
            }
            Err(refusal) if is_of_all(refusal.rule) => Err(Failure::Refused(refusal)),
            Err(refusal) => Ok(Met::Refused(refusal)),
        }
    }

    /// Writes the drafts and the salts as new files. Fails before anything is made, or takes back what was.
    pub fn seal(&self, output: &Path) -> Result<Sealed, Failure> {
        let mut drafts: Vec<(Vec<PersonId>, Draft)> = Vec::new();
        for (persons, texts) in &self.groups {
            let remembered = remembered_sizes(persons, self.ledger.state());
            let from = drafted_from(self.ledger.history(), self.ledger.checkpoint(), self.seen, &remembered)?;
            let head = Draft { from: Some(from), statements: Vec::new() };
            for texts in chunks(texts, persons.len(), DRAFT_BYTES_MAX - head.encode().len()) {
                let statement = |text: &String| DraftStatement { text: text.clone(), signatures: Vec::new() };
                drafts.push((persons.clone(), Draft { statements: texts.iter().map(statement).collect(), ..head.clone() }));
            }
        }
        let names = names(output, drafts.len());
        let salts = (self.salts.count() > 0).then(|| suffixed(output, ".salts"));
        if let Some(taken) = names.iter().chain(&salts).find(|path| path.exists()) {
            return Err(Failure::file(taken)(std::io::ErrorKind::AlreadyExists.into()));
        }
        let mut made: Vec<&PathBuf> = Vec::new();
        let written = (|| {
            if let Some(path) = &salts {
                files::write_secret(path, self.salts.encode().as_bytes())?;
                made.push(path);
            }
            for (path, (_, draft)) in names.iter().zip(&drafts) {
                files::write_new(path, draft.encode().as_bytes())?;
                made.push(path);
            }
            Ok(())
        })();
        written.inspect_err(|_: &Failure| made.iter().for_each(|path| _ = std::fs::remove_file(path)))?;
        let drafts = names.into_iter().zip(drafts).map(|(path, (signers, draft))| (path, signers, draft.statements.len()));
        Ok(Sealed { drafts: drafts.collect(), salts })
    }

    /// Who signs how many statements.
    pub fn signing(&self) -> impl Iterator<Item = (&[PersonId], usize)> {
        self.groups.iter().map(|(persons, texts)| (persons.as_slice(), texts.len()))
    }
}

/// Files that were made.
pub struct Sealed {
    /// Each draft, who signs it, and how many statements it has.
    pub drafts: Vec<(PathBuf, Vec<PersonId>, usize)>,
    /// The salts.
    pub salts: Option<PathBuf>,
}

/// Statements in order, divided so that no draft of them is too long.
fn chunks(texts: &[String], signers: usize, bytes_max: usize) -> Vec<&[String]> {
    // `statement N` and `signatures N`, and room for the signatures to come.
    let around = 64 + signers * 160;
    let mut out = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, text) in texts.iter().enumerate() {
        let more = text.len() + around;
        if at > start && bytes + more > bytes_max {
            out.push(&texts[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += more;
    }
    out.push(&texts[start..]);
    out
}

/// One name, or as many with a number before the ending.
fn names(output: &Path, count: usize) -> Vec<PathBuf> {
    if count < 2 {
        return vec![output.to_owned(); count];
    }
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let ending = output.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    (1..=count).map(|number| output.with_file_name(format!("{stem}-{number}{ending}"))).collect()
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_divided_in_order_and_none_is_lost() {
        let texts: Vec<String> = (0..10).map(|number| format!("{number:0>616}")).collect();
        let parts = chunks(&texts, 2, 3_000);
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [3, 3, 3, 1]);
        assert_eq!(parts.concat(), texts);
        assert_eq!(chunks(&texts, 2, 10).len(), 10);
    }

    #[test]
    fn several_drafts_are_numbered() {
        assert_eq!(names(Path::new("a/b.draft"), 1), [Path::new("a/b.draft")]);
        assert_eq!(names(Path::new("a/b.draft"), 2), [Path::new("a/b-1.draft"), Path::new("a/b-2.draft")]);
    }
}
