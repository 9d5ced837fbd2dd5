//! Acts on a case other than steps: outcomes, corrections, what stands against a case and how it ends (format.md section 8.6).

use ledger::procedure::programme::OutcomeTo;
use signer::act::{About, Act, AnswerOutcome, CaseAt, Correct, Outcome, PostDown, PostUp, ReportAbout, Ruling};
use signer::value::{StatementHash, Time};

use super::lists::Doing;
use super::{Facts, Fold, Result};
use crate::keys::Key;
use crate::rows::{CasePart, Deed, DownRow, EntryRow, FlagAtRow, FlagRow, FlagState, PostingRow, RaisedRow, StoppedRow, Wait};

impl Facts<'_> {
    /// What an act of the programme other than a step makes true, and how it is told.
    pub(super) fn effect_on_programme(&self, fold: &mut Fold<'_>, act: &Act) -> Result<Deed> {
        Ok(match act {
            Act::Sheet(sheet) => self.sheet(fold, sheet)?,
            Act::PostUp(act) => self.post_up(fold, act)?,
            Act::PostDown(act) => self.post_down(fold, act)?,
            Act::Outcome(outcome) => self.outcome(fold, outcome)?,
            Act::Correct(correct) => self.correct(fold, correct)?,
            Act::Transfer(act) => {
                self.act_on_case(fold, act.case.case.as_str(), Some(self.hash), CasePart::Own)?;
                fold.amend_standing(act.case.case.as_str(), |file| file.unit = act.to.to_string())?;
                let (from, to) = (act.from.to_string(), act.to.to_string());
                Deed::Transfer { case: act.case.case.to_string(), from, to, reason: act.reason.to_string() }
            }
            Act::Account(act) => {
                self.act_on_case(fold, act.case.case.as_str(), Some(self.hash), CasePart::Own)?;
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
                match &act.about {
                    ReportAbout::Case(case) => self.raise(fold, case.as_str(), "report")?,
                    ReportAbout::Unit(unit) => self.note_raised(fold, "report", None, Some(unit.as_str()))?,
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

    fn post_up(&self, fold: &mut Fold<'_>, act: &PostUp) -> Result<Deed> {
        let deed = self.put_up(fold, &act.list)?;
        let (step, rule) = (act.step.to_string(), self.step_of(fold, &act.step)?);
        let first = PostingRow {
            up: self.entry,
            up_at: self.at.into(),
            times: 0,
            kept: 0,
            dropped: 0,
            days_asked: rule.posting.map_or(0, |days| days.days),
            down: None,
        };
        fold.update(Key::Posting(deed.list.clone(), step.clone()), first, |posting: &mut PostingRow| {
            (posting.up, posting.up_at, posting.down) = (self.entry, self.at.into(), None);
            (posting.times, posting.kept, posting.dropped) = (posting.times + 1, deed.kept, deed.dropped);
        })?;
        let places = act.places.iter().map(|(level, _)| level.to_string()).collect();
        Ok(Deed::PostUp { step, list: deed, places, overrides: fold.entries_of(&act.overrides)? })
    }

    fn post_down(&self, fold: &mut Fold<'_>, act: &PostDown) -> Result<Deed> {
        let (step, rule) = (act.step.to_string(), self.step_of(fold, &act.step)?);
        let deed = self.do_list(fold, &act.list, &Doing { step: &step, rule: &rule, hash: self.hash })?;
        let terms = fold.terms(self.governing)?;
        fold.amend(Key::Posting(deed.list.clone(), step.clone()), |posting: &mut PostingRow| {
            let (from, to) = (Time::from(posting.up_at).unix_ms().0, self.at.unix_ms());
            let days = terms.zip(rule.posting).map_or(0, |(terms, asked)| terms.days(from, to, asked.are_working));
            posting.down = Some(DownRow { entry: self.entry, at: self.at.into(), days });
            (posting.kept, posting.dropped) = (deed.kept, deed.dropped);
        })?;
        Ok(Deed::PostDown { step, list: deed, overrides: fold.entries_of(&act.overrides)? })
    }

    fn outcome(&self, fold: &mut Fold<'_>, act: &Outcome) -> Result<Deed> {
        let rule = self.outcome_of(fold, &act.outcome)?;
        let (outcome, name, to, case) = (act.outcome.to_string(), rule.name, rule.to, act.case.case.to_string());
        let received_ms = self.received.0;
        let stopped = StoppedRow { to: to.clone(), outcome: outcome.clone(), name: name.clone(), entry: self.entry, received_ms };
        self.act_on_case(fold, &case, Some(self.hash), CasePart::Own)?;
        self.unlock(fold, &case)?;
        fold.amend_standing(&case, |file| file.stopped = Some(stopped))?;
        self.close_upheld(fold, &case)?;
        Ok(Deed::Outcome { case, outcome, name, to, reason: act.reason.to_string() })
    }

    fn unlock(&self, fold: &mut Fold<'_>, case: &str) -> Result<()> {
        let locks = fold.terms(self.governing)?.and_then(|terms| terms.row.locks.clone());
        fold.unlock(case, locks.as_deref())
    }

    fn correct(&self, fold: &mut Fold<'_>, act: &Correct) -> Result<Deed> {
        if let Some(named) = &act.case {
            let case = named.case.as_str();
            self.act_on_case(fold, case, Some(self.hash), CasePart::Own)?;
            self.unlock(fold, case)?;
            let from = self.completed_by(fold, &act.of)?;
            fold.forget_from(case, from)?;
            self.close_upheld(fold, case)?;
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

    /// The entry that completed a step: its own, or that of the join after which it waited no more.
    fn completed_by(&self, fold: &Fold<'_>, step: &StatementHash) -> Result<u64> {
        let entry: u64 = fold.require(&Key::Statement(step.0))?;
        let completed = fold.look(&Key::Entry(entry), |row: &EntryRow| match &row.deed {
            Deed::Step(step) => match step.wait {
                Wait::CompletedBy(entry) => Some(entry),
                _ => None,
            },
            _ => None,
        })?;
        Ok(completed.flatten().unwrap_or(entry))
    }

    /// The case goes on.
    fn go_on(&self, fold: &mut Fold<'_>, case: &str) -> Result<()> {
        fold.amend_standing(case, |file| {
            if let Some(stopped) = file.stopped.take().filter(|stopped| stopped.to == OutcomeTo::Referred.as_str()) {
                file.referred_ms += self.received.0 - stopped.received_ms;
            }
        })
    }

    /// A ruling that answers a case referred upward lets it go on.
    fn ruling(&self, fold: &mut Fold<'_>, act: &Ruling) -> Result<Deed> {
        let answers: Option<u64> = act.answers.map(|hash| fold.require(&Key::Statement(hash.0))).transpose()?;
        if let Some(referred) = answers
            && let Deed::Outcome { case, .. } = fold.require::<EntryRow>(&Key::Entry(referred))?.deed
        {
            self.act_on_case(fold, &case, None, CasePart::Own)?;
            self.go_on(fold, &case)?;
        }
        Ok(Deed::Ruling { clause: act.clause.to_string(), issuer: act.issuer.to_string(), answers })
    }

    /// A flag is raised on a case.
    fn raise(&self, fold: &mut Fold<'_>, case: &str, kind: &str) -> Result<()> {
        self.act_on_case(fold, case, None, CasePart::Own)?;
        let number = fold.amend_file(case, |file| {
            file.flags += 1;
            file.flags - 1
        })?;
        let Some(number) = number else { return self.unfinished("a flag on a case that no step opened") };
        let flag = FlagRow { hash: self.hash.0, entry: self.entry, kind: kind.to_owned(), state: FlagState::Open };
        fold.put(Key::CaseFlag(case.to_owned(), number), flag);
        fold.put(Key::Flag(self.hash.0), FlagAtRow { case: case.to_owned(), number });
        self.note_raised(fold, kind, Some(case), None)
    }

    /// A flag is closed, or upheld; `first_open` goes on to the next that is not closed.
    fn close_flag(&self, fold: &mut Fold<'_>, hash: &StatementHash, state: FlagState) -> Result<()> {
        let at: FlagAtRow = fold.require(&Key::Flag(hash.0))?;
        let entry = fold.amend(Key::CaseFlag(at.case.clone(), at.number), |flag: &mut FlagRow| {
            flag.state = state;
            flag.entry
        })?;
        fold.settle_raised(entry, state)?;
        self.pass_closed(fold, &at.case)
    }

    /// `first_open` goes on to the next flag that is not closed.
    fn pass_closed(&self, fold: &mut Fold<'_>, case: &str) -> Result<()> {
        let Some((first, flags)) = fold.amend_file(case, |file| (file.first_open, file.flags))? else { return Ok(()) };
        for number in first..flags {
            let flag: FlagRow = fold.require(&Key::CaseFlag(case.to_owned(), number))?;
            if !matches!(flag.state, FlagState::Closed(_)) {
                return fold.amend_file(case, |file| file.first_open = number).map(drop);
            }
        }
        fold.amend_file(case, |file| file.first_open = flags).map(drop)
    }

    /// An outcome or correction closes what was found right.
    fn close_upheld(&self, fold: &mut Fold<'_>, case: &str) -> Result<()> {
        let Some((first, flags)) = fold.amend_file(case, |file| (file.first_open, file.flags))? else { return Ok(()) };
        for number in first..flags {
            let key = Key::CaseFlag(case.to_owned(), number);
            let mut flag: FlagRow = fold.require(&key)?;
            if matches!(flag.state, FlagState::Upheld(_)) {
                flag.state = FlagState::Closed(self.entry);
                fold.settle_raised(flag.entry, flag.state)?;
                fold.put(key, flag);
            }
        }
        self.pass_closed(fold, case)
    }

    fn answer(&self, fold: &mut Fold<'_>, answers: &StatementHash, said: AnswerOutcome) -> Result<Deed> {
        let entry: u64 = fold.require(&Key::Statement(answers.0))?;
        let to = fold.require::<EntryRow>(&Key::Entry(entry))?.deed.name().to_owned();
        let raised = fold.look(&Key::Raised(entry), |raised: &RaisedRow| (raised.kind.clone(), raised.received_ms))?;
        if let Some((kind, raised_ms)) = &raised {
            self.count_answer(fold, kind, *raised_ms)?;
        }
        if let Some(FlagAtRow { case, .. }) = fold.find(&Key::Flag(answers.0))? {
            let is_upheld = said == AnswerOutcome::Upheld;
            let is_won_appeal = is_upheld && to == "appeal";
            let stays = is_upheld && !is_won_appeal;
            self.act_on_case(fold, &case, is_won_appeal.then_some(self.hash), CasePart::Own)?;
            if is_won_appeal {
                self.go_on(fold, &case)?;
            }
            let state = if stays { FlagState::Upheld(self.entry) } else { FlagState::Closed(self.entry) };
            self.close_flag(fold, answers, state)?;
        } else if raised.is_some() {
            fold.settle_raised(entry, FlagState::Closed(self.entry))?;
        }
        Ok(Deed::Answer { answers: entry, to, outcome: said.to_string() })
    }
}
