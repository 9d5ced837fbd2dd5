//! Entries that the ledger alone writes, from the key on: index entries (format.md section 5.17), epoch entries (5.18) and
//! anchor entries (5.19).

use signer::PublicKey;
use signer::rule::Rule;
use signer::value::IndexRoot;

use super::{Judged, refuse};
use crate::check::{Anchor, Epoch, Index};
use crate::state::State;

/// Section 5.17 from the key on.
pub(super) fn admit_index(state: &State, index: &Index) -> Judged {
    judge_own_key(state, &index.key, Rule::IndexSignature)?;
    let (cases, keys) = state.index_roots();
    let shown = |(count, root): (u64, IndexRoot)| format!("{count} {root}");
    if (index.note.cases, index.note.keys) != (cases, keys) {
        let found = format!("cases {}, keys {}", shown(index.note.cases), shown(index.note.keys));
        return refuse(Rule::IndexUnlike, format!("cases {}, keys {}", shown(cases), shown(keys)), found);
    }
    Ok(())
}

/// Section 5.18 from the key on.
pub(super) fn admit_epoch(state: &State, epoch: &Epoch) -> Judged {
    judge_own_key(state, &epoch.key, Rule::EpochSignature)?;
    let next = state.epoch().map_or(0, |epoch| epoch.number) + 1;
    if epoch.note.epoch != next {
        return refuse(Rule::EpochOrder, format!("epoch {next}"), format!("epoch {}", epoch.note.epoch));
    }
    Ok(())
}

/// Section 5.19 from the key on.
pub(super) fn admit_anchor(state: &State, anchor: &Anchor) -> Judged {
    judge_own_key(state, &anchor.key, Rule::AnchorSignature)?;
    let note = &anchor.note;
    if note.anchored == note.ledger {
        return refuse(Rule::AnchorOwn, "another ledger", note.anchored.to_string());
    }
    match state.anchored(&note.anchored).filter(|last| note.size <= last.size) {
        Some(last) => refuse(Rule::AnchorOld, format!("a size above {}", last.size), note.size.to_string()),
        None => Ok(()),
    }
}

/// Whether it is signed with the checkpoint key in force.
fn judge_own_key(state: &State, signed: &PublicKey, rule: Rule) -> Judged {
    let key = state.checkpoint_key_at(state.size());
    if key != Some(&signed.bytes()) {
        return refuse(rule, key.map_or_else(String::new, ToString::to_string), signed.bytes().to_string());
    }
    Ok(())
}
