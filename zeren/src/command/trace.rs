//! `zeren trace`: who did what when, each entry verified from the record as it is printed.

mod around;
mod batch;
mod case;
pub(crate) mod entry;
mod fates;
mod list;
mod nearest;
pub(crate) mod payment;
mod person;
pub(crate) mod quick;
mod scene;
mod since;
mod vouchers;
pub(crate) mod words;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use signer::Note;
use signer::value::{LedgerId, Time, UnixMs};

use self::scene::{Scene, Views};
use super::audit::read_policy;
use super::reading::Reading;
use super::{open_folder, print, read_ledger};
use crate::as_of::AsOf;
use crate::columns::wrapped;
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, render_refusal};
use crate::grounds::Fault;
use crate::lang::Lang;

/// Entries that are read from the views at a time.
const PAGE: usize = 500;
/// Offset of times of receipt on the screen, in minutes: the programme's.
const SHOWN_OFFSET_MINUTES: i16 = 480;

/// What can be traced.
#[derive(Subcommand)]
pub enum Command {
    /// A payment, from the bank's answer back to everyone who vouched for it: CASE@BATCH, or CASE where it was paid once
    Payment(PaymentArgs),
    /// Everything that was done on a case
    Case(AroundArgs),
    /// A person's offices, everything that the person signed, and what became of it
    Person(AroundArgs),
    /// A list: its sheets and lines, every act on it, what became of its cases
    List(LinesArgs),
    /// A batch: its list, payments, every act on it, what the bank said
    Batch(LinesArgs),
}

/// What every trace is asked.
#[derive(Args)]
pub struct Asked {
    /// The case, person, list, batch or payment
    id: String,
    #[command(flatten)]
    reading: Reading,
    /// Look at the first so many entries, or at those received until a date or time; what came later is only named apart
    #[arg(long, value_name = "SIZE|TIME")]
    as_of: Option<AsOf>,
}

impl Asked {
    /// Whether the answer is for a program.
    pub fn is_json(&self) -> bool {
        self.reading.json
    }
}

/// `zeren trace payment`
#[derive(Args)]
pub struct PaymentArgs {
    #[command(flatten)]
    asked: Asked,
}

/// `zeren trace case|person`
#[derive(Args)]
pub struct AroundArgs {
    #[command(flatten)]
    asked: Asked,
    /// Show ties too: who and what else shares a meeting, a visit, an account, a device or a signature. A tie is no finding
    #[arg(long)]
    around: bool,
}

/// `zeren trace list|batch`
#[derive(Args)]
pub struct LinesArgs {
    #[command(flatten)]
    asked: Asked,
    /// Show every line, however many there are
    #[arg(long)]
    lines: bool,
}

/// Traces.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let asked = match command {
        Command::Payment(PaymentArgs { asked }) => asked,
        Command::Case(AroundArgs { asked, .. }) | Command::Person(AroundArgs { asked, .. }) => asked,
        Command::List(LinesArgs { asked, .. }) | Command::Batch(LinesArgs { asked, .. }) => asked,
    };
    if let Some(code) = quick::trace(command, asked, lang) {
        return Ok(code);
    }
    let ledger = read_ledger(&asked.reading.dir, lang)?;
    let views = Views::open(asked, &ledger, lang)?;
    let record = views.record(open_folder(&asked.reading.dir, lang)?, ledger.checkpoint())?;
    let scene = Scene::new(asked, &record, views.at(), lang)?.with_replayed(&ledger, views.later());
    match command {
        Command::Payment(_) => payment::trace(scene),
        Command::Case(args) => case::trace(scene, args.around),
        Command::Person(args) => person::trace(scene, args.around),
        Command::List(args) => list::trace(scene, args.lines),
        Command::Batch(args) => batch::trace(scene, args.lines),
    }
}

/// Traces a case, any if none is named, without printing it: which, how many entries, how many of them do not verify.
pub fn verify_case(
    dir: &Path,
    case: Option<&str>,
    policy: Option<&Path>,
    views: &Path,
    lang: Lang,
) -> Result<Option<(String, usize, usize)>, Failure> {
    let ledger = read_ledger(dir, lang)?;
    let any = || ledger.state().register().cases().last().map(|(case, _)| case.to_string());
    let Some(id) = case.map(str::to_owned).or_else(any) else { return Ok(None) };
    let (policy, views) = (policy.map(Path::to_owned), Some(views.to_owned()));
    let reading = Reading { dir: dir.to_owned(), policy, views, json: false };
    let asked = Asked { id, reading, as_of: None };
    let views = Views::open(&asked, &ledger, lang)?;
    let record = views.record(open_folder(dir, lang)?, ledger.checkpoint())?;
    let mut scene = Scene::new(&asked, &record, views.at(), lang)?.with_replayed(&ledger, views.later());
    let course = case::Course::read(&mut scene, &asked.id)?;
    Ok(Some((asked.id.clone(), course.told.len(), course.failed())))
}

/// What the checkpoint under which everything is verified rests on.
pub struct Anchor {
    has_policy: bool,
    pub is_accepted: bool,
}

impl Anchor {
    pub fn of(id: &LedgerId, checkpoint: &Note, policy: Option<&Path>) -> Result<Anchor, Failure> {
        let Some(path) = policy else { return Ok(Anchor { has_policy: false, is_accepted: false }) };
        let policy = read_policy(path)?;
        let name = id.as_str();
        if policy.log_keys(name).next().is_none() {
            return Err(Failure::malformed(format!("{}: no log line for {name}", path.display())));
        }
        // The latest checkpoint need not be cosigned yet; an audit says how far witnesses vouch.
        let is_accepted = checkpoint
            .signatures
            .iter()
            .any(|line| policy.log_keys(name).any(|key| signer::checkpoint::is_signed_by(&checkpoint.text, line, name, key)));
        Ok(Anchor { has_policy: true, is_accepted })
    }

    pub fn line(&self, lang: Lang) -> &'static str {
        match (self.has_policy, self.is_accepted) {
            (true, true) => lang.pick("checkpoint signed by the key that your policy names", "检查点由信任策略所列密钥签署"),
            (true, false) => lang.pick("CHECKPOINT NOT SIGNED BY THE KEY THAT YOUR POLICY NAMES", "检查点并非由信任策略所列密钥签署"),
            (false, _) => {
                lang.pick("no policy given: verified against the ledger's own checkpoint only", "未提供信任策略：仅以账本自身检查点核验")
            }
        }
    }
}

fn exit(failed: usize, anchor: &Anchor) -> ExitCode {
    ExitCode::from(if failed > 0 || !anchor.is_accepted { DOES_NOT_VERIFY } else { HOLDS })
}

/// Without an anchor nothing is green: the last line says so.
pub fn print_unanchored(anchor: &Anchor, lang: Lang) {
    if !anchor.is_accepted {
        print(match anchor.has_policy {
            true => lang.pick(
                "UNANCHORED: the key that your policy names has not signed this ledger's checkpoint",
                "无锚点：账本检查点并非由信任策略所列密钥签署",
            ),
            false => lang.pick(
                "UNANCHORED: self-consistent, anchored to nothing. Bring a trust policy from outside: --policy",
                "无锚点：账本自洽，但没有外部依据。请用 --policy 提供外部取得的信任策略",
            ),
        });
    }
}

/// What no trace proves.
fn not_proved(lang: Lang) -> [&'static str; 2] {
    [
        lang.pick(
            "Not proved: that what the records say happened, or that anybody is eligible.",
            "本页不证明：记录所述之事确已发生，或申请人符合条件。",
        ),
        lang.pick(
            "Not proved here: that nothing else was recorded of it; an audit replays all.",
            "本页不证明：账本中没有其他相关记录；须以全账本审计（zeren audit）为准。",
        ),
    ]
}

/// How many entries verified, and how.
fn verified_line(of: usize, failed: usize, has_lists: bool, lang: Lang) -> String {
    let good = of - failed;
    match lang {
        Lang::En => format!(
            "{of} entries, {good} verified: bytes in the tree, signatures, appointments and keys\ndown to the founding{}.",
            if has_lists { "; lines of lists against the roots that were signed" } else { "" }
        ),
        Lang::Zh => format!(
            "共 {of} 条，核验通过 {good} 条\n（字节、签名，直至创设的任职与密钥{}）。",
            if has_lists { "，以及名册各行与所签根值" } else { "" }
        ),
    }
}

/// The end of every trace.
fn print_end(has_lists: bool, of: usize, failed: usize, scene: &Scene<'_>) {
    let lang = scene.lang;
    print(&format!("{}\n{}", verified_line(of, failed, has_lists, lang), not_proved(lang).join("\n")));
    print_unanchored(&scene.anchor, lang);
}

/// Which entry breaks which rule.
fn fault_lines(fault: &Fault, asked: u64, lang: Lang) -> String {
    let rests = match lang {
        _ if fault.entry == asked => String::new(),
        Lang::En => format!(": it rests on entry {}", fault.entry),
        Lang::Zh => format!("：其依据第 {} 条", fault.entry),
    };
    format!("{}{rests}\n{}", lang.pick("DOES NOT VERIFY", "核验不通过"), render_refusal(&fault.refusal, lang).trim_end())
}

pub fn shown_time(ms: i64) -> String {
    crate::clock::at_offset(UnixMs(ms), SHOWN_OFFSET_MINUTES).to_string().replace('T', " ")
}

/// The date of a time of receipt.
fn shown_date(ms: i64) -> String {
    shown_time(ms).get(..10).unwrap_or_default().to_owned()
}

/// A time of receipt for a program: milliseconds, and as it is shown.
fn time_json(ms: i64) -> Value {
    json!({ "ms": ms, "time": Time::to_string(&crate::clock::at_offset(UnixMs(ms), SHOWN_OFFSET_MINUTES)) })
}

/// A title of a part of a trace.
fn print_part(title: &str) {
    print(&format!("\n{title}"));
}

/// A line of a part, broken where it is full.
fn print_line(text: &str) {
    print(&wrapped(text, "  ", "    "));
}
