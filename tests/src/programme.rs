//! A small programme in one county: a ledger whose cases are driven, without admission, to whatever stage a test needs.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ledger::Ledger;
use ledger::programme::is_drawn;
use ledger::storage::Folder;
use signer::act::{
    Act, Area, Assertion, BatchRef, Capacity, CaseAt, CaseLine, ListRef, Member, Opening, PaymentLine, PostDown, PostUp, ResultLine,
    SeatLine, Sheet, SheetKind, SheetLines, Step, Team, Vote,
};
use signer::index_note::IndexNote;
use signer::merkle::{empty_root, list_root};
use signer::note::{SignatureLine, note_hash};
use signer::statement::{Header, statement_hash};
use signer::value::{AccountToken, CaseId, Commitment, IndexRoot, Period, Scheme, Share, StatementHash, Time};
use signer::{Note, Statement};

use crate::rules::DAY_MS;
use crate::world::{World, bytes, code, founding, key, person, unit};

/// The procedure of the programme: twelve steps from an application to the next year's.
pub const PROGRAMME: &str = include_str!("programme.toml");

/// Everybody: person, office, unit, home.
pub const STAFF: &[(&str, &str, &str, &str)] = &[
    ("r1", "registrar", "-", "-"),
    ("s1", "overseer", "-", "-"),
    ("s2", "overseer", "-", "-"),
    ("m1", "director", "-", "-"),
    ("m2", "director", "-", "-"),
    ("c1", "clerk", "07-01", "07-01"),
    ("c2", "clerk", "07-02", "07-02"),
    ("c3", "clerk", "07-01", "07-01"),
    ("h1", "chair", "07-01", "07-01"),
    ("k1", "recorder", "07-01", "07-01"),
    ("h2", "chair", "07-02", "07-02"),
    ("k2", "recorder", "07-02", "07-02"),
    ("v1", "visitor", "07", "07-01"),
    ("v2", "visitor", "07", "07"),
    ("v3", "visitor", "07", "07"),
    ("v8", "visitor", "08", "08"),
    ("i1", "inspector", "-", "08"),
    ("i2", "inspector", "-", "-"),
    ("i3", "inspector", "-", "07"),
    ("i4", "inspector", "-", "-"),
    ("t1", "treasurer", "-", "-"),
    ("t2", "treasurer", "-", "-"),
    ("t3", "treasurer", "-", "-"),
];
/// The cases that go all the way, in village 07-01.
pub const CASES: &[&str] = &["p1", "p2", "p3", "p4"];
/// A case in village 07-02 that is only opened.
pub const OTHER: &str = "z1";
/// Acres that every visit finds.
pub const MU: u64 = 12;

/// How far the cases have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the step that was done last")]
pub enum Stage {
    Staffed,
    Opened,
    Visited,
    Deliberated,
    Up,
    /// The list has come down, and a cosigned entry has drawn the sample.
    Posted,
    Rechecked,
    Confirmed,
    /// The list is locked, and a cosigned entry covers it.
    Locked,
    Funded,
    Paid,
    Settled,
    Noticed,
}

impl Stage {
    /// Every stage.
    pub const ALL: &'static [Stage] = &[
        Stage::Staffed,
        Stage::Opened,
        Stage::Visited,
        Stage::Deliberated,
        Stage::Up,
        Stage::Posted,
        Stage::Rechecked,
        Stage::Confirmed,
        Stage::Locked,
        Stage::Funded,
        Stage::Paid,
        Stage::Settled,
        Stage::Noticed,
    ];
}

/// A case's id.
pub fn case_id(case: &str) -> CaseId {
    CaseId::parse(case).unwrap()
}

/// A year.
pub fn period(year: u64) -> Period {
    Period::parse(&year.to_string()).unwrap()
}

/// The account of a case.
pub fn account(case: &str) -> AccountToken {
    AccountToken(bytes(&format!("account of {case}")))
}

/// A commitment to something.
pub fn paper(what: &str) -> Commitment {
    Commitment(bytes(what))
}

/// What is paid to a case: the second is paid by the acre.
pub fn fen(case: &str) -> u64 {
    if case == "p2" { 5_000 * MU } else { 100_000 }
}

/// Evidence under these codes.
pub fn papers(codes: &[&str]) -> Vec<(signer::value::Code, Commitment)> {
    codes.iter().map(|what| (code(what), paper(what))).collect()
}

impl World {
    /// The programme's ledger with everybody in office and the teams for 2026.
    pub fn programme() -> World {
        World::programme_of(PROGRAMME)
    }

    /// The same under another procedure.
    pub fn programme_of(procedure: &str) -> World {
        World::programme_on(procedure, World::founded())
    }

    /// The same on a ledger that was founded.
    pub fn programme_on(procedure: &str, mut world: World) -> World {
        world.enact(procedure);
        for (id, office, of, home) in STAFF {
            if !world.known_by.contains_key(*id) {
                world.enrol(id);
            }
            world.appoint_from(id, office, of, home);
        }
        let act = world.team(2026);
        world.act(&["m1"], Act::Team(act));
        world
    }

    /// The programme at a stage.
    pub fn run_to(stage: Stage) -> World {
        thread_local! {
            static REACHED: RefCell<BTreeMap<Stage, World>> = const { RefCell::new(BTreeMap::new()) };
        }
        REACHED.with_borrow_mut(|reached| {
            // Hundreds of tests begin at one of a few stages.
            let from = reached.range(..=stage).next_back().map(|(from, world)| (*from, world.fork()));
            let (from, mut world) = from.unwrap_or_else(|| (Stage::Staffed, World::programme()));
            world.run_on(from, stage);
            reached.entry(stage).or_insert_with(|| world.fork());
            world
        })
    }

    /// The programme without witnesses, so that the clock may leap; cases are opened.
    pub fn leaping() -> World {
        let mut founding = founding();
        founding.constitution.witnesses.clear();
        let mut world = World::programme_on(PROGRAMME, World::founded_with(founding));
        world.run_on(Stage::Staffed, Stage::Opened);
        world
    }

    /// Sets the clock to a moment of the tests' own offset.
    pub fn leap_to(&mut self, moment: &str) {
        self.clock = Time::parse(&format!("{moment}+08:00")).unwrap().unix_ms();
    }

    /// Signs and appends a statement that does not move any head.
    pub fn step_with(&mut self, by: &[&str], step: Step, edit: impl FnOnce(&mut Header)) -> StatementHash {
        self.act_with(by, Act::Step(Box::new(step)), edit)
    }

    /// Goes on from one stage to another.
    pub fn run_on(&mut self, from: Stage, to: Stage) {
        for stage in Stage::ALL.iter().filter(|stage| **stage > from && **stage <= to) {
            self.reach(*stage);
        }
    }

    fn reach(&mut self, stage: Stage) {
        match stage {
            Stage::Staffed => {}
            Stage::Opened => {
                CASES.iter().for_each(|case| self.open_case(case, "07-01", &["c1"]));
                self.open_case(OTHER, "07-02", &["c2"]);
            }
            Stage::Visited => CASES.iter().for_each(|case| _ = self.step(&["v1", "v2"], self.visit(case))),
            Stage::Deliberated => {
                self.list(&["h1"], "l1", CASES);
                self.seats(&["h1"], "l1-seats", &[("s1", Vote::Agree), ("s2", Vote::Agree), ("s3", Vote::Against)]);
                self.list_step(&["h1", "k1"], self.deliberate("l1"), CASES);
            }
            Stage::Up => _ = self.put_up(),
            Stage::Posted => {
                self.pass(7);
                self.draw();
            }
            Stage::Rechecked => {
                let drawn: Vec<&&str> = CASES.iter().filter(|case| self.is_drawn_new(case)).collect();
                drawn.into_iter().for_each(|case| _ = self.step(&["i1", "i2"], self.recheck(case)));
            }
            Stage::Confirmed => {
                self.list(&["m1"], "l2", CASES);
                self.list_step(&["m1", "s1"], self.confirm("l2"), CASES);
            }
            Stage::Locked => {
                self.payments(&["t1"], "l3", CASES);
                self.list_step(&["t1", "t2"], self.lock("l3"), CASES);
                self.cosign();
            }
            Stage::Funded => _ = self.step(&["t1", "s1"], self.fund("b1", "l3")),
            Stage::Paid => _ = self.step(&["t1"], self.pay("b1", "l3")),
            Stage::Settled => {
                self.results(&["t2"], "r1", &CASES.iter().map(|case| (*case, None)).collect::<Vec<_>>());
                self.step(&["t2", "t3"], self.settle("b1", "l3", "r1"));
            }
            Stage::Noticed => CASES.iter().for_each(|case| _ = self.step(&["c3"], self.notice(case, "b1"))),
        }
    }

    /// The list comes down at the first second whose cosigned entry draws some of its cases and not all.
    fn draw(&mut self) {
        loop {
            let mut tried = self.fork();
            tried.take_down(CASES);
            tried.cosign();
            let drawn = CASES.iter().filter(|case| tried.is_drawn_new(case)).count();
            if (1..CASES.len()).contains(&drawn) {
                *self = tried;
                return;
            }
            self.clock = self.clock.plus_ms(1_000);
        }
    }

    /// A copy to try something on.
    #[must_use]
    pub fn fork(&self) -> World {
        World { clock: self.clock, ..self.rewritten(&self.notes()) }
    }

    /// Founders appoint a person who comes from `home`; the person signs in that office from now on.
    pub fn appoint_from(&mut self, id: &str, office: &str, of: &str, home: &str) -> StatementHash {
        let act = World::appointment_from(id, office, of, home);
        let hash = self.act(&["f1", "f2"], act);
        self.take_office(id, office, of, hash);
        hash
    }

    /// The act that appoints a person who comes from `home`.
    pub fn appointment_from(id: &str, office: &str, of: &str, at_home: &str) -> Act {
        let mut act = World::appointment(id, office, of);
        if let Act::Appoint { home, .. } = &mut act {
            *home = unit(at_home);
        }
        act
    }

    /// An appointment that is lent for some days from now.
    pub fn lent(&self, id: &str, office: &str, of: &str, lent: Capacity, days: Option<i64>) -> Act {
        let mut act = World::appointment(id, office, of);
        if let Act::Appoint { capacity, from, to, .. } = &mut act {
            *capacity = lent;
            *from = crate::world::time(self.clock);
            *to = days.map(|days| crate::world::time(self.clock.plus_ms(days * DAY_MS)));
        }
        act
    }

    /// The teams: i1 and i2 for township 07, i3 and i4 for 08.
    pub fn team(&self, year: u64) -> Team {
        let member = |sub: &str, id: &str| Member { group: code("g"), sub: code(sub), person: person(id) };
        let area = |sub: &str, of: &str| Area { sub: code(sub), unit: unit(of) };
        Team {
            step: code("recheck"),
            period: period(year),
            members: vec![member("g1", "i1"), member("g1", "i2"), member("g2", "i3"), member("g2", "i4")],
            areas: vec![area("g1", "07"), area("g2", "08")],
        }
    }

    /// Days go by, with a cosigned entry on each.
    pub fn pass(&mut self, days: u64) {
        for _ in 0..days {
            self.clock = self.clock.plus_ms(DAY_MS);
            self.cosign();
        }
    }

    /// A case at its present head.
    pub fn at(&self, case: &str) -> CaseAt {
        CaseAt { case: case_id(case), head: self.heads[case] }
    }

    /// A statement that a test has named.
    pub fn told(&self, name: &str) -> StatementHash {
        *self.said.get(name).unwrap_or_else(|| panic!("nothing was called {name}"))
    }

    /// Signs an act that moves a case's head.
    pub fn on_case(&mut self, by: &[&str], case: &str, act: Act) -> StatementHash {
        let hash = self.act(by, act);
        self.heads.insert(case.to_owned(), hash);
        hash
    }

    /// Does a step; the head of its case, if it has one, moves.
    pub fn step(&mut self, by: &[&str], step: Step) -> StatementHash {
        let (case, name) = (step.case.as_ref().map(|(case, _)| case.to_string()), step.step.to_string());
        let hash = self.act(by, Act::Step(Box::new(step)));
        self.said.insert(case.as_ref().map_or(name.clone(), |case| format!("{name} {case}")), hash);
        if let Some(case) = case {
            self.heads.insert(case, hash);
        }
        hash
    }

    /// Does a step on a list; the heads of these cases move.
    pub fn list_step(&mut self, by: &[&str], step: Step, cases: &[&str]) -> StatementHash {
        let hash = self.step(by, step);
        cases.iter().for_each(|case| _ = self.heads.insert((*case).to_owned(), hash));
        hash
    }

    /// Opens a case.
    pub fn open_case(&mut self, case: &str, of: &str, by: &[&str]) {
        self.step(by, self.apply(case, of));
    }

    /// The step that opens a case.
    pub fn apply(&self, case: &str, of: &str) -> Step {
        let scheme = if case == "p2" { "X2" } else { "X1" };
        let opening = Opening {
            unit: unit(of),
            scheme: Scheme::parse(scheme).unwrap(),
            tier: code("base"),
            period: period(2026),
            account: account(case),
        };
        Step {
            case: Some((case_id(case), None)),
            open: Some(opening),
            asserts: vec![(code("informed"), Assertion::Yes)],
            evidence: papers(&["form"]),
            ..Step::new(code("apply"))
        }
    }

    fn on(&self, step: &str, case: &str) -> Step {
        Step { case: Some((case_id(case), Some(self.heads[case]))), ..Step::new(code(step)) }
    }

    /// A visit that found somebody.
    pub fn visit(&self, case: &str) -> Step {
        Step {
            asserts: vec![(code("in-home"), Assertion::Yes), (code("met"), Assertion::Yes)],
            measures: vec![(code("mu"), MU)],
            evidence: papers(&["photo"]),
            ..self.on("visit", case)
        }
    }

    /// A meeting on a list, whose seats are the list of the same name with `-seats`.
    pub fn deliberate(&self, list: &str) -> Step {
        Step { seats: Some(self.lists[&format!("{list}-seats")].clone()), ..self.with_list("deliberate", list) }
    }

    fn with_list(&self, step: &str, list: &str) -> Step {
        Step { list: Some(self.lists[list].clone()), ..Step::new(code(step)) }
    }

    /// A second look at a case that was drawn.
    pub fn recheck(&self, case: &str) -> Step {
        Step { evidence: papers(&["note"]), ..self.on("recheck", case) }
    }

    /// The county confirms a list.
    pub fn confirm(&self, list: &str) -> Step {
        Step { evidence: papers(&["minutes"]), ..self.with_list("confirm", list) }
    }

    /// A list of payments is frozen.
    pub fn lock(&self, list: &str) -> Step {
        self.with_list("lock", list)
    }

    /// A list as a batch.
    pub fn batch(&self, batch: &str, list: &str) -> BatchRef {
        let ListRef { list, count, total, .. } = self.lists[list].clone();
        BatchRef { batch: code(batch), list, count, total }
    }

    fn with_batch(&self, step: &str, batch: &str, list: &str, totals: &[&str]) -> Step {
        let named = self.batch(batch, list);
        let totals = totals.iter().map(|what| (code(what), named.count, named.total)).collect();
        Step { batch: Some(named), totals, ..Step::new(code(step)) }
    }

    /// A batch is opened of the whole list.
    pub fn fund(&self, batch: &str, list: &str) -> Step {
        Step { cosigned: Some(self.cosigned_last()), ..self.with_batch("fund", batch, list, &["budget"]) }
    }

    /// It is ordered at the bank.
    pub fn pay(&self, batch: &str, list: &str) -> Step {
        Step { cosigned: Some(self.cosigned_last()), ..self.with_batch("pay", batch, list, &["order", "voucher"]) }
    }

    /// The bank has paid everything.
    pub fn settle(&self, batch: &str, list: &str, results: &str) -> Step {
        Step { results: Some(self.lists[results].clone()), ..self.with_batch("settle", batch, list, &["bank", "sent"]) }
    }

    /// Somebody is told of a payment.
    pub fn notice(&self, case: &str, batch: &str) -> Step {
        Step { payment: Some((case_id(case), code(batch))), evidence: papers(&["slip"]), ..Step::new(code("notice")) }
    }

    /// A case goes on in another year.
    pub fn annual(&self, case: &str, year: u64) -> Step {
        Step { period: Some(period(year)), asserts: vec![(code("alive"), Assertion::Yes)], ..self.on("annual", case) }
    }

    /// `post-up` of a list.
    pub fn post_up(&self, list: &str) -> PostUp {
        PostUp {
            step: code("post"),
            list: self.lists[list].clone(),
            places: papers(&["village", "township"]),
            phones: vec![code("township"), code("county")],
            photos: papers(&["far", "near"]),
            overrides: Vec::new(),
        }
    }

    /// `post-down` of a list.
    pub fn post_down(&self, list: &str) -> PostDown {
        PostDown { step: code("post"), list: self.lists[list].clone(), photos: papers(&["near"]), overrides: Vec::new() }
    }

    /// List l1 goes up.
    pub fn put_up(&mut self) -> StatementHash {
        let hash = self.act(&["h1"], Act::PostUp(self.post_up("l1")));
        self.said.insert("post-up".to_owned(), hash);
        hash
    }

    /// List l1 comes down; the heads of these cases move.
    pub fn take_down(&mut self, cases: &[&str]) -> StatementHash {
        let hash = self.act(&["h1"], Act::PostDown(self.post_down("l1")));
        self.said.insert("post-down".to_owned(), hash);
        cases.iter().for_each(|case| _ = self.heads.insert((*case).to_owned(), hash));
        hash
    }

    /// A case's line at its present head.
    pub fn line(&self, case: &str) -> CaseLine {
        CaseLine { case: case_id(case), hash: self.heads[case], omit: false }
    }

    /// A line that names a case without listing it.
    pub fn omission(case: &str, hash: StatementHash) -> CaseLine {
        CaseLine { case: case_id(case), hash, omit: true }
    }

    /// Whether whoever signs for the whole county has the case that waits in another village to name.
    fn names_other(&self, by: &[&str], cases: &[&str]) -> bool {
        let is_countywide = STAFF.iter().any(|(id, _, unit, _)| by.first() == Some(id) && *unit == "-");
        is_countywide && !cases.contains(&OTHER) && self.heads.contains_key(OTHER)
    }

    /// A sheet with the whole of a list of cases.
    pub fn list(&mut self, by: &[&str], list: &str, cases: &[&str]) {
        let mut lines: Vec<CaseLine> = cases.iter().map(|case| self.line(case)).collect();
        if self.names_other(by, cases) {
            lines.push(World::omission(OTHER, self.heads[OTHER]));
        }
        self.sheet(by, list, SheetLines::Cases(lines));
    }

    /// A case's payment at its present head.
    pub fn payment(&self, case: &str) -> PaymentLine {
        PaymentLine::Pays { case: case_id(case), head: self.heads[case], fen: fen(case), account: account(case) }
    }

    /// A sheet with the whole of a list of payments.
    pub fn payments(&mut self, by: &[&str], list: &str, cases: &[&str]) {
        let mut lines: Vec<PaymentLine> = cases.iter().map(|case| self.payment(case)).collect();
        if self.names_other(by, cases) {
            lines.push(PaymentLine::Omits { case: case_id(OTHER), hash: self.heads[OTHER] });
        }
        self.sheet(by, list, SheetLines::Payments(lines));
    }

    /// A sheet with the votes of villagers.
    pub fn seats(&mut self, by: &[&str], list: &str, votes: &[(&str, Vote)]) {
        let seat = |(token, vote): &(&str, Vote)| SeatLine { token: code(token), category: code("villager"), vote: *vote };
        self.sheet(by, list, SheetLines::Seats(votes.iter().map(seat).collect()));
    }

    /// A sheet with what the bank said: paid, or why not.
    pub fn results(&mut self, by: &[&str], list: &str, results: &[(&str, Option<&str>)]) {
        let line = |(case, failed): &(&str, Option<&str>)| ResultLine { case: case_id(case), failed: failed.map(code) };
        self.sheet(by, list, SheetLines::Results(results.iter().map(line).collect()));
    }

    /// A sheet that is a whole list.
    pub fn sheet(&mut self, by: &[&str], list: &str, lines: SheetLines) -> StatementHash {
        let named = World::list_ref(list, &lines);
        self.lists.insert(list.to_owned(), named);
        self.act(by, World::sheet_of(list, 0, lines))
    }

    /// A list of these lines as steps name it.
    pub fn list_ref(list: &str, lines: &SheetLines) -> ListRef {
        ListRef { list: code(list), count: lines.count(), total: lines.total().unwrap_or(0), root: list_root(lines.texts()) }
    }

    /// One sheet of a list.
    pub fn sheet_of(list: &str, part: u64, lines: SheetLines) -> Act {
        let kind = match &lines {
            SheetLines::Cases(_) => SheetKind::Cases,
            SheetLines::Payments(_) => SheetKind::Payments,
            SheetLines::Seats(_) => SheetKind::Seats,
            SheetLines::Results(_) => SheetKind::Results,
        };
        Act::Sheet(Sheet { list: code(list), kind, part, lines })
    }

    /// What the ledger would say of its indexes now, where it has refused nothing.
    pub fn index_note(&self) -> IndexNote {
        let place = tempfile::tempdir().unwrap();
        self.write(place.path());
        let keys = ["checkpoint", "checkpoint-2"].map(key).into();
        let (ledger, _) = Ledger::open(Folder::open(place.path()).unwrap(), keys, &mut |_| {}).unwrap();
        let (cases, keys) = ledger.state().index_roots();
        IndexNote { ledger: self.id.clone(), cases, keys, refusals: (0, IndexRoot(empty_root().0)) }
    }

    /// Appends the index entry.
    pub fn index(&mut self) -> u64 {
        let note = self.index_note().sign(&self.checkpoint_key);
        self.push(note.encode().as_bytes())
    }

    /// Appends an index entry of this text, whatever it is.
    pub fn push_index_text(&mut self, text: &str) {
        let line = SignatureLine::ed25519(self.id.as_str(), &self.checkpoint_key.public(), &self.checkpoint_key.sign(text.as_bytes()));
        let note = Note { text: text.to_owned(), signatures: vec![line] };
        self.push(note.encode().as_bytes());
    }

    /// Statement hash, if it is a statement, of every entry's note.
    fn texts(&self) -> Vec<(Note, Vec<u8>)> {
        self.notes().into_iter().filter_map(|(_, note)| Some((Note::parse(&note).ok()?, note))).collect()
    }

    fn is_cosigned(&self, note: &Note) -> bool {
        note.text.starts_with(&format!("{}\n", self.id))
    }

    /// Index of the latest cosigned entry.
    pub fn cosigned_last(&self) -> u64 {
        self.texts().iter().rposition(|(note, _)| self.is_cosigned(note)).unwrap_or(0) as u64
    }

    /// Index of a statement's entry.
    pub fn entry_of(&self, statement: &StatementHash) -> u64 {
        self.texts().iter().position(|(note, _)| statement_hash(&note.text) == *statement).unwrap() as u64
    }

    /// Whether a case that was on list l1 is drawn at one half by the first cosigned entry since.
    pub fn is_drawn_new(&self, case: &str) -> bool {
        self.is_drawn_since(case, self.entry_of(&self.told("post-down")), Share { numerator: 1, denominator: 2 })
    }

    /// Whether a case is drawn at a share by the first cosigned entry after an entry.
    pub fn is_drawn_since(&self, case: &str, since: u64, share: Share) -> bool {
        let texts = self.texts();
        let cosigned = texts.iter().skip(since as usize + 1).find(|(note, _)| self.is_cosigned(note));
        let (_, note) = cosigned.expect("a cosigned entry");
        is_drawn(&note_hash(note).0, &case_id(case), share)
    }

    /// The first of the cases that is drawn, or that is not.
    pub fn one_drawn(&self, drawn: bool) -> &'static str {
        CASES.iter().find(|case| self.is_drawn_new(case) == drawn).expect("some are drawn and some are not")
    }

    /// The statement of the last entry.
    pub fn last(&self) -> StatementHash {
        let (_, note) = self.notes().pop().unwrap();
        statement_hash(&Note::parse(&note).unwrap().text)
    }

    /// The act of an entry.
    pub fn act_at(&self, index: u64) -> Option<Act> {
        let (_, note) = self.notes().into_iter().nth(index as usize)?;
        match Statement::parse(&Note::parse(&note).ok()?.text).ok()? {
            Statement::Act { act, .. } => Some(act),
            Statement::Founding(_) => None,
        }
    }
}
