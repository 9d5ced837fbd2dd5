//! Options of every command that shows what a ledger's views say.

use std::path::PathBuf;

/// What is read, what vouches for it, and for whom it is printed.
#[derive(clap::Args)]
pub struct Reading {
    /// The ledger's folder
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// The trust policy
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Keep the views of the whole log in this folder of your own for the next time; without it they are built in memory
    #[arg(long, value_name = "DIR")]
    pub views: Option<PathBuf>,
    /// Print JSON, for a program
    #[arg(long)]
    pub json: bool,
}
