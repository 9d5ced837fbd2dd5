//! The fold: which rows one admitted entry changes. Pure: it reads rows that earlier entries made, and the entry; it has no
//! clock and no storage of its own.

mod batches;
mod cases;
pub(crate) mod counts;
mod lists;
mod steps;

use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use ledger::check::{Content, Cosigned};
use ledger::procedure::Procedure;
use ledger::replay::AdmittedEntry;
use signer::PublicKey;
use signer::act::{Act, Constitution, Founding, Import, Incident, RelatedTo, RevokeReason};
use signer::statement::{Header, Statement};
use signer::value::{KeyBytes, PersonId, Power, StatementHash, Text, Time, UnixMs};

use self::counts::Terms;
use crate::ProjectorError;
use crate::keys::Key;
use crate::rows::{
    CaseEntryRow, CasePart, CaseRow, Changes, ConstitutionRow, CosignedRow, Deed, EnactmentRow, EntryRow, GrantRow, KeyRow, LedgerRow,
    LegacyRecord, OfficeRow, PersonActRow, PersonRow, Related, Revocation, RowKind, RowMap, Rows, SignerRow, WarningRow, typed,
};

type Result<T> = core::result::Result<T, ProjectorError>;

/// What entries have changed of some rows since those were committed. The views are the rows with this laid over them.
#[derive(Clone, Debug)]
pub struct Views {
    from: u64,
    next: u64,
    changed: RowMap,
    /// Room for what one entry changes.
    room: RowMap,
    /// The procedure that governed last, as its row says: what is known by its digest never changes.
    terms: Option<Arc<Terms>>,
}

impl Views {
    /// The views as the rows have them.
    ///
    /// # Errors
    /// Those of the rows.
    pub fn of(rows: &dyn Rows) -> Result<Views> {
        let next = rows.cursor()?.map_or(0, |cursor| cursor.size);
        Ok(Views { from: next, next, changed: RowMap::default(), room: RowMap::default(), terms: None })
    }

    /// The entry that is next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Number of entries that are folded and not committed.
    pub fn pending(&self) -> u64 {
        self.next - self.from
    }

    /// What there is to commit; afterwards there is nothing.
    pub fn take_changes(&mut self) -> Changes {
        let changes = Changes { from: self.from, to: self.next, rows: core::mem::take(&mut self.changed) };
        // The next batch is about as large.
        self.changed.reserve(changes.rows.len());
        self.from = self.next;
        changes
    }
}

/// Folds the next admitted entry into the views. `rows` are those that the views were made of, or were committed to last.
///
/// # Errors
/// [`ProjectorError::NotNext`] where the entry is not the next one; [`ProjectorError::Missing`] where the rows lack what an
/// admitted entry rests on; those of the rows. Then the views are as they were before it.
pub fn fold(views: &mut Views, rows: &dyn Rows, entry: &AdmittedEntry<'_>) -> Result<()> {
    if entry.index != views.next {
        return Err(ProjectorError::NotNext { expected: views.next, found: entry.index });
    }
    let changed = core::mem::take(&mut views.room);
    let mut fold = Fold { rows, views, changed, terms: views.terms.clone() };
    match &entry.verified.content {
        Content::Cosigned(cosigned) => fold.cosigned(cosigned, entry.received)?,
        Content::Index(_) => fold.own(Deed::Index, entry.received),
        Content::Epoch(epoch) => {
            fold.own(Deed::Epoch { number: epoch.note.epoch, node: epoch.note.node.to_string() }, entry.received);
        }
        Content::Anchor(anchor) => {
            fold.own(Deed::Anchor { ledger: anchor.note.anchored.to_string(), size: anchor.note.size }, entry.received);
        }
        Content::Statement { statement, hash, keys, procedure } => {
            let at = match statement.as_ref() {
                Statement::Founding(founding) => founding.at,
                Statement::Act { header, .. } => header.at,
            };
            let (index, received, procedure) = (entry.index, entry.received, procedure.as_deref());
            let warnings = entry.warnings.len() as u64;
            let facts = Facts { entry: index, received, at, hash: *hash, procedure, governing: None, warnings };
            match statement.as_ref() {
                Statement::Founding(founding) => facts.found(&mut fold, founding)?,
                Statement::Act { header, act, .. } => {
                    let governing = header.procedure.as_ref().map(|named| named.digest.0);
                    Facts { governing, ..facts }.act(&mut fold, statement, header, act, keys)?;
                }
            }
        }
    }
    for (number, warning) in (0..).zip(entry.warnings) {
        fold.put(Key::Warning(entry.index, number), WarningRow::from(warning));
    }
    let Fold { mut changed, terms, .. } = fold;
    views.changed.extend(changed.drain());
    (views.room, views.terms) = (changed, terms);
    views.next += 1;
    Ok(())
}

/// The fold of one entry: what it changes is kept apart, so that nothing of it stays if it fails.
struct Fold<'a> {
    rows: &'a dyn Rows,
    views: &'a Views,
    changed: RowMap,
    terms: Option<Arc<Terms>>,
}

impl Fold<'_> {
    fn find<R: RowKind + Clone>(&self, key: &Key) -> Result<Option<R>> {
        self.look(key, R::clone)
    }

    /// Looks at a row, if it is there, without taking it along.
    fn look<R: RowKind, T>(&self, key: &Key, look: impl FnOnce(&R) -> T) -> Result<Option<T>> {
        match self.changed.get(key).or_else(|| self.views.changed.get(key)) {
            Some(row) => R::peek(row).ok_or_else(|| other_kind(key)).map(|row| Some(look(row))),
            None => self.rows.row(key)?.map(|row| typed(key, row).map(|row| look(&row))).transpose(),
        }
    }

    fn require<R: RowKind + Clone>(&self, key: &Key) -> Result<R> {
        self.find(key)?.ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &Key) -> ProjectorError {
        missing(self.views.next, key)
    }

    fn put(&mut self, key: Key, row: impl RowKind) {
        self.changed.insert(key, Box::new(row.row()));
    }

    /// Changes a row that must be there.
    fn amend<R: RowKind, T>(&mut self, key: Key, change: impl FnOnce(&mut R) -> T) -> Result<T> {
        self.change(key, None, change)
    }

    /// Changes a row, or the one that there would be at first.
    fn update<R: RowKind>(&mut self, key: Key, first: R, change: impl FnOnce(&mut R)) -> Result<()> {
        self.change(key, Some(first), change)
    }

    fn change<R: RowKind, T>(&mut self, key: Key, first: Option<R>, change: impl FnOnce(&mut R) -> T) -> Result<T> {
        let Fold { rows, views, changed, .. } = self;
        let row = match changed.entry(key) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => {
                let row = match views.changed.get(slot.key()) {
                    Some(row) => Some(row.clone()),
                    None => rows.row(slot.key())?.map(Box::new),
                };
                let row = row.or_else(|| first.map(|first| Box::new(first.row())));
                let Some(row) = row else { return Err(missing(views.next, slot.key())) };
                if R::peek(&row).is_none() {
                    return Err(other_kind(slot.key()));
                }
                slot.insert(row)
            }
        };
        let row = R::peek_mut(row).unwrap_or_else(|| unreachable!("a key names rows of one kind"));
        Ok(change(row))
    }

    fn count(&mut self, key: Key) -> Result<()> {
        self.update(key, 0, |count: &mut u64| *count += 1)
    }

    fn cosigned(&mut self, cosigned: &Cosigned, received: UnixMs) -> Result<()> {
        let entry = self.views.next;
        let size = cosigned.checkpoint.size;
        let witnesses = cosigned.cosignatures.iter().map(|line| (line.name.to_string(), line.unix_seconds)).collect();
        self.put(Key::Cosigned(entry), CosignedRow { size, root: cosigned.checkpoint.root.0, witnesses });
        self.own(Deed::Cosigned { size }, received);
        self.amend(Key::Ledger, |ledger: &mut LedgerRow| ledger.cosigned += 1)
    }

    /// An entry that the ledger alone writes.
    fn own(&mut self, deed: Deed, received: UnixMs) {
        let row = EntryRow { received_ms: received.0, hash: None, at: None, signers: Vec::new(), deed, warnings: 0 };
        self.put(Key::Entry(self.views.next), row);
    }
}

fn missing(entry: u64, key: &Key) -> ProjectorError {
    ProjectorError::Missing { entry, what: format!("the row `{key}`") }
}

fn other_kind(key: &Key) -> ProjectorError {
    ProjectorError::Row { key: key.to_string(), what: "a row of another kind".to_owned() }
}

/// What is known of a statement's entry besides what it says.
struct Facts<'a> {
    entry: u64,
    received: UnixMs,
    /// The clock of the signers' device.
    at: Time,
    hash: StatementHash,
    /// The procedure that it enacts.
    procedure: Option<&'a Procedure>,
    /// Digest of the one that it names.
    governing: Option<[u8; 32]>,
    /// Rules that only warned.
    warnings: u64,
}

impl Facts<'_> {
    fn found(&self, fold: &mut Fold<'_>, founding: &Founding) -> Result<()> {
        let ledger = LedgerRow {
            founding: self.entry,
            purpose: founding.purpose.to_string(),
            in_force: self.entry,
            statements: 1,
            cosigned: 0,
            cases: 0,
            records: 0,
            persons: 0,
            incidents: 0,
            incident_last: None,
        };
        fold.put(Key::Ledger, ledger);
        fold.put(Key::Device(founding.device.to_string()), self.entry);
        for founder in &founding.founders {
            self.enrol(fold, &founder.person, &founder.name, &founder.key, "found")?;
        }
        let founders: Vec<(PersonId, Power)> =
            founding.founders.iter().map(|founder| (founder.person.clone(), founder.power.clone())).collect();
        self.constitute(fold, &founding.constitution, &founders);
        let signers = founding.founders.iter().map(|founder| SignerRow {
            person: founder.person.to_string(),
            office: "founder".to_owned(),
            unit: "-".to_owned(),
            appointment: self.entry,
            key: self.entry,
        });
        self.record(fold, Some(founding.at), signers.collect(), Deed::Found)
    }

    fn act(&self, fold: &mut Fold<'_>, statement: &Statement, header: &Header, act: &Act, keys: &[PublicKey]) -> Result<()> {
        // Signers first: a rotation is signed with the key that it replaces.
        let signers = header.by.iter().zip(keys).map(|(by, key)| {
            let appointment: GrantRow = fold.require(&Key::Grant(by.appointment.0))?;
            Ok(SignerRow {
                person: by.person.to_string(),
                office: by.office.to_string(),
                unit: by.unit.to_string(),
                appointment: appointment.entry,
                key: fold.require(&Key::PublicKey(key.bytes().0))?,
            })
        });
        let signers = signers.collect::<Result<Vec<SignerRow>>>()?;
        let deed = match act {
            Act::Step(step) => self.step(fold, step, &signers, statement)?,
            Act::Join { joins } => self.join(fold, joins, &signers)?,
            _ => self.effect(fold, act)?,
        };
        fold.amend(Key::Ledger, |ledger: &mut LedgerRow| ledger.statements += 1)?;
        self.record(fold, Some(header.at), signers, deed)
    }

    /// The entry's own row, and one for each signer.
    fn record(&self, fold: &mut Fold<'_>, at: Option<Time>, signers: Vec<SignerRow>, deed: Deed) -> Result<()> {
        for signer in &signers {
            let act = PersonActRow {
                act: deed.name().to_owned(),
                detail: deed.detail().map(ToOwned::to_owned),
                received_ms: self.received.0,
                office: signer.office.clone(),
                unit: signer.unit.clone(),
                appointment: signer.appointment,
                key: signer.key,
            };
            fold.put(Key::PersonAct(signer.person.clone(), self.entry), act);
            fold.amend(Key::Person(signer.person.clone()), |person: &mut PersonRow| person.acts += 1)?;
        }
        self.count_signers(fold, &signers, &deed)?;
        let row = EntryRow {
            received_ms: self.received.0,
            hash: Some(self.hash.0),
            at: at.map(Into::into),
            signers,
            deed,
            warnings: self.warnings,
        };
        fold.put(Key::Entry(self.entry), row);
        Ok(())
    }

    /// What an act makes true, and how it is told.
    fn effect(&self, fold: &mut Fold<'_>, act: &Act) -> Result<Deed> {
        Ok(match act {
            Act::Amend { constitution, founders } => {
                self.end_founders(fold)?;
                self.constitute(fold, constitution, founders);
                fold.amend(Key::Ledger, |ledger: &mut LedgerRow| ledger.in_force = self.entry)?;
                Deed::Amend
            }
            Act::Enact { enacts, .. } => {
                let starts_ms = self.procedure.map_or(self.received, |procedure| procedure.valid_from.max(self.received)).0;
                let (id, version) = (enacts.id.to_string(), enacts.version);
                self.learn_procedure(fold, enacts.digest.0);
                fold.put(Key::Enactment(self.entry), EnactmentRow { id: id.clone(), version, digest: enacts.digest.0, starts_ms });
                Deed::Enact { id, version }
            }
            Act::Enrol { person, name, key, .. } => {
                self.enrol(fold, person, name, key, "enrol")?;
                self.grant(fold, "self");
                Deed::Enrol { person: person.to_string() }
            }
            Act::Device { enrols, unit } => {
                fold.put(Key::Device(enrols.to_string()), self.entry);
                Deed::Device { device: enrols.to_string(), unit: unit.to_string() }
            }
            Act::DeviceEnd { ends, reason } => Deed::DeviceEnd { device: ends.to_string(), reason: reason.to_string() },
            Act::Appoint { person, office, unit, capacity, from, to, .. } => {
                let (unit, capacity) = (unit.to_string(), capacity.to_string());
                let (from_ms, to_ms) = (from.unix_ms().0, to.map(|to| to.unix_ms().0));
                let row = OfficeRow { unit: unit.clone(), capacity, from_ms, to_ms, ended: None };
                self.grant(fold, office.as_str());
                fold.put(Key::PersonOffice(person.to_string(), self.entry, office.to_string()), row);
                Deed::Appoint { person: person.to_string(), office: office.to_string(), unit }
            }
            Act::AppointEnd { person, appointment, reason } => {
                let granted: GrantRow = fold.require(&Key::Grant(appointment.0))?;
                let ended = Some((self.entry, reason.to_string()));
                fold.amend(Key::PersonOffice(person.to_string(), granted.entry, granted.office), |office: &mut OfficeRow| {
                    office.ended = ended
                })?;
                Deed::AppointEnd { person: person.to_string(), appointment: granted.entry, reason: reason.to_string() }
            }
            Act::Rotate(new) => {
                self.amend_key(fold, &new.person, &new.replaces, |key| key.replaced = Some(self.entry))?;
                self.add_key(fold, &new.person, &new.key, "rotate");
                Deed::Rotate { person: new.person.to_string() }
            }
            Act::Rekey(new) => {
                self.add_key(fold, &new.person, &new.key, "rekey");
                Deed::Rekey { person: new.person.to_string() }
            }
            Act::Revoke { person, key, reason, suspected } => self.revoke(fold, (person, key), *reason, *suspected)?,
            Act::Relate { person, relation, to, basis, .. } => {
                let to = self.relate(fold, to)?;
                Deed::Relate { person: person.to_string(), relation: relation.to_string(), to, basis: basis.to_string() }
            }
            Act::Qualify { person, qualification, .. } => {
                Deed::Qualify { person: person.to_string(), qualification: qualification.to_string() }
            }
            Act::Import(import) => Deed::Import(self.import(fold, import)?),
            Act::Incident(incident) => self.incident(fold, incident)?,
            other => {
                // Others may name it by its hash.
                fold.put(Key::Statement(self.hash.0), self.entry);
                return self.effect_on_programme(fold, other);
            }
        })
    }

    fn incident(&self, fold: &mut Fold<'_>, incident: &Incident) -> Result<Deed> {
        fold.amend(Key::Ledger, |ledger: &mut LedgerRow| {
            ledger.incidents += 1;
            ledger.incident_last = Some(self.entry);
        })?;
        let Incident { kind, node, generation, size, .. } = incident;
        Ok(Deed::Incident { kind: kind.to_string(), node: node.to_string(), generation: *generation, size: *size })
    }

    fn relate(&self, fold: &mut Fold<'_>, to: &RelatedTo) -> Result<Related> {
        match to {
            RelatedTo::Person(other) => Ok(Related::Person(other.to_string())),
            RelatedTo::Case(case) => {
                // It binds to the case and leaves the head alone.
                self.act_on_case(fold, case.as_str(), None, CasePart::Own)?;
                Ok(Related::Case(case.to_string()))
            }
        }
    }

    fn enrol(&self, fold: &mut Fold<'_>, person: &PersonId, name: &Text, key: &KeyBytes, by: &str) -> Result<()> {
        fold.put(Key::Person(person.to_string()), PersonRow { name: name.to_string(), enrolled: self.entry, acts: 0 });
        self.add_key(fold, person, key, by);
        fold.amend(Key::Ledger, |ledger: &mut LedgerRow| ledger.persons += 1)
    }

    fn add_key(&self, fold: &mut Fold<'_>, person: &PersonId, key: &KeyBytes, by: &str) {
        let row = KeyRow { key: key.0, by: by.to_owned(), replaced: None, revoked: None };
        fold.put(Key::PersonKey(person.to_string(), self.entry), row);
        fold.put(Key::PublicKey(key.0), self.entry);
    }

    /// The statement gave an office: `by` lines will name its hash.
    fn grant(&self, fold: &mut Fold<'_>, office: &str) {
        fold.put(Key::Grant(self.hash.0), GrantRow { entry: self.entry, office: office.to_owned() });
    }

    fn revoke(&self, fold: &mut Fold<'_>, of: (&PersonId, &KeyBytes), reason: RevokeReason, suspected: Option<Time>) -> Result<Deed> {
        let (person, key) = of;
        let (reason, suspected) = (reason.to_string(), suspected.map(Into::into));
        let revoked = Some(Revocation { entry: self.entry, reason: reason.clone(), suspected });
        self.amend_key(fold, person, key, |key| key.revoked = revoked)?;
        Ok(Deed::Revoke { person: person.to_string(), reason, suspected })
    }

    fn amend_key(&self, fold: &mut Fold<'_>, person: &PersonId, key: &KeyBytes, change: impl FnOnce(&mut KeyRow)) -> Result<()> {
        let since = fold.require(&Key::PublicKey(key.0))?;
        fold.amend(Key::PersonKey(person.to_string(), since), change)
    }

    fn constitute(&self, fold: &mut Fold<'_>, constitution: &Constitution, founders: &[(PersonId, Power)]) {
        for (person, _) in founders {
            let row =
                OfficeRow { unit: "-".to_owned(), capacity: "founder".to_owned(), from_ms: self.received.0, to_ms: None, ended: None };
            fold.put(Key::PersonOffice(person.to_string(), self.entry, "founder".to_owned()), row);
        }
        self.grant(fold, "founder");
        let row = ConstitutionRow {
            hash: self.hash.0,
            threshold: constitution.threshold,
            founders: founders.iter().map(|(person, power)| (person.to_string(), power.to_string())).collect(),
            witnesses: constitution.witnesses.iter().map(|witness| witness.name.to_string()).collect(),
        };
        fold.put(Key::Constitution(self.entry), row);
    }

    /// An amendment ends the founders' offices that the founding, or the amendment before, gave.
    fn end_founders(&self, fold: &mut Fold<'_>) -> Result<()> {
        let ledger: LedgerRow = fold.require(&Key::Ledger)?;
        let before: ConstitutionRow = fold.require(&Key::Constitution(ledger.in_force))?;
        for (person, _) in before.founders {
            let ended = Some((self.entry, "amended".to_owned()));
            fold.amend(Key::PersonOffice(person, ledger.in_force, "founder".to_owned()), |office: &mut OfficeRow| office.ended = ended)?;
        }
        Ok(())
    }

    /// The entry acts on a case, which has this part in it; with a head, it changes the case. Whether the case is new to the
    /// statements that change cases.
    fn act_on_case(&self, fold: &mut Fold<'_>, case: &str, head: Option<StatementHash>, part: CasePart) -> Result<bool> {
        let key = Key::Case(case.to_owned());
        let mut is_new = false;
        fold.update(key, CaseRow::default(), |row: &mut CaseRow| {
            is_new = row.head.is_none();
            row.entries += 1;
            if let Some(head) = head {
                row.head = Some((head.0, self.entry));
            }
        })?;
        fold.put(Key::CaseEntry(case.to_owned(), self.entry), CaseEntryRow { changes_case: head.is_some(), part });
        Ok(is_new)
    }

    fn import(&self, fold: &mut Fold<'_>, import: &Import) -> Result<LegacyRecord> {
        let record = LegacyRecord {
            case: import.case.to_string(),
            source: import.source.0,
            record: import.record,
            recorded: import.recorded.to_string(),
            activity: import.activity.to_string(),
            actor: import.actor.to_string(),
            group: import.group.to_string(),
            lifecycle: import.lifecycle.to_string(),
        };
        let is_new = self.act_on_case(fold, &record.case, Some(self.hash), CasePart::Own)?;
        fold.amend(Key::Ledger, |ledger: &mut LedgerRow| {
            ledger.records += 1;
            ledger.cases += u64::from(is_new);
        })?;
        fold.count(Key::Actor(record.actor.clone()))?;
        fold.count(Key::ActorActivity(record.actor.clone(), record.activity.clone()))?;
        fold.count(Key::Activity(record.activity.clone()))?;
        fold.count(Key::Group(record.group.clone()))?;
        Ok(record)
    }
}
