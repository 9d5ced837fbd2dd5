//! `zeren serve`: the service of a ledger on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ledger::Ledger;
use ledger::storage::Folder;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use super::audit::read_known;
use super::cluster::{cluster_failure, node_keys, replicas};
use super::submit::{checkpoint_keys, open_ledger};
use super::witness::ask::named;
use crate::cluster::counties::Counties;
use crate::cluster::file::ClusterFile;
use crate::cluster::folder;
use crate::cluster::node::Node;
use crate::cluster::owed::Owed;
use crate::cluster::sequence::Signer;
use crate::cluster::servers::Servers;
use crate::error::{Failure, render_refusal};
use crate::lang::Lang;
use crate::remote::authorities::Authorities;
use crate::screen::say;
use crate::secret::PassphraseSource;
use crate::service::{self, Ended, Options, PERSON_A_SECOND, PERSON_BURST, RESERVE_MIB, STRANGER_A_SECOND, STRANGER_BURST};

/// How long threads have that still answer somebody when the service ends.
const ENDING: Duration = Duration::from_secs(5);

/// `zeren serve`
#[derive(clap::Args)]
pub struct Args {
    /// The ledger's folder
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8417")]
    listen: SocketAddr,
    /// Folder for views, drafts and the access log (default: the ledger's folder with `-service` after its name)
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// A witness that the founding or amendment in force names, and where it is; asked after every change
    #[arg(long, value_name = "NAME=URL")]
    witness: Vec<String>,
    /// Certificates of the authorities that vouch for the witnesses' addresses; then no others are trusted
    #[arg(long, value_name = "FILE", requires = "witness")]
    ca: Option<PathBuf>,
    /// Seconds between two askings at least
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    witness_every: u64,
    /// Listen on an address that others reach although nothing is encrypted: something else protects the way
    #[arg(long)]
    plain_http: bool,
    /// A proxy on this machine asks for others, and says for whom in `X-Forwarded-For`: rates and the access log go by that address
    #[arg(long)]
    behind_proxy: bool,
    /// Show entries to everybody
    #[arg(long)]
    public_entries: bool,
    /// The checkpoint key's file (default: the one in the folder); a second one if an amendment puts it in force
    #[arg(long, value_name = "FILE")]
    checkpoint_key: Vec<PathBuf>,
    /// A checkpoint that you hold, or a receipt: if it is later than the ledger, nothing is accepted
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// Requests of one person at once
    #[arg(long, default_value_t = PERSON_BURST, value_name = "N")]
    person_burst: u32,
    /// Requests of one person a second, after those
    #[arg(long, default_value_t = PERSON_A_SECOND, value_name = "N")]
    person_rate: u32,
    /// Requests of one address without a good token or signature, at once
    #[arg(long, default_value_t = STRANGER_BURST, value_name = "N")]
    stranger_burst: u32,
    /// The same a second, after those
    #[arg(long, default_value_t = STRANGER_A_SECOND, value_name = "N")]
    stranger_rate: u32,
    /// The last of the disk, kept for the record: with less, nothing that needs a token is shown and no draft is taken
    #[arg(long, default_value_t = RESERVE_MIB, value_name = "MIB")]
    reserve: u64,
    /// Run as a node of a cluster: the cluster file
    #[arg(long, value_name = "FILE")]
    cluster: Option<PathBuf>,
    /// Follow only: never sequence, whatever keys are here
    #[arg(long, requires = "cluster")]
    follow_only: bool,
    /// Follow the ledgers of these nodes' folders (each made by `zeren cluster join`) into views of their own, and anchor their
    /// checkpoints in this ledger
    #[arg(long, value_name = "FOLDER", requires = "counties_cluster")]
    counties: Option<PathBuf>,
    /// The cluster file for the counties' servers
    #[arg(long, value_name = "FILE", requires = "counties")]
    counties_cluster: Option<PathBuf>,
    /// Seconds between two anchors of a county at least
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    anchor_every: u64,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Serves until it is told to stop.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    if !args.listen.ip().is_loopback() && !args.plain_http {
        let advice = lang.pick(
            "others could read along: let a proxy with TLS listen there and pass on to 127.0.0.1, or say --plain-http if something else protects the way",
            "该地址可被他人访问且未加密：请由 TLS 代理监听并转发至 127.0.0.1；若链路另有保护，请加 --plain-http",
        );
        return Err(Failure::malformed(format!("--listen {}: {advice}", args.listen)));
    }
    let cluster = args.cluster.as_deref().map(|path| ClusterFile::read(path, lang)).transpose()?;
    let mut ledger = match &cluster {
        None => open_ledger(&args.dir, checkpoint_keys(&args.dir, &args.checkpoint_key, &args.passphrase, lang)?, lang)?,
        Some(_) => folder::open(&args.dir, node_keys(&args.dir, &args.checkpoint_key, &args.passphrase, lang)?, lang)?,
    };
    let owed = Owed::new(folder::owed(&args.dir)?);
    for path in &args.known {
        let note = read_known(path, lang)?;
        // A node reads from the stream what it lacks.
        if cluster.is_some() && owed.take(&note, &ledger) {
            continue;
        }
        if let Err(refusal) = ledger.show(&note) {
            say(&render_refusal(&refusal, lang));
        }
    }
    let authorities = Authorities::read(args.ca.as_deref(), lang)?;
    let witnesses: Result<Vec<_>, Failure> = args.witness.iter().map(|text| named(ledger.state(), text, &authorities, lang)).collect();
    let options = Options {
        witnesses: witnesses?,
        witness_every: Duration::from_secs(args.witness_every),
        folder: args.state.clone().unwrap_or_else(|| beside(&args.dir)),
        is_behind_proxy: args.behind_proxy,
        has_public_entries: args.public_entries,
        person_rate: (args.person_burst, args.person_rate),
        stranger_rate: (args.stranger_burst, args.stranger_rate),
        reserve_bytes: args.reserve.saturating_mul(1 << 20),
        node: None,
        owed,
        counties: None,
    };
    let system = |source| Failure::File { path: args.listen.to_string(), source };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(system)?;
    // Whoever waits for the servers waits for these threads, never for those that answer readers.
    let talking = super::cluster::runtime()?;
    let options = match &cluster {
        None => options,
        Some(file) => Options { node: Some(node(file, &ledger, args, talking.handle(), lang)?), ..options },
    };
    let counties = match (&args.counties, &args.counties_cluster) {
        (Some(folder), Some(path)) => {
            let file = ClusterFile::read(path, lang)?;
            let servers = Servers::connect(&file, talking.handle()).map_err(cluster_failure)?;
            let every = Duration::from_secs(args.anchor_every);
            Some(Counties::open(folder, servers, replicas(&file, &ledger, lang)?, every, lang)?)
        }
        _ => None,
    };
    let options = Options { counties, ..options };
    let ended = runtime.block_on(async {
        let listening = TcpListener::bind(args.listen).await.map_err(system)?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate()).map_err(system)?, signal(SignalKind::interrupt()).map_err(system)?);
        let stop = async move {
            tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        };
        service::serve(ledger, &args.dir, options, listening, stop, lang).await
    });
    runtime.shutdown_timeout(ENDING);
    talking.shutdown_timeout(ENDING);
    match ended? {
        Ended::Stopped => Ok(ExitCode::SUCCESS),
        Ended::Failed(error) => Err(error.into()),
    }
}

/// The node that this process is.
fn node(file: &ClusterFile, ledger: &Ledger<Folder>, args: &Args, runtime: &Handle, lang: Lang) -> Result<Node, Failure> {
    let may_sequence = !args.follow_only && ledger.can_sign();
    let signer = if may_sequence && file.node_key.is_some() {
        Some(Arc::new(Signer { node: file.node(), key: file.open_node_key(&args.passphrase, lang)? }))
    } else {
        None
    };
    let servers = Servers::connect(file, runtime).map_err(cluster_failure)?;
    Ok(Node { servers, replicas: replicas(file, ledger, lang)?, stands_by: signer.is_some(), signer })
}

/// The service's own folder, where none is named.
fn beside(dir: &std::path::Path) -> PathBuf {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push("-service");
    dir.with_file_name(name)
}
