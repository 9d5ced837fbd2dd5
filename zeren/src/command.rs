//! The commands, one a file.

pub mod audit;
pub mod bench;
pub mod draft;
pub mod import;
pub mod init;
pub mod key;
pub mod sign;
pub mod submit;
pub mod trace;
pub mod verify;
pub mod witness;

use std::path::Path;
use std::process::ExitCode;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;

use crate::cli::Command;
use crate::error::Failure;
use crate::lang::Lang;
use crate::progress::Progress;

/// Runs a command; gives its exit code.
pub fn run(command: Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(args) => init::run(&args, lang),
        Command::Key(command) => key::run(&command, lang),
        Command::Draft(args) => draft::run(&args, lang),
        Command::Sign(args) => sign::run(&args, lang),
        Command::Submit(args) => submit::run(&args, lang),
        Command::Audit(args) => audit::run(&args, lang),
        Command::Trace(command) => trace::run(&command, lang),
        Command::Verify(command) => verify::run(&command, lang),
        Command::Import(command) => import::run(&command, lang),
        Command::Witness(command) => witness::run(&command, lang),
        Command::Bench(command) => bench::run(&command, lang),
    }
}

/// Prints a line of JSON or of text on stdout. A closed pipe is no error.
pub fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A ledger of this machine, read without being opened for writing.
pub fn read_ledger(folder: &Path, lang: Lang) -> Result<Snapshot<Folder>, Failure> {
    let storage = Folder::open_to_read(folder).map_err(Failure::file(folder))?;
    let mut progress = Progress::new(lang.pick("reading", "读取"));
    let snapshot = Snapshot::open(storage, &mut |done| progress.at(done, done))?;
    progress.done();
    Ok(snapshot)
}
