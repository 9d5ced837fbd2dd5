//! `zeren cluster found`: the first generation of a ledger's stream.

use std::process::ExitCode;

use ledger::Tip;
use ledger::block::Block;
use serde_json::json;
use tokio::sync::watch;

use super::{NodeArgs, cluster_failure, made, node_keys, replicas, require_key, runtime};
use crate::cluster::file::ClusterFile;
use crate::cluster::folder::{self, CLUSTER};
use crate::cluster::sequence::{Signer, append_surely, epoch_block};
use crate::cluster::servers::Servers;
use crate::cluster::stream::Stream;
use crate::command::print;
use crate::command::submit::open_ledger;
use crate::error::Failure;
use crate::lang::Lang;
use crate::service::clock::ServiceClock;

/// `zeren cluster found`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    node: NodeArgs,
    #[arg(long)]
    json: bool,
}

/// Makes the stream; its first block names the record's size and root and begins this node's epoch.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let NodeArgs { dir, cluster, checkpoint_key, passphrase } = &args.node;
    let file = ClusterFile::read(cluster, lang)?;
    let signer = Signer { node: file.node(), key: file.open_node_key(passphrase, lang)? };
    let keys = node_keys(dir, checkpoint_key, passphrase, lang)?;
    // Begun before and interrupted, it is a node's folder already.
    let mut ledger = if dir.join(CLUSTER).exists() { folder::open(dir, keys, lang)? } else { open_ledger(dir, keys, lang)? };
    require_key(&ledger)?;
    let runtime = runtime()?;
    let servers = Servers::connect(&file, runtime.handle()).map_err(cluster_failure)?;
    let replicas = replicas(&file, &ledger, lang)?;
    let latest = Stream::latest(&servers, ledger.id()).map_err(cluster_failure)?;
    if let Some(stream) = &latest
        && (stream.generation > 1 || stream.last().map_err(cluster_failure)? > 0)
    {
        let name = stream.name();
        return Err(Failure::malformed(match lang {
            Lang::En => format!("{name}: this ledger is on the cluster already; `zeren cluster join` makes another node's folder"),
            Lang::Zh => format!("{name}：本账本已在该集群上；其他节点请用 zeren cluster join"),
        }));
    }
    if let Some(epoch) = ledger.state().epoch() {
        // It was on a cluster: what became of that stream somebody must answer for.
        return Err(Failure::Held(match lang {
            Lang::En => format!(
                "this ledger was on a cluster before (epoch {}, node {}), and its stream is gone\n  what to do: `zeren cluster repair` opens the next generation, with a signed incident (docs/operations-cluster.md section 11)",
                epoch.number, epoch.node
            ),
            Lang::Zh => format!(
                "本账本曾在集群上（第 {} 任期，节点 {}），其数据流已不存在\n  处理: 请用 zeren cluster repair 附已签署的事故声明开启下一代（docs/operations-cluster.md 第 11 节）",
                epoch.number, epoch.node
            ),
        }));
    }
    let stream = match latest {
        Some(stream) => stream,
        // Where this node's user may not make streams, the keeper has.
        None => made(Stream::new(&servers, ledger.id(), 1), replicas, lang)?,
    };
    stream.judge(replicas).map_err(cluster_failure)?;
    // From here on nothing else may write to the folder.
    folder::mark(dir, ledger.id())?;
    let tip = Tip::start(1);
    let bytes = epoch_block(&ledger, &tip, &signer, ServiceClock::of(ledger.state()).now())?;
    let (_stop, stopping) = watch::channel(false);
    append_surely(&stream, 1, &bytes, &stopping)?;
    let block = Block::parse(&bytes).map_err(Failure::Refused)?;
    ledger.follow(&tip, &block)?;
    let (id, size, node) = (ledger.id().as_str(), ledger.history().size(), &file.node);
    if args.json {
        print(&json!({ "ledger": id, "entries": size, "stream": stream.name(), "node": node }).to_string());
    } else {
        print(&match lang {
            Lang::En => format!(
                "{id}\n  on the cluster: stream {}, from entry {} on; node {node} began epoch {}\n  next: zeren serve --cluster FILE here; a backup of this folder makes other nodes (zeren cluster join)",
                stream.name(),
                block.header.size,
                block.header.epoch,
            ),
            Lang::Zh => format!(
                "{id}\n  已转入集群：数据流 {}，自第 {} 条起；节点 {node} 开始第 {} 任期\n  下一步：在此运行 zeren serve --cluster 文件；其他节点由本文件夹的备份建立（zeren cluster join）",
                stream.name(),
                block.header.size,
                block.header.epoch,
            ),
        });
    }
    Ok(ExitCode::SUCCESS)
}
