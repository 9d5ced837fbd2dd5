//! `zeren cluster status`: what this node's record and the stream hold, and whether they agree.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{NodeArgs, cluster_failure, runtime};
use crate::cluster::file::ClusterFile;
use crate::cluster::folder;
use crate::cluster::owed::Owed;
use crate::cluster::place::{self, Standing};
use crate::cluster::servers::{Servers, ServersError};
use crate::cluster::stream::Stream;
use crate::command::print;
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, render_refusal};
use crate::lang::Lang;
use crate::service::kept;

/// JetStream's code for a consumer that is not there.
const NO_CONSUMER: u64 = 10_014;

/// `zeren cluster status`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Compare every block of the stream, not only those from the record's end on
    #[arg(long)]
    deep: bool,
    /// The folder of this node's service, which knows up to where it was (default: FOLDER-service)
    #[arg(long, value_name = "FOLDER")]
    state: Option<std::path::PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Compares and tells. Exit code 1 where record and stream are apart.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let file = ClusterFile::read(&args.node.cluster, lang)?;
    let mut record = crate::command::read_ledger(&args.node.dir, lang)?;
    let owed = Owed::new(folder::owed(&args.node.dir)?);
    kept::owe(&args.state.clone().unwrap_or_else(|| args.node.beside("-service")), &record, &owed, lang)?;
    if matches!(owed.settle(&record), Ok(Some(_))) {
        // Its service may run, and have committed meanwhile.
        record = crate::command::read_ledger(&args.node.dir, lang)?;
    }
    let runtime = runtime()?;
    let servers = Servers::connect(&file, runtime.handle()).map_err(cluster_failure)?;
    let stream = place::latest_begun(&record, &servers).map_err(cluster_failure)?;
    if stream.is_none() && record.state().epoch().is_none() {
        let id = record.id();
        return Err(Failure::malformed(match lang {
            Lang::En => format!("{id}: not on this cluster yet; `zeren cluster found` puts it there"),
            Lang::Zh => format!("{id}：尚未转入本集群；请用 zeren cluster found 转入"),
        }));
    }
    let standing = match &stream {
        None => Standing::Apart(place::no_stream(&record)),
        Some(stream) => place::compare(&record, stream, args.deep)?,
    };
    let unfit = stream.as_ref().and_then(|stream| stream.judge(file.replicas).err());
    let info = stream.as_ref().map(Stream::info).transpose().map_err(cluster_failure)?.unwrap_or_default();
    let consumers = stream.as_ref().map(|stream| consumers(stream, &file.node)).transpose().map_err(cluster_failure)?.unwrap_or_default();
    let (lacking, standing) = match (owed.settle(&record), standing) {
        (Err(refusal), Standing::Same | Standing::StreamAhead(_)) => (None, Standing::Apart(refusal)),
        (lacking, standing) => (lacking.ok().flatten(), standing),
    };
    let answer = json!({
        "ledger": record.id().as_str(), "entries": record.size(), "root": record.history().tree().root_at(record.size()).map(|root| root.to_string()),
        "epoch": record.state().epoch().map(|epoch| json!({ "number": epoch.number, "node": epoch.node.as_str(), "entry": epoch.entry })),
        "server": { "name": servers.server().0, "version": servers.server().1 },
        "stream": stream.as_ref().map(|stream| json!({
            "name": stream.name(), "generation": stream.generation, "blocks": info["state"]["last_seq"], "bytes": info["state"]["bytes"],
            "leader": info["cluster"]["leader"], "replicas": info["cluster"]["replicas"].as_array().into_iter().flatten().map(replica).collect::<Vec<_>>(),
        })),
        "standing": standing_json(&standing), "lacking": lacking, "unfit": unfit.as_ref().map(ToString::to_string), "consumers": consumers,
    });
    if args.json {
        crate::command::print(&answer.to_string());
    } else {
        print(&told(&answer, lang));
        if let Standing::Apart(refusal) = &standing {
            print(&render_refusal(refusal, lang));
        }
    }
    let is_sound = unfit.is_none() && !matches!(standing, Standing::Apart(_));
    Ok(ExitCode::from(if is_sound { HOLDS } else { DOES_NOT_VERIFY }))
}

fn replica(replica: &Value) -> Value {
    json!({ "server": replica["name"], "current": replica["current"], "offline": replica["offline"].as_bool().unwrap_or(false), "behind": replica["lag"].as_u64().unwrap_or(0) })
}

/// This user's durable consumer, if it has one, and how many blocks it has not acknowledged: others' it may not ask for.
fn consumers(stream: &Stream, name: &str) -> Result<Vec<Value>, ServersError> {
    let consumer = match stream.servers().ask(&format!("CONSUMER.INFO.{}.{name}", stream.name()), &json!({})) {
        Err(ServersError::Refused { code: NO_CONSUMER, .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let count = |key: &str| consumer[key].as_u64().unwrap_or(0);
    Ok(vec![json!({ "name": name, "behind": count("num_pending") + count("num_ack_pending") })])
}

fn standing_json(standing: &Standing) -> Value {
    match standing {
        Standing::Same => json!({ "is": "same" }),
        Standing::StreamAhead(blocks) => json!({ "is": "stream-ahead", "blocks": blocks }),
        Standing::Apart(refusal) => json!({
            "is": "apart", "rule": refusal.rule.name(), "expected": refusal.expected, "found": refusal.found, "advice": refusal.rule.advice(),
        }),
    }
}

fn told(answer: &Value, lang: Lang) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines = vec![
        text(&answer["ledger"]),
        match lang {
            Lang::En => format!("  this node      {} entries, root {}", answer["entries"], text(&answer["root"])),
            Lang::Zh => format!("  本节点         {} 条，根值 {}", answer["entries"], text(&answer["root"])),
        },
    ];
    if answer["epoch"].is_object() {
        let (number, node, entry) = (&answer["epoch"]["number"], text(&answer["epoch"]["node"]), &answer["epoch"]["entry"]);
        lines.push(match lang {
            Lang::En => format!("  last epoch     {number}, begun by node {node} with entry {entry}"),
            Lang::Zh => format!("  最近任期       第 {number} 任期，节点 {node} 自第 {entry} 条开始"),
        });
    }
    let stream = &answer["stream"];
    if stream.is_object() {
        lines.push(match lang {
            Lang::En => format!(
                "  stream         {}, blocks: {}, {} bytes, leader {}",
                text(&stream["name"]),
                stream["blocks"],
                stream["bytes"],
                text(&stream["leader"])
            ),
            Lang::Zh => format!(
                "  数据流         {}，{} 个区块，{} 字节，主副本 {}",
                text(&stream["name"]),
                stream["blocks"],
                stream["bytes"],
                text(&stream["leader"])
            ),
        });
        for replica in stream["replicas"].as_array().into_iter().flatten() {
            let state = match (replica["offline"].as_bool(), replica["current"].as_bool()) {
                (Some(true), _) => lang.pick("OFFLINE", "离线"),
                (_, Some(true)) => lang.pick("current", "同步"),
                _ => lang.pick("behind", "落后"),
            };
            lines.push(format!("    {} {}  {state}", lang.pick("replica", "副本"), text(&replica["server"])));
        }
    }
    for consumer in answer["consumers"].as_array().into_iter().flatten() {
        lines.push(match lang {
            Lang::En => format!("  consumer       {}: behind by {}", text(&consumer["name"]), consumer["behind"]),
            Lang::Zh => format!("  消费者         {}：落后 {} 个区块", text(&consumer["name"]), consumer["behind"]),
        });
    }
    if let Some(lacking) = answer["lacking"].as_u64() {
        lines.push(match lang {
            Lang::En => format!("  OWES           {lacking} entries were signed for: it follows, and begins no epoch before it holds them"),
            Lang::Zh => format!("  尚缺条目       已签至第 {lacking} 条：先跟随补齐，补齐前不得接任"),
        });
    }
    if let Some(unfit) = answer["unfit"].as_str() {
        lines.push(format!("  {}     {unfit}", lang.pick("NOT FIT   ", "配置不合  ")));
    }
    lines.push(match (answer["standing"]["is"].as_str(), lang) {
        (Some("same"), Lang::En) => "  record and stream hold the same ✓".to_owned(),
        (Some("same"), Lang::Zh) => "  账本与数据流一致 ✓".to_owned(),
        (Some("stream-ahead"), Lang::En) => {
            let blocks = answer["standing"]["blocks"].as_u64().unwrap_or(0);
            let plural = if blocks == 1 { "block" } else { "blocks" };
            format!("  the stream is {blocks} {plural} ahead: the node follows when it runs")
        }
        (Some("stream-ahead"), Lang::Zh) => format!("  数据流领先 {} 个区块：节点运行后即跟上", answer["standing"]["blocks"]),
        (_, Lang::En) => "  RECORD AND STREAM ARE APART ✗".to_owned(),
        (_, Lang::Zh) => "  账本与数据流不一致 ✗".to_owned(),
    });
    lines.join("\n")
}
