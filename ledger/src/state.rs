//! What the admitted entries have made true: persons, keys, offices, devices, procedures, cases. Everything that
//! [`crate::admit`] asks is answered here, and changed by [`State::apply`] alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use signer::act::{Act, Capacity, Constitution, DeviceReason, EndReason, Founding, NewKey, Purpose};
use signer::anchor_note::AnchorNote;
use signer::epoch_note::EpochNote;
use signer::note::{KeyId, TYPE_ED25519, key_id};
use signer::statement::{Header, ProcedureName, Statement};
use signer::value::{
    CaseId, Code, DeviceId, IdentityToken, IndexRoot, KeyBytes, KeyName, LedgerId, NodeName, Office, Origin, PersonId, Power, SourceDigest,
    StatementHash, Text, Time, TreeRoot, Unit, UnixMs,
};

use crate::admit::Admission;
use crate::check::{Content, KeyRing, Verified};
use crate::index::IndexMaps;
use crate::procedure::Procedure;
use crate::programme::{Cause, Change, Register};

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It signs.
    Active,
    /// Replaced by `rotate` at this entry.
    Replaced(u64),
    /// Revoked at this entry, suspected from this time.
    Revoked(u64, Option<Time>),
}

/// A key that a person has or had.
#[derive(Clone, Debug)]
pub struct PersonKey {
    /// The key.
    pub key: KeyBytes,
    /// The entry that made it known.
    pub since: u64,
    /// What became of it.
    pub status: KeyStatus,
    /// `received` of the last entry that it signed together with another person's key.
    pub joint_last: Option<UnixMs>,
}

/// A period in which a qualification holds.
#[derive(Clone, Debug)]
pub struct Qualified {
    code: Code,
    since: u64,
    from: UnixMs,
    to: Option<UnixMs>,
}

/// A natural person.
#[derive(Clone, Debug)]
pub struct Person {
    /// The name.
    pub name: Text,
    /// The identity token.
    pub identity: IdentityToken,
    /// Keys, the latest last; never empty.
    pub keys: Vec<PersonKey>,
    /// The largest log that the person is known to have seen when signing: what drafts bring proofs for.
    pub seen_last: u64,
    /// Qualifications.
    qualified: Vec<Qualified>,
}

impl Person {
    /// The latest key.
    pub fn latest_key(&self) -> Option<&PersonKey> {
        self.keys.last()
    }

    /// The person's key of these bytes.
    pub fn key(&self, bytes: &KeyBytes) -> Option<&PersonKey> {
        self.keys.iter().find(|key| key.key == *bytes)
    }

    /// Whether a qualification that an entry before `size` recorded holds at a time.
    pub fn is_qualified(&self, code: &Code, size: u64, at: UnixMs) -> bool {
        self.qualified.iter().any(|q| q.code == *code && q.since < size && q.from <= at && q.to.is_none_or(|to| at < to))
    }
}

/// An office held.
#[derive(Clone, Debug)]
pub struct Appointment {
    /// By whom.
    pub person: PersonId,
    /// Which.
    pub office: Office,
    /// Where.
    pub unit: Unit,
    /// The power of a founder; an office's power is the procedure's to say.
    pub power: Option<Power>,
    /// In which capacity.
    pub capacity: Capacity,
    /// Where the person comes from.
    pub home: Unit,
    /// The entry that made it.
    pub since: u64,
    /// From when.
    pub from: UnixMs,
    /// Until when.
    pub to: Option<UnixMs>,
    /// The entry that ended it, and whether that cuts at once.
    pub ended: Option<(u64, bool)>,
}

impl Appointment {
    /// Whether it is in force at a time.
    pub fn is_in_force(&self, at: UnixMs) -> bool {
        self.ended.is_none() && self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// The entry that enrolled it.
    pub since: u64,
    /// The entry that ended it, and whether that cuts at once.
    pub ended: Option<(u64, bool)>,
    /// Entries by the device's counter: 16 bytes a statement.
    pub counters: BTreeMap<u64, u64>,
}

/// A procedure that was enacted.
#[derive(Clone, Debug)]
pub struct Enacted {
    /// The entry.
    pub since: u64,
    /// From when it is in force.
    pub starts: UnixMs,
    /// Its name in statements.
    pub name: ProcedureName,
    /// What it says.
    pub procedure: Box<Procedure>,
}

/// The founding or amendment in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Its statement.
    pub hash: StatementHash,
    /// Threshold, checkpoint key, witnesses.
    pub constitution: Constitution,
    /// Powers of the founders.
    pub powers: BTreeSet<Power>,
}

/// The epoch in force: which node of a cluster sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u64,
    /// The node.
    pub node: NodeName,
    /// The node's key.
    pub key: KeyBytes,
    /// The entry that began it.
    pub entry: u64,
}

/// The latest checkpoint of another ledger that this one anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// Size of the other ledger.
    pub size: u64,
    /// Its root at that size.
    pub root: TreeRoot,
    /// The key that signed.
    pub key: KeyBytes,
    /// The entry that anchors it.
    pub entry: u64,
}

/// The state after the entries that were admitted.
#[derive(Clone, Debug, Default)]
pub struct State {
    size: u64,
    received_last: UnixMs,
    ring: KeyRing,
    purpose: Option<Purpose>,
    in_force: Option<InForce>,
    checkpoint_keys: Vec<(u64, KeyBytes)>,
    witnesses_named: Option<UnixMs>,
    cosigned_time: Option<UnixMs>,
    cosigned: BTreeMap<u64, u64>,
    persons: BTreeMap<PersonId, Person>,
    identities: HashSet<IdentityToken>,
    keys_taken: HashSet<KeyBytes>,
    key_ids: HashSet<(PersonId, KeyId)>,
    appointments: HashMap<StatementHash, Vec<Appointment>>,
    held_by: HashMap<PersonId, Vec<StatementHash>>,
    devices: BTreeMap<DeviceId, Device>,
    procedures: Vec<Enacted>,
    register: Register,
    map: IndexMaps,
    /// Index and `received` of the last index entry.
    indexed_last: Option<(u64, UnixMs)>,
    epoch: Option<Epoch>,
    anchors: BTreeMap<LedgerId, Anchored>,
    /// A rule that is not judged: for tests that ask whether somebody would notice.
    #[cfg(feature = "mutants")]
    pub mutant: Option<signer::Rule>,
    records: HashMap<SourceDigest, RangeSet>,
}

impl State {
    /// The state of the empty log of a ledger, if its id is known.
    pub fn new(ledger: Option<LedgerId>) -> State {
        State { ring: KeyRing::new(ledger), ..State::default() }
    }

    /// Number of entries, admitted or not.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `received` of the last entry, zero before the first.
    pub fn received_last(&self) -> UnixMs {
        self.received_last
    }

    /// The keys of everybody.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// What the ledger is for, once it is founded.
    pub fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }

    /// The founding or amendment in force.
    pub fn in_force(&self) -> Option<&InForce> {
        self.in_force.as_ref()
    }

    /// The checkpoint key in force after `size` entries.
    pub fn checkpoint_key_at(&self, size: u64) -> Option<&KeyBytes> {
        self.checkpoint_keys.iter().rev().find(|(from, _)| *from <= size).map(|(_, key)| key)
    }

    /// The latest time that a witness or the naming of witnesses gives, where witnesses are named.
    pub fn witness_time(&self) -> Option<UnixMs> {
        self.witnesses_named.max(self.cosigned_time.filter(|_| self.witnesses_named.is_some()))
    }

    /// Whether the founding or amendment in force names this witness.
    pub fn is_witness(&self, name: &KeyName, key: &KeyBytes) -> bool {
        self.in_force.as_ref().is_some_and(|f| f.constitution.witnesses.iter().any(|w| w.name == *name && w.key == *key))
    }

    /// Size of the largest checkpoint that was cosigned.
    pub fn cosigned_size(&self) -> u64 {
        self.cosigned.keys().next_back().copied().unwrap_or(0)
    }

    /// The entry that logs the cosigned checkpoint of a size.
    pub fn cosigned_entry(&self, size: u64) -> Option<u64> {
        self.cosigned.get(&size).copied()
    }

    /// A person.
    pub fn person(&self, person: &PersonId) -> Option<&Person> {
        self.persons.get(person)
    }

    /// Everybody.
    pub fn persons(&self) -> impl Iterator<Item = (&PersonId, &Person)> {
        self.persons.iter()
    }

    /// Whether an identity token is somebody's.
    pub fn is_identity_taken(&self, token: &IdentityToken) -> bool {
        self.identities.contains(token)
    }

    /// Whether a key, or its id beside this name, is or was somebody's.
    pub fn is_key_taken(&self, person: &PersonId, key: &KeyBytes) -> bool {
        self.keys_taken.contains(key) || self.key_ids.contains(&(person.clone(), key_id(person.as_str(), TYPE_ED25519, &key.0)))
    }

    /// The offices that a statement gave.
    pub fn appointments(&self, statement: &StatementHash) -> &[Appointment] {
        self.appointments.get(statement).map_or(&[], Vec::as_slice)
    }

    /// Every office held or once held, with the statement that gave it.
    pub fn all_appointments(&self) -> impl Iterator<Item = (&StatementHash, &Appointment)> {
        self.appointments.iter().flat_map(|(hash, all)| all.iter().map(move |one| (hash, one)))
    }

    /// The offices that a person holds or held.
    pub fn offices_of<'a>(&'a self, person: &'a PersonId) -> impl Iterator<Item = &'a Appointment> + 'a {
        let given = self.held_by.get(person).into_iter().flatten();
        given.flat_map(|hash| self.appointments(hash)).filter(move |held| held.person == *person)
    }

    /// Cases, lists, batches.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// Whether a rule is switched off, which only tests do.
    #[cfg(feature = "mutants")]
    pub fn is_mutant(&self, rule: signer::Rule) -> bool {
        self.mutant == Some(rule)
    }

    /// Whether a rule is switched off, which only tests do.
    #[cfg(not(feature = "mutants"))]
    pub const fn is_mutant(&self, _rule: signer::Rule) -> bool {
        false
    }

    /// The beginning of the day at whose first entry an index entry is missing, if one is.
    pub fn index_due(&self, received: UnixMs) -> Option<UnixMs> {
        let enacted = self.procedure_at(self.size, received).filter(|enacted| enacted.procedure.programme.is_indexed_daily)?;
        let calendar = &enacted.procedure.programme.calendar;
        let today = calendar.day(received);
        let since = self.indexed_last.map_or(enacted.starts, |(_, last)| last.max(enacted.starts));
        (calendar.day(since) < today).then(|| calendar.midnight(today))
    }

    /// The last index entry, and when it was received.
    pub fn indexed_last(&self) -> Option<(u64, UnixMs)> {
        self.indexed_last
    }

    /// The epoch in force, if the ledger ever ran on a cluster.
    pub fn epoch(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }

    /// The latest checkpoint of another ledger that is anchored.
    pub fn anchored(&self, ledger: &LedgerId) -> Option<&Anchored> {
        self.anchors.get(ledger)
    }

    /// The latest checkpoint of every ledger that is anchored.
    pub fn anchors(&self) -> impl Iterator<Item = (&LedgerId, &Anchored)> {
        self.anchors.iter()
    }

    /// Leaves and root of the maps of cases and of keys (format.md section 18).
    pub fn index_roots(&self) -> ((u64, IndexRoot), (u64, IndexRoot)) {
        self.map.roots(self)
    }

    /// The maps of cases and keys, as of the last time that roots were asked for.
    pub(crate) fn index_maps(&self) -> &IndexMaps {
        &self.map
    }

    /// A device.
    pub fn device(&self, device: &DeviceId) -> Option<&Device> {
        self.devices.get(device)
    }

    /// Every device.
    pub fn devices(&self) -> impl Iterator<Item = (&DeviceId, &Device)> {
        self.devices.iter()
    }

    /// The procedure in force at a time, among those enacted by entries before `size`.
    pub fn procedure_at(&self, size: u64, at: UnixMs) -> Option<&Enacted> {
        self.procedures.iter().rev().find(|enacted| enacted.since < size && enacted.starts <= at)
    }

    /// A procedure by its name in statements.
    pub fn procedure_named(&self, name: &ProcedureName) -> Option<&Enacted> {
        self.procedures.iter().find(|enacted| enacted.name == *name)
    }

    /// Every procedure, in order of enactment.
    pub fn procedures(&self) -> &[Enacted] {
        &self.procedures
    }

    /// The latest statement that changed a case.
    pub fn case_head(&self, case: &CaseId) -> Option<&StatementHash> {
        self.register.case(case).map(|case| &case.head)
    }

    /// Number of cases.
    pub fn case_count(&self) -> usize {
        self.register.case_count()
    }

    /// Whether a record of a legacy file was imported.
    pub fn is_record_used(&self, source: &SourceDigest, record: u64) -> bool {
        self.records.get(source).is_some_and(|used| used.contains(record))
    }

    /// Counts an entry that was not admitted, or whose format is wrong: it takes its place and has no effect.
    pub fn skip(&mut self, received: Option<UnixMs>) {
        self.size += 1;
        if let Some(received) = received {
            self.received_last = received;
        }
    }

    /// Does what an admitted entry says, as [`crate::admit::admit`] decided.
    pub fn apply(&mut self, verified: &Verified, received: UnixMs, admission: Admission) {
        match &verified.content {
            Content::Cosigned(cosigned) => {
                self.cosigned.insert(cosigned.checkpoint.size, self.size);
                self.cosigned_time = self.cosigned_time.max(Some(cosigned.time_latest()));
            }
            Content::Statement { statement, hash, keys, procedure } => {
                self.ring.learn(statement);
                match statement.as_ref() {
                    Statement::Founding(founding) => self.found(founding, *hash, received),
                    Statement::Act { header, act, .. } => {
                        self.use_counter(&header.device, header.counter);
                        self.count_seen(header);
                        let effect = Effect { hash: *hash, received, procedure: procedure.as_deref() };
                        self.act(act, &effect);
                    }
                }
                self.count_joint(statement, keys, received);
            }
            Content::Index(_) => self.indexed_last = Some((self.size, received)),
            Content::Epoch(epoch) => {
                let EpochNote { epoch: number, node, key, .. } = epoch.note.clone();
                self.epoch = Some(Epoch { number, node, key, entry: self.size });
            }
            Content::Anchor(anchor) => {
                let AnchorNote { anchored, size, root, key, .. } = anchor.note.clone();
                self.anchors.insert(anchored, Anchored { size, root, key, entry: self.size });
            }
        }
        let hash = verified.statement_hash().unwrap_or(StatementHash([0; 32]));
        let cause = Cause { entry: self.size, hash, received };
        // Before anything changes: what the last index entry said of them can still be proved.
        for change in &admission.changes {
            match change {
                Change::Named(_, cases) => self.map.note_cases(cases.iter(), &self.register),
                Change::Imported(case) => self.map.note_cases(std::iter::once(case), &self.register),
                _ => {}
            }
        }
        for change in admission.changes {
            self.register.apply(change, &cause);
        }
        self.skip(Some(received));
    }

    fn found(&mut self, founding: &Founding, hash: StatementHash, received: UnixMs) {
        self.ring = KeyRing::new(ledger_id(&founding.origin, &hash));
        self.ring.learn(&Statement::Founding(Box::new(founding.clone())));
        self.purpose = Some(founding.purpose);
        self.devices.insert(founding.device.clone(), Device { since: self.size, ended: None, counters: BTreeMap::from([(0, self.size)]) });
        for founder in &founding.founders {
            self.enrol(&founder.person, &founder.name, founder.identity, founder.key, hash, received);
        }
        let founders = founding.founders.iter().map(|founder| (founder.person.clone(), founder.power.clone())).collect();
        self.constitute(&founding.constitution, founders, hash, received);
    }

    fn constitute(&mut self, constitution: &Constitution, founders: Vec<(PersonId, Power)>, hash: StatementHash, received: UnixMs) {
        let ended_at = self.size;
        let old = self.in_force.take().map(|old| old.hash);
        for appointment in old.and_then(|hash| self.appointments.get_mut(&hash)).into_iter().flatten() {
            if appointment.office.as_str() == "founder" {
                // At once: whoever was voted out may not vote on.
                appointment.ended = Some((ended_at, true));
            }
        }
        let powers = founders.iter().map(|(_, power)| power.clone()).collect();
        for (person, power) in founders {
            self.hold(person, "founder", Some(power), hash, received);
        }
        self.checkpoint_keys.push((self.size + 1, constitution.checkpoint_key));
        self.witnesses_named = Some(received).filter(|_| !constitution.witnesses.is_empty());
        self.in_force = Some(InForce { hash, constitution: constitution.clone(), powers });
    }

    fn hold(&mut self, person: PersonId, office: &str, power: Option<Power>, hash: StatementHash, from: UnixMs) {
        let Some(office) = Office::parse(office) else { return };
        let (unit, home, capacity) = (Unit::whole(), Unit::whole(), Capacity::Regular);
        let appointment =
            Appointment { person: person.clone(), office, unit, power, capacity, home, since: self.size, from, to: None, ended: None };
        self.held_by.entry(person).or_default().push(hash);
        self.appointments.entry(hash).or_default().push(appointment);
    }

    fn enrol(&mut self, person: &PersonId, name: &Text, identity: IdentityToken, key: KeyBytes, hash: StatementHash, received: UnixMs) {
        self.identities.insert(identity);
        self.persons.insert(person.clone(), Person { name: name.clone(), identity, keys: Vec::new(), seen_last: 0, qualified: Vec::new() });
        self.add_key(person, key);
        self.hold(person.clone(), "self", None, hash, received);
    }

    fn add_key(&mut self, person: &PersonId, key: KeyBytes) {
        self.keys_taken.insert(key);
        self.key_ids.insert((person.clone(), key_id(person.as_str(), TYPE_ED25519, &key.0)));
        self.map.note_person(person, self.persons.get(person));
        if let Some(known) = self.persons.get_mut(person) {
            known.keys.push(PersonKey { key, since: self.size, status: KeyStatus::Active, joint_last: None });
        }
    }

    fn use_counter(&mut self, device: &DeviceId, counter: u64) {
        if let Some(device) = self.devices.get_mut(device) {
            device.counters.insert(counter, self.size);
        }
    }

    fn count_seen(&mut self, header: &Header) {
        for by in &header.by {
            if let Some(person) = self.persons.get_mut(&by.person) {
                person.seen_last = person.seen_last.max(header.seen.size);
            }
        }
    }

    fn count_joint(&mut self, statement: &Statement, keys: &[signer::PublicKey], received: UnixMs) {
        if keys.len() < 2 {
            return;
        }
        for (person, key) in statement.signers().into_iter().zip(keys) {
            let known = self.persons.get_mut(person).and_then(|person| person.keys.iter_mut().find(|known| known.key == key.bytes()));
            if let Some(known) = known {
                known.joint_last = Some(received);
            }
        }
    }

    fn act(&mut self, act: &Act, effect: &Effect<'_>) {
        match act {
            Act::Amend { constitution, founders } => self.constitute(constitution, founders.clone(), effect.hash, effect.received),
            Act::Enact { enacts, .. } => self.enact(enacts, effect),
            Act::Enrol { person, name, identity, key, .. } => self.enrol(person, name, *identity, *key, effect.hash, effect.received),
            Act::Device { enrols, .. } => {
                self.devices.insert(enrols.clone(), Device { since: self.size, ended: None, counters: BTreeMap::new() });
            }
            Act::DeviceEnd { ends, reason } => {
                let cuts = matches!(reason, DeviceReason::Lost | DeviceReason::Stolen);
                if let Some(device) = self.devices.get_mut(ends) {
                    device.ended = Some((self.size, cuts));
                }
            }
            Act::Appoint { person, office, unit, capacity, home, from, to, .. } => {
                self.held_by.entry(person.clone()).or_default().push(effect.hash);
                let appointment = Appointment {
                    person: person.clone(),
                    office: office.clone(),
                    unit: unit.clone(),
                    power: None,
                    capacity: *capacity,
                    home: home.clone(),
                    since: self.size,
                    from: from.unix_ms(),
                    to: to.map(Time::unix_ms),
                    ended: None,
                };
                self.appointments.entry(effect.hash).or_default().push(appointment);
            }
            Act::AppointEnd { appointment, reason, .. } => {
                let ended = Some((self.size, *reason == EndReason::Dismissed));
                self.appointments.entry(*appointment).or_default().iter_mut().for_each(|held| held.ended = ended);
            }
            Act::Rotate(new) => self.replace_key(new, Some(KeyStatus::Replaced(self.size))),
            Act::Rekey(new) => self.replace_key(new, None),
            Act::Revoke { person, key, suspected, .. } => self.set_status(person, *key, KeyStatus::Revoked(self.size, *suspected)),
            Act::Qualify { person, qualification, from, to, .. } => {
                let since = self.size;
                let qualified = Qualified { code: qualification.clone(), since, from: from.unix_ms(), to: to.map(Time::unix_ms) };
                if let Some(person) = self.persons.get_mut(person) {
                    person.qualified.push(qualified);
                }
            }
            Act::Import(import) => self.records.entry(import.source).or_default().insert(import.record),
            // What they make of the programme are changes of the register.
            _ => {}
        }
    }

    fn enact(&mut self, enacts: &ProcedureName, effect: &Effect<'_>) {
        let Some(procedure) = effect.procedure else { return };
        let starts = procedure.valid_from.max(effect.received);
        if procedure.programme.is_indexed_daily {
            self.map.switch_on(self.register.cases().map(|(id, _)| id), self.persons.keys());
        }
        self.procedures.push(Enacted { since: self.size, starts, name: enacts.clone(), procedure: Box::new(procedure.clone()) });
    }

    fn replace_key(&mut self, new: &NewKey, old_status: Option<KeyStatus>) {
        if let Some(status) = old_status {
            self.set_status(&new.person, new.replaces, status);
        }
        self.add_key(&new.person, new.key);
    }

    fn set_status(&mut self, person: &PersonId, key: KeyBytes, status: KeyStatus) {
        self.map.note_person(person, self.persons.get(person));
        let known = self.persons.get_mut(person).and_then(|person| person.keys.iter_mut().find(|known| known.key == key));
        if let Some(known) = known {
            known.status = status;
        }
    }
}

struct Effect<'a> {
    hash: StatementHash,
    received: UnixMs,
    procedure: Option<&'a Procedure>,
}

/// The id of the ledger that a founding founds.
pub fn ledger_id(origin: &Origin, founding: &StatementHash) -> Option<LedgerId> {
    let digits: String = founding.0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    LedgerId::parse(&format!("{origin}/{digits}"))
}

/// A set of numbers that are mostly neighbours: one record a gap.
#[derive(Clone, Debug, Default)]
pub struct RangeSet {
    /// First number of each range, with the number after its last.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// Whether the number is in the set.
    pub fn contains(&self, n: u64) -> bool {
        self.ranges.range(..=n).next_back().is_some_and(|(_, end)| n < *end)
    }

    /// Adds a number.
    pub fn insert(&mut self, n: u64) {
        if self.contains(n) {
            return;
        }
        let end = self.ranges.remove(&(n + 1)).unwrap_or(n + 1);
        match self.ranges.range_mut(..n).next_back() {
            Some((_, before)) if *before == n => *before = end,
            _ => {
                self.ranges.insert(n, end);
            }
        }
    }

    /// Number of ranges: the memory that the set takes.
    pub fn range_count(&self) -> usize {
        self.ranges.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_range_in_whatever_order_they_come() {
        let mut set = RangeSet::default();
        for n in [5, 3, 9, 4, 0, 8, 1, 2, 7, 6] {
            assert!(!set.contains(n));
            set.insert(n);
            set.insert(n);
            assert!(set.contains(n));
        }
        assert_eq!(set.range_count(), 1);
        assert!(!set.contains(10));
        set.insert(12);
        assert_eq!((set.range_count(), set.contains(11)), (2, false));
    }
}
