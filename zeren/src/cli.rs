//! What can be typed.

use clap::{Parser, Subcommand};

use crate::command::{
    audit, backup, bench, cluster, demo, desk, draft, export, import, init, key, procedure, project, prove, restore, serve, sign, status,
    submit, token, trace, verify, witness,
};
use crate::lang::Lang;

/// 责任 — an accountability ledger: who vouched for what, verifiable for life.
#[derive(Parser)]
#[command(name = "zeren", version, about, max_term_width = 100)]
pub struct Cli {
    /// Language of messages (default: as LANG says)
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Lang>,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one, for as long as the process lives")]
pub enum Command {
    /// An invented county's year: built, audited, told
    Demo(demo::Args),
    /// Found a ledger in a new folder from a signed founding
    Init(init::Args),
    /// Make and show keys
    #[command(subcommand)]
    Key(key::Command),
    /// Look at a procedure before it is enacted
    #[command(subcommand)]
    Procedure(procedure::Command),
    /// Work on another machine than the ledger's: fetch, leave and take drafts
    #[command(subcommand)]
    Desk(desk::Command),
    /// Write statements for their signers
    Draft(draft::Args),
    /// Show a draft's statements and sign them
    Sign(sign::Args),
    /// Put signed statements into a ledger on this machine; receipts come back
    Submit(submit::Args),
    /// Serve a ledger to others: submit, co-sign, read
    Serve(serve::Args),
    /// A reading token for a service, signed with your own key
    Token(token::Args),
    /// Verify a ledger from its bytes, against what you brought
    Audit(audit::Args),
    /// Copy a ledger, while it serves, into a folder that is verified and added to
    Backup(backup::Args),
    /// Make a ledger of a backup again, or try whether that would work
    Restore(restore::Args),
    /// Who did what when, verified as it prints
    #[command(subcommand)]
    Trace(trace::Command),
    /// How far the cases are, what was in time, what was paid, what waits for an answer
    Status(status::Args),
    /// Views as CSV or XLSX, cases as XES or OCEL event logs
    #[command(subcommand)]
    Export(export::Command),
    /// Verify one piece of evidence
    #[command(subcommand)]
    Verify(verify::Command),
    /// Make a proof for somebody who holds no ledger
    #[command(subcommand)]
    Prove(prove::Command),
    /// Take over the records of an older system
    #[command(subcommand)]
    Import(import::Command),
    /// Cosign checkpoints
    #[command(subcommand)]
    Witness(witness::Command),
    /// Run a ledger on a NATS JetStream cluster: found, join, look, repair
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Follow a cluster's ledger into a record and views of one's own
    Project(project::Args),
    /// Measure this machine
    #[command(subcommand)]
    Bench(bench::Command),
}
