//! Following: the entries that another node sequenced, judged again, and made durable here.

use signer::anchor_note::AnchorNote;
use signer::checkpoint::is_signed_by;
use signer::epoch_note::EpochNote;
use signer::note::SignatureLine;
use signer::rule::{Refusal, Rule};
use signer::value::{ChainHead, KeyBytes, LedgerId, NodeName, UnixMs};
use signer::{Checkpoint, Note, PublicKey};

use super::Ledger;
use crate::admit::admit;
use crate::block::Block;
use crate::check::{Verified, check, check_all};
use crate::entry::{Entry, SealedEntry};
use crate::error::LedgerError;
use crate::following::{Tip, judge_epoch, known};
use crate::recovery::damaged;
use crate::refusal_note::{RefusalNote, judge_kept};
use crate::storage::Storage;

impl<S: Storage> Ledger<S> {
    /// Whether this process could sign checkpoints now.
    pub fn can_sign(&self) -> bool {
        self.key_in_force().is_ok()
    }

    /// The note that begins the next epoch, checked.
    ///
    /// # Errors
    /// [`LedgerError::OtherCheckpointKey`]; [`LedgerError::Block`] where the node's key is no proper key.
    pub fn epoch_note(&self, node: &NodeName, key: KeyBytes) -> Result<Verified, LedgerError> {
        let note = EpochNote { ledger: self.id().clone(), epoch: self.next_epoch(), node: node.clone(), key };
        let signed = note.sign(self.key_in_force()?).encode();
        check(signed.as_bytes(), self.ring()).map_err(|refusal| LedgerError::Block { number: 0, refusal })
    }

    /// The same as the first entry of a new sequencer, as it would be admitted now. Nothing is changed: it is followed like any other
    /// when the stream holds it.
    ///
    /// # Errors
    /// The same, and where it would not be admitted.
    pub fn epoch_entry(&self, node: &NodeName, key: KeyBytes, clock: UnixMs) -> Result<SealedEntry, LedgerError> {
        let received = self.state.received_last().max(clock);
        let verified = self.epoch_note(node, key)?;
        admit(&self.state, &verified, received, None).map_err(|refusal| LedgerError::Block { number: 0, refusal })?;
        let previous = self.history.chain_at(self.history.size()).unwrap_or(ChainHead::EMPTY);
        Ok(SealedEntry::new(previous, received, &verified.bytes))
    }

    /// The note that anchors another ledger's latest checkpoint in this one, signed; nothing where that is anchored already, or is not
    /// signed by `key`.
    ///
    /// # Errors
    /// [`LedgerError::OtherCheckpointKey`].
    pub fn anchor_note(&self, anchored: &LedgerId, checkpoint: &Note, key: &PublicKey) -> Result<Option<Note>, LedgerError> {
        let Some(Checkpoint { size, root, .. }) = Checkpoint::parse(&checkpoint.text).filter(|found| found.origin == anchored.as_str())
        else {
            return Ok(None);
        };
        let line = checkpoint.signatures.iter().find(|line| is_signed_by(&checkpoint.text, line, anchored.as_str(), key));
        let Some(signature) = line.and_then(SignatureLine::signature) else { return Ok(None) };
        if self.state.anchored(anchored).is_some_and(|known| known.size >= size) {
            return Ok(None);
        }
        let (ledger, anchored, key) = (self.id().clone(), anchored.clone(), key.bytes());
        Ok(Some(AnchorNote { ledger, anchored, size, root, key, signature }.sign(self.key_in_force()?)))
    }

    /// The epoch that a new sequencer would begin.
    pub fn next_epoch(&self) -> u64 {
        self.state.epoch().map_or(0, |epoch| epoch.number) + 1
    }

    /// Takes the block after `tip`, and gives the next tip. Entries that are here already must be the same bytes; others are checked and
    /// admitted as if they were submitted, and written. With the checkpoint key in hand they are signed for; without it they wait for
    /// [`Ledger::cover_with`].
    ///
    /// # Errors
    /// [`LedgerError::Block`] for a block that is not the next one of this log: nothing of it was taken. [`LedgerError::Damaged`] where
    /// an entry is not admitted, [`LedgerError::Storage`]: the ledger must be opened again.
    pub fn follow(&mut self, tip: &Tip, block: &Block) -> Result<Tip, LedgerError> {
        self.require_sound()?;
        let refused = |refusal| LedgerError::Block { number: block.header.number, refusal };
        let here = known(self, tip, block)?;
        judge_epoch(self, block).map_err(refused)?;
        let refusals = self.read_refusals(block).map_err(refused)?;
        self.or_poisoned(|ledger| ledger.take_block(block, here, &refusals))?;
        Ok(tip.after(block))
    }

    /// Makes a checkpoint that somebody else signed the latest one, if it is later than the latest and covers what is here.
    /// Whether it was taken.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] with `fork` where its root is another; storage failures.
    pub fn cover_with(&mut self, note: &Note) -> Result<bool, LedgerError> {
        self.require_sound()?;
        let Some(checkpoint) = Checkpoint::parse(&note.text).filter(|checkpoint| checkpoint.origin == self.id().as_str()) else {
            return Ok(false);
        };
        let key = self.state.checkpoint_key_at(checkpoint.size).and_then(|key| self.ring().checkpoint_keys().key(key));
        let signs = |line: &&SignatureLine| key.is_some_and(|key| is_signed_by(&note.text, line, self.id().as_str(), key));
        let Some(line) = note.signatures.iter().find(signs) else { return Ok(false) };
        if checkpoint.size <= self.checkpoint_size || checkpoint.size > self.history.size() {
            return Ok(false);
        }
        // Other lines are whoever's who sent it, and could be more than a slot holds.
        let own = Note { text: note.text.clone(), signatures: vec![line.clone()] };
        match self.history.tree().root_at(checkpoint.size) {
            Some(root) if root == checkpoint.root => {}
            root => {
                let found = root.map_or_else(String::new, |root| root.to_string());
                return Err(damaged(checkpoint.size, Rule::Fork, &checkpoint.root.to_string(), &found));
            }
        }
        self.or_poisoned(|ledger| ledger.cover(own, checkpoint.size))?;
        Ok(true)
    }

    /// After a failure what is in memory may be longer than what was taken: nobody is accused of differing from it.
    fn require_sound(&self) -> Result<(), LedgerError> {
        if self.is_poisoned { Err(LedgerError::Poisoned) } else { Ok(()) }
    }

    /// Refusals that the ledger signed, and that tell the log as it was before the block.
    fn read_refusals<'b>(&self, block: &'b Block) -> Result<Vec<(RefusalNote, &'b [u8])>, Refusal> {
        let read = |bytes: &'b Vec<u8>| {
            let name = Note::parse(bytes).ok().and_then(|note| RefusalNote::parse(&note.text));
            let name = name.map(|note| note.file_name()).unwrap_or_default();
            let refusal = judge_kept(bytes, &name, self.id().as_str(), self.ring().checkpoint_keys())?;
            refusal.judge_seen(&self.history).map(|()| (refusal, bytes.as_slice()))
        };
        block.carried.refusals.iter().map(read).collect()
    }

    fn take_block(&mut self, block: &Block, here: usize, refusals: &[(RefusalNote, &[u8])]) -> Result<(), LedgerError> {
        let sealed = self.admit_entries(&block.carried.entries[here..])?;
        for (refusal, _) in refusals {
            // They may speak of what came with them.
            refusal.judge_seen(&self.history).map_err(|wrong| LedgerError::Damaged { index: refusal.seen.size, refusal: wrong })?;
        }
        if !sealed.is_empty() && self.can_sign() {
            self.commit(&sealed)?;
        } else if !sealed.is_empty() {
            self.write_entries(&sealed)?;
        }
        refusals.iter().try_for_each(|(refusal, bytes)| self.write_refusal(&refusal.file_name(), bytes))
    }

    /// Judges entries that follow the log, as their sequencer did.
    fn admit_entries(&mut self, entries: &[Vec<u8>]) -> Result<Vec<SealedEntry>, LedgerError> {
        let notes: Result<Vec<Vec<u8>>, Refusal> = entries.iter().map(|entry| Ok(Entry::parse(entry)?.note.to_vec())).collect();
        let checked = check_all(notes.unwrap_or_default(), self.ring());
        let mut checked = checked.into_iter();
        let mut sealed = Vec::with_capacity(entries.len());
        for bytes in entries {
            let index = self.history.size();
            let at = |refusal| LedgerError::Damaged { index, refusal };
            let entry = Entry::parse(bytes).map_err(at)?;
            let expected = self.history.chain_at(index).unwrap_or(ChainHead::EMPTY);
            if entry.previous != expected {
                return Err(at(Refusal::new(Rule::Chain, expected.to_string(), entry.previous.to_string())));
            }
            // A key may have been learnt since the whole was checked.
            let ahead = checked.next().and_then(Result::ok).filter(|verified| self.ring().agrees(verified));
            let verified = ahead.map_or_else(|| check(entry.note, self.ring()), Ok).map_err(at)?;
            let context = verified.names_size().and_then(|size| self.history.context(size));
            let mut admission = admit(&self.state, &verified, entry.received, context.as_ref()).map_err(at)?;
            let warnings = core::mem::take(&mut admission.warnings);
            if !warnings.is_empty() {
                self.warnings.insert(index, warnings);
            }
            let one = SealedEntry::of(bytes.clone());
            self.history.push(one.leaf, one.chain, entry.received);
            self.state.apply(&verified, entry.received, admission);
            sealed.push(one);
        }
        Ok(sealed)
    }
}
