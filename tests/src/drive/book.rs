//! The record being written: notes judged, applied and chained, without signatures.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex};

use ledger::admit::admit;
use ledger::check::{Content, Cosignature, Cosigned, Index, Verified};
use ledger::entry::SealedEntry;
use ledger::history::History;
use ledger::procedure::{Procedure, procedure_digest};
use ledger::state::{State, ledger_id};
use signer::act::{Act, Capacity, Constitution, Founder, Founding, Purpose, Witness};
use signer::index_note::IndexNote;
use signer::note::note_hash;
use signer::statement::{By, Header, ProcedureName, statement_hash};
use signer::value::{
    CaseId, Code, Commitment, DeviceId, IdentityToken, IndexRoot, KeyName, LedgerId, Nonce, Origin, Period, Power, Scheme, StatementHash,
    Time, UnixMs,
};
use signer::{Checkpoint, PublicKey, Rule, Statement};

use super::roster::Signer;
use super::{DAY_MS, HOUR_MS, Outcome, Run, SECOND_MS, fine};
use crate::world::{bytes, code, key, person, text};

/// Bytes of every cosigned entry: one draw for a case, whenever it is drawn and whatever the law says.
const COSIGNED: &[u8] = b"a cosigned entry";

/// Keys by name; making one costs more than judging an act.
static KEYS: LazyLock<Mutex<HashMap<String, PublicKey>>> = LazyLock::new(Mutex::default);

/// The key of that name.
pub(super) fn public(name: &str) -> PublicKey {
    let mut keys = KEYS.lock().unwrap();
    keys.entry(name.to_owned()).or_insert_with(|| key(name).public()).clone()
}

/// What samples are drawn by.
pub(super) fn draw_digest() -> [u8; 32] {
    note_hash(COSIGNED).0
}

/// A case as the plan has it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) scheme: Scheme,
    pub(super) tier: Code,
    pub(super) period: Period,
    pub(super) is_continuing: bool,
    pub(super) is_related: bool,
    /// The latest measures.
    pub(super) measures: BTreeMap<Code, u64>,
}

/// A list that was written down.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) list: Code,
    pub(super) cases: Vec<CaseId>,
    pub(super) total: u64,
}

/// State, history, and what the script remembers.
#[derive(Clone)]
pub(super) struct Book {
    pub(super) state: State,
    pub(super) history: History,
    pub(super) clock: UnixMs,
    pub(super) name: Option<ProcedureName>,
    id: LedgerId,
    counter: u64,
    serial: u64,
    pub(super) cases: BTreeMap<CaseId, Case>,
    /// What a counted step says otherwise than `yes`.
    pub(super) denied: Vec<(CaseId, Code)>,
    /// Entry of the latest cosigned entry.
    pub(super) cosigned: u64,
    /// What was locked last.
    pub(super) locked: Option<Listed>,
    /// The batch that is being paid.
    pub(super) batch: Option<Code>,
    /// The batch whose failed payment is being paid again.
    pub(super) repays: Option<Code>,
    /// The payment that will fail.
    pub(super) failing: Option<CaseId>,
}

impl Book {
    pub(super) fn new(plan: &Procedure) -> Book {
        Book {
            state: State::new(None),
            history: History::default(),
            clock: plan.valid_from.plus_ms(-HOUR_MS),
            name: None,
            id: LedgerId::parse("demo.drive.example/programme/0000000000000000").unwrap(),
            counter: 0,
            serial: 0,
            cases: BTreeMap::new(),
            denied: Vec::new(),
            cosigned: 0,
            locked: None,
            batch: None,
            repays: None,
            failing: None,
        }
    }

    /// A number that was not given before.
    pub(super) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// The head of a case as the record has it.
    pub(super) fn head(&self, case: &CaseId) -> StatementHash {
        self.state.case_head(case).copied().unwrap_or(StatementHash([0; 32]))
    }

    fn submit(&mut self, verified: &Verified) -> Outcome {
        let context = verified.names_size().and_then(|size| self.history.context(size));
        let admission = admit(&self.state, verified, self.clock, context.as_ref()).map_err(|refusal| refusal.rule)?;
        let warnings = admission.warnings.iter().map(|warning| warning.rule).collect();
        self.state.apply(verified, self.clock, admission);
        let previous = self.history.chain_at(self.history.size()).unwrap();
        let sealed = SealedEntry::new(previous, self.clock, &verified.bytes);
        self.history.push(sealed.leaf, sealed.chain, self.clock);
        self.clock = self.clock.plus_ms(SECOND_MS);
        Ok(warnings)
    }

    fn statement(&mut self, by: &[Signer], act: Act, at: UnixMs) -> Statement {
        self.counter += 1;
        let header = Header {
            procedure: self.name.clone(),
            by: by.iter().map(|signer| signer.by.clone()).collect(),
            device: DeviceId::parse("d1").unwrap(),
            counter: self.counter,
            at: time(at),
            seen: self.history.seen_at(self.history.size()).unwrap(),
        };
        Statement::Act { ledger: self.id.clone(), header, act }
    }
}

/// A time with offset +08:00.
pub(super) fn time(at: UnixMs) -> Time {
    Time { unix_seconds: at.0.div_euclid(1000), offset_minutes: 480 }
}

/// A commitment to something of that name.
pub(super) fn commitment(what: &str) -> Commitment {
    Commitment(bytes(what))
}

fn witness(number: u64) -> (KeyName, PublicKey) {
    (KeyName::parse(&format!("w{number}.example")).unwrap(), public(&format!("w{number}")))
}

impl Run<'_> {
    /// An act now; gives the statement's hash. An act that `[governance]` rules is first tried by too few, once.
    pub(super) fn act(&mut self, label: &str, by: &[Signer], act: Act, expected: Outcome) -> StatementHash {
        if self.book.name.is_some() && self.governed.insert(act.name()) {
            self.govern_by_too_few(&act);
        }
        self.act_at(label, by, act, self.book.clock, expected)
    }

    /// The same, its device's clock having shown another time.
    pub(super) fn act_at(&mut self, label: &str, by: &[Signer], act: Act, at: UnixMs, expected: Outcome) -> StatementHash {
        if self.is_over {
            return StatementHash([0; 32]);
        }
        let procedure = match &act {
            Act::Enact { text, .. } => match Procedure::parse(text) {
                Ok(procedure) => Some(Box::new(procedure)),
                Err(refusal) => {
                    self.record(label.to_owned(), expected, Err(refusal.rule));
                    return StatementHash([0; 32]);
                }
            },
            _ => None,
        };
        let statement = self.book.statement(by, act, at);
        let text = statement.encode();
        let hash = statement_hash(&text);
        let keys = by.iter().map(|signer| signer.key.clone()).collect();
        let content = Content::Statement { statement: Box::new(statement), hash, keys, procedure };
        let found = self.book.submit(&Verified { bytes: text.into_bytes(), content });
        self.record(label.to_owned(), expected, found);
        hash
    }

    /// By one signer too few, and by enough signers of one power too few.
    fn govern_by_too_few(&mut self, act: &Act) {
        let Some(rule) = self.plan.governance.get(&act.name()) else { return };
        let mut fewer = self.signers_of(rule, rule.powers);
        fewer.pop();
        let weaker = rule.powers.checked_sub(1).map(|powers| self.signers_of(rule, powers));
        let weaker = weaker.filter(|weaker| weaker.len() as u64 == rule.min).unwrap_or_default();
        for (by, expected) in [(fewer, Rule::GovernanceCount), (weaker, Rule::GovernancePowers)] {
            if !by.is_empty() {
                let label = format!("act {} by too few", act.name().as_str());
                self.what_if(|run| run.act_at(&label, &by, act.clone(), run.book.clock, Err(expected)));
            }
        }
    }

    /// Founds the ledger and enacts the law; whether there is one then.
    pub(super) fn found_and_enact(&mut self, law: &str) -> bool {
        let powers = self.powers();
        self.found(&powers);
        let founders: Vec<Signer> = self.roster.founders.iter().take(2).cloned().collect();
        // What the act names need not be right where the text cannot be read: then that is the answer.
        let parsed = Procedure::parse(law).ok();
        let (id, version) = parsed.map_or((self.plan.id.clone(), self.plan.version), |law| (law.id, law.version));
        let enacts = ProcedureName { id, version, digest: procedure_digest(law) };
        let before = self.verdicts.len();
        self.act("enact", &founders, Act::Enact { enacts: enacts.clone(), text: law.to_owned() }, fine());
        self.book.name = Some(enacts);
        self.verdicts[before..].iter().all(|verdict| verdict.found.is_ok())
    }

    /// Three founders of each power.
    fn found(&mut self, powers: &[Power]) {
        let names = (0..powers.len() * 3).map(|number| (format!("f{number}"), &powers[number % powers.len()]));
        let founders: Vec<Founder> = names
            .map(|(id, power)| Founder {
                person: person(&id),
                power: power.clone(),
                identity: IdentityToken(bytes(&format!("identity of {id}"))),
                key: public(&id).bytes(),
                name: text(&format!("甲子·{id}")),
            })
            .collect();
        let witnesses = (0..=self.witnesses()).map(witness).map(|(name, key)| Witness { name, key: key.bytes() });
        let founding = Founding {
            origin: Origin::parse("demo.drive.example/programme").unwrap(),
            nonce: Nonce(bytes("nonce")),
            purpose: Purpose::Demonstration,
            at: time(self.book.clock),
            device: DeviceId::parse("d1").unwrap(),
            identity_body: code("civil-registry"),
            constitution: Constitution { threshold: 2, checkpoint_key: public("checkpoint").bytes(), witnesses: witnesses.collect() },
            founders: founders.clone(),
        };
        let statement = Statement::Founding(Box::new(founding.clone()));
        let bytes = statement.encode();
        let hash = statement_hash(&bytes);
        self.book.id = ledger_id(&founding.origin, &hash).unwrap();
        let content = Content::Statement { statement: Box::new(statement), hash, keys: Vec::new(), procedure: None };
        let found = self.book.submit(&Verified { bytes: bytes.into_bytes(), content });
        self.record("found".to_owned(), fine(), found);
        self.roster.founders = founders.iter().map(|founder| Signer::founder(founder, hash)).collect();
    }

    /// Fewest witnesses that every step's cosigned entry needs.
    pub(super) fn witnesses(&self) -> u64 {
        self.plan.programme.steps.iter().filter_map(|step| step.cosigned).max().unwrap_or(1)
    }

    /// Logs a checkpoint of the present size with so many cosignatures.
    pub(super) fn cosign(&mut self, count: u64) {
        if self.is_over {
            return;
        }
        let size = self.book.history.size();
        let checkpoint = Checkpoint { origin: self.book.id.to_string(), size, root: self.book.history.tree().root_at(size).unwrap() };
        let seconds = (self.book.clock.0 / 1000) as u64;
        let line = |(name, key)| Cosignature { name, key, unix_seconds: seconds };
        let cosignatures = (0..count).map(witness).map(line).collect();
        let content = Content::Cosigned(Cosigned { checkpoint, key: public("checkpoint"), cosignatures });
        let entry = self.book.state.size();
        let found = self.book.submit(&Verified { bytes: COSIGNED.to_vec(), content });
        self.book.cosigned = entry;
        self.record("cosigned entry".to_owned(), fine(), found);
    }

    fn index(&mut self) {
        let (cases, keys) = self.book.state.index_roots();
        let note = IndexNote { ledger: self.book.id.clone(), cases, keys, refusals: (0, IndexRoot([0; 32])) };
        let bytes = note.text().into_bytes();
        let content = Content::Index(Index { note, key: public("checkpoint") });
        let found = self.book.submit(&Verified { bytes, content });
        self.record("index entry".to_owned(), fine(), found);
    }

    /// Lets time pass until exactly then: the log is cosigned and indexed just before.
    pub(super) fn pass_to(&mut self, at: UnixMs) {
        if self.is_over {
            return;
        }
        assert!(at >= self.book.clock, "the script goes forward: {} after {}", time(at), time(self.book.clock));
        let before = at.plus_ms(-SECOND_MS * 10).max(self.book.clock);
        let is_far = before.0 - self.book.clock.0 > DAY_MS / 2;
        self.book.clock = before;
        if is_far {
            self.cosign(self.witnesses());
        }
        if self.plan.programme.is_indexed_daily && self.book.state.index_due(at).is_some() {
            self.index();
        }
        self.book.clock = self.book.clock.max(at);
    }

    /// The moment at which the procedure comes into force, and the one before.
    pub(super) fn first_moment(&mut self) {
        let founders = self.governors(signer::ActName::Device);
        for (before, expected) in [(SECOND_MS, Err(Rule::ProcedureVersion)), (0, fine())] {
            self.book.clock = self.plan.valid_from.plus_ms(-before);
            let act = self.new_device();
            self.act_at("first moment", &founders, act, self.book.clock, expected);
        }
    }

    /// The act that enrols a device nobody has.
    pub(super) fn new_device(&mut self) -> Act {
        let enrols = DeviceId::parse(&format!("d{}", self.book.serial() + 1)).unwrap();
        Act::Device { enrols, unit: signer::value::Unit::whole() }
    }
}

/// The act that appoints a person from now on, with no end.
pub(super) fn appointment(by: &By, home: &signer::value::Unit, from: UnixMs) -> Act {
    Act::Appoint {
        person: by.person.clone(),
        office: by.office.clone(),
        unit: by.unit.clone(),
        capacity: Capacity::Regular,
        home: home.clone(),
        from: time(from),
        to: None,
        instrument: commitment("letter"),
    }
}
