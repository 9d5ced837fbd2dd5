//! The sample county: what is planted in it is there as the ground truth says, and nowhere does the ledger know of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use ledger::check::Content;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use serde_json::Value;
use signer::Statement;
use signer::act::{Act, Step};
use signer::statement::Header;
use signer::value::UnixMs;

const HOUR_MS: i64 = 3_600_000;

/// An act of the record.
struct Deed {
    received: UnixMs,
    header: Header,
    act: Act,
}

struct County {
    folder: tempfile::TempDir,
    told: Value,
    truth: Value,
    deeds: BTreeMap<String, Deed>,
}

/// One county for all tests of this file; none of them writes into it.
static COUNTY: LazyLock<County> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("county");
    let output = zeren(&["demo", "--copies", "--json", "--dir", path(&dir)]);
    assert!(output.status.success(), "{}", said(&output));
    let truth = serde_json::from_slice(&std::fs::read(dir.join("ground-truth.json")).unwrap()).unwrap();
    let snapshot = Snapshot::open(Folder::open_to_read(&dir).unwrap(), &mut |_| {}).unwrap();
    let mut deeds = BTreeMap::new();
    snapshot
        .admitted(0, &mut |entry| {
            if let Content::Statement { statement, hash, .. } = &entry.verified.content
                && let Statement::Act { header, act, .. } = statement.as_ref()
            {
                deeds.insert(hash.to_string(), Deed { received: entry.received, header: header.clone(), act: act.clone() });
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    County { folder, told: serde_json::from_slice(&output.stdout).unwrap(), truth, deeds }
});

fn zeren(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(["--lang", "en"]).args(args).output().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn dir() -> PathBuf {
    COUNTY.folder.path().join("county")
}

fn strings(of: &Value) -> Vec<&str> {
    of.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

fn plants() -> &'static [Value] {
    COUNTY.truth["plants"].as_array().unwrap()
}

fn plant(number: u64, is_twin: bool) -> &'static Value {
    plants().iter().find(|one| one["number"] == number && one["is_twin"] == is_twin).unwrap()
}

fn deeds_of(plant: &Value) -> Vec<&'static Deed> {
    strings(&plant["statements"]).into_iter().map(|hash| &COUNTY.deeds[hash]).collect()
}

fn step_of(deed: &Deed) -> &Step {
    match &deed.act {
        Act::Step(step) => step,
        other => panic!("not a step: {other:?}"),
    }
}

/// Seconds between acts, by the clocks of their devices.
fn gaps(deeds: &[&Deed]) -> Vec<i64> {
    let mut times: Vec<i64> = deeds.iter().map(|deed| deed.header.at.unix_seconds).collect();
    times.sort_unstable();
    times.windows(2).map(|two| two[1] - two[0]).collect()
}

#[test]
fn the_ledger_holds_and_its_totals_are_the_published_ones() {
    assert_eq!(COUNTY.told["audit"]["verdict"], "holds");
    let totals: Vec<(&str, u64, u64)> = COUNTY.told["totals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|total| (total["scheme"].as_str().unwrap(), total["people"].as_u64().unwrap(), total["fen"].as_u64().unwrap()))
        .collect();
    assert_eq!(totals, [("SCH-A", 5_260, 315_600_000), ("SCH-B", 1_530, 93_300_000), ("SCH-C", 178, 35_600_000)]);
    let counted = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/independent/totals.py"))
        .arg(dir())
        .output()
        .expect("python3 counts the totals");
    let counted: Value = serde_json::from_slice(&counted.stdout).unwrap_or_else(|_| panic!("{}", said(&counted)));
    assert_eq!(counted["totals"], COUNTY.told["totals"]);
}

#[test]
fn each_of_the_twenty_two_has_an_honest_twin() {
    for is_twin in [false, true] {
        let numbers: Vec<u64> =
            plants().iter().filter(|one| one["is_twin"] == is_twin).map(|one| one["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=22).collect::<Vec<u64>>(), "is_twin: {is_twin}");
    }
    let dated = plants().iter().filter(|one| one["since"].as_str().is_some_and(|since| since >= "2013-01-03")).count();
    assert_eq!(dated, 44, "from when each can be known");
    for one in plants() {
        let has = |what: &str| !one[what].as_array().unwrap().is_empty();
        assert!(has("cases") || has("statements") || has("refused") || has("lists") || one["mode"] == "copy", "{one}");
        let modes: &[&str] = if one["is_twin"] == true { &["honest"] } else { &["admitted", "warned", "refused", "copy"] };
        assert!(modes.contains(&one["mode"].as_str().unwrap()), "{one}");
    }
}

#[test]
fn what_the_truth_calls_admitted_is_in_the_record_and_what_it_calls_refused_is_not() {
    let mut refused: BTreeMap<&str, u64> = BTreeMap::from([("recused", 1)]); // a story's
    for one in plants() {
        for hash in strings(&one["statements"]) {
            assert!(COUNTY.deeds.contains_key(hash), "plant {}: {hash}", one["number"]);
        }
        for refusal in one["refused"].as_array().unwrap() {
            assert!(!COUNTY.deeds.contains_key(refusal["statement"].as_str().unwrap()), "plant {}", one["number"]);
            *refused.entry(refusal["rule"].as_str().unwrap()).or_default() += 1;
        }
        let is_refused = !one["refused"].as_array().unwrap().is_empty();
        assert_eq!(is_refused, one["mode"] == "refused", "plant {}", one["number"]);
    }
    let kept: BTreeMap<&str, u64> =
        COUNTY.told["refused"].as_object().unwrap().iter().map(|(rule, count)| (rule.as_str(), count.as_u64().unwrap())).collect();
    assert_eq!(kept, refused);
    let files = std::fs::read_dir(dir().join("refusals")).unwrap().count() as u64;
    assert_eq!(files, refused.values().sum::<u64>());
}

#[test]
fn the_numbers_are_those_of_the_plan() {
    let cases = |number, is_twin| plant(number, is_twin)["cases"].as_array().unwrap().len();
    let of_cases = [
        (1, 9),
        (3, 43),
        (4, 72),
        (5, 16),
        (6, 14),
        (7, 8),
        (9, 4),
        (11, 17),
        (12, 6),
        (13, 7),
        (14, 20),
        (15, 14),
        (16, 60),
        (20, 5),
        (21, 12),
        (22, 190),
    ];
    for (number, expected) in of_cases {
        assert_eq!(cases(number, false), expected, "plant {number}");
    }
    assert_eq!(plant(8, false)["lists"].as_array().unwrap().len(), 12);
    assert_eq!(plant(2, false)["lists"].as_array().unwrap().len(), 6);
    assert_eq!(deeds_of(plant(10, false)).len(), 140);
    assert_eq!(deeds_of(plant(18, false)).len(), 4);
    assert_eq!(plant(19, false)["refused"].as_array().unwrap().len(), 38);
    // Five of the higher tier instead of the lower.
    assert_eq!(plant(20, false)["fen"], 5 * 400_000);
}

#[test]
fn a_sham_morning_looks_unlike_a_courtyard() {
    let sham = deeds_of(plant(4, false));
    let pairs: BTreeSet<String> = sham.iter().map(|deed| deed.header.by[0].unit.to_string()).collect();
    assert_eq!(pairs.len(), 3, "one pair in each of three townships");
    for unit in pairs {
        let of_pair: Vec<&Deed> = sham.iter().filter(|deed| deed.header.by[0].unit.to_string() == unit).copied().collect();
        let gaps = gaps(&of_pair);
        assert_eq!((gaps.len(), gaps.iter().max()), (23, Some(&180)));
    }
    let courtyard = deeds_of(plant(4, true));
    assert!(gaps(&courtyard).contains(&480));
    assert!(gaps(&courtyard).iter().all(|gap| *gap >= 480));
}

#[test]
fn dated_back_is_not_offline() {
    for deed in deeds_of(plant(16, false)) {
        let late = deed.received.0 - deed.header.at.unix_ms().0;
        assert!((24 * HOUR_MS..72 * HOUR_MS).contains(&late), "{late}");
    }
    // The device's own order speaks against the back-dated: a higher counter, an earlier time.
    let contradicts = |deeds: &[&Deed]| {
        deeds.iter().any(|deed| {
            COUNTY.deeds.values().any(|other| {
                other.header.device == deed.header.device
                    && other.header.counter < deed.header.counter
                    && other.header.at.unix_seconds > deed.header.at.unix_seconds
            })
        })
    };
    assert!(contradicts(&deeds_of(plant(16, false))));
    let offline = deeds_of(plant(16, true));
    assert!(offline.len() > 100, "{} offline acts", offline.len());
    assert!(offline.iter().all(|deed| deed.received.0 - deed.header.at.unix_ms().0 > 12 * HOUR_MS));
    assert!(!contradicts(&offline));
}

#[test]
fn accounts_and_keys_and_photos_say_what_they_should() {
    let openings: BTreeMap<String, String> = COUNTY
        .deeds
        .values()
        .filter_map(|deed| match &deed.act {
            Act::Step(step) => Some((step.case.as_ref()?.0.to_string(), step.open.as_ref()?.account.to_string())),
            _ => None,
        })
        .collect();
    let accounts =
        |number, is_twin| strings(&plant(number, is_twin)["cases"]).into_iter().map(|case| &openings[case]).collect::<BTreeSet<_>>();
    assert_eq!(accounts(11, false).len(), 1);
    assert_eq!(accounts(11, true).len(), 3);
    let everybody: BTreeSet<&String> = openings.values().collect();
    assert_eq!(openings.len() - everybody.len(), 16 + 3, "nobody else shares an account");

    let borrowed = deeds_of(plant(10, false));
    let own = |deed: &&&Deed| deed.header.device.as_str().contains("pair");
    assert_eq!(borrowed.iter().filter(own).count(), 0, "all on a village's device");
    let visits = COUNTY.deeds.values().filter(|deed| matches!(&deed.act, Act::Step(step) if step.step.as_str() == "visit"));
    let elsewhere = visits.filter(|deed| !deed.header.device.as_str().contains("pair")).count();
    assert!(elsewhere <= 140 + 4, "{elsewhere}: nobody else visits with a device that is not the pair's, but for told stories");

    let shown = |deed: &Deed| match &deed.act {
        Act::PostDown(down) => down.photos.iter().map(|(_, photo)| photo.to_string()).collect::<Vec<_>>(),
        other => panic!("not a posting: {other:?}"),
    };
    let recycled: BTreeSet<Vec<String>> = deeds_of(plant(8, false)).into_iter().map(shown).collect();
    assert_eq!(recycled.len(), 2, "twelve lists with the photos of two");
}

#[test]
fn forged_minutes_have_the_seats_of_another_village() {
    let seats_of = |list: &str| -> BTreeSet<String> {
        let sheets = COUNTY.deeds.values().filter_map(|deed| match &deed.act {
            Act::Sheet(sheet) if sheet.list.as_str() == list => Some(sheet.lines.texts()),
            _ => None,
        });
        sheets.flatten().map(|text| text.split(' ').next().unwrap().to_owned()).collect()
    };
    let lists = |is_twin| {
        deeds_of(plant(2, is_twin))
            .into_iter()
            .filter(|deed| matches!(deed.act, Act::Step(_)))
            .map(|deed| step_of(deed).seats.as_ref().unwrap().list.to_string())
            .collect::<Vec<_>>()
    };
    let forged: BTreeSet<BTreeSet<String>> = lists(false).iter().map(|list| seats_of(list)).collect();
    assert_eq!(forged.len(), 1, "six meetings with the same people in them");
    assert!(forged.first().unwrap().iter().all(|seat| seat.contains("02-10")));
    let honest = lists(true);
    assert_eq!(honest.len(), 1);
    assert!(seats_of(&honest[0]).iter().all(|seat| seat.contains("02-07")));
}

#[test]
fn parked_money_is_warned_of() {
    let paid = deeds_of(plant(21, false));
    let hash = strings(&plant(21, false)["statements"])[0];
    let funded = COUNTY.deeds.values().find(|deed| matches!(&deed.act, Act::Step(step) if step.step.as_str() == "fund" && step.batch.as_ref().unwrap().batch == step_of(paid[0]).batch.as_ref().unwrap().batch));
    let days = (paid[0].received.0 - funded.unwrap().received.0) / (24 * HOUR_MS);
    assert_eq!(days, 70);
    let snapshot = Snapshot::open(Folder::open_to_read(&dir()).unwrap(), &mut |_| {}).unwrap();
    let mut index = None;
    snapshot
        .admitted(0, &mut |entry| {
            if matches!(&entry.verified.content, Content::Statement { hash: found, .. } if found.to_string() == hash) {
                index = Some(entry.index);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let findings = COUNTY.told["audit"]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["rule"] == "late" && finding["index"].as_u64() == index), "late at {index:?}");
}

#[test]
fn each_tampered_copy_is_found_out() {
    let copies = COUNTY.folder.path().join("county-copies");
    let policy = dir().join("trust-policy");
    let known = dir().join("checkpoint.0");
    let audit = |copy: &str| {
        let copy = copies.join(copy);
        let output = zeren(&["audit", path(&copy), "--policy", path(&policy), "--known", path(&known), "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        told["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(audit("edited"), "broken");
    assert_eq!(audit("cut"), "stale");
    assert_eq!(audit("rewritten"), "broken");
    // Without a checkpoint from outside a history written anew by whoever has the key holds: that is what witnesses are for.
    let alone = zeren(&["audit", path(&copies.join("rewritten")), "--policy", path(&policy), "--json"]);
    let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert_eq!(alone["verdict"], "holds", "the demonstration's witness cosigns whatever it is shown");
}

#[test]
fn officials_move_act_for_others_and_retire() {
    let count = |is_so: &dyn Fn(&Act) -> bool| COUNTY.deeds.values().filter(|deed| is_so(&deed.act)).count();
    let ended = |reason: &str| count(&|act| matches!(act, Act::AppointEnd { reason: of, .. } if of.to_string() == reason));
    assert!(ended("transferred") > 80, "{} moved", ended("transferred"));
    assert!(ended("retired") > 10, "{} retired", ended("retired"));
    let acting = count(&|act| matches!(act, Act::Appoint { capacity, .. } if capacity.to_string() == "acting"));
    assert!(acting > 60, "{acting} acting");
    assert_eq!(count(&|act| matches!(act, Act::Report(_))), 40);
    assert_eq!(count(&|act| matches!(act, Act::Dissent(_))), 20);
}

#[test]
fn the_large_county_lives_as_many_years_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let build = |name: &str, rest: &[&str]| {
        let dir = folder.path().join(name);
        zeren(&[&["demo", "--json", "--dir", path(&dir)], rest].concat())
    };
    let output = build("large", &["--profile", "l", "--people", "440", "--years", "3"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(told["audit"]["verdict"], "holds");
    let paid: u64 = told["totals"].as_array().unwrap().iter().map(|total| total["people"].as_u64().unwrap()).sum();
    assert_eq!(paid, 3 * 440, "everybody is paid every year");
    for wrong in [
        &["--people", "500"][..],
        &["--profile", "l", "--people", "5"],
        &["--profile", "l", "--years", "0"],
        &["--profile", "l", "--copies"],
    ] {
        let refused = build("wrong", wrong);
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}: {}", said(&refused));
        assert!(!folder.path().join("wrong").exists(), "nothing was made");
    }
}

#[test]
fn nobody_honest_is_in_two_homes_at_once() {
    let planted: std::collections::BTreeSet<&str> =
        [4_u64, 10, 16, 22].iter().flat_map(|number| strings(&plant(*number, false)["statements"])).collect();
    let mut times: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    for (hash, deed) in &COUNTY.deeds {
        let Act::Step(step) = &deed.act else { continue };
        if matches!(step.step.as_str(), "visit" | "annual") && !planted.contains(hash.as_str()) {
            for by in &deed.header.by {
                times.entry(by.person.as_str()).or_default().push((deed.header.at.unix_seconds, hash));
            }
        }
    }
    let mut close = 0;
    for (person, mut at) in times {
        at.sort_unstable();
        for two in at.windows(2) {
            assert!(two[1].0 > two[0].0, "{person} at {two:?}");
            close += usize::from(two[1].0 - two[0].0 < 8 * 60);
        }
    }
    assert!(close <= 5, "{close} visits of honest people within eight minutes of the one before: only told stories");
}

#[test]
fn the_registers_outside_show_what_the_record_cannot() {
    let registers: Value = serde_json::from_slice(&std::fs::read(dir().join("outside-registers.json")).unwrap()).unwrap();
    let cases = |key: &str| registers[key].as_array().unwrap().iter().map(|one| one["case"].as_str().unwrap()).collect::<BTreeSet<_>>();
    let truth = |number: u64, is_twin: bool| strings(&plant(number, is_twin)["cases"]).into_iter().collect::<BTreeSet<_>>();
    assert!(truth(1, false).is_subset(&cases("deaths")) && truth(1, true).is_subset(&cases("deaths")));
    assert!(truth(3, false).is_subset(&cases("return_visits")));
    assert_eq!(strings(&registers["payroll"]).into_iter().collect::<BTreeSet<_>>(), truth(6, false));
    let mut by_person: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in registers["identities"].as_array().unwrap() {
        by_person.entry(one["person"].as_str().unwrap()).or_default().insert(one["case"].as_str().unwrap());
    }
    let twice: BTreeSet<&str> = by_person.values().filter(|cases| cases.len() > 1).flatten().copied().collect();
    assert_eq!(twice, truth(14, false));
    let wrong = registers["tiers"].as_array().unwrap().iter().filter(|one| one["entitled"] == "tier-2");
    assert_eq!(wrong.map(|one| one["case"].as_str().unwrap()).collect::<BTreeSet<_>>(), truth(20, false));
}

#[test]
fn status_shows_what_is_overdue_and_compares_with_what_was_published() {
    let (dir, policy) = (dir(), dir().join("trust-policy"));
    let published = dir.join("published.csv");
    let args = ["status", "--dir", path(&dir), "--policy", path(&policy), "--published", path(&published)];
    let output = zeren(&[&args[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let waiting = told["waiting"].as_array().unwrap();
    assert_eq!(waiting.len(), 4);
    assert!(waiting.iter().all(|one| one["kind"] == "report" && one["overdue"] == true), "{waiting:?}");
    let output = zeren(&args);
    assert!(said(&output).contains("Open flags and reports: 4, of which overdue 4"), "{}", said(&output));
    let then = zeren(&[&args[..5], &["--as-of", "2013-06-06"]].concat());
    assert!(said(&then).contains("Open flags and reports: 4, of which overdue 0"), "{}", said(&then));
    let inside = zeren(&[&args[..5], &["--views", path(&dir.join("segments/views"))]].concat());
    assert!(inside.status.code() == Some(2) && said(&inside).contains("lies in the ledger's folder"), "{}", said(&inside));
    assert!(!dir.join("segments/views").exists());
    let nowhere = zeren(&[&args[..5], &["--unit", "77"]].concat());
    assert!(nowhere.status.code() == Some(2) && said(&nowhere).contains("no case of this unit; there are: 01, 02"), "{}", said(&nowhere));
}
