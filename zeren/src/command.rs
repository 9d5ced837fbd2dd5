//! The commands, one a file.

pub mod audit;
pub mod backup;
pub mod bench;
pub mod cluster;
pub mod demo;
pub mod desk;
pub mod draft;
pub mod export;
pub mod import;
pub mod init;
pub mod key;
pub mod procedure;
pub mod project;
pub mod prove;
pub mod reading;
pub mod restore;
pub mod serve;
pub mod sign;
pub mod status;
pub mod submit;
pub mod token;
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
pub use crate::screen::print;

/// Runs a command; gives its exit code.
pub fn run(command: Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args, lang),
        Command::Init(args) => init::run(&args, lang),
        Command::Key(command) => key::run(&command, lang),
        Command::Desk(command) => desk::run(&command, lang),
        Command::Draft(args) => draft::run(&args, lang),
        Command::Sign(args) => sign::run(&args, lang),
        Command::Submit(args) => submit::run(&args, lang),
        Command::Audit(args) => audit::run(&args, lang),
        Command::Token(args) => token::run(&args, lang),
        Command::Cluster(command) => cluster::run(&command, lang),
        Command::Backup(args) => backup::run(&args, lang),
        Command::Restore(args) => restore::run(&args, lang),
        Command::Trace(command) => trace::run(&command, lang),
        Command::Serve(args) => serve::run(&args, lang),
        Command::Status(args) => status::run(&args, lang),
        Command::Verify(command) => verify::run(&command, lang),
        Command::Procedure(command) => procedure::run(&command, lang),
        Command::Project(args) => project::run(&args, lang),
        Command::Prove(command) => prove::run(&command, lang),
        Command::Export(command) => export::run(&command, lang),
        Command::Import(command) => import::run(&command, lang),
        Command::Witness(command) => witness::run(&command, lang),
        Command::Bench(command) => bench::run(&command, lang),
    }
}

/// A folder, to be read only.
pub fn open_folder(folder: &Path, lang: Lang) -> Result<Folder, Failure> {
    require_folder(folder, lang)?;
    Folder::open_to_read(folder).map_err(Failure::file(folder))
}

/// A mistyped folder is said to be that, before anything else is looked for in it.
pub fn require_folder(folder: &Path, lang: Lang) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let place = crate::screen::within_line(&folder.display().to_string());
    Err(Failure::malformed(format!("{}: {place}", lang.pick("no such folder", "没有此文件夹"))))
}

/// What is said of a folder that is no ledger's.
pub fn no_ledger(folder: &Path, lang: Lang) -> Failure {
    let place = crate::screen::within_line(&folder.display().to_string());
    Failure::malformed(format!("{}: {place}", lang.pick("no ledger in this folder", "此文件夹中没有账本")))
}

/// A ledger of this machine, read without being opened for writing.
pub fn read_ledger(folder: &Path, lang: Lang) -> Result<Snapshot<Folder>, Failure> {
    let storage = open_folder(folder, lang)?;
    let mut progress = Progress::new(lang.pick("reading", "读取"));
    let snapshot = Snapshot::open(storage, &mut |done| progress.at(done, done))?;
    progress.done();
    Ok(snapshot)
}
