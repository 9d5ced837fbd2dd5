//! Receipts and refusals beside a key, each ledger's in a folder of its own: what a clerk can show without asking anybody.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use signer::checkpoint::Receipt;
use signer::draft::Memory;
use signer::note::{NOTE_BYTES_MAX, Note, note_hash};
use signer::statement::statement_hash;
use signer::value::StatementHash;

use crate::error::Failure;
use crate::files;

/// How the names of receipts end, and of the notes that they prove.
const RECEIPT: &str = "tlog-proof";
const NOTE: &str = "note";
/// Longest receipt that is read, in bytes.
const RECEIPT_BYTES_MAX: u64 = 256 << 10;

/// Where receipts and refusals go.
pub struct Shelf {
    folder: PathBuf,
    /// Folders in which earlier versions put them.
    earlier: Vec<PathBuf>,
}

/// A receipt that is there and verifies.
pub struct Held {
    /// The receipt.
    pub receipt: Receipt,
    /// Its file.
    pub path: PathBuf,
    /// The note that is in the record.
    note: Vec<u8>,
}

impl Shelf {
    /// Beside the key: `KEY.receipts/` and the last part of the ledger's id. Earlier versions had all ledgers' receipts in one folder.
    pub fn beside(key: &Path, ledger: &str) -> Shelf {
        let mut name = key.as_os_str().to_owned();
        name.push(".receipts");
        let all = PathBuf::from(name);
        Shelf { folder: all.join(ledger.rsplit('/').next().unwrap_or_default()), earlier: vec![all] }
    }

    /// In a folder that somebody names.
    pub fn at(folder: &Path) -> Shelf {
        Shelf { folder: folder.to_owned(), earlier: Vec::new() }
    }

    /// Keeps a refusal of a note.
    pub fn keep_refusal(&self, note: &str, signed: &str) -> Result<(), Failure> {
        self.keep(&format!("{}.refusal", digits(note.as_bytes())), signed).map(|_| ())
    }

    /// Keeps a receipt that verifies, with the note that it proves, and gives its file. One that is there and verifies is never
    /// written over: of another note at the same place in the log, it is evidence.
    pub fn keep_receipt(&self, receipt: &Receipt, note: &str, memory: &Memory) -> Result<PathBuf, Failure> {
        let name = receipt.index.to_string();
        let name = match self.held_as(&self.folder.join(format!("{name}.{NOTE}")), memory) {
            Some(held) if held.note == note.as_bytes() => return Ok(held.path),
            Some(_) => format!("{name}-{}", digits(note.as_bytes())),
            None => name,
        };
        self.keep(&format!("{name}.{NOTE}"), note)?;
        self.keep(&format!("{name}.{RECEIPT}"), &receipt.encode())
    }

    /// The notes that are there, by the hash of their texts.
    pub fn notes(&self) -> BTreeMap<StatementHash, Vec<PathBuf>> {
        let mut notes: BTreeMap<StatementHash, Vec<PathBuf>> = BTreeMap::new();
        for folder in self.earlier.iter().chain([&self.folder]) {
            // What cannot be read is as good as not there: it is submitted once more.
            for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                let is_note = path.extension().is_some_and(|extension| extension == NOTE);
                let note = Some(&path).filter(|_| is_note).and_then(|path| files::read(path, NOTE_BYTES_MAX as u64).ok());
                if let Some(note) = note.and_then(|bytes| Note::parse(&bytes).ok()) {
                    notes.entry(statement_hash(&note.text)).or_default().push(path);
                }
            }
        }
        notes
    }

    /// The receipt beside a note's file, if it verifies under the key that is remembered.
    pub fn held_as(&self, path: &Path, memory: &Memory) -> Option<Held> {
        let note = files::read(path, NOTE_BYTES_MAX as u64).ok()?;
        let path = path.with_extension(RECEIPT);
        let receipt = Receipt::parse(&files::read(&path, RECEIPT_BYTES_MAX).ok()?)?;
        receipt.verify(&note, &memory.origin, &memory.key).ok()?;
        Some(Held { receipt, path, note })
    }

    fn keep(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        fs::create_dir_all(&self.folder).map_err(Failure::file(&self.folder))?;
        let path = self.folder.join(name);
        files::replace(&path, text.as_bytes(), 0o600)?;
        Ok(path)
    }
}

/// The first digits of a note's hash.
fn digits(note: &[u8]) -> String {
    note_hash(note).0[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
