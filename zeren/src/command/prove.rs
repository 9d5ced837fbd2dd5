//! `zeren prove`: a file for somebody who holds no ledger.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::admit::admit;
use ledger::check::Content;
use ledger::entry::Entry;
use ledger::evidence::{MapEvidence, Subject};
use ledger::snapshot::Snapshot;
use ledger::state::State;
use ledger::storage::Folder;
use signer::Note;
use signer::value::{CaseId, PersonId};

use super::read_ledger;
use crate::error::{Failure, HOLDS};
use crate::files;
use crate::lang::Lang;
use crate::screen::say;

/// Of what a proof is made.
#[derive(Subcommand)]
pub enum Command {
    /// What the latest index entry says of a case, and that nothing else exists for it
    Case(ProveArgs),
    /// The same for a person's latest key
    Key(ProveArgs),
}

/// `zeren prove case|key`
#[derive(Args)]
pub struct ProveArgs {
    /// The case, or the person
    id: String,
    /// The ledger's folder
    #[arg(long)]
    dir: PathBuf,
    /// Where the proof is written
    #[arg(long)]
    out: PathBuf,
}

/// Makes a proof.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let (Command::Case(args) | Command::Key(args)) = command;
    let ledger = read_ledger(&args.dir, lang)?;
    let malformed = || Failure::malformed(format!("{}: {}", args.id.escape_debug(), lang.pick("no such id", "编号无效")));
    let subject = match command {
        Command::Case(_) => Subject::Case(CaseId::parse(&args.id).ok_or_else(malformed)?),
        Command::Key(_) => {
            let person = PersonId::parse(&args.id).ok_or_else(malformed)?;
            let key = ledger.state().person(&person).and_then(|known| known.latest_key()).ok_or_else(malformed)?.key;
            Subject::Key(person, key)
        }
    };
    let Some(index) = last_index(&ledger)? else {
        return Err(Failure::malformed(lang.pick(
            "this ledger has no index entry: its procedure does not ask for any ([index] daily)",
            "该账本没有索引条目：其办法未要求（[index] daily）",
        )));
    };
    let state = state_before(&ledger, index)?;
    let bytes = ledger.entry(index)?.unwrap_or_default();
    let note = Note::parse(Entry::parse(&bytes).map_err(Failure::Refused)?.note).map_err(Failure::Refused)?;
    let receipt = ledger.cosigned_receipt(index)?.or_else(|| ledger.receipt(index)).ok_or_else(malformed)?;
    let evidence = MapEvidence::make(&state, subject, note, receipt);
    files::replace(&args.out, evidence.encode().as_bytes(), 0o644)?;
    say(&match lang {
        Lang::En => format!("{}: what entry {index} says of {}", args.out.display(), args.id),
        Lang::Zh => format!("{}：第 {index} 条索引对 {} 的记载", args.out.display(), args.id),
    });
    Ok(ExitCode::from(HOLDS))
}

fn last_index(ledger: &Snapshot<Folder>) -> Result<Option<u64>, Failure> {
    let mut last = None;
    ledger.admitted(0, &mut |entry| {
        if let Content::Index(_) = entry.verified.content {
            last = Some(entry.index);
        }
        ControlFlow::Continue(())
    })?;
    Ok(last)
}

/// The state that the entries before one made: the maps that it was judged by.
fn state_before(ledger: &Snapshot<Folder>, index: u64) -> Result<State, Failure> {
    let mut state = State::new(Some(ledger.id().clone()));
    let mut refused = None;
    ledger.admitted(0, &mut |entry| {
        if entry.index == index {
            return ControlFlow::Break(());
        }
        let context = entry.verified.names_size().and_then(|size| ledger.history().context(size));
        match admit(&state, entry.verified, entry.received, context.as_ref()) {
            Ok(admission) => {
                state.apply(entry.verified, entry.received, admission);
                ControlFlow::Continue(())
            }
            Err(refusal) => {
                refused = Some(refusal);
                ControlFlow::Break(())
            }
        }
    })?;
    refused.map_or(Ok(state), |refusal| Err(Failure::Refused(refusal)))
}
