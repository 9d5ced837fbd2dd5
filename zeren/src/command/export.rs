//! `zeren export`: views as tables, cases as event logs.

mod catalogue;
mod deeds;
mod ocel;
mod payments;
mod tables;
mod views;
mod xes;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::rows::EntryRow;
use projector::{Cursor, Key, MemoryRows, Rows};
use serde_json::{Value, json};

use super::reading::Reading;
use super::trace::{Anchor, print_unanchored};
use super::{print, read_ledger};
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS};
use crate::lang::{Lang, thousands};
use crate::own_views::{OwnViews, failed, folded, tell_of_memory};
use crate::progress::Progress;

/// What can be exported.
#[derive(Subcommand)]
pub enum Command {
    /// Views as CSV: one view into a file, or all into a new folder
    Csv(TableArgs),
    /// Views as a workbook
    Xlsx(TableArgs),
    /// Cases as an XES event log (IEEE 1849)
    Xes(CommonArgs),
    /// Everything as an OCEL 2.0 event log, in JSON
    Ocel(CommonArgs),
}

/// Options of every export.
#[derive(clap::Args)]
pub struct CommonArgs {
    #[command(flatten)]
    reading: Reading,
    /// The file to write, or the folder
    #[arg(short, long, value_name = "NEW")]
    output: PathBuf,
}

/// Options of tables.
#[derive(clap::Args)]
pub struct TableArgs {
    /// The view, or `all`; an unknown name is answered with those that there are
    view: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// What is exported, and from where.
struct Source {
    ledger: Snapshot<Folder>,
    anchor: Anchor,
    views: OwnViews,
    at: Cursor,
    received_last_ms: i64,
}

/// Exports.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let (args, written) = match command {
        Command::Csv(args) => (&args.common, tables::csv as Writer),
        Command::Xlsx(args) => (&args.common, tables::xlsx as Writer),
        Command::Xes(args) => (args, xes::write as Writer),
        Command::Ocel(args) => (args, ocel::write as Writer),
    };
    let chosen = match command {
        Command::Csv(args) | Command::Xlsx(args) => tables::chosen(&args.view, lang)?,
        Command::Xes(_) | Command::Ocel(_) => Vec::new(),
    };
    if args.output.exists() {
        return Err(Failure::file(&args.output)(io::ErrorKind::AlreadyExists.into()));
    }
    let source = Source::open(args, lang)?;
    let told = written(&source, &chosen, &args.output, lang)?;
    if args.reading.json {
        print(&json!({ "from": source.about(), "written": told }).to_string());
    } else {
        source.tell(&told, &args.output, lang);
        print_unanchored(&source.anchor, lang);
    }
    Ok(ExitCode::from(if source.anchor.is_accepted { HOLDS } else { DOES_NOT_VERIFY }))
}

/// Writes something, and tells what.
type Writer = fn(&Source, &[&'static crate::tables::sheet::View], &Path, Lang) -> Result<Value, Failure>;

impl Source {
    fn open(args: &CommonArgs, lang: Lang) -> Result<Source, Failure> {
        let ledger = read_ledger(&args.reading.dir, lang)?;
        let anchor = Anchor::of(ledger.id(), ledger.checkpoint(), args.reading.policy.as_deref())?;
        let size = ledger.size();
        let mut progress = Progress::new(lang.pick("views", "视图"));
        let mut tell = |done| progress.at(done, size);
        let views = match &args.reading.views {
            Some(folder) => OwnViews::kept(folder, (&args.reading.dir, &ledger), &mut tell, lang)?,
            None => {
                tell_of_memory(size, lang);
                OwnViews::InMemory(Box::new(folded(MemoryRows::default(), &ledger, size, &mut tell)?))
            }
        };
        progress.done();
        let no_entries = || Failure::malformed(lang.pick("the ledger has no entries", "账本没有任何条目"));
        let at = views.rows().cursor().map_err(failed)?.filter(|at| at.size > 0).ok_or_else(no_entries)?;
        let received = ledger.history().received(at.size - 1).ok_or_else(no_entries)?;
        Ok(Source { ledger, anchor, views, at, received_last_ms: received.0 })
    }

    fn rows(&self) -> &dyn Rows {
        self.views.rows()
    }

    /// A row of an entry, which other rows name.
    fn entry(&self, entry: u64) -> Result<EntryRow, Failure> {
        let row = self.rows().row(&Key::Entry(entry)).map_err(failed)?;
        row.and_then(projector::rows::RowKind::of).ok_or_else(|| Failure::Views(format!("no row of entry {entry}")))
    }

    /// Where an export is from.
    fn about(&self) -> Value {
        json!({
            "ledger": self.at.ledger.as_str(),
            "size": self.at.size,
            "root": self.at.root.to_string(),
            "received_last": crate::clock::demo_time(signer::value::UnixMs(self.received_last_ms)).to_string(),
            "anchored": self.anchor.is_accepted,
        })
    }

    fn tell(&self, told: &Value, output: &Path, lang: Lang) {
        let size = thousands(self.at.size);
        let place = output.display();
        print(&match lang {
            Lang::En => format!("{place}: as of {size} entries, root {}", self.at.root),
            Lang::Zh => format!("{place}：截至第 {size} 条，根值 {}", self.at.root),
        });
        for (what, count) in told.as_object().into_iter().flatten() {
            let count = count.as_u64().map_or_else(|| count.to_string(), thousands);
            print(&format!("  {what}: {count}"));
        }
    }
}

/// Writes a new file piece by piece; a file that could not be finished is taken away again.
fn write_new<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<T, Failure>) -> Result<T, Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(Failure::file(path))?;
    let mut file = BufWriter::new(file);
    let written = write(&mut file).and_then(|told| {
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(Failure::file(path))?;
        Ok(told)
    });
    written.inspect_err(|_| _ = fs::remove_file(path))
}
