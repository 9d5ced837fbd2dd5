//! Steps: their form, who signs, joins, and steps on one case (format.md sections 8.5 and 8.6).

use std::sync::Arc;

use signer::act::{About, Assertion, Step as StepAct};
use signer::rule::{Refusal, Rule};
use signer::statement::By;
use signer::value::{CaseId, Code, Office};

use super::desk::{Desk, Seat};
use super::{Judged, list, show};
use crate::procedure::programme::{On, Step, StepBy};
use crate::programme::case::{CaseFile, Mark, Status};
use crate::programme::{Change, Done, Signing, Waiting};

impl<'a> Desk<'a> {
    /// A `step` statement, as it arrives or as a join completes it: it is done, or waits for more signers.
    pub(super) fn judge_step(&mut self, act: &StepAct) -> Judged {
        let step = self.step_named(&act.step, false)?;
        self.judge_form(step, act)?;
        self.judge_offices(step)?;
        match self.ensure_count(step) {
            Ok(()) => self.judge_subject(step, act),
            Err(_) if step.join_days.is_some() => {
                self.wait(act);
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// The step of an id, one with a posting or one without.
    pub(super) fn step_named(&self, id: &Code, posts: bool) -> Result<&'a Step, Refusal> {
        let found = self.programme.step(id).filter(|step| step.posting.is_some() == posts);
        let expected = if posts { "a step with a posting" } else { "a step without a posting" };
        found.ok_or_else(|| Refusal::new(Rule::StepUnknown, expected, id.to_string()))
    }

    /// Lines, asserts, measures and evidence are those that the step calls for.
    fn judge_form(&self, step: &Step, act: &StepAct) -> Judged {
        let opens_batch = self.programme.opens_batch(step);
        let is_new = matches!(act.case, Some((_, None)));
        let lines = [
            ("case", act.case.is_some(), step.on == On::Case),
            ("case … new", is_new, step.opens),
            ("open", act.open.is_some(), step.opens),
            ("period", act.period.is_some(), step.renews),
            ("list", act.list.is_some(), step.on == On::List),
            ("seats", act.seats.is_some(), step.quorum.is_some()),
            ("batch", act.batch.is_some(), step.on == On::Batch),
            ("repays", act.repays.is_some(), act.repays.is_some() && opens_batch),
            ("less", !act.less.is_empty(), !act.less.is_empty() && opens_batch),
            ("payment", act.payment.is_some(), step.on == On::Payment),
            ("results", act.results.is_some(), step.settles),
            ("cosigned", act.cosigned.is_some(), step.cosigned.is_some()),
            ("total", !act.totals.is_empty(), !act.totals.is_empty() && step.on == On::Batch),
        ];
        let other = lines.iter().find(|(_, has, asked)| has != asked);
        self.ensure(other.is_none(), Rule::StepLines, || {
            let (line, has, _) = other.copied().unwrap_or_default();
            let (expected, found) = if has { ("no", "one") } else { ("a", "none") };
            (format!("step {}: {expected} `{line}` line", step.id), found.to_owned())
        })?;
        let asserted: Vec<&Code> = act.asserts.iter().map(|(code, _)| code).collect();
        let is_whole = asserted.iter().copied().eq(&step.asserts);
        let is_good = step.is_counted || act.asserts.iter().all(|(_, said)| *said == Assertion::Yes);
        self.ensure(is_whole && is_good, Rule::StepAsserts, || {
            let found = act.asserts.iter().map(|(code, said)| format!("{code} {said}"));
            (format!("step {}: {}{}", step.id, list(step.asserts.iter()), if step.is_counted { "" } else { ", each yes" }), list(found))
        })?;
        self.ensure(act.measures.iter().map(|(code, _)| code).eq(&step.measures), Rule::StepMeasures, || {
            (format!("step {}: {}", step.id, list(step.measures.iter())), list(act.measures.iter().map(|(code, _)| code)))
        })?;
        self.ensure(act.evidence.iter().map(|(code, _)| code).eq(&step.evidence), Rule::StepEvidence, || {
            (format!("step {}: {}", step.id, list(step.evidence.iter())), list(act.evidence.iter().map(|(code, _)| code)))
        })
    }

    /// Every signer's office is one of the step's.
    pub(super) fn judge_offices(&self, step: &Step) -> Judged {
        self.ensure_offices(step.by.offices(), &format!("step {}", step.id))
    }

    pub(super) fn ensure_offices(&self, offices: &[Office], what: &str) -> Judged {
        let other = self.signers.iter().find(|signer| !offices.contains(&signer.by.office));
        self.ensure(other.is_none(), Rule::StepOffice, || {
            let found = other.map_or_else(String::new, |signer| format!("{} as {}", signer.by.person, signer.by.office));
            (format!("{what}: {}", list(offices.iter())), found)
        })
    }

    /// Enough persons, or one in each office.
    pub(super) fn ensure_count(&self, step: &Step) -> Judged {
        let found = || list(self.signers.iter().map(|signer| format!("{} as {}", signer.by.person, signer.by.office)));
        let is_enough = are_enough(&step.by, self.signers.iter().map(|signer| signer.by));
        self.ensure(is_enough, Rule::StepCount, || match &step.by {
            StepBy::Any(offices, min) => {
                (format!("step {}: at least {min} persons, each one of {}", step.id, list(offices.iter())), found())
            }
            StepBy::Each(offices) => (format!("step {}: one person each of {}", step.id, list(offices.iter())), found()),
        })
    }

    fn wait(&mut self, act: &StepAct) {
        let judgement = self.judgement;
        let signings = judgement.signings();
        let waiting =
            Waiting { entry: self.entry(), header: judgement.header.clone(), step: act.clone(), received: judgement.received, signings };
        self.change(Change::Waits(Box::new(waiting)));
    }

    fn judge_subject(&mut self, step: &'a Step, act: &StepAct) -> Judged {
        match step.on {
            On::Case => self.judge_case_step(step, act),
            On::List => self.judge_list_step(step, act),
            On::Batch => self.judge_batch_step(step, act),
            On::Payment => self.judge_payment_step(step, act),
        }
    }

    /// The mark of a step that is done now.
    pub(super) fn mark(&self, step: &Step, list: Option<Code>, act: Option<&StepAct>) -> Arc<Mark> {
        Arc::new(Mark {
            step: step.id.clone(),
            entry: self.entry(),
            hash: self.hash,
            received: self.received(),
            signers: self.signers.iter().map(|signer| signer.by.person.clone()).collect(),
            asserts: act.map_or_else(Vec::new, |act| act.asserts.clone()),
            measures: act.map_or_else(Vec::new, |act| act.measures.clone()),
            list,
        })
    }

    fn judge_case_step(&mut self, step: &'a Step, act: &StepAct) -> Judged {
        let Some((case, head)) = &act.case else { return Ok(()) };
        if let Some(opening) = &act.open {
            let is_free = self.register.case(case).is_none();
            self.ensure(is_free, Rule::CaseTaken, || ("a case id that is free".to_owned(), case.to_string()))?;
            self.ensure_standard(&opening.scheme, &opening.tier, opening.period)?;
            self.ensure_unit(case, &opening.unit)?;
            let seat = Seat { case, unit: &opening.unit, marks: Vec::new(), file: None };
            self.finish_case_step(step, act, &seat, opening.period, 0)?;
            let opened = Change::Opened { case: case.clone(), opening: opening.clone() };
            self.admission.changes.insert(0, opened);
            return Ok(());
        }
        let file = self.file(case)?;
        self.ensure_head(case, head.as_ref())?;
        self.ensure_unit(case, &file.unit)?;
        let resumes = self.judge_status(step, case, file)?;
        if let Some(period) = act.period {
            let unpaid = file.payment.as_ref().filter(|payment| !payment.is_paid());
            self.ensure(unpaid.is_none(), Rule::CasePaid, || {
                (format!("case {case}: the payment of {} made", file.period), "one that is not made yet".to_owned())
            })?;
            self.ensure(period > file.period, Rule::PeriodOrder, || {
                (format!("case {case}: a period later than {}", file.period), period.to_string())
            })?;
            self.ensure_standard(&file.scheme, &file.tier, period)?;
            let is_continuing = self.is_locked(file);
            let keeps = self.programme.steps.iter().find(|step| step.opens).map(|step| step.id.clone());
            self.change(Change::Renewed { case: case.clone(), period, is_continuing, keeps });
            return self.finish_case_step(step, act, &Seat { marks: Vec::new(), ..Seat::of(case, file) }, period, 0);
        }
        if resumes {
            let forgets_from = file.mark(&step.id).map(|mark| mark.entry);
            self.change(Change::Resumed { case: case.clone(), forgets_from });
        } else {
            self.ensure(file.mark(&step.id).is_none(), Rule::StepRepeated, || {
                (format!("case {case}: step {} not done in {}", step.id, file.period), "done".to_owned())
            })?;
            self.ensure(self.is_for(step, file), Rule::StepOrder, || {
                (format!("step {} on a case that it is for", step.id), format!("case {case}, continuing: {}", file.is_continuing))
            })?;
        }
        self.ensure_order(step, case, file)?;
        let mut seat = Seat::of(case, file);
        if resumes && let Some(mark) = file.mark(&step.id) {
            // What is forgotten binds nobody.
            seat.marks.retain(|kept| kept.entry < mark.entry);
        }
        self.finish_case_step(step, act, &seat, file.period, file.referred_ms)
    }

    pub(super) fn ensure_head(&self, case: &CaseId, named: Option<&signer::value::StatementHash>) -> Judged {
        let head = self.register.case(case).map(|known| known.head);
        self.ensure(head.as_ref() == named, Rule::CaseHead, || {
            let shown = |head: Option<&signer::value::StatementHash>| head.map_or("new".to_owned(), ToString::to_string);
            (format!("case {case} {}", shown(head.as_ref())), shown(named))
        })
    }

    pub(super) fn ensure_standard(&self, scheme: &signer::value::Scheme, tier: &Code, period: signer::value::Period) -> Judged {
        let standard = self.programme.standard(scheme, tier, period);
        self.ensure(standard.is_some(), Rule::StandardMissing, || {
            ("a [[standard]] of the procedure".to_owned(), format!("{scheme} {tier} in {period}"))
        })
    }

    /// Whether the step makes a suspended case go on again.
    fn judge_status(&self, step: &Step, case: &CaseId, file: &CaseFile) -> Result<bool, Refusal> {
        let resumes = match &file.status {
            Status::Open => false,
            Status::Stopped { outcome, .. } => {
                let back_to = self.programme.outcomes.get(outcome).and_then(|outcome| outcome.back_to.as_ref());
                back_to == Some(&step.id)
            }
        };
        self.ensure(file.is_open() || resumes, Rule::CaseStatus, || {
            (format!("case {case}: open, or suspended with {} as the way back", step.id), status(file))
        })?;
        self.ensure_unflagged(case, file)?;
        Ok(resumes)
    }

    pub(super) fn ensure_unflagged(&self, case: &CaseId, file: &CaseFile) -> Judged {
        let flag = file.flags.first();
        self.ensure(flag.is_none(), Rule::FlagOpen, || {
            (format!("case {case} with nothing open against it"), flag.map_or_else(String::new, |flag| flag.hash.to_string()))
        })
    }

    pub(super) fn ensure_order(&self, step: &Step, case: &CaseId, file: &CaseFile) -> Judged {
        let missing = self.missing_before(step, case, file, u64::MAX);
        self.ensure(missing.is_none(), Rule::StepOrder, || {
            (format!("case {case}, before {}: {}", step.id, list(step.after.iter())), format!("no {}", list(missing.iter())))
        })
    }

    /// Team, overrides, rules, due date; then the mark.
    fn finish_case_step(
        &mut self,
        step: &Step,
        act: &StepAct,
        seat: &Seat<'_>,
        period: signer::value::Period,
        stood_still_ms: i64,
    ) -> Judged {
        if step.has_team {
            self.judge_team_of(step, seat, period)?;
        }
        self.judge_overrides(&act.overrides, &step.id, |about| *about == About::Case(seat.case.clone()))?;
        self.judge_case_rules(step, seat, &act.overrides)?;
        self.judge_due(step, period, stood_still_ms);
        let mark = self.mark(step, None, Some(act));
        self.change(Change::Done(Done { mark, cases: vec![seat.case.clone()] }));
        self.change(Change::Named(self.hash, vec![seat.case.clone()]));
        Ok(())
    }

    /// The signers are of one sub-group, and the case is in its area.
    fn judge_team_of(&self, step: &Step, seat: &Seat<'_>, period: signer::value::Period) -> Judged {
        let team = self.register.team(&step.id, period);
        let sub_group =
            |by: &By| team.and_then(|team| team.members.iter().find(|member| member.person == by.person)).map(|member| &member.sub);
        let subs: Vec<Option<&Code>> = self.signers.iter().map(|signer| sub_group(signer.by)).collect();
        let first = subs.first().copied().flatten();
        let is_theirs = first.is_some_and(|sub| {
            let areas = team.iter().flat_map(|team| &team.areas);
            areas.into_iter().any(|area| area.sub == *sub && area.unit.covers(seat.unit))
        });
        let is_one = first.is_some() && subs.iter().all(|sub| *sub == first);
        self.ensure(is_one && is_theirs, Rule::TeamOther, || {
            let found = self
                .signers
                .iter()
                .zip(&subs)
                .map(|(signer, sub)| format!("{} of {}", signer.by.person, sub.map_or("no sub-group", |sub| sub.as_str())));
            (format!("case {}: members of one sub-group of the {} team for {} in {period}", seat.case, step.id, seat.unit), list(found))
        })
    }

    /// Somebody joins a step that waits. Gives the waiting step once it is complete.
    pub(super) fn judge_join(&self, waiting: Option<&Waiting>) -> Judged {
        let Some(waiting) = waiting else {
            return self.ensure(false, Rule::JoinUnknown, || ("a step that waits for signers".to_owned(), "none of this hash".to_owned()));
        };
        let step = self.step_named(&waiting.step.step, false)?;
        let Some(days) = step.join_days else {
            return self.ensure(false, Rule::StepUnknown, || ("a step with join_days".to_owned(), step.id.to_string()));
        };
        let until = waiting.received.plus_days(days);
        self.ensure(self.received() <= until, Rule::JoinExpired, || {
            (format!("a join until {}, {days} days after the step", show(until)), show(self.received()))
        })?;
        let again = self.signers.iter().find(|signer| waiting.signings.iter().any(|signing| signing.by.person == signer.by.person));
        self.ensure(again.is_none(), Rule::SignerRepeated, || {
            ("somebody who has not signed".to_owned(), again.map_or_else(String::new, |signer| signer.by.person.to_string()))
        })?;
        self.ensure(self.signers.len() == 1, Rule::StepOffice, || ("one signer".to_owned(), self.signers.len().to_string()))?;
        self.judge_offices(step)
    }
}

/// Whether so many sign a step that it need not wait for others.
pub(super) fn are_enough<'b>(asked: &StepBy, signed: impl ExactSizeIterator<Item = &'b By> + Clone) -> bool {
    match asked {
        StepBy::Any(_, min) => signed.len() as u64 >= *min,
        StepBy::Each(offices) => offices.iter().all(|office| signed.clone().any(|by| by.office == *office)),
    }
}

/// A case's status in words.
pub(super) fn status(file: &CaseFile) -> String {
    match &file.status {
        Status::Open => "open".to_owned(),
        Status::Stopped { to, statement, .. } => format!("{} by {statement}", to.as_str()),
    }
}

/// The signings of a step with those that join it.
pub(super) fn joined(waiting: &Waiting, more: Vec<Signing>) -> Vec<Signing> {
    waiting.signings.iter().cloned().chain(more).collect()
}
