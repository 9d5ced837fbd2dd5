//! `zeren witness new`, `key` and `serve`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ledger::policy::parse_verifier_key;
use signer::PublicKey;
use signer::note::TYPE_ED25519;
use signer::value::KeyName;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::command::audit::read_policy;
use crate::command::print;
use crate::error::Failure;
use crate::http::listener;
use crate::lang::Lang;
use crate::secret::{PassphraseSource, open_key};
use crate::witness::store::Store;
use crate::witness::{Witness, serve, witness_key};

/// `zeren witness new`
#[derive(Args)]
pub struct New {
    /// The folder to make
    folder: PathBuf,
    #[command(flatten)]
    own: Own,
}

/// `zeren witness key`
#[derive(Args)]
pub struct ShowKey {
    #[command(flatten)]
    own: Own,
}

/// `zeren witness serve`
#[derive(Args)]
pub struct Serve {
    /// The folder that `zeren witness new` made
    #[arg(long)]
    dir: PathBuf,
    #[command(flatten)]
    own: Own,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Listen on another address than loopback without TLS: something else protects the way
    #[arg(long)]
    plain_http: bool,
    /// A proxy on this machine asks for others, and says for whom in `X-Forwarded-For`: rates go by that address
    #[arg(long)]
    behind_proxy: bool,
    /// A log: its verifier key `<origin>+<id>+<key>`, as in the `log` line of a trust policy
    #[arg(long, value_name = "VKEY")]
    log: Vec<String>,
    /// The logs of a trust policy
    #[arg(long, value_name = "FILE")]
    logs: Vec<PathBuf>,
}

/// Who this witness is.
#[derive(Args)]
struct Own {
    /// The witness's key file (`zeren key new`)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The witness's name, as foundings and policies name it
    #[arg(long)]
    name: String,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Own {
    fn open(&self, lang: Lang) -> Result<signer::SecretKey, Failure> {
        if KeyName::parse(&self.name).is_none() {
            let what = lang.pick(
                "a name is 1 to 120 visible ASCII characters without + and space",
                "名称须为 1 至 120 个可见 ASCII 字符，不含 + 与空格",
            );
            return Err(Failure::malformed(format!("{}: {what}", self.name)));
        }
        open_key(&self.key, &self.passphrase, lang)
    }
}

pub(super) fn new(args: &New, lang: Lang) -> Result<ExitCode, Failure> {
    let key = args.own.open(lang)?.public();
    Store::create(&args.folder, &args.own.name, &key)?;
    print(&names(&args.own.name, &key, lang));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show_key(args: &ShowKey, lang: Lang) -> Result<ExitCode, Failure> {
    let key = args.own.open(lang)?.public();
    print(&names(&args.own.name, &key, lang));
    Ok(ExitCode::SUCCESS)
}

fn names(name: &str, key: &PublicKey, lang: Lang) -> String {
    let (policy, founding) = (lang.pick("in a trust policy", "信任策略中"), lang.pick("in a founding    ", "创设声明中"));
    format!("{founding}  witness {name} {}\n{policy}  witness {name} {}", key.bytes(), witness_key(name, key))
}

pub(super) fn run(args: &Serve, lang: Lang) -> Result<ExitCode, Failure> {
    if !args.listen.ip().is_loopback() && !args.plain_http {
        return Err(Failure::malformed(format!(
            "{}: {}",
            args.listen,
            lang.pick(
                "not a loopback address. Listen on 127.0.0.1 behind a proxy with TLS, or say --plain-http if something else protects the way",
                "不是本机回环地址。请在 TLS 代理后监听 127.0.0.1；如线路另有保护，请加 --plain-http"
            )
        )));
    }
    let logs = logs(args, lang)?;
    let key = args.own.open(lang)?;
    let store = Store::open(&args.dir, &args.own.name, &key.public(), lang)?;
    let witness = Witness::open(store, &args.own.name, key, logs)?;
    let failed = |source: io::Error| Failure::File { path: args.listen.to_string(), source };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        print(&format!("{} http://{address}", lang.pick("witness", "见证方")));
        listener::serve(listener, serve::routes(Arc::new(witness), args.behind_proxy), Arc::default(), stop).await;
        Ok(ExitCode::SUCCESS)
    })
}

fn logs(args: &Serve, lang: Lang) -> Result<Vec<(String, PublicKey)>, Failure> {
    let mut logs = Vec::new();
    for text in &args.log {
        let known = parse_verifier_key(text, TYPE_ED25519);
        logs.push(
            known.ok_or_else(|| Failure::malformed(format!("{text}: {}", lang.pick("not a log's verifier key", "不是账本验证密钥"))))?,
        );
    }
    for path in &args.logs {
        logs.extend(logs_of(path)?);
    }
    if logs.is_empty() {
        return Err(Failure::malformed(lang.pick("no log: give --log or --logs", "未指定账本：请用 --log 或 --logs")));
    }
    Ok(logs)
}

fn logs_of(path: &Path) -> Result<Vec<(String, PublicKey)>, Failure> {
    let policy = read_policy(path)?;
    let names: std::collections::BTreeSet<&str> = policy.log_names().collect();
    Ok(names.into_iter().flat_map(|name| policy.log_keys(name).map(move |key| (name.to_owned(), key.clone()))).collect())
}
