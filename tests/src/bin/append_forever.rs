//! Appends to the ledger in a folder as fast as it can, until it is killed: `append_forever FOLDER`.
//!
//! For each entry, after its receipt left, one line `<index> <statement hash in hex>` on standard output. The signers are those of
//! [`tests::crowd`].
#![allow(clippy::unwrap_used, reason = "a program of tests that fails should fail loudly")]

use std::io::{self, Write as _};
use std::path::PathBuf;

use ledger::storage::Folder;
use ledger::{Answer, Ledger};
use tests::crowd::Crowd;
use tests::world::key;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap());
    let storage = Folder::open(&folder).unwrap();
    let (mut ledger, recovered) = Ledger::open(storage, vec![key("checkpoint")], &mut |_| {}).unwrap();
    let mut out = io::stdout().lock();
    writeln!(out, "opened {} kept {} cut {}", ledger.history().size(), recovered.kept, recovered.has_cut).unwrap();
    out.flush().unwrap();
    let mut crowd = Crowd::of(&ledger);
    loop {
        let (batch, clock) = crowd.batch(&ledger);
        let verified: Vec<_> = batch.iter().map(|note| ledger::check(note, ledger.ring()).unwrap()).collect();
        let hashes: Vec<_> = verified.iter().map(|verified| verified.statement_hash().unwrap()).collect();
        let answers = ledger.append(verified, clock).unwrap();
        for (answer, hash) in answers.iter().zip(hashes) {
            let Answer::Recorded { receipt, is_repeated: false, .. } = answer else { panic!("{answer:?}") };
            let hex: String = hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(out, "{} {hex}", receipt.index).unwrap();
        }
        out.flush().unwrap();
    }
}
