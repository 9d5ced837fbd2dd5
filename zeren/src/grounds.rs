//! What an entry rests on, verified from the record down to the founding. A snapshot trusts the signatures of entries under
//! its checkpoint; whoever holds the checkpoint key alone could have written them, so nothing here trusts them.

mod named;
mod paper;
mod sheets;

use std::collections::BTreeMap;

use ledger::check::Content;
use ledger::entry::Entry;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::answers::{EntryAnswer, SignedBy};
use projector::rows::{Blame, CasePart, Deed, Subject, Wait};
use projector::{Rows, answers};
use signer::act::Act;
use signer::merkle::{leaf_hash, root_of_inclusion};
use signer::rule::Rule;
use signer::statement::{By, Header};
use signer::value::{KeyBytes, StatementHash};
use signer::{Checkpoint, Refusal, Statement};

use self::named::Named;
pub use self::paper::Paper;
pub use self::sheets::LineProof;
use self::sheets::Lines;
use crate::error::Failure;

/// The entry that does not verify: the one that was asked for, or one that it rests on.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its index.
    pub entry: u64,
    /// Which rule it breaks.
    pub refusal: Refusal,
}

/// Whether an entry verifies with everything that it rests on.
pub type Verdict = Result<(), Fault>;

/// Verifies entries, each once.
pub struct Witness<'a> {
    ledger: &'a Snapshot<Folder>,
    rows: &'a dyn Rows,
    checkpoint: Checkpoint,
    constitutions: Vec<u64>,
    /// Of each entry on its own: the entries that it rests on, all of them earlier.
    grounds: BTreeMap<u64, Result<Vec<u64>, Refusal>>,
    verdicts: BTreeMap<u64, Verdict>,
    papers: BTreeMap<u64, Paper>,
    lists: BTreeMap<String, Option<Lines>>,
}

impl<'a> Witness<'a> {
    /// A witness of this ledger; the rows say which entries an entry rests on.
    pub fn new(ledger: &'a Snapshot<Folder>, rows: &'a dyn Rows) -> Result<Witness<'a>, Failure> {
        let checkpoint = Checkpoint::parse(&ledger.checkpoint().text)
            .ok_or_else(|| Failure::Refused(Refusal::new(Rule::CheckpointMissing, "a checkpoint", "none")))?;
        let answer = answers::ledger(rows).map_err(|error| Failure::Views(error.to_string()))?;
        let constitutions = answer.map(|answer| answer.value.constitutions).unwrap_or_default();
        let constitutions = constitutions.into_iter().map(|(entry, _)| entry).collect();
        Ok(Witness {
            ledger,
            rows,
            checkpoint,
            constitutions,
            grounds: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            papers: BTreeMap::new(),
            lists: BTreeMap::new(),
        })
    }

    /// The ledger.
    pub fn ledger(&self) -> &'a Snapshot<Folder> {
        self.ledger
    }

    /// An entry with everything that it rests on. A list instead of recursion: a chain of keys may be as long as the log.
    pub fn vouches(&mut self, entry: u64) -> Result<Verdict, Failure> {
        let mut open = vec![entry];
        while let Some(index) = open.last().copied() {
            let verdict = match self.grounds_of(index)? {
                Err(refusal) => Some(Err(Fault { entry: index, refusal })),
                Ok(grounds) => {
                    let unknown: Vec<u64> = grounds.iter().copied().filter(|ground| !self.verdicts.contains_key(ground)).collect();
                    open.extend(&unknown);
                    let fault = || grounds.iter().find_map(|ground| self.verdicts.get(ground)?.clone().err());
                    unknown.is_empty().then(|| fault().map_or(Ok(()), Err))
                }
            };
            if let Some(verdict) = verdict {
                self.verdicts.insert(index, verdict);
                open.pop();
            }
        }
        Ok(self.verdicts.get(&entry).cloned().unwrap_or(Ok(())))
    }

    /// What a verified entry says that no view holds; nothing of one that does not verify on its own.
    pub fn paper(&mut self, entry: u64) -> Result<Paper, Failure> {
        _ = self.vouches(entry)?;
        Ok(self.papers.get(&entry).cloned().unwrap_or_default())
    }

    /// A list as its sheets in the record have it; nothing where no sheet of it is there.
    pub fn list(&mut self, list: &str) -> Result<Option<&Lines>, Failure> {
        self.lines(list)
    }

    /// All of these entries: the first fault.
    pub fn vouches_for_all(&mut self, entries: impl IntoIterator<Item = u64>) -> Result<Verdict, Failure> {
        for entry in entries {
            if let Err(fault) = self.vouches(entry)? {
                return Ok(Err(fault));
            }
        }
        Ok(Ok(()))
    }

    fn grounds_of(&mut self, index: u64) -> Result<Result<Vec<u64>, Refusal>, Failure> {
        if let Some(known) = self.grounds.get(&index) {
            return Ok(known.clone());
        }
        let bytes = self.ledger.entry(index)?.unwrap_or_default();
        let grounds = match self.verify(index, &bytes) {
            Err(refusal) => Err(refusal),
            Ok(content) => {
                self.papers.insert(index, Paper::of(&content));
                self.named_by(index, &content)?
            }
        };
        self.grounds.insert(index, grounds.clone());
        Ok(grounds)
    }

    /// Bytes from the record: in the tree of the checkpoint, and every signature good.
    fn verify(&self, index: u64, bytes: &[u8]) -> Result<Content, Refusal> {
        let proof = self.ledger.history().tree().inclusion(index, self.checkpoint.size).unwrap_or_default();
        let root = root_of_inclusion(leaf_hash(bytes), index, self.checkpoint.size, &proof);
        if root != Some(self.checkpoint.root) {
            return Err(Refusal::new(Rule::CheckpointRoot, self.checkpoint.root.to_string(), format!("entry {index} leads elsewhere")));
        }
        let entry = Entry::parse(bytes)?;
        ledger::check(entry.note, self.ledger.state().ring()).map(|verified| verified.content)
    }

    /// An entry with the part that a case has in it: the case's line is in the sheets as it is told, and whoever is named as
    /// responsible verifies too.
    pub fn vouches_for_part(&mut self, entry: &EntryAnswer, case: &str, part: &CasePart) -> Result<Verdict, Failure> {
        if let Err(fault) = self.vouches(entry.entry)? {
            return Ok(Err(fault));
        }
        let fault = |refusal| Err(Fault { entry: entry.entry, refusal });
        if let Some(list) = list_of_part(&entry.row.deed, part)
            && let Err(refusal) = self.judge_line(list, case, part)?
        {
            return Ok(fault(refusal));
        }
        match part {
            CasePart::Dropped(blame) | CasePart::Omitted(blame) | CasePart::HeldBack(blame) => {
                if let Err(refusal) = self.judge_blame(blame)? {
                    return Ok(fault(refusal));
                }
                self.vouches(blame.entry)
            }
            CasePart::DroppedBefore(before) => self.vouches(*before),
            _ => Ok(Ok(())),
        }
    }

    fn judge_line(&mut self, list: &str, case: &str, part: &CasePart) -> Result<Result<(), Refusal>, Failure> {
        let unknown = || Err(Refusal::new(Rule::ListUnknown, "a list whose sheets are in the record", list));
        Ok(self.lines(list)?.map_or_else(unknown, |lines| lines.judge_line(list, case, part)))
    }

    /// The entry that is named as responsible has that statement.
    fn judge_blame(&self, blame: &Blame) -> Result<Result<(), Refusal>, Failure> {
        Ok(match self.entry_of(&StatementHash(blame.hash))? {
            Ok(entry) if entry == blame.entry => Ok(()),
            Ok(entry) => Err(Refusal::new(Rule::OmitUnfounded, format!("entry {entry}"), format!("entry {}", blame.entry))),
            Err(refusal) => Err(refusal),
        })
    }

    fn lines(&mut self, list: &str) -> Result<Option<&Lines>, Failure> {
        if !self.lists.contains_key(list) {
            let lines = Lines::read(list, self.ledger, self.rows)?;
            self.lists.insert(list.to_owned(), lines);
        }
        Ok(self.lists.get(list).and_then(Option::as_ref))
    }

    /// The entry whose statement has this hash.
    fn entry_of(&self, hash: &StatementHash) -> Result<Result<u64, Refusal>, Failure> {
        let views = |error: projector::ProjectorError| Failure::Views(error.to_string());
        let none = || Refusal::new(Rule::OfUnknown, "a statement in the record", hash.to_string());
        let Some(entry) = answers::statement(self.rows, hash).map_err(views)? else { return Ok(Err(none())) };
        let bytes = self.ledger.entry(entry)?.unwrap_or_default();
        let note = Entry::parse(&bytes).ok().and_then(|entry| signer::Note::parse(entry.note).ok());
        let is_so = note.is_some_and(|note| signer::statement::statement_hash(&note.text) == *hash);
        Ok(if is_so { Ok(entry) } else { Err(none()) })
    }

    /// Statements that an act of the programme names, sheets of its lists, what its batch rests on.
    fn named_by_act(&mut self, act: &Act, grounds: &mut Vec<u64>) -> Result<Result<(), Refusal>, Failure> {
        let named = Named::by(act);
        for hash in &named.statements {
            match self.entry_of(hash)? {
                Ok(entry) => grounds.push(entry),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        for list in named.lists {
            let Some(lines) = self.lines(list.list.as_str())? else {
                return Ok(Err(Refusal::new(Rule::ListUnknown, "a list whose sheets are in the record", list.list.to_string())));
            };
            if let Err(refusal) = lines.judge(list) {
                return Ok(Err(refusal));
            }
            grounds.extend(&lines.sheets);
        }
        if let Some(batch) = named.batch {
            let answer = answers::batch(self.rows, batch.as_str()).map_err(|error| Failure::Views(error.to_string()))?;
            let Some(answer) = answer else {
                return Ok(Err(Refusal::new(Rule::BatchUnknown, "a batch that was opened", batch.to_string())));
            };
            // The lock rests on the sheets that say who is paid what.
            grounds.extend([answer.value.entry, answer.value.locked.0, answer.value.locked.1]);
        }
        Ok(Ok(()))
    }

    /// The act whose effect an entry has: of a join that completes a step, the step.
    fn act_of(&self, deed: &Deed, act: &Act) -> Result<Vec<Act>, Failure> {
        let mut acts = vec![act.clone()];
        match deed {
            // Nobody has looked yet whether what it names is there.
            Deed::Step(step) if step.wait != Wait::No => acts.clear(),
            Deed::Join { signed, completes: Some(_), .. } => {
                let bytes = signed.first().map(|first| self.ledger.entry(*first)).transpose()?.flatten().unwrap_or_default();
                let note = Entry::parse(&bytes).ok().and_then(|entry| signer::Note::parse(entry.note).ok());
                if let Some(Ok(Statement::Act { act, .. })) = note.map(|note| Statement::parse(&note.text)) {
                    acts.push(act);
                }
            }
            _ => {}
        }
        Ok(acts)
    }

    /// The views say of an entry what the entry and the state of the ledger say: who, in which capacity, by which key, when, what,
    /// of which case or list. What they say otherwise is not a fault of the record: it is not believed.
    fn judge_row(&self, index: u64, content: &Content, answer: &EntryAnswer) -> Result<(), Failure> {
        let row = &answer.row;
        let mut is_so = self.ledger.history().received(index).is_some_and(|received| received.0 == row.received_ms);
        if let Content::Statement { statement, hash, .. } = content {
            is_so &= row.hash == Some(hash.0) && statement.act_name().as_str() == row.deed.name();
            if let Statement::Act { header, act, .. } = statement.as_ref() {
                is_so &= row.at == Some(header.at.into()) && self.are_signers(index, header, answer);
                is_so &= matches!(act, Act::Join { .. }) || paper::said_of(act) == paper::told_of(&row.deed);
                if let (Act::Step(step), Deed::Step(told)) = (act, &row.deed) {
                    let said = step.asserts.iter().map(|(code, said)| (code.as_str(), said.as_str()));
                    is_so &= said.eq(told.asserts.iter().map(|(code, said)| (code.as_str(), said.as_str())));
                }
            }
        }
        if is_so { Ok(()) } else { Err(Failure::Views(format!("they say of entry {index} what the record does not"))) }
    }

    fn are_signers(&self, index: u64, header: &Header, answer: &EntryAnswer) -> bool {
        let state = self.ledger.state();
        let own: Vec<&SignedBy> = answer.signed_by.iter().filter(|signed| signed.entry == index).collect();
        let is_signer = |by: &By, signed: &SignedBy| {
            let is_known = state.person(&by.person).is_some_and(|person| {
                let is_key = person.key(&KeyBytes(signed.key)).is_some_and(|key| key.since == signed.key_entry);
                is_key && person.name.to_string() == signed.name
            });
            let has_office = match by.office.as_str() {
                office @ ("self" | "founder") => signed.capacity == office,
                _ => state.appointments(&by.appointment).iter().any(|held| {
                    let is_hers = held.person == by.person && held.office == by.office && held.since == signed.appointment;
                    is_hers && held.capacity.to_string() == signed.capacity
                }),
            };
            let is_told = (by.person.as_str(), by.office.as_str(), by.unit.as_str());
            is_known && has_office && is_told == (signed.person.as_str(), signed.office.as_str(), signed.unit.as_str())
        };
        own.len() == header.by.len() && header.by.iter().zip(own).all(|(by, signed)| is_signer(by, signed))
    }

    /// What gave the signers their offices and made their keys known, the constitution, the procedure, the device.
    fn named_by(&mut self, index: u64, content: &Content) -> Result<Result<Vec<u64>, Refusal>, Failure> {
        let answer = answers::entry(self.rows, index).map_err(|error| Failure::Views(error.to_string()))?;
        let answer = answer.ok_or_else(|| Failure::Views(format!("entry {index} is not counted")))?.value;
        self.judge_row(index, content, &answer)?;
        let mut grounds: Vec<u64> =
            answer.signed_by.iter().flat_map(|signed| [signed.appointment, signed.key_entry, signed.entry]).collect();
        grounds.extend(self.constitutions.iter().rev().find(|entry| **entry < index));
        if let Content::Statement { statement, .. } = content
            && let Statement::Act { header, act, .. } = statement.as_ref()
        {
            for act in self.act_of(&answer.row.deed, act)? {
                if let Err(refusal) = self.named_by_act(&act, &mut grounds)? {
                    return Ok(Err(refusal));
                }
            }
            let state = self.ledger.state();
            grounds.extend(state.device(&header.device).map(|device| device.since));
            if let Some(name) = &header.procedure {
                match state.procedure_named(name) {
                    Some(enacted) => grounds.push(enacted.since),
                    None => return Ok(Err(Refusal::new(Rule::ProcedureVersion, "an enacted procedure", name.id.to_string()))),
                }
            }
        }
        // The founding is its own ground; whatever else an admitted entry rests on came before it.
        grounds.retain(|ground| *ground < index);
        grounds.sort_unstable();
        grounds.dedup();
        Ok(Ok(grounds))
    }
}

/// The list in which a case's part is to be read.
fn list_of_part<'a>(deed: &'a Deed, part: &CasePart) -> Option<&'a str> {
    if let Deed::PostUp { list, .. } | Deed::PostDown { list, .. } = deed {
        return Some(&list.list);
    }
    match &deed.step_done()?.on {
        Subject::List { list, .. } => Some(&list.list),
        Subject::Batch(batch) => match (part, &batch.results) {
            (CasePart::Paid | CasePart::Failed(_), Some((results, ..))) => Some(results),
            _ => Some(&batch.list),
        },
        Subject::Case { .. } | Subject::Payment { .. } => None,
    }
}
