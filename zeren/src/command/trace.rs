//! x
use crate::error::Failure;
use crate::lang::Lang;
use std::process::ExitCode;
/// x
#[derive(clap::Subcommand)]
pub enum Command {
    /// x
    Audit,
}
pub fn run(_c: &Command, _l: Lang) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
