//! A hamlet's programme: five cases, with everything that can happen to a case, in some seventy entries.

use signer::act::{
    About, Account, Act, Answer, AnswerOutcome, Appeal, Assertion, BatchRef, CaseAt, CaseLine, Clause, Correct, Dissent, Hold, ListRef,
    Objection, Opening, Outcome, Override, PaymentLine, PostDown, PostUp, Recuse, RelatedTo, Release, Report, ReportAbout, ResultLine,
    Ruling, SeatLine, Sheet, SheetKind, SheetLines, Step, Transfer, Vote,
};
use signer::merkle::list_root;
use signer::statement::statement_hash;
use signer::value::{AccountToken, CaseId, Commitment, Period, ReportToken, Scheme, StatementHash};
use signer::{Note, Statement};

use crate::world::{World, bytes, code, person, unit};

/// The procedure.
pub const PROCEDURE: &str = include_str!("hamlet.toml");

/// A ledger being written.
pub struct Hamlet {
    /// The ledger.
    pub world: World,
    /// Entries of sheets of lists that a step used.
    pub sheets: Vec<u64>,
    /// The sheet, counted from 0, whose signature is garbage.
    forged: Option<usize>,
}

/// A case.
pub fn case(id: &str) -> CaseId {
    CaseId::parse(id).unwrap()
}

fn evidence() -> Commitment {
    Commitment(bytes("evidence"))
}

fn account(of: &str) -> AccountToken {
    AccountToken(bytes(&format!("account of {of}")))
}

/// The hamlet's year. A sheet with a garbage signature is what whoever holds the checkpoint key alone could write.
pub fn hamlet(forged: Option<usize>) -> Hamlet {
    let mut hamlet = Hamlet { world: World::founded(), sheets: Vec::new(), forged };
    hamlet.world.enact(PROCEDURE);
    let staff = [("k1", "clerk", "01"), ("k2", "clerk", "02"), ("t1", "visitor", "-"), ("t2", "visitor", "-"), ("t3", "visitor", "-")];
    for (id, office, of) in staff.into_iter().chain([("m1", "treasurer", "-"), ("s1", "watcher", "-")]) {
        hamlet.world.enrol(id);
        hamlet.world.appoint(id, office, of);
    }
    hamlet.visits();
    hamlet.flags();
    hamlet.lists();
    hamlet.payments();
    hamlet
}

impl Hamlet {
    fn at(&self, id: &str) -> CaseAt {
        CaseAt { case: case(id), head: self.world.heads[id] }
    }

    /// An act; the heads of these cases move.
    fn act(&mut self, by: &[&str], act: Act, moves: &[&str]) -> StatementHash {
        let hash = self.world.act(by, act);
        self.moved(hash, moves);
        hash
    }

    fn moved(&mut self, hash: StatementHash, moves: &[&str]) {
        for id in moves {
            self.world.heads.insert((*id).to_owned(), hash);
        }
    }

    fn step(&mut self, by: &[&str], step: Step, moves: &[&str]) -> StatementHash {
        self.act(by, Act::Step(Box::new(step)), moves)
    }

    fn visit(&mut self, by: &[&str], id: &str) -> StatementHash {
        let mut step = Step::new(code("visit"));
        step.case = Some((case(id), Some(self.world.heads[id])));
        step.asserts = vec![(code("met"), Assertion::Yes)];
        step.measures = vec![(code("months"), 12)];
        let moves: &[&str] = if by.len() > 1 { &[id] } else { &[] };
        self.step(by, step, moves)
    }

    fn outcome(&mut self, by: &str, id: &str, outcome: &str) -> StatementHash {
        let act = Outcome { case: self.at(id), outcome: code(outcome), reason: code("as-found"), evidence: Vec::new() };
        self.act(&[by], Act::Outcome(act), &[id])
    }

    fn answer(&mut self, answers: StatementHash, outcome: AnswerOutcome, moves: &[&str]) {
        self.act(&["s1"], Act::Answer(Answer { answers, outcome, evidence: evidence() }), moves);
    }

    /// Five apply and are visited: one by two signatures on two days, one twice, since the first time was a mistake.
    fn visits(&mut self) {
        for id in ["h-1", "h-2", "h-3", "h-4", "h-5"] {
            let mut step = Step::new(code("apply"));
            step.case = Some((case(id), None));
            step.open = Some(Opening {
                unit: unit("01"),
                scheme: Scheme::parse("SCH-A").unwrap(),
                tier: code("base"),
                period: Period::parse("2026").unwrap(),
                account: account(id),
            });
            self.step(&["k1"], step, &[id]);
        }
        let about = About::Case(case("h-2"));
        let (step, rule) = (code("visit"), code("not-at-home"));
        let act = Override { step, rule, about, reason: code("nobody-else"), evidence: evidence() };
        self.act(&["s1"], Act::Override(act), &[]);
        let waits = self.visit(&["t1"], "h-3");
        let mistaken = self.visit(&["t1", "t2"], "h-1");
        for id in ["h-2", "h-4", "h-5"] {
            self.visit(&["t1", "t2"], id);
        }
        self.act(&["t2"], Act::Join { joins: waits }, &[]);
        self.moved(waits, &["h-3"]);
        let act = Correct { case: Some(self.at("h-1")), batch: None, of: mistaken, reason: code("wrong-house"), evidence: evidence() };
        self.act(&["k1"], Act::Correct(act), &["h-1"]);
        self.visit(&["t1", "t2"], "h-1");
        self.outcome("t1", "h-2", "suspend");
        self.visit(&["t1", "t2"], "h-2");
        // Nobody looks at what a step names while it waits: neither this list nor this case is there.
        let mut nowhere = Step::new(code("meet"));
        let nothing = |id: &str| ListRef { list: code(id), count: 1, total: 0, root: list_root(["nothing"]) };
        (nowhere.list, nowhere.seats) = (Some(nothing("no-list")), Some(nothing("no-seats")));
        nowhere.overrides = vec![waits];
        self.step(&["k1"], nowhere, &[]);
        let mut nobody = Step::new(code("visit"));
        nobody.case = Some((case("no-case"), Some(waits)));
        (nobody.asserts, nobody.measures) = (vec![(code("met"), Assertion::Yes)], vec![(code("months"), 1)]);
        self.step(&["t1"], nobody, &[]);
    }

    /// What stands against cases, and how it ends.
    fn flags(&mut self) {
        let to = RelatedTo::Case(case("h-2"));
        let (relation, basis) = (code("in-law"), signer::act::Basis::Attested);
        self.act(&["s1"], Act::Relate { person: person("t3"), relation: relation.clone(), to, basis, evidence: None }, &[]);
        self.act(&["t3"], Act::Recuse(Recuse { case: self.at("h-2"), relation }), &[]);
        let of = self.world.heads["h-1"];
        let dissent = Dissent { case: self.at("h-1"), of, reason: code("doubts"), evidence: None };
        let dissent = self.act(&["t2"], Act::Dissent(dissent), &[]);
        for (word, about) in [("one", ReportAbout::Case(case("h-1"))), ("two", ReportAbout::Unit(unit("01")))] {
            let report = ReportToken(bytes(word));
            let report = self.act(&["s1"], Act::Report(Report { report, about, reason: code("heard"), evidence: None }), &[]);
            self.answer(report, AnswerOutcome::Dismissed, &[]);
        }
        self.answer(dissent, AnswerOutcome::Dismissed, &[]);
        let rejected = self.outcome("k1", "h-5", "reject");
        let appeal = self.act(&["k1"], Act::Appeal(Appeal { case: self.at("h-5"), of: rejected, evidence: None }), &[]);
        let won = Answer { answers: appeal, outcome: AnswerOutcome::Upheld, evidence: evidence() };
        self.act(&["s1"], Act::Answer(won), &["h-5"]);
        let referred = self.outcome("k1", "h-5", "refer");
        let clause = Clause::Step(code("meet"));
        let ruling = Ruling { clause, issuer: code("province"), document: evidence(), answers: Some(referred) };
        self.act(&["s1"], Act::Ruling(ruling), &[]);
    }

    fn list(&mut self, owner: &str, id: &str, kind: SheetKind, parts: Vec<SheetLines>) -> ListRef {
        let texts: Vec<String> = parts.iter().flat_map(SheetLines::texts).collect();
        let count = parts.iter().map(SheetLines::count).sum();
        let total = parts.iter().filter_map(SheetLines::total).sum();
        for (part, lines) in (0..).zip(parts) {
            let act = Act::Sheet(Sheet { list: code(id), kind, part, lines });
            let statement = self.world.statement(&[owner], act);
            let mut note = Note::parse(&self.world.sign(&statement)).unwrap();
            if self.forged == Some(self.sheets.len()) {
                note.signatures[0].payload[10] ^= 1;
            }
            self.sheets.push(self.world.push(note.encode().as_bytes()));
        }
        ListRef { list: code(id), count, total, root: list_root(&texts) }
    }

    /// A meeting that waits for its second signer while somebody objects; a posting during which an account changes; the lock.
    fn lists(&mut self) {
        let line = |hamlet: &Hamlet, id: &str| CaseLine { case: case(id), hash: hamlet.world.heads[id], omit: false };
        let first = SheetLines::Cases(["h-1", "h-2", "h-3"].iter().map(|id| line(self, id)).collect());
        let second = SheetLines::Cases(["h-4", "h-5"].iter().map(|id| line(self, id)).collect());
        let list = self.list("k1", "l-1", SheetKind::Cases, vec![first, second]);
        let seat = |(token, vote): (&str, Vote)| SeatLine { token: code(token), category: code("elder"), vote };
        let seats = [("e-1", Vote::Agree), ("e-2", Vote::Agree), ("e-3", Vote::Against), ("e-4", Vote::Absent)].map(seat);
        let seats = self.list("k1", "l-1-seats", SheetKind::Seats, vec![SheetLines::Seats(seats.to_vec())]);
        let mut step = Step::new(code("meet"));
        (step.list, step.seats) = (Some(list.clone()), Some(seats));
        let met = self.step(&["k1"], step, &[]);
        let objection = Objection { case: self.at("h-4"), reason: code("lives-elsewhere"), evidence: None };
        let objection = self.act(&["t2"], Act::Objection(objection), &[]);
        self.act(&["t1"], Act::Join { joins: met }, &[]);
        self.moved(met, &["h-1", "h-2", "h-3", "h-5"]);
        self.answer(objection, AnswerOutcome::Upheld, &[]);
        let overrides = Vec::new();
        let places = vec![(code("village"), evidence())];
        let up = PostUp { step: code("post"), list: list.clone(), places, phones: Vec::new(), photos: Vec::new(), overrides };
        self.act(&["k1"], Act::PostUp(up), &[]);
        let act = Account { case: self.at("h-5"), account: account("h-5 again"), reason: code("bank-closed"), evidence: evidence() };
        let changed = self.act(&["k1"], Act::Account(act), &["h-5"]);
        let down = PostDown { step: code("post"), list, photos: Vec::new(), overrides: Vec::new() };
        self.act(&["k1"], Act::PostDown(down), &["h-1", "h-2", "h-3"]);
        let pays = |id: &str| PaymentLine::Pays { case: case(id), head: self.world.heads[id], fen: 60_000, account: account(id) };
        let mut lines: Vec<PaymentLine> = ["h-1", "h-2", "h-3"].into_iter().map(pays).collect();
        lines.extend([("h-4", objection), ("h-5", changed)].map(|(id, hash)| PaymentLine::Omits { case: case(id), hash }));
        let locked = self.list("k1", "p-1", SheetKind::Payments, vec![SheetLines::Payments(lines)]);
        let mut step = Step::new(code("lock"));
        step.list = Some(locked);
        self.step(&["k1"], step, &["h-1", "h-2", "h-3"]);
        let act = Transfer { case: self.at("h-5"), from: unit("01"), to: unit("02"), reason: code("moved") };
        self.act(&["k1", "k2"], Act::Transfer(act), &["h-5"]);
        self.outcome("k1", "h-4", "reject");
    }

    fn batch(&mut self, step: &str, id: &str, count: u64, edit: impl FnOnce(&mut Step)) -> StatementHash {
        let mut step = Step::new(code(step));
        step.batch = Some(BatchRef { batch: code(id), list: code("p-1"), count, total: count * 60_000 });
        edit(&mut step);
        self.step(&["m1"], step, &[])
    }

    /// One is held, one batch taken back, one payment fails and is made again; then the next year begins.
    fn payments(&mut self) {
        let cosigned = self.world.cosign();
        let act = Hold { case: self.at("h-3"), reason: code("inquiry"), evidence: evidence() };
        let hold = self.act(&["s1"], Act::Hold(act), &[]);
        let opened = self.batch("fund", "b-1", 2, |step| step.less = vec![(case("h-3"), hold)]);
        let act = Correct { case: None, batch: Some(code("b-1")), of: opened, reason: code("wrong-year"), evidence: evidence() };
        self.act(&["m1"], Act::Correct(act), &[]);
        self.batch("fund", "b-2", 2, |step| step.less = vec![(case("h-3"), hold)]);
        self.batch("pay", "b-2", 2, |step| step.cosigned = Some(cosigned));
        self.settle("b-2", &[("h-1", None), ("h-2", Some("ac04"))]);
        let act = Release { case: self.at("h-3"), releases: hold, evidence: evidence() };
        self.act(&["s1"], Act::Release(act), &[]);
        let cosigned = self.world.cosign();
        self.batch("fund", "b-3", 1, |_| {});
        self.batch("fund", "b-4", 1, |step| step.repays = Some(code("b-2")));
        for (id, paid) in [("b-3", "h-3"), ("b-4", "h-2")] {
            self.batch("pay", id, 1, |step| step.cosigned = Some(cosigned));
            self.settle(id, &[(paid, None)]);
        }
        for (id, batch) in [("h-1", "b-2"), ("h-2", "b-4"), ("h-3", "b-3")] {
            let mut step = Step::new(code("notice"));
            step.payment = Some((case(id), code(batch)));
            self.step(&["m1"], step, &[]);
        }
        let mut step = Step::new(code("again"));
        step.case = Some((case("h-1"), Some(self.world.heads["h-1"])));
        step.period = Some(Period::parse("2027").unwrap());
        self.step(&["k1"], step, &["h-1"]);
    }

    fn settle(&mut self, batch: &str, said: &[(&str, Option<&str>)]) {
        let line = |(id, failed): &(&str, Option<&str>)| ResultLine { case: case(id), failed: failed.map(code) };
        let lines = SheetLines::Results(said.iter().map(line).collect());
        let results = self.list("m1", &format!("r-{batch}"), SheetKind::Results, vec![lines]);
        self.batch("settle", batch, said.len() as u64, |step| step.results = Some(results));
    }

    /// The entry of a statement.
    pub fn entry_of(&self, hash: StatementHash) -> u64 {
        let of =
            |note: &[u8]| Note::parse(note).is_ok_and(|note| statement_hash(&note.text) == hash && Statement::parse(&note.text).is_ok());
        self.world.notes().iter().position(|(_, note)| of(note)).unwrap() as u64
    }
}
