//! `zeren sign`: show exactly what will be signed, ask, sign.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ledger::policy::{Policy, parse_verifier_key, verifier_key};
use signer::draft::{DRAFT_BYTES_MAX, Draft, Memory};
use signer::note::TYPE_ED25519;
use signer::statement::Statement;
use signer::value::{PersonId, TreeRoot, number};

use super::print;
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::secret::{PassphraseSource, open_key};

const MEMORY_KIND: &str = "zeren memory v1";
const MEMORY_BYTES_MAX: u64 = 4_096;

/// `zeren sign`
#[derive(clap::Args)]
pub struct Args {
    /// The draft
    draft: PathBuf,
    /// Your key's file; what you have seen of each ledger is remembered beside it
    #[arg(long)]
    key: PathBuf,
    /// Who you are
    #[arg(long)]
    person: String,
    /// The trust policy, needed the first time that you sign for a ledger
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Do not ask after showing
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Shows and signs.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let failed = |source| Failure::Draft { path: args.draft.display().to_string(), source };
    let bytes = files::read(&args.draft, DRAFT_BYTES_MAX as u64)?;
    let mut draft = Draft::parse(&bytes).map_err(failed)?;
    let person = PersonId::parse(&args.person).ok_or_else(|| Failure::malformed(format!("--person {}", args.person)))?;
    let memory = match ledger_of(&draft, lang)? {
        None => None,
        Some(ledger) => {
            let path = memory_path(&args.key, &ledger);
            let memory = recall(&path, &ledger, args.policy.as_deref(), lang)?;
            Some((path, memory.follow(&draft).map_err(failed)?))
        }
    };
    show(&draft, lang);
    if !args.yes && !agreed(draft.statements.len(), lang)? {
        print(lang.pick("nothing was signed", "未签署"));
        return Ok(ExitCode::from(crate::error::REFUSED));
    }
    let key = open_key(&args.key, &args.passphrase, lang)?;
    draft.sign(&person, &key).map_err(failed)?;
    // What was seen is remembered before the signature leaves: a crash between the two forgets nothing.
    if let Some((path, memory)) = &memory {
        remember(path, memory)?;
    }
    files::replace(&args.draft, draft.encode().as_bytes(), 0o644)?;
    report(&draft, lang)
}

fn report(draft: &Draft, lang: Lang) -> Result<ExitCode, Failure> {
    let mut wanting: Vec<String> = Vec::new();
    for statement in &draft.statements {
        wanting.extend(statement.wanting().map_err(Failure::Refused)?.iter().map(ToString::to_string));
    }
    wanting.sort();
    wanting.dedup();
    let count = draft.statements.len();
    print(&match (lang, wanting.is_empty()) {
        (Lang::En, true) => format!("signed {count}; all signatures are there: submit it"),
        (Lang::En, false) => format!("signed {count}; still to sign: {}", wanting.join(", ")),
        (Lang::Zh, true) => format!("已签署 {count} 份，签名齐全，可提交"),
        (Lang::Zh, false) => format!("已签署 {count} 份，尚待签署：{}", wanting.join("、")),
    });
    Ok(ExitCode::SUCCESS)
}

/// The one ledger that the draft's statements are for; none for a founding.
fn ledger_of(draft: &Draft, lang: Lang) -> Result<Option<String>, Failure> {
    let mut found: Option<String> = None;
    for statement in &draft.statements {
        match Statement::parse(&statement.text).map_err(Failure::Refused)? {
            Statement::Founding(_) if draft.statements.len() == 1 => return Ok(None),
            Statement::Act { ledger, .. } if found.as_deref().is_none_or(|other| other == ledger.as_str()) => {
                found = Some(ledger.to_string())
            }
            _ => return Err(Failure::malformed(lang.pick("a draft is for one ledger", "一份草稿只能用于一个账本"))),
        }
    }
    if found.is_none() || draft.from.is_none() {
        return Err(Failure::malformed(lang.pick("the draft brings no checkpoint", "草稿缺少检查点")));
    }
    Ok(found)
}

fn memory_path(key: &Path, ledger: &str) -> PathBuf {
    let digits = ledger.rsplit('/').next().unwrap_or_default();
    let mut path = key.as_os_str().to_owned();
    path.push(format!(".seen-{digits}"));
    PathBuf::from(path)
}

/// What was remembered; the first time, the policy says whom to trust.
fn recall(path: &Path, ledger: &str, policy: Option<&Path>, lang: Lang) -> Result<Memory, Failure> {
    if path.exists() {
        let text = files::read_text(path, MEMORY_BYTES_MAX)?;
        return parse_memory(&text, ledger).ok_or_else(|| {
            Failure::malformed(format!(
                "{}: {}",
                path.display(),
                lang.pick(
                    "not what zeren wrote there; ask the auditors for the policy, move the file away and give --policy",
                    "内容已损坏；请向审计取得信任策略，移走该文件并使用 --policy"
                )
            ))
        });
    }
    let Some(policy) = policy else {
        return Err(Failure::malformed(format!(
            "{ledger}: {}",
            lang.pick(
                "you sign for this ledger for the first time: give --policy, received from somebody you trust",
                "首次为该账本签署，请用 --policy 指定从可信来源取得的信任策略"
            )
        )));
    };
    let bytes = files::read(policy, files::TEXT_BYTES_MAX)?;
    let policy_of = Policy::parse(&bytes).map_err(|source| Failure::Policy { path: policy.display().to_string(), source })?;
    let key = policy_of.log_keys(ledger).next().cloned();
    let key =
        key.ok_or_else(|| Failure::malformed(format!("{}: {} {ledger}", policy.display(), lang.pick("no log line for", "没有该账本："))))?;
    Ok(Memory { origin: ledger.to_owned(), key, seen: None })
}

fn parse_memory(text: &str, ledger: &str) -> Option<Memory> {
    let mut lines = text.lines();
    lines.next().filter(|line| *line == MEMORY_KIND)?;
    let (origin, key) = parse_verifier_key(lines.next()?.strip_prefix("log ")?, TYPE_ED25519).filter(|(name, _)| name == ledger)?;
    let (size, root) = lines.next()?.strip_prefix("seen ")?.split_once(' ')?;
    Some(Memory { origin, key, seen: Some((number(size)?, TreeRoot::parse(root)?)) })
}

fn remember(path: &Path, memory: &Memory) -> Result<(), Failure> {
    let Some((size, root)) = memory.seen else { return Ok(()) };
    let key = verifier_key(&memory.origin, TYPE_ED25519, &memory.key.bytes());
    files::replace(path, format!("{MEMORY_KIND}\nlog {key}\nseen {size} {root}\n").as_bytes(), 0o600)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failure::file(folder))?;
    }
    Ok(())
}

/// The text, exactly as it will be signed.
fn show(draft: &Draft, lang: Lang) {
    for (at, statement) in draft.statements.iter().enumerate() {
        print(&format!("──── {} {}/{} ────", lang.pick("statement", "声明"), at + 1, draft.statements.len()));
        print(statement.text.trim_end_matches('\n'));
    }
    print("────");
}

fn agreed(count: usize, lang: Lang) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::malformed(lang.pick(
            "not at a terminal: nobody can agree; use --yes after reading the draft",
            "非终端环境无法确认；请阅读草稿后使用 --yes",
        )));
    }
    print!(
        "{} ",
        match lang {
            Lang::En => format!("Sign exactly this, {count} statement(s)? Type yes:"),
            Lang::Zh => format!("确认签署以上 {count} 份声明？请输入 yes："),
        }
    );
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|source| Failure::File { path: "terminal".to_owned(), source })?;
    Ok(answer.trim() == "yes")
}
