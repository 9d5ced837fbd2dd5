//! `zeren desk`: a clerk's work on another machine: fetch what drafting needs, leave drafts for co-signers, take those that wait.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use signer::draft::{DRAFT_BYTES_MAX, Draft};

use super::print;
use super::trace::words;
use crate::desk::Desk;
use crate::error::{Failure, HOLDS};
use crate::files;
use crate::lang::{Lang, thousands};
use crate::remote::authorities::Authorities;
use crate::remote::client::Client;
use crate::remote::session::{Asker, Session};
use crate::secret::PassphraseSource;

/// What a clerk does.
#[derive(Subcommand)]
pub enum Command {
    /// Fetch what drafting needs: checkpoint, heads of cases, lists, offices, counters. With it one works for a day without a line
    Fetch(FetchArgs),
    /// Leave a signed draft at the service for its co-signers
    Leave(LeaveArgs),
    /// List the drafts that wait for you, or in which you are named
    List(Service),
    /// Take a draft that waits, to sign it here
    Take(TakeArgs),
    /// Withdraw a draft in which you are named
    Withdraw(DraftArgs),
}

/// Which service, and who asks.
#[derive(Args)]
pub struct Service {
    /// The service's address
    #[arg(long, value_name = "URL")]
    service: String,
    /// Your key's file; what you have seen of the ledger is remembered beside it
    #[arg(long)]
    key: PathBuf,
    /// Who you are
    #[arg(long)]
    person: String,
    /// The trust policy, needed the first time
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Certificates of the authorities that vouch for the address; then no others are trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Send a reading token to another machine although nothing is encrypted: something else protects the way
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// `zeren desk fetch`
#[derive(Args)]
pub struct FetchArgs {
    #[command(flatten)]
    service: Service,
    /// Somebody who will sign with you: offices, and proofs for what they remember
    #[arg(long, value_name = "PERSON")]
    with: Vec<String>,
    /// A device to draft with that neither you nor your unit used last
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Only cases of this unit and of those within it
    #[arg(long)]
    unit: Option<String>,
    /// A size that a co-signer remembers
    #[arg(long, value_name = "SIZE")]
    remembered: Vec<u64>,
    /// The desk to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// `zeren desk leave`
#[derive(Args)]
pub struct LeaveArgs {
    /// The draft, signed by you
    draft: PathBuf,
    /// The service's address
    #[arg(long, value_name = "URL")]
    service: String,
    /// Certificates of the authorities that vouch for the address; then no others are trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// `zeren desk take`
#[derive(Args)]
pub struct TakeArgs {
    #[command(flatten)]
    draft: DraftArgs,
    /// The draft to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// One draft.
#[derive(Args)]
pub struct DraftArgs {
    /// The draft's id, or as many of its first digits as tell it apart
    id: String,
    #[command(flatten)]
    service: Service,
}

/// Does it.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::Fetch(args) => fetch(args, lang),
        Command::Leave(args) => leave(args, lang),
        Command::List(service) => list(service, lang),
        Command::Take(args) => take(args, lang),
        Command::Withdraw(args) => withdraw(args, lang),
    }
}

impl Service {
    /// The client with a token, after the service's history was compared with the one remembered.
    fn open(&self, lang: Lang) -> Result<Client, Failure> {
        let asker = Asker {
            key: &self.key,
            person: &self.person,
            policy: self.policy.as_deref(),
            plain_http: self.plain_http,
            passphrase: &self.passphrase,
        };
        let client = Client::new(&self.service, &Authorities::read(self.ca.as_deref(), lang)?, lang)?;
        Ok(Session::open_to_read(client, &asker, lang)?.client)
    }
}

fn fetch(args: &FetchArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let client = args.service.open(lang)?;
    let with: String = args.with.iter().map(|person| format!("&with={person}")).collect();
    let devices: String = args.device.iter().map(|device| format!("&device={device}")).collect();
    let remembered: String = args.remembered.iter().map(|size| format!("&remembered={size}")).collect();
    let unit = args.unit.as_ref().map_or_else(String::new, |unit| format!("&unit={unit}"));
    let answer = client.get(&format!("/v1/desk?{}", format!("{with}{devices}{remembered}{unit}").trim_start_matches('&')))?;
    let desk = Desk::parse(answer.text.as_bytes()).map_err(|what| Failure::Remote { what: format!("not a desk: {what}") })?;
    files::replace(&args.output, answer.text.as_bytes(), 0o600)?;
    let (cases, lists) = (thousands(desk.heads.len() as u64), thousands(desk.lists.len() as u64));
    print(&match lang {
        Lang::En => format!(
            "{}: the desk at {} entries: {cases} cases, {lists} lists. Draft with --desk {}",
            args.output.display(),
            thousands(desk.seen.size),
            args.output.display()
        ),
        Lang::Zh => format!(
            "{}：账本 {} 条时的工作台：案件 {cases} 件，名册 {lists} 份。起草时请加 --desk {}",
            args.output.display(),
            thousands(desk.seen.size),
            args.output.display()
        ),
    });
    Ok(ExitCode::from(HOLDS))
}

fn leave(args: &LeaveArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let draft = read_draft(&args.draft)?;
    let client = Client::new(&args.service, &Authorities::read(args.ca.as_deref(), lang)?, lang)?;
    let kept = client.post("/v1/drafts", "text/plain", &draft.encode())?.json()?;
    let wanting = names(&kept["wanting"]);
    let id = kept["draft"].as_str().unwrap_or_default().to_owned();
    print(&match (lang, wanting.is_empty()) {
        (Lang::En, false) => format!("{id}\nwaits for {wanting}: they take it with `zeren desk take`"),
        (Lang::En, true) => format!("{id}\nall signatures are there: whoever takes it can submit it"),
        (Lang::Zh, false) => format!("{id}\n待 {wanting} 签署：请用 zeren desk take 领取"),
        (Lang::Zh, true) => format!("{id}\n签名齐全，领取后即可提交"),
    });
    Ok(ExitCode::from(HOLDS))
}

fn read_draft(path: &Path) -> Result<Draft, Failure> {
    let bytes = files::read(path, DRAFT_BYTES_MAX as u64)?;
    Draft::parse(&bytes).map_err(|source| Failure::Draft { path: path.display().to_string(), source })
}

fn names(all: &serde_json::Value) -> String {
    let names: Vec<&str> = all.as_array().map(|all| all.iter().filter_map(|name| name.as_str()).collect()).unwrap_or_default();
    names.join(", ")
}

fn list(service: &Service, lang: Lang) -> Result<ExitCode, Failure> {
    let listed = service.open(lang)?.get("/v1/drafts")?.json()?;
    let drafts = listed["drafts"].as_array().cloned().unwrap_or_default();
    for draft in &drafts {
        let wanting = names(&draft["wanting"]);
        let waits = match (lang, wanting.is_empty()) {
            (Lang::En, false) => format!("waits for {wanting}"),
            (Lang::En, true) => "complete: submit it".to_owned(),
            (Lang::Zh, false) => format!("待 {wanting} 签署"),
            (Lang::Zh, true) => "签名齐全，可提交".to_owned(),
        };
        let id: String = draft["draft"].as_str().unwrap_or_default().chars().take(16).collect();
        let acts: Vec<&str> =
            draft["acts"].as_array().into_iter().flatten().filter_map(|act| Some(words::act(act.as_str()?, lang))).collect();
        print(&format!("{id}  {} × {}  {waits}", draft["statements"], acts.join(lang.pick(", ", "、"))));
    }
    if drafts.is_empty() {
        print(lang.pick("no draft waits", "没有待签草稿"));
    }
    Ok(ExitCode::from(HOLDS))
}

/// The whole id of a draft, from its first digits.
fn whole_id(client: &Client, digits: &str, lang: Lang) -> Result<String, Failure> {
    let listed = client.get("/v1/drafts")?.json()?;
    let drafts = listed["drafts"].as_array().cloned().unwrap_or_default();
    let fitting: Vec<String> =
        drafts.iter().filter_map(|draft| draft["draft"].as_str()).filter(|id| id.starts_with(digits)).map(str::to_owned).collect();
    match fitting.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::malformed(format!(
            "{}: {}",
            digits.escape_debug(),
            lang.pick("no draft of yours begins so", "没有以此开头的草稿")
        ))),
        _ => Err(Failure::malformed(format!("{}: {}", digits.escape_debug(), lang.pick("several drafts begin so", "有多份草稿以此开头")))),
    }
}

fn take(args: &TakeArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let client = args.draft.service.open(lang)?;
    let id = whole_id(&client, &args.draft.id, lang)?;
    let text = client.get(&format!("/v1/drafts/{id}"))?.text;
    let draft = Draft::parse(text.as_bytes()).map_err(|source| Failure::Draft { path: id.clone(), source })?;
    files::write_new(&args.output, text.as_bytes())?;
    let count = draft.statements.len();
    print(&match lang {
        Lang::En => format!("{}: {count} statement(s); read and sign them with `zeren sign`", args.output.display()),
        Lang::Zh => format!("{}：{count} 份声明，请用 zeren sign 阅后签署", args.output.display()),
    });
    Ok(ExitCode::from(HOLDS))
}

fn withdraw(args: &DraftArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let client = args.service.open(lang)?;
    let id = whole_id(&client, &args.id, lang)?;
    client.delete(&format!("/v1/drafts/{id}"))?;
    print(lang.pick("withdrawn", "已撤回"));
    Ok(ExitCode::from(HOLDS))
}
