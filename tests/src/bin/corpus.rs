//! Writes what fuzzing starts from: `corpus FOLDER` makes `FOLDER/TARGET/NUMBER`.
#![allow(clippy::unwrap_used, reason = "a program of tests that fails should fail loudly")]

use std::fs;
use std::path::PathBuf;

use tests::targets::{TARGETS, seeds};

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap());
    for target in &TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds(target.name).iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}
