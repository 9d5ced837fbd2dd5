//! `zeren submit`: put signed statements into a ledger on this machine, or of a service.

mod remote;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ledger::check::Verified;
use ledger::entry::Entry;
use ledger::storage::{Folder, MARKER};
use ledger::{Answer, Ledger, LedgerError};
use serde_json::json;
use signer::draft::{DRAFT_BYTES_MAX, DRAFT_KIND, Draft};
use signer::{Refusal, SecretKey};

use super::audit::read_known;
use super::init::CHECKPOINT_KEY_FILE;
use super::{no_ledger, print, require_folder};
use crate::error::{Failure, REFUSED, render_refusal};
use crate::lang::Lang;
use crate::remote::authorities::Authorities;
use crate::remote::client::Client;
use crate::screen::say;
use crate::secret::{PassphraseSource, open_key};
use crate::{clock, files, restored};

/// `zeren submit`
#[derive(clap::Args)]
pub struct Args {
    /// Signed drafts, or notes
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The ledger's folder
    #[arg(long, default_value = ".", conflicts_with = "to")]
    dir: PathBuf,
    /// In place of a folder: the address of a service
    #[arg(
        long,
        value_name = "URL",
        requires = "key",
        conflicts_with_all = ["checkpoint_key", "known", "passphrase_fd", "passphrase_credential"]
    )]
    to: Option<String>,
    /// With --to: your key's file. Receipts are kept beside it, and compared with what you remember; the key itself is not read
    #[arg(long, value_name = "FILE", requires = "to")]
    key: Option<PathBuf>,
    /// With --to: the trust policy, needed the first time
    #[arg(long, value_name = "FILE", requires = "to")]
    policy: Option<PathBuf>,
    /// With --to: certificates of the authorities that vouch for the address; then no others are trusted
    #[arg(long, value_name = "FILE", requires = "to")]
    ca: Option<PathBuf>,
    /// The checkpoint key's file (default: the one in the folder); a second one if an amendment puts it in force
    #[arg(long, value_name = "FILE")]
    checkpoint_key: Vec<PathBuf>,
    /// A checkpoint that you hold, or a receipt: if it is later than the ledger, nothing is accepted
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// Where receipts and refusals go (default: beside each file; with --to, beside the key)
    #[arg(long, value_name = "FOLDER")]
    receipts: Option<PathBuf>,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Opens a ledger of this machine for writing.
pub fn open_ledger(folder: &Path, keys: Vec<SecretKey>, lang: Lang) -> Result<Ledger<Folder>, Failure> {
    require_folder(folder, lang)?;
    if !folder.join(MARKER).exists() {
        return Err(no_ledger(folder, lang));
    }
    restored::require_writable(folder, lang)?;
    let storage = Folder::open(folder).map_err(Failure::file(folder))?;
    let (ledger, recovered) = Ledger::open(storage, keys, &mut |_| {})?;
    // A copy of a node's record, without the file that says so: the record does.
    if ledger.state().epoch().is_some() {
        return Err(LedgerError::OnACluster.into());
    }
    if recovered.kept > 0 || recovered.has_cut {
        let kept = recovered.kept;
        say(&match lang {
            Lang::En => {
                format!("after a crash: {kept} entries without receipt kept, the rest of the last write cut: {}", recovered.has_cut)
            }
            Lang::Zh => format!("断电恢复：保留无回执条目 {kept} 条；清除残余写入：{}", if recovered.has_cut { "是" } else { "否" }),
        });
    }
    Ok(ledger)
}

/// The keys that were given, else the one in the folder.
pub fn checkpoint_keys(folder: &Path, given: &[PathBuf], source: &PassphraseSource, lang: Lang) -> Result<Vec<SecretKey>, Failure> {
    require_folder(folder, lang)?;
    let own = [folder.join(CHECKPOINT_KEY_FILE)];
    let paths = if given.is_empty() { &own[..] } else { given };
    paths.iter().map(|path| open_key(path, source, lang)).collect()
}

/// Submits.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let mut submissions = Vec::new();
    for path in &args.files {
        submissions.extend(notes_of(path)?.into_iter().map(|note| (path.as_path(), note)));
    }
    if let (Some(url), Some(key)) = (&args.to, &args.key) {
        let client = Client::new(url, &Authorities::read(args.ca.as_deref(), lang)?, lang)?;
        let remote = remote::Args { key, policy: args.policy.as_deref(), receipts: args.receipts.as_deref(), is_json: args.json };
        return remote::submit(client, &remote, &submissions, lang);
    }
    let keys = checkpoint_keys(&args.dir, &args.checkpoint_key, &args.passphrase, lang)?;
    restored::show(&args.dir, &args.known, lang)?;
    let mut ledger = open_ledger(&args.dir, keys, lang)?;
    for path in &args.known {
        let note = read_known(path, lang)?;
        if let Err(refusal) = ledger.show(&note) {
            restored::contradicted(&args.dir, &note, &refusal)?;
            say(&render_refusal(&refusal, lang));
        }
    }
    let mut refused = 0;
    let mut printed = Vec::new();
    for (path, note) in submissions {
        let answer = submit_one(&mut ledger, &note)?;
        refused += usize::from(matches!(answer, Answer::Refused { .. }));
        printed.push(keep(&ledger, &answer, path, args.receipts.as_deref(), lang)?);
    }
    if args.json {
        print(&json!({ "ledger": ledger.id().as_str(), "entries": ledger.history().size(), "answers": printed }).to_string());
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

/// The notes of a file: one, or those of a draft.
pub fn notes_of(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = files::read(path, DRAFT_BYTES_MAX as u64)?;
    if !bytes.starts_with(DRAFT_KIND.as_bytes()) {
        return Ok(vec![bytes]);
    }
    let draft = Draft::parse(&bytes).map_err(|source| Failure::Draft { path: path.display().to_string(), source })?;
    Ok(draft.statements.iter().map(|statement| statement.note().encode().into_bytes()).collect())
}

/// One note through the whole door: a statement may need what the one before it brought.
pub fn submit_one(ledger: &mut Ledger<Folder>, note: &[u8]) -> Result<Answer, Failure> {
    match ledger::check(note, ledger.ring()) {
        Err(refusal) => Ok(Answer::Refused { refusal, note: None }),
        Ok(verified) => append_one(ledger, verified),
    }
}

fn append_one(ledger: &mut Ledger<Folder>, verified: Verified) -> Result<Answer, Failure> {
    let mut answers = ledger.append(vec![verified], clock::now())?;
    answers.pop().ok_or_else(|| ledger::LedgerError::Poisoned.into())
}

/// Prints an answer and keeps its files.
fn keep(ledger: &Ledger<Folder>, answer: &Answer, beside: &Path, folder: Option<&Path>, lang: Lang) -> Result<serde_json::Value, Failure> {
    let folder = folder.map_or_else(
        || {
            let mut name = beside.as_os_str().to_owned();
            name.push(".receipts");
            PathBuf::from(name)
        },
        Path::to_owned,
    );
    let write = |name: String, bytes: Vec<u8>| -> Result<String, Failure> {
        fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
        let path = folder.join(name);
        files::replace(&path, &bytes, 0o644)?;
        Ok(path.display().to_string())
    };
    match answer {
        Answer::Recorded { receipt, is_repeated, warnings } => {
            let path = write(format!("{}.tlog-proof", receipt.index), receipt.encode().into_bytes())?;
            // What is in the record, which for a repeated statement need not be what came: a receipt proves these bytes.
            let bytes = ledger.entry(receipt.index)?.unwrap_or_default();
            let entry = Entry::parse(&bytes).map_err(Failure::Refused)?;
            let note = write(format!("{}.note", receipt.index), entry.note.to_vec())?;
            say(&match (lang, is_repeated) {
                (Lang::En, false) => format!("recorded as entry {}; receipt {path}", receipt.index),
                (Lang::En, true) => format!("was recorded before, as entry {}; receipt {path}", receipt.index),
                (Lang::Zh, false) => format!("已入账，第 {} 条；回执 {path}", receipt.index),
                (Lang::Zh, true) => format!("此前已入账，第 {} 条；回执 {path}", receipt.index),
            });
            for warning in warnings {
                say(&format!("{}: {}", lang.pick("warning, kept in the record", "警示（已记录在案）"), render_refusal(warning, lang)));
            }
            let warnings: Vec<serde_json::Value> = warnings.iter().map(|warning| refusal_json(warning, None)).collect();
            Ok(
                json!({ "recorded": true, "index": receipt.index, "repeated": is_repeated, "receipt": path, "note": note, "warnings": warnings }),
            )
        }
        Answer::Refused { refusal, note } => {
            say(&render_refusal(refusal, lang));
            let path = match note {
                Some(note) => {
                    let name: String =
                        signer::note::note_hash(note.encode().as_bytes()).0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
                    let path = write(format!("{name}.refusal"), note.encode().into_bytes())?;
                    say(&format!("{}: {path}", lang.pick("the refusal, signed by the ledger", "账本签署的拒绝通知")));
                    Some(path)
                }
                None => None,
            };
            Ok(refusal_json(refusal, path))
        }
    }
}

fn refusal_json(refusal: &Refusal, note: Option<String>) -> serde_json::Value {
    json!({ "recorded": false, "rule": refusal.rule.name(), "line": refusal.line, "expected": refusal.expected, "found": refusal.found, "advice": refusal.rule.advice(), "note": note })
}
