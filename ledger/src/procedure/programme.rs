//! What a procedure says of a programme: levels, calendar, standards, steps, outcomes, rules (format.md sections 7.1 to 7.3).

use std::collections::BTreeMap;

use signer::value::{Code, Office, Period, Power, Scheme, Share};

use super::calendar::{Calendar, Days};

/// The programme of a procedure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programme {
    /// Levels of units: of the whole, of units of one part, and so on.
    pub levels: Vec<Code>,
    /// Which days count.
    pub calendar: Calendar,
    /// Whether an index entry comes before each day's first entry.
    pub is_indexed_daily: bool,
    /// How long an answer may take.
    pub answer: Option<Days>,
    /// Amounts over time.
    pub standards: Vec<Standard>,
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// Outcomes other than a step done.
    pub outcomes: BTreeMap<Code, Outcome>,
    /// Rules, in order.
    pub rules: Vec<RuleOf>,
}

/// What a scheme and tier pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standard {
    /// The scheme.
    pub scheme: Scheme,
    /// The tier.
    pub tier: Code,
    /// Amount, in fen.
    pub fen: u64,
    /// First period.
    pub from: Period,
    /// Last period, if there is one.
    pub to: Option<Period>,
    /// The measure of which each unit pays the amount.
    pub per: Option<Code>,
}

/// On what a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// One case.
    Case,
    /// A list of cases.
    List,
    /// A batch of payments.
    Batch,
    /// One payment.
    Payment,
}

/// Who does a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepBy {
    /// So many persons in any of these offices.
    Any(Vec<Office>, u64),
    /// At least one person in each of these offices.
    Each(Vec<Office>),
}

impl StepBy {
    /// The offices.
    pub fn offices(&self) -> &[Office] {
        match self {
            StepBy::Any(offices, _) | StepBy::Each(offices) => offices,
        }
    }
}

/// How long after another step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    /// How long.
    pub days: Days,
    /// After which.
    pub of: Code,
}

/// Shares of cases that are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Of new cases.
    pub new: Share,
    /// Of continuing ones.
    pub continuing: Share,
    /// Of those that are related to an official.
    pub related: Share,
}

/// Shares of a list's cases for which an earlier step asserted something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// The earlier step.
    pub step: Code,
    /// The shares.
    pub shares: BTreeMap<Code, Share>,
}

/// A meeting's quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Of those due.
    pub present: Share,
    /// Of those present.
    pub agree: Share,
    /// Fewest present of each category.
    pub seats: BTreeMap<Code, u64>,
}

/// How a list is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Levels at which it hangs.
    pub at: Vec<Code>,
    /// For how long.
    pub days: Days,
    /// Photos taken when it goes up.
    pub up: Vec<Code>,
    /// Photos taken until it comes down.
    pub down: Vec<Code>,
    /// Levels whose telephone numbers it shows.
    pub phones: Vec<Code>,
}

/// What a total of a batch must equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOf {
    /// The whole batch.
    Batch,
    /// What was paid.
    Paid,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its id.
    pub id: Code,
    /// On what it is done.
    pub on: On,
    /// Steps that come before.
    pub after: Vec<Code>,
    /// Who does it.
    pub by: StepBy,
    /// Whether it opens a case.
    pub opens: bool,
    /// Whether it begins a case's next period.
    pub renews: bool,
    /// Whether it is for new cases.
    pub for_new: bool,
    /// Whether it is for continuing cases.
    pub for_continuing: bool,
    /// What is asserted.
    pub asserts: Vec<Code>,
    /// Whether an assertion may be other than `yes`.
    pub is_counted: bool,
    /// What is measured.
    pub measures: Vec<Code>,
    /// What evidence is committed to.
    pub evidence: Vec<Code>,
    /// Month and day of the period by which it is done.
    pub due: Option<(u8, u8)>,
    /// How long after another step.
    pub within: Option<Within>,
    /// An own allowance for offline work.
    pub offline_hours: Option<u64>,
    /// How long it waits for absent signers, in days.
    pub join_days: Option<u64>,
    /// Shares of cases for which it is drawn.
    pub cover: Option<Cover>,
    /// Whether only a team's sub-group does it.
    pub has_team: bool,
    /// The number of the level for whose units lists are complete.
    pub level: usize,
    /// Shares of earlier assertions.
    pub rates: Option<Rates>,
    /// A meeting's quorum.
    pub quorum: Option<Quorum>,
    /// How the list is posted.
    pub posting: Option<Posting>,
    /// Whether it freezes what is paid.
    pub locks: bool,
    /// Fewest witnesses of a cosigned entry that covers the lock.
    pub cosigned: Option<u64>,
    /// Totals that must match.
    pub matches: BTreeMap<Code, MatchOf>,
    /// Whether it brings the results.
    pub settles: bool,
}

/// What an outcome makes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeTo {
    /// Not payable while it lasts.
    Suspended,
    /// Not confirmed.
    Rejected,
    /// Taken away.
    Revoked,
    /// Left.
    Exited,
    /// Referred upward; the clock stops.
    Referred,
}

impl OutcomeTo {
    /// The word in a procedure.
    pub const fn as_str(self) -> &'static str {
        match self {
            OutcomeTo::Suspended => "suspended",
            OutcomeTo::Rejected => "rejected",
            OutcomeTo::Revoked => "revoked",
            OutcomeTo::Exited => "exited",
            OutcomeTo::Referred => "referred",
        }
    }
}

/// An outcome of a case other than a step done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it is called.
    pub name: String,
    /// Offices that may sign.
    pub by: Vec<Office>,
    /// Fewest signers.
    pub min: u64,
    /// What it makes of the case.
    pub to: OutcomeTo,
    /// Reasons that may be given; any, where empty.
    pub reasons: Vec<Code>,
    /// The step that makes a suspended case open again.
    pub back_to: Option<Code>,
    /// How long one may appeal, in days.
    pub appeal_days: Option<u64>,
}

/// What becomes of an act that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is refused.
    Refuse,
    /// It is admitted with a warning.
    Warn,
}

/// A rule of the procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOf {
    /// Its id.
    pub id: Code,
    /// What becomes of an act that breaks it.
    pub severity: Severity,
    /// Whether it may be overridden.
    pub may_override: bool,
    /// What it asks.
    pub kind: RuleKind,
}

/// What a rule asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Nobody holds offices of two of these powers.
    ExclusivePowers(Vec<Power>),
    /// Nobody does two of these steps on one case.
    Distinct(Vec<Code>),
    /// Nobody does these steps on a case of the own home unit.
    NotOwnUnit(Vec<Code>),
    /// Among the signers of these steps so many have a home of this level.
    Mixed {
        /// The steps.
        steps: Vec<Code>,
        /// Number of the level.
        level: usize,
        /// Fewest.
        min: u64,
    },
    /// Nobody does these steps on a case to which a relation of these kinds exists.
    Recuse {
        /// The steps.
        steps: Vec<Code>,
        /// The relations.
        relations: Vec<Code>,
    },
    /// Nobody answers for an own act.
    Independent,
    /// How long and how deep acting and delegation go.
    Acting {
        /// Longest, in days.
        max_days: u64,
        /// Most delegations in a row.
        max_depth: u64,
    },
}

impl RuleKind {
    /// The steps that it names.
    pub fn steps(&self) -> &[Code] {
        match self {
            RuleKind::Distinct(steps) | RuleKind::NotOwnUnit(steps) => steps,
            RuleKind::Mixed { steps, .. } | RuleKind::Recuse { steps, .. } => steps,
            RuleKind::ExclusivePowers(_) | RuleKind::Independent | RuleKind::Acting { .. } => &[],
        }
    }
}

impl Programme {
    /// The step of this id.
    pub fn step(&self, id: &Code) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// The step that locks: there is at most one.
    pub fn locking(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.locks)
    }

    /// What a scheme and tier pays in a period.
    pub fn standard(&self, scheme: &Scheme, tier: &Code, period: Period) -> Option<&Standard> {
        self.standards.iter().find(|standard| {
            standard.scheme == *scheme && standard.tier == *tier && standard.from <= period && standard.to.is_none_or(|to| period <= to)
        })
    }

    /// Whether a batch step opens a batch: it comes after a step that locks.
    pub fn opens_batch(&self, step: &Step) -> bool {
        step.on == On::Batch && step.after.iter().any(|id| self.step(id).is_some_and(|before| before.locks))
    }

    /// Whether an office signs steps on lists.
    pub fn takes_lists(&self, office: &Office) -> bool {
        self.steps.iter().any(|step| (step.on == On::List || step.settles) && step.by.offices().contains(office))
    }
}
