//! Writes statements that see the whole log of a ledger at hand, signs and appends them.

use ledger::history::History;
use ledger::state::State;
use ledger::storage::Folder;
use ledger::{Answer, Ledger};
use rayon::prelude::*;
use signer::act::Act;
use signer::note::SignatureLine;
use signer::statement::{By, Header, ProcedureName, Seen};
use signer::value::{DeviceId, LedgerId, PersonId, Time, UnixMs};
use signer::{Note, SecretKey, Statement};

use crate::error::Failure;

/// What statements written one after another share.
pub struct Scribe<'a> {
    state: &'a State,
    ledger: &'a LedgerId,
    procedure: Option<ProcedureName>,
    device: &'a DeviceId,
    counter: u64,
    at: Time,
    seen: Seen,
}

impl<'a> Scribe<'a> {
    /// Statements on this device at this time, counting on from what the ledger knows of the device.
    pub fn new(state: &'a State, history: &History, ledger: &'a LedgerId, device: &'a DeviceId, at: Time) -> Result<Scribe<'a>, Failure> {
        let seen = history.seen_at(history.size()).ok_or_else(|| Failure::malformed("an empty ledger"))?;
        let last = state.device(device).and_then(|device| device.counters.keys().next_back().copied());
        // A device's clock shows whole seconds; what is in force is judged when the statement is received.
        let moment = at.unix_ms().max(state.received_last());
        let procedure = state.procedure_at(state.size(), moment).map(|enacted| enacted.name.clone());
        Ok(Scribe { state, ledger, procedure, device, counter: last.map_or(0, |last| last + 1), at, seen })
    }

    /// The next statement, by persons in offices that they hold.
    pub fn statement(&mut self, by: &[(&PersonId, &str)], act: Act) -> Result<Statement, Failure> {
        let by: Result<Vec<By>, Failure> = by.iter().map(|(person, office)| self.by(person, office)).collect();
        let header = Header {
            procedure: self.procedure.clone(),
            by: by?,
            device: self.device.clone(),
            counter: self.counter,
            at: self.at,
            seen: self.seen,
        };
        self.counter += 1;
        Ok(Statement::Act { ledger: self.ledger.clone(), header, act })
    }

    fn by(&self, person: &PersonId, office: &str) -> Result<By, Failure> {
        let held = self
            .state
            .all_appointments()
            .find(|(_, held)| held.person == *person && held.office.as_str() == office && held.ended.is_none());
        let (hash, held) = held.ok_or_else(|| Failure::malformed(format!("{person} does not hold office {office}")))?;
        Ok(By { person: person.clone(), office: held.office.clone(), unit: held.unit.clone(), appointment: *hash })
    }
}

/// The note that these persons sign, in order.
pub fn sign(text: String, signers: &[(&PersonId, &SecretKey)]) -> Note {
    let line = |(person, key): &(&PersonId, &SecretKey)| SignatureLine::ed25519(person.as_str(), &key.public(), &key.sign(text.as_bytes()));
    let signatures = signers.iter().map(line).collect();
    Note { text, signatures }
}

/// Checks and appends notes of which each must be admitted.
pub fn append(ledger: &mut Ledger<Folder>, notes: &[Note], now: UnixMs) -> Result<(), Failure> {
    let ring = ledger.ring();
    let verified: Result<Vec<_>, _> = notes.par_iter().map(|note| ledger::check(note.encode().as_bytes(), ring)).collect();
    for answer in ledger.append(verified.map_err(Failure::Refused)?, now)? {
        if let Answer::Refused { refusal, .. } = answer {
            return Err(Failure::Refused(refusal));
        }
    }
    Ok(())
}
