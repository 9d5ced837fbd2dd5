//! Whether a service shows the history that was seen before.

use std::path::Path;

use serde_json::Value;
use signer::checkpoint::is_signed_by;
use signer::draft::{Consistency, Memory};
use signer::merkle::verifies_consistency;
use signer::value::TreeHash;
use signer::{Checkpoint, Note};

use super::client::Client;
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::memory::remember;

/// The proof that a service gives between two sizes, not verified yet.
pub fn proof(client: &Client, old: u64, new: u64) -> Result<Consistency, Failure> {
    let answer = client.get(&format!("/v1/consistency?old={old}&new={new}"))?.json()?;
    let hashes = answer["proof"].as_array().map(|all| all.iter().map(|hash| TreeHash::parse(hash.as_str()?)).collect::<Option<Vec<_>>>());
    let proof = hashes.flatten().ok_or_else(|| Failure::Remote { what: "not a consistency proof".to_owned() })?;
    Ok(Consistency { old, new, proof })
}

/// The service's own facts.
pub fn facts(client: &Client) -> Result<Value, Failure> {
    client.get("/v1/ledger")?.json()
}

/// Verifies that an earlier checkpoint, whose signature was verified, is of the history that was seen.
pub fn require_earlier(client: &Client, memory: &Memory, checkpoint: &Checkpoint, lang: Lang) -> Result<(), Failure> {
    let is_earlier = match memory.seen {
        Some((size, root)) if checkpoint.size < size => {
            let proof = proof(client, checkpoint.size, size)?.proof;
            verifies_consistency(checkpoint.size, &checkpoint.root, size, &root, &proof)
        }
        Some((size, root)) => (checkpoint.size, checkpoint.root) == (size, root),
        None => false,
    };
    if is_earlier {
        return Ok(());
    }
    let what = lang.pick("what the service sent is of another history than the one that you saw", "服务所发内容与您此前所见不是同一历史");
    Err(Failure::OtherHistory { what: what.to_owned() })
}

/// Verifies that a checkpoint is signed with the key that is remembered and continues what was seen, and remembers it. A history
/// that is another is kept beside the key: it is evidence.
pub fn follow(client: &Client, memory: &mut Memory, path: &Path, note: &Note, lang: Lang) -> Result<(), Failure> {
    let checkpoint = Checkpoint::parse(&note.text).filter(|checkpoint| checkpoint.origin == memory.origin);
    let is_signed = note.signatures.iter().any(|line| is_signed_by(&note.text, line, &memory.origin, &memory.key));
    let Some(checkpoint) = checkpoint.filter(|_| is_signed) else {
        let what = lang.pick("the service's checkpoint is not signed with the key that you trust", "服务的检查点并非由您信任的密钥签署");
        return Err(Failure::OtherHistory { what: what.to_owned() });
    };
    let Some((size, root)) = memory.seen else {
        memory.seen = Some((checkpoint.size, checkpoint.root));
        return remember(path, memory);
    };
    let continues = if checkpoint.size >= size {
        let proof = if checkpoint.size == size { Vec::new() } else { proof(client, size, checkpoint.size)?.proof };
        verifies_consistency(size, &root, checkpoint.size, &checkpoint.root, &proof)
    } else {
        // An older one of the same history proves nothing new; that the service has no later one is a rollback.
        false
    };
    if !continues {
        let evidence = path.with_extension("other-history");
        files::replace(&evidence, note.encode().as_bytes(), 0o600)?;
        let what = match lang {
            Lang::En => format!(
                "the service's checkpoint of size {} does not continue the one of size {size} that you saw: submit and sign nothing, and give {} to the auditors",
                checkpoint.size,
                evidence.display()
            ),
            Lang::Zh => format!(
                "服务的检查点（{} 条）与您此前所见（{size} 条）不是同一历史：请停止提交和签署，并将 {} 交审计",
                checkpoint.size,
                evidence.display()
            ),
        };
        return Err(Failure::OtherHistory { what });
    }
    memory.seen = Some((checkpoint.size, checkpoint.root));
    remember(path, memory)
}
