//! What a signer has seen of a ledger: its checkpoint key and the largest checkpoint, in a small file beside the signer's key.

use std::fs;
use std::path::{Path, PathBuf};

use ledger::policy::{Policy, parse_verifier_key, verifier_key};
use signer::draft::Memory;
use signer::note::TYPE_ED25519;
use signer::value::{TreeRoot, number};

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;

const MEMORY_KIND: &str = "zeren memory v1";
const MEMORY_BYTES_MAX: u64 = 4_096;

/// Where it lies: beside the key.
pub fn memory_path(key: &Path, ledger: &str) -> PathBuf {
    let digits = ledger.rsplit('/').next().unwrap_or_default();
    let mut path = key.as_os_str().to_owned();
    path.push(format!(".seen-{digits}"));
    PathBuf::from(path)
}

/// What was remembered; the first time, the policy says whom to trust.
pub fn recall(path: &Path, ledger: &str, policy: Option<&Path>, lang: Lang) -> Result<Memory, Failure> {
    if path.exists() {
        let text = files::read_text(path, MEMORY_BYTES_MAX)?;
        return parse_memory(&text, ledger).ok_or_else(|| {
            Failure::malformed(format!(
                "{}: {}",
                path.display(),
                lang.pick(
                    "not what zeren wrote there; ask the auditors for the policy, move the file away and give --policy",
                    "内容已损坏；请向审计取得信任策略，移走该文件并使用 --policy"
                )
            ))
        });
    }
    let Some(policy) = policy else {
        return Err(Failure::malformed(format!(
            "{ledger}: {}",
            lang.pick(
                "you sign for this ledger for the first time: give --policy, received from somebody you trust",
                "首次为该账本签署，请用 --policy 指定从可信来源取得的信任策略"
            )
        )));
    };
    let bytes = files::read(policy, files::TEXT_BYTES_MAX)?;
    let policy_of = Policy::parse(&bytes).map_err(|source| Failure::Policy { path: policy.display().to_string(), source })?;
    let key = policy_of.log_keys(ledger).next().cloned();
    let key =
        key.ok_or_else(|| Failure::malformed(format!("{}: {} {ledger}", policy.display(), lang.pick("no log line for", "没有该账本："))))?;
    Ok(Memory { origin: ledger.to_owned(), key, seen: None })
}

fn parse_memory(text: &str, ledger: &str) -> Option<Memory> {
    let mut lines = text.lines();
    lines.next().filter(|line| *line == MEMORY_KIND)?;
    let (origin, key) = parse_verifier_key(lines.next()?.strip_prefix("log ")?, TYPE_ED25519).filter(|(name, _)| name == ledger)?;
    let (size, root) = lines.next()?.strip_prefix("seen ")?.split_once(' ')?;
    Some(Memory { origin, key, seen: Some((number(size)?, TreeRoot::parse(root)?)) })
}

/// Keeps what was seen, durable before this returns.
pub fn remember(path: &Path, memory: &Memory) -> Result<(), Failure> {
    let Some((size, root)) = memory.seen else { return Ok(()) };
    let key = verifier_key(&memory.origin, TYPE_ED25519, &memory.key.bytes());
    files::replace(path, format!("{MEMORY_KIND}\nlog {key}\nseen {size} {root}\n").as_bytes(), 0o600)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failure::file(folder))?;
    }
    Ok(())
}
