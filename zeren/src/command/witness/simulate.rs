//! `zeren witness simulate`: the witness of a demonstration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use signer::act::Purpose;

use crate::archive::cosign_latest;
use crate::command::print;
use crate::command::submit::{checkpoint_keys, open_ledger};
use crate::demo_keys::{DemoSeed, SEED_FILE};
use crate::error::Failure;
use crate::lang::Lang;
use crate::secret::PassphraseSource;
use crate::{clock, files};

/// `zeren witness simulate`
#[derive(Args)]
pub struct Simulate {
    /// The demonstration's folder
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Simulate, lang: Lang) -> Result<ExitCode, Failure> {
    let seed = args.dir.join(SEED_FILE);
    if !seed.exists() {
        return Err(Failure::malformed(lang.pick(
            "no demonstration made by zeren here: there is no seed of which its witness could be made",
            "此处不是 zeren 生成的演示账本：没有模拟见证方所需的种子",
        )));
    }
    let seed = DemoSeed::new(&files::read_text(&seed, 1_024)?);
    let keys = checkpoint_keys(&args.dir, &[], &PassphraseSource::default(), lang)?;
    let mut ledger = open_ledger(&args.dir, keys, lang)?;
    if ledger.state().purpose() != Some(Purpose::Demonstration) {
        return Err(Failure::malformed(lang.pick("only a demonstration has a simulated witness", "只有演示账本才有模拟见证方")));
    }
    let size = ledger.history().size();
    cosign_latest(&mut ledger, &seed, clock::now())?;
    print(&match lang {
        Lang::En => format!("the simulated witness cosigned {size} entries, logged as entry {size}"),
        Lang::Zh => format!("模拟见证方已共签 {size} 条，记为第 {size} 条"),
    });
    Ok(ExitCode::SUCCESS)
}
