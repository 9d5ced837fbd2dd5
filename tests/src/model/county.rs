//! An invented county: three villages in two townships, its officials, its procedure in three versions.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use ledger::admit::admit;
use ledger::check::{Content, check};
use ledger::entry::Entry;
use ledger::history::History;
use ledger::procedure::Procedure;
use ledger::state::State;
use signer::act::{Act, Capacity, DeviceReason, EndReason, NewKey, ResultLine, RevokeReason, Sheet, SheetKind, SheetLines, Witness};
use signer::statement::ProcedureName;
use signer::value::{CaseId, Commitment, DeviceId, KeyBytes, KeyName, LedgerId, UnixMs};
use signer::{PublicKey, Statement};

use super::{Entry as ModelEntry, Model, Submission, What};
use crate::world::{FOUNDED, World, bytes, code, founding, key, office, person, time, unit};

/// The procedure, version 1.
pub const COUNTY: &str = include_str!("county.toml");

/// Who holds which office where, and whose home is where.
const OFFICIALS: &[(&str, &str, &str, &str)] = &[
    ("r1", "registrar", "-", "-"),
    ("s1", "overseer", "-", "-"),
    ("s2", "overseer", "-", "-"),
    ("fin1", "finance", "-", "-"),
    ("fin2", "finance", "-", "07"),
    ("fin3", "finance", "-", "-"),
    ("bank1", "bank", "-", "-"),
    ("t1", "clerk", "07", "07"),
    ("t2", "clerk", "07", "08"),
    ("t3", "clerk", "08", "08"),
    ("t4", "clerk", "08", "07"),
    ("h1", "head", "07", "-"),
    ("h2", "head", "08", "-"),
    ("h3", "head", "07", "08-1"),
    ("v1", "village", "07-1", "07-1"),
    ("v2", "village", "07-2", "07-1"),
    ("v3", "village", "08-1", "08-1"),
    ("v4", "village", "07-1", "07-1"),
    ("i1", "inspector", "-", "-"),
    ("i2", "inspector", "08", "08"),
    ("o1", "observer", "-", "-"),
    ("z1", "clerk", "07", "-"),
    ("z3", "village", "07-1", "-"),
    ("z4", "village", "08-1", "-"),
];
/// Persons without an office at first.
pub const SPARE: &[&str] = &["p1", "p2", "p3", "p4"];

/// Everything that a run begins with.
#[derive(Clone)]
pub struct County {
    /// The ledger's id.
    pub id: LedgerId,
    /// The real state.
    pub state: State,
    /// The real history.
    pub history: History,
    /// The model's.
    pub model: Model,
    /// Public keys.
    pub keys: Arc<BTreeMap<KeyBytes, PublicKey>>,
    /// The key that signs checkpoints.
    pub checkpoint_key: PublicKey,
    /// The witnesses' keys.
    pub witnesses: Vec<(KeyName, PublicKey)>,
    /// Versions 1 to 3 as acts, with their procedures.
    pub versions: Arc<Vec<(Act, Arc<Procedure>)>>,
    /// Time of the last entry.
    pub clock: UnixMs,
}

/// The county without and with sheets that fill what one person may have waiting.
pub static COUNTIES: LazyLock<[County; 2]> = LazyLock::new(|| [County::new(false), County::new(true)]);

/// Version 2 has `account` for `transfer`, fewer days, other severities and no observer; version 3 is version 1 from March on.
fn versions() -> [String; 3] {
    let second = COUNTY
        .replace("version = 1", "version = 2")
        .replace("transfer    =", "account     =")
        .replace("observer  = { level = \"bureau\", power = \"V\" }\n", "")
        .replace("join_days = 10", "join_days = 3")
        .replace(
            "for = [\"continuing\"]\nby = { any = [\"overseer\", \"inspector\"], min = 1 }",
            "for = [\"continuing\"]\nby = { any = [\"overseer\", \"inspector\"], min = 4 }",
        )
        .replace("offline_hours = 72", "offline_hours = 48")
        .replace("powers = [\"F\", \"S\"]", "powers = [\"F\", \"S\"]\nseverity = \"warn\"")
        .replace("kind = \"independent\"", "kind = \"independent\"\nseverity = \"warn\"")
        .replace("any = [\"clerk\", \"head\", \"inspector\"], min = 2", "any = [\"clerk\", \"head\"], min = 5");
    let third = COUNTY.replace("version = 1", "version = 3").replace("2020-01-01", "2026-03-01");
    [COUNTY.to_owned(), second, third]
}

impl County {
    /// Builds it.
    fn new(has_hoards: bool) -> County {
        let mut found = founding();
        found.constitution.witnesses.push(Witness { name: KeyName::parse("w2.example").unwrap(), key: key("w2").public().bytes() });
        let mut world = World::founded_with(found);
        let texts = versions();
        world.enact(&texts[0]);
        enrol_all(&mut world);
        appoint_all(&mut world);
        end_some(&mut world);
        if has_hoards {
            hoard(&mut world);
        }
        County::of(&world, &texts)
    }

    fn of(world: &World, texts: &[String; 3]) -> County {
        let mut state = State::new(Some(world.id.clone()));
        let (mut history, mut model, mut keys) = (History::default(), Model::default(), BTreeMap::new());
        for sealed in &world.entries {
            let entry = Entry::parse(&sealed.bytes).unwrap();
            let verified = check(entry.note, state.ring()).unwrap_or_else(|refusal| panic!("{refusal}"));
            let context = verified.names_size().and_then(|size| history.context(size));
            let admission = admit(&state, &verified, entry.received, context.as_ref()).unwrap_or_else(|refusal| panic!("{refusal}"));
            if let Content::Statement { statement, hash, keys: signed, procedure } = &verified.content {
                keys.extend(signed.iter().map(|key| (key.bytes(), key.clone())));
                let procedure = procedure.clone().map(|procedure| Arc::from(*procedure));
                take(&mut model, statement, *hash, signed, procedure, entry.received);
            }
            state.apply(&verified, entry.received, admission);
            history.push(sealed.leaf, sealed.chain, entry.received);
        }
        for name in OFFICIALS.iter().map(|official| official.0).chain(SPARE.iter().copied()) {
            for name in [name.to_owned(), format!("{name} again"), format!("{name} 3")] {
                keys.insert(key(&name).public().bytes(), key(&name).public());
            }
        }
        let versions = texts.iter().map(|text| (World::enactment(text), Arc::new(Procedure::parse(text).unwrap()))).collect();
        let witness = |name: &str, of: &str| (KeyName::parse(name).unwrap(), key(of).public());
        County {
            id: world.id.clone(),
            clock: model.entries.last().unwrap().received,
            state,
            history,
            model,
            keys: Arc::new(keys),
            checkpoint_key: key("checkpoint").public(),
            witnesses: vec![witness("w1.example", "w1"), witness("w2.example", "w2")],
            versions: Arc::new(versions),
        }
    }

    /// The name of a version.
    pub fn version(&self, number: usize) -> ProcedureName {
        match &self.versions[number].0 {
            Act::Enact { enacts, .. } => enacts.clone(),
            _ => unreachable!("an enactment"),
        }
    }
}

/// The model takes an entry of the beginning as given.
fn take(
    model: &mut Model,
    statement: &Statement,
    hash: signer::value::StatementHash,
    signed: &[PublicKey],
    procedure: Option<Arc<Procedure>>,
    received: UnixMs,
) {
    match statement {
        Statement::Founding(founding) => {
            let what = What::Founding(founding.clone(), hash);
            model.entries.push(Arc::new(ModelEntry { index: model.size(), received, what }));
        }
        Statement::Act { header, act, .. } => {
            let keys = signed.iter().map(PublicKey::bytes).collect();
            let (header, act, bytes) = (header.clone(), act.clone(), statement.encode().len() as u64);
            let sub = Submission { received, header, act, hash, bytes, keys, procedure };
            let effect: super::Effect = match &sub.act {
                Act::Sheet(sheet) => {
                    let seen = model.size();
                    let context = ledger::history::Context { seen: sub.header.seen, received_last: received, received_next: None };
                    assert_eq!(seen, sub.header.seen.size);
                    let (bench, _) = model.judge_header(&sub, Some(&context)).unwrap();
                    bench.sheet(sheet, &sub).unwrap()
                }
                _ => Box::new(|_| ()),
            };
            model.admit(&sub, effect);
        }
    }
}

fn enrol_all(world: &mut World) {
    for name in OFFICIALS.iter().map(|official| official.0).chain(SPARE.iter().copied()) {
        world.enrol(name);
    }
    for device in ["d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9"] {
        world.act(&["f1"], Act::Device { enrols: DeviceId::parse(device).unwrap(), unit: unit("-") });
    }
}

fn appoint_all(world: &mut World) {
    for (name, held, of, home) in OFFICIALS {
        let capacity = match *name {
            "i2" => Capacity::Delegated,
            "h3" => Capacity::Acting,
            _ => Capacity::Regular,
        };
        let to = (capacity != Capacity::Regular).then(|| time(UnixMs(FOUNDED.0 + 29 * 86_400_000)));
        let (person, office, of, home) = (person(name), office(held), unit(of), unit(home));
        let instrument = Commitment(bytes("letter"));
        let act = Act::Appoint { person, office, unit: of.clone(), capacity, home, from: time(FOUNDED), to, instrument };
        let hash = world.act(&["f1", "f2"], act);
        world.take_office(name, held, of.as_str(), hash);
        if *held == "clerk" && *name != "z1" {
            let (from, evidence) = (time(FOUNDED), Commitment(bytes("paper")));
            let act = Act::Qualify { person: crate::world::person(name), qualification: code("training"), from, to: None, evidence };
            world.act(&["r1"], act);
        }
    }
}

fn end_some(world: &mut World) {
    for (device, reason) in [("d3", DeviceReason::Retired), ("d4", DeviceReason::Lost)] {
        world.act(&["f1"], Act::DeviceEnd { ends: DeviceId::parse(device).unwrap(), reason });
    }
    for (name, reason) in [("z3", EndReason::Transferred), ("z4", EndReason::Dismissed)] {
        let appointment = world.offices[name].appointment;
        world.act(&["r1"], Act::AppointEnd { person: person(name), appointment, reason });
    }
    world.rotate("v4", "v4 again");
    let revoked = key("p4").public().bytes();
    world.act(&["f1"], Act::Revoke { person: person("p4"), key: revoked, reason: RevokeReason::Lost, suspected: None });
}

/// The new key of a person's rotation; the proof is not looked at where signatures are not.
pub fn rotation(person: &signer::value::PersonId, replaces: KeyBytes, to: &str) -> NewKey {
    NewKey { person: person.clone(), replaces, key: key(to).public().bytes(), proof: signer::strict::Signature([0; 64]) }
}

/// Nearly as many lines as one list may have, by t4; nearly as many bytes as may wait, by t2.
fn hoard(world: &mut World) {
    let sheet = |list: &str, part: u64, lines: Vec<ResultLine>| {
        Act::Sheet(Sheet { list: code(list), kind: SheetKind::Results, part, lines: SheetLines::Results(lines) })
    };
    let result = |id: String, failed: Option<&str>| ResultLine { case: CaseId::parse(&id).unwrap(), failed: failed.map(code) };
    for part in 0..5_u64 {
        let lines = if part == 4 { 3_198 } else { 4_200 };
        let lines = (0..lines).map(|n| result(format!("{part}a{n:04}"), None)).collect();
        world.act(&["fin2"], sheet("long", part, lines));
    }
    let reason = "r".repeat(40);
    for part in 0..36_u64 {
        let lines = if part == 35 { 493 } else { 640 };
        let lines = (0..lines).map(|n| result(format!("{part:02}x{}{n:04}", "c".repeat(33)), Some(&reason))).collect();
        world.act(&["fin3"], sheet(["heavy", "heavier"][part as usize / 18], part % 18, lines));
    }
}
