//! Many signers who submit at once, and go on from whatever a ledger holds.

use std::collections::BTreeMap;

use ledger::Ledger;
use ledger::storage::Storage;
use signer::act::Founding;
use signer::value::{StatementHash, UnixMs};

use crate::World;
use crate::world::founding;

/// Signers of a crowd.
pub const SIGNERS: usize = 24;

/// The signers, with what they must remember.
pub struct Crowd {
    world: World,
    heads: BTreeMap<String, StatementHash>,
    counter: u64,
    clock: UnixMs,
}

impl Crowd {
    /// A ledger in which the crowd is appointed.
    pub fn founded() -> World {
        Crowd::founded_with(founding())
    }

    /// The same with another founding.
    pub fn founded_with(founding: Founding) -> World {
        let mut world = World::staffed_with(founding);
        for signer in 0..SIGNERS {
            let id = format!("m{signer}");
            world.enrol(&id);
            world.appoint(&id, "archivist", "00");
        }
        world
    }

    /// The crowd of an open ledger.
    pub fn of<S: Storage>(ledger: &Ledger<S>) -> Crowd {
        let world = Crowd::founded();
        let case = |signer: usize| format!("case-m{signer}");
        let heads = (0..SIGNERS)
            .filter_map(|signer| Some((case(signer), *ledger.state().case_head(&signer::value::CaseId::parse(&case(signer))?)?)));
        let device = ledger.state().device(&signer::value::DeviceId::parse("d1").unwrap()).unwrap();
        let counter = device.counters.last_key_value().map_or(0, |(counter, _)| counter + 1);
        Crowd { heads: heads.collect(), counter, clock: ledger.state().received_last(), world }
    }

    /// One note by each signer, who has seen the latest checkpoint; and the clock to append them at.
    pub fn batch<S: Storage>(&mut self, ledger: &Ledger<S>) -> (Vec<Vec<u8>>, UnixMs) {
        self.clock = self.clock.plus_ms(1);
        let seen = ledger.seen().unwrap();
        let notes = (0..SIGNERS).map(|signer| {
            let case = format!("case-m{signer}");
            self.world.heads = self.heads.clone();
            self.world.clock = self.clock;
            let act = self.world.record(&case, self.counter);
            let mut statement = self.world.statement(&[&format!("m{signer}")], act);
            if let signer::Statement::Act { header, .. } = &mut statement {
                (header.counter, header.seen) = (self.counter, seen);
            }
            self.counter += 1;
            self.heads.insert(case, signer::statement::statement_hash(&statement.encode()));
            self.world.sign(&statement)
        });
        (notes.collect(), self.clock)
    }
}
