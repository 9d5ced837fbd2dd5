//! What officials of the county may want to do next, given what the model knows: plausible acts, made from a seed.

mod acts;
mod papers;
mod rare;
mod spoil;

use std::sync::Arc;

use ledger::procedure::Procedure;
use ledger::procedure::programme::{On, Step, StepBy};
use signer::ActName;
use signer::act::Act;
use signer::statement::{By, ProcedureName};
use signer::value::{CaseId, Code, Commitment, DeviceId, KeyBytes, Office, Unit, UnixMs};

use crate::disk::Random;

use super::header::Held;
use super::{Bench, Case, Model, covers};

pub use self::rare::rare;
pub use self::spoil::{act as spoil_act, header as spoil_header, signers as spoil_signers};

/// Choices from a seed.
#[derive(Clone, Debug)]
pub struct Dice(Random);

impl Dice {
    /// The choices that follow from a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(Random::new(seed))
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0.bits()
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get(self.below(all.len() as u64) as usize) }
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Thirty-two bytes.
    pub fn hash(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.roll().to_be_bytes()));
        bytes
    }
}

/// An act with its header, before it gets a hash.
#[derive(Clone, Debug)]
pub struct Draft {
    /// When it comes.
    pub received: UnixMs,
    /// The procedure named.
    pub procedure: Option<ProcedureName>,
    /// Signers.
    pub by: Vec<By>,
    /// Their keys.
    pub keys: Vec<KeyBytes>,
    /// Device.
    pub device: DeviceId,
    /// Counter.
    pub counter: u64,
    /// The device's clock.
    pub at: UnixMs,
    /// Size seen.
    pub seen: u64,
    /// Whether root and chain are of another log.
    pub is_unlike: bool,
    /// What is done.
    pub act: Act,
    /// The procedure that it enacts.
    pub enacts: Option<Arc<Procedure>>,
}

/// Who signs and what.
pub type Wish = (Vec<By>, Act);

/// Somebody who makes up acts for one moment.
pub struct Wisher<'a> {
    /// What is known.
    pub model: &'a Model,
    /// Chance.
    pub dice: &'a mut Dice,
    /// The procedure in force.
    pub g: Arc<Procedure>,
    /// Now.
    pub r: UnixMs,
    /// The size that is seen.
    pub z: u64,
    /// Appointments that a signer may name.
    pub held: Vec<Held>,
}

/// A code.
pub fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

/// What is put under an appointment.
pub fn by_of(held: &Held) -> By {
    By { person: held.person.clone(), office: held.office.clone(), unit: held.unit.clone(), appointment: held.hash }
}

impl<'a> Wisher<'a> {
    /// For a moment and a size seen.
    pub fn new(model: &'a Model, dice: &'a mut Dice, r: UnixMs, z: u64) -> Wisher<'a> {
        let g = Arc::clone(model.in_force(u64::MAX, r).unwrap().1);
        let held = model.held();
        Wisher { model, dice, g, r, z, held }
    }

    /// A judge without signers: to ask what is due.
    pub fn bench(&self) -> Bench<'_> {
        Bench {
            model: self.model,
            g: &self.g,
            r: self.r,
            i: self.model.size(),
            z: self.z,
            hash: signer::value::StatementHash([0; 32]),
            signers: Vec::new(),
            warnings: std::cell::RefCell::default(),
        }
    }

    /// A commitment.
    pub fn commitment(&mut self) -> Commitment {
        Commitment(self.dice.hash())
    }

    /// A case that is alive, or now and then any.
    pub fn any_case(&mut self) -> Option<(CaseId, Case)> {
        let all: Vec<(&CaseId, &Case)> = self.model.cases.iter().filter(|(_, case)| case.status.is_none()).collect();
        let all = if all.is_empty() || self.dice.percent(15) { self.model.cases.iter().collect() } else { all };
        self.dice.one(&all).map(|(id, case)| ((*id).clone(), (*case).clone()))
    }

    /// Appointments to these offices that cover a unit, in any order; mostly such as are in force.
    pub fn officers(&mut self, offices: &[Office], unit: Option<&Unit>) -> Vec<Held> {
        let strict = !self.dice.percent(3);
        let (r, z) = (self.r, self.z);
        let fits = |held: &&Held| {
            offices.contains(&held.office)
                && unit.is_none_or(|unit| covers(&held.unit, unit))
                && (!strict || held.is_in_force(r) && held.entry < z && held.person.as_str() != "z1")
        };
        let mut all: Vec<Held> = self.held.iter().filter(fits).cloned().collect();
        self.dice.shuffle(&mut all);
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|held| seen.insert(held.person.as_str().to_owned()));
        all
    }

    /// Signers of a step.
    pub fn signers(&mut self, step: &Step, unit: Option<&Unit>) -> Option<Vec<By>> {
        let by = match &step.by {
            StepBy::Any(offices, min) => {
                let chance = if step.on == On::Case { 30 } else { 8 };
                let short = step.join_days.is_some() && self.dice.percent(chance);
                let count = if short { 1 } else { *min as usize + usize::from(self.dice.percent(10)) };
                self.officers(offices, unit).iter().take(count).map(by_of).collect()
            }
            StepBy::Each(offices) => {
                let each: Option<Vec<By>> =
                    offices.iter().map(|office| self.officers(std::slice::from_ref(office), unit).first().map(by_of)).collect();
                each?
            }
        };
        Some(by).filter(|by: &Vec<By>| !by.is_empty())
    }

    /// Signers that `[governance]` asks for.
    pub fn governed(&mut self, act: ActName, unit: Option<&Unit>) -> Option<Vec<By>> {
        let g = Arc::clone(&self.g);
        let Some(table) = g.governance.get(&act) else {
            return self.officers(&[Office::parse("registrar").unwrap()], None).first().map(|held| vec![by_of(held)]);
        };
        let mut found: Vec<Held> = Vec::new();
        for held in self.officers(&table.any, unit) {
            let power = |held: &Held| held.power.clone().or_else(|| g.offices.get(&held.office).map(|office| office.power.clone()));
            let is_new = !found.iter().any(|one| power(one) == power(&held));
            let powers = found.iter().filter_map(power).collect::<std::collections::BTreeSet<_>>().len() as u64;
            if (found.len() as u64) < table.min && (is_new || powers >= table.powers || table.powers < table.min) {
                found.push(held);
            }
        }
        Some(found.iter().map(by_of).collect::<Vec<By>>()).filter(|by| !by.is_empty())
    }

    /// The latest key of each signer.
    pub fn keys(&self, by: &[By]) -> Vec<KeyBytes> {
        by.iter().map(|by| self.model.keys_of(&by.person).last().map_or(KeyBytes([0; 32]), |(key, ..)| *key)).collect()
    }

    /// Something to do.
    pub fn wish(&mut self) -> Option<Wish> {
        match self.dice.below(100) {
            0..78 => self.advance(),
            78..83 => self.open_or_renew(),
            83..85 => self.any_step(),
            _ => self.other_act(),
        }
    }

    fn any_step(&mut self) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let steps: Vec<&Step> = g.programme.steps.iter().filter(|step| step.on == On::Case && !step.opens).collect();
        let step = *self.dice.one(&steps)?;
        let (id, case) = self.any_case()?;
        self.case_step(step, &id, &case)
    }

    /// One of all things that bring a case or payment further.
    fn advance(&mut self) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let mut ways: Vec<Way> = Vec::new();
        for step in &g.programme.steps {
            self.ways_of(step, &mut ways);
        }
        let late = self.dice.percent(3);
        let waiting = self.model.waiting.iter().filter(|(_, waiting)| late || self.r.0 < waiting.received.0 + 6 * 86_400_000);
        let waiting: Vec<_> = waiting.collect();
        ways.extend(waiting.iter().map(|(hash, _)| Way::Join(**hash)));
        ways.extend(self.paper_ways());
        let waits = |way: &Way| {
            waiting.iter().any(|(_, waiting)| match way {
                Way::Step(step, id) => waiting.step.step == *step && waiting.step.case.as_ref().is_some_and(|(case, _)| case == id),
                Way::List(list) => waiting.step.list.as_ref().is_some_and(|line| line.list == *list),
                _ => false,
            })
        };
        ways.retain(|way| late || !waits(way));
        self.dice.shuffle(&mut ways);
        // What is rarer comes first, so that some cases come to the end.
        let way = if self.dice.percent(70) { ways.iter().max_by_key(|way| way.weight()) } else { ways.first() }?.clone();
        self.go(&way)
    }

    fn ways_of(&self, step: &Step, ways: &mut Vec<Way>) {
        let bench = self.bench();
        let is_due = |id: &CaseId, case: &Case| {
            case.status.is_none()
                && case.mark(&step.id).is_none()
                && (if case.is_new { step.for_new } else { step.for_continuing })
                && step.after.iter().all(|before| bench.is_satisfied(id, case, before, u64::MAX))
        };
        let due = self.model.cases.iter().filter(|(id, case)| is_due(id, case));
        match step.on {
            On::Case if !step.opens && !step.renews => {
                ways.extend(due.filter(|(_, case)| case.flags.is_empty()).map(|(id, _)| Way::Step(step.id.clone(), id.clone())));
            }
            On::List => {
                let units: std::collections::BTreeSet<String> =
                    due.filter_map(|(_, case)| super::level_unit(&case.unit, step.level)).map(|unit| unit.to_string()).collect();
                let prefix = format!("{}-", step.id);
                let is_under_way = |list: &super::List| {
                    let is_new = list.since + 14 > self.model.size() && list.used.is_none();
                    is_new
                        || list.up.last().is_some_and(|(up, _)| *up == step.id) && list.since + 60 > self.model.size() && list.did.is_none()
                };
                let waits = |unit: &str| {
                    let mut lists = self.model.lists.iter().filter(|(id, list)| id.as_str().starts_with(&prefix) && is_under_way(list));
                    lists.any(|(id, _)| id.as_str().contains(&format!("-u{}-u", unit.replace('-', "x"))))
                };
                ways.extend(units.iter().filter(|unit| !waits(unit)).map(|unit| Way::Sheet(step.id.clone(), Unit::parse(unit).unwrap())));
            }
            _ => {}
        }
    }
}

/// A way to bring something further.
#[derive(Clone, Debug)]
pub enum Way {
    /// A step on a case.
    Step(Code, CaseId),
    /// A sheet for a list step on a unit.
    Sheet(Code, Unit),
    /// A list that waits for its step, or for its seats.
    List(Code),
    /// A list that is up.
    Down(Code, Code),
    /// A locked list with payments to be paid, or paid again.
    Fund(Code, Option<Code>),
    /// A batch whose results are not in.
    Settle(Code),
    /// A settled batch.
    Close(Code),
    /// A payment that was made.
    Receipt(CaseId, Code),
    /// A step that waits.
    Join(signer::value::StatementHash),
    /// A posting after the lock.
    Notice(Code),
}

impl Way {
    fn weight(&self) -> u8 {
        match self {
            Way::Step(step, _) if matches!(step.as_str(), "visit" | "sample") => 4,
            Way::Step(..) | Way::Down(..) | Way::Notice(_) | Way::Receipt(..) | Way::Close(_) => 1,
            Way::Sheet(step, _) if matches!(step.as_str(), "confirm" | "lock") => 5,
            Way::Sheet(..) => 3,
            Way::Join(_) => 4,
            Way::List(_) => 5,
            Way::Fund(..) | Way::Settle(_) => 6,
        }
    }
}
