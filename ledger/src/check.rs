//! The check of one note on its own: format, keys, signatures (format.md section 8.2). Parallel; needs no order.

use std::collections::HashMap;

use signer::act::{Act, Founding, Witness};
use signer::anchor_note::AnchorNote;
use signer::checkpoint::{cosignature_verifies, is_signed_by};
use signer::epoch_note::EpochNote;
use signer::index_note::IndexNote;
use signer::note::{KeyId, Note, SignatureLine, TYPE_COSIGNATURE, TYPE_ED25519, key_id};
use signer::possession::{self, Occasion};
use signer::rule::{Refusal, Rule};
use signer::statement::{Statement, statement_hash};
use signer::strict::{Claim, settle};
use signer::value::{KeyBytes, KeyName, LedgerId, PersonId, StatementHash, UnixMs};
use signer::{ActName, Checkpoint, PublicKey};

use crate::checkpoint_keys::CheckpointKeys;
use crate::parallel::{grouped, map_all};
use crate::procedure::{Procedure, procedure_digest};

mod own;

pub use self::own::{Anchor, Epoch, Index};
use self::own::{read_anchor, read_epoch, read_index};

/// Most cosignature lines of a cosigned entry.
pub const COSIGNATURES_MAX: usize = 16;

/// Keys by which notes are checked: of persons, of the ledger, of its witnesses.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    ledger: Option<LedgerId>,
    persons: HashMap<PersonId, Vec<(KeyId, PublicKey)>>,
    checkpoint_keys: CheckpointKeys,
    witnesses: HashMap<(KeyName, KeyId), PublicKey>,
}

impl KeyRing {
    /// A ring without keys, for the ledger of this id or for none yet.
    pub fn new(ledger: Option<LedgerId>) -> KeyRing {
        let checkpoint_keys = CheckpointKeys::new(ledger.as_ref().map_or("", LedgerId::as_str));
        KeyRing { ledger, checkpoint_keys, ..KeyRing::default() }
    }

    /// The ledger's id.
    pub fn ledger(&self) -> Option<&LedgerId> {
        self.ledger.as_ref()
    }

    /// The key of a person with that id.
    pub fn person(&self, person: &PersonId, id: KeyId) -> Option<&PublicKey> {
        self.persons.get(person)?.iter().find(|(known, _)| *known == id).map(|(_, key)| key)
    }

    /// Every checkpoint key that was named so far.
    pub fn checkpoint_keys(&self) -> &CheckpointKeys {
        &self.checkpoint_keys
    }

    /// Adds the keys that a statement brings; those that do not decode and pairs that are taken are passed over.
    pub fn learn(&mut self, statement: &Statement) {
        match statement {
            Statement::Founding(founding) => {
                for founder in &founding.founders {
                    self.learn_person(&founder.person, &founder.key);
                }
                self.learn_constitution(&founding.constitution.checkpoint_key, &founding.constitution.witnesses);
            }
            Statement::Act { act: Act::Amend { constitution, .. }, .. } => {
                self.learn_constitution(&constitution.checkpoint_key, &constitution.witnesses);
            }
            Statement::Act { act: Act::Enrol { person, key, .. }, .. } => self.learn_person(person, key),
            Statement::Act { act: Act::Rotate(new) | Act::Rekey(new), .. } => self.learn_person(&new.person, &new.key),
            Statement::Act { .. } => {}
        }
    }

    fn learn_person(&mut self, person: &PersonId, key: &KeyBytes) {
        if let Ok(key) = PublicKey::decode(key) {
            let id = key_id(person.as_str(), TYPE_ED25519, &key.bytes().0);
            let keys = self.persons.entry(person.clone()).or_default();
            if !keys.iter().any(|(known, _)| *known == id) {
                keys.push((id, key));
            }
        }
    }

    fn learn_constitution(&mut self, checkpoint_key: &KeyBytes, witnesses: &[Witness]) {
        if let Ok(key) = PublicKey::decode(checkpoint_key) {
            self.checkpoint_keys.learn(key);
        }
        for witness in witnesses {
            if let Ok(key) = PublicKey::decode(&witness.key) {
                let id = key_id(witness.name.as_str(), TYPE_COSIGNATURE, &key.bytes().0);
                self.witnesses.entry((witness.name.clone(), id)).or_insert(key);
            }
        }
    }

    /// Whether this ring would have verified the note by the same keys. For notes that were checked, ahead of their turn,
    /// with a ring that holds more.
    #[must_use]
    pub fn agrees(&self, verified: &Verified) -> bool {
        match &verified.content {
            Content::Statement { statement, .. } if statement.act_name() == ActName::Found => true,
            Content::Statement { statement, keys, .. } => statement.signers().into_iter().zip(keys).all(|(person, key)| {
                let id = key_id(person.as_str(), TYPE_ED25519, &key.bytes().0);
                self.person(person, id) == Some(key)
            }),
            Content::Index(Index { key, .. }) | Content::Epoch(Epoch { key, .. }) | Content::Anchor(Anchor { key, .. }) => {
                self.checkpoint_keys.key(&key.bytes()).is_some()
            }
            Content::Cosigned(cosigned) => {
                self.checkpoint_keys.key(&cosigned.key.bytes()).is_some()
                    && cosigned.cosignatures.iter().all(|line| {
                        let id = key_id(line.name.as_str(), TYPE_COSIGNATURE, &line.key.bytes().0);
                        self.witnesses.get(&(line.name.clone(), id)) == Some(&line.key)
                    })
            }
        }
    }
}

/// A note whose format is right, nothing verified.
#[derive(Clone, Debug)]
pub struct Parsed {
    bytes: Vec<u8>,
    note: Note,
    content: ParsedContent,
}

#[derive(Clone, Debug)]
enum ParsedContent {
    Statement(Box<Statement>),
    Cosigned(Checkpoint),
    Index(IndexNote),
    Epoch(EpochNote),
    Anchor(AnchorNote),
}

impl Parsed {
    /// The statement, if it is one.
    pub fn statement(&self) -> Option<&Statement> {
        match &self.content {
            ParsedContent::Statement(statement) => Some(statement),
            _ => None,
        }
    }
}

/// A witness's line of a cosigned entry.
#[derive(Clone, Debug)]
pub struct Cosignature {
    /// The witness.
    pub name: KeyName,
    /// The key that signed.
    pub key: PublicKey,
    /// When, in Unix seconds.
    pub unix_seconds: u64,
}

impl Cosignature {
    /// When, in milliseconds, saturating.
    pub fn unix_ms(&self) -> UnixMs {
        UnixMs(i64::try_from(self.unix_seconds).unwrap_or(i64::MAX).saturating_mul(1000))
    }
}

/// A cosigned checkpoint.
#[derive(Clone, Debug)]
pub struct Cosigned {
    /// Size and root.
    pub checkpoint: Checkpoint,
    /// The checkpoint key that signed.
    pub key: PublicKey,
    /// The witnesses' lines.
    pub cosignatures: Vec<Cosignature>,
}

impl Cosigned {
    /// The latest of the witnesses' times.
    pub fn time_latest(&self) -> UnixMs {
        self.cosignatures.iter().map(Cosignature::unix_ms).max().unwrap_or(UnixMs(i64::MIN))
    }

    /// The earliest of the witnesses' times.
    pub fn time_earliest(&self) -> UnixMs {
        self.cosignatures.iter().map(Cosignature::unix_ms).min().unwrap_or(UnixMs(i64::MAX))
    }
}

/// What a verified note says.
#[derive(Clone, Debug)]
pub enum Content {
    /// A statement, with the keys that signed it in order.
    Statement {
        /// The statement.
        statement: Box<Statement>,
        /// Its hash.
        hash: StatementHash,
        /// The signers' keys.
        keys: Vec<PublicKey>,
        /// The procedure that it enacts.
        procedure: Option<Box<Procedure>>,
    },
    /// A cosigned checkpoint.
    Cosigned(Cosigned),
    /// An index entry.
    Index(Index),
    /// An epoch entry.
    Epoch(Epoch),
    /// An anchor entry.
    Anchor(Anchor),
}

/// A note that passes format.md section 8.2.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The note as it was submitted.
    pub bytes: Vec<u8>,
    /// What it says.
    pub content: Content,
}

impl Verified {
    /// The size of the log that the note names, if it names one: what [`crate::history::Context`] is asked for.
    pub fn names_size(&self) -> Option<u64> {
        match &self.content {
            Content::Statement { statement, .. } => match statement.as_ref() {
                Statement::Founding(_) => None,
                Statement::Act { header, .. } => Some(header.seen.size),
            },
            Content::Cosigned(cosigned) => Some(cosigned.checkpoint.size),
            Content::Index(_) | Content::Epoch(_) | Content::Anchor(_) => None,
        }
    }

    /// The statement's hash, if it is one.
    pub fn statement_hash(&self) -> Option<StatementHash> {
        match &self.content {
            Content::Statement { hash, .. } => Some(*hash),
            Content::Cosigned(_) | Content::Index(_) | Content::Epoch(_) | Content::Anchor(_) => None,
        }
    }
}

/// Reads a note: format.md sections 2, and 3 or the first step of 5.10.
///
/// # Errors
/// The first rule that the bytes break.
pub fn parse(bytes: &[u8], ledger: Option<&LedgerId>) -> Result<Parsed, Refusal> {
    let note = Note::parse(bytes)?;
    let first_line = note.text.split('\n').next().unwrap_or_default();
    let content = if ledger.is_some_and(|id| id.as_str() == first_line) {
        let lines = note.signatures.len();
        let checkpoint =
            Checkpoint::parse(&note.text).filter(|checkpoint| checkpoint.size > 0 && (2..=COSIGNATURES_MAX + 1).contains(&lines));
        let expected = "origin, size and root, then one signature and 1 to 16 cosignatures";
        ParsedContent::Cosigned(checkpoint.ok_or_else(|| Refusal::new(Rule::CheckpointFormat, expected, note.text.replace('\n', " / ")))?)
    } else if let Some(own) = ledger.and_then(|_| own::parse(&note, first_line)) {
        own?
    } else {
        ParsedContent::Statement(Box::new(Statement::parse(&note.text)?))
    };
    Ok(Parsed { bytes: bytes.to_vec(), note, content })
}

/// Verifies what was read against the keys of the ring.
///
/// # Errors
/// The first rule of section 8.2 that is broken.
pub fn verify(parsed: Parsed, ring: &KeyRing) -> Result<Verified, Refusal> {
    let begun = Begun::new(parsed, ring);
    let settled = settle(&begun.claims().copied().collect::<Vec<_>>());
    begun.end(&mut settled.into_iter())
}

/// Verifies many notes: the answers of [`verify`] for each, in order. Cheaper, since their signatures are settled together.
pub fn verify_all(all: Vec<Parsed>, ring: &KeyRing) -> Vec<Result<Verified, Refusal>> {
    let begun: Vec<Begun> = all.into_iter().map(|parsed| Begun::new(parsed, ring)).collect();
    let claims: Vec<Claim> = begun.iter().flat_map(Begun::claims).copied().collect();
    let mut settled = settle(&claims).into_iter();
    begun.into_iter().map(|begun| begun.end(&mut settled)).collect()
}

/// A note being verified, up to the settling of its signatures.
struct Begun {
    note: Note,
    /// One for each signature line; nothing where S alone refuses it.
    claims: Vec<Option<Claim>>,
    /// The answer if every signature is good.
    answer: Result<Verified, Refusal>,
}

impl Begun {
    fn new(parsed: Parsed, ring: &KeyRing) -> Begun {
        let Parsed { bytes, note, content } = parsed;
        let accepts = |line: &SignatureLine, name: &str, key: &PublicKey| is_signed_by(&note.text, line, name, key);
        let whole = |content| (Vec::new(), Ok(content));
        let begun = match content {
            ParsedContent::Cosigned(checkpoint) => verify_cosigned(&note, checkpoint, ring).map(Content::Cosigned).map(whole),
            ParsedContent::Statement(statement) => begin_statement(&note, statement, ring),
            ParsedContent::Index(index) => read_index(&note, index, ring, accepts).map(Content::Index).map(whole),
            ParsedContent::Epoch(epoch) => read_epoch(&note, epoch, ring, accepts).map(Content::Epoch).map(whole),
            ParsedContent::Anchor(anchor) => {
                read_anchor(&note, anchor, ring, accepts, AnchorNote::is_signed_by).map(Content::Anchor).map(whole)
            }
        };
        let (claims, answer) = begun.unwrap_or_else(|refusal| (Vec::new(), Err(refusal)));
        Begun { note, claims, answer: answer.map(|content| Verified { bytes, content }) }
    }

    fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().flatten()
    }

    /// The answer, once it is known which claims are good: a bad signature comes before what is judged after signatures.
    fn end(self, settled: &mut impl Iterator<Item = bool>) -> Result<Verified, Refusal> {
        // Every claim is taken from `settled`, also after a bad one: the next note's follow.
        let good: Vec<bool> = self.claims.iter().map(|claim| claim.is_some() && settled.next() == Some(true)).collect();
        match good.iter().position(|good| !good) {
            None => self.answer,
            Some(bad) => {
                let name = &self.note.signatures[bad].name;
                Err(Refusal::new(Rule::Signature, format!("a signature of this text by {name}"), "one that does not verify"))
            }
        }
    }
}

/// Reads and verifies a note.
///
/// # Errors
/// The first rule of section 8.2 that is broken.
pub fn check(note: &[u8], ring: &KeyRing) -> Result<Verified, Refusal> {
    verify(parse(note, ring.ledger())?, ring)
}

/// Reads and verifies many notes on all cores: the answers of [`check`] for each, in order.
pub fn check_all(notes: Vec<Vec<u8>>, ring: &KeyRing) -> Vec<Result<Verified, Refusal>> {
    let groups = grouped(notes);
    map_all(groups, |group| verify_parsed(group.iter().map(|note| parse(note, ring.ledger())).collect(), ring))
        .into_iter()
        .flatten()
        .collect()
}

/// Verifies what could be parsed of a group, its signatures together; keeps the refusals and the order of the others.
pub(crate) fn verify_parsed(group: Vec<Result<Parsed, Refusal>>, ring: &KeyRing) -> Vec<Result<Verified, Refusal>> {
    let mut parsed = Vec::with_capacity(group.len());
    let places: Vec<Result<(), Refusal>> = group.into_iter().map(|one| one.map(|good| parsed.push(good))).collect();
    let mut verified = verify_all(parsed, ring).into_iter();
    let mut answer = || verified.next().unwrap_or_else(|| unreachable!("one answer for each that was parsed"));
    places.into_iter().map(|place| place.and_then(|()| answer())).collect()
}

/// Takes a note as verified without checking signatures: for entries under a checkpoint that this ledger itself made durable.
/// They were checked when they were admitted, and the checkpoint's root says that they are the same bytes.
///
/// # Errors
/// A rule broken by something other than a signature, which means that the record is damaged.
pub(crate) fn trust(parsed: Parsed, ring: &KeyRing) -> Result<Verified, Refusal> {
    let Parsed { bytes, note, content } = parsed;
    let content = match content {
        ParsedContent::Index(index) => Content::Index(read_index(&note, index, ring, |_, _, _| true)?),
        ParsedContent::Epoch(epoch) => Content::Epoch(read_epoch(&note, epoch, ring, |_, _, _| true)?),
        ParsedContent::Anchor(anchor) => Content::Anchor(read_anchor(&note, anchor, ring, |_, _, _| true, |_, _| true)?),
        ParsedContent::Cosigned(checkpoint) => {
            let is_named = |line: &SignatureLine, name: &str, key: &PublicKey| {
                line.name == name && line.key_id == key_id(name, TYPE_ED25519, &key.bytes().0)
            };
            Content::Cosigned(read_cosigned(&note, checkpoint, ring, is_named, |line, _| line.cosignature().is_some())?)
        }
        ParsedContent::Statement(statement) => {
            let (keys, procedure) = match statement.as_ref() {
                Statement::Founding(founding) => (founders_keys(founding)?, None),
                Statement::Act { act, .. } => (signers_keys(&note, &statement, ring)?, enacted(act)?),
            };
            Content::Statement { hash: statement_hash(&note.text), statement, keys, procedure }
        }
    };
    Ok(Verified { bytes, content })
}

type BegunStatement = (Vec<Option<Claim>>, Result<Content, Refusal>);

/// What is judged before signatures, their claims, and what is judged after them.
fn begin_statement(note: &Note, statement: Box<Statement>, ring: &KeyRing) -> Result<BegunStatement, Refusal> {
    if let Statement::Act { ledger, .. } = statement.as_ref() {
        judge_ledger(ledger, ring)?;
    }
    judge_signature_set(note, &statement)?;
    let keys = match statement.as_ref() {
        Statement::Founding(founding) => founding_signers_keys(note, founding)?,
        Statement::Act { act, .. } => {
            judge_new_keys(act)?;
            signers_keys(note, &statement, ring)?
        }
    };
    let claim = |(line, key): (&SignatureLine, &PublicKey)| key.claim(note.text.as_bytes(), &line.signature()?);
    let claims = note.signatures.iter().zip(&keys).map(claim).collect();
    Ok((claims, end_statement(note, statement, keys)))
}

fn end_statement(note: &Note, statement: Box<Statement>, keys: Vec<PublicKey>) -> Result<Content, Refusal> {
    let procedure = match statement.as_ref() {
        Statement::Founding(_) => None,
        Statement::Act { ledger, act, .. } => {
            judge_proof(ledger, act)?;
            enacted(act)?
        }
    };
    Ok(Content::Statement { hash: statement_hash(&note.text), statement, keys, procedure })
}

/// Entry 0 is a founding, whatever else is wrong with another.
pub(crate) fn founding_missing() -> Refusal {
    Refusal::new(Rule::FoundingMissing, "act found as the first entry", "another entry")
}

fn judge_ledger(named: &LedgerId, ring: &KeyRing) -> Result<(), Refusal> {
    match ring.ledger() {
        Some(own) if own == named => Ok(()),
        Some(own) => Err(Refusal::new(Rule::LedgerOther, own.to_string(), named.to_string())),
        None => Err(founding_missing()),
    }
}

fn judge_signature_set(note: &Note, statement: &Statement) -> Result<(), Refusal> {
    let signers = statement.signers();
    let fits = |(line, person): (&SignatureLine, &&PersonId)| line.name == person.as_str() && line.payload.len() == 64;
    if note.signatures.len() == signers.len() && note.signatures.iter().zip(&signers).all(fits) {
        return Ok(());
    }
    let names = |names: Vec<&str>| names.join(", ");
    Err(Refusal::new(
        Rule::SignatureSet,
        format!("one signature each by {}", names(signers.iter().map(|person| person.as_str()).collect())),
        names(note.signatures.iter().map(|line| line.name.as_str()).collect()),
    ))
}

fn key_unknown(line: &SignatureLine) -> Refusal {
    let id: String = line.key_id.iter().map(|byte| format!("{byte:02x}")).collect();
    Refusal::new(Rule::KeyUnknown, format!("a key that is enrolled for {}", line.name), format!("key id {id}"))
}

fn signers_keys(note: &Note, statement: &Statement, ring: &KeyRing) -> Result<Vec<PublicKey>, Refusal> {
    let key = |(line, person): (&SignatureLine, &PersonId)| ring.person(person, line.key_id).cloned().ok_or_else(|| key_unknown(line));
    note.signatures.iter().zip(statement.signers()).map(key).collect()
}

/// Keys of the founder lines, in order, after the keys of the constitution were judged: the order of the lines.
fn founders_keys(founding: &Founding) -> Result<Vec<PublicKey>, Refusal> {
    PublicKey::decode(&founding.constitution.checkpoint_key)?;
    for witness in &founding.constitution.witnesses {
        PublicKey::decode(&witness.key)?;
    }
    founding.founders.iter().map(|founder| PublicKey::decode(&founder.key)).collect()
}

fn founding_signers_keys(note: &Note, founding: &Founding) -> Result<Vec<PublicKey>, Refusal> {
    let keys = founders_keys(founding)?;
    let known: Vec<(&str, KeyId, &PublicKey)> = founding
        .founders
        .iter()
        .zip(&keys)
        .map(|(founder, key)| (founder.person.as_str(), key_id(founder.person.as_str(), TYPE_ED25519, &key.bytes().0), key))
        .collect();
    let find = |line: &SignatureLine| {
        known.iter().find(|(name, id, _)| *name == line.name && *id == line.key_id).map(|(_, _, key)| (*key).clone())
    };
    note.signatures.iter().map(|line| find(line).ok_or_else(|| key_unknown(line))).collect()
}

fn judge_new_keys(act: &Act) -> Result<(), Refusal> {
    match act {
        Act::Amend { constitution, .. } => {
            PublicKey::decode(&constitution.checkpoint_key)?;
            constitution.witnesses.iter().try_for_each(|witness| PublicKey::decode(&witness.key).map(|_| ()))
        }
        Act::Enrol { key, .. } => PublicKey::decode(key).map(|_| ()),
        Act::Rotate(new) | Act::Rekey(new) => PublicKey::decode(&new.key).map(|_| ()),
        _ => Ok(()),
    }
}

fn judge_proof(ledger: &LedgerId, act: &Act) -> Result<(), Refusal> {
    let (person, occasion, key, proof) = match act {
        Act::Enrol { person, identity, key, proof, .. } => (person, Occasion::Identity(*identity), key, proof),
        Act::Rotate(new) | Act::Rekey(new) => (&new.person, Occasion::Replaces(new.replaces), &new.key, &new.proof),
        _ => return Ok(()),
    };
    if possession::verifies(ledger, person, occasion, &PublicKey::decode(key)?, proof) {
        return Ok(());
    }
    Err(Refusal::new(Rule::Proof, format!("a possession text signed with {key}"), "a proof that does not verify"))
}

fn enacted(act: &Act) -> Result<Option<Box<Procedure>>, Refusal> {
    let Act::Enact { enacts, text } = act else { return Ok(None) };
    let digest = procedure_digest(text);
    if digest != enacts.digest {
        return Err(Refusal::new(Rule::ProcedureDigest, digest.to_string(), enacts.digest.to_string()));
    }
    let procedure = Procedure::parse(text)?;
    if (&procedure.id, procedure.version) != (&enacts.id, enacts.version) {
        let found = format!("{} {}", procedure.id, procedure.version);
        return Err(Refusal::new(Rule::ProcedureFormat, format!("id and version {} {}", enacts.id, enacts.version), found));
    }
    Ok(Some(Box::new(procedure)))
}

fn verify_cosigned(note: &Note, checkpoint: Checkpoint, ring: &KeyRing) -> Result<Cosigned, Refusal> {
    read_cosigned(
        note,
        checkpoint,
        ring,
        |line, name, key| is_signed_by(&note.text, line, name, key),
        |line, key| line.cosignature().is_some_and(|(time, signature)| cosignature_verifies(&note.text, key, time, &signature)),
    )
}

/// Reads the lines of a cosigned note; the two closures say which signatures are accepted.
fn read_cosigned(
    note: &Note,
    checkpoint: Checkpoint,
    ring: &KeyRing,
    accepts_first: impl Fn(&SignatureLine, &str, &PublicKey) -> bool,
    accepts: impl Fn(&SignatureLine, &PublicKey) -> bool,
) -> Result<Cosigned, Refusal> {
    let first = &note.signatures[0];
    let key = ring
        .checkpoint_keys
        .named(first.key_id)
        .find(|key| accepts_first(first, &checkpoint.origin, key))
        .ok_or_else(|| Refusal::new(Rule::CheckpointSignature, "first a signature by the ledger's checkpoint key", first.encode()))?;
    let mut cosignatures: Vec<Cosignature> = Vec::new();
    for line in &note.signatures[1..] {
        let known = KeyName::parse(&line.name).and_then(|name| Some((ring.witnesses.get(&(name.clone(), line.key_id))?, name)));
        let Some((witness, name)) = known else {
            return Err(Refusal::new(Rule::WitnessUnknown, "a witness that the founding or an amendment names", line.name.clone()));
        };
        if cosignatures.iter().any(|before| before.name == name && before.key == *witness) {
            return Err(Refusal::new(Rule::WitnessRepeated, "each witness once", line.name.clone()));
        }
        let Some((unix_seconds, _)) = line.cosignature().filter(|_| accepts(line, witness)) else {
            return Err(Refusal::new(
                Rule::WitnessSignature,
                format!("a cosignature of this checkpoint by {name}"),
                "one that does not verify",
            ));
        };
        cosignatures.push(Cosignature { name, key: witness.clone(), unix_seconds });
    }
    Ok(Cosigned { checkpoint, key: key.clone(), cosignatures })
}
