//! What a draft must be so that others are shown it: signed by somebody whose key is good now, for people whom the ledger knows, with
//! the ledger's own checkpoint and proofs. What admission asks besides is asked when it is submitted.

use axum::http::StatusCode;
use ledger::history::History;
use ledger::state::State;
use serde_json::json;
use signer::draft::{Draft, DraftStatement};
use signer::statement::{By, Header, statement_hash};
use signer::value::{LedgerId, PersonId, StatementHash};
use signer::{Checkpoint, Statement};

use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::service::reader::key_of;

/// Why a draft is not kept.
pub struct Rejected {
    /// What its sender is told.
    pub problem: Problem,
    /// Whether it is nobody's: not readable, or with a signature that does not verify.
    pub is_nobodys: bool,
}

impl Rejected {
    /// Refused although it is somebody's.
    pub fn known(problem: Problem) -> Rejected {
        Rejected { problem, is_nobodys: false }
    }

    /// Nobody's.
    pub fn nobodys(problem: Problem) -> Rejected {
        Rejected { problem, is_nobodys: true }
    }
}

/// Those who signed every statement of a draft: it is kept for them, and counted as theirs.
///
/// # Errors
/// A signature that is no signer's or does not verify, by a key that is replaced or revoked; nobody who signed all; people whom the
/// ledger does not know in these offices; another checkpoint.
pub fn judge(draft: &Draft, state: &State, history: &History, ledger: &LedgerId, lang: Lang) -> Result<Vec<PersonId>, Rejected> {
    let mut keepers: Option<Vec<PersonId>> = None;
    let mut earlier = Vec::new();
    for (at, drafted) in draft.statements.iter().enumerate() {
        let number = at + 1;
        let parsed = Statement::parse(&drafted.text);
        let statement = parsed.map_err(|refusal| Rejected::nobodys(Problem::refused(&refusal, lang).with("statement", json!(number))))?;
        let header = match &statement {
            Statement::Act { ledger: of, header, .. } if of == ledger => header,
            _ => return Err(Rejected::nobodys(unsigned(number, lang))),
        };
        let signed = signed_by(drafted, header, state).ok_or_else(|| Rejected::nobodys(unsigned(number, lang)))?;
        let unknown = header.by.iter().find(|by| !is_known(by, state, &earlier));
        if let Some(by) = unknown {
            return Err(Rejected::known(stranger(by, number, lang)));
        }
        keepers = Some(match keepers {
            None => signed,
            Some(keepers) => keepers.into_iter().filter(|person| signed.contains(person)).collect(),
        });
        earlier.push(statement_hash(&drafted.text));
    }
    let keepers = keepers.unwrap_or_default();
    if keepers.is_empty() {
        return Err(Rejected::known(unsigned(draft.statements.len(), lang)));
    }
    match is_of_this_ledger(draft, state, history) {
        true => Ok(keepers),
        false => Err(Rejected::known(other_checkpoint(lang))),
    }
}

/// Whose signatures a statement bears; nothing if one of them is not good, or there is none.
fn signed_by(drafted: &DraftStatement, header: &Header, state: &State) -> Option<Vec<PersonId>> {
    let signed: Option<Vec<PersonId>> = drafted
        .signatures
        .iter()
        .map(|line| {
            let person = header.by.iter().map(|by| &by.person).find(|person| person.as_str() == line.name)?;
            let key = key_of(state, person, line)?;
            signer::checkpoint::is_signed_by(&drafted.text, line, &line.name, &key).then(|| person.clone())
        })
        .collect();
    signed.filter(|signed| !signed.is_empty())
}

/// Whether a signer is enrolled and was given this office, at the latest by a statement of the same draft.
fn is_known(by: &By, state: &State, earlier: &[StatementHash]) -> bool {
    let gives = |held: &ledger::state::Appointment| held.person == by.person && held.office == by.office && held.unit == by.unit;
    let is_appointed = state.appointments(&by.appointment).iter().any(gives);
    state.person(&by.person).is_some() && (is_appointed || earlier.contains(&by.appointment))
}

/// Whether checkpoint, chain head and proofs are what the ledger itself says of those sizes.
fn is_of_this_ledger(draft: &Draft, state: &State, history: &History) -> bool {
    let Some(from) = &draft.from else { return false };
    let checkpoint = Checkpoint::parse(&from.checkpoint.text);
    let seen = checkpoint.as_ref().and_then(|checkpoint| history.seen_at(checkpoint.size).filter(|seen| seen.root == checkpoint.root));
    let is_proof = |proof: &signer::draft::Consistency| history.tree().consistency(proof.old, proof.new).as_ref() == Some(&proof.proof);
    seen.is_some_and(|seen| seen.chain == from.chain)
        && state.ring().checkpoint_keys().signed(&from.checkpoint)
        && from.consistency.iter().all(is_proof)
}

fn unsigned(number: usize, lang: Lang) -> Problem {
    let expected = lang.pick(
        "statements for this ledger, every signature good and by a key in force, and somebody who signed all of them",
        "本账本的声明，全部签名有效且以现行密钥签署，并至少有一人签署了全部声明",
    );
    let advice = lang.pick("Sign it with `zeren sign` first, then leave it here.", "请先用 zeren sign 签署，再存放于此。");
    refused("draft-signature", expected, format!("{} {number}", lang.pick("statement", "声明")), advice)
}

fn stranger(by: &By, number: usize, lang: Lang) -> Problem {
    let expected = lang.pick("signers who are enrolled and hold the office that is named", "签署人均已登记并担任所列岗位");
    let advice = lang.pick("Draft it again from a new desk.", "请重新获取工作台后再起草。");
    let found = format!("{} {number}: {} {} {}", lang.pick("statement", "声明"), by.person, by.office, by.unit);
    refused("draft-signer", expected, found, advice)
}

fn other_checkpoint(lang: Lang) -> Problem {
    let expected = lang.pick("a checkpoint of this ledger, with its own proofs", "本账本的检查点及其一致性证明");
    let advice = lang.pick("Draft it again from a new desk of this service.", "请从本服务重新获取工作台后再起草。");
    refused("draft-checkpoint", expected, lang.pick("another, or none", "不是本账本的检查点，或缺失"), advice)
}

fn refused(rule: &str, expected: &str, found: impl Into<String>, advice: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, rule, expected, found, advice)
}
