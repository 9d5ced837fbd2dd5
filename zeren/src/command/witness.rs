//! `zeren witness`: be a witness of other people's ledgers, and ask witnesses about one's own.

pub mod ask;
mod serve;
mod simulate;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Failure;
use crate::lang::Lang;

/// The witness commands.
#[derive(Subcommand)]
pub enum Command {
    /// Make the folder of a new witness, once: what it will remember
    New(serve::New),
    /// Print a witness's key as a founding and as a trust policy name it
    Key(serve::ShowKey),
    /// Be a witness (C2SP tlog-witness): cosign checkpoints of the logs given, none that does not continue what was cosigned before
    Serve(serve::Serve),
    /// Ask witnesses to cosign the latest checkpoint of a ledger on this machine, and log what they signed
    Ask(ask::Ask),
    /// Let a demonstration's simulated witness cosign its latest checkpoint. It checks nothing: a real witness runs elsewhere
    Simulate(simulate::Simulate),
}

/// Runs a witness command.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::New(args) => serve::new(args, lang),
        Command::Key(args) => serve::show_key(args, lang),
        Command::Serve(args) => serve::run(args, lang),
        Command::Ask(args) => ask::run(args, lang),
        Command::Simulate(args) => simulate::run(args, lang),
    }
}
