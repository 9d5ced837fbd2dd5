//! `zeren verify`: one piece of evidence.

mod commitment;
mod fork;
mod map_proof;
mod receipt;
mod report;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Failure;
use crate::lang::Lang;

/// What can be verified.
#[derive(Subcommand)]
pub enum Command {
    /// A receipt: that a note stands in a ledger. Offline
    Receipt(receipt::ReceiptArgs),
    /// A map proof: what a ledger holds of a case or key, and that it holds nothing else. Offline
    Proof(map_proof::ProofArgs),
    /// Two signed documents about one ledger: whether they contradict each other; or a fork proof that somebody gave you. Offline
    Fork(fork::ForkArgs),
    /// A paper: that it is the one to which a statement commits, with the salt that was kept. Offline
    Commitment(commitment::CommitmentArgs),
    /// A report from the public, by its code: whether it is in the record, answered, by whom, in time
    Report(report::ReportArgs),
}

/// Verifies.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::Receipt(args) => receipt::run(args, lang),
        Command::Proof(args) => map_proof::run(args, lang),
        Command::Fork(args) => fork::run(args, lang),
        Command::Commitment(args) => commitment::run(args, lang),
        Command::Report(args) => report::run(args, lang),
    }
}
