//! `zeren project`: a projector of a cluster's ledger, with a record and views of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::cluster::{NodeArgs, cluster_failure, node_keys, replicas};
use super::print;
use crate::cluster::file::ClusterFile;
use crate::cluster::folder;
use crate::cluster::project::Projector;
use crate::cluster::servers::Servers;
use crate::error::Failure;
use crate::lang::Lang;
use crate::service::views::Views;
use crate::writer;

/// `zeren project`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Folder for the views (default: the record's folder with `-views` after its name); other commands read them with --views
    #[arg(long, value_name = "DIR")]
    views: Option<PathBuf>,
    /// Stop at the end of the stream
    #[arg(long)]
    once: bool,
}

/// Follows until it is told to stop.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let views = args.views.clone().unwrap_or_else(|| args.node.beside("-views"));
    crate::own_views::refuse_inside(&views, &args.node.dir, lang)?;
    follow(&args.node, Some(&views), args.once, lang)
}

/// Follows a stream with a durable consumer.
pub fn follow(node: &NodeArgs, views: Option<&Path>, once: bool, lang: Lang) -> Result<ExitCode, Failure> {
    let NodeArgs { dir, cluster, checkpoint_key, passphrase } = node;
    let file = ClusterFile::read(cluster, lang)?;
    let ledger = folder::open(dir, node_keys(dir, checkpoint_key, passphrase, lang)?, lang)?;
    let replicas = replicas(&file, &ledger, lang)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::File { path: "threads".to_owned(), source })?;
    let servers = Servers::connect(&file, runtime.handle()).map_err(cluster_failure)?;
    let (stop, stopping) = watch::channel(false);
    let ledger = writer::share(ledger);
    let views = views.map(|folder| Views::open_of_follower(folder, &ledger)).transpose()?;
    let projector = Projector { ledger, views, servers, replicas, name: file.node.clone(), stopping };
    runtime.spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else { return };
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        let _ = stop.send(true);
    });
    let place = projector.run(once)?;
    print(&json!({ "block": place.block, "entries": place.entries }).to_string());
    Ok(ExitCode::SUCCESS)
}
