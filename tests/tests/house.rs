//! The rules of the house: which crate may use which, under which licences, and what stands where.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO")).args(["metadata", "--format-version=1", "--locked"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Name of each package by its id.
fn names(metadata: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    metadata["packages"].as_array().unwrap().iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect()
}

/// Everything that a package is built from (not its tests), itself included.
fn tree(metadata: &Value, package: &str) -> BTreeSet<String> {
    let names = names(metadata);
    let nodes: BTreeMap<&str, &Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let start = names.iter().find(|(_, name)| *name == package).unwrap().0;
    let (mut seen, mut next) = (BTreeSet::new(), vec![start.as_str()]);
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            let dependencies = nodes[id]["deps"].as_array().unwrap().iter();
            next.extend(
                dependencies
                    .filter(|d| d["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev"))
                    .map(|d| d["pkg"].as_str().unwrap()),
            );
        }
    }
    seen.into_iter().map(|id| names[id].clone()).collect()
}

#[test]
fn arrows_run_one_way() {
    let metadata = metadata();
    let forbidden: [(&str, &[&str]); 3] = [
        (
            "signer",
            &["ledger", "projector", "zeren", "tokio", "axum", "clap", "async-nats", "chrono", "redb", "bincode", "rayon", "getrandom"],
        ),
        ("ledger", &["projector", "zeren", "tokio", "axum", "clap", "async-nats", "chrono", "redb", "bincode", "getrandom"]),
        ("projector", &["zeren", "tokio", "axum", "clap", "async-nats", "chrono"]),
    ];
    for (package, others) in forbidden {
        let tree = tree(&metadata, package);
        let wrong: Vec<&&str> = others.iter().filter(|other| tree.contains(**other)).collect();
        assert!(wrong.is_empty(), "{package} must not depend on {wrong:?}");
    }
    assert!(tree(&metadata, "zeren").contains("projector"), "the walk finds what is there");
    assert!(tree(&metadata, "projector").contains("redb"));
}

/// Features that would widen the one signature rule, whoever switches them on.
#[test]
fn no_feature_widens_the_signature_rule() {
    let metadata = metadata();
    let names = names(&metadata);
    let mut found = 0;
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        if ["ed25519-dalek", "curve25519-dalek"].contains(&names[node["id"].as_str().unwrap()].as_str()) {
            found += 1;
            for feature in node["features"].as_array().unwrap() {
                assert!(!["legacy_compatibility", "batch"].contains(&feature.as_str().unwrap()), "{}: {feature}", node["id"]);
            }
        }
    }
    assert_eq!(found, 2, "one generation of each");
}

#[test]
fn every_licence_is_one_that_apache_2_can_live_with() {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "Unicode-3.0",
        "CC0-1.0",
        "0BSD",
        "Unlicense",
        "MIT-0",
        "Apache-2.0 WITH LLVM-exception",
        "BSL-1.0",
        // Data: the list of roots that a browser trusts.
        "CDLA-Permissive-2.0",
    ];
    for package in metadata()["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        // One of the alternatives must be allowed in all its parts.
        let fits = licence.split(" OR ").any(|one| one.split(" AND ").all(|part| allowed.contains(&part.trim_matches(['(', ')', ' ']))));
        assert!(fits, "{}: licence `{licence}`", package["name"]);
    }
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

/// Where a word may stand: (word, folders searched, file that may hold it).
#[test]
fn effects_and_unsound_packages_stand_in_one_file_each() {
    let places: [(&str, &[&str], &str); 6] = [
        ("SystemTime", &["signer/src", "ledger/src", "projector/src", "zeren/src"], "nowhere"),
        ("Utc::now", &["signer/src", "ledger/src", "projector/src", "zeren/src"], "zeren/src/clock.rs"),
        ("Local::now", &["signer/src", "ledger/src", "projector/src", "zeren/src"], "zeren/src/clock.rs"),
        ("getrandom::", &["signer/src", "ledger/src", "projector/src", "zeren/src"], "zeren/src/secret.rs"),
        ("redb::", &["signer/src", "ledger/src", "projector/src", "zeren/src"], "projector/src/store.rs"),
        ("bincode::", &["signer/src", "ledger/src", "projector/src", "zeren/src"], "projector/src/store.rs"),
    ];
    for (word, folders, allowed) in places {
        for (path, text) in folders.iter().flat_map(|folder| sources(folder)) {
            assert!(!text.contains(word) || path.ends_with(allowed), "{word} in {}", path.display());
        }
    }
}

#[test]
fn files_hold_one_idea() {
    const LINES_MAX: usize = 700;
    for folder in ["signer/src", "ledger/src", "projector/src", "zeren/src", "tests/src"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX, "{}: {lines} lines", path.display());
        }
    }
}

/// Every rule stands in format.md, and format.md names no other: the page and the code have one list.
#[test]
fn format_page_and_code_have_the_same_rules() {
    let page = fs::read_to_string(root().join("docs/format.md")).unwrap();
    for rule in signer::Rule::ALL {
        assert!(page.contains(&format!("`{}`", rule.name())), "{rule} is not in docs/format.md");
    }
}
