//! `zeren serve`: the service of a ledger on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::audit::read_known;
use super::submit::{checkpoint_keys, open_ledger};
use super::witness::ask::named;
use crate::error::{Failure, STORAGE, render_refusal};
use crate::lang::Lang;
use crate::remote::authorities::Authorities;
use crate::screen::say;
use crate::secret::PassphraseSource;
use crate::service::{self, Ended, Options, PERSON_A_SECOND, PERSON_BURST, RESERVE_MIB};

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
    /// The last of the disk, kept for the record: with less, nothing that needs a token is shown and no draft is taken
    #[arg(long, default_value_t = RESERVE_MIB, value_name = "MIB")]
    reserve: u64,
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
    let keys = checkpoint_keys(&args.dir, &args.checkpoint_key, &args.passphrase, lang)?;
    let mut ledger = open_ledger(&args.dir, keys, lang)?;
    for path in &args.known {
        let note = read_known(path, lang)?;
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
        reserve_bytes: args.reserve.saturating_mul(1 << 20),
    };
    let system = |source| Failure::File { path: args.listen.to_string(), source };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(system)?;
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
    match ended? {
        Ended::Stopped => Ok(ExitCode::SUCCESS),
        Ended::Failed(error) => {
            say(&Failure::from(error).render(lang));
            Ok(ExitCode::from(STORAGE))
        }
    }
}

/// The service's own folder, where none is named.
fn beside(dir: &std::path::Path) -> PathBuf {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push("-service");
    dir.with_file_name(name)
}
