//! Copies of the ledger as somebody leaves them who has the disk: one edited, one cut back to an earlier day, one written anew with
//! the ledger's own key. The ledger itself is untouched.

use std::fs;
use std::path::{Path, PathBuf};

use super::DRAWN;
use crate::county::{self, Large, Profile};
use crate::demo_keys::DemoSeed;
use crate::error::Failure;

/// The copies' folder, and the ledger's.
pub struct Copies {
    ledger: PathBuf,
    folder: PathBuf,
}

impl Copies {
    /// A new folder beside the ledger's.
    pub fn beside(ledger: &Path) -> Result<Copies, Failure> {
        let mut name = ledger.file_name().unwrap_or_default().to_owned();
        name.push("-copies");
        let folder = ledger.with_file_name(name);
        fs::create_dir(&folder).map_err(Failure::file(&folder))?;
        Ok(Copies { ledger: ledger.to_owned(), folder })
    }

    /// Keeps the ledger as it is now: put back later, it has lost what came after.
    pub fn keep_early(&self) -> Result<(), Failure> {
        copy(&self.ledger, &self.folder.join("cut"))
    }

    /// Makes the other two.
    pub fn edit_and_rewrite(&self, seed: &str, profile: Profile) -> Result<(), Failure> {
        self.edit()?;
        let mut county = county::found(&self.folder.join("rewritten"), DemoSeed::new(seed), profile, Large::default())?;
        county.rewrites = true;
        county::live_a_year(&mut county, &mut |_, _| Ok(())).map(drop)
    }

    /// In a copy, the amount of one payment is another.
    fn edit(&self) -> Result<(), Failure> {
        let copied = self.folder.join("edited");
        copy(&self.ledger, &copied)?;
        let segments = copied.join("segments");
        for file in fs::read_dir(&segments).map_err(Failure::file(&segments))? {
            let path = file.map_err(Failure::file(&segments))?.path();
            let mut bytes = fs::read(&path).map_err(Failure::file(&path))?;
            if let Some(digit) = amount_of(&bytes, DRAWN) {
                if let Some(byte) = bytes.get_mut(digit) {
                    *byte = if *byte == b'9' { b'8' } else { b'9' };
                }
                return fs::write(&path, bytes).map_err(Failure::file(&path));
            }
        }
        Err(Failure::malformed(format!("no payment of case {DRAWN} to edit")))
    }
}

/// Where the first digit of a case's amount stands on a sheet of payments: `| CASE HEAD FEN ACCOUNT`.
fn amount_of(bytes: &[u8], case: &str) -> Option<usize> {
    let line = format!("| {case} ");
    let starts = bytes.windows(line.len()).enumerate().filter(|(_, window)| *window == line.as_bytes()).map(|(at, _)| at);
    starts
        .filter_map(|start| {
            let line = bytes.get(start..)?.split(|byte| *byte == b'\n').next()?;
            let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            let [bar, case, head, fen, _account] = parts.as_slice() else { return None };
            let is_amount = !fen.is_empty() && fen.iter().all(u8::is_ascii_digit);
            is_amount.then_some(start + bar.len() + case.len() + head.len() + 3)
        })
        .next()
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir(to).map_err(Failure::file(to))?;
    for file in fs::read_dir(from).map_err(Failure::file(from))? {
        let file = file.map_err(Failure::file(from))?;
        let (from, to) = (file.path(), to.join(file.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(Failure::file(&from))?;
        }
    }
    Ok(())
}
