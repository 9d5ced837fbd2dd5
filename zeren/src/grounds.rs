//! What an entry rests on, verified from the record down to the founding. That entries lie under a checkpoint says nothing of their
//! signatures: whoever holds the checkpoint key alone could have written them, so nothing here trusts them. Keys, names, offices,
//! devices and procedures are those that entries in the tree say, each of which is verified in turn; rows only say which those are.

mod named;
mod paper;
mod said;
mod sheets;

use std::collections::BTreeMap;
use std::rc::Rc;

use ledger::check::{Content, KeyRing};
use ledger::entry::Entry;
use ledger::record::Record;
use ledger::storage::Folder;
use projector::answers::{EntryAnswer, SignedBy};
use projector::rows::{Blame, CasePart, Deed, EnactmentRow, Subject, Wait};
use projector::{Rows, answers};
use signer::act::Act;
use signer::rule::Rule;
use signer::statement::Header;
use signer::value::StatementHash;
use signer::{Refusal, Statement};

use self::named::Named;
pub use self::paper::Paper;
use self::said::{Cited, Said};
pub use self::sheets::LineProof;
use self::sheets::Lines;
use crate::error::Failure;
use crate::own_views::failed;

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
    record: &'a Record<Folder>,
    rows: &'a dyn Rows,
    /// Keys that statements in the tree bring.
    ring: KeyRing,
    constitutions: Vec<u64>,
    enactments: Vec<(u64, EnactmentRow)>,
    /// Statements that were read, by their entries.
    said: BTreeMap<u64, Option<Rc<Said>>>,
    /// Of each entry on its own: the entries that it rests on, all of them earlier.
    grounds: BTreeMap<u64, Result<Vec<u64>, Refusal>>,
    verdicts: BTreeMap<u64, Verdict>,
    papers: BTreeMap<u64, Paper>,
    lists: BTreeMap<String, Option<Lines>>,
}

impl<'a> Witness<'a> {
    /// A witness of this record; the rows say which entries an entry rests on.
    pub fn new(record: &'a Record<Folder>, rows: &'a dyn Rows) -> Result<Witness<'a>, Failure> {
        let answer = answers::ledger(rows).map_err(failed)?;
        let (constitutions, enactments) = answer.map(|answer| (answer.value.constitutions, answer.value.enactments)).unwrap_or_default();
        Ok(Witness {
            record,
            rows,
            ring: record.ring().clone(),
            constitutions: constitutions.into_iter().map(|(entry, _)| entry).collect(),
            enactments,
            said: BTreeMap::new(),
            grounds: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            papers: BTreeMap::new(),
            lists: BTreeMap::new(),
        })
    }

    /// The record.
    pub fn record(&self) -> &'a Record<Folder> {
        self.record
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
        let bytes = self.record.entry(index)?.unwrap_or_default();
        let answer = answers::entry(self.rows, index).map_err(failed)?;
        let answer = answer.ok_or_else(|| Failure::Views(format!("entry {index} is not counted")))?.value;
        self.said.entry(index).or_insert_with(|| read_statement(&bytes));
        self.judge_row(index, &bytes, &answer)?;
        let grounds = match self.verify(&bytes) {
            Err(refusal) => Err(refusal),
            Ok(content) => {
                self.papers.insert(index, Paper::of(&content));
                self.named_by(index, &content, &answer)?
            }
        };
        self.grounds.insert(index, grounds.clone());
        Ok(grounds)
    }

    /// Bytes from the record, which are in the tree: every signature is good.
    fn verify(&self, bytes: &[u8]) -> Result<Content, Refusal> {
        let entry = Entry::parse(bytes)?;
        ledger::check(entry.note, &self.ring).map(|verified| verified.content)
    }

    /// The statement of an entry; nothing where it has none.
    fn said(&mut self, entry: u64) -> Result<Option<Rc<Said>>, Failure> {
        if let Some(known) = self.said.get(&entry) {
            return Ok(known.clone());
        }
        let bytes = self.record.entry(entry)?.unwrap_or_default();
        let said = read_statement(&bytes);
        self.said.insert(entry, said.clone());
        Ok(said)
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
    fn judge_blame(&mut self, blame: &Blame) -> Result<Result<(), Refusal>, Failure> {
        Ok(match self.entry_of(&StatementHash(blame.hash))? {
            Ok(entry) if entry == blame.entry => Ok(()),
            Ok(entry) => Err(Refusal::new(Rule::OmitUnfounded, format!("entry {entry}"), format!("entry {}", blame.entry))),
            Err(refusal) => Err(refusal),
        })
    }

    fn lines(&mut self, list: &str) -> Result<Option<&Lines>, Failure> {
        if !self.lists.contains_key(list) {
            let answer = answers::list(self.rows, list).map_err(failed)?;
            let sheets = answer.map(|answer| answer.value.sheets).unwrap_or_default();
            let said = sheets.iter().map(|sheet| self.said(*sheet)).collect::<Result<Vec<_>, Failure>>()?;
            let lines = (!sheets.is_empty()).then(|| Lines::of(list, sheets, &said));
            self.lists.insert(list.to_owned(), lines);
        }
        Ok(self.lists.get(list).and_then(Option::as_ref))
    }

    /// The entry whose statement has this hash.
    fn entry_of(&mut self, hash: &StatementHash) -> Result<Result<u64, Refusal>, Failure> {
        let none = || Refusal::new(Rule::OfUnknown, "a statement in the record", hash.to_string());
        let Some(entry) = answers::statement(self.rows, hash).map_err(failed)? else { return Ok(Err(none())) };
        let is_so = self.said(entry)?.is_some_and(|said| said.hash == *hash);
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
            let answer = answers::batch(self.rows, batch.as_str()).map_err(failed)?;
            let Some(answer) = answer else {
                return Ok(Err(Refusal::new(Rule::BatchUnknown, "a batch that was opened", batch.to_string())));
            };
            // The lock rests on the sheets that say who is paid what.
            grounds.extend([answer.value.entry, answer.value.locked.0, answer.value.locked.1]);
        }
        Ok(Ok(()))
    }

    /// The act whose effect an entry has: of a join that completes a step, the step.
    fn act_of(&mut self, deed: &Deed, act: &Act) -> Result<Vec<Act>, Failure> {
        let mut acts = vec![act.clone()];
        match deed {
            // Nobody has looked yet whether what it names is there.
            Deed::Step(step) if step.wait != Wait::No => acts.clear(),
            Deed::Join { signed, completes: Some(_), .. } => {
                let step = signed.first().map(|first| self.said(*first)).transpose()?.flatten();
                acts.extend(step.and_then(|step| step.act().cloned()));
            }
            _ => {}
        }
        Ok(acts)
    }

    /// The views say of an entry what the record says: who, in which capacity, by which key, when, what, of which case or list.
    /// What they say otherwise is not a fault of the record: it is not believed. Learns the keys of whoever signed.
    fn judge_row(&mut self, index: u64, bytes: &[u8], answer: &EntryAnswer) -> Result<(), Failure> {
        let row = &answer.row;
        // Bytes that are no entry or no statement have nothing to be held against: they do not verify.
        let Ok(entry) = Entry::parse(bytes) else { return Ok(()) };
        let mut is_so = entry.received.0 == row.received_ms;
        if let Some(said) = self.said(index)? {
            is_so &= row.hash == Some(said.hash.0) && said.statement.act_name().as_str() == row.deed.name();
            if let Statement::Act { header, act, .. } = &said.statement {
                is_so &= row.at == Some(header.at.into()) && self.are_signers(index, &said, header, answer)?;
                is_so &= matches!(act, Act::Join { .. }) || paper::said_of(act) == paper::told_of(&row.deed);
                if let (Act::Step(step), Deed::Step(told)) = (act, &row.deed) {
                    let said = step.asserts.iter().map(|(code, said)| (code.as_str(), said.as_str()));
                    is_so &= said.eq(told.asserts.iter().map(|(code, said)| (code.as_str(), said.as_str())));
                }
            }
        }
        if is_so { Ok(()) } else { Err(unlike(index)) }
    }

    /// Whether those who signed are told as the entries that the row names say it; their keys are known from then on.
    fn are_signers(&mut self, index: u64, said: &Said, header: &Header, answer: &EntryAnswer) -> Result<bool, Failure> {
        let own: Vec<&SignedBy> = answer.signed_by.iter().filter(|signed| signed.entry == index).collect();
        for (place, (by, signed)) in header.by.iter().zip(&own).enumerate() {
            let cited = [signed.enrolled, signed.key_entry, signed.appointment];
            let [Some(enrolled), Some(key), Some(appointment)] = [self.said(cited[0])?, self.said(cited[1])?, self.said(cited[2])?] else {
                return Ok(false);
            };
            let cites = Cited { enrolled: &enrolled, key: &key, appointment: &appointment };
            if cited.iter().any(|entry| *entry >= index) || !said.is_signed_with(place, signed) || !cites.agree(by, signed) {
                return Ok(false);
            }
            self.ring.learn(&key.statement);
        }
        Ok(own.len() == header.by.len())
    }

    /// The entry that enrolled the device and the one that enacted the procedure, as rows name them and their statements say.
    fn named_by_header(&mut self, index: u64, header: &Header) -> Result<Vec<u64>, Failure> {
        let device = answers::device(self.rows, header.device.as_str()).map_err(failed)?.ok_or_else(|| unlike(index))?;
        let mut named = vec![device];
        let mut is_so = self.said(device)?.is_some_and(|said| said.enrols_device(&header.device));
        if let Some(name) = &header.procedure {
            let is_it = |row: &EnactmentRow| (row.id.as_str(), row.version, row.digest) == (name.id.as_str(), name.version, name.digest.0);
            let enacted = self.enactments.iter().find(|(_, row)| is_it(row)).map(|(entry, _)| *entry).ok_or_else(|| unlike(index))?;
            is_so &= self.said(enacted)?.is_some_and(|said| said.enacts(name));
            named.push(enacted);
        }
        if is_so && named.iter().all(|entry| *entry < index) { Ok(named) } else { Err(unlike(index)) }
    }

    /// What gave the signers their offices, names and keys, the constitution, the procedure, the device.
    fn named_by(&mut self, index: u64, content: &Content, answer: &EntryAnswer) -> Result<Result<Vec<u64>, Refusal>, Failure> {
        let mut grounds: Vec<u64> =
            answer.signed_by.iter().flat_map(|signed| [signed.appointment, signed.key_entry, signed.enrolled, signed.entry]).collect();
        grounds.extend(self.constitutions.iter().rev().find(|entry| **entry < index));
        if let Content::Statement { statement, .. } = content
            && let Statement::Act { header, act, .. } = statement.as_ref()
        {
            for act in self.act_of(&answer.row.deed, act)? {
                if let Err(refusal) = self.named_by_act(&act, &mut grounds)? {
                    return Ok(Err(refusal));
                }
            }
            grounds.extend(self.named_by_header(index, header)?);
        }
        // The founding is its own ground; whatever else an admitted entry rests on came before it.
        grounds.retain(|ground| *ground < index);
        grounds.sort_unstable();
        grounds.dedup();
        Ok(Ok(grounds))
    }
}

fn read_statement(bytes: &[u8]) -> Option<Rc<Said>> {
    Entry::parse(bytes).ok().and_then(|entry| Said::of(entry.note)).map(Rc::new)
}

/// Views of an entry that are not to be believed.
fn unlike(index: u64) -> Failure {
    Failure::Views(format!("they say of entry {index} what the record does not"))
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
