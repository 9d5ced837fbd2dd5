//! Two signed checkpoints that cannot both be true, kept beside a backup.

use std::fs;
use std::path::{Path, PathBuf};

use signer::{Checkpoint, Note};

use crate::error::Failure;
use crate::files;

/// Keeps both; gives the folder. It lies beside the copy, which is left as it is.
pub fn keep(copy: &Path, ledger: &Note, own: &Note) -> Result<String, Failure> {
    let mut name = copy.components().collect::<PathBuf>().into_os_string();
    name.push(".evidence");
    let folder = PathBuf::from(name);
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    for (whose, note) in [("ledger", ledger), ("backup", own)] {
        let size = Checkpoint::parse(&note.text).map_or(0, |checkpoint| checkpoint.size);
        let hash: String = signer::note::note_hash(note.encode().as_bytes()).0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        files::replace(&folder.join(format!("{whose}-{size}-{hash}.checkpoint")), note.encode().as_bytes(), 0o644)?;
    }
    Ok(folder.display().to_string())
}
