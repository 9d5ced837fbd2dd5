//! `zeren cluster join`: another node's folder.

use std::path::PathBuf;
use std::process::ExitCode;

use ledger::backup::{Copied, Notice, copy};
use serde_json::json;

use crate::cluster::folder::{self, CLUSTER};
use crate::command::{backup, open_folder, print};
use crate::error::Failure;
use crate::lang::Lang;
use crate::progress::Progress;
use crate::{clock, files};

/// `zeren cluster join`
#[derive(clap::Args)]
pub struct Args {
    /// A backup, or the folder of a node; another process may be writing to it
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The new node's folder
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    #[arg(long)]
    json: bool,
}

/// The same verified copy that makes a backup. What came later the node follows from the stream.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let source = open_folder(&args.from, lang)?;
    // What was shown to a restored copy is owed, whether or not it released it: the stream may have what it lacks.
    let owed = folder::owed_of_copy(&args.from)?;
    let mut storage = files::make_ledger_folder(&args.to)?;
    let text = |copied: Option<&Copied>| folder::copied(copied, &owed, &clock::device_time().to_string());
    let notice = Notice { name: CLUSTER, text: &text };
    let mut progress = Progress::new(lang.pick("copying", "复制"));
    let copied = copy(&source, &mut storage, &notice, &mut |done, of| progress.at(done, of));
    progress.done();
    let copied = files::or_unmake(&args.to, copied.map_err(|error| backup::failure(error, &args.to, lang)))?;
    let (id, size, root) = (&copied.id, copied.checkpoint.size, copied.checkpoint.root);
    if args.json {
        print(&json!({ "ledger": id.as_str(), "entries": size, "root": root.to_string() }).to_string());
    } else {
        print(&match lang {
            Lang::En => format!(
                "{id}\n  {size} entries copied and verified, root {root}\n  next: zeren serve --cluster FILE --dir FOLDER (with the checkpoint key it can take over; without, it follows)"
            ),
            Lang::Zh => format!(
                "{id}\n  已复制并核验 {size} 条，根值 {root}\n  下一步：zeren serve --cluster 文件 --dir 文件夹（持有检查点密钥者可接任，否则仅跟随）"
            ),
        });
    }
    Ok(ExitCode::SUCCESS)
}
