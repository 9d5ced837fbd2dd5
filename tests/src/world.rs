//! A small ledger in memory, with the keys of everybody in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ledger::entry::{Entry, SealedEntry};
use ledger::history::History;
use ledger::layout::SEGMENT_ENTRIES;
use ledger::policy::{Policy, verifier_key};
use ledger::procedure::procedure_digest;
use ledger::segment::{SLOTS, encode_slot, segment_name};
use ledger::state::ledger_id;
use signer::act::{Act, Capacity, Constitution, Founder, Founding, Import, ListRef, NewKey, Purpose, Witness};
use signer::checkpoint::{cosign, is_signed_by};
use signer::note::{SignatureLine, TYPE_ED25519};
use signer::possession::{self, Occasion};
use signer::statement::{By, Header, ProcedureName, statement_hash};
use signer::value::{
    CaseId, ChainHead, Code, Commitment, DeviceId, IdentityToken, KeyBytes, KeyName, LedgerId, Nonce, Office, Origin, PersonId, Power,
    SourceDigest, StatementHash, Text, Time, TimeMs, Unit, UnixMs,
};
use signer::{Checkpoint, Note, SecretKey, Statement};
use zeroize::Zeroizing;

/// The procedure of the tests: three powers, seven offices.
pub const PROCEDURE: &str = include_str!("procedure.toml");
/// When the ledger is founded: 2026-01-05T08:00:00+08:00.
pub const FOUNDED: UnixMs = UnixMs(1_767_571_200_000);

/// A key from its name: the same in every run.
pub fn key(name: &str) -> SecretKey {
    let digest = signer::statement::statement_hash(&format!("key of {name}"));
    SecretKey::from_seed(&Zeroizing::new(digest.0))
}

/// The same key once more.
pub fn copy(key: &SecretKey) -> SecretKey {
    SecretKey::from_seed(&key.seed())
}

/// Thirty-two bytes from a word.
pub fn bytes(word: &str) -> [u8; 32] {
    signer::statement::statement_hash(word).0
}

/// A person's id.
pub fn person(id: &str) -> PersonId {
    PersonId::parse(id).unwrap()
}

/// A code.
pub fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

/// Free text.
pub fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

/// A unit.
pub fn unit(text: &str) -> Unit {
    Unit::parse(text).unwrap()
}

/// An office.
pub fn office(text: &str) -> Office {
    Office::parse(text).unwrap()
}

/// A time with offset +08:00.
pub fn time(at: UnixMs) -> Time {
    Time { unix_seconds: at.0.div_euclid(1000), offset_minutes: 480 }
}

/// A ledger being written, without admission.
pub struct World {
    /// The ledger's id.
    pub id: LedgerId,
    /// Its checkpoint key.
    pub checkpoint_key: SecretKey,
    /// Entries so far.
    pub entries: Vec<SealedEntry>,
    /// What they make.
    pub history: History,
    /// `received` of the next entry.
    pub clock: UnixMs,
    /// How far the clock goes on with each entry, in milliseconds.
    pub tick_ms: i64,
    /// The next counter of device d1.
    pub counter: u64,
    /// The procedure that headers name.
    pub procedure: Option<ProcedureName>,
    /// The offices in which persons sign.
    pub offices: BTreeMap<String, By>,
    /// The keys with which persons sign.
    pub keys: BTreeMap<String, SecretKey>,
    /// The statement that made each person known.
    pub known_by: BTreeMap<String, StatementHash>,
    /// Heads of cases.
    pub heads: BTreeMap<String, StatementHash>,
    /// Lists as steps name them.
    pub lists: BTreeMap<String, ListRef>,
    /// Statements that a test will name, by what it calls them.
    pub said: BTreeMap<String, StatementHash>,
}

/// The founding of the tests, before anything is changed in it: founders f1 (E), f2 (S), f3 (F), threshold 2, witness w1.
pub fn founding() -> Founding {
    let founder = |id: &str, power: &str| Founder {
        person: person(id),
        power: Power::parse(power).unwrap(),
        identity: IdentityToken(bytes(&format!("identity of {id}"))),
        key: key(id).public().bytes(),
        name: text(&format!("甲子·{id}")),
    };
    Founding {
        origin: Origin::parse("demo.tests.example/archive").unwrap(),
        nonce: Nonce(bytes("nonce")),
        purpose: Purpose::Demonstration,
        at: time(FOUNDED),
        device: DeviceId::parse("d1").unwrap(),
        identity_body: code("civil-registry"),
        constitution: constitution(),
        founders: vec![founder("f1", "E"), founder("f2", "S"), founder("f3", "F")],
    }
}

/// Threshold 2, the checkpoint key, witness w1.
pub fn constitution() -> Constitution {
    Constitution {
        threshold: 2,
        checkpoint_key: key("checkpoint").public().bytes(),
        witnesses: vec![Witness { name: KeyName::parse("w1.example").unwrap(), key: key("w1").public().bytes() }],
    }
}

impl World {
    /// A ledger with the founding of the tests.
    pub fn founded() -> World {
        World::founded_with(founding())
    }

    /// A ledger with another founding.
    pub fn founded_with(founding: Founding) -> World {
        let origin = founding.origin.clone();
        let founders: Vec<String> = founding.founders.iter().map(|founder| founder.person.to_string()).collect();
        let statement = Statement::Founding(Box::new(founding));
        let hash = statement_hash(&statement.encode());
        let mut world = World {
            id: ledger_id(&origin, &hash).unwrap(),
            checkpoint_key: key("checkpoint"),
            entries: Vec::new(),
            history: History::default(),
            clock: FOUNDED,
            tick_ms: 1_000,
            counter: 1,
            procedure: None,
            offices: BTreeMap::new(),
            keys: BTreeMap::new(),
            known_by: BTreeMap::new(),
            heads: BTreeMap::new(),
            lists: BTreeMap::new(),
            said: BTreeMap::new(),
        };
        for id in &founders {
            world.keys.insert(id.clone(), key(id));
            world.known_by.insert(id.clone(), hash);
            world.take_office(id, "founder", "-", hash);
        }
        let note = world.sign(&statement);
        world.push(&note);
        world
    }

    /// Founded, and staffed.
    pub fn staffed() -> World {
        World::staffed_with(founding())
    }

    /// The same with another founding.
    pub fn staffed_with(founding: Founding) -> World {
        let mut world = World::founded_with(founding);
        world.staff();
        world
    }

    /// The same without witnesses: days may pass between two entries.
    pub fn unwitnessed() -> World {
        let mut founding = founding();
        founding.constitution.witnesses.clear();
        World::staffed_with(founding)
    }

    /// Procedure enacted, registrar r1 (E), overseer s1 (S), archivist a1 (E) and clerk c1 (F) enrolled and appointed, device d2.
    pub fn staff(&mut self) {
        self.staff_under(PROCEDURE);
    }

    /// The same under another procedure.
    pub fn staff_under(&mut self, procedure: &str) {
        self.enact(procedure);
        for (id, office, unit) in [("r1", "registrar", "00"), ("s1", "overseer", "00"), ("a1", "archivist", "00"), ("c1", "clerk", "07")] {
            self.enrol(id);
            self.appoint(id, office, unit);
        }
        let act = Act::Device { enrols: DeviceId::parse("d2").unwrap(), unit: unit("07") };
        self.act(&["r1"], act);
    }

    /// From now on a person signs in this office.
    pub fn take_office(&mut self, id: &str, office_held: &str, unit_of: &str, appointment: StatementHash) {
        self.offices.insert(id.to_owned(), By { person: person(id), office: office(office_held), unit: unit(unit_of), appointment });
    }

    /// A statement by these persons that sees the whole log.
    pub fn statement(&mut self, by: &[&str], act: Act) -> Statement {
        self.counter += 1;
        let header = Header {
            procedure: self.procedure.clone(),
            by: by.iter().map(|id| self.offices[*id].clone()).collect(),
            device: DeviceId::parse("d1").unwrap(),
            counter: self.counter - 1,
            at: time(self.clock),
            seen: self.history.seen_at(self.history.size()).unwrap(),
        };
        Statement::Act { ledger: self.id.clone(), header, act }
    }

    /// The note, signed by those whom the statement names, with the keys that they have.
    pub fn sign(&self, statement: &Statement) -> Vec<u8> {
        self.sign_text(&statement.encode(), &statement.signers().iter().map(|id| id.as_str()).collect::<Vec<_>>())
    }

    /// The same for a text that need not be a statement.
    pub fn sign_text(&self, text: &str, signers: &[&str]) -> Vec<u8> {
        let line = |id: &&str| {
            let key = &self.keys[*id];
            SignatureLine::ed25519(id, &key.public(), &key.sign(text.as_bytes()))
        };
        Note { text: text.to_owned(), signatures: signers.iter().map(line).collect() }.encode().into_bytes()
    }

    /// Appends a note, whatever it is; gives its index.
    pub fn push(&mut self, note: &[u8]) -> u64 {
        let index = self.history.size();
        let previous = self.history.chain_at(index).unwrap();
        self.push_sealed(SealedEntry::new(previous, self.clock, note));
        index
    }

    /// Appends an entry, whatever it is.
    pub fn push_sealed(&mut self, sealed: SealedEntry) {
        self.history.push(sealed.leaf, sealed.chain, self.clock);
        self.entries.push(sealed);
        self.clock = self.clock.plus_ms(self.tick_ms);
    }

    /// Signs and appends; gives the statement's hash.
    pub fn act(&mut self, by: &[&str], act: Act) -> StatementHash {
        self.act_with(by, act, |_| {})
    }

    /// The same with a header that was changed before signing.
    pub fn act_with(&mut self, by: &[&str], act: Act, edit: impl FnOnce(&mut Header)) -> StatementHash {
        let mut statement = self.statement(by, act);
        if let Statement::Act { header, .. } = &mut statement {
            edit(header);
        }
        let note = self.sign(&statement);
        self.push(&note);
        statement_hash(&statement.encode())
    }

    /// The same with a text that was changed before signing.
    pub fn act_text(&mut self, by: &[&str], act: Act, edit: impl FnOnce(String) -> String) {
        let text = edit(self.statement(by, act).encode());
        let note = self.sign_text(&text, by);
        self.push(&note);
    }

    /// A `by` line of a person's own.
    pub fn as_self(&self, id: &str) -> By {
        By { person: person(id), office: office("self"), unit: Unit::whole(), appointment: self.known_by[id] }
    }

    /// A person changes the own key to the key of that name.
    pub fn rotate(&mut self, id: &str, to: &str) {
        let act = Act::Rotate(self.new_key(id, &self.keys[id], to));
        let by = self.as_self(id);
        self.act_with(&[id], act, |header| header.by[0] = by);
        self.keys.insert(id.to_owned(), key(to));
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.history.size()
    }

    /// The act that enacts a procedure.
    pub fn enactment(text: &str) -> Act {
        let value = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim_start_matches([' ', '=']).trim_matches('"').to_owned()
        };
        let enacts = ProcedureName { id: code(&value("id")), version: value("version").parse().unwrap(), digest: procedure_digest(text) };
        Act::Enact { enacts, text: text.to_owned() }
    }

    /// Founders enact a procedure; headers name it from now on.
    pub fn enact(&mut self, text: &str) -> StatementHash {
        let act = World::enactment(text);
        let hash = self.act(&["f1", "f2"], act.clone());
        let Act::Enact { enacts, .. } = act else { unreachable!() };
        self.procedure = Some(enacts);
        hash
    }

    /// The act that enrols a person with the key of that name.
    pub fn enrolment(&self, id: &str) -> Act {
        let identity = IdentityToken(bytes(&format!("identity of {id}")));
        let proof = possession::prove(&self.id, &person(id), Occasion::Identity(identity), &key(id));
        Act::Enrol { person: person(id), name: text(&format!("甲子·{id}")), identity, key: key(id).public().bytes(), proof }
    }

    /// Founders f1 and f2 enrol a person.
    pub fn enrol(&mut self, id: &str) -> StatementHash {
        let act = self.enrolment(id);
        self.keys.insert(id.to_owned(), key(id));
        let hash = self.act(&["f1", "f2"], act);
        self.known_by.insert(id.to_owned(), hash);
        self.take_office(id, "self", "-", hash);
        hash
    }

    /// The act that appoints a person from the founding on, with no end.
    pub fn appointment(id: &str, office_held: &str, unit_of: &str) -> Act {
        Act::Appoint {
            person: person(id),
            office: office(office_held),
            unit: unit(unit_of),
            capacity: Capacity::Regular,
            home: unit(unit_of),
            from: time(FOUNDED),
            to: None,
            instrument: Commitment(bytes("letter")),
        }
    }

    /// Founders f1 and f2 appoint a person, who signs in that office from now on.
    pub fn appoint(&mut self, id: &str, office_held: &str, unit_of: &str) -> StatementHash {
        let hash = self.act(&["f1", "f2"], World::appointment(id, office_held, unit_of));
        self.take_office(id, office_held, unit_of, hash);
        hash
    }

    /// The act by which a person's key `from` is replaced by the key of the name `to`.
    pub fn new_key(&self, id: &str, from: &SecretKey, to: &str) -> NewKey {
        let replaces: KeyBytes = from.public().bytes();
        let proof = possession::prove(&self.id, &person(id), Occasion::Replaces(replaces), &key(to));
        NewKey { person: person(id), replaces, key: key(to).public().bytes(), proof }
    }

    /// The act that imports a record of a case at its present head.
    pub fn record(&self, case: &str, record: u64) -> Act {
        Act::Import(Import {
            case: CaseId::parse(case).unwrap(),
            head: self.heads.get(case).copied(),
            source: SourceDigest(bytes("source")),
            record,
            recorded: TimeMs { time: time(UnixMs(FOUNDED.0 - 86_400_000 + record as i64 * 60_000)), millis: 250 },
            activity: text("Check confirmation of receipt"),
            actor: text("Resource21"),
            group: text("Group 1"),
            lifecycle: text("complete"),
        })
    }

    /// The archivist a1 imports a record.
    pub fn import(&mut self, case: &str, record: u64) -> StatementHash {
        let act = self.record(case, record);
        let hash = self.act(&["a1"], act);
        self.heads.insert(case.to_owned(), hash);
        hash
    }

    /// The signed checkpoint of a size.
    pub fn checkpoint_at(&self, size: u64) -> Note {
        Checkpoint { origin: self.id.to_string(), size, root: self.history.tree().root_at(size).unwrap() }.sign(&self.checkpoint_key)
    }

    /// The same, cosigned by witness w1 at the present clock.
    pub fn cosigned_at(&self, size: u64) -> Note {
        let mut note = self.checkpoint_at(size);
        note.signatures.push(cosign(&note.text, "w1.example", &key("w1"), (self.clock.0 / 1000) as u64));
        note
    }

    /// Logs the cosigned checkpoint of the present size.
    pub fn cosign(&mut self) -> u64 {
        let note = self.cosigned_at(self.history.size());
        self.push(note.encode().as_bytes())
    }

    /// The auditor's policy: the checkpoint key, and witness w1 where asked for.
    pub fn policy(&self, with_witness: bool) -> String {
        let witnesses = if with_witness { vec![("w1.example".to_owned(), key("w1").public().bytes())] } else { Vec::new() };
        Policy::write(self.id.as_str(), &self.checkpoint_key.public().bytes(), &witnesses, 1)
    }

    /// A policy that trusts the checkpoint keys of these names and asks for no witness.
    pub fn policy_naming(&self, names: &[&str]) -> String {
        let line = |name: &&str| format!("log {}\n", verifier_key(self.id.as_str(), TYPE_ED25519, &key(name).public().bytes()));
        names.iter().map(line).chain(["quorum none\n".to_owned()]).collect()
    }

    /// Receipt and note of every entry that has them.
    pub fn notes(&self) -> Vec<(UnixMs, Vec<u8>)> {
        let parsed = |sealed: &SealedEntry| Entry::parse(&sealed.bytes).map(|entry| (entry.received, entry.note.to_vec()));
        self.entries.iter().flat_map(parsed).collect()
    }

    /// The ledger as whoever holds the checkpoint key could write it anew: these notes, chained and signed.
    pub fn rewritten(&self, notes: &[(UnixMs, Vec<u8>)]) -> World {
        let mut world = World {
            id: self.id.clone(),
            checkpoint_key: copy(&self.checkpoint_key),
            entries: Vec::new(),
            history: History::default(),
            procedure: self.procedure.clone(),
            offices: self.offices.clone(),
            keys: self.keys.iter().map(|(id, key)| (id.clone(), copy(key))).collect(),
            known_by: self.known_by.clone(),
            heads: self.heads.clone(),
            lists: self.lists.clone(),
            said: self.said.clone(),
            ..*self
        };
        for (received, note) in notes {
            world.clock = *received;
            world.push(note);
        }
        world
    }

    /// The files of format.md section 9: marker, segments, slot 0 with the checkpoint of all entries, slot 1 with the one before,
    /// hashes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::from([("ledger".to_owned(), format!("zeren ledger v1\n{}\n", self.id).into_bytes())]);
        for (number, part) in self.entries.chunks(SEGMENT_ENTRIES as usize).enumerate() {
            let mut file = Vec::new();
            for entry in part {
                file.extend((entry.bytes.len() as u16).to_be_bytes());
                file.extend(&entry.bytes);
            }
            file.resize(file.len().next_multiple_of(4_096), 0);
            files.insert(segment_name(number as u64), file);
        }
        let size = self.history.size();
        for (slot, size) in SLOTS.iter().zip([size, size.saturating_sub(1)]) {
            if size > 0 {
                files.insert((*slot).to_owned(), encode_slot(&self.checkpoint_at(size)));
            }
        }
        for (level, nodes) in self.history.tree().levels().iter().enumerate() {
            files.insert(format!("hashes/{level}"), nodes.iter().flat_map(|hash| hash.0).collect());
        }
        let offsets = self.entries.iter().scan(0u64, |end, entry| {
            let offset = *end;
            *end += 2 + entry.bytes.len() as u64;
            Some(offset)
        });
        assert!(self.entries.len() as u64 <= SEGMENT_ENTRIES, "offsets of one segment");
        files.insert("bundles".to_owned(), offsets.step_by(256).flat_map(u64::to_be_bytes).collect());
        files
    }

    /// Writes the files into a folder.
    pub fn write(&self, folder: &Path) {
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// Whether the note carries a signature of this ledger's checkpoint key.
    pub fn is_signed(&self, note: &Note) -> bool {
        note.signatures.iter().any(|line| is_signed_by(&note.text, line, self.id.as_str(), &self.checkpoint_key.public()))
    }

    /// Chain head of the whole log.
    pub fn chain(&self) -> ChainHead {
        self.history.chain_at(self.history.size()).unwrap()
    }
}
