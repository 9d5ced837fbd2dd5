//! What is said of two documents: who signed each, and what follows.

use std::path::Path;

use ledger::fork::{Contradiction, Document, DocumentError, Fork, ForkError, ForkProof, Signer, Vouched};
use serde_json::{Value, json};
use signer::value::UnixMs;

use crate::clock::demo_time;
use crate::command::print;
use crate::lang::{Lang, thousands};
use crate::screen::within_line;

/// What is wrong with a file that should be a document.
pub(super) fn no_document(error: &DocumentError, lang: Lang) -> String {
    match (error, lang) {
        (DocumentError::Refused(refusal), Lang::En) => format!("not a note, or not a proper statement: {}", refusal.rule),
        (DocumentError::Refused(refusal), Lang::Zh) => format!("不是签署文件，或声明格式不符：{}", refusal.rule),
        (DocumentError::Unknown, Lang::En) => "neither a checkpoint, a receipt, a statement, a draft nor a fork proof".to_owned(),
        (DocumentError::Unknown, Lang::Zh) => "既非检查点、回执、声明、草稿，也非分叉证明".to_owned(),
        (DocumentError::Empty, Lang::En) => "names no entries: a founding or an empty log contradicts nothing".to_owned(),
        (DocumentError::Empty, Lang::Zh) => "未载明任何条目：创设声明或空账本无从矛盾".to_owned(),
    }
}

/// Why something is no proof.
pub(super) fn unusable(error: &ForkError, lang: Lang) -> String {
    if lang == Lang::En {
        return format!("shows nothing: {}", within_line(&error.to_string()));
    }
    let why = match error {
        ForkError::Malformed { line, expected } => format!("第 {line} 行应为 {expected}"),
        ForkError::Document { number, source } => format!("第 {number} 份文件{}", no_document(source, lang)),
        ForkError::OtherLedger(one, other) => format!("两个账本：{one}、{other}"),
        ForkError::Signature { number, name, key } => format!("第 {number} 份文件：{name} 的签名未通过密钥 {key} 的核验"),
        ForkError::Unsigned { number } => format!("第 {number} 份文件：没有可用现有密钥核验的签名"),
        ForkError::NoConflict => "双方文件并不矛盾".to_owned(),
        ForkError::ProofUnlike => "一致性证明与双方文件不符".to_owned(),
        ForkError::Ground { number, .. } => format!("第 {number} 项密钥依据不成立"),
    };
    format!("不能证明任何事：{}", within_line(&why))
}

/// A fork, told.
pub(super) fn fork(proof: &ForkProof, fork: &Fork, written: Option<&Path>, lang: Lang) -> String {
    let ledger = within_line(proof.ledger());
    let mut lines = vec![match (fork.is_proven(), lang) {
        (true, Lang::En) => format!("FORK: two histories of {ledger}"),
        (true, Lang::Zh) => format!("账本分叉：{ledger} 存在两套历史"),
        (false, Lang::En) => format!("FORK, if the keys are theirs: two histories of {ledger}"),
        (false, Lang::Zh) => format!("账本分叉（以密钥属实为前提）：{ledger} 存在两套历史"),
    }];
    lines.push(format!("  {}", in_what(fork.contradiction, lang)));
    for (at, (document, signers)) in proof.documents.iter().zip(&fork.signers).enumerate() {
        lines.extend(side(at + 1, document, signers, lang));
    }
    lines.push(format!("  {}", follows(proof, fork, lang)));
    if !fork.is_proven() {
        lines.push(format!(
            "  {}",
            lang.pick(
                "Nobody at hand vouches for the keys of each side: bring the trust policy with --policy, or compare the keys with those you were given.",
                "尚无依据确认双方密钥的归属：请用 --policy 提供信任策略，或与所持密钥核对。"
            )
        ));
    }
    if let Some(path) = written {
        let path = path.display();
        lines.push(match lang {
            Lang::En => {
                format!("  proof: {path}. Whoever has it verifies it with `zeren verify fork {path} --policy POLICY`, without the ledger")
            }
            Lang::Zh => format!("  证明：{path}。持有人可用 zeren verify fork {path} --policy 信任策略 核验，无需账本"),
        });
    }
    lines.join("\n")
}

fn in_what(contradiction: Contradiction, lang: Lang) -> String {
    match (contradiction, lang) {
        (Contradiction::Roots, Lang::En) => "one size, two roots: two trees of as many entries".to_owned(),
        (Contradiction::Roots, Lang::Zh) => "条数相同而树根不同：两套条目".to_owned(),
        (Contradiction::ChainHeads, Lang::En) => {
            "one size and root, two chain heads: one of them was never this ledger's, or a hash has fallen".to_owned()
        }
        (Contradiction::ChainHeads, Lang::Zh) => "条数、树根相同而链头不同：其一从非本账本所有，或散列算法已被攻破".to_owned(),
        (Contradiction::Prefix(root), Lang::En) => {
            format!("the larger one's tree had another root at the smaller size, by its own consistency proof: {root}")
        }
        (Contradiction::Prefix(root), Lang::Zh) => format!("依一致性证明，较大一方在较小条数处的树根另为：{root}"),
    }
}

fn side(number: usize, document: &Document, signers: &[Signer], lang: Lang) -> Vec<String> {
    let claim = &document.claim;
    let size = thousands(claim.size);
    let mut lines = vec![match (document.is_statement(), lang) {
        (false, Lang::En) => format!("  {number}. checkpoint of {size} entries, root {}", claim.root),
        (true, Lang::En) => format!("  {number}. statement that pins {size} entries, root {}", claim.root),
        (false, Lang::Zh) => format!("  {number}. 检查点，{size} 条，树根 {}", claim.root),
        (true, Lang::Zh) => format!("  {number}. 声明，所见账本 {size} 条，树根 {}", claim.root),
    }];
    if let Some(chain) = claim.chain {
        lines.push(format!("     {} {chain}", lang.pick("chain head", "链头")));
    }
    lines.extend(signers.iter().map(|signer| format!("     {}", signed_by(document, signer, lang))));
    for line in document.note.signatures.iter().filter(|line| !signers.iter().any(|signer| signer.is_line(line))) {
        let (name, id) = (within_line(&line.name), line.key_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        lines.push(match lang {
            Lang::En => format!("     also a signature named {name}, by a key {id} that is not shown here: not verified"),
            Lang::Zh => format!("     另有署名 {name} 的签名，密钥编号 {id}，此处无该密钥，未核验"),
        });
    }
    lines
}

fn signed_by(document: &Document, signer: &Signer, lang: Lang) -> String {
    let (name, key) = (within_line(&signer.key.name), signer.key.key.bytes());
    let time = signer.seconds.and_then(|seconds| i64::try_from(seconds).ok()).and_then(|seconds| seconds.checked_mul(1000));
    let time = time.map(|ms| demo_time(UnixMs(ms)).to_string()).unwrap_or_default();
    let is_witness = signer.seconds.is_some();
    let who = match (is_witness, document.is_statement(), lang) {
        (true, _, Lang::En) => format!("cosigned by witness {name} at {time}"),
        (true, _, Lang::Zh) => format!("见证方 {name} 于 {time} 共签"),
        (_, true, Lang::En) => format!("signed by official {name}"),
        (_, true, Lang::Zh) => format!("经办人 {name} 签名"),
        (_, false, Lang::En) => "signed by the ledger".to_owned(),
        (_, false, Lang::Zh) => "账本签名".to_owned(),
    };
    let vouched = match (signer.vouched, lang) {
        (Some(Vouched::Policy), Lang::En) => "named by your policy".to_owned(),
        (Some(Vouched::Policy), Lang::Zh) => "信任策略所列".to_owned(),
        (Some(Vouched::Founding), Lang::En) => "named by the founding, whose hash is in the ledger's id".to_owned(),
        (Some(Vouched::Founding), Lang::Zh) => "创设声明所列，其散列值载于账本编号".to_owned(),
        (Some(Vouched::Entry(index)), Lang::En) => format!("made known by entry {index}"),
        (Some(Vouched::Entry(index)), Lang::Zh) => format!("第 {index} 条登记"),
        (None, Lang::En) => "not shown here to be theirs".to_owned(),
        (None, Lang::Zh) => "此处未证明其归属".to_owned(),
    };
    match lang {
        Lang::En => format!("{who}, key {key} ({vouched})"),
        Lang::Zh => format!("{who}，密钥 {key}（{vouched}）"),
    }
}

/// Who has to answer.
fn follows(proof: &ForkProof, fork: &Fork, lang: Lang) -> &'static str {
    let is_own = |signer: &Signer| signer.seconds.is_none() && signer.key.name == proof.ledger();
    let has_own = |side: &Vec<Signer>| side.iter().any(is_own);
    let is_of_officials = |document: &Document| document.is_statement();
    if fork.signers.iter().all(has_own) {
        lang.pick(
            "The ledger's own key signed both: whoever held it showed two histories. Stop recording, keep every copy, call the inspectors.",
            "双方均由账本密钥签署：密钥持有者出示了两套历史。请停止入账，保全全部副本，移交纪检部门。",
        )
    } else if proof.documents.iter().any(is_of_officials) {
        lang.pick(
            "Officials signed that they had seen another history: it was shown to them, or they made it up. Ask them for what they keep: drafts, receipts, the memory beside the key.",
            "经办人签署其所见为另一套历史：或系他人出示，或系其自行编造。请向其调取所存草稿、回执及密钥旁的记录。",
        )
    } else {
        lang.pick(
            "A witness cosigned what this ledger's key is not shown to have signed: ask the witness for its file.",
            "见证方所共签的检查点，此处未证明系账本密钥签署：请向见证方调取其存档。",
        )
    }
}

/// A contradiction of which one side is signed by nobody whose key is at hand.
pub(super) fn unproven(
    is_json: bool,
    documents: [&Document; 2],
    signers: &[Vec<Signer>; 2],
    contradiction: Contradiction,
    number: usize,
    lang: Lang,
) {
    if is_json {
        print(
            &json!({ "fork": true, "proven": false, "proof": false, "unsigned": number, "contradiction": name(contradiction) }).to_string(),
        );
        return;
    }
    let mut lines = vec![match lang {
        Lang::En => format!("CONFLICT, NOT PROVEN: document {number} has no signature under a key at hand"),
        Lang::Zh => format!("存在矛盾，尚未证明：第 {number} 份文件没有可用现有密钥核验的签名"),
    }];
    lines.push(format!("  {}", in_what(contradiction, lang)));
    for (at, (document, signers)) in documents.into_iter().zip(signers).enumerate() {
        lines.extend(side(at + 1, document, signers, lang));
    }
    lines.push(format!(
        "  {}",
        lang.pick(
            "Bring the keys: the trust policy with --policy, or with --dir a copy of the ledger in which the signers are enrolled.",
            "请提供密钥：用 --policy 指定信任策略，或用 --dir 指定登记了签署人的账本副本。"
        )
    ));
    print(&lines.join("\n"));
}

/// No contradiction.
pub(super) fn no_conflict(
    is_json: bool,
    documents: &[&Document],
    signers: &[Vec<Signer>],
    are_compared: bool,
    ledger_size: Option<u64>,
    lang: Lang,
) {
    if is_json {
        print(&json!({ "fork": false, "compared": are_compared }).to_string());
        return;
    }
    let mut lines = vec![if are_compared {
        lang.pick("NO CONFLICT: these can be of one history", "未见矛盾：可属同一历史").to_owned()
    } else {
        lang.pick(
            "NOTHING SHOWN: these name two sizes, and nothing at hand shows one tree at the size of the other",
            "无法比对：双方条数不同，现有材料不能证明一方在另一方条数处的树根",
        )
        .to_owned()
    }];
    lines.extend(documents.iter().zip(signers).enumerate().flat_map(|(at, (document, signers))| side(at + 1, document, signers, lang)));
    if let Some(size) = ledger_size.filter(|size| documents.iter().any(|document| document.claim.size > *size)) {
        lines.push(match lang {
            Lang::En => format!(
                "  The ledger at hand has {} entries, fewer than a document names: a copy that is late, or a rollback",
                thousands(size)
            ),
            Lang::Zh => format!("  现有账本仅 {} 条，少于文件所载：副本滞后，或账本被回滚", thousands(size)),
        });
    }
    lines.push(format!(
        "  {}",
        if are_compared {
            lang.pick(
                "It proves nothing more: neither that the entries are in order nor that no third history exists.",
                "仅此而已：既不证明条目合规，也不证明没有第三套历史。",
            )
        } else {
            lang.pick(
                "Bring a copy of the ledger with --dir, or the draft that leads from one size to the other.",
                "请用 --dir 提供账本副本，或提供含两处条数之间一致性证明的草稿。",
            )
        }
    ));
    print(&lines.join("\n"));
}

const fn name(contradiction: Contradiction) -> &'static str {
    match contradiction {
        Contradiction::Roots => "roots",
        Contradiction::ChainHeads => "chain-heads",
        Contradiction::Prefix(_) => "prefix",
    }
}

/// The same for a program.
pub(super) fn to_json(proof: &ForkProof, fork: &Fork) -> Value {
    let vouched = |signer: &Signer| match signer.vouched {
        Some(Vouched::Policy) => json!("policy"),
        Some(Vouched::Founding) => json!("founding"),
        Some(Vouched::Entry(index)) => json!(index),
        None => Value::Null,
    };
    let signer = |signer: &Signer| json!({ "name": signer.key.name, "key": signer.key.key.bytes().to_string(), "cosigned_at": signer.seconds, "vouched": vouched(signer) });
    let side = |(document, signers): (&Document, &Vec<Signer>)| {
        let claim = &document.claim;
        json!({
            "kind": if document.is_statement() { "statement" } else { "checkpoint" }, "size": claim.size, "root": claim.root.to_string(),
            "chain": claim.chain.map(|chain| chain.to_string()), "signers": signers.iter().map(signer).collect::<Vec<_>>(),
        })
    };
    json!({
        "fork": true, "proven": fork.is_proven(), "proof": true, "ledger": proof.ledger(), "contradiction": name(fork.contradiction),
        "documents": proof.documents.iter().zip(&fork.signers).map(side).collect::<Vec<_>>(),
    })
}
