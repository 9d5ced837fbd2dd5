//! `zeren cluster follow`: the record alone.

use std::process::ExitCode;

use super::NodeArgs;
use crate::command::project;
use crate::error::Failure;
use crate::lang::Lang;

/// `zeren cluster follow`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Stop at the end of the stream
    #[arg(long)]
    once: bool,
}

/// Follows until it is told to stop.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    project::follow(&args.node, None, args.once, lang)
}
