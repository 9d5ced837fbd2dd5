//! `admit` and a reference model written from format.md alone agree on random acts of an invented county.
//!
//! A campaign: `ZEREN_ACTS=1000000 cargo test --release -p tests --test model -- --nocapture` also asks that every rule was refused a
//! thousand times, and prints how often each was. `ZEREN_SEED` says where to begin: with the number of acts that a failure prints, it
//! shows that failure again.
//!
//! Mutants: `cargo test -p tests --features mutants --test model` switches each rule of `admit` off and asks whether the model notices.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use tests::model::run::{JUDGED, JUDGED_BESIDE, WARNINGS, campaign};

/// Acts in the ordinary run of all tests.
const ACTS: u64 = 40_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn admit_and_the_model_agree() {
    let (acts, seed) = (number("ZEREN_ACTS"), number("ZEREN_SEED").unwrap_or(0));
    let tally = campaign(seed, acts.unwrap_or(ACTS)).unwrap_or_else(|found| panic!("{}", found.story));
    println!("{}", tally.show());
    let is_whole = tally.acts >= 10_000;
    assert!(!is_whole || tally.admitted * 100 >= tally.acts * 40, "too few are admitted");
    if tally.acts >= 1_000_000 {
        let count = |rule| if WARNINGS.contains(rule) { tally.warned.get(rule) } else { tally.refused.get(rule) };
        let seldom = JUDGED.iter().chain(JUDGED_BESIDE).filter(|rule| count(rule).copied().unwrap_or(0) < 1_000);
        let seldom: Vec<&str> = seldom.map(|rule| rule.name()).collect();
        assert!(seldom.is_empty(), "judged fewer than a thousand times: {}", seldom.join(", "));
    }
}

/// Rules that the model judges, and those among them that only warn here.
#[cfg(feature = "mutants")]
mod mutants {
    use signer::Rule;
    use tests::model::run::{ACTS_A_RUN, run};

    use super::number;

    /// Rules without a mutant: where the case or the list is not there, nothing is left that could be judged or done.
    const WITHOUT_MUTANT: &[Rule] = &[Rule::CaseUnknown, Rule::ListUnknown];
    /// Acts within which a mutant must be caught: the last one is after some ten thousand.
    const ACTS: u64 = 60_000;

    /// Whether the model notices the mutant, and after how many acts.
    fn caught(rule: Rule, acts: u64) -> Option<u64> {
        let mut judged = 0;
        for seed in 0.. {
            match run(seed, ACTS_A_RUN, Some(rule)) {
                Ok(tally) => judged += tally.acts,
                Err(found) => return Some(judged + found.after),
            }
            if judged >= acts {
                return None;
            }
        }
        None
    }

    #[test]
    fn the_model_notices_every_rule_that_is_switched_off() {
        let acts = number("ZEREN_ACTS").unwrap_or(ACTS);
        let missed: Vec<&str> = tests::model::run::JUDGED
            .iter()
            .filter(|rule| !WITHOUT_MUTANT.contains(rule))
            .filter(|rule| {
                let after = caught(**rule, acts);
                println!("{:>8} {rule}", after.map_or("missed".to_owned(), |after| after.to_string()));
                after.is_none()
            })
            .map(|rule| rule.name())
            .collect();
        assert!(missed.is_empty(), "not noticed within {acts} acts: {}", missed.join(", "));
    }
}
