//! Acts of a programme: steps, postings, outcomes, objections and their like (format.md sections 5.11 to 5.16).

use sha2::{Digest as _, Sha256};

use super::ActName;
use crate::rule::Refusal;
use crate::statement::Times::{Any, Once, Optional, Several};
use crate::statement::{LayoutLine, Values, Writer, parts};
use crate::value::{AccountToken, CaseId, Code, Commitment, ListRoot, Period, PersonId, ReportToken, Scheme, StatementHash, Unit, number};

const STEP: &[LayoutLine] = &[
    ("step", Once),
    ("case", Optional),
    ("open", Optional),
    ("period", Optional),
    ("list", Optional),
    ("seats", Optional),
    ("batch", Optional),
    ("repays", Optional),
    ("less", Any),
    ("payment", Optional),
    ("results", Optional),
    ("cosigned", Optional),
    ("total", Any),
    ("assert", Any),
    ("measure", Any),
    ("override", Any),
    ("evidence", Any),
];

/// The lines that follow the header.
pub(super) const fn layout(act: ActName) -> &'static [LayoutLine] {
    match act {
        ActName::Step => STEP,
        ActName::PostUp => &[("step", Once), ("list", Once), ("place", Several), ("phone", Any), ("photo", Any), ("override", Any)],
        ActName::PostDown => &[("step", Once), ("list", Once), ("photo", Any), ("override", Any)],
        ActName::Outcome => &[("case", Once), ("outcome", Once), ("reason", Once), ("evidence", Any)],
        ActName::Correct => &[("case", Optional), ("batch", Optional), ("of", Once), ("reason", Once), ("evidence", Once)],
        ActName::Transfer => &[("case", Once), ("from", Once), ("to", Once), ("reason", Once)],
        ActName::Account => &[("case", Once), ("account", Once), ("reason", Once), ("evidence", Once)],
        ActName::Objection | ActName::Hold => &[("case", Once), ("reason", Once), ("evidence", Once)],
        ActName::Dissent => &[("case", Once), ("of", Once), ("reason", Once), ("evidence", Once)],
        ActName::Report => &[("report", Once), ("about", Once), ("reason", Once), ("evidence", Once)],
        ActName::Appeal => &[("case", Once), ("of", Once), ("evidence", Once)],
        ActName::Answer => &[("answers", Once), ("outcome", Once), ("evidence", Once)],
        ActName::Recuse => &[("case", Once), ("relation", Once)],
        ActName::Release => &[("case", Once), ("releases", Once), ("evidence", Once)],
        ActName::Override => &[("step", Once), ("rule", Once), ("about", Once), ("reason", Once), ("evidence", Once)],
        ActName::Ruling => &[("clause", Once), ("issuer", Once), ("document", Once), ("answers", Once)],
        ActName::Team => &[("step", Once), ("period", Once), ("member", Several), ("area", Any)],
        _ => &[],
    }
}

word_type! {
    /// What is said of an item of a step.
    Assertion {
        /// It is so.
        Yes "yes",
        /// It is not so.
        No "no",
        /// It could not be made out.
        Unclear "unclear",
    }
    /// What is answered to an objection, dissent, report or appeal.
    AnswerOutcome {
        /// It is right.
        Upheld "upheld",
        /// It is not.
        Dismissed "dismissed",
    }
}

/// A case and a head that it has or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseAt {
    /// The case.
    pub case: CaseId,
    /// The head.
    pub head: StatementHash,
}

/// What a case is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Where the applicant lives.
    pub unit: Unit,
    /// The scheme.
    pub scheme: Scheme,
    /// The tier.
    pub tier: Code,
    /// The period.
    pub period: Period,
    /// The account.
    pub account: AccountToken,
}

/// A list as acts name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRef {
    /// Its id.
    pub list: Code,
    /// Lines that are not `omit`.
    pub count: u64,
    /// Sum of their amounts, in fen.
    pub total: u64,
    /// Root over all its lines.
    pub root: ListRoot,
}

/// A batch as steps name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRef {
    /// Its id.
    pub batch: Code,
    /// The locked list.
    pub list: Code,
    /// Number of payments.
    pub count: u64,
    /// Their sum, in fen.
    pub total: u64,
}

/// A step of the procedure, done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are the lines of format.md section 5.11, under the same names")]
pub struct Step {
    pub step: Code,
    pub case: Option<(CaseId, Option<StatementHash>)>,
    pub open: Option<Opening>,
    pub period: Option<Period>,
    pub list: Option<ListRef>,
    pub seats: Option<ListRef>,
    pub batch: Option<BatchRef>,
    pub repays: Option<Code>,
    pub less: Vec<(CaseId, StatementHash)>,
    pub payment: Option<(CaseId, Code)>,
    pub results: Option<ListRef>,
    pub cosigned: Option<u64>,
    pub totals: Vec<(Code, u64, u64)>,
    pub asserts: Vec<(Code, Assertion)>,
    pub measures: Vec<(Code, u64)>,
    pub overrides: Vec<StatementHash>,
    pub evidence: Vec<(Code, Commitment)>,
}

impl Step {
    /// A step with no other lines yet.
    pub fn new(step: Code) -> Step {
        Step {
            step,
            case: None,
            open: None,
            period: None,
            list: None,
            seats: None,
            batch: None,
            repays: None,
            less: Vec::new(),
            payment: None,
            results: None,
            cosigned: None,
            totals: Vec::new(),
            asserts: Vec::new(),
            measures: Vec::new(),
            overrides: Vec::new(),
            evidence: Vec::new(),
        }
    }

    pub(super) fn read(values: &mut Values<'_>) -> Result<Step, Refusal> {
        Ok(Step {
            step: values.one("a step", code)?,
            case: values.maybe("case", "case and head, or new", |value| {
                let [case, head] = parts(value)?;
                Some((CaseId::parse(case)?, super::or_word("new", head, StatementHash::parse)?))
            })?,
            open: values.maybe("open", "unit, scheme, tier, period and account token", opening)?,
            period: values.maybe("period", "a year", Period::parse)?,
            list: values.maybe("list", LIST, list_ref)?,
            seats: values.maybe("seats", LIST, list_ref)?,
            batch: values.maybe("batch", "batch, list, count and total in fen", |value| {
                let [batch, list, count, total] = parts(value)?;
                Some(BatchRef { batch: code(batch)?, list: code(list)?, count: number(count)?, total: number(total)? })
            })?,
            repays: values.maybe("repays", "a batch", code)?,
            less: values.many("less", "case and hold", case_and_hash)?,
            payment: values.maybe("payment", "case and batch", |value| {
                let [case, batch] = parts(value)?;
                Some((CaseId::parse(case)?, code(batch)?))
            })?,
            results: values.maybe("results", LIST, list_ref)?,
            cosigned: values.maybe("cosigned", "an entry's index", number)?,
            totals: values.many("total", "code, count and fen", |value| {
                let [what, count, fen] = parts(value)?;
                Some((code(what)?, number(count)?, number(fen)?))
            })?,
            asserts: values.many("assert", "code and yes, no or unclear", |value| {
                let [what, said] = parts(value)?;
                Some((code(what)?, Assertion::parse(said)?))
            })?,
            measures: values.many("measure", "code and number", |value| {
                let [what, measure] = parts(value)?;
                Some((code(what)?, number(measure)?))
            })?,
            overrides: values.many("override", "an override's statement hash", StatementHash::parse)?,
            evidence: values.many("evidence", "code and commitment", code_and_commitment)?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.line("step", &self.step);
        if let Some((case, head)) = &self.case {
            out.line("case", format_args!("{case} {}", super::word_or("new", head.as_ref())));
        }
        if let Some(Opening { unit, scheme, tier, period, account }) = &self.open {
            out.line("open", format_args!("{unit} {scheme} {tier} {period} {account}"));
        }
        self.period.iter().for_each(|period| out.line("period", period));
        self.list.iter().for_each(|list| write_list("list", list, out));
        self.seats.iter().for_each(|list| write_list("seats", list, out));
        if let Some(BatchRef { batch, list, count, total }) = &self.batch {
            out.line("batch", format_args!("{batch} {list} {count} {total}"));
        }
        self.repays.iter().for_each(|batch| out.line("repays", batch));
        self.less.iter().for_each(|(case, hold)| out.line("less", format_args!("{case} {hold}")));
        self.payment.iter().for_each(|(case, batch)| out.line("payment", format_args!("{case} {batch}")));
        self.results.iter().for_each(|list| write_list("results", list, out));
        self.cosigned.iter().for_each(|entry| out.line("cosigned", entry));
        self.totals.iter().for_each(|(what, count, fen)| out.line("total", format_args!("{what} {count} {fen}")));
        self.asserts.iter().for_each(|(what, said)| out.line("assert", format_args!("{what} {said}")));
        self.measures.iter().for_each(|(what, measure)| out.line("measure", format_args!("{what} {measure}")));
        self.overrides.iter().for_each(|one| out.line("override", one));
        write_evidence(&self.evidence, out);
    }
}

const LIST: &str = "list, count, total in fen and root";

pub(super) fn code(value: &str) -> Option<Code> {
    Code::parse(value)
}

fn opening(value: &str) -> Option<Opening> {
    let [unit, scheme, tier, period, account] = parts(value)?;
    Some(Opening {
        unit: Unit::parse(unit)?,
        scheme: Scheme::parse(scheme)?,
        tier: code(tier)?,
        period: Period::parse(period)?,
        account: AccountToken::parse(account)?,
    })
}

fn list_ref(value: &str) -> Option<ListRef> {
    let [list, count, total, root] = parts(value)?;
    Some(ListRef { list: code(list)?, count: number(count)?, total: number(total)?, root: ListRoot::parse(root)? })
}

fn write_list(key: &str, list: &ListRef, out: &mut Writer) {
    out.line(key, format_args!("{} {} {} {}", list.list, list.count, list.total, list.root));
}

fn case_and_hash(value: &str) -> Option<(CaseId, StatementHash)> {
    let [case, hash] = parts(value)?;
    Some((CaseId::parse(case)?, StatementHash::parse(hash)?))
}

fn case_at(values: &mut Values<'_>) -> Result<CaseAt, Refusal> {
    values.one("case and head", read_case_at)
}

fn read_case_at(value: &str) -> Option<CaseAt> {
    case_and_hash(value).map(|(case, head)| CaseAt { case, head })
}

fn write_case(at: &CaseAt, out: &mut Writer) {
    out.line("case", format_args!("{} {}", at.case, at.head));
}

fn code_and_commitment(value: &str) -> Option<(Code, Commitment)> {
    let [what, commitment] = parts(value)?;
    Some((code(what)?, Commitment::parse(commitment)?))
}

fn write_evidence(evidence: &[(Code, Commitment)], out: &mut Writer) {
    evidence.iter().for_each(|(what, commitment)| out.line("evidence", format_args!("{what} {commitment}")));
}

fn commitment(values: &mut Values<'_>) -> Result<Commitment, Refusal> {
    values.one("a commitment", Commitment::parse)
}

fn commitment_or_none(values: &mut Values<'_>) -> Result<Option<Commitment>, Refusal> {
    values.one("a commitment or none", |value| super::or_word("none", value, Commitment::parse))
}

fn write_or_none<T: core::fmt::Display>(key: &str, value: Option<&T>, out: &mut Writer) {
    out.line(key, super::word_or("none", value));
}

fn hash(values: &mut Values<'_>) -> Result<StatementHash, Refusal> {
    values.one("a statement hash", StatementHash::parse)
}

/// A case, or a list, that an override is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A case.
    Case(CaseId),
    /// A list.
    List(Code),
}

impl core::fmt::Display for About {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            About::Case(case) => write!(f, "case {case}"),
            About::List(list) => write!(f, "list {list}"),
        }
    }
}

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportAbout {
    /// A case.
    Case(CaseId),
    /// Everything of a unit.
    Unit(Unit),
}

impl core::fmt::Display for ReportAbout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            ReportAbout::Case(case) => write!(f, "case {case}"),
            ReportAbout::Unit(unit) => write!(f, "unit {unit}"),
        }
    }
}

/// A clause of the procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// A step.
    Step(Code),
    /// An outcome.
    Outcome(Code),
    /// A rule.
    Rule(Code),
    /// A scheme's standards.
    Scheme(Scheme),
}

impl core::fmt::Display for Clause {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Clause::Step(id) => write!(f, "step {id}"),
            Clause::Outcome(id) => write!(f, "outcome {id}"),
            Clause::Rule(id) => write!(f, "rule {id}"),
            Clause::Scheme(scheme) => write!(f, "scheme {scheme}"),
        }
    }
}

fn about(value: &str) -> Option<About> {
    match parts(value)? {
        ["case", case] => CaseId::parse(case).map(About::Case),
        ["list", list] => code(list).map(About::List),
        _ => None,
    }
}

fn report_about(value: &str) -> Option<ReportAbout> {
    match parts(value)? {
        ["case", case] => CaseId::parse(case).map(ReportAbout::Case),
        ["unit", unit] => Unit::parse(unit).map(ReportAbout::Unit),
        _ => None,
    }
}

fn clause(value: &str) -> Option<Clause> {
    match parts(value)? {
        ["step", id] => code(id).map(Clause::Step),
        ["outcome", id] => code(id).map(Clause::Outcome),
        ["rule", id] => code(id).map(Clause::Rule),
        ["scheme", scheme] => Scheme::parse(scheme).map(Clause::Scheme),
        _ => None,
    }
}

/// A member of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The group.
    pub group: Code,
    /// The sub-group.
    pub sub: Code,
    /// The person.
    pub person: PersonId,
}

/// What a sub-group covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The sub-group.
    pub sub: Code,
    /// The unit.
    pub unit: Unit,
}

/// The token of a report: whoever holds the code that the reporter was given finds the report by it.
pub fn report_token(reporters_code: &str) -> ReportToken {
    ReportToken(Sha256::digest(format!("zeren report v1\n{reporters_code}\n")).into())
}

fn member(value: &str) -> Option<Member> {
    let [group, sub, person] = parts(value)?;
    Some(Member { group: code(group)?, sub: code(sub)?, person: PersonId::parse(person)? })
}

fn area(value: &str) -> Option<Area> {
    let [sub, unit] = parts(value)?;
    Some(Area { sub: code(sub)?, unit: Unit::parse(unit)? })
}

/// An act whose lines are each one field.
macro_rules! act_type {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty = $read:expr, $write:expr;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "fields are the lines of format.md section 5, under the same names")]
        pub struct $name { $(pub $field: $type,)* }

        impl $name {
            pub(super) fn read(values: &mut Values<'_>) -> Result<$name, Refusal> {
                Ok($name { $($field: ($read)(values)?,)* })
            }

            pub(super) fn write(&self, out: &mut Writer) {
                $(($write)(&self.$field, out);)*
            }
        }
    )*};
}

/// Reads one line by a value's grammar.
macro_rules! one {
    ($expected:expr, $read:expr) => {
        |values: &mut Values<'_>| values.one($expected, $read)
    };
}

/// Reads all lines of a key.
macro_rules! many {
    ($key:expr, $expected:expr, $read:expr) => {
        |values: &mut Values<'_>| values.many($key, $expected, $read)
    };
}

/// Writes one line.
macro_rules! line {
    ($key:expr) => {
        |value: &_, out: &mut Writer| out.line($key, value)
    };
}

/// Writes a line for each value.
macro_rules! lines {
    ($key:expr, $value:pat => $($shown:tt)*) => {
        |values: &Vec<_>, out: &mut Writer| values.iter().for_each(|$value| out.line($key, format_args!($($shown)*)))
    };
}

act_type! {
    /// A list goes up on the wall.
    PostUp {
        step: Code = one!("a step", code), line!("step");
        list: ListRef = one!(LIST, list_ref), |list: &ListRef, out: &mut Writer| write_list("list", list, out);
        places: Vec<(Code, Commitment)> = many!("place", "level and commitment", code_and_commitment), lines!("place", (level, place) => "{level} {place}");
        phones: Vec<Code> = many!("phone", "a level", code), lines!("phone", level => "{level}");
        photos: Vec<(Code, Commitment)> = many!("photo", "code and commitment", code_and_commitment), lines!("photo", (what, photo) => "{what} {photo}");
        overrides: Vec<StatementHash> = many!("override", "an override's statement hash", StatementHash::parse), lines!("override", one => "{one}");
    }
    /// A list comes down.
    PostDown {
        step: Code = one!("a step", code), line!("step");
        list: ListRef = one!(LIST, list_ref), |list: &ListRef, out: &mut Writer| write_list("list", list, out);
        photos: Vec<(Code, Commitment)> = many!("photo", "code and commitment", code_and_commitment), lines!("photo", (what, photo) => "{what} {photo}");
        overrides: Vec<StatementHash> = many!("override", "an override's statement hash", StatementHash::parse), lines!("override", one => "{one}");
    }
    /// An outcome of a case.
    Outcome {
        case: CaseAt = case_at, write_case;
        outcome: Code = one!("an outcome", code), line!("outcome");
        reason: Code = one!("a code", code), line!("reason");
        evidence: Vec<(Code, Commitment)> = many!("evidence", "code and commitment", code_and_commitment), |all: &Vec<_>, out: &mut Writer| write_evidence(all, out);
    }
    /// A mistaken step, or a batch that nobody has paid, taken back.
    Correct {
        case: Option<CaseAt> = |values: &mut Values<'_>| values.maybe("case", "case and head", read_case_at), |case: &Option<CaseAt>, out: &mut Writer| case.iter().for_each(|case| write_case(case, out));
        batch: Option<Code> = |values: &mut Values<'_>| values.maybe("batch", "a batch", code), |batch: &Option<Code>, out: &mut Writer| batch.iter().for_each(|batch| out.line("batch", batch));
        of: StatementHash = hash, line!("of");
        reason: Code = one!("a code", code), line!("reason");
        evidence: Commitment = commitment, line!("evidence");
    }
    /// A case moves to another unit.
    Transfer {
        case: CaseAt = case_at, write_case;
        from: Unit = one!("a unit", Unit::parse), line!("from");
        to: Unit = one!("a unit", Unit::parse), line!("to");
        reason: Code = one!("a code", code), line!("reason");
    }
    /// Another account.
    Account {
        case: CaseAt = case_at, write_case;
        account: AccountToken = one!("an account token", AccountToken::parse), line!("account");
        reason: Code = one!("a code", code), line!("reason");
        evidence: Commitment = commitment, line!("evidence");
    }
    /// Somebody objects.
    Objection {
        case: CaseAt = case_at, write_case;
        reason: Code = one!("a code", code), line!("reason");
        evidence: Option<Commitment> = commitment_or_none, |one: &Option<Commitment>, out: &mut Writer| write_or_none("evidence", one.as_ref(), out);
    }
    /// A participant disagrees.
    Dissent {
        case: CaseAt = case_at, write_case;
        of: StatementHash = hash, line!("of");
        reason: Code = one!("a code", code), line!("reason");
        evidence: Option<Commitment> = commitment_or_none, |one: &Option<Commitment>, out: &mut Writer| write_or_none("evidence", one.as_ref(), out);
    }
    /// A report from the public, taken down by a hotline clerk.
    Report {
        report: ReportToken = one!("a report's token", ReportToken::parse), line!("report");
        about: ReportAbout = one!("case and id, or unit and id", report_about), line!("about");
        reason: Code = one!("a code", code), line!("reason");
        evidence: Option<Commitment> = commitment_or_none, |one: &Option<Commitment>, out: &mut Writer| write_or_none("evidence", one.as_ref(), out);
    }
    /// An appeal against an outcome.
    Appeal {
        case: CaseAt = case_at, write_case;
        of: StatementHash = hash, line!("of");
        evidence: Option<Commitment> = commitment_or_none, |one: &Option<Commitment>, out: &mut Writer| write_or_none("evidence", one.as_ref(), out);
    }
    /// An answer to an objection, dissent, report or appeal.
    Answer {
        answers: StatementHash = hash, line!("answers");
        outcome: AnswerOutcome = one!(AnswerOutcome::EXPECTED, AnswerOutcome::parse), line!("outcome");
        evidence: Commitment = commitment, line!("evidence");
    }
    /// Somebody steps aside.
    Recuse {
        case: CaseAt = case_at, write_case;
        relation: Code = one!("a code", code), line!("relation");
    }
    /// A payment is held.
    Hold {
        case: CaseAt = case_at, write_case;
        reason: Code = one!("a code", code), line!("reason");
        evidence: Commitment = commitment, line!("evidence");
    }
    /// A hold is released.
    Release {
        case: CaseAt = case_at, write_case;
        releases: StatementHash = hash, line!("releases");
        evidence: Commitment = commitment, line!("evidence");
    }
    /// A rule is overridden for one step on one case or list.
    Override {
        step: Code = one!("a step", code), line!("step");
        rule: Code = one!("a rule", code), line!("rule");
        about: About = one!("case and id, or list and id", about), line!("about");
        reason: Code = one!("a code", code), line!("reason");
        evidence: Commitment = commitment, line!("evidence");
    }
    /// A ruling on a clause.
    Ruling {
        clause: Clause = one!("step, outcome, rule or scheme, and its id", clause), line!("clause");
        issuer: Code = one!("a code", code), line!("issuer");
        document: Commitment = commitment, line!("document");
        answers: Option<StatementHash> = one!("a statement hash or none", |value| super::or_word("none", value, StatementHash::parse)), |one: &Option<StatementHash>, out: &mut Writer| write_or_none("answers", one.as_ref(), out);
    }
    /// A team and its areas.
    Team {
        step: Code = one!("a step", code), line!("step");
        period: Period = one!("a year", Period::parse), line!("period");
        members: Vec<Member> = many!("member", "group, sub-group and person", member), lines!("member", Member { group, sub, person } => "{group} {sub} {person}");
        areas: Vec<Area> = many!("area", "sub-group and unit", area), lines!("area", Area { sub, unit } => "{sub} {unit}");
    }
}
