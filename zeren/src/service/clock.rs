//! The service's clock. A demonstration lives in simulated time: there the clock goes on where the last entry left it.

use std::time::Duration;

use ledger::state::State;
use signer::act::Purpose;
use signer::value::UnixMs;

use crate::clock;

/// How often somebody looks whether the writer still runs.
pub const WRITER_LOOK: Duration = Duration::from_millis(200);

/// The time by which submissions are received.
pub struct ServiceClock {
    behind_ms: Option<i64>,
}

impl ServiceClock {
    /// The machine's clock; for a demonstration one that begins now at its last entry.
    pub fn of(state: &State) -> ServiceClock {
        let is_demonstration = state.purpose() == Some(Purpose::Demonstration);
        ServiceClock { behind_ms: is_demonstration.then(|| clock::now().0 - state.received_last().0) }
    }

    /// Now.
    pub fn now(&self) -> UnixMs {
        UnixMs(clock::now().0 - self.behind_ms.unwrap_or(0))
    }

    /// The time in a demonstration.
    pub fn simulated(&self) -> Option<UnixMs> {
        self.behind_ms.map(|_| self.now())
    }
}
