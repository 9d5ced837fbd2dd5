//! Acts on a case other than steps: outcomes, corrections, objections and their like (sections 5.14 to 5.16, 8.6).

use signer::Rule;
use signer::act::{
    About, Account, Act, Answer, AnswerOutcome, Appeal, CaseAt, Clause, Correct, Dissent, Hold, Objection, Override, Recuse, Release,
    Report, ReportAbout, Ruling, Transfer,
};
use signer::value::{ReportToken, StatementHash};

use super::steps::outcome;
use super::{DAY_MS, Table};
use crate::programme::Stage::{Funded, Locked, Opened, Paid, Posted, Settled, Staffed, Visited};
use crate::programme::{PROGRAMME, account, case_id, paper};
use crate::world::{World, bytes, code, person, unit};

pub(super) fn fill(table: &mut Table) {
    outcomes(table);
    corrections(table);
    batch_corrections(table);
    transfers(table);
    accounts(table);
    flags(table);
    appeals(table);
    answers(table);
    upheld(table);
    holds(table);
    overrides(table);
    rulings(table);
    teams(table);
    ungoverned(table);
}

/// A statement hash that is nobody's.
const NOBODYS: StatementHash = StatementHash([9; 32]);

/// h1 objects to a case.
pub(super) fn object(w: &mut World, case: &str) -> StatementHash {
    let act = Objection { case: w.at(case), reason: code("income"), evidence: None };
    w.act(&["h1"], Act::Objection(act))
}

/// s2 holds a case's payment.
pub(super) fn hold(w: &mut World, case: &str) -> StatementHash {
    let act = Hold { case: w.at(case), reason: code("doubt"), evidence: paper("letter") };
    w.act(&["s2"], Act::Hold(act))
}

/// s2 releases a hold.
pub(super) fn release(w: &mut World, case: &str, releases: StatementHash) -> StatementHash {
    w.act(&["s2"], Act::Release(Release { case: w.at(case), releases, evidence: paper("letter") }))
}

/// An answer.
pub(super) fn answer(w: &mut World, by: &str, answers: StatementHash, outcome: AnswerOutcome) -> StatementHash {
    w.act(&[by], Act::Answer(Answer { answers, outcome, evidence: paper("answer") }))
}

/// A step of a case taken back.
pub(super) fn correct(w: &mut World, by: &str, case: &str, of: StatementHash) -> StatementHash {
    let act = Correct { case: Some(w.at(case)), batch: None, of, reason: code("mistake"), evidence: paper("note") };
    w.on_case(&[by], case, Act::Correct(act))
}

fn correct_batch(w: &mut World, batch: &str, of: StatementHash) -> StatementHash {
    let act = Correct { case: None, batch: Some(code(batch)), of, reason: code("mistake"), evidence: paper("note") };
    w.act(&["t1"], Act::Correct(act))
}

/// A case at a head that it has left.
fn stale(w: &mut World, case: &str) -> CaseAt {
    let before = w.at(case);
    change_account(w, &["c1"], case);
    before
}

fn change_account(w: &mut World, by: &[&str], case: &str) {
    let act = Account { case: w.at(case), account: account("other"), reason: code("lost"), evidence: paper("card") };
    w.on_case(by, case, Act::Account(act));
}

fn outcomes(table: &mut Table) {
    table.refuses(Rule::OutcomeUnknown, "an outcome that the procedure does not have", Opened, |w| {
        _ = outcome(w, &["m1"], "p1", "forget", "x")
    });
    table.refuses(Rule::Reason, "an outcome for a reason that is not listed", Opened, |w| _ = outcome(w, &["m1"], "p1", "suspend", "rude"));
    table.admits("any reason where none is listed", Opened, |w| _ = outcome(w, &["m1"], "p1", "reject", "rude"));
    table.refuses(Rule::CaseUnknown, "an outcome of a case that nobody opened", Opened, |w| {
        w.heads.insert("p9".to_owned(), NOBODYS);
        outcome(w, &["m1"], "p9", "reject", "income");
    });
    table.refuses(Rule::CaseHead, "an outcome at a head that the case has left", Opened, |w| {
        let before = stale(w, "p1");
        w.heads.insert("p1".to_owned(), before.head);
        outcome(w, &["m1"], "p1", "reject", "income");
    });
    table.refuses(Rule::CaseUnit, "an outcome by the clerk of another village", Opened, |w| _ = outcome(w, &["c2"], "p1", "exit", "moved"));
    table.refuses(Rule::CaseStatus, "an outcome of a case that has one", Opened, |w| {
        outcome(w, &["m1"], "p1", "reject", "income");
        outcome(w, &["c1"], "p1", "exit", "moved");
    });
    table.refuses(Rule::CaseStatus, "a second suspension", Opened, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        outcome(w, &["m1"], "p1", "suspend", "absent");
    });
    table.admits("a suspended case that leaves", Opened, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        outcome(w, &["c1"], "p1", "exit", "moved");
    });
    table.refuses(Rule::Recused, "an outcome by who stepped aside", Opened, |w| {
        recuse(w, &["m1"], "p1");
        outcome(w, &["m1"], "p1", "reject", "income");
    });
    table.refuses(Rule::CasePaid, "an outcome while the payment is on its way", Funded, |w| {
        _ = outcome(w, &["m1"], "p1", "reject", "income")
    });
    table.admits("an outcome of a case whose payment is only locked", Locked, |w| _ = outcome(w, &["m1"], "p1", "reject", "income"));
    table.admits("an outcome of a case that was paid", Settled, |w| _ = outcome(w, &["m1", "s1"], "p1", "revoke", "fraud"));
}

fn corrections(table: &mut Table) {
    table.refuses(Rule::StepLines, "a correction of neither case nor batch", Visited, |w| {
        let act = Correct { case: None, batch: None, of: w.told("visit p1"), reason: code("mistake"), evidence: paper("note") };
        w.act(&["m1"], Act::Correct(act));
    });
    table.refuses(Rule::StepLines, "a correction of case and batch", Funded, |w| {
        let (of, batch) = (w.told("fund"), Some(code("b1")));
        let act = Correct { case: Some(w.at("p1")), batch, of, reason: code("mistake"), evidence: paper("note") };
        w.act(&["t1"], Act::Correct(act));
    });
    table.refuses(Rule::OfUnknown, "a correction of no step of the case", Visited, |w| _ = correct(w, "m1", "p1", w.told("visit p2")));
    table.refuses(Rule::OfUnknown, "a correction of a step that was taken back", Visited, |w| {
        let of = w.told("visit p1");
        correct(w, "m1", "p1", of);
        correct(w, "m1", "p1", of);
    });
    table.refuses(Rule::CaseUnknown, "a correction of a case that nobody opened", Visited, |w| {
        w.heads.insert("p9".to_owned(), NOBODYS);
        correct(w, "m1", "p9", NOBODYS);
    });
    table.refuses(Rule::CaseHead, "a correction at a head that the case has left", Visited, |w| {
        let before = stale(w, "p1");
        w.heads.insert("p1".to_owned(), before.head);
        correct(w, "m1", "p1", w.told("visit p1"));
    });
    table.refuses(Rule::CaseUnit, "a correction by the clerk of another village", Visited, |w| {
        _ = correct(w, "c2", "p1", w.told("visit p1"))
    });
    table.refuses(Rule::CaseStatus, "a correction of a case that is suspended", Visited, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        correct(w, "m1", "p1", w.told("visit p1"));
    });
    table.refuses(Rule::CasePaid, "a correction of a case whose payment is in a batch", Funded, |w| {
        _ = correct(w, "m1", "p1", w.told("confirm"))
    });
    table.admits("a visit after the first was taken back", Visited, |w| {
        correct(w, "m1", "p1", w.told("visit p1"));
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::StepOrder, "a step after the one that was taken back with it", Posted, |w| {
        let drawn = w.one_drawn(true);
        correct(w, "m1", drawn, w.told(&format!("visit {drawn}")));
        w.step(&["i1", "i2"], w.recheck(drawn));
    });
    table.admits("a locked case taken back to before it was confirmed", Locked, |w| _ = correct(w, "m1", "p1", w.told("confirm")));
}

fn batch_corrections(table: &mut Table) {
    table.refuses(Rule::BatchUnknown, "a correction of no batch", Locked, |w| _ = correct_batch(w, "b9", NOBODYS));
    table.refuses(Rule::OfUnknown, "a correction of a batch by another statement than its opening", Funded, |w| {
        correct_batch(w, "b1", w.told("lock"));
    });
    table.refuses(Rule::CasePaid, "a correction of a batch that was ordered", Paid, |w| _ = correct_batch(w, "b1", w.told("fund")));
    table.admits("a batch taken back and opened under another id", Funded, |w| {
        correct_batch(w, "b1", w.told("fund"));
        w.step(&["t1", "s1"], w.fund("b2", "l3"));
    });
    table.refuses(Rule::BatchTaken, "a batch taken back and opened under the same id", Funded, |w| {
        correct_batch(w, "b1", w.told("fund"));
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.refuses(Rule::BatchUnknown, "an order of a batch that was taken back", Funded, |w| {
        correct_batch(w, "b1", w.told("fund"));
        w.step(&["t1"], w.pay("b1", "l3"));
    });
    table.refuses(Rule::BatchUnknown, "a batch taken back twice", Funded, |w| {
        correct_batch(w, "b1", w.told("fund"));
        correct_batch(w, "b1", w.told("fund"));
    });
}

fn transfer(w: &mut World, by: &[&str], from: &str, to: &str) {
    let act = Transfer { case: w.at("p1"), from: unit(from), to: unit(to), reason: code("moved") };
    w.on_case(by, "p1", Act::Transfer(act));
}

fn transfers(table: &mut Table) {
    table.admits("a transfer from village to village", Opened, |w| transfer(w, &["c1", "c2"], "07-01", "07-02"));
    table.refuses(Rule::TransferUnits, "a transfer from where the case is not", Opened, |w| transfer(w, &["c1", "c2"], "07-02", "07-01"));
    table.refuses(Rule::TransferUnits, "a transfer to where the case is", Opened, |w| transfer(w, &["c1", "c3"], "07-01", "07-01"));
    table.refuses(Rule::CaseUnit, "a transfer that nobody takes", Opened, |w| transfer(w, &["c1", "c3"], "07-01", "07-02"));
    table.refuses(Rule::CaseUnit, "a transfer by one who may do either side", Opened, |w| transfer(w, &["m1"], "07-01", "07-02"));
    table.admits("a transfer by two who may each do either side", Opened, |w| transfer(w, &["m1", "m2"], "07-01", "07-02"));
    table.refuses(Rule::CaseStatus, "a transfer of a suspended case", Opened, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        transfer(w, &["c1", "c2"], "07-01", "07-02");
    });
    table.refuses(Rule::CasePaid, "a transfer of a case whose payment is locked", Locked, |w| transfer(w, &["c1", "c2"], "07-01", "07-02"));
    table.refuses(Rule::CaseHead, "a transfer at a head that the case has left", Opened, |w| {
        let before = stale(w, "p1");
        w.heads.insert("p1".to_owned(), before.head);
        transfer(w, &["c1", "c2"], "07-01", "07-02");
    });
}

fn accounts(table: &mut Table) {
    table.admits("another account", Opened, |w| change_account(w, &["c1"], "p1"));
    table.admits("another account of a suspended case", Opened, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        change_account(w, &["c1"], "p1");
    });
    table.refuses(Rule::CaseStatus, "another account of a rejected case", Opened, |w| {
        outcome(w, &["m1"], "p1", "reject", "income");
        change_account(w, &["c1"], "p1");
    });
    table.refuses(Rule::CasePaid, "another account once the payment is locked", Locked, |w| change_account(w, &["c1"], "p1"));
    table.refuses(Rule::CaseUnit, "another account by the clerk of another village", Opened, |w| change_account(w, &["c2"], "p1"));
}

pub(super) fn recuse(w: &mut World, by: &[&str], case: &str) {
    w.act(by, Act::Recuse(Recuse { case: w.at(case), relation: code("kin") }));
}

fn report(about: ReportAbout, of: &str) -> Act {
    Act::Report(Report { report: ReportToken(bytes(of)), about, reason: code("income"), evidence: None })
}

fn dissent(at: CaseAt, of: StatementHash) -> Act {
    Act::Dissent(Dissent { case: at, of, reason: code("income"), evidence: None })
}

fn flags(table: &mut Table) {
    table.admits("an objection at a head that the case has left", Opened, |w| {
        let case = stale(w, "p1");
        w.act(&["h1"], Act::Objection(Objection { case, reason: code("income"), evidence: None }));
    });
    table.refuses(Rule::CaseHead, "an objection at a head that the case never had", Opened, |w| {
        let case = CaseAt { case: case_id("p1"), head: w.heads["p2"] };
        w.act(&["h1"], Act::Objection(Objection { case, reason: code("income"), evidence: None }));
    });
    table.refuses(Rule::CaseUnknown, "an objection to a case that nobody opened", Opened, |w| {
        let case = CaseAt { case: case_id("p9"), head: w.heads["p1"] };
        w.act(&["h1"], Act::Objection(Objection { case, reason: code("income"), evidence: None }));
    });
    table.refuses(Rule::OfUnknown, "a dissent from a step of another case", Visited, |w| {
        w.act(&["k1"], dissent(w.at("p1"), w.told("visit p2")));
    });
    table.admits("a dissent from a visit", Visited, |w| _ = w.act(&["v3"], dissent(w.at("p1"), w.told("visit p1"))));
    table.refuses(Rule::ReportTaken, "a report's token a second time", Opened, |w| {
        w.act(&["s1"], report(ReportAbout::Case(case_id("p1")), "code"));
        w.act(&["s1"], report(ReportAbout::Unit(unit("07")), "code"));
    });
    table.refuses(Rule::CaseUnknown, "a report about a case that nobody opened", Opened, |w| {
        w.act(&["s1"], report(ReportAbout::Case(case_id("p9")), "code"));
    });
    table.admits("a report about a unit that has no cases", Opened, |w| _ = w.act(&["s1"], report(ReportAbout::Unit(unit("99")), "code")));
    table.refuses(Rule::PersonOther, "two who step aside at once", Opened, |w| recuse(w, &["v1", "v2"], "p1"));
    table.refuses(Rule::Recused, "a visit by who stepped aside", Opened, |w| {
        recuse(w, &["v1"], "p1");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.admits("a visit of another case by who stepped aside", Opened, |w| {
        recuse(w, &["v1"], "p2");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::Recused, "a batch funded by who stepped aside from one of its cases", Locked, |w| {
        recuse(w, &["t1"], "p3");
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
}

fn appeal(w: &mut World, of: StatementHash) -> StatementHash {
    w.act(&["c1"], Act::Appeal(Appeal { case: w.at("p1"), of, evidence: None }))
}

fn appeals(table: &mut Table) {
    table.refuses(Rule::OfUnknown, "an appeal against no outcome", Visited, |w| _ = appeal(w, w.told("visit p1")));
    table.refuses(Rule::OfUnknown, "an appeal against an outcome that has none", Opened, |w| {
        let of = outcome(w, &["c1"], "p1", "exit", "moved");
        appeal(w, of);
    });
    let reject = |w: &mut World| {
        let received = w.clock;
        (outcome(w, &["m1"], "p1", "reject", "income"), received)
    };
    table.refuses(Rule::AppealLate, "an appeal a millisecond late", Opened, |w| {
        let (of, received) = reject(w);
        w.pass(14);
        w.clock = received.plus_ms(15 * DAY_MS + 1);
        appeal(w, of);
    });
    table.admits("an appeal in its last millisecond", Opened, |w| {
        let (of, received) = reject(w);
        w.pass(14);
        w.clock = received.plus_ms(15 * DAY_MS);
        appeal(w, of);
    });
    table.admits("an appeal that is upheld, after which the case goes on", Opened, |w| {
        let (of, _) = reject(w);
        let hash = appeal(w, of);
        let answered = answer(w, "m2", hash, AnswerOutcome::Upheld);
        w.heads.insert("p1".to_owned(), answered);
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::CaseStatus, "a visit after an appeal that was dismissed", Opened, |w| {
        let (of, _) = reject(w);
        let hash = appeal(w, of);
        answer(w, "m2", hash, AnswerOutcome::Dismissed);
        w.step(&["v1", "v2"], w.visit("p1"));
    });
}

fn answers(table: &mut Table) {
    use AnswerOutcome::{Dismissed, Upheld};
    table.refuses(Rule::FlagUnknown, "an answer to nothing", Opened, |w| _ = answer(w, "m1", NOBODYS, Dismissed));
    table.refuses(Rule::FlagUnknown, "an answer to a hold", Opened, |w| {
        let hash = hold(w, "p1");
        answer(w, "m1", hash, Dismissed);
    });
    table.refuses(Rule::FlagUnknown, "a second answer", Opened, |w| {
        let hash = object(w, "p1");
        answer(w, "m1", hash, Dismissed);
        answer(w, "m1", hash, Upheld);
    });
    table.refuses(Rule::FlagUnknown, "a second answer to what was upheld", Opened, |w| {
        let hash = object(w, "p1");
        answer(w, "m1", hash, Upheld);
        answer(w, "m1", hash, Dismissed);
    });
    table.refuses(Rule::FlagUnknown, "a second answer to a report about a unit", Opened, |w| {
        let hash = w.act(&["s1"], report(ReportAbout::Unit(unit("07")), "code"));
        answer(w, "m1", hash, Upheld);
        answer(w, "m1", hash, Dismissed);
    });
    table.refuses(Rule::Independent, "an answer to one's own report", Opened, |w| {
        let hash = w.act(&["s1"], report(ReportAbout::Case(case_id("p1")), "code"));
        answer(w, "s1", hash, Dismissed);
    });
    table.refuses(Rule::Independent, "an answer to one's own report about a unit", Opened, |w| {
        let hash = w.act(&["s1"], report(ReportAbout::Unit(unit("07")), "code"));
        answer(w, "s1", hash, Dismissed);
    });
    table.refuses(Rule::Independent, "an answer by who visited the case", Visited, |w| {
        let hash = object(w, "p1");
        answer(w, "v2", hash, Dismissed);
    });
    table.admits("an answer by who visited another case", Opened, |w| {
        w.step(&["v1", "v2"], w.visit("p2"));
        let hash = object(w, "p1");
        answer(w, "v2", hash, Dismissed);
    });
    let late = |w: &mut World, until: &str| {
        w.leap_to("2026-02-02T09:00:00");
        let hash = object(w, "p1");
        w.leap_to(until);
        answer(w, "m1", hash, Dismissed);
    };
    table.holds("an answer on the tenth working day", World::leaping(), |w| late(w, "2026-02-16T23:59:59"));
    table.warned(Rule::Late, "an answer on the eleventh working day", World::leaping(), |w| late(w, "2026-02-17T00:00:00"));
}

fn upheld(table: &mut Table) {
    table.refuses(Rule::FlagOpen, "a visit after an objection that was upheld", Opened, |w| {
        let hash = object(w, "p1");
        answer(w, "m1", hash, AnswerOutcome::Upheld);
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.admits("a visit after an objection that was dismissed", Opened, |w| {
        let hash = object(w, "p1");
        answer(w, "m1", hash, AnswerOutcome::Dismissed);
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.admits("a correction answers what was upheld", Visited, |w| {
        let hash = object(w, "p1");
        answer(w, "m1", hash, AnswerOutcome::Upheld);
        correct(w, "m2", "p1", w.told("visit p1"));
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::FlagOpen, "a correction does not answer what nobody has judged", Visited, |w| {
        object(w, "p1");
        correct(w, "m2", "p1", w.told("visit p1"));
        w.step(&["v1", "v2"], w.visit("p1"));
    });
}

fn holds(table: &mut Table) {
    table.refuses(Rule::FlagUnknown, "a release of no hold", Opened, |w| _ = release(w, "p1", NOBODYS));
    table.refuses(Rule::FlagUnknown, "a release of an objection", Opened, |w| {
        let hash = object(w, "p1");
        release(w, "p1", hash);
    });
    table.refuses(Rule::FlagUnknown, "a release of another case's hold", Opened, |w| {
        let hash = hold(w, "p2");
        release(w, "p1", hash);
    });
    table.refuses(Rule::FlagUnknown, "a second release", Opened, |w| {
        let hash = hold(w, "p1");
        release(w, "p1", hash);
        release(w, "p1", hash);
    });
    table.admits("a hold released", Opened, |w| {
        let hash = hold(w, "p1");
        release(w, "p1", hash);
        w.step(&["v1", "v2"], w.visit("p1"));
    });
}

/// An override of a rule for a step.
pub(super) fn override_of(step: &str, rule: &str, about: About) -> Act {
    Act::Override(Override { step: code(step), rule: code(rule), about, reason: code("few"), evidence: paper("minutes") })
}

fn overrides(table: &mut Table) {
    let about = || About::Case(case_id("p1"));
    table.refuses(Rule::StepUnknown, "an override for a step that there is not", Opened, |w| {
        w.act(&["s1"], override_of("inspect", "other-eyes", about()));
    });
    table.refuses(Rule::OverrideRule, "an override of a rule that there is not", Opened, |w| {
        w.act(&["s1"], override_of("visit", "good-mood", about()));
    });
    table.refuses(Rule::OverrideRule, "an override of a rule that nobody may override", Opened, |w| {
        w.act(&["s1"], override_of("fund", "two-hands", about()));
    });
    table.refuses(Rule::OverrideSupervisor, "an override by the director alone", Opened, |w| {
        w.act(&["m1"], override_of("visit", "other-eyes", about()));
    });
    table.admits("an override by director and overseer", Opened, |w| _ = w.act(&["m1", "s1"], override_of("visit", "other-eyes", about())));
}

fn rulings(table: &mut Table) {
    let ruling = |clause, answers| Act::Ruling(Ruling { clause, issuer: code("province"), document: paper("ruling"), answers });
    table.refuses(Rule::ClauseUnknown, "a ruling on a step that there is not", Opened, |w| {
        w.act(&["m1"], ruling(Clause::Step(code("inspect")), None));
    });
    table.refuses(Rule::ClauseUnknown, "a ruling on an outcome that there is not", Opened, |w| {
        w.act(&["m1"], ruling(Clause::Outcome(code("visit")), None));
    });
    table.refuses(Rule::ClauseUnknown, "a ruling on a rule that there is not", Opened, |w| {
        w.act(&["m1"], ruling(Clause::Rule(code("visit")), None));
    });
    table.refuses(Rule::ClauseUnknown, "a ruling on a scheme that there is not", Opened, |w| {
        w.act(&["m1"], ruling(Clause::Scheme(signer::value::Scheme::parse("X9").unwrap()), None));
    });
    table.admits("a ruling on a scheme", Opened, |w| {
        w.act(&["m1"], ruling(Clause::Scheme(signer::value::Scheme::parse("X1").unwrap()), None));
    });
    table.refuses(Rule::OfUnknown, "a ruling that answers no referral", Opened, |w| {
        let hash = outcome(w, &["m1"], "p1", "suspend", "absent");
        w.act(&["m1"], ruling(Clause::Step(code("visit")), Some(hash)));
    });
    table.refuses(Rule::OfUnknown, "a second ruling that answers a referral", Opened, |w| {
        let hash = outcome(w, &["m1"], "p1", "refer", "income");
        w.act(&["m1"], ruling(Clause::Step(code("visit")), Some(hash)));
        w.act(&["m1"], ruling(Clause::Step(code("visit")), Some(hash)));
    });
}

fn teams(table: &mut Table) {
    let mut team = |rule: Rule, name: &str, edit: &dyn Fn(&mut signer::act::Team)| {
        table.refuses(rule, &format!("a team {name}"), Staffed, |w| {
            let mut team = w.team(2026);
            edit(&mut team);
            w.act(&["m1"], Act::Team(team));
        });
    };
    team(Rule::StepUnknown, "for a step that takes none", &|team| team.step = code("visit"));
    team(Rule::StepUnknown, "for a step that there is not", &|team| team.step = code("inspect"));
    team(Rule::PersonUnknown, "with somebody whom nobody enrolled", &|team| team.members[1].person = person("x1"));
    team(Rule::PersonTaken, "with a member twice", &|team| team.members[1].person = person("i1"));
    team(Rule::PersonTaken, "with a member in two sub-groups", &|team| team.members[2].person = person("i1"));
    team(Rule::TeamMember, "with somebody of another office", &|team| team.members[1].person = person("v2"));
    team(Rule::TeamArea, "whose area is nobody's", &|team| team.areas[0].sub = code("g9"));
    team(Rule::TeamArea, "with a unit twice", &|team| team.areas[1].unit = unit("07"));
    team(Rule::Mixed, "without a member from a township in one sub-group", &|team| {
        let (one, other) = (team.members[0].person.clone(), team.members[3].person.clone());
        (team.members[0].person, team.members[3].person) = (other, one);
    });
    table.admits("a team for another year", Staffed, |w| _ = w.act(&["m1"], Act::Team(w.team(2027))));
    table.refuses(Rule::TeamMember, "a team with a member whose appointment has ended", Staffed, |w| {
        let appointment = w.offices["i2"].appointment;
        w.act(&["r1"], Act::AppointEnd { person: person("i2"), appointment, reason: signer::act::EndReason::Retired });
        w.act(&["m1"], Act::Team(w.team(2026)));
    });
}

fn ungoverned(table: &mut Table) {
    let without =
        |act: &str| -> String { PROGRAMME.lines().filter(|line| !line.starts_with(act)).map(|line| format!("{line}\n")).collect() };
    table.refused(
        Rule::GovernanceNone,
        "an act of which the procedure does not say who may do it",
        World::programme_of(&without("account ")),
        |w| {
            w.open_case("p1", "07-01", &["c1"]);
            change_account(w, &["c1"], "p1");
        },
    );
    table.refused(Rule::GovernanceNone, "an objection under a procedure without a programme", World::staffed(), |w| {
        let case = CaseAt { case: case_id("p1"), head: NOBODYS };
        w.act(&["a1"], Act::Objection(Objection { case, reason: code("income"), evidence: None }));
    });
    table.refused(Rule::StepUnknown, "a step under a procedure without a programme", World::staffed(), |w| {
        w.step(&["a1"], w.apply("p1", "07-01"));
    });
}
