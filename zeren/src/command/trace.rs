//! `zeren trace`: who did what when, each entry verified from the record as it is printed.

mod case;
mod person;
pub(crate) mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{MemoryRows, Opened, Projection, Rows, follow};
use signer::value::UnixMs;

use super::audit::read_policy;
use super::{print, read_ledger};
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, render_refusal};
use crate::grounds::{Fault, Witness};
use crate::lang::{Lang, thousands};
use crate::progress::Progress;
use crate::screen::say;

/// Entries that are read from the views at a time.
const PAGE: usize = 500;
/// Offset of times of receipt on the screen, in minutes: the programme's.
const SHOWN_OFFSET_MINUTES: i16 = 480;

/// What can be traced.
#[derive(Subcommand)]
pub enum Command {
    /// Everything that was done on a case
    Case(Subject),
    /// Everything that a person signed, with the person's keys and offices
    Person(Subject),
}

/// `zeren trace case|person`
#[derive(Args)]
pub struct Subject {
    /// The case or person
    id: String,
    /// The ledger's folder
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The trust policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Keep the views in this folder of your own for the next time; without it, they are built in memory
    #[arg(long, value_name = "DIR")]
    views: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Traces.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let (subject, is_case) = match command {
        Command::Case(subject) => (subject, true),
        Command::Person(subject) => (subject, false),
    };
    let ledger = read_ledger(&subject.dir, lang)?;
    let views = open_views(subject.views.as_deref(), &ledger, lang)?;
    let rows = views.rows();
    let anchor = Anchor::of(&ledger, subject.policy.as_deref())?;
    let witness = Witness::new(&ledger, rows)?;
    if is_case { case::trace(subject, rows, witness, &anchor, lang) } else { person::trace(subject, rows, witness, &anchor, lang) }
}

/// Views of the trace's own. Those that lie beside a ledger are whoever's who gave it: what they say is not read, and nothing
/// is written into a folder that is evidence.
enum OwnViews {
    InMemory(Box<MemoryRows>),
    Kept(Box<Projection>),
}

impl OwnViews {
    fn rows(&self) -> &dyn Rows {
        match self {
            OwnViews::InMemory(rows) => rows.as_ref(),
            OwnViews::Kept(projection) => projection.rows(),
        }
    }
}

fn open_views(folder: Option<&Path>, ledger: &Snapshot<Folder>, lang: Lang) -> Result<OwnViews, Failure> {
    let failed = |error: projector::ProjectorError| Failure::Views(error.to_string());
    let mut progress = Progress::new(lang.pick("views", "视图"));
    let of = ledger.size();
    let mut tell = |done| progress.at(done, of);
    let Some(folder) = folder else {
        let mut rows = MemoryRows::default();
        follow::follow(&mut rows, ledger, &mut tell).map_err(failed)?;
        progress.done();
        return Ok(OwnViews::InMemory(Box::new(rows)));
    };
    let (views, opened) = Projection::open(folder, ledger, &mut tell).map_err(failed)?;
    progress.done();
    if let Opened::Rebuilt { because } = opened {
        say(&format!("{}: {because}", lang.pick("views were in doubt and have been built anew", "视图存疑，已重建")));
    }
    Ok(OwnViews::Kept(Box::new(views)))
}

/// What the checkpoint under which everything is verified rests on.
pub struct Anchor {
    has_policy: bool,
    pub is_accepted: bool,
}

impl Anchor {
    pub fn of(ledger: &Snapshot<Folder>, policy: Option<&Path>) -> Result<Anchor, Failure> {
        let Some(path) = policy else { return Ok(Anchor { has_policy: false, is_accepted: false }) };
        let policy = read_policy(path)?;
        let name = ledger.id().as_str();
        if policy.log_keys(name).next().is_none() {
            return Err(Failure::malformed(format!("{}: no log line for {name}", path.display())));
        }
        // The latest checkpoint need not be cosigned yet; an audit says how far witnesses vouch.
        let note = ledger.checkpoint();
        let is_accepted = note
            .signatures
            .iter()
            .any(|line| policy.log_keys(name).any(|key| signer::checkpoint::is_signed_by(&note.text, line, name, key)));
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

fn heading(id: &str, what: &str, ledger: &Snapshot<Folder>, anchor: &Anchor, lang: Lang) -> String {
    let size = thousands(ledger.size());
    let of = match lang {
        Lang::En => format!("as of {size} entries"),
        Lang::Zh => format!("截至第 {size} 条"),
    };
    format!("{what} {id}\n  {}\n  {of}; {}", ledger.id(), anchor.line(lang))
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
