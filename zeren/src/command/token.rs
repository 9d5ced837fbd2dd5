//! `zeren token`: ask to be shown what one's offices may see.

use std::path::PathBuf;
use std::process::ExitCode;

use signer::token::{TOKEN_SECONDS_MAX, Token};
use signer::value::{LedgerId, PersonId};

use super::print;
use crate::clock;
use crate::error::Failure;
use crate::lang::Lang;
use crate::secret::{PassphraseSource, open_key};

/// `zeren token`
#[derive(clap::Args)]
pub struct Args {
    /// Your key's file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Who you are
    #[arg(long)]
    person: String,
    /// The ledger's id, as GET /v1/ledger and `zeren sign` show it
    #[arg(long)]
    ledger: String,
    /// For how many minutes it is good, at most 60. Whoever has it reads in your name for that time
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=TOKEN_SECONDS_MAX / 60))]
    minutes: u64,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Prints a token.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let malformed = |what: &str| Failure::malformed(format!("{}: {}", what.escape_debug(), lang.pick("no such id", "编号无效")));
    let ledger = LedgerId::parse(&args.ledger).ok_or_else(|| malformed(&args.ledger))?;
    let person = PersonId::parse(&args.person).ok_or_else(|| malformed(&args.person))?;
    let key = open_key(&args.key, &args.passphrase, lang)?;
    print(&new_token(ledger, person, args.minutes * 60).sign(&key));
    Ok(ExitCode::SUCCESS)
}

/// A token that is good from now on.
pub fn new_token(ledger: LedgerId, person: PersonId, seconds: u64) -> Token {
    let from = u64::try_from(clock::now().0.div_euclid(1_000)).unwrap_or(0);
    Token { ledger, person, from, until: from + seconds }
}
