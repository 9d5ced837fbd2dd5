//! Programmes are data: three procedures that have little in common run to the end by one engine and one script, every number in
//! them decides something, and no name does.

use ledger::procedure::Procedure;
use rayon::prelude::*;
use tests::drive::numbers::{numbers, renamed};
use tests::drive::{Outcome, Verdict, drive, first_difference};

const PROCEDURES: [(&str, &str); 3] = [
    ("award-county", include_str!("../../deploy/procedures/award-county.toml")),
    ("low-income", include_str!("../../deploy/procedures/low-income.toml")),
    ("farm-subsidy", include_str!("../../deploy/procedures/farm-subsidy.toml")),
];

fn parsed(text: &str) -> Procedure {
    Procedure::parse(text).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn outcomes(verdicts: &[Verdict]) -> Vec<&Outcome> {
    verdicts.iter().map(|verdict| &verdict.found).collect()
}

#[test]
fn every_procedure_runs_to_payment_as_it_says() {
    for (name, text) in PROCEDURES {
        let plan = parsed(text);
        let verdicts = drive(&plan, text);
        let wrong: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.found != verdict.expected).collect();
        assert!(wrong.is_empty(), "{name}: {} of {} are otherwise: {:#?}", wrong.len(), verdicts.len(), &wrong[..wrong.len().min(20)]);
        for (number, step) in plan.programme.steps.iter().enumerate() {
            let done = format!("step {number} ({})", step.id);
            let is_done = |verdict: &Verdict| verdict.label.starts_with(&done) && verdict.label.ends_with(": done") && verdict.found.is_ok();
            assert!(verdicts.iter().any(is_done), "{name}: {done} is never done");
        }
        assert!(plan.programme.steps.iter().any(|step| step.settles), "{name} pays");
    }
}

#[test]
fn every_number_decides_something() {
    for (name, text) in PROCEDURES {
        let plan = parsed(text);
        let baseline = drive(&plan, text);
        let idle: Vec<String> = numbers(text)
            .into_par_iter()
            .filter(|number| first_difference(&plan, &number.changed(text), &baseline).is_none())
            .map(|number| format!("line {}: {} to {}", number.line, number.text, number.next))
            .collect();
        assert!(idle.is_empty(), "{name}: {} numbers may be changed without anybody noticing: {idle:#?}", idle.len());
    }
}

#[test]
fn no_name_decides_anything() {
    for (name, text) in PROCEDURES {
        let other = renamed(text, &parsed(text));
        assert!(other != text, "{name}");
        let (before, after) = (drive(&parsed(text), text), drive(&parsed(&other), &other));
        let differs = before.iter().zip(&after).find(|(one, other)| one.found != other.found);
        assert!(differs.is_none(), "{name}: {differs:#?}");
        assert_eq!(outcomes(&before).len(), outcomes(&after).len(), "{name}");
    }
}
