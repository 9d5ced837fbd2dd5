//! The command `zeren`.

mod archive;
mod as_of;
mod cli;
mod clock;
mod cluster;
mod columns;
mod command;
mod county;
mod demo_keys;
mod desk;
mod error;
mod files;
mod grounds;
mod http;
mod lang;
mod memory;
mod own_views;
mod progress;
mod remote;
mod restored;
mod salts;
mod screen;
mod scribe;
mod secret;
mod service;
mod tables;
mod vouching;
mod witness;
mod writer;
mod xes;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version.
        Err(answer) if !answer.use_stderr() => answer.exit(),
        Err(mistake) => {
            screen::say(&mistake.to_string());
            return ExitCode::from(error::MALFORMED);
        }
    };
    let lang = lang::Lang::choose(cli.lang);
    let code = command::run(cli.command, lang).unwrap_or_else(|failure| {
        screen::say(&failure.render(lang));
        failure.exit_code()
    });
    if screen::has_failed() {
        screen::say(lang.pick("zeren: the output could not be written", "zeren：无法写出输出内容"));
        return ExitCode::from(error::STORAGE);
    }
    code
}
