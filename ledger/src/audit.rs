//! The audit: everything verified again from bytes (format.md section 11). It trusts the policy or checkpoint it is given, and
//! nothing in the folder.

use std::io;

use signer::act::Purpose;
use signer::checkpoint::is_signed_by;
use signer::rule::{Refusal, Rule};
use signer::statement::Statement;
use signer::value::{ChainHead, IndexRoot, KeyBytes, LedgerId, TreeRoot, UnixMs};
use signer::{Checkpoint, Note, PublicKey};

use crate::admit::admit;
use crate::check::{Content, KeyRing, check, founding_missing};
use crate::checkpoint_keys::CheckpointKeys;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::history::History;
use crate::ledger::{HASHES, founded_id};
use crate::marker::read_marker;
use crate::parallel::both;
use crate::policy::Policy;
use crate::refusal_note::{KeptRefusals, REFUSALS, read_kept};
use crate::replay::{Checked, check_chunk, read_chunk};
use crate::segment::{BUNDLES, EntryReader, SLOTS, Segments, Slot, read_bundles, read_slot};
use crate::state::State;
use crate::storage::{Storage, read_full};

/// Findings that are kept; further ones are counted.
pub const FINDINGS_MAX: usize = 10_000;
/// What an audit of a folder without an id calls it.
const NO_ID: &str = "-";

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The record is not what it should be.
    Error,
    /// Worth knowing; the record stands.
    Note,
    /// A rule of the procedure that only warns was broken; the record stands.
    Warn,
}

impl Level {
    /// `error` or `note`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Note => "note",
            Level::Warn => "warn",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: entry, size, slot or position, as format.md section 11 says for the rule.
    pub index: u64,
    /// How much it weighs.
    pub level: Level,
    /// Rule, line, expected, found.
    pub refusal: Refusal,
}

/// What an audit concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything verifies, up to the anchor.
    Holds,
    /// Everything agrees with itself; nothing outside vouches for it.
    Unanchored,
    /// A later checkpoint is known: this copy is old.
    Stale,
    /// The policy or checkpoint is for another ledger.
    OtherLedger,
    /// The record is not what it should be.
    Broken,
}

impl Verdict {
    /// The word of format.md.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Unanchored => "unanchored",
            Verdict::Stale => "stale",
            Verdict::OtherLedger => "other-ledger",
            Verdict::Broken => "broken",
        }
    }
}

/// What is audited, and against what.
pub struct Question<'a> {
    /// The folder.
    pub storage: &'a dyn Storage,
    /// The policy, if one was given.
    pub policy: Option<&'a Policy>,
    /// Whether the policy's file lies inside the folder.
    pub is_policy_inside: bool,
    /// Checkpoints that the auditor holds.
    pub known: &'a [Note],
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The conclusion.
    pub verdict: Verdict,
    /// The ledger's id, or `-`.
    pub origin: String,
    /// What the ledger says it is for.
    pub purpose: Option<Purpose>,
    /// Entries judged.
    pub entries: u64,
    /// Root over them.
    pub root: TreeRoot,
    /// Size up to which the policy vouches.
    pub anchored: Option<u64>,
    /// Signatures that were verified, cosignatures included.
    pub signatures: u64,
    /// Cosigned entries that were admitted.
    pub cosigned: u64,
    /// Whether the record is a founding and nothing else.
    pub is_founding_only: bool,
    /// `received` of the last entry.
    pub received_last: UnixMs,
    /// Findings, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub findings_omitted: u64,
}

/// Audits a ledger.
///
/// # Errors
/// [`LedgerError::Storage`] alone: whatever the bytes are, they yield findings.
pub fn audit(question: &Question<'_>, progress: &mut (dyn FnMut(u64, u64) + Send)) -> Result<Report, LedgerError> {
    let mut findings = Findings::default();
    let survey = Survey::of(question.storage).map_err(reading)?;
    let id = identify(question.storage, &survey, &mut findings)?;
    let name = id.as_ref().map_or(NO_ID, LedgerId::as_str);
    let keys = survey.checkpoint_keys.renamed(name);
    let slots = SoundSlots::of(question.storage, name, &keys, &mut findings).map_err(reading)?;
    let covered = slots.judge_coverage(&survey, &mut findings);

    let mut replay = Replay::new(id.clone(), covered.min(survey.entries), question);
    replay.run(question.storage, &mut findings, progress)?;

    slots.judge(&replay, name, &mut findings);
    judge_refusals(question.storage, name, &keys, &replay, &mut findings).map_err(reading)?;
    judge_hash_files(question.storage, &replay.history, &mut findings).map_err(reading)?;
    judge_bundles(question.storage, &replay.segments, &mut findings).map_err(reading)?;
    judge_known(question, name, &keys, covered, &replay.history, &mut findings);
    let anchored = judge_policy(question, name, &slots, &replay, &mut findings);
    Ok(replay.report(question, name, anchored, findings))
}

fn reading(source: io::Error) -> LedgerError {
    LedgerError::Storage { step: "reading the ledger", source }
}

#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
    omitted: u64,
    is_broken: bool,
    is_stale: bool,
    is_other: bool,
    is_unmet: bool,
}

impl Findings {
    fn error(&mut self, index: u64, refusal: Refusal) {
        match refusal.rule {
            Rule::OtherLedger | Rule::KnownOther => self.is_other = true,
            Rule::Rollback => self.is_stale = true,
            Rule::PolicyUnmet | Rule::PolicyInside => self.is_unmet = true,
            _ => self.is_broken = true,
        }
        self.push(Finding { index, level: Level::Error, refusal });
    }

    fn note(&mut self, index: u64, refusal: Refusal) {
        self.push(Finding { index, level: Level::Note, refusal });
    }

    fn warn(&mut self, index: u64, refusal: Refusal) {
        self.push(Finding { index, level: Level::Warn, refusal });
    }

    fn push(&mut self, finding: Finding) {
        if self.all.len() < FINDINGS_MAX {
            self.all.push(finding);
        } else {
            self.omitted += 1;
        }
    }

    fn verdict(&self, is_anchored_to_anything: bool) -> Verdict {
        if self.is_other {
            Verdict::OtherLedger
        } else if self.is_broken {
            Verdict::Broken
        } else if self.is_stale {
            Verdict::Stale
        } else if self.is_unmet || !is_anchored_to_anything {
            Verdict::Unanchored
        } else {
            Verdict::Holds
        }
    }
}

/// A first pass: how many entries there are, and which checkpoint keys they name.
struct Survey {
    entries: u64,
    has_tail: bool,
    founded: Option<LedgerId>,
    checkpoint_keys: CheckpointKeys,
}

impl Survey {
    fn of(storage: &dyn Storage) -> io::Result<Survey> {
        let mut reader = EntryReader::new(storage);
        let mut keys = KeyRing::new(None);
        let mut founded = None;
        while let Some(bytes) = reader.next_entry()? {
            let Ok(entry) = Entry::parse(&bytes) else { continue };
            if reader.count() == 1 {
                founded = founded_id(entry.note);
            }
            if may_constitute(entry.note)
                && let Ok(note) = Note::parse(entry.note)
                && let Ok(statement) = Statement::parse(&note.text)
            {
                keys.learn(&statement);
            }
        }
        Ok(Survey { entries: reader.count(), has_tail: reader.has_tail()?, founded, checkpoint_keys: keys.checkpoint_keys().clone() })
    }
}

/// Whether a note's third line may be that of a founding or amendment: cheap, and never wrong where it says no.
pub(crate) fn may_constitute(note: &[u8]) -> bool {
    let third = note.split(|b| *b == b'\n').nth(2);
    third == Some(b"act found") || third == Some(b"act amend")
}

fn identify(storage: &dyn Storage, survey: &Survey, findings: &mut Findings) -> Result<Option<LedgerId>, LedgerError> {
    // Of another version only the first line is known: entries are judged as this version's.
    let (marked, other) = match read_marker(storage) {
        Err(LedgerError::OtherFormat { found }) => (None, Some(found)),
        marked => (marked?, None),
    };
    let fits = marked.is_some() && (survey.founded.is_none() || survey.founded == marked);
    if !fits {
        let expected = survey.founded.as_ref().map_or("a file `ledger` that names this ledger".to_owned(), ToString::to_string);
        let found = match (&marked, other) {
            (Some(id), _) => id.to_string(),
            (None, Some(version)) => format!("one of version {version} of the format"),
            (None, None) => "none, or a malformed one".to_owned(),
        };
        findings.error(0, Refusal::new(Rule::Marker, expected, found));
    }
    Ok(survey.founded.clone().or(marked))
}

/// Slots that hold a checkpoint signed with one of the ledger's keys.
struct SoundSlots(Vec<(Checkpoint, Note)>);

impl SoundSlots {
    fn of(storage: &dyn Storage, name: &str, keys: &CheckpointKeys, findings: &mut Findings) -> io::Result<SoundSlots> {
        let mut sound = Vec::new();
        for (number, slot) in SLOTS.iter().enumerate() {
            let read = read_slot(storage, slot)?;
            let checkpoint = match &read {
                Slot::Unwritten => continue,
                Slot::Damaged => None,
                Slot::Note(note) => Checkpoint::parse(&note.text).filter(|checkpoint| checkpoint.origin == name && keys.signed(note)),
            };
            match (checkpoint, read) {
                (Some(checkpoint), Slot::Note(note)) => sound.push((checkpoint, note)),
                _ => findings
                    .note(number as u64, Refusal::new(Rule::Slot, "a checkpoint signed by this ledger", format!("{slot}: something else"))),
            }
        }
        Ok(SoundSlots(sound))
    }

    /// How many entries the latest checkpoint covers; all that there are where none does.
    fn judge_coverage(&self, survey: &Survey, findings: &mut Findings) -> u64 {
        let entries = survey.entries;
        let covered = self.0.iter().map(|(checkpoint, _)| checkpoint.size).max();
        match covered {
            None => findings.error(0, Refusal::new(Rule::CheckpointMissing, "a slot with a signed checkpoint of this ledger", "none")),
            Some(size) if entries < size => {
                findings.error(entries, Refusal::new(Rule::EntriesMissing, format!("{size} entries"), entries.to_string()))
            }
            Some(size) if entries > size => {
                findings.note(size, Refusal::new(Rule::Uncovered, format!("{size} entries"), entries.to_string()))
            }
            Some(_) => {}
        }
        if survey.has_tail {
            findings.note(entries, Refusal::new(Rule::Tail, "zeros after the last entry", "other bytes"));
        }
        covered.unwrap_or(entries)
    }

    fn judge(&self, replay: &Replay<'_>, name: &str, findings: &mut Findings) {
        for (checkpoint, note) in &self.0 {
            let size = checkpoint.size;
            let Some(root) = replay.history.tree().root_at(size) else { continue };
            if root != checkpoint.root {
                findings.error(size, Refusal::new(Rule::CheckpointRoot, checkpoint.root.to_string(), root.to_string()));
            }
            let key = replay.state.checkpoint_key_at(size).and_then(|key| PublicKey::decode(key).ok());
            if !key.as_ref().is_some_and(|key| is_signed_by_one(note, name, core::slice::from_ref(key))) {
                let expected = key.map_or("a key in force".to_owned(), |key| key.bytes().to_string());
                findings.error(size, Refusal::new(Rule::CheckpointKey, expected, "another"));
            }
        }
    }
}

fn is_signed_by_one(note: &Note, name: &str, keys: &[PublicKey]) -> bool {
    note.signatures.iter().any(|line| keys.iter().any(|key| is_signed_by(&note.text, line, name, key)))
}

/// The second pass: every entry judged in order.
struct Replay<'q> {
    id: Option<LedgerId>,
    state: State,
    history: History,
    /// Where the entries lie.
    segments: Segments,
    entries: u64,
    policy: Option<&'q Policy>,
    anchored: Option<u64>,
    signatures: u64,
    cosigned: u64,
    /// `received` of entry 0.
    founded: Option<UnixMs>,
    /// Index entries: place, `received`, what they say of refusals.
    indexes: Vec<(u64, UnixMs, (u64, IndexRoot))>,
}

impl<'q> Replay<'q> {
    fn new(id: Option<LedgerId>, entries: u64, question: &Question<'q>) -> Replay<'q> {
        let state = State::new(id.clone());
        Replay {
            id,
            state,
            history: History::default(),
            segments: Segments::new(question.storage.layout()),
            entries,
            policy: question.policy,
            anchored: None,
            signatures: 0,
            cosigned: 0,
            founded: None,
            indexes: Vec::new(),
        }
    }

    fn run(
        &mut self,
        storage: &dyn Storage,
        findings: &mut Findings,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), LedgerError> {
        let id = self.id.clone();
        let entries = self.entries;
        let mut reader = EntryReader::new(storage);
        let mut candidates = KeyRing::new(id.clone());
        let mut produce = move || -> io::Result<Vec<Checked>> {
            let left = entries - reader.count().min(entries);
            Ok(check_chunk(read_chunk(&mut reader, id.as_ref(), left)?, &mut candidates))
        };
        let mut chunk = produce().map_err(reading)?;
        while !chunk.is_empty() {
            // While this chunk is judged in order, the next one is hashed and checked.
            let (next, ()) = both(&mut produce, || {
                for checked in chunk {
                    self.judge(checked, findings);
                }
                progress(self.state.size(), entries);
            });
            chunk = next.map_err(reading)?;
        }
        Ok(())
    }

    fn judge(&mut self, checked: Checked, findings: &mut Findings) {
        let index = self.state.size();
        let Checked { sealed, head, verified } = checked;
        self.segments.note_existing(sealed.bytes.len());
        let (previous, received) = match head {
            Ok(head) => head,
            Err(refusal) => {
                findings.error(index, refusal);
                let received = self.state.received_last();
                self.state.skip(None);
                self.history.push(sealed.leaf, sealed.chain, received);
                return;
            }
        };
        let expected = self.history.chain_at(index).unwrap_or(ChainHead::EMPTY);
        if previous != expected {
            findings.error(index, Refusal::new(Rule::Chain, expected.to_string(), previous.to_string()));
        }
        match self.judge_note(&sealed.bytes, verified, received) {
            Ok(warnings) => warnings.into_iter().for_each(|warning| findings.warn(index, warning)),
            Err(refusal) => {
                findings.error(index, refusal);
                self.state.skip(Some(received));
            }
        }
        self.history.push(sealed.leaf, sealed.chain, received);
    }

    /// Section 8 on one entry; applies it if it is admitted, and gives its warnings.
    fn judge_note(
        &mut self,
        entry: &[u8],
        ahead: Result<crate::check::Verified, Refusal>,
        received: UnixMs,
    ) -> Result<Vec<Refusal>, Refusal> {
        let note = Entry::parse(entry)?.note;
        // Checked ahead of its turn with keys of entries that may not be admitted: where that could matter, check again.
        let verified = match ahead {
            Ok(verified) if self.state.ring().agrees(&verified) => verified,
            _ => self.check_in_turn(note)?,
        };
        let context = verified.names_size().and_then(|size| self.history.context(size));
        let mut admission = admit(&self.state, &verified, received, context.as_ref())?;
        self.count(&verified, note, received);
        let warnings = std::mem::take(&mut admission.warnings);
        self.state.apply(&verified, received, admission);
        Ok(warnings)
    }

    fn check_in_turn(&self, note: &[u8]) -> Result<crate::check::Verified, Refusal> {
        let parsed = crate::check::parse(note, self.id.as_ref())?;
        if let Some(Statement::Act { ledger, .. }) = parsed.statement() {
            if self.state.size() == 0 {
                return Err(founding_missing());
            }
            if self.id.is_none() {
                return Err(Refusal::new(Rule::LedgerOther, NO_ID, ledger.to_string()));
            }
        }
        check(note, self.state.ring())
    }

    fn count(&mut self, verified: &crate::check::Verified, note: &[u8], received: UnixMs) {
        self.founded.get_or_insert(received);
        match &verified.content {
            Content::Index(index) => {
                self.signatures += 1;
                self.indexes.push((self.state.size(), received, index.note.refusals));
            }
            Content::Epoch(_) => self.signatures += 1,
            // The ledger's, and that of the ledger whose checkpoint it is.
            Content::Anchor(_) => self.signatures += 2,
            Content::Statement { keys, .. } => self.signatures += keys.len() as u64,
            Content::Cosigned(cosigned) => {
                self.signatures += 1 + cosigned.cosignatures.len() as u64;
                self.cosigned += 1;
                if let Some(policy) = self.policy
                    && Note::parse(note).is_ok_and(|note| policy.accepts(&note))
                {
                    self.anchored = self.anchored.max(Some(cosigned.checkpoint.size));
                }
            }
        }
    }

    fn report(self, question: &Question<'_>, name: &str, anchored: Option<u64>, findings: Findings) -> Report {
        let root = self.history.tree().root_at(self.history.size()).unwrap_or_else(signer::merkle::empty_root);
        Report {
            verdict: findings.verdict(question.policy.is_some() || !question.known.is_empty()),
            origin: name.to_owned(),
            purpose: self.state.purpose(),
            entries: self.history.size(),
            root,
            anchored,
            signatures: self.signatures,
            cosigned: self.cosigned,
            is_founding_only: self.history.size() == 1,
            received_last: self.state.received_last(),
            findings: findings.all,
            findings_omitted: findings.omitted,
        }
    }
}

fn judge_refusals(
    storage: &dyn Storage,
    name: &str,
    keys: &CheckpointKeys,
    replay: &Replay<'_>,
    findings: &mut Findings,
) -> io::Result<()> {
    for (position, file) in storage.list(REFUSALS)?.iter().enumerate() {
        let kept = read_kept(storage, file, name, keys)?;
        if let Err(refusal) = kept.and_then(|(refusal, _)| refusal.judge_seen(&replay.history)) {
            findings.error(position as u64, refusal);
        }
    }
    judge_indexed_refusals(storage, name, keys, replay, findings)
}

/// The refusals between two index entries are those that the later one counts: an absent one is a finding.
fn judge_indexed_refusals(
    storage: &dyn Storage,
    name: &str,
    keys: &CheckpointKeys,
    replay: &Replay<'_>,
    findings: &mut Findings,
) -> io::Result<()> {
    let Some(mut from) = replay.founded.filter(|_| !replay.indexes.is_empty()) else { return Ok(()) };
    let kept = KeptRefusals::read(storage, name, keys)?;
    for (entry, received, said) in &replay.indexes {
        let found = kept.between(from, *received);
        if found != *said {
            let shown = |(count, root): (u64, IndexRoot)| format!("{count} refusals, root {root}");
            findings.error(*entry, Refusal::new(Rule::RefusalsUnlike, shown(*said), shown(found)));
        }
        from = *received;
    }
    Ok(())
}

fn judge_hash_files(storage: &dyn Storage, history: &History, findings: &mut Findings) -> io::Result<()> {
    for (level, nodes) in history.tree().levels().iter().enumerate() {
        let name = format!("{HASHES}/{level}");
        if storage.len(&name)?.is_none() {
            continue;
        }
        let mut buffer = vec![0u8; 32 * 4096];
        for (at, part) in nodes.chunks(4096).enumerate() {
            let read = read_full(storage, &name, (at * 32 * 4096) as u64, &mut buffer[..part.len() * 32])?;
            let differs = part.iter().zip(buffer[..read].as_chunks::<32>().0).position(|(expected, found)| expected.0 != *found);
            if let Some(differs) = differs {
                findings.note(
                    level as u64,
                    Refusal::new(Rule::HashFile, format!("{name}: the tree's hashes"), format!("another at {}", at * 4096 + differs)),
                );
                break;
            }
        }
    }
    Ok(())
}

fn judge_bundles(storage: &dyn Storage, segments: &Segments, findings: &mut Findings) -> io::Result<()> {
    let found = read_bundles(storage, segments.size())?;
    if let Some(at) = segments.bundles().iter().zip(&found).position(|(expected, found)| expected != found) {
        findings.note(0, Refusal::new(Rule::BundlesFile, format!("{BUNDLES}: where bundles begin"), format!("another at {at}")));
    }
    Ok(())
}

fn judge_known(question: &Question<'_>, name: &str, keys: &CheckpointKeys, covered: u64, history: &History, findings: &mut Findings) {
    let usable = question.policy.filter(|_| !is_policy_void(question, name));
    let policy_keys: Vec<PublicKey> = usable.into_iter().flat_map(|policy| policy.log_keys(name)).cloned().collect();
    for note in question.known {
        let Some(checkpoint) = Checkpoint::parse(&note.text) else { continue };
        if checkpoint.origin != name {
            findings.error(0, Refusal::new(Rule::KnownOther, name, checkpoint.origin));
        } else if !keys.signed(note) && !is_signed_by_one(note, name, &policy_keys) {
            findings.error(0, Refusal::new(Rule::KnownSignature, "a signature by this ledger's checkpoint key", "none that verifies"));
        } else if checkpoint.size > covered {
            findings.error(covered, Refusal::new(Rule::Rollback, format!("at least {} entries", checkpoint.size), covered.to_string()));
        } else if let Some(root) = history.tree().root_at(checkpoint.size).filter(|root| *root != checkpoint.root) {
            findings.error(checkpoint.size, Refusal::new(Rule::Fork, checkpoint.root.to_string(), root.to_string()));
        }
    }
}

fn is_policy_void(question: &Question<'_>, name: &str) -> bool {
    question.is_policy_inside && !name.starts_with("demo.")
}

/// The size up to which the policy vouches.
fn judge_policy(question: &Question<'_>, name: &str, slots: &SoundSlots, replay: &Replay<'_>, findings: &mut Findings) -> Option<u64> {
    let policy = question.policy?;
    if is_policy_void(question, name) {
        findings.error(0, Refusal::new(Rule::PolicyInside, "a policy from outside the audited folder", "one inside it"));
        return None;
    }
    if policy.log_keys(name).next().is_none() {
        let named: Vec<&str> = policy.log_names().collect();
        findings.error(0, Refusal::new(Rule::OtherLedger, format!("a log line for {name}"), named.join(", ")));
        return None;
    }
    let agrees = |checkpoint: &Checkpoint| replay.history.tree().root_at(checkpoint.size) == Some(checkpoint.root);
    let by_slots =
        slots.0.iter().filter(|(checkpoint, note)| agrees(checkpoint) && policy.accepts(note)).map(|(checkpoint, _)| checkpoint.size).max();
    let anchored = by_slots.max(replay.anchored);
    if anchored.is_none() {
        findings.error(
            0,
            Refusal::new(Rule::PolicyUnmet, "a checkpoint with the log signature and cosignatures that the policy asks for", "none"),
        );
    }
    anchored
}

/// The checkpoint key in force at the end, for whoever writes a policy.
pub fn key_in_force(state: &State) -> Option<&KeyBytes> {
    state.checkpoint_key_at(state.size())
}
