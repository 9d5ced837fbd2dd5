//! `zeren verify fork`: whether two documents can be of one history, and the proof if they cannot.

mod inputs;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ledger::fork::{Contradiction, Document, ForkError, ForkProof, Prefix, Signer, contradiction, signers_vouched};
use ledger::policy::Policy;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::draft::Consistency;
use signer::merkle::{prefix_root, verifies_consistency};

use self::inputs::{Given, Input, read_input};
use crate::command::audit::read_policy;
use crate::command::{print, read_ledger};
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, STALE_OR_OTHER};
use crate::files;
use crate::lang::Lang;
use crate::screen::{harmless, say, within_line};
use crate::vouching::Vouching;

/// `zeren verify fork`
#[derive(Args)]
pub struct ForkArgs {
    /// A checkpoint, a receipt, a signed statement or a draft, as files; or a fork proof alone
    document: PathBuf,
    /// The other document; without one, the ledger of --dir is the other side
    other: Option<PathBuf>,
    /// The trust policy: whose keys you believe
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A copy of the ledger: its tree lets documents of two sizes be compared, and shows whose keys are enrolled
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Write the proof to this new file (default: print it)
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// What was found out about two documents.
enum Found {
    /// A good proof.
    Fork(Box<ForkProof>),
    /// They contradict each other, but a side has no signature that verifies under a key at hand.
    Unproven(Contradiction, usize),
    /// One is a beginning of the other, or the same.
    Consistent,
    /// Two sizes, and nothing that would show the tree of one at the size of the other.
    Apart,
}

pub(super) fn run(args: &ForkArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let first = read_input(&args.document, lang)?;
    let other = args.other.as_deref().map(|path| read_input(path, lang)).transpose()?;
    let given = match (first, other) {
        (Given::Proof(proof), None) => return show_proof(args, &proof, policy.as_ref(), lang),
        (Given::Document(first), None) => vec![*first],
        (Given::Document(first), Some(Given::Document(other))) => vec![*first, *other],
        _ => {
            let what = lang.pick("a fork proof holds both documents: give it alone", "分叉证明已含双方文件，请单独核验");
            return Err(Failure::malformed(what));
        }
    };
    let ledger = args.dir.as_deref().map(|dir| read_ledger(dir, lang)).transpose()?;
    if given.len() == 1 && ledger.is_none() {
        return Err(Failure::malformed(lang.pick(
            "one document contradicts nothing: give another one, or the ledger with --dir",
            "仅一份文件无从比对：请再给一份，或用 --dir 指定账本",
        )));
    }
    let name = given[0].document.claim.ledger.clone();
    let others = given.iter().map(|input| input.document.claim.ledger.as_str()).chain(ledger.iter().map(|ledger| ledger.id().as_str()));
    if let Some(other) = others.into_iter().find(|other| **other != name) {
        return Ok(other_ledger(&name, other, lang));
    }
    if policy.as_ref().is_some_and(|policy| policy.log_keys(&name).next().is_none()) {
        return Ok(other_ledger(&name, lang.pick("the policy's", "信任策略所列"), lang));
    }
    judge(args, &given, ledger.as_ref(), policy.as_ref(), lang)
}

fn other_ledger(one: &str, other: &str, lang: Lang) -> ExitCode {
    let what = lang.pick("documents of two ledgers contradict each other in nothing", "两份文件属于不同账本，无从矛盾");
    say(&format!("{what}: {}, {}", within_line(one), within_line(other)));
    ExitCode::from(STALE_OR_OTHER)
}

fn judge(
    args: &ForkArgs,
    given: &[Input],
    ledger: Option<&Snapshot<Folder>>,
    policy: Option<&Policy>,
    lang: Lang,
) -> Result<ExitCode, Failure> {
    let unusable = |error: ForkError| Failure::malformed(words::unusable(&error, lang));
    let documents: Vec<&Document> = given.iter().map(|input| &input.document).collect();
    let mut vouching = Vouching::default();
    policy.iter().for_each(|policy| vouching.add_policy(policy, &documents[0].claim.ledger));
    if let Some(ledger) = ledger {
        vouching.add_ledger(ledger, &documents)?;
    }
    let signers = |document: &Document, number| signers_vouched(document, number, &vouching.keys, &vouching.grounds, policy);
    let known = documents.iter().enumerate().map(|(at, document)| signers(document, at + 1));
    let known: Vec<Vec<Signer>> = known.collect::<Result<_, _>>().map_err(unusable)?;
    let proofs: Vec<&Consistency> = given.iter().flat_map(|input| &input.consistency).collect();
    let own = ledger.map(|ledger| Document::of(ledger.checkpoint().clone())).transpose();
    let own = own.map_err(|error| Failure::malformed(error.to_string()))?;
    // The two against each other; then each against the ledger at hand.
    let against_ledger = documents.iter().flat_map(|document| own.iter().map(move |own| [*document, own]));
    let pairs = documents.get(1).map(|other| [documents[0], *other]).into_iter().chain(against_ledger);
    let mut are_consistent = false;
    let mut are_apart = false;
    for pair in pairs {
        match compare(pair, &proofs, ledger, &vouching).map_err(unusable)? {
            Found::Consistent => are_consistent = true,
            Found::Apart => are_apart = true,
            Found::Fork(proof) => return show_found(args, &proof, policy, lang),
            Found::Unproven(contradiction, number) => {
                let signers = pair.map(|document| signers(document, 0).unwrap_or_default());
                words::unproven(args.json, pair, &signers, contradiction, number, lang);
                return Ok(ExitCode::from(DOES_NOT_VERIFY));
            }
        }
    }
    words::no_conflict(args.json, &documents, &known, are_consistent && !are_apart, ledger.map(Snapshot::size), lang);
    Ok(ExitCode::from(HOLDS))
}

fn compare(
    pair: [&Document; 2],
    proofs: &[&Consistency],
    ledger: Option<&Snapshot<Folder>>,
    vouching: &Vouching,
) -> Result<Found, ForkError> {
    let [one, other] = pair;
    let (smaller, larger) = if one.claim.size <= other.claim.size { (one, other) } else { (other, one) };
    let prefix = if smaller.claim.size == larger.claim.size {
        None
    } else {
        match prefix(smaller, larger, proofs, ledger) {
            Some(prefix) if prefix.root == smaller.claim.root => return Ok(Found::Consistent),
            Some(prefix) => Some(prefix),
            None => return Ok(Found::Apart),
        }
    };
    let contradiction = match contradiction(&one.claim, &other.claim, prefix.as_ref()) {
        Ok(contradiction) => contradiction,
        Err(ForkError::NoConflict) => return Ok(Found::Consistent),
        Err(error) => return Err(error),
    };
    match ForkProof::make([one.clone(), other.clone()], prefix, &vouching.keys, &vouching.grounds) {
        Ok(proof) => Ok(Found::Fork(Box::new(proof))),
        Err(ForkError::Unsigned { number }) => Ok(Found::Unproven(contradiction, number)),
        Err(error) => Err(error),
    }
}

/// The larger tree's root at the smaller size, as a proof at hand or the ledger's tree shows it.
fn prefix(smaller: &Document, larger: &Document, proofs: &[&Consistency], ledger: Option<&Snapshot<Folder>>) -> Option<Prefix> {
    let (old, new) = (smaller.claim.size, larger.claim.size);
    for known in proofs.iter().filter(|known| (known.old, known.new) == (old, new)) {
        let is_same = verifies_consistency(old, &smaller.claim.root, new, &larger.claim.root, &known.proof);
        let root = if is_same { Some(smaller.claim.root) } else { prefix_root(old, new, &larger.claim.root, &known.proof) };
        if let Some(root) = root {
            return Some(Prefix { root, proof: known.proof.clone() });
        }
    }
    let tree = ledger?.history().tree();
    if new > ledger?.size() || tree.root_at(new)? != larger.claim.root {
        return None;
    }
    Some(Prefix { root: tree.root_at(old)?, proof: tree.consistency(old, new)? })
}

fn show_found(args: &ForkArgs, proof: &ForkProof, policy: Option<&Policy>, lang: Lang) -> Result<ExitCode, Failure> {
    let fork = proof.verify(policy).map_err(|error| Failure::malformed(words::unusable(&error, lang)))?;
    let text = words::fork(proof, &fork, args.output.as_deref(), lang);
    if args.output.is_none() && !args.json && harmless(&proof.encode()) != proof.encode() {
        let what =
            lang.pick("the proof holds characters that are not printed here: write it with -o", "证明含有不宜显示的字符，请用 -o 写入文件");
        return Err(Failure::malformed(what));
    }
    if let Some(path) = &args.output {
        files::write_new(path, proof.encode().as_bytes())?;
    }
    match (args.json, &args.output) {
        (true, _) => print(&words::to_json(proof, &fork).to_string()),
        (false, Some(_)) => print(&text),
        (false, None) => {
            say(&text);
            print(proof.encode().trim_end_matches('\n'));
        }
    }
    Ok(ExitCode::from(DOES_NOT_VERIFY))
}

fn show_proof(args: &ForkArgs, proof: &ForkProof, policy: Option<&Policy>, lang: Lang) -> Result<ExitCode, Failure> {
    if policy.is_some_and(|policy| policy.log_keys(proof.ledger()).next().is_none()) {
        return Ok(other_ledger(proof.ledger(), lang.pick("the policy's", "信任策略所列"), lang));
    }
    let fork = proof.verify(policy).map_err(|error| Failure::malformed(words::unusable(&error, lang)))?;
    if args.json {
        print(&words::to_json(proof, &fork).to_string());
    } else {
        print(&words::fork(proof, &fork, None, lang));
    }
    Ok(ExitCode::from(DOES_NOT_VERIFY))
}
