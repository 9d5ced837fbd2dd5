//! Sections 8.4 to 8.6: what is satisfied, the rules of a case, the form of steps, joins, and steps on one case.

use std::cell::RefCell;
use std::collections::BTreeSet;

use ledger::procedure::programme::{On, RuleKind, Step, StepBy};
use sha2::{Digest as _, Sha256};
use signer::act::{About, Act, Assertion};
use signer::value::{CaseId, Code, Period, PersonId, StatementHash, Unit};
use signer::{ActName, Rule};

use super::{Bench, Case, Effect, Judged, Mark, Model, Submission, Waiting, codes_of, covers, ensure, is_on_list, level_number};

/// What the rules of a case are judged of.
pub struct Subject<'a> {
    /// The case.
    pub id: &'a CaseId,
    /// Its unit.
    pub unit: &'a Unit,
    /// Marks that count as its.
    pub marks: Vec<&'a Mark>,
    /// Who recused themselves.
    pub recused: &'a [PersonId],
}

impl Bench<'_> {
    /// The step of this id in the governing procedure.
    pub fn step_of(&self, id: &Code) -> Option<&Step> {
        self.g.programme.steps.iter().find(|step| step.id == *id)
    }

    /// Whether a step is satisfied for a case, counting entries below a bound.
    pub fn is_satisfied(&self, id: &CaseId, case: &Case, step: &Code, bound: u64) -> bool {
        let Some(step) = self.step_of(step) else { return false };
        if case.marks.iter().any(|mark| mark.step == step.id && mark.entry < bound) {
            return true;
        }
        if !if case.is_new { step.for_new } else { step.for_continuing } {
            return true;
        }
        step.cover.is_some()
            && step.after.iter().all(|before| self.is_satisfied(id, case, before, bound))
            && self.is_undrawn(id, case, step, bound)
    }

    fn is_undrawn(&self, id: &CaseId, case: &Case, step: &Step, bound: u64) -> bool {
        let Some(cover) = step.cover else { return false };
        let seen: Vec<&Mark> = case.marks.iter().filter(|mark| mark.entry < bound).collect();
        let before = seen.iter().filter(|mark| step.after.contains(&mark.step)).map(|mark| mark.entry).max();
        let Some(e) = before.or_else(|| seen.iter().map(|mark| mark.entry).max()) else { return false };
        let Some(digest) = self.model.cosigned_after(e, bound) else { return false };
        let is_related = self.model.relations(id, u64::MAX).next().is_some();
        let share = match (is_related, case.is_new) {
            (true, _) => cover.related,
            (false, true) => cover.new,
            (false, false) => cover.continuing,
        };
        let mut hash = Sha256::new();
        hash.update(b"zeren draw v1\n");
        hash.update(digest);
        hash.update(id.as_str());
        let first: [u8; 8] = hash.finalize()[..8].try_into().unwrap();
        let d = u128::from(u64::from_be_bytes(first));
        d * u128::from(share.denominator) >= u128::from(share.numerator) << 64
    }

    /// `override-unknown`: each line names a good override about one of the cases or the list.
    pub fn judge_overrides(&self, overrides: &[StatementHash], step: &Step, cases: &[&CaseId], list: Option<&Code>) -> Judged {
        for line in overrides {
            let is_good = self.model.overrides_below(self.z).any(|(hash, act)| {
                let about = match &act.about {
                    About::Case(case) => cases.contains(&case),
                    About::List(about) => list == Some(about),
                };
                hash == *line && act.step == step.id && about
            });
            ensure(is_good, Rule::OverrideUnknown)?;
        }
        Ok(())
    }

    fn is_overridden(&self, overrides: &[StatementHash], step: &Step, rule: &Code, case: &CaseId, list: Option<&Code>) -> bool {
        self.model.overrides_below(self.z).any(|(hash, act)| {
            let about = match &act.about {
                About::Case(about) => about == case,
                About::List(about) => is_on_list(step.on) && list == Some(about),
            };
            overrides.contains(&hash) && act.step == step.id && act.rule == *rule && about
        })
    }

    /// The rules of a case.
    pub fn judge_case_rules(&self, step: &Step, subject: &Subject<'_>, overrides: &[StatementHash], list: Option<&Code>) -> Judged {
        let by = &self.signers;
        ensure(by.iter().all(|signer| !subject.recused.contains(&signer.person)), Rule::Recused)?;
        for rule_of in &self.g.programme.rules {
            if !rule_of.kind.steps().contains(&step.id) {
                continue;
            }
            let is_overridden = self.is_overridden(overrides, step, &rule_of.id, subject.id, list);
            let (holds, rule) = match &rule_of.kind {
                RuleKind::Distinct(steps) => {
                    let others = subject.marks.iter().filter(|mark| mark.step != step.id && steps.contains(&mark.step));
                    let did: Vec<&PersonId> = others.flat_map(|mark| &mark.signers).collect();
                    (by.iter().all(|signer| !did.contains(&&signer.person)), Rule::Distinct)
                }
                RuleKind::NotOwnUnit(_) => {
                    (by.iter().all(|signer| signer.home.as_str() == "-" || !covers(&signer.home, subject.unit)), Rule::OwnUnit)
                }
                RuleKind::Mixed { level, min, .. } => {
                    (by.iter().filter(|signer| level_number(&signer.home) == *level).count() as u64 >= *min, Rule::Mixed)
                }
                RuleKind::Recuse { relations, .. } => {
                    let related: Vec<(&PersonId, &Code)> = self.model.relations(subject.id, self.i).collect();
                    let is_kin = |person: &PersonId| related.iter().any(|(who, kind)| *who == person && relations.contains(kind));
                    (!by.iter().any(|signer| is_kin(&signer.person)), Rule::Recusal)
                }
                _ => continue,
            };
            self.by_severity(rule_of, holds || is_overridden, rule)?;
        }
        Ok(())
    }

    /// Warns when the date is past.
    pub fn warn_of_due(&self, step: &Step, period: Period, referred_ms: i64) {
        if let Some((month, day)) = step.due {
            let offset = self.g.programme.calendar.offset_minutes;
            let due = signer::value::midnight(i64::from(period.year()), i64::from(month), i64::from(day), offset).unwrap();
            self.warn_unless(self.day(due) + referred_ms / 86_400_000 >= self.day(self.r), Rule::Late);
        }
    }

    /// `step`, `post-up` and `post-down`, from the form on.
    pub fn step(&self, act: &Act, sub: &Submission, is_joined: bool) -> Result<Effect, Rule> {
        let (id, wants_posting) = match act {
            Act::Step(act) => (&act.step, false),
            Act::PostUp(act) => (&act.step, true),
            Act::PostDown(act) => (&act.step, true),
            _ => unreachable!("another act"),
        };
        let step = self.step_of(id).filter(|step| step.posting.is_some() == wants_posting).ok_or(Rule::StepUnknown)?;
        if let Act::Step(act) = act {
            self.judge_form(step, act)?;
        }
        ensure(self.signers.iter().all(|signer| step.by.offices().contains(&signer.office)), Rule::StepOffice)?;
        if !self.is_complete(step) {
            ensure(step.join_days.is_some() && !is_joined, Rule::StepCount)?;
            let Act::Step(act) = act else { return Err(Rule::StepCount) };
            let signed = sub.header.by.iter().cloned().zip(sub.keys.iter().copied()).map(|(by, key)| (by, key, self.z)).collect();
            let waiting = Waiting { step: act.clone(), received: self.r, z: self.z, signed };
            let hash = self.hash;
            return Ok(Box::new(move |model| {
                model.waiting.insert(hash, waiting);
            }));
        }
        match (act, step.on) {
            (Act::Step(act), On::Case) => self.case_step(step, act),
            (Act::Step(act), On::Batch) => self.batch_step(step, act),
            (Act::Step(act), On::Payment) => self.payment_step(step, act),
            _ => self.list_step(step, act, sub),
        }
    }

    fn is_complete(&self, step: &Step) -> bool {
        match &step.by {
            StepBy::Any(_, min) => self.signers.len() as u64 >= *min,
            StepBy::Each(offices) => offices.iter().all(|office| self.signers.iter().any(|signer| signer.office == *office)),
        }
    }

    fn judge_form(&self, step: &Step, act: &signer::act::Step) -> Judged {
        let on = |kind: On| step.on == kind;
        let is_opening_batch = self.is_opening_batch(step);
        let lines = act.case.is_some() == on(On::Case)
            && act.case.as_ref().is_none_or(|(_, head)| head.is_none() == step.opens)
            && act.open.is_some() == step.opens
            && act.period.is_some() == step.renews
            && act.list.is_some() == on(On::List)
            && act.seats.is_some() == step.quorum.is_some()
            && act.batch.is_some() == on(On::Batch)
            && (is_opening_batch || act.repays.is_none() && act.less.is_empty())
            && act.results.is_some() == step.settles
            && act.cosigned.is_some() == step.cosigned.is_some()
            && act.payment.is_some() == on(On::Payment)
            && (on(On::Batch) || act.totals.is_empty());
        ensure(lines, Rule::StepLines)?;
        let all_yes = step.is_counted || act.asserts.iter().all(|(_, said)| *said == Assertion::Yes);
        ensure(codes_of(&act.asserts) == step.asserts.iter().collect::<Vec<_>>() && all_yes, Rule::StepAsserts)?;
        ensure(codes_of(&act.measures) == step.measures.iter().collect::<Vec<_>>(), Rule::StepMeasures)?;
        ensure(codes_of(&act.evidence) == step.evidence.iter().collect::<Vec<_>>(), Rule::StepEvidence)
    }

    /// Whether a batch step comes after a step that locks.
    pub fn is_opening_batch(&self, step: &Step) -> bool {
        step.on == On::Batch && step.after.iter().any(|before| self.step_of(before).is_some_and(|before| before.locks))
    }

    /// A join.
    pub fn join(&self, joins: &StatementHash, sub: &Submission) -> Result<Effect, Rule> {
        let waiting = self.model.waiting.get(joins).ok_or(Rule::JoinUnknown)?;
        let step = self.step_of(&waiting.step.step).filter(|step| step.posting.is_none()).ok_or(Rule::StepUnknown)?;
        let days = step.join_days.ok_or(Rule::StepUnknown)?;
        ensure(self.r.0 <= waiting.received.0 + days as i64 * 86_400_000, Rule::JoinExpired)?;
        let joiner = &sub.header.by[0];
        let signed_by = |person: &PersonId| waiting.signed.iter().any(|(by, ..)| by.person == *person);
        ensure(!sub.header.by.iter().any(|by| signed_by(&by.person)), Rule::SignerRepeated)?;
        ensure(sub.header.by.len() == 1 && step.by.offices().contains(&joiner.office), Rule::StepOffice)?;
        let mut signed = waiting.signed.clone();
        signed.push((joiner.clone(), sub.keys[0], self.z));
        let reached = match &step.by {
            StepBy::Any(_, min) => signed.len() as u64 >= *min,
            StepBy::Each(offices) => offices.iter().all(|office| signed.iter().any(|(by, ..)| by.office == *office)),
        };
        let hash = *joins;
        if !reached {
            return Ok(Box::new(move |model| {
                model.waiting.get_mut(&hash).unwrap().signed = signed;
            }));
        }
        let named = sub.header.procedure.as_ref();
        let governing = self.model.enacted().into_iter().find(|(_, name, ..)| Some(*name) == named).map(|(.., procedure)| procedure);
        let mut signers = Vec::new();
        for (by, key, size) in &signed {
            let view = self.model.general_view(self.r, *size);
            signers.push(self.model.judge_signer(by, key, &view, ActName::Step, governing)?);
        }
        let warnings = RefCell::new(BTreeSet::new());
        let bench = Bench { model: self.model, g: self.g, r: self.r, i: self.i, z: waiting.z, hash, signers, warnings };
        bench.judge_signers()?;
        let effect = bench.step(&Act::Step(waiting.step.clone()), sub, true)?;
        self.warnings.borrow_mut().extend(bench.warnings.into_inner());
        Ok(Box::new(move |model| {
            model.waiting.remove(&hash);
            effect(model);
        }))
    }

    /// The mark that this step makes.
    pub fn mark(&self, step: &Step, list: Option<&Code>) -> Mark {
        Mark {
            step: step.id.clone(),
            entry: self.i,
            hash: self.hash,
            received: self.r,
            signers: self.persons(),
            asserts: Vec::new(),
            measures: Vec::new(),
            list: list.cloned(),
        }
    }

    fn has_standard(&self, scheme: &signer::value::Scheme, tier: &Code, period: Period) -> bool {
        self.g.programme.standards.iter().any(|standard| {
            standard.scheme == *scheme && standard.tier == *tier && standard.from <= period && standard.to.is_none_or(|to| period <= to)
        })
    }

    fn case_step(&self, step: &Step, act: &signer::act::Step) -> Result<Effect, Rule> {
        let (id, head) = act.case.clone().unwrap();
        let mut mark = self.mark(step, None);
        mark.asserts.clone_from(&act.asserts);
        mark.measures.clone_from(&act.measures);
        if let Some(open) = &act.open {
            ensure(!self.model.cases.contains_key(&id), Rule::CaseTaken)?;
            ensure(self.has_standard(&open.scheme, &open.tier, open.period), Rule::StandardMissing)?;
            ensure(self.all_cover(&open.unit), Rule::CaseUnit)?;
            self.judge_team(step, open.period, &open.unit)?;
            let subject = Subject { id: &id, unit: &open.unit, marks: Vec::new(), recused: &[] };
            self.judge_overrides(&act.overrides, step, &[&id], None)?;
            self.judge_case_rules(step, &subject, &act.overrides, None)?;
            self.warn_of_due(step, open.period, 0);
            let case = self.opened(open.clone(), mark);
            return Ok(Box::new(move |model| {
                model.cases.insert(id, case);
            }));
        }
        let case = self.model.cases.get(&id).ok_or(Rule::CaseUnknown)?;
        ensure(Some(case.head) == head, Rule::CaseHead)?;
        ensure(self.all_cover(&case.unit), Rule::CaseUnit)?;
        let reopens = self.reopens(step, case);
        ensure(case.status.is_none() || reopens, Rule::CaseStatus)?;
        ensure(case.flags.is_empty(), Rule::FlagOpen)?;
        let mut after = case.clone();
        if reopens {
            (after.status, after.status_entry, after.status_hash) = (None, self.i, self.hash);
            if let Some(entry) = case.mark(&step.id).map(|mark| mark.entry) {
                after.marks.retain(|mark| mark.entry < entry);
            }
        }
        if step.renews {
            let period = act.period.unwrap();
            ensure(case.payment.as_ref().is_none_or(super::Payment::is_paid), Rule::CasePaid)?;
            ensure(period > case.period, Rule::PeriodOrder)?;
            ensure(self.has_standard(&case.scheme, &case.tier, period), Rule::StandardMissing)?;
            self.renew(&mut after, period);
        } else if !reopens {
            ensure(case.mark(&step.id).is_none(), Rule::StepRepeated)?;
            ensure(if case.is_new { step.for_new } else { step.for_continuing }, Rule::StepOrder)?;
        }
        ensure(step.after.iter().all(|before| self.is_satisfied(&id, &after, before, u64::MAX)), Rule::StepOrder)?;
        self.judge_team(step, after.period, &after.unit)?;
        let marks = if step.renews { Vec::new() } else { after.marks.iter().collect() };
        let subject = Subject { id: &id, unit: &after.unit, marks, recused: &after.recused };
        self.judge_overrides(&act.overrides, step, &[&id], None)?;
        self.judge_case_rules(step, &subject, &act.overrides, None)?;
        self.warn_of_due(step, after.period, after.referred_ms);
        after.marks.push(mark);
        after.moves(self.hash, self.i);
        Ok(Box::new(move |model| {
            model.cases.insert(id, after);
        }))
    }

    fn reopens(&self, step: &Step, case: &Case) -> bool {
        let outcome = case.status_outcome.as_ref().and_then(|id| self.g.programme.outcomes.get(id));
        case.status == Some(ledger::procedure::programme::OutcomeTo::Suspended)
            && outcome.is_some_and(|outcome| outcome.back_to.as_ref() == Some(&step.id))
    }

    /// Whether a renewal makes it continuing.
    pub fn was_locked(&self, case: &Case) -> bool {
        case.marks.iter().any(|mark| self.step_of(&mark.step).is_some_and(|step| step.locks))
    }

    fn renew(&self, case: &mut Case, period: Period) {
        case.is_new = !self.was_locked(case);
        case.marks.retain(|mark| self.step_of(&mark.step).is_some_and(|step| step.opens));
        case.payment = None;
        (case.period, case.period_entry) = (period, self.i);
        case.referred_ms = 0;
    }

    fn opened(&self, open: signer::act::Opening, mark: Mark) -> Case {
        Case {
            unit: open.unit,
            unit_entry: self.i,
            scheme: open.scheme,
            tier: open.tier,
            period: open.period,
            period_entry: self.i,
            account: open.account,
            is_new: true,
            status: None,
            status_entry: self.i,
            status_hash: self.hash,
            status_outcome: None,
            status_received: self.r,
            head: self.hash,
            head_entry: self.i,
            formers: Vec::new(),
            marks: vec![mark],
            flags: Vec::new(),
            recused: Vec::new(),
            recusals: Vec::new(),
            corrected: 0,
            dropped: None,
            payment: None,
            referred_ms: 0,
        }
    }

    fn judge_team(&self, step: &Step, period: Period, unit: &Unit) -> Judged {
        if !step.has_team {
            return Ok(());
        }
        let team = self.model.team(&step.id, period).ok_or(Rule::TeamOther)?;
        let fits = team.areas.iter().filter(|area| covers(&area.unit, unit)).any(|area| {
            let is_in = |person: &PersonId| team.members.iter().any(|member| member.sub == area.sub && member.person == *person);
            self.signers.iter().all(|signer| is_in(&signer.person))
        });
        ensure(fits, Rule::TeamOther)
    }
}

impl Model {
    /// The digest of the first cosigned entry after an entry and below a bound.
    pub fn cosigned_after(&self, entry: u64, bound: u64) -> Option<[u8; 32]> {
        self.entries.iter().filter(|one| one.index > entry && one.index < bound).find_map(|one| match &one.what {
            super::What::Cosigned { digest, .. } => Some(*digest),
            _ => None,
        })
    }

    /// Persons related to a case by entries below a bound, and how.
    pub fn relations(&self, id: &CaseId, bound: u64) -> impl Iterator<Item = (&PersonId, &Code)> {
        self.acts().filter(move |(index, ..)| *index < bound).filter_map(move |(.., act)| match act {
            Act::Relate { person, relation, to: signer::act::RelatedTo::Case(case), .. } if case == id => Some((person, relation)),
            _ => None,
        })
    }

    /// Overrides of entries below a bound.
    pub fn overrides_below(&self, bound: u64) -> impl Iterator<Item = (StatementHash, &signer::act::Override)> {
        self.acts().filter(move |(index, ..)| *index < bound).filter_map(|(_, _, hash, act)| match act {
            Act::Override(act) => Some((hash, act)),
            _ => None,
        })
    }

    /// The team for a step and period.
    pub fn team(&self, step: &Code, period: Period) -> Option<&signer::act::Team> {
        self.acts().rev().find_map(|(.., act)| match act {
            Act::Team(team) if team.step == *step && team.period == period => Some(team),
            _ => None,
        })
    }
}
