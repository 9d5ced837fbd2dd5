//! What an address may send that turns out to be nobody's, or that was recorded before. Many honest people share an address (an
//! office, a proxy), so one of them who floods must not silence the others: what claims to be of an enrolled key is verified all the
//! same, a few a second for each person that is claimed. Whoever floods in a colleague's name from the same address can still hold
//! up that colleague; that needs the colleague's key id, and shows in the log.

use std::time::{Duration, Instant};

use signer::note::SignatureLine;
use signer::value::PersonId;

use super::Service;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::http::rate::Rates;
use crate::lang::Lang;
use crate::writer;

/// What claims to be one person's, from an address that has no allowance left: so many at once, and a second after that.
pub const CLAIMED_BURST: u32 = 20;
/// The same a second.
pub const CLAIMED_A_SECOND: u32 = 1;
/// Signature lines that are looked at.
const LINES_MAX: usize = 100_000;

impl Service {
    /// Whether something may be verified for an address that may have sent too much of what is nobody's.
    ///
    /// # Errors
    /// How long to wait.
    pub fn ask_stranger(&self, peer: Peer, text: &[u8], what: &str, lang: Lang) -> Result<(), Problem> {
        self.ask_address(&self.strangers, peer, text).map_err(|wait| Problem::too_many(what, wait, lang))
    }

    /// Charges an address for what turned out to be nobody's.
    pub fn charge_stranger(&self, peer: Peer, text: &[u8]) {
        self.charge_address(&self.strangers, peer, text);
    }

    /// Whether something may be looked up for an address that may have sent too much of what was recorded before.
    ///
    /// # Errors
    /// How long to wait.
    pub fn ask_repeated(&self, peer: Peer, text: &[u8], what: &str, lang: Lang) -> Result<(), Problem> {
        self.ask_address(&self.repeats, peer, text).map_err(|wait| Problem::too_many(what, wait, lang))
    }

    /// Charges an address for what was recorded before.
    pub fn charge_repeated(&self, peer: Peer, text: &[u8]) {
        self.charge_address(&self.repeats, peer, text);
    }

    fn ask_address(&self, rates: &Rates, peer: Peer, text: &[u8]) -> Result<(), Duration> {
        let (address, now) = (peer.allowance(), Instant::now());
        let Err(wait) = rates.ask(&address, now) else { return Ok(()) };
        let claimed = self.claimed(text);
        let may = !claimed.is_empty() && claimed.iter().all(|person| self.claims.ask(&claim(&address, person), now).is_ok());
        if may { Ok(()) } else { Err(wait) }
    }

    fn charge_address(&self, rates: &Rates, peer: Peer, text: &[u8]) {
        let (address, now) = (peer.allowance(), Instant::now());
        if rates.ask(&address, now).is_ok() {
            rates.charge(&address, 1, now);
        } else {
            self.claimed(text).iter().for_each(|person| self.claims.charge(&claim(&address, person), 1, now));
        }
    }

    /// The persons whose signatures a text claims to bear, if every one of them names a key that the ledger knows.
    fn claimed(&self, text: &[u8]) -> Vec<PersonId> {
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().filter(|line| line.starts_with("— ")).take(LINES_MAX).filter_map(SignatureLine::parse);
        let mut claimed: Vec<_> = lines.filter_map(|line| Some((PersonId::parse(&line.name)?, line.key_id))).collect();
        claimed.sort_unstable();
        claimed.dedup();
        let ledger = writer::read(&self.ledger);
        let are_known = claimed.iter().all(|(person, id)| ledger.state().ring().person(person, *id).is_some());
        let mut persons: Vec<PersonId> = claimed.into_iter().filter(|_| are_known).map(|(person, _)| person).collect();
        persons.dedup();
        persons
    }
}

fn claim(address: &str, person: &PersonId) -> String {
    format!("{address} {person}")
}
