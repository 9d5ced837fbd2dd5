//! Section 8.3: what is judged in every statement, and the rules of signers of 8.4.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use ledger::history::Context;
use ledger::procedure::Procedure;
use ledger::procedure::programme::RuleKind;
use signer::Rule;
use signer::act::{Act, ActName, Capacity, DeviceReason, EndReason};
use signer::statement::{By, ProcedureName};
use signer::value::{DeviceId, KeyBytes, Office, PersonId, Power, StatementHash, Unit, UnixMs};

use super::{Bench, Judged, Model, Signer, Submission, What, ensure};

/// An appointment.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Held {
    pub hash: StatementHash,
    pub entry: u64,
    pub person: PersonId,
    pub office: Office,
    pub unit: Unit,
    pub home: Unit,
    pub capacity: Capacity,
    pub from: UnixMs,
    pub to: Option<UnixMs>,
    pub ended: Option<(u64, EndReason)>,
    pub power: Option<Power>,
}

impl Held {
    /// In force: from ≤ r < to, not ended.
    pub fn is_in_force(&self, at: UnixMs) -> bool {
        self.ended.is_none() && self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Changed by its holder.
    Rotated,
    /// Revoked.
    Revoked,
}

/// A key, the entry that made it known, and how and at which entry it ended.
pub type KeyLife = (KeyBytes, u64, Option<(u64, Fate)>);

/// Stands in where no procedure governs.
static NONE: LazyLock<Procedure> = LazyLock::new(|| Procedure::parse(crate::world::PROCEDURE).unwrap());

/// How far a statement's own view of the log excuses it.
#[derive(Clone, Copy)]
pub struct View {
    /// When it came.
    pub r: UnixMs,
    /// The time seen.
    pub s: UnixMs,
    /// The size seen.
    pub size: u64,
    /// Whether it came within the allowance.
    pub is_covered: bool,
}

impl View {
    fn is_still_good(&self, ended_at: u64) -> bool {
        self.is_covered && self.size <= ended_at
    }
}

impl Model {
    /// All appointments ever, offices `founder` and `self` too.
    pub fn held(&self) -> Vec<Held> {
        let mut all: Vec<Held> = Vec::new();
        let own = |hash: StatementHash, entry: u64, person: &PersonId, office: &str, from: UnixMs, power: Option<Power>| Held {
            hash,
            entry,
            person: person.clone(),
            office: Office::parse(office).unwrap(),
            unit: Unit::whole(),
            home: Unit::whole(),
            capacity: Capacity::Regular,
            from,
            to: None,
            ended: None,
            power,
        };
        for entry in &self.entries {
            match &entry.what {
                What::Founding(founding, hash) => {
                    for founder in &founding.founders {
                        let power = Some(founder.power.clone());
                        all.push(own(*hash, entry.index, &founder.person, "founder", entry.received, power));
                        all.push(own(*hash, entry.index, &founder.person, "self", entry.received, None));
                    }
                }
                What::Act { hash, act: Act::Enrol { person, .. }, .. } => {
                    all.push(own(*hash, entry.index, person, "self", entry.received, None));
                }
                What::Act { hash, act: Act::Appoint { person, office, unit, capacity, home, from, to, .. }, .. } => all.push(Held {
                    hash: *hash,
                    entry: entry.index,
                    person: person.clone(),
                    office: office.clone(),
                    unit: unit.clone(),
                    home: home.clone(),
                    capacity: *capacity,
                    from: from.unix_ms(),
                    to: to.map(|to| to.unix_ms()),
                    ended: None,
                    power: None,
                }),
                What::Act { act: Act::AppointEnd { appointment, reason, .. }, .. } => {
                    let ended = all.iter_mut().filter(|held| held.hash == *appointment);
                    ended.for_each(|held| held.ended = Some((entry.index, *reason)));
                }
                _ => {}
            }
        }
        all
    }

    /// Keys of a person in order: entry, and how and when each ended.
    pub fn keys_of(&self, person: &PersonId) -> Vec<KeyLife> {
        let mut all: Vec<KeyLife> = Vec::new();
        for entry in &self.entries {
            match &entry.what {
                What::Founding(founding, _) => {
                    let own = founding.founders.iter().filter(|founder| founder.person == *person);
                    all.extend(own.map(|founder| (founder.key, entry.index, None)));
                }
                What::Act { act: Act::Enrol { person: whose, key, .. }, .. } if whose == person => all.push((*key, entry.index, None)),
                What::Act { act: Act::Rotate(new), .. } if new.person == *person => {
                    if let Some(last) = all.last_mut() {
                        last.2 = Some((entry.index, Fate::Rotated));
                    }
                    all.push((new.key, entry.index, None));
                }
                What::Act { act: Act::Rekey(new), .. } if new.person == *person => all.push((new.key, entry.index, None)),
                What::Act { act: Act::Revoke { person: whose, .. }, .. } if whose == person => {
                    if let Some(last) = all.last_mut() {
                        last.2 = Some((entry.index, Fate::Revoked));
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Whether a person is enrolled.
    pub fn is_enrolled(&self, person: &PersonId) -> bool {
        !self.keys_of(person).is_empty()
    }

    /// Enacted procedures: entry, name, start, procedure.
    pub fn enacted(&self) -> Vec<(u64, &ProcedureName, UnixMs, &Arc<Procedure>)> {
        let all = self.entries.iter().filter_map(|entry| match &entry.what {
            What::Act { act: Act::Enact { enacts, .. }, procedure: Some(procedure), .. } => {
                Some((entry.index, enacts, entry.received.max(procedure.valid_from), procedure))
            }
            _ => None,
        });
        all.collect()
    }

    /// The procedure in force at a time among those enacted by entries below a size.
    pub fn in_force(&self, size: u64, at: UnixMs) -> Option<(&ProcedureName, &Arc<Procedure>)> {
        let good = self.enacted().into_iter().rfind(|(entry, _, start, _)| *entry < size && *start <= at);
        good.map(|(_, name, _, procedure)| (name, procedure))
    }

    /// Points 1 to 7 of section 8.3, and the rules of signers. Also whether a procedure governs.
    pub fn judge_header<'a>(&'a self, sub: &Submission, context: Option<&Context>) -> Result<(Bench<'a>, bool), Rule> {
        let (header, r) = (&sub.header, sub.received);
        let context = context.filter(|context| context.seen.size <= self.size()).ok_or(Rule::SeenAhead)?;
        ensure(context.seen == header.seen, Rule::SeenUnlike)?;
        let size = header.seen.size;
        let s = self.entries[size as usize - 1].received;
        let allowance = self.allowance_ms(r, &sub.act);
        let view = View { r, s, size, is_covered: r.0 - s.0 <= allowance };
        let at = header.at.unix_ms();
        ensure(at.0 <= r.0 + 300_000, Rule::AtFuture)?;
        ensure(r.0 - at.0 <= allowance, Rule::AtStale)?;
        let governing = self.governing(header.procedure.as_ref(), &view, sub.act.name())?;
        self.judge_device(&header.device, header.counter, &view)?;
        let mut signers: Vec<Signer> = Vec::new();
        for (by, key) in header.by.iter().zip(&sub.keys) {
            ensure(signers.iter().all(|signer| signer.person != by.person), Rule::SignerRepeated)?;
            signers.push(self.judge_signer(by, key, &view, sub.act.name(), governing)?);
        }
        let g: &Procedure = match governing {
            Some(governing) => governing,
            None => &NONE,
        };
        let warnings = RefCell::new(BTreeSet::new());
        let bench = Bench { model: self, g, r, i: self.size(), z: size, hash: sub.hash, signers, warnings };
        if is_of_programme(sub.act.name()) {
            bench.judge_signers()?;
        }
        bench.judge_governance(sub.act.name(), governing.is_some())?;
        Ok((bench, governing.is_some()))
    }

    fn allowance_ms(&self, r: UnixMs, act: &Act) -> i64 {
        let Some((_, procedure)) = self.in_force(u64::MAX, r) else { return 72 * 3_600_000 };
        let step = match act {
            Act::Step(act) => Some(&act.step),
            Act::PostUp(act) => Some(&act.step),
            Act::PostDown(act) => Some(&act.step),
            _ => None,
        };
        let own = procedure.programme.steps.iter().find(|known| Some(&known.id) == step).and_then(|step| step.offline_hours);
        own.unwrap_or(procedure.offline_hours) as i64 * 3_600_000
    }

    /// Whether something of the general allowance is covered.
    pub fn general_view(&self, r: UnixMs, size: u64) -> View {
        let s = self.entries[size as usize - 1].received;
        let hours = self.in_force(u64::MAX, r).map_or(72, |(_, procedure)| procedure.offline_hours);
        View { r, s, size, is_covered: r.0 - s.0 <= hours as i64 * 3_600_000 }
    }

    fn governing(&self, named: Option<&ProcedureName>, view: &View, act: ActName) -> Result<Option<&Arc<Procedure>>, Rule> {
        let now = self.in_force(u64::MAX, view.r);
        let then = self.in_force(view.size, view.s);
        let Some(named) = named else {
            let is_good = now.is_none() || view.is_covered && then.is_none();
            ensure(is_good && matches!(act, ActName::Amend | ActName::Enact), Rule::ProcedureVersion)?;
            return Ok(None);
        };
        ensure(self.enacted().iter().any(|(_, name, ..)| *name == named), Rule::ProcedureUnknown)?;
        let is = |one: Option<(&ProcedureName, &Arc<Procedure>)>| one.is_some_and(|(name, _)| name == named);
        ensure(is(now) || view.is_covered && is(then), Rule::ProcedureVersion)?;
        Ok(self.enacted().into_iter().find(|(_, name, ..)| *name == named).map(|(.., procedure)| procedure))
    }

    fn judge_device(&self, device: &DeviceId, counter: u64, view: &View) -> Judged {
        let enrolled = self.entries.iter().find(|entry| match &entry.what {
            What::Founding(founding, _) => founding.device == *device,
            What::Act { act: Act::Device { enrols, .. }, .. } => enrols == device,
            _ => false,
        });
        ensure(enrolled.is_some_and(|entry| entry.index < view.size), Rule::DeviceUnknown)?;
        let ended = self.acts().find_map(|(index, _, _, act)| match act {
            Act::DeviceEnd { ends, reason } if ends == device => Some((index, *reason)),
            _ => None,
        });
        let is_good =
            ended.is_none_or(|(index, reason)| view.is_still_good(index) && matches!(reason, DeviceReason::Retired | DeviceReason::Other));
        ensure(is_good, Rule::DeviceEnded)?;
        let used = self.entries.iter().any(|entry| match &entry.what {
            What::Founding(founding, _) => founding.device == *device && counter == 0,
            What::Act { header, .. } => header.device == *device && header.counter == counter,
            _ => false,
        });
        ensure(!used, Rule::CounterUsed)
    }

    /// Point 6 for one signer.
    pub fn judge_signer(
        &self,
        by: &By,
        key: &KeyBytes,
        view: &View,
        act: ActName,
        governing: Option<&Arc<Procedure>>,
    ) -> Result<Signer, Rule> {
        let keys = self.keys_of(&by.person);
        let (_, made, fate) = keys.iter().find(|(known, ..)| known == key).ok_or(Rule::KeyUnknown)?;
        ensure(*made < view.size, Rule::KeyNotYet)?;
        ensure(!matches!(fate, Some((_, Fate::Revoked))), Rule::KeyRevoked)?;
        let is_good = match fate {
            None => true,
            Some((ended, _)) => view.is_still_good(*ended) && !matches!(act, ActName::Rotate | ActName::Revoke),
        };
        ensure(is_good, Rule::KeySuperseded)?;
        let of_hash: Vec<Held> = self.held().into_iter().filter(|held| held.hash == by.appointment && held.entry < view.size).collect();
        ensure(!of_hash.is_empty(), Rule::AppointmentUnknown)?;
        // `self` stands for the statement that made the person known; other statements give no such office.
        let fits = |held: &&Held| held.person == by.person && held.office == by.office && held.unit == by.unit;
        let held = of_hash.iter().find(fits).ok_or(Rule::AppointmentMismatch)?;
        ensure(held.from <= view.r, Rule::AppointmentNotYet)?;
        let stands = held.ended.is_none_or(|(entry, reason)| view.is_still_good(entry) && reason != EndReason::Dismissed);
        let lasts = held.to.is_none_or(|to| view.r < to || view.is_covered && view.s < to);
        ensure(stands && lasts, Rule::AppointmentEnded)?;
        if let Some(governing) = governing.filter(|_| !by.office.is_reserved()) {
            let office = governing.offices.get(&by.office);
            for code in office.map(|office| office.requires.as_slice()).unwrap_or_default() {
                let holds = self.acts().any(|(index, _, _, act)| match act {
                    Act::Qualify { person, qualification, from, to, .. } => {
                        let within = |at: UnixMs| from.unix_ms() <= at && to.is_none_or(|to| at < to.unix_ms());
                        *person == by.person
                            && qualification == code
                            && index < view.size
                            && (within(view.r) || view.is_covered && within(view.s))
                    }
                    _ => false,
                });
                ensure(holds, Rule::QualificationMissing)?;
            }
            ensure(office.is_some(), Rule::OfficeUnknown)?;
        }
        let Held { home, capacity, from, power, .. } = held.clone();
        Ok(Signer { person: by.person.clone(), office: by.office.clone(), unit: by.unit.clone(), home, capacity, from, power })
    }
}

/// Whether an act is of sections 5.11 to 5.16.
pub fn is_of_programme(act: ActName) -> bool {
    act >= ActName::Step
}

impl Bench<'_> {
    /// The rules of signers of section 8.4.
    pub fn judge_signers(&self) -> Judged {
        for signer in &self.signers {
            for rule_of in &self.g.programme.rules {
                if let RuleKind::Acting { max_days, .. } = rule_of.kind {
                    let over = self.r.0 > signer.from.0 + max_days as i64 * 86_400_000;
                    self.by_severity(rule_of, signer.capacity == Capacity::Regular || !over, Rule::ActingDays)?;
                }
            }
            for rule_of in &self.g.programme.rules {
                if let RuleKind::ExclusivePowers(powers) = &rule_of.kind {
                    let held = self.model.held();
                    let in_force = held.iter().filter(|held| held.person == signer.person && held.is_in_force(self.r));
                    let found: BTreeSet<Power> =
                        in_force.filter_map(|held| self.power_of(&held.office)).filter(|power| powers.contains(power)).collect();
                    self.by_severity(rule_of, found.len() < 2, Rule::ExclusivePowers)?;
                }
            }
        }
        Ok(())
    }

    /// The power of an office of the procedure.
    pub fn power_of(&self, office: &Office) -> Option<Power> {
        self.g.offices.get(office).map(|office| office.power.clone())
    }

    fn judge_governance(&self, act: ActName, is_governed: bool) -> Judged {
        if matches!(act, ActName::Step | ActName::PostUp | ActName::PostDown | ActName::Join | ActName::Sheet | ActName::Outcome) {
            return Ok(());
        }
        if !is_governed {
            ensure(self.signers.iter().all(|signer| signer.office.as_str() == "founder"), Rule::GovernanceOffice)?;
            let threshold = self.model.entries.iter().find_map(|entry| match &entry.what {
                What::Founding(founding, _) => Some(founding.constitution.threshold),
                _ => None,
            });
            return ensure(threshold.is_some_and(|threshold| self.signers.len() as u64 >= threshold), Rule::GovernanceCount);
        }
        let table = self.g.governance.get(&act).ok_or(Rule::GovernanceNone)?;
        ensure(self.signers.iter().all(|signer| table.any.contains(&signer.office)), Rule::GovernanceOffice)?;
        ensure(self.signers.len() as u64 >= table.min, Rule::GovernanceCount)?;
        let powers: BTreeSet<Power> =
            self.signers.iter().filter_map(|signer| signer.power.clone().or_else(|| self.power_of(&signer.office))).collect();
        ensure(powers.len() as u64 >= table.powers, Rule::GovernancePowers)
    }
}
