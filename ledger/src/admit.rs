//! Admission: whether a checked note may become the next entry (format.md section 8). Deterministic, without I/O or clock.

use std::collections::BTreeSet;

use signer::ActName;
use signer::act::{Act, Basis, Constitution, Founding, Import, Incident, NewKey, Purpose, RelatedTo};
use signer::note::note_hash;
use signer::rule::{Refusal, Rule};
use signer::statement::{By, Header, ProcedureName, Statement};
use signer::value::{Code, KeyBytes, Office, PersonId, Power, StatementHash, Time, UnixMs};

use self::desk::Signer;
use self::own::{admit_anchor, admit_epoch, admit_index};
use self::programme::{Brought, is_done_by_step, is_of_programme};
use crate::check::{Content, Cosigned, Verified, founding_missing};
use crate::history::Context;
use crate::procedure::Procedure;
use crate::programme::{Change, Signing};
use crate::state::{Appointment, KeyStatus, State};

/// How far a device's or witness's clock may be ahead of the ledger's, in milliseconds.
pub const CLOCK_AHEAD_MS_MAX: i64 = 300_000;
/// How old a signed statement may be while no procedure says so, in milliseconds.
pub const ALLOWANCE_MS_DEFAULT: i64 = 72 * 3_600_000;
/// How far the log may run ahead of the latest witness's time, in milliseconds.
pub const UNWITNESSED_MS_MAX: i64 = 24 * 3_600_000;

mod batches;
mod case_acts;
mod desk;
mod lists;
mod own;
mod programme;
mod roster;
mod steps;

pub use self::lists::{LIST_LINES_MAX, UNUSED_SHEET_BYTES_MAX};
pub use self::roster::{Shortfall, shortfalls};

/// What is admitted: what it makes of the programme, and the rules that it breaks without being refused.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// Rules that only warn.
    pub warnings: Vec<Refusal>,
    /// Changes of the programme, for [`State::apply`].
    pub(crate) changes: Vec<Change>,
}

/// Admitted, or the rule that refuses.
pub type Verdict = Result<Admission, Refusal>;

/// One question of many: nothing is against it, or the rule that refuses.
type Judged = Result<(), Refusal>;

/// Judges a note as the next entry, received at `received`. `context` is what the log was at the size that the note names
/// ([`Verified::names_size`]), or nothing where the log is shorter.
pub fn admit(state: &State, verified: &Verified, received: UnixMs, context: Option<&Context>) -> Verdict {
    judge_every_entry(state, verified, received)?;
    judge_indexed(state, verified, received)?;
    admit_content(state, verified, received, context)
}

/// The same as if the day's index entry were there, which comes before it when it is appended.
pub fn admit_indexed(state: &State, verified: &Verified, received: UnixMs, context: Option<&Context>) -> Verdict {
    judge_every_entry(state, verified, received)?;
    admit_content(state, verified, received, context)
}

fn admit_content(state: &State, verified: &Verified, received: UnixMs, context: Option<&Context>) -> Verdict {
    match &verified.content {
        Content::Cosigned(cosigned) => admit_cosigned(state, cosigned, received, context).map(|()| Admission {
            changes: vec![Change::Cosigned {
                size: cosigned.checkpoint.size,
                witnesses: cosigned.cosignatures.len() as u64,
                digest: note_hash(&verified.bytes).0,
            }],
            warnings: Vec::new(),
        }),
        Content::Index(index) => admit_index(state, index).map(|()| Admission::default()),
        Content::Epoch(epoch) => admit_epoch(state, epoch).map(|()| Admission::default()),
        Content::Anchor(anchor) => admit_anchor(state, anchor).map(|()| Admission::default()),
        Content::Statement { statement, keys, procedure, hash } => match statement.as_ref() {
            Statement::Founding(founding) => admit_founding(founding).map(|()| Admission::default()),
            Statement::Act { header, act, .. } => {
                let keys: Vec<KeyBytes> = keys.iter().map(signer::PublicKey::bytes).collect();
                let judgement = Judgement::new(state, header, &keys, received, context, act)?;
                let bytes = if let Act::Sheet(_) = act { statement.encode().len() as u64 } else { 0 };
                let brought = judgement.judge_header(act.name(), *hash, bytes)?;
                judgement.judge_act(act, procedure.as_deref())?;
                brought.judge(act, procedure.as_deref())
            }
        },
    }
}

/// Section 8.1.
fn judge_every_entry(state: &State, verified: &Verified, received: UnixMs) -> Judged {
    if received < state.received_last() {
        return refuse(Rule::ReceivedOrder, format!("at or after {}", state.received_last().0), received.0.to_string());
    }
    let is_founding =
        matches!(&verified.content, Content::Statement { statement, .. } if matches!(statement.as_ref(), Statement::Founding(_)));
    if state.size() == 0 && !is_founding {
        return Err(founding_missing());
    }
    if state.size() > 0 && is_founding {
        return refuse(Rule::FoundingRepeated, "act found as the first entry only", format!("act found as entry {}", state.size()));
    }
    // Lost witnesses can be replaced only by an amendment; and where no node sequences, no cosigned entry can be logged.
    let is_amendment = matches!(&verified.content, Content::Statement { statement, .. } if statement.act_name() == ActName::Amend);
    let brought = match &verified.content {
        Content::Cosigned(cosigned) => Some(cosigned.time_latest()),
        _ => None,
    };
    if !is_amendment && !matches!(&verified.content, Content::Epoch(_)) {
        judge_witnessed(state, received, brought)?;
    }
    Ok(())
}

/// Section 8.1, the index entry of the day.
fn judge_indexed(state: &State, verified: &Verified, received: UnixMs) -> Judged {
    let Content::Statement { statement, .. } = &verified.content else { return Ok(()) };
    let is_founding = matches!(statement.as_ref(), Statement::Founding(_));
    let is_amendment = statement.act_name() == ActName::Amend;
    let needs_index = !is_amendment && !is_founding;
    match state.index_due(received).filter(|_| needs_index && !state.is_mutant(Rule::IndexMissing)) {
        Some(since) => refuse(Rule::IndexMissing, format!("an index entry at or after {}", show(since)), "none"),
        None => Ok(()),
    }
}

/// Whether the witnesses' time, that of an entry itself included, is near enough.
pub(crate) fn judge_witnessed(state: &State, received: UnixMs, brought: Option<UnixMs>) -> Judged {
    match state.witness_time() {
        Some(known) if received > known.max(brought.unwrap_or(known)).plus_ms(UNWITNESSED_MS_MAX) => refuse(
            Rule::Unwitnessed,
            format!("a cosigned entry whose witnesses' time is at most 24 h before {}", received.0),
            format!("latest witness time {}", known.0),
        ),
        _ => Ok(()),
    }
}

/// Section 5.10 from step 4 on.
fn admit_cosigned(state: &State, cosigned: &Cosigned, received: UnixMs, context: Option<&Context>) -> Judged {
    let checkpoint = &cosigned.checkpoint;
    let Some(context) = context.filter(|_| checkpoint.size <= state.size()) else {
        return refuse(Rule::CheckpointAhead, format!("a size of at most {}", state.size()), checkpoint.size.to_string());
    };
    let key = state.checkpoint_key_at(checkpoint.size);
    if context.seen.root != checkpoint.root || key != Some(&cosigned.key.bytes()) {
        let expected = format!("root {} signed with the key in force at size {}", context.seen.root, checkpoint.size);
        return refuse(Rule::CheckpointUnlike, expected, format!("root {} signed with {}", checkpoint.root, cosigned.key.bytes()));
    }
    if checkpoint.size <= state.cosigned_size() {
        return refuse(Rule::CheckpointOld, format!("a size above {}", state.cosigned_size()), checkpoint.size.to_string());
    }
    if let Some(other) = cosigned.cosignatures.iter().find(|line| !state.is_witness(&line.name, &line.key.bytes())) {
        return refuse(Rule::WitnessUnknown, "a witness of the founding or amendment in force", other.name.to_string());
    }
    let (earliest, latest) = (cosigned.time_earliest(), cosigned.time_latest());
    let found = format!("witness times {} to {}", earliest.0, latest.0);
    if latest > received.plus_ms(CLOCK_AHEAD_MS_MAX) {
        return refuse(
            Rule::WitnessTime,
            format!("no later than {}, five minutes after receipt", received.plus_ms(CLOCK_AHEAD_MS_MAX).0),
            found,
        );
    }
    if context.received_last > earliest.plus_ms(CLOCK_AHEAD_MS_MAX) {
        return refuse(
            Rule::WitnessTime,
            format!("no more than five minutes before {}, when entry {} was received", context.received_last.0, checkpoint.size - 1),
            found,
        );
    }
    match context.received_next.filter(|_| checkpoint.size < state.size()) {
        Some(next) if next < latest.plus_ms(-UNWITNESSED_MS_MAX) => {
            refuse(Rule::WitnessTime, format!("no more than 24 h after {}, when entry {} was received", next.0, checkpoint.size), found)
        }
        _ => Ok(()),
    }
}

/// Section 5.1.
fn admit_founding(founding: &Founding) -> Judged {
    let is_demonstration = founding.purpose == Purpose::Demonstration;
    if founding.origin.is_demonstration() != is_demonstration {
        return refuse(
            Rule::Purpose,
            "an origin that starts with `demo.` for a demonstration, and only then",
            format!("{} for {}", founding.origin, founding.purpose),
        );
    }
    let founders = &founding.founders;
    judge_constitution(&founding.constitution, founders.iter().map(|founder| &founder.power))?;
    once(Rule::PersonTaken, founders.iter().map(|founder| founder.person.as_str()))?;
    once(Rule::IdentityTaken, founders.iter().map(|founder| founder.identity))?;
    once(Rule::KeyTaken, founders.iter().map(|founder| founder.key))?;
    judge_witnesses(&founding.constitution)
}

fn judge_constitution<'a>(constitution: &Constitution, powers: impl Iterator<Item = &'a Power>) -> Judged {
    let powers: Vec<&Power> = powers.collect();
    if !(2..=powers.len() as u64).contains(&constitution.threshold) {
        return refuse(Rule::Threshold, format!("2 to {}", powers.len()), constitution.threshold.to_string());
    }
    let distinct: BTreeSet<&Power> = powers.into_iter().collect();
    if distinct.len() < 2 {
        return refuse(Rule::FounderPowers, "founders of at least two powers", list(distinct.iter()));
    }
    Ok(())
}

fn judge_witnesses(constitution: &Constitution) -> Judged {
    once(Rule::WitnessRepeated, constitution.witnesses.iter().map(|witness| witness.name.as_str()))?;
    // Nor is the ledger its own witness.
    once(Rule::WitnessRepeated, constitution.witnesses.iter().map(|witness| witness.key).chain([constitution.checkpoint_key]))
}

fn once<T: Ord + ToString>(rule: Rule, all: impl Iterator<Item = T>) -> Judged {
    let mut seen = BTreeSet::new();
    for one in all {
        let shown = one.to_string();
        if !seen.insert(one) {
            return refuse(rule, "each once", format!("{shown} twice"));
        }
    }
    Ok(())
}

/// One statement being judged.
#[derive(Clone, Copy)]
struct Judgement<'a> {
    state: &'a State,
    header: &'a Header,
    keys: &'a [KeyBytes],
    received: UnixMs,
    /// Number of entries that the signers had seen.
    seen_size: u64,
    /// `received` of the last entry that the signers had seen.
    time_seen: UnixMs,
    /// Whether the offline allowance covers the statement.
    is_covered: bool,
    allowance_ms: i64,
}

impl<'a> Judgement<'a> {
    /// Steps 1 and 2 of section 8.3.
    fn new(
        state: &'a State,
        header: &'a Header,
        keys: &'a [KeyBytes],
        received: UnixMs,
        context: Option<&Context>,
        act: &Act,
    ) -> Result<Self, Refusal> {
        let seen = header.seen;
        let Some(context) = context.filter(|_| seen.size <= state.size()) else {
            return Err(Refusal::new(Rule::SeenAhead, format!("a size of at most {}", state.size()), seen.size.to_string()));
        };
        if context.seen != seen {
            let show = |root, chain| format!("root {root}, chain head {chain} at size {}", seen.size);
            return Err(Refusal::new(Rule::SeenUnlike, show(context.seen.root, context.seen.chain), show(seen.root, seen.chain)));
        }
        let in_force = state.procedure_at(state.size(), received);
        let allowance_ms = in_force.map_or(ALLOWANCE_MS_DEFAULT, |enacted| enacted.procedure.allowance_ms(act));
        let time_seen = context.received_last;
        let is_covered = received.0 - time_seen.0 <= allowance_ms;
        Ok(Judgement { state, header, keys, received, seen_size: seen.size, time_seen, is_covered, allowance_ms })
    }

    /// The same for somebody who signed at another time and had seen another log.
    fn as_seen_by(&self, signing: &Signing) -> Judgement<'a> {
        let is_covered = self.received.0 - signing.time_seen.0 <= self.allowance_ms;
        Judgement { seen_size: signing.seen_size, time_seen: signing.time_seen, is_covered, ..*self }
    }

    /// Who signs, as a step that waits remembers them.
    fn signings(&self) -> Vec<Signing> {
        let signing =
            |(by, key): (&By, &KeyBytes)| Signing { by: by.clone(), key: *key, time_seen: self.time_seen, seen_size: self.seen_size };
        self.header.by.iter().zip(self.keys).map(signing).collect()
    }

    /// Whether what ended at entry `ended` is good all the same: the signers could not know.
    fn is_still_good(&self, ended: u64) -> bool {
        self.is_covered && self.seen_size <= ended
    }

    /// Whether a condition holds at receipt or, for a covered statement, at the time seen.
    fn holds_at(&self, condition: impl Fn(UnixMs) -> bool) -> bool {
        condition(self.received) || (self.is_covered && condition(self.time_seen))
    }

    /// Whether an entry was among those that the signers had seen.
    fn was_seen(&self, entry: u64) -> bool {
        entry < self.seen_size
    }

    /// Steps 3 to 7.
    fn judge_header(&'a self, act: ActName, hash: StatementHash, bytes: u64) -> Result<Brought<'a>, Refusal> {
        self.judge_time()?;
        let procedure = self.governing(act)?;
        self.judge_device()?;
        let mut powers = BTreeSet::new();
        let mut signers = Vec::with_capacity(self.header.by.len());
        for (at, (by, key)) in self.header.by.iter().zip(self.keys).enumerate() {
            if self.header.by[..at].iter().any(|before| before.person == by.person) {
                return refuse(Rule::SignerRepeated, "each person once", by.person.to_string());
            }
            self.judge_key(act, by, key)?;
            let held = self.judge_appointment(by)?;
            powers.extend(self.judge_office(by, held, procedure)?);
            signers.push(Signer { by, held });
        }
        let mut brought = Brought { judgement: self, procedure, signers, hash, bytes, warnings: Vec::new() };
        if is_of_programme(act)
            && let Some(mut desk) = brought.desk()
        {
            desk.judge_signers()?;
            brought.warnings = desk.admission.warnings;
        }
        if !is_done_by_step(act) {
            self.judge_governance(act, procedure, &powers)?;
        }
        Ok(brought)
    }

    fn judge_time(&self) -> Judged {
        let at = self.header.at.unix_ms();
        if at > self.received.plus_ms(CLOCK_AHEAD_MS_MAX) {
            return refuse(
                Rule::AtFuture,
                format!("at most five minutes after receipt ({})", show(self.received)),
                self.header.at.to_string(),
            );
        }
        if self.received.0 - at.0 > self.allowance_ms {
            return refuse(
                Rule::AtStale,
                format!("at most {} h before receipt ({})", self.allowance_ms / 3_600_000, show(self.received)),
                self.header.at.to_string(),
            );
        }
        Ok(())
    }

    /// The procedure under which the statement is judged.
    fn governing(&self, act: ActName) -> Result<Option<&'a Procedure>, Refusal> {
        let now = self.state.procedure_at(self.state.size(), self.received);
        let seen = self.state.procedure_at(self.seen_size, self.time_seen);
        let name = |enacted: Option<&crate::state::Enacted>| enacted.map(|enacted| enacted.name.clone());
        let shown =
            |name: Option<&ProcedureName>| name.map_or("none".to_owned(), |name| format!("{} {} {}", name.id, name.version, name.digest));
        let found = self.header.procedure.as_ref();
        if found.is_some_and(|found| self.state.procedure_named(found).is_none()) {
            return Err(Refusal::new(Rule::ProcedureUnknown, shown(name(now).as_ref()), shown(found)));
        }
        let governing = if name(now).as_ref() == found {
            now
        } else if self.is_covered && name(seen).as_ref() == found {
            seen
        } else {
            return Err(Refusal::new(Rule::ProcedureVersion, shown(name(now).as_ref()), shown(found)));
        };
        if governing.is_none() && !matches!(act, ActName::Amend | ActName::Enact | ActName::Incident) {
            return Err(Refusal::new(Rule::ProcedureVersion, format!("a procedure in force for act {}", act.as_str()), "none"));
        }
        Ok(governing.map(|enacted| enacted.procedure.as_ref()))
    }

    fn judge_device(&self) -> Judged {
        let Header { device, counter, .. } = self.header;
        let Some(known) = self.state.device(device).filter(|known| self.was_seen(known.since)) else {
            return refuse(Rule::DeviceUnknown, "a device that was enrolled before", device.to_string());
        };
        if let Some((ended, cuts)) = known.ended
            && (cuts || !self.is_still_good(ended))
        {
            return refuse(Rule::DeviceEnded, "a device in use", format!("{device}, out of use since entry {ended}"));
        }
        match known.counters.get(counter) {
            Some(entry) => refuse(Rule::CounterUsed, "a counter that was not used", format!("{device} {counter}, used in entry {entry}")),
            None => Ok(()),
        }
    }

    fn judge_key(&self, act: ActName, by: &By, key: &KeyBytes) -> Judged {
        let known = self.state.person(&by.person).and_then(|person| person.key(key));
        let Some(known) = known else {
            return refuse(Rule::KeyUnknown, format!("a key of {}", by.person), key.to_string());
        };
        if !self.was_seen(known.since) {
            return refuse(
                Rule::KeyNotYet,
                format!("a `seen` size above {}, where the key was made known", known.since),
                self.header.seen.size.to_string(),
            );
        }
        match known.status {
            KeyStatus::Active => Ok(()),
            KeyStatus::Revoked(entry, _) => {
                refuse(Rule::KeyRevoked, format!("a key of {} that is not revoked", by.person), format!("{key}, revoked in entry {entry}"))
            }
            // Who changes or revokes a key names it, and so knows of it: an old key may not take a person over.
            KeyStatus::Replaced(entry) if self.is_still_good(entry) && !matches!(act, ActName::Rotate | ActName::Revoke) => Ok(()),
            KeyStatus::Replaced(entry) => {
                refuse(Rule::KeySuperseded, format!("the latest key of {}", by.person), format!("{key}, replaced in entry {entry}"))
            }
        }
    }

    fn judge_appointment(&self, by: &By) -> Result<&'a Appointment, Refusal> {
        let is_self = |office: &Office| office.as_str() == "self";
        let named = || self.state.appointments(&by.appointment).iter().filter(|held| is_self(&held.office) == is_self(&by.office));
        if !named().any(|held| self.was_seen(held.since)) {
            return Err(Refusal::new(
                Rule::AppointmentUnknown,
                "a statement that appoints, and that the signers had seen",
                by.appointment.to_string(),
            ));
        }
        let matches = |held: &&Appointment| held.person == by.person && held.office == by.office && held.unit == by.unit;
        let Some(held) = named().find(matches) else {
            let expected: Vec<String> = named().map(|held| format!("{} {} {}", held.person, held.office, held.unit)).collect();
            return Err(Refusal::new(Rule::AppointmentMismatch, expected.join(" or "), format!("{} {} {}", by.person, by.office, by.unit)));
        };
        if !self.holds_at(|time| held.from <= time) {
            return Err(Refusal::new(Rule::AppointmentNotYet, format!("an act at or after {}", show(held.from)), show(self.received)));
        }
        let cut = held.ended.is_some_and(|(entry, cuts)| cuts || !self.is_still_good(entry));
        if cut || !self.holds_at(|time| held.to.is_none_or(|to| time < to)) {
            let ended = held.ended.map_or_else(|| held.to.map(show).unwrap_or_default(), |(entry, _)| format!("entry {entry}"));
            return Err(Refusal::new(
                Rule::AppointmentEnded,
                format!("an appointment of {} in force", by.person),
                format!("one that ended: {ended}"),
            ));
        }
        Ok(held)
    }

    /// The power that the office brings, if any.
    fn judge_office(&self, by: &By, held: &Appointment, procedure: Option<&Procedure>) -> Result<Option<Power>, Refusal> {
        if by.office.is_reserved() {
            return Ok(held.power.clone());
        }
        let Some(office) = procedure.and_then(|procedure| procedure.offices.get(&by.office)) else {
            return Err(Refusal::new(Rule::OfficeUnknown, "an office of the governing procedure", by.office.to_string()));
        };
        let person = self.state.person(&by.person);
        let holds = |code: &Code| person.is_some_and(|person| self.holds_at(|time| person.is_qualified(code, self.seen_size, time)));
        match office.requires.iter().find(|code| !holds(code)) {
            Some(missing) => Err(Refusal::new(
                Rule::QualificationMissing,
                format!("{missing} for office {}", by.office),
                format!("{} without it", by.person),
            )),
            None => Ok(Some(office.power.clone())),
        }
    }

    fn judge_governance(&self, act: ActName, procedure: Option<&Procedure>, powers: &BTreeSet<Power>) -> Judged {
        let signers = self.header.by.len() as u64;
        let rule = procedure.filter(|_| act != ActName::Amend).and_then(|procedure| procedure.governance.get(&act));
        let needs_rule = !matches!(act, ActName::Amend | ActName::Enact | ActName::Incident) && !self.state.is_mutant(Rule::GovernanceNone);
        if rule.is_none() && needs_rule {
            return refuse(Rule::GovernanceNone, format!("[governance] with {}", act.as_str()), "none");
        }
        let allowed = |by: &By| rule.map_or(by.office.as_str() == "founder", |rule| rule.any.contains(&by.office));
        if let Some(other) = self.header.by.iter().find(|by| !allowed(by)) {
            let expected = rule.map_or("founder".to_owned(), |rule| list(rule.any.iter()));
            return refuse(Rule::GovernanceOffice, format!("act {} by {expected}", act.as_str()), other.office.to_string());
        }
        let min = match rule {
            Some(rule) => rule.min,
            None if act == ActName::Incident => 1,
            None => self.state.in_force().map_or(u64::MAX, |founding| founding.constitution.threshold),
        };
        if signers < min {
            return refuse(Rule::GovernanceCount, format!("at least {min} signers"), signers.to_string());
        }
        match rule {
            Some(rule) if (powers.len() as u64) < rule.powers => {
                refuse(Rule::GovernancePowers, format!("signers of at least {} powers", rule.powers), list(powers.iter()))
            }
            _ => Ok(()),
        }
    }

    /// Step 8: the rules of section 5.
    fn judge_act(&self, act: &Act, enacted: Option<&Procedure>) -> Judged {
        match act {
            Act::Amend { constitution, founders } => self.judge_amend(constitution, founders),
            Act::Enact { enacts, .. } => self.judge_enact(enacts, enacted),
            Act::Enrol { person, identity, key, .. } => {
                if self.state.person(person).is_some() {
                    return refuse(Rule::PersonTaken, "a person id that is free", person.to_string());
                }
                if self.state.is_identity_taken(identity) {
                    let who = self.state.persons().find(|(_, known)| known.identity == *identity).map(|(id, _)| id.to_string());
                    return refuse(
                        Rule::IdentityTaken,
                        "a natural person not enrolled yet",
                        format!("the token of {}", who.unwrap_or_default()),
                    );
                }
                self.judge_key_free(person, key)
            }
            Act::Device { enrols, .. } => match self.state.device(enrols) {
                Some(_) => refuse(Rule::DeviceTaken, "a device id that is free", enrols.to_string()),
                None => Ok(()),
            },
            Act::DeviceEnd { ends, .. } => match self.state.device(ends) {
                None => refuse(Rule::DeviceUnknown, "a device that is enrolled", ends.to_string()),
                Some(known) if known.ended.is_some() => refuse(Rule::DeviceEnded, "a device in use", ends.to_string()),
                Some(_) => Ok(()),
            },
            Act::Appoint { person, office, from, to, .. } => {
                self.judge_person(person)?;
                let procedure = self.governing(ActName::Appoint)?;
                if office.is_reserved() || procedure.is_none_or(|procedure| !procedure.offices.contains_key(office)) {
                    return refuse(Rule::OfficeUnknown, "an office of the procedure", office.to_string());
                }
                judge_period(*from, *to)
            }
            Act::AppointEnd { person, appointment, .. } => self.judge_appoint_end(person, appointment),
            Act::Rotate(new) => {
                let signers: Vec<&PersonId> = self.header.by.iter().map(|by| &by.person).collect();
                if signers != [&new.person] {
                    return refuse(Rule::PersonOther, format!("a signature by {} alone", new.person), list(signers.iter()));
                }
                self.judge_new_key(new, false)
            }
            Act::Rekey(new) => self.judge_new_key(new, true),
            Act::Revoke { person, key, suspected, .. } => self.judge_revoke(person, key, *suspected),
            Act::Relate { person, to, basis, .. } => {
                self.judge_person(person)?;
                if let RelatedTo::Person(other) = to {
                    self.judge_person(other)?;
                }
                if *basis == Basis::Declared && !self.header.by.iter().any(|by| by.person == *person) {
                    return refuse(Rule::PersonOther, format!("a signature by {person}, who declares"), "none");
                }
                Ok(())
            }
            Act::Qualify { person, from, to, .. } => {
                self.judge_person(person)?;
                judge_period(*from, *to)
            }
            Act::Import(import) => self.judge_import(import),
            Act::Incident(incident) => self.judge_incident(incident),
            _ => Ok(()),
        }
    }

    fn judge_import(&self, import: &Import) -> Judged {
        let head = self.state.case_head(&import.case).filter(|_| self.state.register().file(&import.case).is_none());
        if head != import.head.as_ref() {
            let shown = |head: Option<&signer::value::StatementHash>| head.map_or("new".to_owned(), ToString::to_string);
            return refuse(Rule::CaseHead, format!("case {} {}", import.case, shown(head)), shown(import.head.as_ref()));
        }
        if self.state.is_record_used(&import.source, import.record) {
            return refuse(Rule::RecordUsed, "a record that was not imported yet", format!("record {}", import.record));
        }
        Ok(())
    }

    /// Section 5.20: what the signers name is what they had seen, which step 1 has judged.
    fn judge_incident(&self, incident: &Incident) -> Judged {
        let seen = self.header.seen;
        if (incident.size, incident.root) != (seen.size, seen.root) {
            let shown = |size, root| format!("size {size}, root {root}");
            return refuse(Rule::IncidentUnlike, shown(seen.size, seen.root), shown(incident.size, incident.root));
        }
        Ok(())
    }

    fn judge_person(&self, person: &PersonId) -> Judged {
        match self.state.person(person) {
            Some(_) => Ok(()),
            None => refuse(Rule::PersonUnknown, "a person who is enrolled", person.to_string()),
        }
    }

    fn judge_amend(&self, constitution: &Constitution, founders: &[(PersonId, Power)]) -> Judged {
        founders.iter().try_for_each(|(person, _)| self.judge_person(person))?;
        once(Rule::PersonTaken, founders.iter().map(|(person, _)| person.as_str()))?;
        judge_constitution(constitution, founders.iter().map(|(_, power)| power))?;
        judge_witnesses(constitution)
    }

    fn judge_enact(&self, enacts: &ProcedureName, enacted: Option<&Procedure>) -> Judged {
        if let Some(latest) = self.state.procedures().iter().max_by_key(|enacted| enacted.name.version)
            && (latest.name.id != enacts.id || latest.name.version >= enacts.version)
        {
            let expected = format!("{} in a version above {}", latest.name.id, latest.name.version);
            return refuse(Rule::ProcedureSequence, expected, format!("{} {}", enacts.id, enacts.version));
        }
        let founders = self.state.in_force().map(|founding| &founding.powers);
        let lacks = founders.into_iter().flatten().find(|power| enacted.is_none_or(|procedure| !procedure.powers.contains_key(*power)));
        match lacks {
            Some(power) => refuse(Rule::FounderPowers, "a procedure that has every founder's power", format!("none called {power}")),
            None => Ok(()),
        }
    }

    fn judge_appoint_end(&self, person: &PersonId, appointment: &signer::value::StatementHash) -> Judged {
        let held = self.state.appointments(appointment).iter().find(|held| !held.office.is_reserved());
        match held {
            None => refuse(Rule::AppointmentUnknown, "an `appoint` statement", appointment.to_string()),
            Some(held) if held.person != *person => refuse(Rule::AppointmentMismatch, held.person.to_string(), person.to_string()),
            Some(held) if held.ended.is_some() => {
                refuse(Rule::AppointmentEnded, "an appointment that has not been ended", appointment.to_string())
            }
            Some(_) => Ok(()),
        }
    }

    fn judge_key_free(&self, person: &PersonId, key: &KeyBytes) -> Judged {
        if self.state.is_key_taken(person, key) { refuse(Rule::KeyTaken, "a key that is new", key.to_string()) } else { Ok(()) }
    }

    fn judge_new_key(&self, new: &NewKey, after_revocation: bool) -> Judged {
        self.judge_person(&new.person)?;
        let latest = self.state.person(&new.person).and_then(|person| person.latest_key());
        let Some(latest) = latest.filter(|latest| latest.key == new.replaces) else {
            let expected = latest.map_or_else(String::new, |latest| latest.key.to_string());
            return refuse(Rule::KeyUnknown, format!("the latest key of {}: {expected}", new.person), new.replaces.to_string());
        };
        match (latest.status, after_revocation) {
            (KeyStatus::Revoked(entry, _), false) => {
                refuse(Rule::KeyRevoked, "a key that is not revoked", format!("one revoked in entry {entry}"))
            }
            (KeyStatus::Active | KeyStatus::Replaced(_), true) => refuse(Rule::KeyActive, "a key that was revoked", "one in use"),
            _ => self.judge_key_free(&new.person, &new.key),
        }
    }

    fn judge_revoke(&self, person: &PersonId, key: &KeyBytes, suspected: Option<Time>) -> Judged {
        let latest = self.state.person(person).and_then(|person| person.latest_key());
        let Some(latest) = latest.filter(|latest| latest.key == *key) else {
            return refuse(Rule::KeyUnknown, format!("the latest key of {person}"), key.to_string());
        };
        if let KeyStatus::Revoked(entry, _) = latest.status {
            return refuse(Rule::KeyRevoked, "a key that is not revoked", format!("one revoked in entry {entry}"));
        }
        let Some(suspected) = suspected else { return Ok(()) };
        let least = latest.joint_last.unwrap_or(UnixMs(i64::MIN));
        if suspected.unix_ms() < least || suspected.unix_ms() > self.received {
            let since = latest.joint_last.map_or("any time".to_owned(), show);
            return refuse(
                Rule::SuspectedBound,
                format!("from {since}, the last act beside another signer, to {}", show(self.received)),
                suspected.to_string(),
            );
        }
        let procedure = self.governing(ActName::Revoke)?;
        let supervises = |by: &By| {
            let held = self.state.appointments(&by.appointment).iter().find(|held| held.person == by.person && held.office == by.office);
            procedure.is_some_and(|procedure| {
                let power = match by.office.is_reserved() {
                    true => held.and_then(|held| held.power.as_ref()),
                    false => procedure.offices.get(&by.office).map(|office| &office.power),
                };
                power == Some(&procedure.supervising)
            })
        };
        if self.header.by.iter().any(supervises) {
            return Ok(());
        }
        let power = procedure.map_or_else(String::new, |procedure| procedure.supervising.to_string());
        refuse(Rule::SuspectedSupervisor, format!("a signer whose office holds power {power}"), "none")
    }
}

fn judge_period(from: Time, to: Option<Time>) -> Judged {
    match to {
        Some(to) if to.unix_ms() <= from.unix_ms() => refuse(Rule::Period, format!("an end after {from}"), to.to_string()),
        _ => Ok(()),
    }
}

fn refuse<T>(rule: Rule, expected: impl Into<String>, found: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(rule, expected, found))
}

fn list<T: ToString>(all: impl Iterator<Item = T>) -> String {
    let all: Vec<String> = all.map(|one| one.to_string()).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// A time for people, in UTC.
fn show(time: UnixMs) -> String {
    Time { unix_seconds: time.0.div_euclid(1000), offset_minutes: 0 }.to_string()
}
