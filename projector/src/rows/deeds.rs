//! What entries hold, as views tell it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Moment;

/// What was done. Codes are the words of format.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are the lines of format.md section 5, under the same names; numbers are entries")]
pub enum Deed {
    Found,
    Amend,
    Enact {
        id: String,
        version: u64,
    },
    Enrol {
        person: String,
    },
    Device {
        device: String,
        unit: String,
    },
    DeviceEnd {
        device: String,
        reason: String,
    },
    Appoint {
        person: String,
        office: String,
        unit: String,
    },
    AppointEnd {
        person: String,
        appointment: u64,
        reason: String,
    },
    Rotate {
        person: String,
    },
    Rekey {
        person: String,
    },
    Revoke {
        person: String,
        reason: String,
        suspected: Option<Moment>,
    },
    Relate {
        person: String,
        relation: String,
        to: Related,
        basis: String,
    },
    Qualify {
        person: String,
        qualification: String,
    },
    Import(LegacyRecord),
    Step(Box<StepDeed>),
    /// Somebody joins a step: the entries that signed it before, and what the step did if that was enough.
    Join {
        step: String,
        signed: Vec<u64>,
        completes: Option<Box<StepDeed>>,
    },
    Sheet {
        list: String,
        kind: String,
        part: u64,
        lines: u64,
    },
    PostUp {
        step: String,
        list: ListDeed,
        places: Vec<String>,
        overrides: Vec<u64>,
    },
    PostDown {
        step: String,
        list: ListDeed,
        overrides: Vec<u64>,
    },
    /// `name` and `to` are the procedure's.
    Outcome {
        case: String,
        outcome: String,
        name: String,
        to: String,
        reason: String,
    },
    Correct {
        case: Option<String>,
        batch: Option<String>,
        of: u64,
        reason: String,
    },
    Transfer {
        case: String,
        from: String,
        to: String,
        reason: String,
    },
    Account {
        case: String,
        reason: String,
    },
    Objection {
        case: String,
        reason: String,
    },
    Dissent {
        case: String,
        of: u64,
        reason: String,
    },
    Report {
        about: String,
        reason: String,
    },
    Appeal {
        case: String,
        of: u64,
    },
    /// `to` is the act that is answered.
    Answer {
        answers: u64,
        to: String,
        outcome: String,
    },
    Recuse {
        case: String,
        relation: String,
    },
    Hold {
        case: String,
        reason: String,
    },
    Release {
        case: String,
        releases: u64,
    },
    Override {
        step: String,
        rule: String,
        about: String,
        reason: String,
    },
    Ruling {
        clause: String,
        issuer: String,
        answers: Option<u64>,
    },
    Team {
        step: String,
        period: u16,
        members: u64,
    },
    Incident {
        kind: String,
        node: String,
        generation: u64,
        size: u64,
    },
    Cosigned {
        size: u64,
    },
    Index,
    /// Another ledger's checkpoint.
    Anchor {
        ledger: String,
        size: u64,
    },
    /// A node of a cluster takes over.
    Epoch {
        number: u64,
        node: String,
    },
}

impl Deed {
    /// The name on the `act` line; `cosigned` for a cosigned entry, `index` for an index entry, `epoch` and `anchor` for
    /// those entries.
    pub const fn name(&self) -> &str {
        match self {
            Deed::Found => "found",
            Deed::Amend => "amend",
            Deed::Enact { .. } => "enact",
            Deed::Enrol { .. } => "enrol",
            Deed::Device { .. } => "device",
            Deed::DeviceEnd { .. } => "device-end",
            Deed::Appoint { .. } => "appoint",
            Deed::AppointEnd { .. } => "appoint-end",
            Deed::Rotate { .. } => "rotate",
            Deed::Rekey { .. } => "rekey",
            Deed::Revoke { .. } => "revoke",
            Deed::Relate { .. } => "relate",
            Deed::Qualify { .. } => "qualify",
            Deed::Import(_) => "import",
            Deed::Step(_) => "step",
            Deed::Join { .. } => "join",
            Deed::Sheet { .. } => "sheet",
            Deed::PostUp { .. } => "post-up",
            Deed::PostDown { .. } => "post-down",
            Deed::Outcome { .. } => "outcome",
            Deed::Correct { .. } => "correct",
            Deed::Transfer { .. } => "transfer",
            Deed::Account { .. } => "account",
            Deed::Objection { .. } => "objection",
            Deed::Dissent { .. } => "dissent",
            Deed::Report { .. } => "report",
            Deed::Appeal { .. } => "appeal",
            Deed::Answer { .. } => "answer",
            Deed::Recuse { .. } => "recuse",
            Deed::Hold { .. } => "hold",
            Deed::Release { .. } => "release",
            Deed::Override { .. } => "override",
            Deed::Ruling { .. } => "ruling",
            Deed::Team { .. } => "team",
            Deed::Incident { .. } => "incident",
            Deed::Cosigned { .. } => "cosigned",
            Deed::Index => "index",
            Deed::Epoch { .. } => "epoch",
            Deed::Anchor { .. } => "anchor",
        }
    }

    /// Which of its kind the act is: the step, the outcome, or what an answer says; nothing for acts of one kind.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Deed::Step(step) => Some(&step.step),
            Deed::Join { step, .. } | Deed::PostUp { step, .. } | Deed::PostDown { step, .. } => Some(step),
            Deed::Override { step, .. } | Deed::Team { step, .. } => Some(step),
            Deed::Outcome { outcome, .. } | Deed::Answer { outcome, .. } => Some(outcome),
            Deed::Sheet { kind, .. } | Deed::Incident { kind, .. } => Some(kind),
            Deed::Recuse { relation, .. } | Deed::Relate { relation, .. } => Some(relation),
            Deed::Qualify { qualification, .. } => Some(qualification),
            _ => None,
        }
    }

    /// The step and what came of it, by which acts are counted. A step: `done`, `waits`, `joins`, `completes`, `up`, `down`; any
    /// other act: `-`, and its name with which of its kind it is.
    pub fn step_and_outcome(&self) -> (&str, Cow<'_, str>) {
        match self {
            Deed::Step(step) => (&step.step, if step.wait == Wait::Waits { "waits" } else { "done" }.into()),
            Deed::Join { step, completes, .. } => (step, if completes.is_some() { "completes" } else { "joins" }.into()),
            Deed::PostUp { step, .. } => (step, "up".into()),
            Deed::PostDown { step, .. } => (step, "down".into()),
            Deed::Outcome { outcome, .. } => ("-", format!("outcome {outcome}").into()),
            Deed::Answer { outcome, .. } => ("-", format!("answer {outcome}").into()),
            other => ("-", other.name().into()),
        }
    }

    /// How many cases it did: lines kept, payments of a batch, or the one that it is about.
    pub fn cases_done(&self) -> u64 {
        let of_step = |step: &StepDeed| match &step.on {
            _ if step.wait == Wait::Waits => 0,
            Subject::Case { .. } | Subject::Payment { .. } => 1,
            Subject::List { list, .. } => list.kept,
            Subject::Batch(batch) => batch.count,
        };
        match self {
            Deed::Step(step) => of_step(step),
            Deed::Join { completes, .. } => completes.as_deref().map_or(0, of_step),
            Deed::PostUp { list, .. } | Deed::PostDown { list, .. } => list.kept,
            Deed::Import(_) | Deed::Outcome { .. } | Deed::Transfer { .. } | Deed::Account { .. } => 1,
            Deed::Correct { case, .. } => u64::from(case.is_some()),
            _ => 0,
        }
    }

    /// The step that was done, by its own statement or by a join.
    pub fn step_done(&self) -> Option<&StepDeed> {
        match self {
            Deed::Step(step) => Some(step),
            Deed::Join { completes, .. } => completes.as_deref(),
            _ => None,
        }
    }
}

/// To what a person is related.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Related {
    /// A case.
    Case(String),
    /// A person.
    Person(String),
}

/// A legacy record, as the archivist who signed vouches that it reads. The actor is no signer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyRecord {
    /// The case.
    pub case: String,
    /// SHA-256 of the legacy file.
    pub source: [u8; 32],
    /// Position of the record in it.
    pub record: u64,
    /// When the record says that it happened.
    pub recorded: String,
    /// What happened.
    pub activity: String,
    /// Who did it, by the record.
    pub actor: String,
    /// The actor's group, or `-`.
    pub group: String,
    /// The life-cycle transition, or `-`.
    pub lifecycle: String,
}

/// A step of the procedure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDeed {
    /// The step.
    pub step: String,
    /// On what it was done.
    pub on: Subject,
    /// What was asserted: code and `yes`, `no` or `unclear`.
    pub asserts: Vec<(String, String)>,
    /// What was measured.
    pub measures: Vec<(String, u64)>,
    /// Codes of the evidence that was committed to.
    pub evidence: Vec<String>,
    /// Entries of the overrides that it names.
    pub overrides: Vec<u64>,
    /// Whether it had signers enough when it came.
    pub wait: Wait,
}

/// Whether a step waits for more signers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    /// It had enough.
    No,
    /// It waits, and has no effect.
    Waits,
    /// The join of this entry completed it.
    CompletedBy(u64),
}

/// On what a step is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// One case.
    Case {
        /// The case.
        case: String,
        /// What it is opened with: unit, scheme, tier and period.
        opens: Option<(String, String, String, u16)>,
        /// The period that begins.
        renews: Option<u16>,
    },
    /// A list.
    List {
        /// The list.
        list: ListDeed,
        /// The meeting.
        seats: Option<SeatsDeed>,
    },
    /// A batch.
    Batch(BatchDeed),
    /// A payment.
    Payment {
        /// The case.
        case: String,
        /// The batch.
        batch: String,
    },
}

/// A list, and what became of its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListDeed {
    /// The list.
    pub list: String,
    /// The root that was signed.
    pub root: [u8; 32],
    /// Lines kept. Zero, as the next two, while a step waits.
    pub kept: u64,
    /// Lines dropped, now or before.
    pub dropped: u64,
    /// Cases omitted.
    pub omitted: u64,
}

/// A meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatsDeed {
    /// The list of seats.
    pub list: String,
    /// The root that was signed.
    pub root: [u8; 32],
    /// How they voted.
    pub votes: Votes,
}

/// How seats voted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes {
    /// For.
    pub agree: u64,
    /// Against.
    pub against: u64,
    /// Not there.
    pub absent: u64,
}

/// A step on a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchDeed {
    /// The batch.
    pub batch: String,
    /// The locked list.
    pub list: String,
    /// Payments.
    pub count: u64,
    /// Their sum, in fen.
    pub fen: u64,
    /// Whether this opened the batch.
    pub opens: bool,
    /// The batch whose failed payments it pays again.
    pub repays: Option<String>,
    /// Cases held back.
    pub less: u64,
    /// The cosigned entry that it names.
    pub cosigned: Option<u64>,
    /// Results: list and root, payments made, payments that failed.
    pub results: Option<(String, [u8; 32], u64, u64)>,
}
