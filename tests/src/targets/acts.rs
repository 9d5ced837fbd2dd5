//! Structured acts: bytes become the choices of officials who do right and wrong things with their real keys.

use std::collections::BTreeMap;

use ledger::admit::admit as judge;
use ledger::audit::{Level, Question, audit};
use ledger::check::{Content, Verified};
use ledger::entry::Entry;
use ledger::history::History;
use ledger::layout::Layout;
use ledger::ledger::Ledger;
use ledger::state::State;
use signer::act::{Act, ActName, Basis, Capacity, DeviceReason, EndReason, RelatedTo, RevokeReason};
use signer::possession::{self, Occasion};
use signer::statement::Statement;
use signer::value::{CaseId, Commitment, DeviceId, IdentityToken, StatementHash, UnixMs};

use crate::World;
use crate::disk::Disk;
use crate::world::{FOUNDED, PROCEDURE, bytes, code, constitution, founding, key, office, person, text, time, unit};

/// Most acts of a run.
const ACTS_MAX: usize = 16;
const DAY_MS: i64 = 86_400_000;
const PERSONS: [&str; 9] = ["f1", "f2", "f3", "r1", "s1", "a1", "c1", "n1", "n2"];
const NEWCOMERS: [&str; 3] = ["n1", "n2", "r1"];
const OFFICES: [&str; 6] = ["registrar", "archivist", "overseer", "clerk", "founder", "self"];
const UNITS: [&str; 3] = ["00", "07", "-"];
const DEVICES: [&str; 3] = ["d1", "d2", "d9"];
const CASES: [&str; 2] = ["case-0", "case-1"];

/// The bytes, as choices; when they end, the first of everything is chosen.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % bound
    }

    /// Mostly not.
    fn rarely(&mut self) -> bool {
        self.below(16) == 15
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// What is admitted is what an audit admits, whatever officials do.
pub fn admit(data: &[u8]) {
    tally(data);
}

/// The same; gives how many acts of each name were admitted, and how many refused after the check.
pub fn tally(data: &[u8]) -> BTreeMap<&'static str, [u64; 2]> {
    let mut run = Run::new();
    let mut choices = Choices(data);
    for _ in 0..ACTS_MAX {
        if choices.0.is_empty() {
            break;
        }
        run.submit(&mut choices);
    }
    run.judge_whole();
    run.tally
}

/// Name of a person's second key.
fn second(id: &str) -> String {
    format!("second of {id}")
}

struct Run {
    world: World,
    state: State,
    /// Every statement so far, admitted or not.
    hashes: Vec<StatementHash>,
    /// The statements that made persons known.
    selves: BTreeMap<String, StatementHash>,
    /// Whose key was revoked last.
    revoked: Option<String>,
    tally: BTreeMap<&'static str, [u64; 2]>,
}

impl Run {
    fn new() -> Run {
        let world = World::staffed();
        let mut run =
            Run { state: State::new(None), hashes: Vec::new(), selves: BTreeMap::new(), revoked: None, tally: BTreeMap::new(), world };
        let mut history = History::default();
        let mut clock = FOUNDED;
        for entry in run.world.entries.clone() {
            let received = Entry::parse(&entry.bytes).unwrap().received;
            clock = received;
            let verified = ledger::check(Entry::parse(&entry.bytes).unwrap().note, run.state.ring()).unwrap();
            let context = verified.names_size().and_then(|size| history.context(size));
            let admission = judge(&run.state, &verified, received, context.as_ref()).unwrap();
            run.state.apply(&verified, received, admission);
            history.push(entry.leaf, entry.chain, received);
            run.hashes.extend(verified.statement_hash());
            run.remember_self(&verified);
        }
        run.world.clock = clock.plus_ms(1_000);
        run
    }

    fn submit(&mut self, choices: &mut Choices<'_>) {
        let pause = if choices.rarely() { choices.of(&[3_600_000, DAY_MS / 2, 3 * DAY_MS]) } else { choices.of(&[0, 1_000, 60_000]) };
        self.world.clock = self.world.clock.plus_ms(pause);
        if choices.below(8) == 7 {
            let size = self.world.history.size() - choices.below(3) as u64;
            let note = self.world.cosigned_at(size).encode();
            self.offer(note.as_bytes());
            return;
        }
        let act = self.act(choices);
        let statement = self.statement(choices, act);
        let mut note = self.world.sign(&statement);
        if choices.rarely() {
            let at = choices.below(256) * note.len() / 256;
            note[at] ^= 1 << choices.below(8);
        }
        self.hashes.push(signer::statement::statement_hash(&statement.encode()));
        self.offer(&note);
    }

    /// Checks and judges; what is admitted becomes the next entry.
    fn offer(&mut self, note: &[u8]) {
        let Ok(verified) = ledger::check(note, self.state.ring()) else { return };
        let received = self.world.clock;
        let context = verified.names_size().and_then(|size| self.world.history.context(size));
        let verdict = judge(&self.state, &verified, received, context.as_ref());
        let again = judge(&self.state.clone(), &verified, received, context.as_ref());
        let said = |verdict: &ledger::admit::Verdict| verdict.as_ref().map(|admission| admission.warnings.clone()).map_err(Clone::clone);
        assert_eq!(said(&verdict), said(&again));
        let name = match &verified.content {
            Content::Statement { statement, .. } => statement.act_name().as_str(),
            Content::Cosigned(_) => "cosigned",
            Content::Index(_) => "index",
            Content::Epoch(_) => "epoch",
            Content::Anchor(_) => "anchor",
        };
        self.tally.entry(name).or_default()[usize::from(verdict.is_err())] += 1;
        if let Ok(admission) = verdict {
            self.remember(&verified);
            self.state.apply(&verified, received, admission);
            self.world.tick_ms = 0;
            self.world.push(note);
        }
    }

    /// Officials sign from now on in the office that they have, with the key that they have, at the head that they know.
    fn remember(&mut self, verified: &Verified) {
        let Content::Statement { statement, hash, .. } = &verified.content else { return };
        self.remember_self(verified);
        let Statement::Act { act, .. } = statement.as_ref() else { return };
        match act {
            Act::Revoke { person, .. } => self.revoked = Some(person.to_string()),
            Act::Enrol { person, .. } => self.world.take_office(person.as_str(), "self", "-", *hash),
            Act::Appoint { person, office, unit, .. } => self.world.take_office(person.as_str(), office.as_str(), unit.as_str(), *hash),
            Act::Amend { founders, .. } => founders.iter().for_each(|(id, _)| self.world.take_office(id.as_str(), "founder", "-", *hash)),
            Act::Enact { enacts, .. } => self.world.procedure = Some(enacts.clone()),
            Act::Rotate(new) | Act::Rekey(new) => drop(self.world.keys.insert(new.person.to_string(), key(&second(new.person.as_str())))),
            Act::Import(import) => drop(self.world.heads.insert(import.case.to_string(), *hash)),
            _ => {}
        }
    }

    fn remember_self(&mut self, verified: &Verified) {
        let Content::Statement { statement, hash, .. } = &verified.content else { return };
        match statement.as_ref() {
            Statement::Founding(founding) => {
                self.selves.extend(founding.founders.iter().map(|founder| (founder.person.to_string(), *hash)))
            }
            Statement::Act { act: Act::Enrol { person, .. }, .. } => drop(self.selves.insert(person.to_string(), *hash)),
            Statement::Act { .. } => {}
        }
    }

    fn statement(&mut self, choices: &mut Choices<'_>, act: Act) -> Statement {
        let signers: Vec<&str> = match (&act, choices.below(4)) {
            (_, 0) => (0..=choices.below(3)).map(|_| choices.of(&PERSONS)).collect(),
            (Act::Rotate(new), _) => PERSONS.into_iter().filter(|id| *id == new.person.as_str()).collect(),
            (Act::Import(_), _) => vec!["a1"],
            (Act::Relate { .. } | Act::Qualify { .. }, _) => vec!["s1"],
            (Act::Amend { .. } | Act::Enact { .. }, _) => vec!["f1", "f2"],
            _ => vec!["r1", "s1"],
        };
        for signer in &signers {
            self.world.keys.entry((*signer).to_owned()).or_insert_with(|| key(signer));
            let by = self.world.offices.entry((*signer).to_owned()).or_insert_with(|| signer::statement::By {
                person: person(signer),
                office: office("self"),
                unit: unit("-"),
                appointment: StatementHash([1; 32]),
            });
            if choices.rarely() {
                (by.office, by.unit, by.appointment) = (office(choices.of(&OFFICES)), unit(choices.of(&UNITS)), choices.of(&self.hashes));
            }
        }
        let size = self.world.history.size();
        let act_name = act.name();
        let mut statement = self.world.statement(&signers, act);
        if let Statement::Act { header, .. } = &mut statement {
            header.seen = self.world.history.seen_at(size - if choices.rarely() { choices.below(6) as u64 } else { 0 }).unwrap();
            let as_self = matches!(act_name, ActName::Rotate) || choices.rarely();
            for by in header.by.iter_mut().filter(|_| as_self) {
                let known = self.selves.get(by.person.as_str());
                (by.office, by.unit, by.appointment) = (office("self"), unit("-"), known.copied().unwrap_or(by.appointment));
            }
            if choices.rarely() {
                header.counter = choices.below(20) as u64;
            }
            if choices.rarely() {
                header.device = DeviceId::parse(choices.of(&DEVICES)).unwrap();
            }
            if choices.rarely() {
                header.procedure = None;
            }
            if choices.rarely() {
                header.at = time(self.moment(choices));
            }
        }
        statement
    }

    fn moment(&self, choices: &mut Choices<'_>) -> UnixMs {
        self.world.clock.plus_ms((choices.below(9) as i64 - 4) * DAY_MS)
    }

    #[allow(clippy::too_many_lines, reason = "one short arm for each act")]
    fn act(&mut self, choices: &mut Choices<'_>) -> Act {
        let id = choices.of(&PERSONS);
        match choices.below(13) {
            5..=7 => self.act_on_key(id, choices),
            10..=11 => act_of_founders(choices),
            0 => {
                let id = choices.of(&NEWCOMERS);
                let identity = IdentityToken(bytes(&format!("identity of {}", if choices.rarely() { "f1" } else { id })));
                let proof = possession::prove(&self.world.id, &person(id), Occasion::Identity(identity), &key(id));
                Act::Enrol { person: person(id), name: text("甲子"), identity, key: key(id).public().bytes(), proof }
            }
            1 => Act::Appoint {
                person: person(id),
                office: office(choices.of(&OFFICES)),
                unit: unit(choices.of(&UNITS)),
                capacity: choices.of(&[Capacity::Regular, Capacity::Acting, Capacity::Delegated]),
                home: unit("00"),
                from: time(self.moment(choices)),
                to: Some(time(self.moment(choices))).filter(|_| choices.below(2) == 0),
                instrument: Commitment(bytes("letter")),
            },
            2 => {
                let reason = choices.of(&[EndReason::Transferred, EndReason::Retired, EndReason::Dismissed]);
                Act::AppointEnd { person: person(id), appointment: choices.of(&self.hashes), reason }
            }
            3 => Act::Device { enrols: DeviceId::parse(choices.of(&DEVICES)).unwrap(), unit: unit(choices.of(&UNITS)) },
            4 => Act::DeviceEnd {
                ends: DeviceId::parse(choices.of(&DEVICES)).unwrap(),
                reason: choices.of(&[DeviceReason::Retired, DeviceReason::Stolen]),
            },
            8 => {
                let to = if choices.below(2) == 0 {
                    RelatedTo::Case(CaseId::parse(CASES[0]).unwrap())
                } else {
                    RelatedTo::Person(person(choices.of(&PERSONS)))
                };
                Act::Relate {
                    person: person(id),
                    relation: code("kin"),
                    to,
                    basis: choices.of(&[Basis::Declared, Basis::Attested, Basis::Ordered]),
                    evidence: None,
                }
            }
            9 => Act::Qualify {
                person: person(id),
                qualification: code("training"),
                from: time(self.moment(choices)),
                to: Some(time(self.moment(choices))).filter(|_| choices.below(2) == 0),
                evidence: Commitment(bytes("certificate")),
            },
            _ => {
                let case = choices.of(&CASES);
                if choices.rarely() {
                    self.world.heads.remove(case);
                }
                let record = choices.below(32) as u64;
                self.world.record(case, record)
            }
        }
    }

    fn act_on_key(&self, id: &str, choices: &mut Choices<'_>) -> Act {
        match choices.below(3) {
            0 => Act::Rotate(self.new_key(id, choices)),
            1 => {
                let id = self.revoked.clone().unwrap_or_else(|| id.to_owned());
                Act::Rekey(self.new_key(&id, choices))
            }
            _ => Act::Revoke {
                person: person(id),
                key: self.world.keys.get(id).map_or_else(|| key(id), |key| signer::SecretKey::from_seed(&key.seed())).public().bytes(),
                reason: choices.of(&[RevokeReason::Compromised, RevokeReason::Retired]),
                suspected: Some(time(self.moment(choices))).filter(|_| choices.below(2) == 0),
            },
        }
    }

    fn new_key(&self, id: &str, choices: &mut Choices<'_>) -> signer::act::NewKey {
        let old = if choices.below(4) == 0 { key(choices.of(&PERSONS)) } else { key(id) };
        self.world.new_key(id, &old, &if choices.rarely() { "f1".to_owned() } else { second(id) })
    }

    /// The log that came of it opens, and an audit finds nothing in it.
    fn judge_whole(&self) {
        let disk = Disk::holding(&self.world, Layout::FORMAT);
        let report = audit(&Question { storage: &disk, policy: None, is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
        let errors: Vec<_> = report.findings.iter().filter(|finding| finding.level == Level::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let (ledger, _) = Ledger::open(disk, vec![key("checkpoint")], &mut |_| {}).unwrap();
        assert_eq!(ledger.state().size(), self.state.size());
        assert_eq!(ledger.history().tree().root_at(report.entries), Some(report.root));
    }
}

fn act_of_founders(choices: &mut Choices<'_>) -> Act {
    match choices.below(2) {
        0 => {
            let version = format!("version = {}\n", choices.below(4) + 1);
            World::enactment(&PROCEDURE.replace("version = 1\n", &version))
        }
        _ => Act::Amend {
            constitution: signer::act::Constitution { threshold: choices.below(5) as u64, ..constitution() },
            founders: founding().founders.into_iter().take(choices.below(4)).map(|founder| (founder.person, founder.power)).collect(),
        },
    }
}
