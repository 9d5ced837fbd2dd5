//! `zeren sign`: show exactly what will be signed, ask, sign.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use signer::draft::{DRAFT_BYTES_MAX, Draft, DraftError, Memory};
use signer::statement::Statement;
use signer::value::PersonId;

use super::print;
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::memory::{memory_path, recall, remember};
use crate::remote::authorities::Authorities;
use crate::remote::client::Client;
use crate::remote::history;
use crate::secret::{PassphraseSource, open_key};

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
    /// A service to ask for the proof between what you remember and what the draft names, where the draft brings none
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// With --service: certificates of the authorities that vouch for the address; then no others are trusted
    #[arg(long, value_name = "FILE", requires = "service")]
    ca: Option<PathBuf>,
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
    let authorities = Authorities::read(args.ca.as_deref(), lang)?;
    let service = args.service.as_deref().map(|url| Client::new(url, &authorities, lang)).transpose()?;
    let memory = match ledger_of(&draft, lang)? {
        None => None,
        Some(ledger) => {
            let path = memory_path(&args.key, &ledger);
            let memory = recall(&path, &ledger, args.policy.as_deref(), lang)?;
            Some((path, follow(&memory, &mut draft, service.as_ref(), failed)?))
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

/// What is remembered after the draft; a proof that it lacks is asked of the service, if one is named.
fn follow(memory: &Memory, draft: &mut Draft, service: Option<&Client>, failed: impl Fn(DraftError) -> Failure) -> Result<Memory, Failure> {
    match (memory.follow(draft), service, &mut draft.from) {
        (Err(DraftError::ProofMissing { remembered, drafted }), Some(client), Some(from)) => {
            from.consistency.push(history::proof(client, remembered.min(drafted), remembered.max(drafted))?);
            memory.follow(draft).map_err(failed)
        }
        (followed, ..) => followed.map_err(failed),
    }
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
