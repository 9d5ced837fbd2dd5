//! What statements in the record say of a signer: the name that an enrolment gives, the key that an entry makes known, the office
//! that an appointment gives. A row that names an entry is held against what that entry says; that it says so rightly is for
//! whoever verifies it as a ground.

use projector::answers::SignedBy;
use signer::Statement;
use signer::act::{Act, Founding};
use signer::note::{Note, TYPE_ED25519, key_id};
use signer::statement::{By, ProcedureName, statement_hash};
use signer::value::{DeviceId, KeyBytes, PersonId, StatementHash};

/// A statement in the record.
pub(super) struct Said {
    /// Its hash.
    pub hash: StatementHash,
    /// What it says.
    pub statement: Statement,
    note: Note,
}

impl Said {
    /// The statement of a note, if it has one.
    pub fn of(note: &[u8]) -> Option<Said> {
        let note = Note::parse(note).ok()?;
        let statement = Statement::parse(&note.text).ok()?;
        Some(Said { hash: statement_hash(&note.text), statement, note })
    }

    /// Its act, where it is not the founding.
    pub fn act(&self) -> Option<&Act> {
        match &self.statement {
            Statement::Act { act, .. } => Some(act),
            Statement::Founding(_) => None,
        }
    }

    fn founding(&self) -> Option<&Founding> {
        match &self.statement {
            Statement::Founding(founding) => Some(founding),
            Statement::Act { .. } => None,
        }
    }

    /// Whether the signature line of this place is of that key.
    pub fn is_signed_with(&self, place: usize, signed: &SignedBy) -> bool {
        let expected = key_id(&signed.person, TYPE_ED25519, &signed.key);
        self.note.signatures.get(place).is_some_and(|line| line.key_id == expected)
    }

    /// Whether it enrols a person under a name.
    fn names(&self, person: &PersonId, named: &str) -> bool {
        match (self.act(), self.founding()) {
            (Some(Act::Enrol { person: enrolled, name, .. }), _) => enrolled == person && name.to_string() == named,
            (_, Some(founding)) => founding.founders.iter().any(|founder| founder.person == *person && founder.name.to_string() == named),
            _ => false,
        }
    }

    /// Whether it makes a key of a person known.
    fn makes_known(&self, person: &PersonId, known: &KeyBytes) -> bool {
        match (self.act(), self.founding()) {
            (Some(Act::Enrol { person: enrolled, key, .. }), _) => enrolled == person && key == known,
            (Some(Act::Rotate(new) | Act::Rekey(new)), _) => new.person == *person && new.key == *known,
            (_, Some(founding)) => founding.founders.iter().any(|founder| founder.person == *person && founder.key == *known),
            _ => false,
        }
    }

    /// Whether it is the statement that a `by` line names, and gives its person that office in this capacity.
    fn appoints(&self, by: &By, told: &str) -> bool {
        let gives = match (by.office.as_str(), self.act(), self.founding()) {
            ("self", Some(Act::Enrol { person, .. }), _) => *person == by.person && told == "self",
            ("founder", Some(Act::Amend { founders, .. }), _) => {
                founders.iter().any(|(person, _)| *person == by.person) && told == "founder"
            }
            (office @ ("self" | "founder"), _, Some(founding)) => {
                founding.founders.iter().any(|founder| founder.person == by.person) && told == office
            }
            (_, Some(Act::Appoint { person, office, unit, capacity, .. }), _) => {
                (person, office, unit) == (&by.person, &by.office, &by.unit) && told == capacity.to_string()
            }
            _ => false,
        };
        gives && self.hash == by.appointment
    }

    /// Whether it enrols a device.
    pub fn enrols_device(&self, device: &DeviceId) -> bool {
        match (self.act(), self.founding()) {
            (Some(Act::Device { enrols, .. }), _) => enrols == device,
            (_, Some(founding)) => founding.device == *device,
            _ => false,
        }
    }

    /// Whether it enacts a procedure.
    pub fn enacts(&self, name: &ProcedureName) -> bool {
        matches!(self.act(), Some(Act::Enact { enacts, .. }) if enacts == name)
    }
}

/// The entries that a row names for one signature.
pub(super) struct Cited<'a> {
    /// The person's enrolment.
    pub enrolled: &'a Said,
    /// What made the key known.
    pub key: &'a Said,
    /// What gave the office.
    pub appointment: &'a Said,
}

impl Cited<'_> {
    /// Whether they say of a signer what the row says.
    pub fn agree(&self, by: &By, signed: &SignedBy) -> bool {
        let is_told = (by.person.as_str(), by.office.as_str(), by.unit.as_str());
        is_told == (signed.person.as_str(), signed.office.as_str(), signed.unit.as_str())
            && self.enrolled.names(&by.person, &signed.name)
            && self.key.makes_known(&by.person, &KeyBytes(signed.key))
            && self.appointment.appoints(by, &signed.capacity)
    }
}
