//! Two verifiers, written apart, say the same of every ledger; and nothing that was tampered with goes unfound.

use tests::tamper::{honest, tampered};
use tests::trial::{Said, Trial, judge_all};

fn none_of(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn differ(trial: &Trial, expected: &str, (rust, python): &(Said, Said)) -> String {
    format!("{}\n  expected {expected}\n  rust     {rust:?}\n  python   {python:?}", trial.name)
}

#[test]
fn two_verifiers_say_of_every_rule_and_every_honest_ledger_what_they_should() {
    let trials: Vec<Trial> = tests::rules::trials().into_iter().chain(honest()).collect();
    let said = judge_all(&trials.iter().collect::<Vec<_>>());
    let is_wrong = |(trial, (rust, python)): &(&Trial, &(Said, Said))| *rust != trial.said() || *python != trial.said();
    let wrong: Vec<String> =
        trials.iter().zip(&said).filter(is_wrong).map(|(trial, said)| differ(trial, &format!("{:?}", trial.said()), said)).collect();
    none_of(&wrong);
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn any_flipped_bit_is_found() {
    let whole = honest().remove(0);
    let files: Vec<String> = whole.image.keys().cloned().collect();
    let mut numbers = Numbers(1);
    let flipped: Vec<Trial> = (0..300)
        .map(|number| {
            let mut trial = whole.clone();
            // Half of them in the segment, which is most of the record.
            let name = if number % 2 == 0 { "segments/000000" } else { &files[numbers.below(files.len())] };
            let file = trial.image.get_mut(name).unwrap();
            let (at, bit) = (numbers.below(file.len()), numbers.below(8));
            file[at] ^= 1 << bit;
            trial.name = format!("{name}: bit {bit} of byte {at}");
            trial
        })
        .collect();
    let said = judge_all(&flipped.iter().collect::<Vec<_>>());
    let is_wrong = |(_, (rust, python)): &(&Trial, &(Said, Said))| rust != python || rust.findings.is_empty();
    none_of(&flipped.iter().zip(&said).filter(is_wrong).map(|(trial, said)| differ(trial, "something", said)).collect::<Vec<_>>());
}

#[test]
fn everything_that_was_tampered_with_is_found_where_it_was() {
    let corpus = tampered();
    assert!(corpus.len() >= 150, "{} tampered ledgers", corpus.len());
    let said = judge_all(&corpus.iter().map(|tampered| &tampered.trial).collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for (tampered, both) in corpus.iter().zip(&said) {
        let (rust, python) = both;
        let first = rust.findings.iter().find(|(_, _, level)| level == "error").or(rust.findings.first());
        let first = first.map(|(rule, index, _)| (rule.as_str(), *index));
        let expected = Some((tampered.first.0.name(), tampered.first.1)).filter(|_| tampered.trial.verdict != "usage");
        if rust != python || rust.verdict != tampered.trial.verdict || first != expected {
            wrong.push(differ(&tampered.trial, &format!("{} {:?}", tampered.trial.verdict, expected), both));
        }
    }
    none_of(&wrong);
}
