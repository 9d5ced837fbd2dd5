//! `zeren cluster`: a ledger on NATS JetStream.

mod follow;
mod found;
mod join;
mod repair;
mod status;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use ledger::storage::Folder;
use ledger::{Ledger, LedgerError};
use signer::SecretKey;
use signer::act::Purpose;
use tokio::runtime::Runtime;

use super::init::CHECKPOINT_KEY_FILE;
use super::submit::checkpoint_keys;
use crate::cluster::file::ClusterFile;
use crate::cluster::servers::ServersError;
use crate::cluster::stream::Stream;
use crate::error::Failure;
use crate::lang::Lang;
use crate::secret::PassphraseSource;

/// Replicas of a production ledger's stream, at least.
const REPLICAS_MIN: usize = 3;

/// The cluster commands.
#[derive(Subcommand)]
pub enum Command {
    /// Put an existing ledger on a cluster: makes its stream, and this folder the first node's
    Found(found::Args),
    /// Make a folder for another node, from a backup or a copy of a node's folder
    Join(join::Args),
    /// Follow the stream into this folder, without serving: for whoever wants the record at hand
    Follow(follow::Args),
    /// Compare this node's record with the stream, and say who sequences and how far the others are
    Status(status::Args),
    /// Open a new generation of a stream that is gone or damaged, from this node's verified record
    Repair(repair::Args),
}

/// Runs a cluster command.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::Found(args) => found::run(args, lang),
        Command::Join(args) => join::run(args, lang),
        Command::Follow(args) => follow::run(args, lang),
        Command::Status(args) => status::run(args, lang),
        Command::Repair(args) => repair::run(args, lang),
    }
}

/// What every command about a node is told.
#[derive(clap::Args)]
pub struct NodeArgs {
    /// The node's folder
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// The cluster file
    #[arg(long, value_name = "FILE")]
    pub cluster: PathBuf,
    /// The checkpoint key's file (default: the one in the folder)
    #[arg(long, value_name = "FILE")]
    pub checkpoint_key: Vec<PathBuf>,
    /// Passphrases of keys.
    #[command(flatten)]
    pub passphrase: PassphraseSource,
}

impl NodeArgs {
    /// A folder beside the node's, with this after its name.
    pub fn beside(&self, ending: &str) -> PathBuf {
        let dir = self.dir.canonicalize().unwrap_or_else(|_| self.dir.clone());
        let mut name = dir.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        dir.with_file_name(name)
    }
}

/// The threads that talk to the servers.
pub fn runtime() -> Result<Runtime, Failure> {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    threads.map_err(|source| Failure::File { path: "threads".to_owned(), source })
}

/// What servers answered, for the terminal.
pub fn cluster_failure(error: ServersError) -> Failure {
    match error {
        ServersError::Unfit { .. } => LedgerError::Unfit(error.to_string()).into(),
        _ => Failure::Cluster { what: format!("cluster: {error}") },
    }
}

/// The checkpoint keys of a node: those that were given, else the one in the folder, else none: then it follows only.
pub fn node_keys(folder: &Path, given: &[PathBuf], source: &PassphraseSource, lang: Lang) -> Result<Vec<SecretKey>, Failure> {
    if given.is_empty() && !folder.join(CHECKPOINT_KEY_FILE).exists() {
        return Ok(Vec::new());
    }
    checkpoint_keys(folder, given, source, lang)
}

/// Least replicas of a ledger's stream: a demonstration may have fewer.
pub fn replicas(file: &ClusterFile, ledger: &Ledger<Folder>, lang: Lang) -> Result<usize, Failure> {
    if file.replicas < REPLICAS_MIN && ledger.state().purpose() != Some(Purpose::Demonstration) {
        return Err(Failure::malformed(match lang {
            Lang::En => format!("replicas = {}: a production ledger's blocks are held by {REPLICAS_MIN} servers or more", file.replicas),
            Lang::Zh => format!("replicas = {}：正式账本的区块须由至少 {REPLICAS_MIN} 台服务器共同保存", file.replicas),
        }));
    }
    Ok(file.replicas)
}

/// Makes a stream, where this user may.
fn made(stream: Stream, replicas: usize, lang: Lang) -> Result<Stream, Failure> {
    match stream.create(replicas) {
        Ok(()) => Ok(stream),
        // What is not permitted is not answered.
        Err(ServersError::Silent(_) | ServersError::Forbidden { .. }) => {
            let name = stream.name();
            Err(Failure::Held(match lang {
                Lang::En => format!(
                    "{name} is not there, and this user may not make it\n  what to do: the keeper makes it: deploy/cluster/stream create {name}"
                ),
                Lang::Zh => format!("{name} 尚不存在，本用户无权创建\n  处理: 请由 keeper 执行 deploy/cluster/stream create {name}"),
            }))
        }
        Err(error) => Err(cluster_failure(error)),
    }
}

/// A node without the checkpoint key cannot do this.
fn require_key(ledger: &Ledger<Folder>) -> Result<(), Failure> {
    if ledger.can_sign() {
        return Ok(());
    }
    let expected = ledger.state().checkpoint_key_at(ledger.history().size()).map_or_else(String::new, ToString::to_string);
    Err(LedgerError::OtherCheckpointKey { expected, found: "none".to_owned() }.into())
}
