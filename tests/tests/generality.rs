//! Programmes are data: three procedures that have little in common run to the end by one engine and one script, every number in
//! them decides something, and no name does.

use std::collections::BTreeSet;

use ledger::procedure::Procedure;
use ledger::procedure::programme::{RuleKind, Step, StepBy};
use rayon::prelude::*;
use tests::drive::numbers::{Number, numbers, renamed};
use tests::drive::{Verdict, drive, first_difference};

/// Name, text, and what the script pays by it: payments, and their sum in fen.
const PROCEDURES: [(&str, &str, usize, u64); 3] = [
    ("award-county", include_str!("../../deploy/procedures/award-county.toml"), 16, 1_820_000),
    ("low-income", include_str!("../../deploy/procedures/low-income.toml"), 20, 8_760_000),
    ("farm-subsidy", include_str!("../../deploy/procedures/farm-subsidy.toml"), 16, 1_272_200),
];

fn parsed(text: &str) -> Procedure {
    Procedure::parse(text).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// A procedure without steps is governed by the same script, which then has nobody to pay.
#[test]
fn a_procedure_without_a_programme_is_driven_too() {
    let text = include_str!("../../deploy/procedures/archive.toml");
    let played = drive(&parsed(text), text);
    let wrong: Vec<&Verdict> = played.verdicts.iter().filter(|verdict| verdict.found != verdict.expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(played.verdicts.len() > 20 && played.paid.is_empty());
}

#[test]
fn every_procedure_runs_to_payment_as_it_says() {
    for (name, text, payments, fen) in PROCEDURES {
        let plan = parsed(text);
        let played = drive(&plan, text);
        let wrong: Vec<&Verdict> = played.verdicts.iter().filter(|verdict| verdict.found != verdict.expected).collect();
        assert!(wrong.is_empty(), "{name}: {} of {}: {:#?}", wrong.len(), played.verdicts.len(), &wrong[..wrong.len().min(20)]);
        for (number, step) in plan.programme.steps.iter().enumerate() {
            let done = format!("step {number} ({})", step.id);
            let is_done =
                |verdict: &Verdict| verdict.label.starts_with(&done) && verdict.label.ends_with(": done") && verdict.found.is_ok();
            assert!(played.verdicts.iter().any(is_done), "{name}: {done} is never done");
        }
        let sum: u64 = played.paid.iter().map(|(.., fen)| fen).sum();
        assert_eq!((played.paid.len(), sum), (payments, fen), "{name}: {:?}", played.paid);
    }
}

/// What a step or rule is made of, without its names and numbers.
fn shapes(plan: &Procedure) -> BTreeSet<String> {
    let step = |step: &Step| {
        let by = if matches!(step.by, StepBy::Each(_)) { "each" } else { "any" };
        let has = [
            (step.opens, "opens"),
            (step.renews, "renews"),
            (step.is_counted, "counted"),
            (!step.measures.is_empty(), "measures"),
            (step.offline_hours.is_some(), "offline_hours"),
            (step.join_days.is_some(), "join_days"),
            (step.cover.is_some(), "cover"),
            (step.has_team, "team"),
            (step.rates.is_some(), "rates"),
            (step.quorum.is_some(), "quorum"),
            (step.posting.is_some(), "posting"),
            (step.locks, "locks"),
            (step.cosigned.is_some(), "cosigned"),
            (step.settles, "settles"),
        ];
        let has: Vec<&str> = has.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect();
        format!("step on {:?} by {by}: {}", step.on, has.join(" "))
    };
    let rules = plan.programme.rules.iter().map(|rule| {
        let kind = match &rule.kind {
            RuleKind::ExclusivePowers(_) => "exclusive_powers",
            RuleKind::Distinct(_) => "distinct",
            RuleKind::NotOwnUnit(_) => "not_own_unit",
            RuleKind::Mixed { .. } => "mixed",
            RuleKind::Recuse { .. } => "recuse",
            RuleKind::Independent => "independent",
            RuleKind::Acting { .. } => "acting",
        };
        format!("rule {kind} {:?}, overridden: {}", rule.severity, rule.may_override)
    });
    plan.programme.steps.iter().map(step).chain(rules).collect()
}

#[test]
fn each_procedure_has_what_the_others_lack() {
    let all: Vec<BTreeSet<String>> = PROCEDURES.iter().map(|(_, text, ..)| shapes(&parsed(text))).collect();
    for (number, (name, ..)) in PROCEDURES.iter().enumerate() {
        let others: BTreeSet<&String> =
            all.iter().enumerate().filter(|(other, _)| *other != number).flat_map(|(_, shapes)| shapes).collect();
        let own: Vec<&String> = all[number].iter().filter(|shape| !others.contains(shape)).collect();
        assert!(own.iter().any(|shape| shape.starts_with("step")) && own.len() > 2, "{name}: only {own:?}");
    }
}

/// Every number one up, and one down where there is something below it.
#[test]
fn every_number_decides_something() {
    for (name, text, ..) in PROCEDURES {
        let plan = parsed(text);
        let baseline = drive(&plan, text).verdicts;
        let neighbours = |number: Number| [Some(number.next.clone()), number.before.clone()].map(|to| to.map(|to| (number.clone(), to)));
        let trials: Vec<(Number, String)> = numbers(text).into_iter().flat_map(neighbours).flatten().collect();
        let idle = trials.into_par_iter().filter(|(number, to)| {
            let line = text.lines().nth(number.line - 1).unwrap();
            // Every office holds a power: where none signs as `self`, one power is asked for with the first signer.
            let asks_powers = text[..number.place.start].ends_with("powers = ") && line.contains("any = ");
            let is_moot = asks_powers && to == "0" && !line.contains("\"self\"");
            first_difference(&plan, &number.changed(text, to), &baseline).is_none() != is_moot
        });
        let idle: Vec<String> = idle.map(|(number, to)| format!("line {}: {} to {to}", number.line, number.text)).collect();
        assert!(idle.is_empty(), "{name}: {} numbers may be changed without anybody noticing: {idle:#?}", idle.len());
    }
}

#[test]
fn no_name_decides_anything() {
    for (name, text, ..) in PROCEDURES {
        let other = renamed(text, &parsed(text));
        assert!(other != text, "{name}");
        let (before, after) = (drive(&parsed(text), text), drive(&parsed(&other), &other));
        let differs = before.verdicts.iter().zip(&after.verdicts).find(|(one, other)| one.found != other.found);
        assert!(differs.is_none(), "{name}: {differs:#?}");
        assert_eq!(before.verdicts.len(), after.verdicts.len(), "{name}");
        assert_eq!(before.paid, after.paid, "{name}");
    }
}
