//! Files that can stand on a side of a fork.

use std::path::Path;

use ledger::fork::{Document, DocumentError, ForkProof};
use signer::checkpoint::Receipt;
use signer::draft::{Consistency, DRAFT_KIND, Draft};

use super::words;
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;

/// First line of a receipt.
const RECEIPT_KIND: &[u8] = b"c2sp.org/tlog-proof@v1\n";

/// A document, and what came with it.
pub(super) struct Input {
    /// The document.
    pub(super) document: Document,
    /// Proofs between sizes, where it is a draft.
    pub(super) consistency: Vec<Consistency>,
}

/// What a file turned out to be.
pub(super) enum Given {
    Document(Box<Input>),
    Proof(Box<ForkProof>),
}

pub(super) fn read_input(path: &Path, lang: Lang) -> Result<Given, Failure> {
    let bytes = files::read(path, files::TEXT_BYTES_MAX)?;
    let shown = path.display();
    let wrong = |what: String| Failure::malformed(format!("{shown}: {what}"));
    if ForkProof::is_begun_by(&bytes) {
        let proof = ForkProof::parse(&bytes).map_err(|error| wrong(words::unusable(&error, lang)))?;
        return Ok(Given::Proof(Box::new(proof)));
    }
    let (document, consistency) = if bytes.starts_with(DRAFT_KIND.as_bytes()) {
        let draft = Draft::parse(&bytes).map_err(|source| Failure::Draft { path: shown.to_string(), source })?;
        let from = draft.from.ok_or_else(|| wrong(words::no_document(&DocumentError::Empty, lang)))?;
        (Document::of(from.checkpoint), from.consistency)
    } else if bytes.starts_with(RECEIPT_KIND) {
        let receipt = Receipt::parse(&bytes).ok_or_else(|| wrong(lang.pick("not a receipt", "不是回执").to_owned()))?;
        (Document::of(receipt.checkpoint.as_ref().clone()), Vec::new())
    } else {
        // A ledger's slot is a note padded with line breaks.
        let padding = bytes.iter().rev().take_while(|byte| **byte == b'\n').count().saturating_sub(1);
        (Document::parse(&bytes[..bytes.len() - padding]), Vec::new())
    };
    let document = document.map_err(|error| wrong(words::no_document(&error, lang)))?;
    Ok(Given::Document(Box::new(Input { document, consistency })))
}
