//! The command `zeren`.

mod archive;
mod cli;
mod clock;
mod command;
mod demo_keys;
mod error;
mod files;
mod grounds;
mod lang;
mod progress;
mod scribe;
mod secret;
mod writer;
mod xes;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let lang = lang::Lang::choose(cli.lang);
    match command::run(cli.command, lang) {
        Ok(code) => code,
        Err(failure) => {
            eprint!("{}", failure.render(lang));
            failure.exit_code()
        }
    }
}
