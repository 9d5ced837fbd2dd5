//! The folder of a node: a ledger's, with the file `CLUSTER`, to which only this node's process writes.

use std::path::Path;

use ledger::Ledger;
use ledger::backup::{BACKUP, Copied};
use ledger::storage::Folder;
use signer::SecretKey;
use signer::value::{LedgerId, TreeRoot};

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::restored;
use crate::screen::within_line;

/// The file that says that a ledger runs on a cluster.
pub const CLUSTER: &str = "CLUSTER";

/// The file `CLUSTER`. What is owed (`cluster::owed`) is a line each.
fn notice(ledger: Option<&LedgerId>, owed: &[(u64, TreeRoot)], now: &str) -> String {
    let owed = owed_lines(owed);
    let held = ledger.map_or_else(
        || {
            "not finished yet: remove this folder and run the same command again.\n尚未完成：请删除本文件夹后重新运行同一命令。\n"
                .to_owned()
        },
        |id| format!("ledger {id}\n{owed}"),
    );
    format!(
        "zeren cluster node v1\nmade {now} by zeren {}\n{held}
This ledger runs on a cluster: this folder is one node's whole record. Only `zeren serve --cluster`, `zeren project` and
`zeren cluster` write to it: an entry that the other nodes do not hold would be a second history. Anybody may read, audit
and back it up as it is.

本账本运行于集群，本文件夹是其中一个节点的完整账本。仅 zeren serve --cluster、zeren project、zeren cluster 可写入：
其他节点没有的条目等于另一段历史。任何人均可照常读取、审计、备份。
",
        env!("CARGO_PKG_VERSION"),
    )
}

/// The notice of a copy that is made for a node.
pub fn copied(copied: Option<&Copied>, owed: &[(u64, TreeRoot)], now: &str) -> String {
    notice(copied.map(|copied| &copied.id), owed, now)
}

/// Says in a folder that it is a node's.
pub fn mark(folder: &Path, ledger: &LedgerId) -> Result<(), Failure> {
    write(folder, ledger, &owed(folder)?)
}

/// What a node's record must hold before it sequences, as its folder says: what somebody showed to the restored copy that it is made of,
/// and what its views counted before they were made anew.
///
/// # Errors
/// Lines that cannot be read: what was owed must not be forgotten.
pub fn owed(folder: &Path) -> Result<Vec<(u64, TreeRoot)>, Failure> {
    restored::sizes_and_roots(&folder.join(CLUSTER), "owed ")
}

/// The same of a copy of whatever kind, for whoever copies it: a node's folder, a backup, a restored one.
///
/// # Errors
/// The same.
pub fn owed_of_copy(folder: &Path) -> Result<Vec<(u64, TreeRoot)>, Failure> {
    Ok([owed(folder)?, restored::sizes_and_roots(&folder.join(BACKUP), "owed ")?, restored::shown(folder)?].concat())
}

/// How debts are written into a notice.
pub fn owed_lines(owed: &[(u64, TreeRoot)]) -> String {
    owed.iter().map(|(size, root)| format!("owed {size} {root}\n")).collect()
}

/// Writes down what a node owes from now on.
pub fn owe(folder: &Path, ledger: &LedgerId, size: u64, root: TreeRoot) -> Result<(), Failure> {
    let mut all = owed(folder)?;
    if !all.contains(&(size, root)) {
        all.push((size, root));
    }
    write(folder, ledger, &all)
}

fn write(folder: &Path, ledger: &LedgerId, owed: &[(u64, TreeRoot)]) -> Result<(), Failure> {
    let text = notice(Some(ledger), owed, &crate::clock::device_time().to_string());
    files::replace(&folder.join(CLUSTER), text.as_bytes(), 0o644)
}

/// Opens a node's ledger: with the checkpoint key, or without.
///
/// # Errors
/// A folder that is no node's; those of opening.
pub fn open(folder: &Path, keys: Vec<SecretKey>, lang: Lang) -> Result<Ledger<Folder>, Failure> {
    crate::command::require_folder(folder, lang)?;
    let place = within_line(&folder.display().to_string());
    if !folder.join(CLUSTER).exists() {
        return Err(Failure::malformed(match lang {
            Lang::En => format!(
                "{place}: not a node's folder; `zeren cluster join --from {place} --to FOLDER` makes one of a copy, `zeren cluster found` one of a ledger that was never on a cluster"
            ),
            Lang::Zh => format!(
                "{place}：不是集群节点的文件夹；副本请用 zeren cluster join --from {place} --to FOLDER 建立节点，尚未上集群的账本请用 zeren cluster found"
            ),
        }));
    }
    restored::require_copy_writable(folder, lang)?;
    let storage = Folder::open(folder).map_err(Failure::file(folder))?;
    Ok(Ledger::open_node(storage, keys, &mut |_| {})?.0)
}
