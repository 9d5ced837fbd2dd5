//! Everybody: founders, two or three persons for every office that governs, and for each step exactly those who are enough.

use std::collections::BTreeMap;

use ledger::procedure::Governance;
use ledger::procedure::programme::{RuleKind, StepBy};
use signer::act::{Act, Founder};
use signer::statement::By;
use signer::strict::Signature;
use signer::value::{Code, IdentityToken, Office, Power, StatementHash, Unit, UnixMs};
use signer::{ActName, PublicKey};

use super::book::{appointment, commitment, public, time};
use super::{Run, fine};
use crate::world::{bytes, office, person, text, unit};

/// Somebody who signs.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) by: By,
    pub(super) key: PublicKey,
    /// The power that the office holds.
    pub(super) power: Option<Power>,
    /// The statement that made the person known.
    pub(super) known_by: StatementHash,
}

impl Signer {
    pub(super) fn founder(founder: &Founder, founding: StatementHash) -> Signer {
        let by = By { person: founder.person.clone(), office: office("founder"), unit: Unit::whole(), appointment: founding };
        Signer { by, key: public(founder.person.as_str()), power: Some(founder.power.clone()), known_by: founding }
    }

    /// The same person, acting for nobody else.
    pub(super) fn as_self(&self) -> Signer {
        let by = By { person: self.by.person.clone(), office: office("self"), unit: Unit::whole(), appointment: self.known_by };
        Signer { by, power: None, ..self.clone() }
    }
}

/// Who is there.
#[derive(Clone, Default)]
pub(super) struct Roster {
    pub(super) founders: Vec<Signer>,
    /// Persons by office, for governed acts and outcomes; nobody of them does a step.
    pub(super) pool: BTreeMap<Office, Vec<Signer>>,
    /// For each step exactly those who are enough.
    pub(super) crews: Vec<Vec<Signer>>,
    /// For a step with a `mixed` rule somebody of another level, for whom the first of the crew makes room.
    pub(super) spares: Vec<Option<Signer>>,
    /// Somebody without an office.
    pub(super) own: Option<Signer>,
    hired: u64,
}

impl Run<'_> {
    /// Offices in the order in which the procedure uses them, whatever they are called.
    pub(super) fn offices(&self) -> Vec<Office> {
        let programme = &self.plan.programme;
        let steps = programme.steps.iter().flat_map(|step| step.by.offices());
        let outcomes = programme.outcomes.values().flat_map(|outcome| &outcome.by);
        let governing = self.plan.governance.values().flat_map(|rule| &rule.any);
        let mut all: Vec<Office> = Vec::new();
        for office in steps.chain(outcomes).chain(governing).filter(|office| !office.is_reserved()) {
            if !all.contains(office) {
                all.push(office.clone());
            }
        }
        all
    }

    /// Powers in the order in which offices use them, the supervising one first.
    pub(super) fn powers(&self) -> Vec<Power> {
        let mut all = vec![self.plan.supervising.clone()];
        for office in self.offices() {
            let power = &self.plan.offices[&office].power;
            if !all.contains(power) {
                all.push(power.clone());
            }
        }
        all
    }

    /// The unit of a level in which everything happens.
    pub(super) fn unit_of(depth: usize) -> Unit {
        if depth == 0 { Unit::whole() } else { unit(&["01"; 6][..depth].join("-")) }
    }

    pub(super) fn depth_of(&self, office: &Office) -> usize {
        let level = &self.plan.offices[office].level;
        self.plan.programme.levels.iter().position(|known| known == level).unwrap_or(0)
    }

    /// The unit in which applicants live: the smallest there is.
    pub(super) fn home_of_cases(&self) -> Unit {
        Self::unit_of(self.plan.programme.levels.len().saturating_sub(1))
    }

    pub(super) fn staff(&mut self) {
        self.roster.own = Some(self.enrol());
        for office in self.offices() {
            let governing = self.plan.governance.values().filter(|rule| rule.any.contains(&office)).map(|rule| rule.min);
            let outcomes = self.plan.programme.outcomes.values().filter(|outcome| outcome.by.contains(&office)).map(|outcome| outcome.min);
            let count = governing.chain(outcomes).max().unwrap_or(0);
            let all = (0..count).map(|_| self.hire(&office, &Unit::whole())).collect();
            self.roster.pool.insert(office, all);
        }
        let pool: Vec<Signer> = self.roster.pool.values().flatten().cloned().collect();
        pool.iter().for_each(|signer| self.qualify(signer));
        for step in 0..self.plan.programme.steps.len() {
            let crew = self.crew(step);
            self.roster.crews.push(crew.0);
            self.roster.spares.push(crew.1);
        }
    }

    /// Exactly those who are enough for a step; the spare person where origins must be mixed.
    fn crew(&mut self, step: usize) -> (Vec<Signer>, Option<Signer>) {
        let step = &self.plan.programme.steps[step];
        let mixed = self.plan.programme.rules.iter().find_map(|rule| match &rule.kind {
            RuleKind::Mixed { steps, level, min } if steps.contains(&step.id) => Some((*level, *min)),
            _ => None,
        });
        let homes = |number: u64| match mixed {
            Some((level, min)) if number < min => home(level),
            Some((level, _)) => home(usize::from(level == 0)),
            None => Unit::whole(),
        };
        let offices: Vec<Office> = match &step.by {
            StepBy::Any(offices, min) => offices.iter().cycle().take(*min as usize).cloned().collect(),
            StepBy::Each(offices) => offices.clone(),
        };
        let mut crew = Vec::new();
        for (number, office) in offices.iter().enumerate() {
            let signer = self.hire(office, &homes(number as u64));
            self.qualify(&signer);
            crew.push(signer);
        }
        let spare = mixed.map(|(level, _)| self.hire(&offices[0], &home(usize::from(level == 0))));
        spare.iter().for_each(|signer| self.qualify(signer));
        (crew, spare)
    }

    /// Enrols somebody new.
    pub(super) fn enrol(&mut self) -> Signer {
        self.roster.hired += 1;
        let id = format!("p{}", self.roster.hired);
        let act = Act::Enrol {
            person: person(&id),
            name: text(&format!("乙丑·{id}")),
            identity: IdentityToken(bytes(&format!("identity of {id}"))),
            key: public(&id).bytes(),
            // Proofs are verified before admission.
            proof: Signature([0; 64]),
        };
        let governors = self.governors(ActName::Enrol);
        let known_by = self.act("enrol", &governors, act, fine());
        let by = By { person: person(&id), office: office("self"), unit: Unit::whole(), appointment: known_by };
        Signer { by, key: public(&id), power: None, known_by }
    }

    /// Enrols and appoints somebody.
    fn hire(&mut self, office: &Office, home: &Unit) -> Signer {
        let Signer { by, key, known_by, .. } = self.enrol();
        let unit = Self::unit_of(self.depth_of(office));
        let mut by = By { office: office.clone(), unit, ..by };
        let act = appointment(&by, home, self.book.clock);
        let governors = self.governors(ActName::Appoint);
        by.appointment = self.act("appoint", &governors, act, fine());
        Signer { by, key, power: Some(self.plan.offices[office].power.clone()), known_by }
    }

    /// Gives somebody what the office requires.
    fn qualify(&mut self, signer: &Signer) {
        for qualification in &self.plan.offices[&signer.by.office].requires {
            let act = self.qualification(signer, qualification, self.book.clock);
            let governors = self.governors(ActName::Qualify);
            self.act("qualify", &governors, act, fine());
        }
    }

    pub(super) fn qualification(&self, signer: &Signer, qualification: &Code, from: UnixMs) -> Act {
        Act::Qualify {
            person: signer.by.person.clone(),
            qualification: qualification.clone(),
            from: time(from),
            to: None,
            evidence: commitment("certificate"),
        }
    }

    /// Exactly as many signers of exactly as many powers as an act asks for.
    pub(super) fn governors(&self, act: ActName) -> Vec<Signer> {
        let rule = self.plan.governance.get(&act);
        rule.map_or_else(Vec::new, |rule| self.signers_of(rule, rule.powers))
    }

    /// As many signers as a rule asks for, of so many powers, if there are.
    pub(super) fn signers_of(&self, rule: &Governance, powers: u64) -> Vec<Signer> {
        let mut able: Vec<Signer> = Vec::new();
        for office in &rule.any {
            match office.as_str() {
                "founder" => able.extend(self.roster.founders.iter().cloned()),
                "self" => able.extend(self.roster.own.as_ref().map(Signer::as_self)),
                _ => able.extend(self.roster.pool.get(office).into_iter().flatten().cloned()),
            }
        }
        // Some acts ask for a supervisor among the signers.
        able.sort_by_key(|signer| signer.power.as_ref() != Some(&self.plan.supervising));
        let mut chosen: Vec<Signer> = Vec::new();
        let has = |chosen: &[Signer], power: &Option<Power>| chosen.iter().any(|signer| signer.power == *power);
        for signer in &able {
            if (chosen.len() as u64) < powers && signer.power.is_some() && !has(&chosen, &signer.power) {
                chosen.push(signer.clone());
            }
        }
        for signer in &able {
            let is_new = !chosen.iter().any(|other| other.by.person == signer.by.person);
            if (chosen.len() as u64) < rule.min && is_new && (signer.power.is_none() || has(&chosen, &signer.power)) {
                chosen.push(signer.clone());
            }
        }
        chosen
    }

    /// Somebody without an office.
    pub(super) fn own(&self) -> Signer {
        self.roster.own.clone().unwrap()
    }
}

/// A home of a level, from where no applicant comes.
fn home(depth: usize) -> Unit {
    if depth == 0 { Unit::whole() } else { unit(&["09"; 6][..depth].join("-")) }
}
