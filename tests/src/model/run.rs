//! Runs: acts made from a seed, judged by the model and by `admit`; the first disagreement, shrunk.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ledger::admit::{Admission, admit};
use ledger::check::{Content, Cosignature, Cosigned, Verified};
use ledger::history::Context;
use sha2::{Digest as _, Sha256};
use signer::act::Act;
use signer::statement::{Header, Seen, statement_hash};
use signer::value::{ChainHead, DeviceId, TreeHash, UnixMs};
use signer::{Checkpoint, Rule, Statement};

use super::county::{COUNTIES, County};
use super::wishes::{Dice, Draft, Wisher, rare, spoil_act, spoil_header, spoil_signers};
use super::{Effect, Submission};

/// Acts of one run: long enough for a case to be paid, renewed and paid again.
pub const ACTS_A_RUN: u64 = 500;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Rules of a programme that the model judges.
pub const JUDGED: &[Rule] = &[
    Rule::StepUnknown,
    Rule::StepLines,
    Rule::StepAsserts,
    Rule::StepMeasures,
    Rule::StepEvidence,
    Rule::StepOffice,
    Rule::StepCount,
    Rule::JoinUnknown,
    Rule::JoinExpired,
    Rule::CaseTaken,
    Rule::CaseUnknown,
    Rule::CaseHead,
    Rule::CaseUnit,
    Rule::CaseStatus,
    Rule::CasePaid,
    Rule::StandardMissing,
    Rule::FlagOpen,
    Rule::FlagUnknown,
    Rule::PeriodOrder,
    Rule::StepRepeated,
    Rule::StepOrder,
    Rule::TeamOther,
    Rule::OutcomeUnknown,
    Rule::Reason,
    Rule::OfUnknown,
    Rule::TransferUnits,
    Rule::AppealLate,
    Rule::ReportTaken,
    Rule::ClauseUnknown,
    Rule::TeamMember,
    Rule::TeamArea,
    Rule::Late,
    Rule::Distinct,
    Rule::OwnUnit,
    Rule::Mixed,
    Rule::Recusal,
    Rule::Recused,
    Rule::Independent,
    Rule::ExclusivePowers,
    Rule::ActingDays,
    Rule::ActingDepth,
    Rule::OverrideUnknown,
    Rule::OverrideRule,
    Rule::OverrideSupervisor,
    Rule::AppointmentUnit,
    Rule::Satisfiable,
    Rule::ListTaken,
    Rule::ListClosed,
    Rule::ListPart,
    Rule::ListOrder,
    Rule::ListLimit,
    Rule::ListUnknown,
    Rule::ListKind,
    Rule::ListRoot,
    Rule::ListUnit,
    Rule::ListEmpty,
    Rule::ListOmits,
    Rule::OmitUnfounded,
    Rule::Amount,
    Rule::AccountOther,
    Rule::Quorum,
    Rule::Rate,
    Rule::PostingPlace,
    Rule::PostingPhone,
    Rule::PostingPhoto,
    Rule::PostingDown,
    Rule::PostingDays,
    Rule::BatchTaken,
    Rule::BatchUnknown,
    Rule::BatchMatch,
    Rule::HoldUnnamed,
    Rule::CosignedMissing,
    Rule::ResultsLines,
    Rule::Totals,
    Rule::PaymentUnknown,
    Rule::GovernanceNone,
];

/// Rules of every statement and of the roster that the model judges, and that the county breaks.
pub const JUDGED_BESIDE: &[Rule] = &[
    Rule::ReceivedOrder,
    Rule::Unwitnessed,
    Rule::SeenAhead,
    Rule::SeenUnlike,
    Rule::AtFuture,
    Rule::AtStale,
    Rule::ProcedureUnknown,
    Rule::ProcedureVersion,
    Rule::DeviceUnknown,
    Rule::DeviceEnded,
    Rule::CounterUsed,
    Rule::SignerRepeated,
    Rule::KeyNotYet,
    Rule::KeyRevoked,
    Rule::KeySuperseded,
    Rule::AppointmentUnknown,
    Rule::AppointmentMismatch,
    Rule::AppointmentNotYet,
    Rule::AppointmentEnded,
    Rule::QualificationMissing,
    Rule::OfficeUnknown,
    Rule::GovernanceOffice,
    Rule::GovernanceCount,
    Rule::GovernancePowers,
    Rule::PersonUnknown,
    Rule::PersonOther,
    Rule::PersonTaken,
    Rule::Period,
    Rule::ProcedureSequence,
];
/// Rules that never refuse.
pub const WARNINGS: &[Rule] = &[Rule::Late, Rule::Satisfiable];

/// What both said, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Acts judged.
    pub acts: u64,
    /// Acts admitted.
    pub admitted: u64,
    /// Refusals by rule.
    pub refused: BTreeMap<Rule, u64>,
    /// Warnings by rule.
    pub warned: BTreeMap<Rule, u64>,
    /// Admitted acts by name, steps by their own.
    pub done: BTreeMap<String, u64>,
}

impl Tally {
    fn count(&mut self, answer: &Answer, act: &Act) {
        self.acts += 1;
        match answer {
            Ok(warnings) => {
                self.admitted += 1;
                let step = match act {
                    Act::Step(act) => format!(" {}", act.step),
                    _ => String::new(),
                };
                *self.done.entry(format!("{}{step}", act.name().as_str())).or_default() += 1;
                warnings.iter().for_each(|rule| *self.warned.entry(*rule).or_default() += 1);
            }
            Err(rule) => *self.refused.entry(*rule).or_default() += 1,
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Tally) {
        self.acts += other.acts;
        self.admitted += other.admitted;
        other.done.iter().for_each(|(name, count)| *self.done.entry(name.clone()).or_default() += count);
        other.refused.iter().for_each(|(rule, count)| *self.refused.entry(*rule).or_default() += count);
        other.warned.iter().for_each(|(rule, count)| *self.warned.entry(*rule).or_default() += count);
    }

    /// For people.
    pub fn show(&self) -> String {
        let mut out = format!("{} acts, {} admitted ({} %)\n", self.acts, self.admitted, self.admitted * 100 / self.acts.max(1));
        let named = |of: &BTreeMap<Rule, u64>| of.iter().map(|(rule, count)| (rule.to_string(), *count)).collect();
        for (what, of) in [("admitted", self.done.clone()), ("refused", named(&self.refused)), ("warned", named(&self.warned))] {
            let _ = writeln!(out, "{what}:");
            for (name, count) in of {
                let _ = writeln!(out, "  {count:>8} {name}");
            }
        }
        out
    }
}

/// A verdict: warnings, or the rule.
pub type Answer = Result<BTreeSet<Rule>, Rule>;

/// One entry that was offered.
#[derive(Clone)]
enum Offered {
    Act(Box<Submission>, Box<Verified>),
    Cosigned { verified: Box<Verified>, received: UnixMs, time: UnixMs, digest: [u8; 32] },
}

impl Offered {
    fn verified(&self) -> &Verified {
        match self {
            Offered::Act(_, verified) | Offered::Cosigned { verified, .. } => verified,
        }
    }

    fn received(&self) -> UnixMs {
        match self {
            Offered::Act(sub, _) => sub.received,
            Offered::Cosigned { received, .. } => *received,
        }
    }

    /// Leaf and chain head need only be different for each.
    fn digest(&self) -> [u8; 32] {
        match self {
            Offered::Act(sub, _) => sub.hash.0,
            Offered::Cosigned { digest, .. } => *digest,
        }
    }
}

/// A county in which acts are done.
struct Stage {
    county: County,
}

/// What both said of one entry.
struct Verdicts {
    admit: Result<Admission, Rule>,
    model: Result<(BTreeSet<Rule>, Effect), Rule>,
}

impl Verdicts {
    fn answers(&self) -> (Answer, Answer) {
        let warnings = |admission: &Admission| admission.warnings.iter().map(|refusal| refusal.rule).collect();
        (
            self.admit.as_ref().map(warnings).map_err(|rule| *rule),
            self.model.as_ref().map(|(warnings, _)| warnings.clone()).map_err(|rule| *rule),
        )
    }
}

impl Stage {
    fn new(seed: u64, mutant: Option<Rule>) -> Stage {
        let mut county = COUNTIES[usize::from(seed.is_multiple_of(4))].clone();
        set_mutant(&mut county, mutant);
        Stage { county }
    }

    fn context(&self, verified: &Verified) -> Option<Context> {
        verified.names_size().and_then(|size| self.county.history.context(size))
    }

    fn judge(&self, offered: &Offered) -> Verdicts {
        let verified = offered.verified();
        let context = self.context(verified);
        let admit = admit(&self.county.state, verified, offered.received(), context.as_ref()).map_err(|refusal| refusal.rule);
        let model = match offered {
            Offered::Act(sub, _) => self.county.model.judge(sub, context.as_ref()),
            Offered::Cosigned { received, time, .. } => {
                let nothing: Effect = Box::new(|_| ());
                self.county.model.judge_every_entry(*received, Some(*time)).map(|()| (BTreeSet::new(), nothing))
            }
        };
        Verdicts { admit, model }
    }

    fn push(&mut self, offered: &Offered) {
        let digest = offered.digest();
        self.county.history.push(TreeHash(digest), ChainHead(digest), offered.received());
        self.county.clock = offered.received();
    }

    fn blank(&mut self, offered: &Offered) {
        self.county.state.skip(Some(offered.received()));
        self.county.model.blank(offered.received());
        self.push(offered);
    }

    fn apply(&mut self, offered: &Offered, admission: Admission, effect: Effect) {
        self.county.state.apply(offered.verified(), offered.received(), admission);
        match offered {
            Offered::Act(sub, _) => self.county.model.admit(sub, effect),
            Offered::Cosigned { verified, received, time, digest } => {
                let Content::Cosigned(cosigned) = &verified.content else { unreachable!("a cosigned entry") };
                self.county.model.cosigned(*received, cosigned.checkpoint.size, cosigned.cosignatures.len() as u64, *time, *digest);
            }
        }
        self.push(offered);
    }

    fn offer(&self, draft: Draft) -> Option<Offered> {
        let mut seen = match self.county.history.seen_at(draft.seen) {
            Some(seen) => seen,
            None => Seen { size: draft.seen, ..self.county.history.seen_at(1)? },
        };
        if draft.is_unlike {
            seen.chain.0[0] ^= 1;
        }
        let at = signer::value::Time { unix_seconds: draft.at.0.div_euclid(1000), offset_minutes: 480 };
        let Draft { received, procedure, by, keys, device, counter, act, enacts, .. } = draft;
        let header = Header { procedure, by, device, counter, at, seen };
        let statement = Statement::Act { ledger: self.county.id.clone(), header: header.clone(), act: act.clone() };
        let text = statement.encode();
        let (hash, bytes) = (statement_hash(&text), text.len() as u64);
        let public = keys.iter().map(|key| self.county.keys.get(key).cloned()).collect::<Option<Vec<_>>>()?;
        let procedure = enacts.as_ref().map(|procedure| Box::new(procedure.as_ref().clone()));
        let content = Content::Statement { statement: Box::new(statement), hash, keys: public, procedure };
        let sub = Submission { received, header, act, hash, bytes, keys, procedure: enacts };
        Some(Offered::Act(Box::new(sub), Box::new(Verified { bytes: Vec::new(), content })))
    }

    fn cosigned(&self, received: UnixMs, witnesses: usize) -> Offered {
        let size = self.county.model.size();
        let root = self.county.history.tree().root_at(size).unwrap();
        let seconds = received.0.div_euclid(1000);
        let cosignatures = self.county.witnesses.iter().take(witnesses);
        let cosignatures =
            cosignatures.map(|(name, key)| Cosignature { name: name.clone(), key: key.clone(), unix_seconds: seconds as u64 }).collect();
        let checkpoint = Checkpoint { origin: self.county.id.to_string(), size, root };
        let bytes = format!("{}{seconds} {witnesses}", checkpoint.text()).into_bytes();
        let digest = Sha256::digest(&bytes).into();
        let content = Content::Cosigned(Cosigned { checkpoint, key: self.county.checkpoint_key.clone(), cosignatures });
        Offered::Cosigned { verified: Box::new(Verified { bytes, content }), received, time: UnixMs(seconds * 1000), digest }
    }
}

#[cfg(feature = "mutants")]
fn set_mutant(county: &mut County, mutant: Option<Rule>) {
    county.state.mutant = mutant;
}

#[cfg(not(feature = "mutants"))]
fn set_mutant(_county: &mut County, mutant: Option<Rule>) {
    assert!(mutant.is_none(), "mutants need the feature of that name");
}

/// A run that is under way.
struct Run {
    stage: Stage,
    dice: Dice,
    tally: Tally,
    /// Admitted entries.
    log: Vec<Offered>,
    counter: u64,
    witnessed: i64,
}

impl Run {
    fn new(seed: u64, mutant: Option<Rule>) -> Run {
        let stage = Stage::new(seed, mutant);
        let witnessed = stage.county.model.entries[0].received.0;
        Run {
            stage,
            dice: Dice::new(seed.wrapping_mul(0x5851_F42D_4C95_7F2D)),
            tally: Tally::default(),
            log: Vec::new(),
            counter: 10_000,
            witnessed,
        }
    }

    /// Lets time pass; a cosigned entry where one is due, or now and then.
    fn pass_time(&mut self) -> Result<UnixMs, Box<Offered>> {
        let step = match self.dice.below(100) {
            0..76 => 60_000 + self.dice.below(HOUR as u64 / 2) as i64,
            76..91 => self.dice.below(12 * HOUR as u64) as i64,
            _ if self.dice.percent(96) => DAY + self.dice.below(2 * DAY as u64) as i64,
            _ => 25 * DAY,
        };
        let r = self.stage.county.clock.plus_ms(step);
        let is_due = r.0 > self.witnessed + DAY && !self.dice.percent(3);
        if !is_due && !self.dice.percent(6) {
            return Ok(r);
        }
        let witnesses = if self.dice.percent(70) { 2 } else { 1 };
        let cosigned = self.stage.cosigned(r, witnesses);
        self.take(cosigned, false)?;
        self.witnessed = r.0.div_euclid(1000) * 1000;
        Ok(r.plus_ms(1_000))
    }

    /// Judges by both; the entry itself where they disagree.
    fn take(&mut self, offered: Offered, is_counted: bool) -> Result<(), Box<Offered>> {
        let verdicts = self.stage.judge(&offered);
        let (admit, model) = verdicts.answers();
        if admit != model {
            return Err(Box::new(offered));
        }
        if let (true, Offered::Act(sub, _)) = (is_counted, &offered) {
            self.tally.count(&model, &sub.act);
        }
        if let (Ok(admission), Ok((_, effect))) = (verdicts.admit, verdicts.model) {
            self.stage.apply(&offered, admission, effect);
            self.log.push(offered);
        }
        Ok(())
    }

    fn draft(&mut self, r: UnixMs) -> Option<Draft> {
        let model = &self.stage.county.model;
        let size = model.size();
        let seen = if self.dice.percent(75) { size } else { size - self.dice.below(size.min(10)) };
        let mut wisher = Wisher::new(model, &mut self.dice, r, seen);
        let (by, act) = wisher.wish()?;
        let keys = wisher.keys(&by);
        let at = r.plus_ms(-(self.dice.below(2 * HOUR as u64) as i64));
        let procedure = model.in_force(u64::MAX, r).map(|(name, _)| name.clone());
        let device = DeviceId::parse(self.dice.one(&["d1", "d2", "d9"])?).unwrap();
        Some(Draft { received: r, procedure, by, keys, device, counter: self.counter, at, seen, is_unlike: false, act, enacts: None })
    }

    /// The act that enacts a version.
    fn enactment(&mut self, r: UnixMs, number: usize) -> Option<Draft> {
        let mut draft = self.draft(r)?;
        let (act, procedure) = self.stage.county.versions[number].clone();
        let held = self.stage.county.model.held();
        let founders = held.iter().filter(|held| held.office.as_str() == "founder" && held.person.as_str() != "f3");
        draft.by = founders.map(super::wishes::by_of).collect();
        (draft.act, draft.enacts, draft.seen) = (act, Some(procedure), self.stage.county.model.size());
        draft.keys = Wisher::new(&self.stage.county.model, &mut self.dice, r, 1).keys(&draft.by);
        Some(draft)
    }

    fn answer_of(&self, draft: &Draft) -> Option<(Offered, Answer)> {
        let offered = self.stage.offer(draft.clone())?;
        let Offered::Act(sub, verified) = &offered else { return None };
        let context = self.stage.context(verified);
        let answer = self.stage.county.model.judge(sub, context.as_ref()).map(|(warnings, _)| warnings);
        Some((offered, answer))
    }

    /// A plausible act, or one that was spoilt: of some, the one whose rule was refused most seldom in this run.
    fn propose(&mut self, r: UnixMs) -> Option<Offered> {
        let mut good = None;
        for _ in 0..5 {
            let Some(draft) = self.draft(r) else { continue };
            let (offered, answer) = self.answer_of(&draft)?;
            let is_good = answer.is_ok();
            good = Some((draft, offered));
            if is_good {
                break;
            }
        }
        let (draft, offered) = good?;
        if self.dice.percent(53) {
            return Some(offered);
        }
        let mut best: Option<(u64, Offered)> = None;
        let base = if self.dice.percent(35) { self.draft(r).unwrap_or_else(|| draft.clone()) } else { draft };
        for _ in 0..6 {
            let mut spoilt = base.clone();
            self.spoil(&mut spoilt);
            let Some((offered, answer)) = self.answer_of(&spoilt) else { continue };
            let seldom = match &answer {
                Ok(warnings) if warnings.is_empty() => 1_000,
                Ok(_) => 30,
                Err(rule) => self.tally.refused.get(rule).copied().unwrap_or(0),
            };
            if best.as_ref().is_none_or(|(least, _)| seldom < *least) {
                best = Some((seldom, offered));
            }
        }
        best.map(|(_, offered)| offered).or(Some(offered))
    }

    fn spoil(&mut self, draft: &mut Draft) {
        let model = &self.stage.county.model;
        let what = self.dice.below(100);
        if what == 99 {
            draft.received = self.stage.county.clock.plus_ms(-1);
            return;
        }
        let mut wisher = Wisher::new(model, &mut self.dice, draft.received, draft.seen);
        match what {
            0..20 => spoil_header(draft, &mut wisher, model.size()),
            20..40 => spoil_signers(draft, &mut wisher),
            40..65 => rare(draft, &mut wisher),
            _ => spoil_act(draft, &mut wisher),
        }
    }

    fn go(&mut self, acts: u64) -> Result<(), Box<Offered>> {
        // Some runs change the procedure on the way; the third version begins in March.
        let changes =
            [(self.dice.below(8) * 50, 2), (self.dice.below(6) * 70, 1), (400 + self.dice.below(99), self.dice.below(3) as usize)];
        for n in 0..acts {
            let r = self.pass_time()?;
            self.counter += 1;
            let change = changes.iter().find(|(at, _)| *at == n && n > 0);
            let offered = match change {
                Some((_, number)) => self.enactment(r, *number).and_then(|draft| self.stage.offer(draft)),
                None => self.propose(r),
            };
            if let Some(offered) = offered {
                self.take(offered, true)?;
            }
        }
        Ok(())
    }
}

/// A disagreement, made as small as it gets.
pub struct Found {
    /// What `admit` said.
    pub admit: Answer,
    /// What the model said.
    pub model: Answer,
    /// For people: the history that it needs, and how to see it again.
    pub story: String,
    /// Acts judged before it.
    pub after: u64,
}

/// One run of a seed.
///
/// # Errors
/// The first disagreement.
pub fn run(seed: u64, acts: u64, mutant: Option<Rule>) -> Result<Tally, Box<Found>> {
    let mut run = Run::new(seed, mutant);
    match run.go(acts) {
        Ok(()) => Ok(run.tally),
        Err(last) => Err(Box::new(shrink(seed, mutant, &run, *last))),
    }
}

/// Judges anew what is kept of a log, the rest being entries without effect: where both disagree first, and what they said.
fn replay(seed: u64, mutant: Option<Rule>, log: &[Offered], kept: &[bool]) -> Option<(usize, Answer, Answer)> {
    let mut stage = Stage::new(seed, mutant);
    for (at, (offered, kept)) in log.iter().zip(kept).enumerate() {
        if !kept {
            stage.blank(offered);
            continue;
        }
        let verdicts = stage.judge(offered);
        let (admit, model) = verdicts.answers();
        if admit != model {
            return Some((at, admit, model));
        }
        match (verdicts.admit, verdicts.model) {
            (Ok(admission), Ok((_, effect))) => stage.apply(offered, admission, effect),
            _ => stage.blank(offered),
        }
    }
    None
}

fn shrink(seed: u64, mutant: Option<Rule>, run: &Run, last: Offered) -> Found {
    let mut log = run.log.clone();
    log.push(last);
    let mut kept = vec![true; log.len()];
    let mut found = replay(seed, mutant, &log, &kept).expect("the disagreement that was seen");
    let mut chunk = log.len().div_ceil(2);
    // A mutant only has to be caught.
    while chunk > 0 && mutant.is_none() {
        for start in (0..log.len()).step_by(chunk) {
            let mut fewer = kept.clone();
            fewer.iter_mut().skip(start).take(chunk).for_each(|kept| *kept = false);
            if let Some(again) = replay(seed, mutant, &log, &fewer) {
                log.truncate(again.0 + 1);
                fewer.truncate(again.0 + 1);
                (kept, found) = (fewer, again);
            }
        }
        chunk /= 2;
    }
    let (_, admit, model) = found;
    let after = run.tally.acts;
    let mut story = format!("admit says {admit:?}, the model {model:?}\n");
    for offered in log.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(offered, _)| offered) {
        let _ = writeln!(story, "--- received {}", offered.received().0);
        match offered {
            Offered::Act(sub, _) => {
                let text =
                    Statement::Act { ledger: run.stage.county.id.clone(), header: sub.header.clone(), act: sub.act.clone() }.encode();
                let is_long = matches!(sub.act, Act::Enact { .. });
                let _ = writeln!(story, "{}\nhash {}", if is_long { "an enactment" } else { &text }, sub.hash);
            }
            Offered::Cosigned { .. } => story.push_str("a cosigned entry\n"),
        }
    }
    let _ = writeln!(story, "again: ZEREN_SEED={seed} ZEREN_ACTS={} cargo test -p tests --test model", after + 1);
    Found { admit, model, story, after }
}

/// Runs of many seeds from a first one on.
///
/// # Errors
/// The first disagreement.
pub fn campaign(first: u64, acts: u64) -> Result<Tally, Box<Found>> {
    let mut all = Tally::default();
    let mut seed = first;
    while all.acts < acts {
        all.add(&run(seed, ACTS_A_RUN.min(acts), None)?);
        seed += 1;
    }
    Ok(all)
}
