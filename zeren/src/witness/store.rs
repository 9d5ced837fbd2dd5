//! The witness's folder: one note for each origin, replaced whole; fork proofs; the origins that were ever begun.
//!
//! ```text
//! witness              `zeren witness v1\n<name> <key>\n`
//! origins              one origin a line: what must have a file
//! checkpoints/<hex>    the note cosigned last, named by SHA-256 of the origin; or `zeren witness v1\nnothing cosigned\n<origin>\n`
//! forks/<hex>.fork     fork proofs, named by the first half of their SHA-256
//! ```

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ledger::fork::{ForkProof, Key};
use sha2::{Digest as _, Sha256};
use signer::PublicKey;
use signer::checkpoint::{Checkpoint, cosignature_verifies};
use signer::merkle::empty_root;
use signer::note::{NOTE_BYTES_MAX, Note, SignatureLine, TYPE_COSIGNATURE, key_id};

use super::Latest;
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;

const MARKER: &str = "witness";
const ORIGINS: &str = "origins";
const CHECKPOINTS: &str = "checkpoints";
const FORKS: &str = "forks";
const LOCK: &str = "lock";
const KIND: &str = "zeren witness v1";
/// Longest list of origins, in bytes.
const ORIGINS_BYTES_MAX: u64 = 1 << 20;
/// Fork proofs that are kept: only a log's own key can cause one, and one is enough.
const FORKS_MAX: usize = 1_000;

/// The folder of a witness, open in this process alone.
pub struct Store {
    path: PathBuf,
    lang: Lang,
    origins: Mutex<Vec<String>>,
    _lock: File,
}

/// Name of an origin's file.
pub fn file_name(origin: &str) -> String {
    hex(&Sha256::digest(origin))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn marker(name: &str, key: &PublicKey) -> String {
    format!("{KIND}\n{name} {}\n", key.bytes())
}

fn nothing_cosigned(origin: &str) -> String {
    format!("{KIND}\nnothing cosigned\n{origin}\n")
}

impl Store {
    /// Makes the folder of a new witness.
    pub fn create(path: &Path, name: &str, key: &PublicKey) -> Result<(), Failure> {
        let failed = Failure::file(path);
        fs::create_dir(path).map_err(&failed)?;
        for folder in [CHECKPOINTS, FORKS] {
            fs::create_dir(path.join(folder)).map_err(&failed)?;
        }
        files::replace(&path.join(ORIGINS), b"", 0o644)?;
        // Last: without it, the folder is nobody's.
        files::replace(&path.join(MARKER), marker(name, key).as_bytes(), 0o644)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Opens the folder of this witness.
    pub fn open(path: &Path, name: &str, key: &PublicKey, lang: Lang) -> Result<Store, Failure> {
        if !path.join(MARKER).is_file() {
            let what = lang.pick(
                "no witness's folder. `zeren witness new` makes one, once: a witness that begins again would cosign a rollback",
                "不是见证方文件夹。请用 zeren witness new 创建（仅一次）：见证方若从头开始，可能为被回滚的账本共签",
            );
            return Err(Failure::malformed(format!("{}: {what}", path.display())));
        }
        let found = files::read_text(&path.join(MARKER), 1_024)?;
        if found != marker(name, key) {
            let what = lang.pick("belongs to another witness: expected name and key", "属于其他见证方，应为名称与密钥");
            return Err(Failure::malformed(format!("{}: {what} {name} {}", path.display(), key.bytes())));
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(Failure::file(path))?;
        if lock.try_lock().is_err() {
            let what = lang.pick("another process has this folder open", "另一进程正在使用该文件夹");
            return Err(Failure::malformed(format!("{}: {what}", path.display())));
        }
        let origins = files::read_text(&path.join(ORIGINS), ORIGINS_BYTES_MAX)?.lines().map(str::to_owned).collect();
        Ok(Store { path: path.to_owned(), lang, origins: Mutex::new(origins), _lock: lock })
    }

    fn checkpoint_path(&self, origin: &str) -> PathBuf {
        self.path.join(CHECKPOINTS).join(file_name(origin))
    }

    /// What was cosigned last for an origin; one that is new begins at 0, now and never again.
    pub fn latest(&self, origin: &str, keys: &[PublicKey], own: &Key) -> Result<Latest, Failure> {
        let path = self.checkpoint_path(origin);
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let is_begun = origins.iter().any(|begun| begun == origin);
        if !is_begun && !path.exists() {
            // The file first: what the list names must be there.
            files::replace(&path, nothing_cosigned(origin).as_bytes(), 0o644)?;
        }
        let bytes = match files::read(&path, NOTE_BYTES_MAX as u64) {
            Ok(bytes) => bytes,
            Err(failure) => return Err(self.damaged(origin, &path, &failure.to_string())),
        };
        let latest = read_latest(&bytes, origin, keys, own).map_err(|found| self.damaged(origin, &path, &found))?;
        if !is_begun {
            origins.push(origin.to_owned());
            let list: String = origins.iter().map(|origin| format!("{origin}\n")).collect();
            files::replace(&self.path.join(ORIGINS), list.as_bytes(), 0o644)?;
        }
        Ok(latest)
    }

    fn damaged(&self, origin: &str, path: &Path, found: &str) -> Failure {
        let path = path.display();
        Failure::NotKept {
            what: match self.lang {
                Lang::En => format!(
                    "{path}: expected the note cosigned last for {origin}, found {found}\n  what to do: restore this file from a copy that is not \
                     older than the last cosignature; without one, retire this witness's key. Leave this log out to serve the others"
                ),
                Lang::Zh => format!(
                    "{path}：应为对 {origin} 最近一次共签的检查点，实为：{found}\n  处理: 请用不早于最近一次共签的副本恢复该文件；若无副本，该见证密钥应停用。\
                     如需继续服务其他账本，请去掉此账本的 --log"
                ),
            },
        }
    }

    /// Makes a cosigned note durable in the place of the one before. After an error either may be there.
    pub fn keep(&self, origin: &str, note: &Note) -> Result<(), Failure> {
        files::replace(&self.checkpoint_path(origin), note.encode().as_bytes(), 0o644)
    }

    /// Keeps a fork proof; gives its file.
    ///
    /// # Errors
    /// Why it is not kept.
    pub fn keep_fork(&self, proof: &ForkProof) -> Result<String, String> {
        let bytes = proof.encode();
        let path = self.path.join(FORKS).join(format!("{}.fork", hex(&Sha256::digest(&bytes)[..16])));
        let shown = path.display().to_string();
        if path.exists() {
            return Ok(shown);
        }
        let kept = fs::read_dir(self.path.join(FORKS)).map_err(|error| error.to_string())?.count();
        if kept >= FORKS_MAX {
            return Err(format!("{FORKS_MAX} fork proofs are kept already"));
        }
        files::replace(&path, bytes.as_bytes(), 0o644).map(|()| shown).map_err(|failure| failure.to_string())
    }
}

/// The file of an origin, which the witness's own cosignature vouches for. The log's signatures are kept for fork proofs; a key that
/// was replaced since is no longer known here.
fn read_latest(bytes: &[u8], origin: &str, keys: &[PublicKey], own: &Key) -> Result<Latest, String> {
    if bytes == nothing_cosigned(origin).as_bytes() {
        return Ok(Latest { size: 0, root: empty_root(), seconds: 0, note: None, is_in_doubt: false });
    }
    let note = Note::parse(bytes).map_err(|refusal| format!("no note ({})", refusal.rule))?;
    let checkpoint = Checkpoint::of_any_log(&note.text).ok_or("no checkpoint")?;
    if checkpoint.origin != origin {
        return Err(format!("a checkpoint of {}", checkpoint.origin));
    }
    let id = key_id(&own.name, TYPE_COSIGNATURE, &own.key.bytes().0);
    let line = note.signatures.iter().find(|line| line.name == own.name && line.key_id == id);
    let line = line.and_then(SignatureLine::cosignature).ok_or("no cosignature of this witness")?;
    if !cosignature_verifies(&note.text, &own.key, line.0, &line.1) {
        return Err("a cosignature that does not verify".to_owned());
    }
    if keys.iter().any(|key| super::has_false_line(&note, origin, key)) {
        return Err("a signature of the log that does not verify".to_owned());
    }
    Ok(Latest { size: checkpoint.size, root: checkpoint.root, seconds: line.0, note: Some(note), is_in_doubt: false })
}
