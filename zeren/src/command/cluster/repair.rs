//! `zeren cluster repair`: a new generation of a stream that is gone or damaged, from this node's record, and a statement by whoever
//! answers for it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ledger::check::{Content, Verified};
use ledger::entry::{Entry, SealedEntry};
use ledger::quorum::{Before, Quorum};
use ledger::storage::Folder;
use ledger::{Answer, Ledger, LedgerError, Tip, append_through};
use serde_json::json;
use signer::act::Act;
use signer::statement::Statement;
use signer::{Note, Refusal, Rule};
use tokio::sync::watch;

use super::{NodeArgs, cluster_failure, made, node_keys, replicas, require_key, runtime};
use crate::cluster::file::ClusterFile;
use crate::cluster::folder;
use crate::cluster::owed::Owed;
use crate::cluster::place;
use crate::cluster::sequence::{Blocks, Sequencer, Signer};
use crate::cluster::servers::Servers;
use crate::cluster::stream::{GENERATIONS_MAX, Stream};
use crate::command::{audit, print};
use crate::error::{DOES_NOT_VERIFY, Failure};
use crate::lang::Lang;
use crate::service::clock::ServiceClock;
use crate::service::kept;

/// `zeren cluster repair`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// The signed `incident` statement, which names the new generation (`zeren draft incident`, `zeren sign`)
    #[arg(long, value_name = "FILE")]
    incident: PathBuf,
    /// The trust policy: the record is audited against it before anything is made from it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A checkpoint or receipt that somebody holds: a record that lacks it is not repaired from
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// The folder of this node's service, which knows up to where it was (default: FOLDER-service)
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Audits, compares, and where there is something to repair, opens the next generation.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let NodeArgs { dir, cluster, checkpoint_key, passphrase } = &args.node;
    let file = ClusterFile::read(cluster, lang)?;
    let signer = Arc::new(Signer { node: file.node(), key: file.open_node_key(passphrase, lang)? });
    let (report, _) = audit::report(dir, args.policy.as_deref(), &[], lang)?;
    let is_sound = match report.verdict {
        ledger::audit::Verdict::Holds => true,
        ledger::audit::Verdict::Unanchored => args.policy.is_none(),
        _ => false,
    };
    if !is_sound {
        print(&audit::brief(&report, lang));
        return Ok(ExitCode::from(DOES_NOT_VERIFY));
    }
    let ledger = folder::open(dir, node_keys(dir, checkpoint_key, passphrase, lang)?, lang)?;
    require_key(&ledger)?;
    let runtime = runtime()?;
    let servers = Servers::connect(&file, runtime.handle()).map_err(cluster_failure)?;
    let latest = place::latest_begun(&ledger, &servers).map_err(cluster_failure)?;
    let (mut ledger, damage) = damage(ledger, latest.as_ref(), lang)?;
    require_nothing_owed(&mut ledger, args, lang)?;
    let incident = read_incident(&args.incident, &ledger, latest.as_ref())?;
    let begins = ledger.history().size();
    let replicas = replicas(&file, &ledger, lang)?;
    let stream = Stream::new(&servers, ledger.id(), incident.generation);
    let stream = match stream.info() {
        Ok(_) => stream,
        Err(error) if error.is_absent() => made(stream, replicas, lang)?,
        Err(error) => return Err(cluster_failure(error)),
    };
    stream.judge(replicas).map_err(cluster_failure)?;
    let (_stop, stopping) = watch::channel(false);
    let (blocks, _) = watch::channel(Blocks::default());
    let epoch = ledger.next_epoch();
    let now = ServiceClock::of(ledger.state()).now();
    let begun = ledger.epoch_note(&signer.node, signer.key.public().bytes())?;
    let sequencer = Sequencer::new(stream.clone(), signer, epoch, Tip::start(incident.generation), blocks, stopping);
    let mut opening = Opening { sequencer, incident: incident.verified.bytes.clone() };
    let answers = append_through(&mut ledger, vec![begun, incident.verified], now, &mut opening)?;
    let entry = match answers.last() {
        Some(Answer::Recorded { receipt, .. }) => receipt.index,
        Some(Answer::Refused { refusal, .. }) => return Err(Failure::Refused(refusal.clone())),
        None => return Err(LedgerError::Poisoned.into()),
    };
    if args.json {
        let (id, name) = (ledger.id().as_str(), stream.name());
        print(&json!({ "ledger": id, "stream": name, "generation": stream.generation, "epoch": epoch, "incident_entry": entry, "because": damage }).to_string());
    } else {
        print(&match lang {
            Lang::En => format!(
                "repaired: {} begins at {} entries; epoch {epoch}; the incident is entry {entry}\n  it was: {damage}\n  next: start the nodes; each finds the new generation and compares it with its own record",
                stream.name(),
                begins,
            ),
            Lang::Zh => format!(
                "已修复：{} 自 {} 条起；第 {epoch} 任期；事故记录为第 {entry} 条\n  原因：{damage}\n  下一步：启动各节点，各节点将找到新一代数据流并与自身账本核对",
                stream.name(),
                begins,
            ),
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with the stream; an error where nothing is. What is good in it is followed first: it was acknowledged, and goes into the
/// next generation.
fn damage(mut ledger: Ledger<Folder>, latest: Option<&Stream>, lang: Lang) -> Result<(Ledger<Folder>, String), Failure> {
    let Some(stream) = latest else { return Ok((ledger, lang.pick("there was no stream any more", "数据流已不存在").to_owned())) };
    match follow_all(&mut ledger, stream) {
        Err(LedgerError::Block { number, refusal }) => Ok((ledger, format!("{} {number}: {refusal}", lang.pick("block", "区块")))),
        // Perhaps half of a block was judged when one of its entries was not admitted: none of it is kept.
        Err(LedgerError::Damaged { index, refusal }) => {
            Ok((ledger.reopen_node()?, format!("{} {index}: {refusal}", lang.pick("entry of the stream", "数据流条目"))))
        }
        Err(error) => Err(error.into()),
        Ok(()) => Err(Failure::malformed(lang.pick(
            "nothing to repair: this record has followed the stream to its end, and both hold the same; start the node",
            "无需修复：本账本已跟至数据流末尾，两者一致，请启动节点",
        ))),
    }
}

/// Refuses a record that lacks, even with what is good of the stream, a checkpoint that somebody holds, or what this node once had.
fn require_nothing_owed(ledger: &mut Ledger<Folder>, args: &Args, lang: Lang) -> Result<(), Failure> {
    let contradicted = |refusal| Failure::Contradicted { refusal, evidence: String::new() };
    for path in &args.known {
        ledger.show(&audit::read_known(path, lang)?).map_err(contradicted)?;
    }
    let owed = Owed::new(folder::owed(&args.node.dir)?);
    let state = args.state.clone().unwrap_or_else(|| args.node.beside("-service"));
    kept::owe(&state, ledger, &owed, lang)?;
    match owed.settle(ledger).map_err(contradicted)? {
        None => Ok(()),
        Some(size) => {
            let (expected, found) = (format!("at least {size} entries"), ledger.history().size().to_string());
            Err(contradicted(Refusal::new(Rule::Rollback, expected, found)))
        }
    }
}

/// Follows a stream to its end, or to what cannot be followed.
fn follow_all(ledger: &mut Ledger<Folder>, stream: &Stream) -> Result<(), LedgerError> {
    let mut tip = place::locate(&*ledger, stream)?;
    let last = stream.last().map_err(place::unreachable_quorum)?;
    while tip.number < last {
        let block = place::read_block(stream, tip.number + 1)?;
        tip = ledger.follow(&tip, &block)?;
    }
    Ok(())
}

struct Incident {
    verified: Verified,
    generation: u64,
}

/// The statement that answers for the repair. It is judged before anything is made, but for the day's index entry, which comes before it.
fn read_incident(path: &std::path::Path, ledger: &Ledger<Folder>, latest: Option<&Stream>) -> Result<Incident, Failure> {
    let notes = crate::command::submit::notes_of(path)?;
    let [note] = &notes[..] else { return Err(Failure::malformed(format!("{}: one statement, found {}", path.display(), notes.len()))) };
    let verified = ledger::check(note, ledger.ring()).map_err(Failure::Refused)?;
    let Content::Statement { statement, .. } = &verified.content else { return Err(no_incident(path)) };
    let Statement::Act { act: Act::Incident(incident), .. } = statement.as_ref() else { return Err(no_incident(path)) };
    let generation = incident.generation;
    let least = latest.map_or(1, |stream| stream.generation) + 1;
    if generation < least || generation > GENERATIONS_MAX {
        let expected = format!("generation {least} to {GENERATIONS_MAX}");
        return Err(Failure::Refused(Refusal::new(Rule::IncidentUnlike, expected, format!("generation {generation}"))));
    }
    let context = verified.names_size().and_then(|size| ledger.history().context(size));
    let received = ledger.state().received_last().max(ServiceClock::of(ledger.state()).now());
    ledger::admit::admit_indexed(ledger.state(), &verified, received, context.as_ref()).map_err(Failure::Refused)?;
    Ok(Incident { verified, generation })
}

fn no_incident(path: &std::path::Path) -> Failure {
    Failure::malformed(format!("{}: a statement of act incident is needed", path.display()))
}

/// The first block of a generation: epoch and incident together, or nothing.
struct Opening {
    sequencer: Sequencer,
    /// The signed statement, without which nothing is opened.
    incident: Vec<u8>,
}

impl Quorum for Opening {
    fn send_entries(&mut self, before: &Before<'_>, entries: &[SealedEntry]) -> Result<(), LedgerError> {
        if !entries.iter().any(|sealed| Entry::parse(&sealed.bytes).is_ok_and(|entry| entry.note == self.incident)) {
            let refusal = Refusal::new(Rule::BlockOrder, "an epoch entry and an incident", "no incident that is admitted");
            return Err(LedgerError::Block { number: 1, refusal });
        }
        self.sequencer.send_entries(before, entries)
    }

    fn send_refusals(&mut self, _: &Before<'_>, _: &[Note]) -> Result<(), LedgerError> {
        // Nothing of a repair that did not happen is kept.
        Ok(())
    }

    fn wait(&mut self) -> Result<(), LedgerError> {
        self.sequencer.wait()
    }

    fn begins_epoch(&self) -> bool {
        true
    }
}
