//! The measuring commands, on little, so that they keep working. What they measure here says nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

use std::process::Command;

use serde_json::Value;

#[test]
fn the_service_is_measured_with_and_without_hostile_connections() {
    let folder = tempfile::tempdir().unwrap();
    for at_once in ["1", "8"] {
        let measured = Command::new(env!("CARGO_BIN_EXE_zeren"))
            .args(["--lang", "en", "bench", "serve", "--json", "--connections", "3", "--statements", "16", "--hostile", "8"])
            .args(["--at-once", at_once, "--dir"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
        let said: Value = serde_json::from_slice(&measured.stdout).unwrap();
        assert_eq!((&said["statements"], &said["at_once"]), (&Value::from(48), &Value::from(at_once.parse::<u32>().unwrap())));
        let rounds = said["rounds"].as_array().unwrap();
        let opened: Vec<u64> = rounds.iter().map(|round| round["hostile_opened"].as_u64().unwrap()).collect();
        assert_eq!(opened, [0, 8, 0], "{said}");
        assert!(
            rounds.iter().all(|round| round["statements_per_second"].as_f64().unwrap() > 0.0 && round["p99_ms"].as_f64().unwrap() > 0.0)
        );
    }
    // Nothing is left behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
