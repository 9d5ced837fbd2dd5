//! A demonstration archive: two founders, a procedure with two powers, an archivist, a simulated witness. Everybody is invented.

use std::path::Path;

use ledger::Ledger;
use ledger::policy::Policy;
use ledger::procedure::{Procedure, procedure_digest};
use ledger::storage::Folder;
use signer::act::{Act, Capacity, Constitution, Founder, Founding, Purpose, Witness};
use signer::checkpoint::cosign;
use signer::possession::{self, Occasion};
use signer::statement::ProcedureName;
use signer::value::{Code, DeviceId, KeyName, Office, Origin, PersonId, Power, Text, Unit, UnixMs};
use signer::{Note, SecretKey, Statement};

use crate::clock::{self, demo_time};
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::files;
use crate::scribe::{Scribe, append, sign};

/// The procedure that is enacted.
pub const PROCEDURE: &str = include_str!("../../deploy/procedures/archive.toml");
/// The founders, with power and name.
const FOUNDERS: [(&str, &str, &str); 2] = [("p001", "E", "甲子·001"), ("p002", "S", "乙丑·002")];
/// The archivist.
pub const ARCHIVIST: &str = "p003";
/// The device on which the founders sign.
const FOUNDERS_DEVICE: &str = "d000";
/// The archivist's device.
pub const ARCHIVIST_DEVICE: &str = "d001";
/// The simulated witness.
pub const WITNESS: &str = "demo.witness.example";
/// When simulated time begins: 2026-01-05T08:00:00+08:00.
const SIMULATED_START: UnixMs = UnixMs(1_767_571_200_000);

/// The clock of a demonstration.
#[derive(Clone, Copy, Debug)]
pub enum DemoClock {
    /// The machine's.
    Machine,
    /// One second further at every look.
    Simulated(UnixMs),
}

impl DemoClock {
    /// A simulated clock at its start.
    pub fn simulated() -> DemoClock {
        DemoClock::Simulated(SIMULATED_START)
    }

    /// Now.
    pub fn tick(&mut self) -> UnixMs {
        match self {
            DemoClock::Machine => clock::now(),
            DemoClock::Simulated(now) => {
                *now = now.plus_ms(1_000);
                *now
            }
        }
    }
}

/// A demonstration archive.
pub struct Archive {
    /// Its keys.
    pub seed: DemoSeed,
    /// The ledger.
    pub ledger: Ledger<Folder>,
    /// Its clock.
    pub clock: DemoClock,
}

fn known<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
    parse(text).ok_or_else(|| Failure::malformed(text.to_owned()))
}

impl Archive {
    /// Founds it in a new folder and staffs it.
    pub fn found(dir: &Path, origin: &Origin, seed: DemoSeed, mut clock: DemoClock) -> Result<Archive, Failure> {
        let now = clock.tick();
        let founding = Statement::Founding(Box::new(founding(origin, &seed, now)?));
        let founders: Result<Vec<(PersonId, SecretKey)>, Failure> =
            FOUNDERS.iter().map(|(id, _, _)| Ok((known(id, PersonId::parse)?, seed.key(id)))).collect();
        let founders = founders?;
        let signers: Vec<(&PersonId, &SecretKey)> = founders.iter().map(|(id, key)| (id, key)).collect();
        let note = sign(founding.encode(), &signers);
        let storage = files::make_ledger_folder(dir)?;
        let founded = Ledger::init(storage, note.encode().as_bytes(), seed.key("checkpoint"), now).map_err(Failure::from);
        files::or_unmake(
            dir,
            founded.and_then(|ledger| {
                let mut archive = Archive { seed, ledger, clock };
                archive.staff()?;
                Ok(archive)
            }),
        )
    }

    fn staff(&mut self) -> Result<(), Failure> {
        let procedure = Procedure::parse(PROCEDURE).map_err(Failure::Refused)?;
        let enacts = ProcedureName { id: procedure.id, version: procedure.version, digest: procedure_digest(PROCEDURE) };
        self.founders_act(Act::Enact { enacts, text: PROCEDURE.to_owned() })?;
        let archivist = known(ARCHIVIST, PersonId::parse)?;
        let key = self.seed.key(ARCHIVIST);
        let identity = self.seed.identity(ARCHIVIST);
        let proof = possession::prove(self.ledger.id(), &archivist, Occasion::Identity(identity), &key);
        self.founders_act(Act::Enrol {
            person: archivist.clone(),
            name: known("丙寅·003", Text::parse)?,
            identity,
            key: key.public().bytes(),
            proof,
        })?;
        self.founders_act(Act::Device { enrols: known(ARCHIVIST_DEVICE, DeviceId::parse)?, unit: known("00", Unit::parse)? })?;
        let from = demo_time(self.ledger.state().received_last());
        let unit = known("00", Unit::parse)?;
        let instrument = self.seed.commitment("letter of appointment");
        let office = known("archivist", Office::parse)?;
        self.founders_act(Act::Appoint {
            person: archivist,
            office,
            unit: unit.clone(),
            capacity: Capacity::Regular,
            home: unit,
            from,
            to: None,
            instrument,
        })
    }

    /// Both founders sign an act.
    pub fn founders_act(&mut self, act: Act) -> Result<(), Failure> {
        let now = self.clock.tick();
        let device = known(FOUNDERS_DEVICE, DeviceId::parse)?;
        let founders: Result<Vec<PersonId>, Failure> = FOUNDERS.iter().map(|(id, _, _)| known(id, PersonId::parse)).collect();
        let founders = founders?;
        let keys: Vec<SecretKey> = FOUNDERS.iter().map(|(id, _, _)| self.seed.key(id)).collect();
        let mut scribe = Scribe::new(self.ledger.state(), self.ledger.history(), self.ledger.id(), &device, demo_time(now))?;
        let by: Vec<(&PersonId, &str)> = founders.iter().map(|id| (id, "founder")).collect();
        let text = scribe.statement(&by, act)?.encode();
        let note = sign(text, &founders.iter().zip(&keys).collect::<Vec<_>>());
        append(&mut self.ledger, &[note], now)
    }

    /// The simulated witness cosigns the latest checkpoint, and the ledger logs it.
    pub fn cosign(&mut self) -> Result<(), Failure> {
        let now = self.clock.tick();
        cosign_latest(&mut self.ledger, &self.seed, now)
    }

    /// What an auditor is given: the checkpoint key, and the witness.
    pub fn policy(&self) -> String {
        let witness = (WITNESS.to_owned(), self.seed.key(WITNESS).public().bytes());
        Policy::write(self.ledger.id().as_str(), &self.seed.key("checkpoint").public().bytes(), &[witness], 1)
    }
}

/// Lets the simulated witness cosign the latest checkpoint of a demonstration, and logs it.
pub fn cosign_latest(ledger: &mut Ledger<Folder>, seed: &DemoSeed, now: UnixMs) -> Result<(), Failure> {
    let mut note: Note = ledger.checkpoint().clone();
    let seconds = u64::try_from(now.0.div_euclid(1000)).unwrap_or(0);
    note.signatures.push(cosign(&note.text, WITNESS, &seed.key(WITNESS), seconds));
    append(ledger, &[note], now)
}

fn founding(origin: &Origin, seed: &DemoSeed, now: UnixMs) -> Result<Founding, Failure> {
    let founder = |(id, power, name): &(&str, &str, &str)| {
        Ok(Founder {
            person: known(id, PersonId::parse)?,
            power: known(power, Power::parse)?,
            identity: seed.identity(id),
            key: seed.key(id).public().bytes(),
            name: known(name, Text::parse)?,
        })
    };
    let founders: Result<Vec<Founder>, Failure> = FOUNDERS.iter().map(founder).collect();
    Ok(Founding {
        origin: origin.clone(),
        nonce: seed.nonce(),
        purpose: Purpose::Demonstration,
        at: demo_time(now),
        device: known(FOUNDERS_DEVICE, DeviceId::parse)?,
        identity_body: known("demo-registry", Code::parse)?,
        constitution: Constitution {
            threshold: 2,
            checkpoint_key: seed.key("checkpoint").public().bytes(),
            witnesses: vec![Witness { name: known(WITNESS, KeyName::parse)?, key: seed.key(WITNESS).public().bytes() }],
        },
        founders: founders?,
    })
}
