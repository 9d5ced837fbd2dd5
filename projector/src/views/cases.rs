//! Acts on a case other than steps: outcomes, corrections, what stands against a case and how it ends (format.md section 8.6).

use signer::act::{About, Act, AnswerOutcome, CaseAt, Correct, Outcome, PostDown, PostUp, ReportAbout, Ruling};
use signer::value::StatementHash;

use super::{Facts, Fold, Result};
use crate::keys::Key;
use crate::rows::{CasePart, CaseRow, Deed, EntryRow, FileRow, FlagAtRow, FlagRow, FlagState, StoppedRow};

impl Facts<'_> {
    /// What an act of the programme other than a step makes true, and how it is told.
    pub(super) fn effect_on_programme(&self, fold: &mut Fold<'_>, act: &Act) -> Result<Deed> {
        Ok(match act {
            Act::Sheet(sheet) => self.sheet(fold, sheet)?,
            Act::PostUp(PostUp { step, list, places, overrides, .. }) => Deed::PostUp {
                step: step.to_string(),
                list: self.put_up(fold, list)?,
                places: places.iter().map(|(level, _)| level.to_string()).collect(),
                overrides: fold.entries_of(overrides)?,
            },
            Act::PostDown(PostDown { step, list, overrides, .. }) => Deed::PostDown {
                step: step.to_string(),
                list: self.do_list(fold, list, self.hash, false)?,
                overrides: fold.entries_of(overrides)?,
            },
            Act::Outcome(outcome) => self.outcome(fold, outcome)?,
            Act::Correct(correct) => self.correct(fold, correct)?,
            Act::Transfer(act) => {
                self.change(fold, &act.case, |file| file.unit = act.to.to_string())?;
                let (from, to) = (act.from.to_string(), act.to.to_string());
                Deed::Transfer { case: act.case.case.to_string(), from, to, reason: act.reason.to_string() }
            }
            Act::Account(act) => {
                self.change(fold, &act.case, |_| {})?;
                Deed::Account { case: act.case.case.to_string(), reason: act.reason.to_string() }
            }
            Act::Ruling(ruling) => self.ruling(fold, ruling)?,
            Act::Override(one) => {
                if let About::Case(case) = &one.about {
                    self.act_on_case(fold, case.as_str(), None, CasePart::Own)?;
                }
                let (step, rule) = (one.step.to_string(), one.rule.to_string());
                Deed::Override { step, rule, about: one.about.to_string(), reason: one.reason.to_string() }
            }
            Act::Team(team) => {
                let members = team.members.len() as u64;
                Deed::Team { step: team.step.to_string(), period: team.period.year(), members }
            }
            _ => self.effect_on_flags(fold, act)?,
        })
    }

    fn effect_on_flags(&self, fold: &mut Fold<'_>, act: &Act) -> Result<Deed> {
        let named = |case: &CaseAt| case.case.to_string();
        Ok(match act {
            Act::Objection(act) => {
                self.raise(fold, &named(&act.case), "objection")?;
                Deed::Objection { case: named(&act.case), reason: act.reason.to_string() }
            }
            Act::Dissent(act) => {
                self.raise(fold, &named(&act.case), "dissent")?;
                let of = fold.require(&Key::Statement(act.of.0))?;
                Deed::Dissent { case: named(&act.case), of, reason: act.reason.to_string() }
            }
            Act::Appeal(act) => {
                self.raise(fold, &named(&act.case), "appeal")?;
                Deed::Appeal { case: named(&act.case), of: fold.require(&Key::Statement(act.of.0))? }
            }
            Act::Hold(act) => {
                self.raise(fold, &named(&act.case), "hold")?;
                Deed::Hold { case: named(&act.case), reason: act.reason.to_string() }
            }
            Act::Report(act) => {
                if let ReportAbout::Case(case) = &act.about {
                    self.raise(fold, case.as_str(), "report")?;
                }
                Deed::Report { about: act.about.to_string(), reason: act.reason.to_string() }
            }
            Act::Recuse(act) => {
                self.act_on_case(fold, act.case.case.as_str(), None, CasePart::Own)?;
                Deed::Recuse { case: named(&act.case), relation: act.relation.to_string() }
            }
            Act::Release(act) => {
                self.close_flag(fold, &act.releases, FlagState::Closed(self.entry))?;
                self.act_on_case(fold, act.case.case.as_str(), None, CasePart::Own)?;
                Deed::Release { case: named(&act.case), releases: fold.require(&Key::Statement(act.releases.0))? }
            }
            Act::Answer(act) => self.answer(fold, &act.answers, act.outcome)?,
            _ => return self.unfinished(act.name().as_str()),
        })
    }

    /// The case is changed by this statement, which becomes its head.
    fn change(&self, fold: &mut Fold<'_>, named: &CaseAt, change: impl FnOnce(&mut FileRow)) -> Result<()> {
        self.act_on_case(fold, named.case.as_str(), Some(self.hash), CasePart::Own)?;
        fold.amend_file(named.case.as_str(), change)
    }

    fn outcome(&self, fold: &mut Fold<'_>, act: &Outcome) -> Result<Deed> {
        let rule = self.outcome_of(fold, &act.outcome)?;
        let (outcome, name, to) = (act.outcome.to_string(), rule.name, rule.to);
        let stopped = StoppedRow { to: to.clone(), outcome: outcome.clone(), name: name.clone(), entry: self.entry };
        self.change(fold, &act.case, |file| {
            file.stopped = Some(stopped);
            unlock(file);
        })?;
        self.close_upheld(fold, act.case.case.as_str())?;
        Ok(Deed::Outcome { case: act.case.case.to_string(), outcome, name, to, reason: act.reason.to_string() })
    }

    fn correct(&self, fold: &mut Fold<'_>, act: &Correct) -> Result<Deed> {
        if let Some(named) = &act.case {
            self.change(fold, named, unlock)?;
            self.close_upheld(fold, named.case.as_str())?;
        } else if let Some(batch) = &act.batch {
            self.void_batch(fold, batch)?;
        }
        Ok(Deed::Correct {
            case: act.case.as_ref().map(|named| named.case.to_string()),
            batch: act.batch.as_ref().map(ToString::to_string),
            of: fold.require(&Key::Statement(act.of.0))?,
            reason: act.reason.to_string(),
        })
    }

    /// A ruling that answers a case referred upward lets it go on.
    fn ruling(&self, fold: &mut Fold<'_>, act: &Ruling) -> Result<Deed> {
        let answers: Option<u64> = act.answers.map(|hash| fold.require(&Key::Statement(hash.0))).transpose()?;
        if let Some(referred) = answers
            && let Deed::Outcome { case, .. } = fold.require::<EntryRow>(&Key::Entry(referred))?.deed
        {
            self.act_on_case(fold, &case, None, CasePart::Own)?;
            fold.amend_file(&case, |file| file.stopped = None)?;
        }
        Ok(Deed::Ruling { clause: act.clause.to_string(), issuer: act.issuer.to_string(), answers })
    }

    /// A flag is raised on a case.
    fn raise(&self, fold: &mut Fold<'_>, case: &str, kind: &str) -> Result<()> {
        self.act_on_case(fold, case, None, CasePart::Own)?;
        let row: CaseRow = fold.require(&Key::Case(case.to_owned()))?;
        let Some(mut file) = row.file else { return self.unfinished("a flag on a case that no step opened") };
        let flag = FlagRow { hash: self.hash.0, entry: self.entry, kind: kind.to_owned(), state: FlagState::Open };
        fold.put(Key::CaseFlag(case.to_owned(), file.flags), flag);
        fold.put(Key::Flag(self.hash.0), FlagAtRow { case: case.to_owned(), number: file.flags });
        file.flags += 1;
        fold.put(Key::Case(case.to_owned()), CaseRow { file: Some(file), ..row });
        Ok(())
    }

    /// A flag is closed, or upheld; `first_open` goes on to the next that is not closed.
    fn close_flag(&self, fold: &mut Fold<'_>, hash: &StatementHash, state: FlagState) -> Result<()> {
        let at: FlagAtRow = fold.require(&Key::Flag(hash.0))?;
        fold.amend(Key::CaseFlag(at.case.clone(), at.number), |flag: &mut FlagRow| flag.state = state)?;
        self.pass_closed(fold, &at.case)
    }

    fn pass_closed(&self, fold: &mut Fold<'_>, case: &str) -> Result<()> {
        let row: CaseRow = fold.require(&Key::Case(case.to_owned()))?;
        let Some(mut file) = row.file else { return Ok(()) };
        while file.first_open < file.flags {
            let flag: FlagRow = fold.require(&Key::CaseFlag(case.to_owned(), file.first_open))?;
            if !matches!(flag.state, FlagState::Closed(_)) {
                break;
            }
            file.first_open += 1;
        }
        fold.put(Key::Case(case.to_owned()), CaseRow { file: Some(file), ..row });
        Ok(())
    }

    /// An outcome or correction closes what was found right.
    fn close_upheld(&self, fold: &mut Fold<'_>, case: &str) -> Result<()> {
        let row: CaseRow = fold.require(&Key::Case(case.to_owned()))?;
        let Some(file) = row.file else { return Ok(()) };
        for number in file.first_open..file.flags {
            let key = Key::CaseFlag(case.to_owned(), number);
            let mut flag: FlagRow = fold.require(&key)?;
            if matches!(flag.state, FlagState::Upheld(_)) {
                flag.state = FlagState::Closed(self.entry);
                fold.put(key, flag);
            }
        }
        self.pass_closed(fold, case)
    }

    fn answer(&self, fold: &mut Fold<'_>, answers: &StatementHash, said: AnswerOutcome) -> Result<Deed> {
        let entry: u64 = fold.require(&Key::Statement(answers.0))?;
        let to = fold.require::<EntryRow>(&Key::Entry(entry))?.deed.name().to_owned();
        if let Some(FlagAtRow { case, .. }) = fold.find(&Key::Flag(answers.0))? {
            let is_upheld = said == AnswerOutcome::Upheld;
            let is_won_appeal = is_upheld && to == "appeal";
            let stays = is_upheld && !is_won_appeal;
            self.act_on_case(fold, &case, is_won_appeal.then_some(self.hash), CasePart::Own)?;
            if is_won_appeal {
                fold.amend_file(&case, |file| file.stopped = None)?;
            }
            let state = if stays { FlagState::Upheld(self.entry) } else { FlagState::Closed(self.entry) };
            self.close_flag(fold, answers, state)?;
        }
        Ok(Deed::Answer { answers: entry, to, outcome: said.to_string() })
    }
}

/// A payment that is not made is taken away with the lock.
fn unlock(file: &mut FileRow) {
    let is_paid = |payment: &crate::rows::PaymentRow| {
        payment.attempts.last().is_some_and(|last| last.result.as_ref().is_some_and(|result| result.failed.is_none()))
    };
    if !file.payment.as_ref().is_some_and(is_paid) {
        file.payment = None;
    }
}
