//! Proofs by the daily index, fetched from a service and verified without it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

mod served;

use std::fs;

use serde_json::{Value, json};

use self::served::Served;

/// What `zeren verify proof` says of these bytes: exit code and JSON.
fn verified(served: &Served, bytes: &[u8]) -> (i32, String) {
    fs::write(served.path("sent.proof"), bytes).unwrap();
    served.run(&["verify", "proof", "sent.proof", "--policy", "county/trust-policy", "--json"])
}

fn shown(served: &Served, path: &str, person: &str) -> (Vec<u8>, Value) {
    let answer = served.get(path, Some(&served.token(person)));
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    let (code, said) = verified(served, &answer.body);
    assert_eq!(code, 0, "{said}");
    (answer.body, serde_json::from_str(said.trim()).unwrap())
}

#[test]
fn a_proof_from_the_service_verifies_without_it_and_no_byte_of_it_can_change() {
    let served = Served::start(&[]);
    let (good, case) = shown(&served, "/v1/cases/07-05-003/proof", "t701");
    assert_eq!((&case["verifies"], &case["exists"], &case["id"]), (&json!(true), &json!(true), &json!("07-05-003")));
    let value = case["value"].as_str().unwrap();
    assert!(value.starts_with("case 07-05-003\nhead ") && value.contains("\nacts "), "{value}");
    for at in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (code, said) = verified(&served, &bad);
        assert!(code != 0 && !said.contains("\"verifies\":true"), "byte {at} changed: {said}");
    }
    // What `zeren prove` makes of the folder is the same file.
    served.ok(&["prove", "case", "07-05-003", "--dir", "county", "--out", "own.proof"]);
    assert_eq!(fs::read(served.path("own.proof")).unwrap(), good);
    let (_, key) = shown(&served, "/v1/persons/t701/proof", "t701");
    assert!(key["value"].as_str().unwrap().ends_with("status active\n"), "{key}");
}

#[test]
fn absence_is_for_those_who_may_see_every_case_and_denials_are_logged() {
    let served = Served::start(&[]);
    let (_, nothing) = shown(&served, "/v1/cases/08-01-001/proof", "o001");
    assert_eq!((&nothing["verifies"], &nothing["exists"]), (&json!(true), &json!(false)));
    let denied = [
        ("v05-clerk", "/v1/cases/07-01-001/proof"),
        // Nothing there: a township's clerk does not learn even that.
        ("t701", "/v1/cases/08-01-001/proof"),
        ("v05-clerk", "/v1/persons/o001/proof"),
    ];
    for (person, path) in denied {
        let answer = served.get(path, Some(&served.token(person)));
        assert_eq!((answer.status, answer.json()["rule"].as_str()), (403, Some("scope")), "{path}");
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
    }
    assert_eq!(served.get("/v1/cases/07-05-003/proof", None).status, 401);
    assert_eq!(served.get("/v1/cases/n%20o/proof", Some(&served.token("o001"))).status, 400);
    let log = served.access_log();
    let noted = |person: &str, path: &str, denied: Option<&str>| {
        log.iter().any(|line| line["person"] == json!(person) && line["path"] == path && line["denied"] == json!(denied))
    };
    for (person, path) in denied {
        assert!(noted(person, path, Some("scope")), "{person} {path}");
    }
    assert!(noted("o001", "/v1/cases/08-01-001/proof", None));
}

/// What was recorded since the index entry changes no proof, and has none yet.
#[test]
fn what_came_after_the_index_entry_waits_for_the_next() {
    let served = Served::start(&[]);
    let url = served.url();
    let t701 = served.key("t701");
    let act = |name: &str, by: &[&str], draft: &[&str]| {
        let (desk, file) = (format!("{name}.desk"), format!("{name}.draft"));
        let trust = ["--policy", "county/trust-policy"];
        served.ok(&[&["desk", "fetch", "--service", &url, "--key", &t701, "--person", "t701", "-o", &desk], &trust[..]].concat());
        let signers: Vec<&str> = by.iter().flat_map(|person| ["--by", person]).collect();
        let asked = ["--desk", &desk, "--device", "d-07-pair-1", "-o", &file];
        served.ok(&[&["draft"], draft, &asked[..], &signers[..]].concat());
        for person in by {
            served.ok(&[&["sign", &file, "--key", &served.key(person), "--person", person, "--yes"], &trust[..]].concat());
        }
        served.ok(&[&["submit", "--to", &url, "--key", &t701, &file], &trust[..]].concat());
    };
    // The first statement of a day brings the day's index entry with it, which is before it.
    act("first", &["t701"], &["objection", "case 07-05-006", "reason mistake", "evidence none"]);
    let (before, case) = shown_unanchored(&served, "/v1/cases/07-05-004/proof");
    act("second", &["t701"], &["objection", "case 07-05-004", "reason mistake", "evidence none"]);
    let flags = flags_once_seen(&served, "07-05-004");
    let (after, again) = shown_unanchored(&served, "/v1/cases/07-05-004/proof");
    assert_eq!(flags, 1);
    assert_eq!(case, again, "{} {}", String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
    assert!(!case["value"].as_str().unwrap().contains("flag"), "{case}");
}

/// Open flags of a case, once the views have seen every entry.
fn flags_once_seen(served: &Served, case: &str) -> usize {
    let size = served.get("/v1/ledger", None).json()["size"].clone();
    loop {
        let answer = served.get(&format!("/v1/cases/{case}"), Some(&served.token("t701"))).json();
        if answer["at"]["size"] == size {
            return answer["flags"].as_array().unwrap().len();
        }
    }
}

/// Witnesses have not seen the newest index entry yet: it verifies by the ledger's own signature, and says so.
fn shown_unanchored(served: &Served, path: &str) -> (Vec<u8>, Value) {
    let answer = served.get(path, Some(&served.token("t701")));
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    let (_, said) = verified(served, &answer.body);
    (answer.body, serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}")))
}

#[test]
fn a_light_client_fetches_a_proof_by_command() {
    let served = Served::start(&[]);
    let (url, key) = (served.url(), served.key("t701"));
    let ask = ["--from", &url, "--key", &key, "--person", "t701", "--policy", "county/trust-policy", "--out", "case.proof"];
    let said = served.ok(&[&["prove", "case", "07-05-003"], &ask[..]].concat());
    assert!(said.contains("says of 07-05-003"), "{said}");
    let (code, said) = verified(&served, &fs::read(served.path("case.proof")).unwrap());
    assert!(code == 0 && said.contains("\"exists\":true"), "{said}");
    served.ok(&[&["prove", "key", "t701"], &ask[..]].concat());
    let (code, said) = served.run(&[&["prove", "case", "08-01-001"], &ask[..]].concat());
    assert!(code == 4 && said.contains("scope"), "{said}");
    let (code, said) = served.run(&["prove", "case", "07-05-003", "--from", &url, "--out", "x.proof"]);
    assert!(code == 2 && said.contains("--key"), "{said}");
}
