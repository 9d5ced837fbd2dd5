//! `zeren witness ask`: the witnesses that a ledger names cosign its latest checkpoint, and the ledger logs it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ledger::Answer;
use ledger::fork::{ForkProof, Prefix};
use ledger::snapshot::Snapshot;
use ledger::state::State;
use ledger::storage::Folder;
use serde_json::{Value, json};
use signer::note::SignatureLine;
use signer::{Note, PublicKey};

use crate::command::submit::{checkpoint_keys, open_ledger, submit_one};
use crate::command::{print, read_ledger};
use crate::error::{DOES_NOT_VERIFY, Failure, STORAGE};
use crate::files;
use crate::lang::Lang;
use crate::remote::authorities::{Authorities, advice};
use crate::remote::witness::{self, AskError, Asked};
use crate::screen::say;
use crate::secret::PassphraseSource;
use crate::vouching::Vouching;

/// How often the ledger is read again because a witness knows more than was read.
const LATE_MAX: usize = 3;

/// `zeren witness ask`
#[derive(Args)]
pub struct Ask {
    /// A witness that the founding or amendment in force names, and where it is
    #[arg(required = true, value_name = "NAME=URL")]
    witnesses: Vec<String>,
    /// The ledger's folder
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The checkpoint key's file (default: the one in the folder)
    #[arg(long, value_name = "FILE")]
    checkpoint_key: Vec<PathBuf>,
    /// Where proofs of a fork and a witness's later checkpoint go
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    evidence: PathBuf,
    /// Certificates of the authorities that vouch for the witnesses' addresses; then no others are trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// What one witness answered.
struct Told {
    name: String,
    answer: Result<SignatureLine, AskError>,
    /// What was kept as evidence.
    kept: Option<PathBuf>,
}

pub(super) fn run(args: &Ask, lang: Lang) -> Result<ExitCode, Failure> {
    let keys = checkpoint_keys(&args.dir, &args.checkpoint_key, &args.passphrase, lang)?;
    // Read, and not open for writing: a witness may take its time, and the ledger goes on.
    let mut ledger = read_ledger(&args.dir, lang)?;
    let authorities = Authorities::read(args.ca.as_deref(), lang)?;
    let asked = args.witnesses.iter().map(|text| named(ledger.state(), text, &authorities, lang)).collect::<Result<Vec<_>, _>>()?;
    let mut told: Vec<Told> = ask_all(&ledger, &asked);
    let knows_larger = |told: &[Told]| told.iter().any(|told| matches!(told.answer, Err(AskError::KnowsLarger { .. })));
    for _ in 0..LATE_MAX {
        if !knows_larger(&told) {
            break;
        }
        // Others may have recorded, and asked, since the ledger was read: then it is this command that is late.
        let fresh = read_ledger(&args.dir, lang)?;
        if fresh.size() == ledger.size() {
            break;
        }
        ledger = fresh;
        told = ask_all(&ledger, &asked);
    }
    for (told, asked) in told.iter_mut().zip(&asked) {
        if let Err(error) = &told.answer
            && error.is_evidence()
        {
            told.kept = keep_evidence(&ledger, asked, error, &args.evidence, lang)?;
        }
    }
    let mut note: Note = ledger.checkpoint().clone();
    note.signatures.truncate(1);
    note.signatures.extend(told.iter().filter_map(|told| told.answer.as_ref().ok()).cloned());
    let size = ledger.size();
    drop(ledger);
    let entry = if note.signatures.len() > 1 { Some(log(&args.dir, keys, &note, lang)?) } else { None };
    if args.json {
        print(&to_json(&told, size, entry).to_string());
    } else {
        print(&render(&told, size, entry, lang));
    }
    let is_evidence = |told: &Told| told.answer.as_ref().is_err_and(AskError::is_evidence);
    Ok(match told.iter().all(|told| told.answer.is_ok()) {
        true => ExitCode::SUCCESS,
        false if told.iter().any(is_evidence) => ExitCode::from(DOES_NOT_VERIFY),
        false => ExitCode::from(STORAGE),
    })
}

/// A witness that the founding or amendment in force names: NAME=URL.
pub fn named(state: &State, text: &str, authorities: &Authorities, lang: Lang) -> Result<Asked, Failure> {
    let wrong = |en, zh| Failure::malformed(format!("{text}: {}", lang.pick(en, zh)));
    let (name, url) = text.split_once('=').ok_or_else(|| wrong("expected NAME=URL", "应为 名称=URL"))?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(wrong("expected an address that begins with http:// or https://", "地址须以 http:// 或 https:// 开头"));
    }
    authorities.require_tls(url, lang)?;
    let witnesses = state.in_force().map(|founding| founding.constitution.witnesses.as_slice()).unwrap_or_default();
    let known = witnesses.iter().find(|witness| witness.name.as_str() == name);
    let known =
        known.ok_or_else(|| wrong("no witness that the founding or amendment in force names", "现行创设声明或修订中没有此见证方"))?;
    let key = PublicKey::decode(&known.key).map_err(Failure::Refused)?;
    Ok(Asked { url: url.to_owned(), name: name.to_owned(), key, authorities: authorities.clone() })
}

/// All at once: one that is slow keeps none waiting but the command.
fn ask_all(ledger: &Snapshot<Folder>, asked: &[Asked]) -> Vec<Told> {
    let last_known = ledger.state().cosigned_size();
    let ask = |asked: &Asked| {
        let consistency = |old| ledger.history().tree().consistency(old, ledger.size());
        Told { name: asked.name.clone(), answer: witness::ask(asked, ledger.checkpoint(), last_known, consistency), kept: None }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = asked.iter().map(|one| (one, scope.spawn(move || ask(one)))).collect();
        let stopped = |one: &Asked| Told { name: one.name.clone(), answer: Err(AskError::Unreachable("stopped".to_owned())), kept: None };
        threads.into_iter().map(|(one, thread)| thread.join().unwrap_or_else(|_| stopped(one))).collect()
    })
}

/// A fork proof, or, where the witness only knows more, its checkpoint for `zeren audit --known`.
fn keep_evidence(
    ledger: &Snapshot<Folder>,
    asked: &Asked,
    error: &AskError,
    folder: &Path,
    lang: Lang,
) -> Result<Option<PathBuf>, Failure> {
    let file_name = |ending: &str| folder.join(format!("{}.{ending}", asked.name.replace('/', "-")));
    let (path, bytes) = match error {
        AskError::KnowsOther { .. } => match fork(ledger, asked)? {
            Ok(proof) => (file_name("fork"), proof.encode()),
            Err(why) => {
                say(&format!("{}: {}: {why}", asked.name, lang.pick("no fork proof", "无法形成分叉证明")));
                return Ok(None);
            }
        },
        _ => match witness::latest(asked, ledger.id().as_str()) {
            Ok(note) => (file_name("checkpoint"), note.encode()),
            Err(why) => {
                say(&format!("{}: {}: {why}", asked.name, lang.pick("its checkpoint could not be fetched", "未能取得其检查点")));
                return Ok(None);
            }
        },
    };
    files::replace(&path, bytes.as_bytes(), 0o644)?;
    Ok(Some(path))
}

fn fork(ledger: &Snapshot<Folder>, asked: &Asked) -> Result<Result<ForkProof, String>, Failure> {
    let mut vouching = Vouching::default();
    vouching.add_ledger(ledger, &[])?;
    let tree = ledger.history().tree();
    let prefix = |size| Some(Prefix { root: tree.root_at(size)?, proof: tree.consistency(size, ledger.size())? });
    Ok(witness::fork(asked, ledger.checkpoint(), &vouching.keys, &vouching.grounds, prefix))
}

fn log(dir: &Path, keys: Vec<signer::SecretKey>, note: &Note, lang: Lang) -> Result<u64, Failure> {
    let mut ledger = open_ledger(dir, keys, lang)?;
    match submit_one(&mut ledger, note.encode().as_bytes())? {
        Answer::Recorded { receipt, .. } => Ok(receipt.index),
        Answer::Refused { refusal, .. } => Err(Failure::Refused(refusal)),
    }
}

fn to_json(told: &[Told], size: u64, entry: Option<u64>) -> Value {
    let one = |told: &Told| {
        let (seconds, error) = match &told.answer {
            Ok(line) => (line.cosignature().map(|(seconds, _)| seconds), None),
            Err(error) => (None, Some(error)),
        };
        json!({
            "witness": told.name, "cosigned": error.is_none(), "time": seconds, "error": error.map(ToString::to_string),
            "evidence": error.is_some_and(AskError::is_evidence), "kept": told.kept,
        })
    };
    json!({ "size": size, "entry": entry, "witnesses": told.iter().map(one).collect::<Vec<_>>() })
}

fn render(told: &[Told], size: u64, entry: Option<u64>, lang: Lang) -> String {
    let mut lines = vec![match (lang, entry) {
        (Lang::En, Some(entry)) => format!("cosigned: {size} entries, logged as entry {entry}"),
        (Lang::En, None) => format!("NOT COSIGNED: {size} entries; nothing was logged"),
        (Lang::Zh, Some(entry)) => format!("已共签 {size} 条，记为第 {entry} 条"),
        (Lang::Zh, None) => format!("未获共签：共 {size} 条，未记入任何内容"),
    }];
    for told in told {
        let name = &told.name;
        match &told.answer {
            Ok(_) => lines.push(format!("  ✓ {name}")),
            Err(error) => lines.push(format!("  ✗ {name}: {}", explain(error, lang))),
        }
        if let (Some(path), Err(error)) = (&told.kept, &told.answer) {
            let path = path.display();
            lines.push(match (error, lang) {
                (AskError::KnowsOther { .. }, Lang::En) => {
                    format!("    proof: {path} — give it to the inspectors; zeren verify fork {path}")
                }
                (AskError::KnowsOther { .. }, Lang::Zh) => format!("    证明：{path}——请移交纪检部门；核验：zeren verify fork {path}"),
                (_, Lang::En) => format!("    its checkpoint: {path} — zeren audit LEDGER --known {path}"),
                (_, Lang::Zh) => format!("    其检查点：{path}——核验：zeren audit 账本 --known {path}"),
            });
        }
    }
    lines.join("\n")
}

/// What a witness's answer means here.
fn explain(error: &AskError, lang: Lang) -> String {
    match (error, lang) {
        (AskError::KnowsLarger { known, asked }, Lang::En) => {
            format!("ROLLBACK: it has cosigned {known} entries, this ledger has {asked}. Record nothing here; find the copy that has them")
        }
        (AskError::KnowsLarger { known, asked }, Lang::Zh) => {
            format!("账本被回滚：其已共签 {known} 条，本账本仅 {asked} 条。请停止入账，并查找含有这些条目的副本")
        }
        (AskError::KnowsOther { known }, Lang::En) => {
            format!("FORK: it has cosigned {known} entries of another history of this ledger. Record nothing here")
        }
        (AskError::KnowsOther { known }, Lang::Zh) => format!("账本分叉：其已共签本账本另一历史的 {known} 条。请停止入账"),
        (AskError::Unreachable(why), Lang::En) => format!("no answer: {why}{}", advice(why, lang)),
        (AskError::Unreachable(why), Lang::Zh) => format!("无应答：{why}{}", advice(why, lang)),
        (AskError::Refused { status, words }, Lang::Zh) => format!("应答 {status}：{words}"),
        (AskError::WrongSignature(key), Lang::Zh) => format!("其应答中没有可用密钥 {key} 核验的共签"),
        (AskError::ProofMissing(size), Lang::Zh) => format!("无法提供自第 {size} 条起的一致性证明"),
        (other, Lang::En) => other.to_string(),
    }
}
