//! Every rule has ledgers that break it and nothing else, and honest twins that break nothing.

use std::collections::BTreeSet;

use signer::Rule;
use tests::rules::trials;

/// Rules in force only at the door (format.md section 12).
const AT_THE_DOOR: [Rule; 3] = [Rule::SubmissionLimit, Rule::ReadOnly, Rule::CheckpointKeyAbsent];
/// Rules of blocks, which are no part of a ledger (section 25): tests/following.rs has one that breaks each.
const OF_BLOCKS: [Rule; 4] = [Rule::BlockFormat, Rule::BlockSignature, Rule::BlockOrder, Rule::BlockUnlike];

#[test]
fn every_rule_has_its_ledger() {
    let trials = trials();
    let names: BTreeSet<&str> = trials.iter().map(|trial| trial.name.as_str()).collect();
    assert_eq!(names.len(), trials.len(), "names are unique");
    for rule in Rule::ALL {
        let alone = trials.iter().any(|trial| trial.expected.iter().chain(&trial.warned).filter(|(found, _)| found == rule).count() == 1);
        assert_eq!(alone, !AT_THE_DOOR.contains(rule) && !OF_BLOCKS.contains(rule), "{rule}: a ledger in which it is found");
    }
}

#[test]
fn every_ledger_yields_exactly_what_it_should() {
    let place = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (number, trial) in trials().iter().enumerate() {
        let said = trial.lay(&place.path().join(number.to_string())).audit();
        if said != trial.said() {
            wrong.push(format!("{}\n  expected {:?}\n  found    {said:?}", trial.name, trial.said()));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
