//! A short life of a ledger, signed once and run many times: what the crash table interrupts.
//!
//! Everything in it follows from the entries before, so a run that was interrupted anywhere, recovered and taken up again ends
//! at the same root as one that was not.

use ledger::LedgerError;
use ledger::storage::Storage;
use ledger::{Answer, Ledger, check::Verified};
use signer::act::{Act, Constitution};
use signer::checkpoint::Receipt;
use signer::rule::Rule;
use signer::statement::Statement;
use signer::value::{TreeRoot, UnixMs};
use signer::{Note, SecretKey};

use crate::disk::Disk;
use crate::world::{FOUNDED, PROCEDURE, World, constitution, key};

/// What a note of a batch must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is at this index.
    Recorded(u64),
    /// It is refused by this rule; the refusal is signed and kept.
    Refused(Rule),
}

/// Notes that are submitted together.
pub struct Batch {
    /// The ledger's clock.
    pub clock: UnixMs,
    /// The notes, with what they must be answered.
    pub notes: Vec<(Vec<u8>, Expected)>,
    /// The same, checked.
    pub verified: Vec<Verified>,
}

/// The script.
pub struct Script {
    /// The world that wrote it; its log is the one to end with.
    pub world: World,
    /// Entry 0.
    pub founding: Vec<u8>,
    /// What follows.
    pub batches: Vec<Batch>,
}

/// What left a ledger during a run.
#[derive(Clone, Default)]
pub struct Left {
    /// Notes with their receipts.
    pub receipts: Vec<(Vec<u8>, Receipt)>,
    /// Signed refusals.
    pub refusals: Vec<Note>,
}

/// Keys that the ledger's process holds: the first, and the one that an amendment puts in its place.
pub fn keys() -> Vec<SecretKey> {
    vec![key("checkpoint"), key("checkpoint-2")]
}

struct Writer {
    world: World,
    batches: Vec<Batch>,
    notes: Vec<(Vec<u8>, Expected)>,
    seen_size: u64,
}

impl Writer {
    fn new() -> Writer {
        let mut world = World::founded();
        world.tick_ms = 0;
        Writer { world, batches: Vec::new(), notes: Vec::new(), seen_size: 1 }
    }

    /// A statement that has seen what was acknowledged before this batch.
    fn statement(&mut self, by: &[&str], act: Act) -> Statement {
        let mut statement = self.world.statement(by, act);
        if let Statement::Act { header, .. } = &mut statement {
            header.seen = self.world.history.seen_at(self.seen_size).unwrap();
        }
        statement
    }

    fn submit(&mut self, by: &[&str], act: Act) -> signer::value::StatementHash {
        let statement = self.statement(by, act);
        self.push(self.world.sign(&statement));
        signer::statement::statement_hash(&statement.encode())
    }

    fn push(&mut self, note: Vec<u8>) {
        let index = self.world.push(&note);
        self.notes.push((note, Expected::Recorded(index)));
    }

    fn import(&mut self, case: &str, record: u64) {
        let act = self.world.record(case, record);
        let hash = self.submit(&["a1"], act);
        self.world.heads.insert(case.to_owned(), hash);
    }

    /// A record of a case that is imported already, as if it were new.
    fn refused_import(&mut self, case: &str, record: u64) {
        let head = self.world.heads.remove(case);
        let act = self.world.record(case, record);
        let statement = self.statement(&["a1"], act);
        self.notes.push((self.world.sign(&statement), Expected::Refused(Rule::CaseHead)));
        self.world.heads.extend(head.map(|head| (case.to_owned(), head)));
    }

    fn again(&mut self, batch: usize, note: usize) {
        let note = self.batches[batch].notes[note].clone();
        self.notes.push(note);
    }

    fn end_batch(&mut self) {
        let notes = std::mem::take(&mut self.notes);
        self.batches.push(Batch { clock: self.world.clock, notes, verified: Vec::new() });
        self.world.clock = self.world.clock.plus_ms(60_000);
        self.seen_size = self.world.history.size();
    }

    fn staff(&mut self) {
        self.world.clock = self.world.clock.plus_ms(60_000);
        let act = World::enactment(PROCEDURE);
        self.submit(&["f1", "f2"], act.clone());
        let Act::Enact { enacts, .. } = act else { unreachable!() };
        self.world.procedure = Some(enacts);
        self.end_batch();
        let enrolment = self.world.enrolment("a1");
        self.submit(&["f1", "f2"], enrolment);
        self.world.keys.insert("a1".to_owned(), key("a1"));
        self.end_batch();
        let hash = self.submit(&["f1", "f2"], World::appointment("a1", "archivist", "00"));
        self.world.take_office("a1", "archivist", "00", hash);
        self.end_batch();
    }

    fn amend(&mut self) {
        let act = Act::Amend {
            constitution: Constitution { checkpoint_key: key("checkpoint-2").public().bytes(), ..constitution() },
            founders: crate::world::founding().founders.into_iter().map(|founder| (founder.person, founder.power)).collect(),
        };
        self.submit(&["f1", "f2"], act);
        self.world.checkpoint_key = key("checkpoint-2");
    }
}

impl Script {
    /// Ten batches: staff, records, refusals, a cosigned checkpoint, a new checkpoint key, repetitions.
    pub fn new() -> Script {
        let mut writer = Writer::new();
        let founding = writer.world.entries[0].bytes[ledger::entry::entry_head(signer::value::ChainHead::EMPTY, FOUNDED).len()..].to_vec();
        writer.staff();
        for record in 0..3 {
            writer.import(&format!("case-{record}"), record);
        }
        writer.refused_import("case-0", 3);
        writer.end_batch();
        let cosigned = writer.world.cosigned_at(writer.seen_size);
        let index = writer.world.push(cosigned.encode().as_bytes());
        writer.notes.push((cosigned.encode().into_bytes(), Expected::Recorded(index)));
        writer.import("case-1", 4);
        writer.end_batch();
        writer.refused_import("case-1", 5);
        writer.end_batch();
        for record in 6..10 {
            writer.import(&format!("case-{record}"), record);
        }
        writer.end_batch();
        writer.again(3, 1);
        writer.again(5, 0);
        writer.import("case-2", 10);
        writer.end_batch();
        writer.amend();
        writer.end_batch();
        for record in 11..14 {
            writer.import("case-0", record);
        }
        writer.refused_import("case-2", 14);
        writer.end_batch();
        Script { world: writer.world, founding, batches: writer.batches }.checked()
    }

    /// A script that goes on from a world: what is submitted when its log is there already.
    pub fn after(world: World, batch: impl FnOnce(&mut World) -> Vec<Vec<u8>>) -> Script {
        let mut world = world;
        world.tick_ms = 0;
        let clock = world.clock;
        let before = world.history.size();
        let founding = Vec::new();
        let notes = batch(&mut world).into_iter().zip(before..).map(|(note, index)| (note, Expected::Recorded(index))).collect();
        Script { world, founding, batches: vec![Batch { clock, notes, verified: Vec::new() }] }
    }

    /// Runs once without faults, so that every note is checked with the keys that are known when its turn comes.
    fn checked(mut self) -> Script {
        let mut ledger = self.init(Disk::default()).unwrap();
        for batch in &mut self.batches {
            batch.verified = batch.notes.iter().map(|(note, _)| ledger::check(note, ledger.ring()).unwrap()).collect();
            let answers = ledger.append(batch.verified.clone(), batch.clock).unwrap();
            Left::default().take(batch, answers);
        }
        assert_eq!(ledger.history().tree().root_at(ledger.history().size()), Some(self.root()));
        self
    }

    /// Checks every note with keys that are known already.
    #[must_use]
    pub fn checked_with(mut self, ring: &ledger::check::KeyRing) -> Script {
        for batch in &mut self.batches {
            batch.verified = batch.notes.iter().map(|(note, _)| ledger::check(note, ring).unwrap()).collect();
        }
        self
    }

    /// Founds the ledger.
    pub fn init<S: Storage>(&self, storage: S) -> Result<Ledger<S>, LedgerError> {
        let mut keys = keys();
        let second = keys.pop().unwrap();
        let mut ledger = Ledger::init(storage, &self.founding, keys.pop().unwrap(), FOUNDED)?;
        ledger.hold_key(second);
        Ok(ledger)
    }

    /// Submits everything, in order, whatever of it is recorded already. Every answer must be the right one.
    pub fn run<S: Storage>(&self, ledger: &mut Ledger<S>, left: &mut Left) -> Result<(), LedgerError> {
        for batch in &self.batches {
            let answers = ledger.append(batch.verified.clone(), batch.clock)?;
            left.take(batch, answers);
        }
        Ok(())
    }

    /// The root at the end.
    pub fn root(&self) -> TreeRoot {
        self.world.history.tree().root_at(self.world.history.size()).unwrap()
    }

    /// The auditor's policy: both checkpoint keys, and witness w1 where asked for.
    pub fn policy(&self, with_witness: bool) -> ledger::policy::Policy {
        let other = ledger::policy::verifier_key(self.world.id.as_str(), signer::note::TYPE_ED25519, &key("checkpoint").public().bytes());
        let policy = self.world.policy(with_witness);
        let policy =
            if self.world.checkpoint_key.public() == key("checkpoint").public() { policy } else { format!("log {other}\n{policy}") };
        ledger::policy::Policy::parse(policy.as_bytes()).unwrap()
    }
}

impl Default for Script {
    fn default() -> Script {
        Script::new()
    }
}

impl Left {
    /// Takes what left; every answer must be the expected one.
    pub fn take(&mut self, batch: &Batch, answers: Vec<Answer>) {
        assert_eq!(answers.len(), batch.notes.len());
        for ((note, expected), answer) in batch.notes.iter().zip(answers) {
            match answer {
                Answer::Recorded { receipt, .. } => {
                    assert_eq!(*expected, Expected::Recorded(receipt.index));
                    self.receipts.push((note.clone(), *receipt));
                }
                Answer::Refused { refusal, note } => {
                    assert_eq!(*expected, Expected::Refused(refusal.rule), "{refusal}");
                    self.refusals.push(*note.unwrap());
                }
            }
        }
    }
}
