//! Which desk judges which act of a programme, and how a join completes a step (format.md sections 8.4 and 8.5).

use signer::ActName;
use signer::act::{Act, Import, RelatedTo};
use signer::rule::{Refusal, Rule};
use signer::statement::Header;
use signer::value::StatementHash;

use super::desk::{Desk, Signer};
use super::roster::NewAppointment;
use super::steps::{are_enough, joined};
use super::{Admission, Judged, Judgement};
use crate::procedure::Procedure;
use crate::programme::{Change, Signing, Waiting};

/// A statement whose header is good.
pub(super) struct Brought<'a> {
    pub(super) judgement: &'a Judgement<'a>,
    pub(super) procedure: Option<&'a Procedure>,
    pub(super) signers: Vec<Signer<'a>>,
    pub(super) hash: StatementHash,
    /// Length of the statement's text.
    pub(super) bytes: u64,
    /// Rules of signers that only warn.
    pub(super) warnings: Vec<Refusal>,
}

/// Whether the rules of signers hold for an act (sections 5.11 to 5.16).
pub(super) fn is_of_programme(act: ActName) -> bool {
    use ActName as A;
    matches!(
        act,
        A::Step
            | A::Join
            | A::Sheet
            | A::PostUp
            | A::PostDown
            | A::Outcome
            | A::Correct
            | A::Transfer
            | A::Account
            | A::Objection
            | A::Dissent
            | A::Report
            | A::Appeal
            | A::Answer
            | A::Recuse
            | A::Hold
            | A::Release
            | A::Override
            | A::Ruling
            | A::Team
    )
}

/// Whether the procedure's steps and outcomes say who may do an act, and not `[governance]`.
pub(super) fn is_done_by_step(act: ActName) -> bool {
    matches!(act, ActName::Step | ActName::Join | ActName::Sheet | ActName::PostUp | ActName::PostDown | ActName::Outcome)
}

impl<'a> Brought<'a> {
    pub(super) fn desk(&self) -> Option<Desk<'a>> {
        let procedure = self.procedure?;
        Some(Desk {
            judgement: self.judgement,
            procedure,
            programme: &procedure.programme,
            register: self.judgement.state.register(),
            signers: self.signers.clone(),
            hash: self.hash,
            admission: Admission { warnings: self.warnings.clone(), changes: Vec::new() },
        })
    }

    /// What the act makes of the programme; nothing for an act that has no part in it.
    pub(super) fn judge(&self, act: &Act, enacted: Option<&Procedure>) -> Result<Admission, Refusal> {
        match act {
            Act::Import(import) => self.judge_import(import),
            Act::Relate { person, relation, to: RelatedTo::Case(case), .. } => Ok(Admission {
                changes: vec![
                    Change::Related { case: case.clone(), person: person.clone(), relation: relation.clone() },
                    Change::Named(self.hash, vec![case.clone()]),
                ],
                warnings: Vec::new(),
            }),
            Act::Join { joins } => self.judge_join(joins),
            _ => {
                let Some(mut desk) = self.desk() else { return Ok(Admission::default()) };
                judge_at(&mut desk, act, self, enacted)?;
                Ok(desk.admission)
            }
        }
    }

    fn judge_import(&self, import: &Import) -> Result<Admission, Refusal> {
        if self.judgement.state.register().file(&import.case).is_some() {
            return Err(Refusal::new(Rule::CaseTaken, "a case that no step opened", import.case.to_string()));
        }
        Ok(Admission { changes: vec![Change::Imported(import.case.clone())], warnings: Vec::new() })
    }

    fn judge_join(&self, joins: &StatementHash) -> Result<Admission, Refusal> {
        let Some(desk) = self.desk() else { return Ok(Admission::default()) };
        let waiting = desk.register.waiting(joins);
        desk.judge_join(waiting)?;
        let Some(waiting) = waiting else { return Ok(desk.admission) };
        let more = self.judgement.signings();
        let header = waiting.header.clone();
        match self.complete(waiting, &header, *joins, joined(waiting, more.clone()))? {
            Some(mut admission) => {
                let named = admission.changes.iter().filter_map(|change| match change {
                    Change::Named(_, cases) => Some(Change::Named(self.hash, cases.clone())),
                    _ => None,
                });
                let named: Vec<Change> = named.collect();
                admission.changes.push(Change::Completed(*joins));
                admission.changes.extend(named);
                Ok(admission)
            }
            None => Ok(Admission { changes: vec![Change::Joined { step: *joins, signings: more }], ..desk.admission }),
        }
    }

    /// The step judged anew with everybody who has signed, if they are enough.
    fn complete(
        &self,
        waiting: &Waiting,
        header: &Header,
        hash: StatementHash,
        signings: Vec<Signing>,
    ) -> Result<Option<Admission>, Refusal> {
        let Some(procedure) = self.procedure else { return Ok(None) };
        // Whoever signed is judged again when the step is, not by each join before.
        let step = procedure.programme.step(&waiting.step.step);
        if !step.is_some_and(|step| are_enough(&step.by, signings.iter().map(|signing| &signing.by))) {
            return Ok(None);
        }
        let state = self.judgement.state;
        let judgement = Judgement { header, seen_size: header.seen.size, ..*self.judgement };
        let mut signers = Vec::new();
        for signing in &signings {
            let theirs = self.judgement.as_seen_by(signing);
            theirs.judge_key(ActName::Step, &signing.by, &signing.key)?;
            let held = theirs.judge_appointment(&signing.by)?;
            theirs.judge_office(&signing.by, held, Some(procedure))?;
            signers.push(Signer { by: &signing.by, held });
        }
        let mut desk = Desk {
            judgement: &judgement,
            procedure,
            programme: &procedure.programme,
            register: state.register(),
            signers,
            hash,
            admission: Admission::default(),
        };
        desk.judge_signers()?;
        desk.judge_step(&waiting.step)?;
        Ok(Some(desk.admission))
    }
}

fn judge_at(desk: &mut Desk<'_>, act: &Act, brought: &Brought<'_>, enacted: Option<&Procedure>) -> Judged {
    let at = brought.judgement.header.at;
    match act {
        Act::Step(step) => desk.judge_step(step),
        Act::Sheet(sheet) => match brought.signers.first() {
            Some(owner) => desk.judge_sheet(sheet, &owner.by.person, brought.bytes),
            None => Ok(()),
        },
        Act::PostUp(post) => desk.judge_post_up(post, at),
        Act::PostDown(post) => desk.judge_post_down(post, at),
        Act::Outcome(outcome) => desk.judge_outcome(outcome),
        Act::Correct(correct) => desk.judge_correct(correct),
        Act::Transfer(transfer) => desk.judge_transfer(transfer),
        Act::Account(act) => desk.judge_account(&act.case, act.account),
        Act::Objection(act) => desk.judge_objection(&act.case),
        Act::Dissent(act) => desk.judge_dissent(&act.case, &act.of),
        Act::Appeal(act) => desk.judge_appeal(&act.case, &act.of),
        Act::Recuse(act) => desk.judge_recuse(&act.case),
        Act::Hold(hold) => desk.judge_hold(hold),
        Act::Release(release) => desk.judge_release(release),
        Act::Report(report) => desk.judge_report(report),
        Act::Answer(answer) => desk.judge_answer(&answer.answers, answer.outcome),
        Act::Override(one) => desk.judge_override(one),
        Act::Ruling(ruling) => desk.judge_ruling(ruling),
        Act::Team(team) => desk.judge_team(team),
        Act::Appoint { person, office, unit, capacity, from, to, .. } => {
            desk.judge_appointment(&NewAppointment { person, office, unit, capacity: *capacity, from: *from, to: *to })
        }
        Act::Enact { .. } => {
            if let Some(enacted) = enacted {
                desk.warn_unsatisfiable(enacted, None);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
