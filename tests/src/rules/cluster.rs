//! What a ledger on a cluster says of itself and of others: epochs, anchors, incidents (sections 5.18 to 5.20).

use signer::Rule;
use signer::act::{Act, Constitution, Incident, IncidentKind};
use signer::anchor_note::AnchorNote;
use signer::epoch_note::EpochNote;
use signer::value::{LedgerId, TreeRoot};

use super::acts::amendment;
use super::check::bad_keys;
use super::{ALLOWANCE_MS, DAY_MS, Table};
use crate::cluster::{anchor_of, county, node, on_a_cluster};
use crate::programme::{PROGRAMME, Stage};
use crate::trial::Given;
use crate::world::{PROCEDURE, World, constitution, key};

pub(super) fn fill(table: &mut Table) {
    table.holds("a ledger on a cluster", on_a_cluster(), |_| {});
    epoch_formats(table);
    epoch_signatures(table);
    epoch_order(table);
    epochs_without_witness(table);
    anchor_formats(table);
    anchor_signatures(table);
    anchors(table);
    days(table);
    incidents(table);
    incidents_governed(table);
}

/// An epoch entry that is changed before it is signed, or after.
fn epoch(w: &mut World, edit: impl FnOnce(&mut EpochNote), after: impl FnOnce(&mut signer::Note)) {
    let mut epoch = w.epoch_note(1, "node-1");
    edit(&mut epoch);
    let mut note = epoch.sign(&w.checkpoint_key);
    after(&mut note);
    w.push(note.encode().as_bytes());
}

/// The same of an anchor entry.
fn anchor(w: &mut World, edit: impl FnOnce(&mut AnchorNote), after: impl FnOnce(&mut signer::Note)) {
    let mut anchor = w.anchor_note(17);
    edit(&mut anchor);
    let mut note = anchor.sign(&w.checkpoint_key);
    after(&mut note);
    w.push(note.encode().as_bytes());
}

fn epoch_formats(table: &mut Table) {
    let mut form = |name: &str, from: &str, to: &str| {
        table.refused(Rule::EpochFormat, &format!("an epoch entry {name}"), World::staffed(), |w| {
            let text = w.epoch_note(1, "node-1").text();
            assert!(text.contains(from), "{from}");
            w.push_own(&text.replacen(from, to, 1));
        });
    };
    form("of number zero", "epoch 1", "epoch 0");
    form("with a number that begins with a zero", "epoch 1", "epoch 01");
    form("with a further line", "node node-1 ", "more\nnode node-1 ");
    form("with its lines in another order", "epoch 1\nnode", "node 1\nepoch");
    form("with two spaces", "epoch 1", "epoch  1");
    form("whose node begins with a digit", "node node-1 ", "node 1-node ");
    form("whose node has a capital letter", "node node-1 ", "node Node-1 ");
    form("whose node's name has 65 characters", "node node-1 ", &format!("node {} ", "n".repeat(65)));
    form("whose node has no name", "node node-1 ", "node ");
    form("with a word before the key", "node node-1 ", "node node-1 ed25519 ");
    table.refused(Rule::EpochFormat, "an epoch entry without its last line", World::staffed(), |w| {
        let text: String = w.epoch_note(1, "node-1").text().split_inclusive('\n').take(3).collect();
        w.push_own(&text);
    });
    table.refused(Rule::EpochFormat, "an epoch entry with two signatures", World::staffed(), |w| {
        epoch(w, |_| {}, |note| note.signatures.push(note.signatures[0].clone()));
    });
    table.refused(Rule::EpochFormat, "an epoch entry signed under another name", World::staffed(), |w| {
        epoch(w, |_| {}, |note| note.signatures[0].name = "f1".to_owned());
    });
    table.refused(Rule::EpochFormat, "an epoch entry with a short signature", World::staffed(), |w| {
        epoch(w, |_| {}, |note| note.signatures[0].payload.truncate(63));
    });
    table.refused(Rule::StatementKind, "an epoch entry of a later version", World::staffed(), |w| {
        let text = w.epoch_note(1, "node-1").text().replace("epoch v1", "epoch v2");
        w.push_own(&text);
    });
    table.holds("an epoch entry whose node's name has 64 characters", World::staffed(), |w| _ = w.epoch(1, &"n".repeat(64)));
    table.holds("an epoch entry whose node's name is one letter", World::staffed(), |w| _ = w.epoch(1, "n"));
}

fn epoch_signatures(table: &mut Table) {
    table.refused(Rule::LedgerOther, "an epoch entry of another ledger", World::staffed(), |w| {
        epoch(w, |epoch| epoch.ledger = county(), |_| {});
    });
    for (why, bad) in bad_keys() {
        table.refused(Rule::KeyEncoding, &format!("an epoch entry with a node's key of {why}"), World::staffed(), |w| {
            epoch(w, |epoch| epoch.key = bad, |_| {});
        });
    }
    table.refused(Rule::EpochSignature, "an epoch entry signed by a thief", World::staffed(), |w| {
        let note = w.epoch_note(1, "node-1").sign(&key("thief"));
        w.push(note.encode().as_bytes());
    });
    table.refused(Rule::EpochSignature, "an epoch entry signed by the node itself", World::staffed(), |w| {
        let note = w.epoch_note(1, "node-1").sign(&key("node-1"));
        w.push(note.encode().as_bytes());
    });
    table.refused(Rule::EpochSignature, "an epoch entry changed after it was signed", World::staffed(), |w| {
        epoch(w, |_| {}, |note| note.text = note.text.replace("node-1", "node-2"));
    });
    before(table, "an epoch entry", Rule::EpochSignature, &|w| w.epoch_note(1, "node-1").sign(&key("checkpoint")));
}

/// A note that the checkpoint key before signs.
fn before(table: &mut Table, what: &str, rule: Rule, note: &dyn Fn(&World) -> signer::Note) {
    let mut changed = World::staffed();
    changed.act(&["f1", "f2"], amendment(Constitution { checkpoint_key: key("checkpoint-2").public().bytes(), ..constitution() }));
    changed.checkpoint_key = key("checkpoint-2");
    let note = note(&changed);
    changed.push(note.encode().as_bytes());
    let found = [(rule, changed.size() - 1)];
    table.found(&format!("{what} signed with the checkpoint key before"), &changed, "broken", &found, |trial| {
        trial.policy = Given::Outside(changed.policy_naming(&["checkpoint-2"]).into_bytes());
    });
}

fn epoch_order(table: &mut Table) {
    let taken = || {
        let mut world = World::staffed();
        world.epoch(1, "node-1");
        world
    };
    table.refused(Rule::EpochOrder, "a first epoch that is the second", World::staffed(), |w| _ = w.epoch(2, "node-1"));
    table.refused(Rule::EpochOrder, "an epoch of the same number by another node", taken(), |w| _ = w.epoch(1, "node-2"));
    table.refused(Rule::EpochOrder, "the same epoch once again", taken(), |w| _ = w.epoch(1, "node-1"));
    table.refused(Rule::EpochOrder, "an epoch that leaves one out", taken(), |w| _ = w.epoch(3, "node-2"));
    table.refused(Rule::EpochOrder, "the largest number as an epoch", taken(), |w| _ = w.epoch(signer::value::NUMBER_MAX, "node-2"));
    table.holds("the next epoch, of another node", taken(), |w| _ = w.epoch(2, "node-2"));
    table.holds("the next epoch, of the same node", taken(), |w| _ = w.epoch(2, "node-1"));
    table.holds("an epoch of a node with an official's key", taken(), |w| {
        epoch(w, |epoch| (epoch.epoch, epoch.key) = (2, key("r1").public().bytes()), |_| {});
    });
    table.holds("an epoch before anything is enacted", World::founded(), |w| _ = w.epoch(1, "node-1"));
    let mut world = taken();
    world.epoch(3, "node-3");
    let place = world.size() - 1;
    world.epoch(2, "node-2");
    table.found("an epoch that is not admitted does not count", &world, "broken", &[(Rule::EpochOrder, place)], |_| {});
}

fn epochs_without_witness(table: &mut Table) {
    let late = |ms: i64| {
        let mut world = World::staffed();
        world.clock = world.history.received(0).unwrap().plus_ms(DAY_MS + ms);
        world
    };
    table.holds("an epoch after a day without a witness", late(1), |w| _ = w.epoch(1, "node-1"));
    table.refused_last(Rule::Unwitnessed, "an epoch is no witness", late(1), |w| {
        w.epoch(1, "node-1");
        w.import("case-1", 1);
    });
    table.refused_last(Rule::Unwitnessed, "an anchor after a day without a witness", late(1), |w| _ = w.anchor(17));
    table.holds("an anchor at the end of a day without a witness", late(0), |w| _ = w.anchor(17));
}

fn anchor_formats(table: &mut Table) {
    let mut form = |name: &str, from: &str, to: &str| {
        table.refused(Rule::AnchorFormat, &format!("an anchor entry {name}"), World::staffed(), |w| {
            let text = w.anchor_note(17).text();
            assert!(text.contains(from), "{from}");
            w.push_own(&text.replacen(from, to, 1));
        });
    };
    form("of size zero", " 17 ", " 0 ");
    form("with a size that begins with a zero", " 17 ", " 017 ");
    form("with two spaces", " 17 ", "  17 ");
    form("with a further line", "\nkey ", "\nmore\nkey ");
    form("with a word after the root", "\nkey ", " more\nkey ");
    form("with its lines in another order", "\nkey ", "\nsignature ");
    form("that anchors what is no ledger", "anchored demo.", "anchored Demo.");
    form("with a word before the key", "\nkey ", "\nkey ed25519 ");
    form("with a signature that is no base64", "signature ", "signature AA==");
    table.refused(Rule::AnchorFormat, "an anchor entry with a signature of 63 bytes", World::staffed(), |w| {
        let text = w.anchor_note(17).text();
        let (head, _) = text.split_once("signature ").unwrap();
        w.push_own(&format!("{head}signature {}\n", signer::value::base64(&[7; 63])));
    });
    table.refused(Rule::AnchorFormat, "an anchor entry without its last line", World::staffed(), |w| {
        let text: String = w.anchor_note(17).text().split_inclusive('\n').take(4).collect();
        w.push_own(&text);
    });
    table.refused(Rule::AnchorFormat, "an anchor entry with two signatures", World::staffed(), |w| {
        anchor(w, |_| {}, |note| note.signatures.push(note.signatures[0].clone()));
    });
    table.refused(Rule::AnchorFormat, "an anchor entry signed under the other ledger's name", World::staffed(), |w| {
        anchor(w, |_| {}, |note| note.signatures[0].name = county().to_string());
    });
    table.refused(Rule::StatementKind, "an anchor entry of a later version", World::staffed(), |w| {
        let text = w.anchor_note(17).text().replace("anchor v1", "anchor v2");
        w.push_own(&text);
    });
}

fn anchor_signatures(table: &mut Table) {
    table.refused(Rule::LedgerOther, "an anchor entry of another ledger", World::staffed(), |w| {
        anchor(w, |anchor| anchor.ledger = county(), |_| {});
    });
    for (why, bad) in bad_keys() {
        table.refused(Rule::KeyEncoding, &format!("an anchor under a key of {why}"), World::staffed(), |w| {
            anchor(w, |anchor| anchor.key = bad, |_| {});
        });
    }
    table.refused(Rule::AnchorSignature, "an anchor entry signed by a thief", World::staffed(), |w| {
        let note = w.anchor_note(17).sign(&key("thief"));
        w.push(note.encode().as_bytes());
    });
    let mut other = |name: &str, edit: fn(&mut AnchorNote)| {
        table.refused(Rule::AnchorSignature, name, World::staffed(), |w| anchor(w, edit, |_| {}));
    };
    other("an anchor of another size than was signed", |anchor| anchor.size += 1);
    other("an anchor of another root than was signed", |anchor| anchor.root = TreeRoot([7; 32]));
    other("an anchor of another ledger than was signed", |anchor| {
        anchor.anchored = LedgerId::parse("demo.county.example/roll/9936db9822455a75").unwrap();
    });
    other("an anchor under another key than signed", |anchor| anchor.key = key("thief").public().bytes());
    other("an anchor with one bit of its signature", |anchor| anchor.signature.0[40] ^= 4);
    other("an anchor whose signature is all zeros", |anchor| anchor.signature.0 = [0; 64]);
    before(table, "an anchor entry", Rule::AnchorSignature, &|w| w.anchor_note(17).sign(&key("checkpoint")));
}

fn anchors(table: &mut Table) {
    let anchored = || {
        let mut world = World::staffed();
        world.anchor(17);
        world
    };
    let push = |w: &mut World, anchor: AnchorNote| {
        let note = anchor.sign(&w.checkpoint_key);
        w.push(note.encode().as_bytes());
    };
    table.refused(Rule::AnchorOwn, "an anchor of the ledger itself", World::staffed(), |w| {
        let anchor = anchor_of(w, w.id.clone(), 3, "checkpoint");
        push(w, anchor);
    });
    table.refused(Rule::AnchorOld, "the same anchor once again", anchored(), |w| _ = w.anchor(17));
    table.refused(Rule::AnchorOld, "an anchor of one entry fewer", anchored(), |w| _ = w.anchor(16));
    table.refused(Rule::AnchorOld, "an anchor of the same size with another root", anchored(), |w| {
        let mut anchor = AnchorNote { root: TreeRoot([7; 32]), ..w.anchor_note(17) };
        anchor.signature = key("county").sign(anchor.checkpoint().text().as_bytes());
        push(w, anchor);
    });
    table.holds("an anchor of one entry", World::staffed(), |w| _ = w.anchor(1));
    table.holds("an anchor of one entry more", anchored(), |w| _ = w.anchor(18));
    table.holds("an anchor of the same ledger under its next key", anchored(), |w| {
        let anchor = anchor_of(w, county(), 18, "county again");
        push(w, anchor);
    });
    table.holds("an anchor of a second ledger, smaller than the first's", anchored(), |w| {
        let second = LedgerId::parse("demo.county.example/roll/0036db9822455a74").unwrap();
        let anchor = anchor_of(w, second, 2, "county");
        push(w, anchor);
        w.anchor(18);
    });
    let mut world = anchored();
    anchor(&mut world, |anchor| anchor.size = 30, |_| {});
    let place = world.size() - 1;
    world.anchor(18);
    table.found("an anchor that is not admitted does not count", &world, "broken", &[(Rule::AnchorSignature, place)], |_| {});
}

/// Neither needs the day's index entry, nor is one.
fn days(table: &mut Table) {
    let tomorrow = || {
        let mut world = World::programme_of(&PROGRAMME.replace("daily = false", "daily = true"));
        world.run_on(Stage::Staffed, Stage::Opened);
        world.pass(1);
        world
    };
    table.holds("an epoch and an anchor on a day without an index entry", tomorrow(), |w| {
        w.epoch(1, "node-1");
        w.anchor(17);
    });
    table.refused_last(Rule::IndexMissing, "an epoch and an anchor are no index entry", tomorrow(), |w| {
        w.epoch(1, "node-1");
        w.anchor(17);
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refused_last(Rule::IndexMissing, "an incident on a day without an index entry", tomorrow(), |w| {
        let act = Act::Incident(w.incident(IncidentKind::Other, 0));
        w.act(&["f1"], act);
    });
}

fn incidents(table: &mut Table) {
    let mut unlike = |name: &str, edit: fn(&World, &mut Incident)| {
        table.refused(Rule::IncidentUnlike, &format!("an incident with {name}"), World::staffed(), |w| {
            let mut incident = w.incident(IncidentKind::StreamLost, 2);
            edit(w, &mut incident);
            w.act(&["f1"], Act::Incident(incident));
        });
    };
    unlike("one entry more than there is", |_, incident| incident.size += 1);
    unlike("one entry fewer, under the root of all", |_, incident| incident.size -= 1);
    unlike("another root", |_, incident| incident.root = TreeRoot([7; 32]));
    unlike("the size and root before what its signer had seen", |w, incident| {
        incident.size -= 1;
        incident.root = w.history.tree().root_at(incident.size).unwrap();
    });
    table.holds("an incident at what its signer had seen three days ago", World::unwitnessed(), |w| {
        let (seen, incident) = (w.history.seen_at(w.size()).unwrap(), w.incident(IncidentKind::SegmentsDamaged, 0));
        w.import("case-1", 1);
        w.clock = w.history.received(seen.size - 1).unwrap().plus_ms(ALLOWANCE_MS);
        w.act_with(&["f1"], Act::Incident(incident), |header| header.seen = seen);
    });
    for kind in ["stream-lost", "stream-damaged", "segments-damaged", "node-restored", "other"] {
        table.holds(&format!("an incident of the kind {kind}"), World::staffed(), |w| {
            let incident = Incident { node: node("n.1"), ..w.incident(IncidentKind::parse(kind).unwrap(), 0) };
            w.act(&["f1"], Act::Incident(incident));
        });
    }
    table.refused(Rule::Value, "an incident of no kind that there is", World::staffed(), |w| {
        let act = Act::Incident(w.incident(IncidentKind::Other, 0));
        w.act_text(&["f1"], act, |text| text.replace("incident other", "incident fire"));
    });
}

fn incidents_governed(table: &mut Table) {
    let incident = |w: &mut World, by: &[&str]| {
        let act = Act::Incident(w.incident(IncidentKind::StreamLost, 2));
        w.act(by, act);
    };
    table.holds("an incident before anything is enacted, by one founder", World::founded(), |w| incident(w, &["f3"]));
    table.holds("an incident under a procedure without a table for it, by one founder", World::staffed(), |w| incident(w, &["f3"]));
    table.refused(Rule::GovernanceOffice, "an incident by a registrar, where no table says so", World::staffed(), |w| {
        incident(w, &["r1"]);
    });
    table.refused(Rule::GovernanceOffice, "an incident by a founder and a registrar", World::staffed(), |w| incident(w, &["f1", "r1"]));
    let line = "incident = { any = [\"registrar\", \"overseer\"], min = 2, powers = 2 }\n";
    let governed = || {
        let mut world = World::founded();
        let text = PROCEDURE.replace("[governance]\n", &format!("[governance]\n{line}"));
        assert!(text.contains(line));
        world.staff_under(&text);
        world
    };
    table.holds("an incident as the procedure's table says", governed(), |w| incident(w, &["r1", "s1"]));
    table.refused(Rule::GovernanceOffice, "an incident by founders, where a table names others", governed(), |w| {
        incident(w, &["f1", "f2"]);
    });
    table.refused(Rule::GovernanceCount, "an incident by fewer than the table asks for", governed(), |w| incident(w, &["r1"]));
}
