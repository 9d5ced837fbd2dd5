//! A desk: what the ledger says that a clerk needs for drafting, on the ledger's machine or on another one without a line
//! (docs/format.md section 23). Nobody believes it: what matters of it is in the checkpoint, which `zeren sign` verifies against the
//! signer's memory; the rest makes, at worst, a statement that is refused.

mod file;

use std::collections::BTreeMap;

use ledger::LedgerError;
use ledger::history::History;
use ledger::state::{Appointment, Device, State};
use signer::draft::{Consistency, Draft, DraftedFrom};
use signer::statement::{By, ProcedureName, Seen, Statement, statement_hash};
use signer::value::{CaseId, Code, DeviceId, LedgerId, ListRoot, Office, PersonId, StatementHash, Unit, UnixMs};
use signer::{ActName, Note};

pub use self::file::DESK_BYTES_MAX;
use crate::error::Failure;
use crate::lang::Lang;

/// A procedure, as far as drafting needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enacted {
    /// Its name in statements.
    pub name: ProcedureName,
    /// From when it is in force.
    pub starts: UnixMs,
    /// Offices that may do an act; acts that are missing stand in its steps.
    pub offices: BTreeMap<&'static str, Vec<Office>>,
}

/// What a list's acts say of it: lines, sum in fen, root.
pub type ListSum = (u64, u64, ListRoot);

/// The desk.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The ledger.
    pub ledger: LedgerId,
    /// The checkpoint that statements name, with proofs that it continues what signers saw.
    pub from: DraftedFrom,
    /// Its size, root and chain head.
    pub seen: Seen,
    /// When the last entry was received.
    pub received_last: UnixMs,
    /// The time in a demonstration, where the desk was fetched from a service: there devices show that.
    pub simulated_now: Option<UnixMs>,
    /// Procedures, in order of enactment.
    pub procedures: Vec<Enacted>,
    /// Offices that are held, each with the statement that gave it.
    pub appointments: Vec<(StatementHash, Appointment)>,
    /// The next counter of each device.
    pub counters: BTreeMap<DeviceId, u64>,
    /// Heads of cases.
    pub heads: BTreeMap<CaseId, StatementHash>,
    /// Lists.
    pub lists: BTreeMap<Code, ListSum>,
    /// Batches: list, number and sum of payments.
    pub batches: BTreeMap<Code, (Code, u64, u64)>,
}

/// Whose desk it is: what lies on it.
pub struct Scope<'a> {
    /// Whether cases, lists and offices of a unit are needed.
    pub covers: &'a dyn Fn(&Unit) -> bool,
    /// Whether a device's counter is needed.
    pub needs: &'a dyn Fn(&DeviceId, &Device) -> bool,
    /// Persons whose offices are needed wherever they are.
    pub persons: &'a [PersonId],
    /// Sizes of the log that signers are known to remember.
    pub remembered: &'a [u64],
}

impl Desk {
    /// What a ledger says up to its checkpoint.
    ///
    /// # Errors
    /// A signer remembers more than the ledger has.
    pub fn of(state: &State, history: &History, checkpoint: &Note, size: u64, scope: &Scope<'_>) -> Result<Desk, Failure> {
        let ledger = state.ring().ledger().cloned().ok_or(LedgerError::NotALedger)?;
        let seen = history.seen_at(size).ok_or(LedgerError::NotALedger)?;
        let known = scope.persons.iter().filter_map(|person| state.person(person)).map(|person| person.seen_last);
        let mut sizes: Vec<u64> = known.filter(|size| *size > 0).chain(scope.remembered.iter().copied()).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let register = state.register();
        let is_held = |held: &Appointment| held.ended.is_none() && (scope.persons.contains(&held.person) || (scope.covers)(&held.unit));
        let mut appointments: Vec<(StatementHash, Appointment)> =
            state.all_appointments().filter(|(_, held)| is_held(held)).map(|(hash, held)| (*hash, held.clone())).collect();
        appointments.sort_by(|(_, a), (_, b)| (a.since, &a.person, a.office.as_str()).cmp(&(b.since, &b.person, b.office.as_str())));
        let is_of_scope = |case: &CaseId| register.file(case).map_or((scope.covers)(&Unit::whole()), |file| (scope.covers)(&file.unit));
        let heads = register.cases().filter(|(case, _)| is_of_scope(case));
        // A list of seats has no cases, and is the whole ledger's.
        let list_in_scope = |list: &Code| {
            let Some(list) = register.list(list) else { return false };
            if list.cases().next().is_none() { (scope.covers)(&Unit::whole()) } else { list.cases().all(is_of_scope) }
        };
        Ok(Desk {
            from: drafted_from(history, checkpoint, seen, &sizes)?,
            seen,
            received_last: state.received_last(),
            simulated_now: None,
            procedures: state.procedures().iter().map(enacted).collect(),
            appointments,
            counters: state
                .devices()
                .filter(|(device, known)| (scope.needs)(device, known))
                .map(|(device, known)| (device.clone(), known.counters.keys().next_back().map_or(0, |last| last + 1)))
                .collect(),
            heads: heads.filter_map(|(case, _)| Some((case.clone(), *state.case_head(case)?))).collect(),
            lists: register
                .lists()
                .filter(|(id, _)| list_in_scope(id))
                .filter_map(|(id, list)| Some((id.clone(), (list.count, list.total?, list.root()))))
                .collect(),
            batches: register
                .batches()
                .filter(|(_, batch)| list_in_scope(&batch.list))
                .map(|(id, batch)| (id.clone(), (batch.list.clone(), batch.count, batch.total)))
                .collect(),
            ledger,
        })
    }

    /// The procedure in force at a time.
    pub fn procedure_at(&self, moment: UnixMs) -> Option<&Enacted> {
        self.procedures.iter().rev().find(|enacted| enacted.starts <= moment)
    }

    /// One above every counter that the record or this draft holds.
    pub fn next_counter(&self, device: &DeviceId, draft: &Draft) -> u64 {
        let drafted = draft.statements.iter().filter_map(|statement| match Statement::parse(&statement.text) {
            Ok(Statement::Act { header, .. }) if header.device == *device => Some(header.counter + 1),
            _ => None,
        });
        drafted.chain(self.counters.get(device).copied()).max().unwrap_or(0)
    }

    /// Takes account of what was drafted at this desk, so that the next statement uses another counter and names the head that
    /// this one will make.
    pub fn take_account(&mut self, draft: &Draft) {
        for drafted in &draft.statements {
            let Ok(statement) = Statement::parse(&drafted.text) else { continue };
            let drafted_act = statement.act_name();
            let Statement::Act { header, .. } = statement else { continue };
            let next = self.counters.entry(header.device).or_default();
            *next = (*next).max(header.counter + 1);
            if MOVES_HEAD.contains(&drafted_act)
                && let Some(case) =
                    drafted.text.lines().find_map(|line| line.strip_prefix("case ")?.split(' ').next().and_then(CaseId::parse))
            {
                self.heads.insert(case, statement_hash(&drafted.text));
            }
        }
    }

    /// In which office a signer signs: PERSON, PERSON:OFFICE or PERSON:OFFICE:UNIT; else the one office that may do the act.
    ///
    /// # Errors
    /// None may, or several.
    pub fn by(&self, signer: &str, act: ActName, moment: UnixMs, lang: Lang) -> Result<By, Failure> {
        let procedure = self.procedure_at(moment).filter(|_| act != ActName::Amend);
        let governed = procedure.and_then(|enacted| enacted.offices.get(act.as_str()));
        let governs = Governs::of(act, procedure.is_some(), governed.map(Vec::as_slice));
        let held = self.appointments.iter().map(|(hash, held)| (hash, held));
        choose_by(signer, held, &governs, moment, lang)?.ok_or_else(|| {
            let person = signer.split(':').next();
            let is_own = |held: &&Appointment| Some(held.person.as_str()) == person && held.ended.is_none();
            let holds: String = self.appointments.iter().map(|(_, held)| held).filter(is_own).map(|held| choice(held, lang)).collect();
            let holds = if holds.is_empty() { holds } else { format!("\n{}{holds}", lang.pick("holds:", "现有身份：")) };
            Failure::malformed(format!("{}{holds}", holds_none(signer, act, lang)))
        })
    }
}

/// Acts that make their statement the head of the case that they name.
const MOVES_HEAD: [ActName; 5] = [ActName::Step, ActName::Outcome, ActName::Correct, ActName::Transfer, ActName::Account];

fn enacted(enacted: &ledger::state::Enacted) -> Enacted {
    let offices = enacted.procedure.governance.iter().map(|(act, rule)| (act.as_str(), rule.any.to_vec()));
    Enacted { name: enacted.name.clone(), starts: enacted.starts, offices: offices.collect() }
}

/// The checkpoint with a proof for every size that somebody remembers.
pub fn drafted_from(history: &History, checkpoint: &Note, seen: Seen, remembered: &[u64]) -> Result<DraftedFrom, Failure> {
    let size = seen.size;
    let mut consistency = Vec::new();
    for other in remembered.iter().filter(|other| **other != size) {
        let (old, new) = (size.min(*other), size.max(*other));
        let proof = history.tree().consistency(old, new);
        let proof = proof.ok_or_else(|| {
            Failure::malformed(format!(
                "the ledger has {size} entries, and a signer remembers {other}: this copy may be rolled back; tell the auditors"
            ))
        })?;
        consistency.push(Consistency { old, new, proof });
    }
    Ok(DraftedFrom { checkpoint: checkpoint.clone(), chain: seen.chain, consistency })
}

/// Who may do an act.
pub struct Governs<'a> {
    /// Whether a procedure is in force.
    pub has_procedure: bool,
    /// Offices that its `[governance]` names for the act.
    pub offices: Option<&'a [Office]>,
}

impl<'a> Governs<'a> {
    /// By the table of the procedure in force, if one is and has one for the act.
    pub fn of(act: ActName, has_procedure: bool, offices: Option<&'a [Office]>) -> Governs<'a> {
        // Where no table says who, incidents are the founders'.
        let is_of_founders = act == ActName::Incident && offices.is_none();
        Governs { has_procedure: has_procedure && !is_of_founders, offices }
    }
}

/// What is said of a signer who may not.
pub fn holds_none(signer: &str, act: ActName, lang: Lang) -> String {
    format!("{signer}: {} {}", lang.pick("holds no office that may sign act", "没有可签署该行为的岗位："), act.as_str())
}

/// What to type for an office, and what it stands for.
fn choice(held: &Appointment, lang: Lang) -> String {
    let capacity = match held.office.as_str() {
        "founder" => lang.pick("as a founder", "以创设人身份").to_owned(),
        "self" => lang.pick("as oneself: for one's own key, relations and the like", "以本人身份：仅限本人密钥、本人关系等事项").to_owned(),
        office => format!("{} {office}", lang.pick("in the office", "以岗位身份：")),
    };
    format!("\n  --by {}:{}:{}    {capacity}", held.person, held.office, held.unit)
}

/// In which of these offices a signer signs; nothing if none may do the act.
///
/// # Errors
/// Several may.
pub fn choose_by<'a>(
    signer: &str,
    appointments: impl Iterator<Item = (&'a StatementHash, &'a Appointment)>,
    governs: &Governs<'_>,
    moment: UnixMs,
    lang: Lang,
) -> Result<Option<By>, Failure> {
    let mut parts = signer.split(':');
    let person = parts.next().and_then(PersonId::parse).ok_or_else(|| Failure::malformed(format!("--by {signer}")))?;
    let (office, unit) = (parts.next(), parts.next());
    let may = |held: &Appointment| match (office, governs.offices) {
        (Some(office), _) => held.office.as_str() == office && unit.is_none_or(|unit| held.unit.as_str() == unit),
        (None, Some(offices)) => offices.contains(&held.office),
        // Who does a step stands in the step, not in [governance].
        (None, None) if governs.has_procedure => !held.office.is_reserved(),
        (None, None) => held.office.as_str() == "founder",
    };
    let is_held =
        |held: &Appointment| held.person == person && held.ended.is_none() && held.from <= moment && held.to.is_none_or(|to| moment < to);
    let mut found: Vec<(&StatementHash, &Appointment)> = appointments.filter(|(_, held)| is_held(held) && may(held)).collect();
    found.sort_by_key(|(_, held)| held.since);
    match found.as_slice() {
        [(hash, held)] => Ok(Some(By { office: held.office.clone(), unit: held.unit.clone(), appointment: **hash, person })),
        [] => Ok(None),
        several => {
            let choices: String = several.iter().map(|(_, held)| choice(held, lang)).collect();
            let what =
                lang.pick("may sign this in several capacities; type one of them in full:", "可以多个身份签署，请完整输入其中一项：");
            Err(Failure::malformed(format!("{person}: {what}{choices}")))
        }
    }
}
