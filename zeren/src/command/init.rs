//! `zeren init`: found a ledger.

use std::path::PathBuf;
use std::process::ExitCode;

use ledger::Ledger;
use ledger::ledger::founded_id;
use ledger::policy::Policy;
use ledger::storage::Folder;
use serde_json::json;
use signer::draft::{DRAFT_BYTES_MAX, Draft};
use signer::{SecretKey, keyfile};
use zeroize::Zeroizing;

use super::print;
use crate::error::Failure;
use crate::lang::Lang;
use crate::secret::{PassphraseSource, open_key};
use crate::{clock, files};

/// Name of the checkpoint key's file where it is kept in the folder.
pub const CHECKPOINT_KEY_FILE: &str = "checkpoint-key.pem";

/// `zeren init`
#[derive(clap::Args)]
pub struct Args {
    /// The folder to make; one that exists is refused
    folder: PathBuf,
    /// The draft of the founding, signed by every founder
    #[arg(long)]
    founding: PathBuf,
    /// The checkpoint key's file
    #[arg(long, value_name = "FILE")]
    checkpoint_key: PathBuf,
    /// Keep an unencrypted copy of the checkpoint key in the folder, so that no command needs --checkpoint-key. Whoever has
    /// the folder then can sign checkpoints
    #[arg(long)]
    keep_key_in_folder: bool,
    /// Write the trust policy that founders take home and give to auditors: the checkpoint key, and all witnesses
    #[arg(long, value_name = "FILE")]
    policy_out: Option<PathBuf>,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Founds a ledger.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let bytes = files::read(&args.founding, DRAFT_BYTES_MAX as u64)?;
    let draft = Draft::parse(&bytes).map_err(|source| Failure::Draft { path: args.founding.display().to_string(), source })?;
    let [founding] = draft.statements.as_slice() else {
        return Err(Failure::malformed(lang.pick("a founding's draft holds one statement", "创设草稿只能包含一份声明")));
    };
    let note = founding.note().encode();
    let key = open_key(&args.checkpoint_key, &args.passphrase, lang)?;
    let kept = if args.keep_key_in_folder {
        Some(keyfile::plain(&key).map_err(|source| Failure::KeyFile { path: CHECKPOINT_KEY_FILE.to_owned(), source })?)
    } else {
        None
    };
    files::require_parent(&args.folder, lang)?;
    if args.folder.exists() {
        return Err(ledger::LedgerError::Exists.into());
    }
    // Judged before the folder is made, so that a refused founding leaves nothing behind.
    judge(note.as_bytes())?;
    let storage = files::make_ledger_folder(&args.folder)?;
    let ledger = files::or_unmake(&args.folder, found(args, storage, note.as_bytes(), key, kept))?;
    if args.json {
        print(&json!({ "ledger": ledger.id().as_str(), "entries": ledger.history().size() }).to_string());
    } else {
        print(&format!("{} {}", lang.pick("founded", "已创设"), ledger.id()));
    }
    Ok(ExitCode::SUCCESS)
}

fn found(args: &Args, storage: Folder, note: &[u8], key: SecretKey, kept: Option<Zeroizing<String>>) -> Result<Ledger<Folder>, Failure> {
    let ledger = Ledger::init(storage, note, key, clock::now())?;
    if let Some(text) = kept {
        files::write_secret(&args.folder.join(CHECKPOINT_KEY_FILE), text.as_bytes())?;
    }
    if let Some(path) = &args.policy_out {
        files::write_new(path, policy(&ledger).as_bytes())?;
    }
    Ok(ledger)
}

/// The checkpoint key in force, and every witness that the founding names.
fn policy(ledger: &Ledger<Folder>) -> String {
    let constitution = ledger.state().in_force().map(|founding| &founding.constitution);
    let witnesses: Vec<_> = constitution.iter().flat_map(|c| &c.witnesses).map(|witness| (witness.name.to_string(), witness.key)).collect();
    let key = constitution.map(|constitution| constitution.checkpoint_key);
    key.map(|key| Policy::write(ledger.id().as_str(), &key, &witnesses, witnesses.len())).unwrap_or_default()
}

fn judge(note: &[u8]) -> Result<(), Failure> {
    let ring = ledger::check::KeyRing::new(founded_id(note));
    let verified = ledger::check(note, &ring).map_err(Failure::Refused)?;
    ledger::admit::admit(&ledger::state::State::new(None), &verified, clock::now(), None).map_err(Failure::Refused).map(drop)
}
