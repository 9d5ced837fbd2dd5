//! The text file that says what a backup's folder is: whoever finds it in ten years reads this first.

use ledger::backup::Copied;
use signer::value::TreeRoot;

use crate::cluster::folder;
use crate::command::trace::shown_time;

/// The file `BACKUP`.
pub fn backup(copied: Option<&Copied>, owed: &[(u64, TreeRoot)], now: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let held = match copied {
        None => "not finished yet: run the same command again.\n尚未完成：请再次运行同一命令。\n".to_owned(),
        Some(copied) => format!(
            "ledger {}\nentries {}\nroot {}\nreceived {}\n{}",
            copied.id,
            copied.checkpoint.size,
            copied.checkpoint.root,
            shown_time(copied.received_last.0),
            folder::owed_lines(owed),
        ),
    };
    format!(
        "zeren backup v1\nmade {now} by zeren {version}\n{held}
This folder is a backup of a ledger. It is a ledger's folder: `zeren audit`, `zeren trace` and
the second verifier read it as it is. Nothing writes to it but the next `zeren backup`.
Try it any day:   zeren restore --from THIS_FOLDER --drill --policy POLICY
Restore it:       zeren restore --from THIS_FOLDER --to NEW_FOLDER --policy POLICY --known CHECKPOINT
The checkpoint key is not in here and never was. Before a restored ledger serves again, put the key
in place, and show it every checkpoint that anybody holds (--known): if one is later than this
backup, entries are missing, and the ledger must not go on as if they had never been.

本文件夹是账本的备份，其本身即为账本文件夹，可直接用 zeren audit、zeren trace 及第二核验程序读取。
除下一次 zeren backup 外，不得写入。
随时演练：   zeren restore --from 本文件夹 --drill --policy 信任策略
恢复账本：   zeren restore --from 本文件夹 --to 新文件夹 --policy 信任策略 --known 检查点
备份从不包含检查点密钥。恢复后重新启用之前，须将密钥放回原处，并出示各方所持的全部检查点（--known）：
若其中有晚于本备份者，说明已有条目缺失，账本不得视同未曾发生而继续记账。
"
    )
}
