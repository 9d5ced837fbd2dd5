//! Index entries: what the ledger says of its own indexes, day by day (sections 5.17, 11 point 5 and 18).

use ledger::refusal_note::RefusalNote;
use sha2::{Digest as _, Sha256};
use signer::Rule;
use signer::act::Constitution;
use signer::index_note::IndexNote;
use signer::note::note_hash;
use signer::value::{IndexRoot, UnixMs};

use super::Table;
use super::acts::amendment;
use super::files::refusal;
use crate::programme::Stage::{self, Noticed, Opened, Staffed, Visited};
use crate::programme::{CASES, PROGRAMME};
use crate::trial::Trial;
use crate::world::{World, constitution, key};

pub(super) fn fill(table: &mut Table) {
    formats(table);
    signatures(table);
    roots(table);
    lives(table);
    followed(table);
    missing(table);
    refusals(table);
}

/// The programme under a procedure that asks for an index entry a day.
fn daily() -> World {
    let mut world = World::programme_of(&PROGRAMME.replace("daily = false", "daily = true"));
    world.run_on(Staffed, Opened);
    world
}

/// An index entry that is changed before it is signed, or after.
fn index(w: &mut World, edit: impl FnOnce(&mut IndexNote), after: impl FnOnce(&mut signer::Note)) {
    let mut index = w.index_note();
    edit(&mut index);
    let mut note = index.sign(&w.checkpoint_key);
    after(&mut note);
    w.push(note.encode().as_bytes());
}

fn formats(table: &mut Table) {
    let mut form = |name: &str, edit: &dyn Fn(String) -> String| {
        table.refuses(Rule::IndexFormat, &format!("an index entry {name}"), Opened, |w| {
            let text = edit(w.index_note().text());
            w.push_index_text(&text);
        });
    };
    form("with a further line", &|text| text + "more\n");
    form("without its last line", &|text| text.split_inclusive('\n').take(4).collect());
    form("with a number that begins with a zero", &|text| text.replace("cases 5", "cases 05"));
    form("with its lines in another order", &|text| text.replace("cases", "case-s").replace("keys", "cases").replace("case-s", "keys"));
    form("with two spaces", &|text| text.replace("keys ", "keys  "));
    table.refuses(Rule::IndexFormat, "an index entry with two signatures", Opened, |w| {
        index(w, |_| {}, |note| note.signatures.push(note.signatures[0].clone()));
    });
    table.refuses(Rule::IndexFormat, "an index entry signed under another name", Opened, |w| {
        index(w, |_| {}, |note| note.signatures[0].name = "f1".to_owned());
    });
    table.refuses(Rule::IndexFormat, "an index entry with a short signature", Opened, |w| {
        index(w, |_| {}, |note| note.signatures[0].payload.truncate(63));
    });
    table.refuses(Rule::StatementKind, "an index entry of a later version", Opened, |w| {
        let text = w.index_note().text().replace("index v1", "index v2");
        w.push_index_text(&text);
    });
}

fn signatures(table: &mut Table) {
    table.refuses(Rule::LedgerOther, "an index entry of another ledger", Opened, |w| {
        let other = super::files::other().id;
        index(w, |index| index.ledger = other, |_| {});
    });
    table.refuses(Rule::IndexSignature, "an index entry signed by a thief", Opened, |w| {
        let note = w.index_note().sign(&key("thief"));
        w.push(note.encode().as_bytes());
    });
    table.refuses(Rule::IndexSignature, "an index entry changed after it was signed", Opened, |w| {
        index(w, |_| {}, |note| note.text = note.text.replace("cases 5", "cases 4"));
    });
    let mut changed = World::run_to(Opened);
    changed.act(&["f1", "f2"], amendment(Constitution { checkpoint_key: key("checkpoint-2").public().bytes(), ..constitution() }));
    changed.checkpoint_key = key("checkpoint-2");
    let note = changed.index_note().sign(&key("checkpoint"));
    changed.push(note.encode().as_bytes());
    let found = [(Rule::IndexSignature, changed.size() - 1)];
    table.found("an index entry signed with the checkpoint key before", &changed, "broken", &found, |trial| {
        trial.policy = crate::trial::Given::Outside(changed.policy_naming(&["checkpoint-2"]).into_bytes());
    });
}

fn roots(table: &mut Table) {
    let other = IndexRoot([7; 32]);
    let mut unlike = |name: &str, edit: &dyn Fn(&mut IndexNote)| {
        table.refuses(Rule::IndexUnlike, &format!("an index entry with {name}"), Opened, |w| index(w, edit, |_| {}));
    };
    unlike("another number of cases", &|index| index.cases.0 += 1);
    unlike("another root of cases", &|index| index.cases.1 = other);
    unlike("another number of keys", &|index| index.keys.0 += 1);
    unlike("another root of keys", &|index| index.keys.1 = other);
    table.refuses(Rule::IndexUnlike, "an index entry of the day before", Opened, |w| {
        let before = w.index_note();
        w.step(&["v1", "v2"], w.visit("p1"));
        w.push(before.sign(&w.checkpoint_key).encode().as_bytes());
    });
    table.refuses(Rule::IndexUnlike, "an index entry from before somebody objected", Opened, |w| {
        let before = w.index_note();
        super::case_acts::object(w, "p1");
        w.push(before.sign(&w.checkpoint_key).encode().as_bytes());
    });
    table.refuses(Rule::IndexUnlike, "an index entry from before a key was revoked", Opened, |w| {
        let before = w.index_note();
        w.act(&["r1"], super::keys::revocation("v3", "v3", None));
        w.push(before.sign(&w.checkpoint_key).encode().as_bytes());
    });
    table.admits("an index entry from before a sheet, which names no case", Visited, |w| {
        let before = w.index_note();
        w.list(&["h1"], "l1", CASES);
        w.push(before.sign(&w.checkpoint_key).encode().as_bytes());
    });
}

/// Both implementations make the same map at every stage.
fn lives(table: &mut Table) {
    for stage in Stage::ALL {
        table.admits(&format!("an index entry at the stage {stage:?}"), *stage, |w| _ = w.index());
    }
    table.admits("an index entry after an import and a rotation", Noticed, |w| {
        w.act(&["r1"], w.record("old", 1));
        w.rotate("r1", "r1-2");
        w.index();
    });
}

/// What changed since the index entry before is in the next one.
fn followed(table: &mut Table) {
    let mut after = |what: &str, change: &dyn Fn(&mut World)| {
        table.holds(&format!("two index entries with {what} between them"), daily(), |w| {
            w.index();
            change(w);
            w.index();
        });
    };
    after("a person enrolled", &|w| _ = w.enrol("x9"));
    after("a key rotated", &|w| w.rotate("r1", "r1-2"));
    after("a key revoked", &|w| _ = w.act(&["r1"], super::keys::revocation("v3", "v3", None)));
    after("a case opened", &|w| w.open_case("q1", "07-01", &["c1"]));
    after("a case visited", &|w| _ = w.step(&["v1", "v2"], w.visit("p1")));
    after("an import", &|w| _ = w.act(&["r1"], w.record("old", 1)));
}

fn missing(table: &mut Table) {
    table.holds("no index entry on the day on which the procedure came into force", daily(), |_| {});
    table.refused_last(Rule::IndexMissing, "a first statement of the next day without an index entry", daily(), |w| {
        w.pass(1);
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.holds("an index entry, and then the next day's first statement", daily(), |w| {
        w.pass(1);
        w.index();
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.holds("an amendment on a day without an index entry", daily(), |w| {
        w.pass(1);
        w.act(&["f1", "f2"], amendment(constitution()));
    });
    table.refused_last(Rule::IndexMissing, "a day after an index entry in the last second of the day before", daily(), |w| {
        w.leap_to("2026-01-05T23:59:59");
        w.index();
        w.leap_to("2026-01-06T00:00:00");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.holds("an index entry in the first second of a day, and a statement in its last", daily(), |w| {
        w.leap_to("2026-01-06T00:00:00");
        w.cosign();
        w.index();
        w.leap_to("2026-01-06T23:59:59");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.holds("a day without statements needs no index entry", daily(), |w| w.pass(3));
    table.refused_last(Rule::IndexSignature, "an index entry that is wrong does not count for the day", daily(), |w| {
        w.pass(1);
        let note = w.index_note().sign(&key("thief"));
        w.push(note.encode().as_bytes());
    });
}

/// What a refusal received at a time looks like.
fn refused_at(world: &World, at: UnixMs, what: &str) -> RefusalNote {
    RefusalNote { received: at, submitted: note_hash(what.as_bytes()), ..refusal(world, 9) }
}

/// The root over refusal notes, in order of their files' names.
fn root_of(world: &World, refusals: &[RefusalNote]) -> (u64, IndexRoot) {
    let mut named: Vec<(String, [u8; 32])> =
        refusals.iter().map(|one| (one.file_name(), Sha256::digest(one.sign(&world.checkpoint_key).encode()).into())).collect();
    named.sort();
    (named.len() as u64, IndexRoot(signer::merkle::list_root(named.iter().map(|(_, hash)| hash)).0))
}

fn keep(world: &World, trial: &mut Trial, refusals: &[RefusalNote]) {
    for one in refusals {
        trial.image.insert(format!("refusals/{}", one.file_name()), one.sign(&world.checkpoint_key).encode().into_bytes());
    }
}

fn refusals(table: &mut Table) {
    let world = World::run_to(Opened);
    let (begin, end) = (world.history.received(0).unwrap(), world.clock);
    let counted = [refused_at(&world, begin, "one"), refused_at(&world, end.plus_ms(-1), "two"), refused_at(&world, begin, "three")];
    let outside = refused_at(&world, end, "four");
    let mut indexed = world.fork();
    index(&mut indexed, |index| index.refusals = root_of(&world, &counted), |_| {});
    let place = indexed.size() - 1;
    let folder = |table: &mut Table, name: &str, expected: &[(Rule, u64)], kept: &[RefusalNote]| {
        let verdict = if expected.is_empty() { "holds" } else { "broken" };
        table.found(name, &indexed, verdict, expected, |trial| keep(&world, trial, kept));
    };
    let unlike = [(Rule::RefusalsUnlike, place)];
    let [one, two, three] = counted.clone();
    folder(table, "every refusal that the index entry counts", &[], &counted);
    folder(table, "a refusal after the index entry", &[], &[one.clone(), two.clone(), three.clone(), outside]);
    folder(table, "a refusal that was taken away", &unlike, &[one.clone(), two.clone()]);
    folder(table, "all refusals taken away", &unlike, &[]);
    folder(table, "a refusal that was added", &unlike, &[one.clone(), two.clone(), three.clone(), refused_at(&world, begin, "five")]);
    folder(table, "a refusal changed for another", &unlike, &[one.clone(), two, refused_at(&world, begin, "six")]);
    let mut early = world.fork();
    early.tick_ms = 1;
    index(&mut early, |index| index.refusals = root_of(&world, &counted), |_| {});
    index(&mut early, |index| index.refusals = root_of(&world, &[]), |_| {});
    index(&mut early, |index| index.refusals = root_of(&world, &[one]), |_| {});
    table.found(
        "an index entry that counts what the one before counted",
        &early,
        "broken",
        &[(Rule::RefusalsUnlike, place + 2)],
        |trial| {
            keep(&world, trial, &counted);
        },
    );
}
