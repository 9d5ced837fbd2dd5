//! What views count, counted again without them: from what admission knows of cases and payments, from the warnings that it gives,
//! and from the lines of statements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;

use ledger::admit::admit;
use ledger::check::Content;
use ledger::programme::Register;
use ledger::programme::case::{CaseFile, PaymentResult, Status};
use ledger::replay::AdmittedEntry;
use ledger::snapshot::Snapshot;
use ledger::state::State;
use ledger::storage::Storage;
use projector::rows::{DeadlineRow, MoneyRow, Row, Rows, Sum, TallyRow};
use projector::{Key, Prefix, Responsibility};
use signer::act::Act;
use signer::rule::Rule;
use signer::statement::{Header, Statement};
use signer::value::{StatementHash, Time, UnixMs};

/// Person, office, step and outcome.
type Deeds = (String, String, String, String);

/// The counts, each by its key.
#[derive(Debug, Default)]
pub struct Recount {
    funnel: BTreeMap<(String, u16, String), u64>,
    standing: BTreeMap<(String, u16, String), u64>,
    money: BTreeMap<(String, u16), MoneyRow>,
    deadlines: BTreeMap<(String, u16), DeadlineRow>,
    answers: BTreeMap<(String, u16), DeadlineRow>,
    responsibility: BTreeMap<Deeds, TallyRow>,
    workload: BTreeMap<(String, String, u16, u8), TallyRow>,
    open: BTreeMap<String, u64>,
}

/// The log so far, judged again.
struct Replay {
    state: State,
    /// Entries that came after a date.
    late: BTreeSet<u64>,
    /// Cases as they were when a later period began.
    past: Vec<CaseFile>,
    /// Steps of all procedures that have a date or follow within days.
    dated: BTreeSet<String>,
    /// Objections, dissents, appeals, reports: what each was, by its hash.
    raised: BTreeMap<String, String>,
    counted: Recount,
}

/// Counts the first `size` entries of a log.
pub fn recount<S: Storage>(log: &Snapshot<S>, size: u64) -> Recount {
    let mut replay = Replay {
        state: State::new(Some(log.id().clone())),
        late: BTreeSet::new(),
        past: Vec::new(),
        dated: BTreeSet::new(),
        raised: BTreeMap::new(),
        counted: Recount::default(),
    };
    log.admitted(0, &mut |entry| {
        if entry.index >= size {
            return ControlFlow::Break(());
        }
        replay.take(log, entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    let Replay { state, late, past, dated, raised, mut counted } = replay;
    let register = state.register();
    for file in past.iter().chain(register.cases().filter_map(|(_, case)| case.file.as_deref())) {
        counted.take_file(file, register, &late, &dated);
    }
    for (_, case) in register.cases() {
        for flag in case.file.iter().flat_map(|file| &file.flags) {
            *counted.open.entry(format!("{:?}", flag.kind).to_lowercase()).or_default() += 1;
        }
    }
    let reports = raised.keys().filter_map(|hash| register.report_of(&StatementHash::parse(hash)?));
    let about_units = reports.filter(|report| report.case.is_none() && report.answered.is_none()).count() as u64;
    if about_units > 0 {
        *counted.open.entry("report".to_owned()).or_default() += about_units;
    }
    counted
}

impl Replay {
    fn take<S: Storage>(&mut self, log: &Snapshot<S>, entry: &AdmittedEntry<'_>) {
        let AdmittedEntry { index, received, verified, .. } = *entry;
        let statement = match &verified.content {
            Content::Statement { statement, procedure, .. } => {
                let steps = procedure.iter().flat_map(|procedure| &procedure.programme.steps);
                let dated = steps.filter(|step| step.due.is_some() || step.within.is_some());
                self.dated.extend(dated.map(|step| step.id.to_string()));
                Some(statement.as_ref())
            }
            _ => None,
        };
        if let Some(Statement::Act { act: Act::Step(step), .. }) = statement
            && let (Some(_), Some((case, _))) = (step.period, &step.case)
        {
            self.past.extend(self.state.register().file(case).cloned());
        }
        let context = verified.names_size().and_then(|size| log.history().context(size));
        let admission = admit(&self.state, verified, received, context.as_ref()).unwrap();
        if admission.warnings.iter().any(|warning| warning.rule == Rule::Late) {
            self.late.insert(index);
        }
        self.state.apply(verified, received, admission);
        match statement {
            Some(Statement::Act { header, act, .. }) => {
                let Content::Statement { hash, .. } = &verified.content else { return };
                self.count_act(index, received, header, act, &hash.to_string());
            }
            Some(Statement::Founding(founding)) => {
                for founder in &founding.founders {
                    let deeds = (founder.person.to_string(), "founder".into(), "-".into(), "found".into());
                    tally(self.counted.responsibility.entry(deeds).or_default(), index);
                }
                let (year, month) = year_and_month(received, 0);
                tally(self.counted.workload.entry(("founder".into(), "-".into(), year, month)).or_default(), index);
            }
            None => {}
        }
    }

    fn count_act(&mut self, index: u64, received: UnixMs, header: &Header, act: &Act, hash: &str) {
        let enacted = header.procedure.as_ref().and_then(|named| self.state.procedure_named(named));
        let programme = enacted.map(|enacted| &enacted.procedure.programme);
        let offset = programme.map_or(0, |programme| programme.calendar.offset_minutes);
        let has_term = programme.is_some_and(|programme| programme.answer.is_some());
        let (step, outcome) = self.step_and_outcome(act, hash);
        for by in &header.by {
            let deeds = (by.person.to_string(), by.office.to_string(), step.clone(), outcome.clone());
            tally(self.counted.responsibility.entry(deeds).or_default(), index);
        }
        let (year, month) = year_and_month(received, offset);
        let desks: BTreeSet<(String, String)> = header.by.iter().map(|by| (by.office.to_string(), by.unit.to_string())).collect();
        for (office, unit) in desks {
            tally(self.counted.workload.entry((office, unit, year, month)).or_default(), index);
        }
        let name = act.name().as_str();
        if ["objection", "dissent", "appeal", "report"].contains(&name) {
            self.raised.insert(hash.to_owned(), name.to_owned());
        }
        if let (Act::Answer(answer), true) = (act, has_term) {
            let kind = self.raised[&answer.answers.to_string()].clone();
            let row = self.counted.answers.entry((kind, year)).or_default();
            *if self.late.contains(&index) { &mut row.late } else { &mut row.in_time } += 1;
        }
    }

    fn step_and_outcome(&mut self, act: &Act, hash: &str) -> (String, String) {
        let register = self.state.register();
        let waits = |hash: &str| StatementHash::parse(hash).is_some_and(|hash| register.waiting(&hash).is_some());
        let other = |outcome: String| ("-".to_owned(), outcome);
        match act {
            Act::Step(step) => {
                if waits(hash) {
                    self.raised.insert(hash.to_owned(), step.step.to_string());
                }
                (step.step.to_string(), if waits(hash) { "waits" } else { "done" }.to_owned())
            }
            // What waited before and does no longer was completed.
            Act::Join { joins } => {
                let outcome = if waits(&joins.to_string()) { "joins" } else { "completes" };
                (self.raised[&joins.to_string()].clone(), outcome.to_owned())
            }
            Act::PostUp(act) => (act.step.to_string(), "up".to_owned()),
            Act::PostDown(act) => (act.step.to_string(), "down".to_owned()),
            Act::Outcome(act) => other(format!("outcome {}", act.outcome)),
            Act::Answer(act) => other(format!("answer {}", act.outcome)),
            act => other(act.name().as_str().to_owned()),
        }
    }
}

fn tally(row: &mut TallyRow, entry: u64) {
    if row.acts == 0 {
        row.first = entry;
    }
    (row.acts, row.last) = (row.acts + 1, entry);
}

/// As the time of receipt is written out.
fn year_and_month(received: UnixMs, offset_minutes: i16) -> (u16, u8) {
    let text = Time { unix_seconds: received.0.div_euclid(1_000), offset_minutes }.to_string();
    (text[..4].parse().unwrap(), text[5..7].parse().unwrap())
}

fn gains(sum: &mut Sum, fen: u64) {
    (sum.cases, sum.fen) = (sum.cases + 1, sum.fen + fen);
}

impl Recount {
    fn take_file(&mut self, file: &CaseFile, register: &Register, late: &BTreeSet<u64>, dated: &BTreeSet<String>) {
        let (unit, period) = (file.unit.to_string(), file.period.year());
        let status = match &file.status {
            Status::Open => "open",
            Status::Stopped { to, .. } => to.as_str(),
        };
        *self.standing.entry((unit.clone(), period, status.to_owned())).or_default() += 1;
        let payment = file.payment.as_ref();
        // Of a batch whose payment failed nothing is done.
        let batch = payment.and_then(|payment| payment.attempts.last()).filter(|(_, said)| !matches!(said, PaymentResult::Failed(_)));
        let of_batch = batch.and_then(|(id, _)| register.batch(id)).map_or(&[][..], |batch| &batch.marks);
        for mark in file.marks.iter().chain(of_batch).chain(payment.iter().flat_map(|payment| &payment.marks)) {
            *self.funnel.entry((unit.clone(), period, mark.step.to_string())).or_default() += 1;
            if dated.contains(mark.step.as_str()) && mark.entry >= file.period_since {
                let row = self.deadlines.entry((mark.step.to_string(), period)).or_default();
                *if late.contains(&mark.entry) { &mut row.late } else { &mut row.in_time } += 1;
            }
        }
        let Some(payment) = payment else { return };
        let money = self.money.entry((file.scheme.to_string(), period)).or_default();
        gains(&mut money.locked, payment.fen);
        match payment.attempts.last() {
            None => {}
            Some((_, PaymentResult::Pending)) => gains(&mut money.in_batch, payment.fen),
            Some((_, PaymentResult::Paid)) => gains(&mut money.paid, payment.fen),
            Some((_, PaymentResult::Failed(_))) => gains(&mut money.failed, payment.fen),
        }
    }

    /// The rows say the same: each count that is not zero is there, and no other.
    pub fn assert_agrees(&self, rows: &dyn Rows) {
        let differences = self.differences(rows);
        assert!(differences.is_empty(), "{differences:#?}");
    }

    /// Counts that the rows lack, and those that they have besides.
    pub fn differences(&self, rows: &dyn Rows) -> Vec<String> {
        let mut expected = String::new();
        let mut line = |key: Key, row: String| _ = writeln!(expected, "{key} {row}");
        let number = |n: &u64| n.to_string();
        self.funnel.iter().for_each(|((a, b, c), n)| line(Key::Funnel(a.clone(), *b, c.clone()), number(n)));
        self.standing.iter().for_each(|((a, b, c), n)| line(Key::Standing(a.clone(), *b, c.clone()), number(n)));
        self.money.iter().for_each(|((a, b), row)| line(Key::Money(a.clone(), *b), format!("{row:?}")));
        self.deadlines.iter().for_each(|((a, b), row)| line(Key::Deadline(a.clone(), *b), format!("{row:?}")));
        self.answers.iter().for_each(|((a, b), row)| line(Key::AnswerTerm(a.clone(), *b), format!("{row:?}")));
        for ((a, b, c, d), row) in &self.responsibility {
            let (person, office, step, outcome) = (a.clone(), b.clone(), c.clone(), d.clone());
            line(Key::Responsibility(Box::new(Responsibility { person, office, step, outcome })), shown(row));
        }
        self.workload.iter().for_each(|((a, b, c, d), row)| line(Key::Workload(a.clone(), b.clone(), *c, *d), shown(row)));
        self.open.iter().for_each(|(kind, n)| line(Key::RaisedCount(kind.clone()), number(n)));
        let mut found = String::new();
        for prefix in [
            Prefix::funnel(),
            Prefix::standing(),
            Prefix::money(),
            Prefix::deadlines(),
            Prefix::answer_terms(),
            Prefix::responsibilities(),
            Prefix::workload(),
            Prefix::raised_counts(),
        ] {
            for (key, row) in rows.page(&prefix, None, usize::MAX).unwrap() {
                let text = match row {
                    Row::Number(0) => continue,
                    Row::Number(n) => number(&n),
                    Row::Money(row) if row == MoneyRow::default() => continue,
                    Row::Money(row) => format!("{row:?}"),
                    Row::Deadline(row) if row == DeadlineRow::default() => continue,
                    Row::Deadline(row) => format!("{row:?}"),
                    Row::Tally(row) => shown(&row),
                    Row::RaisedCount(row) if row.open + row.upheld == 0 => continue,
                    Row::RaisedCount(row) => number(&(row.open + row.upheld)),
                    other => panic!("{other:?}"),
                };
                let _ = writeln!(found, "{key} {text}");
            }
        }
        let sorted = |text: &str| text.lines().map(ToOwned::to_owned).collect::<BTreeSet<String>>();
        let (expected, found) = (sorted(&expected), sorted(&found));
        let missing = expected.difference(&found).map(|line| format!("missing {line}"));
        missing.chain(found.difference(&expected).map(|line| format!("too many {line}"))).collect()
    }

    /// How many counts there are of each kind, in the order of the fields.
    pub fn lengths(&self) -> [usize; 8] {
        let Recount { funnel, standing, money, deadlines, answers, responsibility, workload, open } = self;
        [funnel.len(), standing.len(), money.len(), deadlines.len(), answers.len(), responsibility.len(), workload.len(), open.len()]
    }
}

/// Cases are counted by list and batch, which statements name only by root: not here.
fn shown(row: &TallyRow) -> String {
    format!("{} acts, {} to {}", row.acts, row.first, row.last)
}
