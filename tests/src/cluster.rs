//! A ledger on a cluster: epochs, another ledger's checkpoints, incidents. Like the other builders it asks nobody.

use signer::act::{Act, Incident, IncidentKind};
use signer::anchor_note::AnchorNote;
use signer::epoch_note::EpochNote;
use signer::note::SignatureLine;
use signer::strict::Signature;
use signer::value::{LedgerId, NodeName, TreeRoot};
use signer::{Note, SecretKey};

use crate::programme::paper;
use crate::world::{World, bytes, key};

/// The ledger of another county.
pub fn county() -> LedgerId {
    LedgerId::parse("demo.county.example/roll/9936db9822455a74").unwrap()
}

/// A node's name.
pub fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

/// An anchor of a ledger's checkpoint, signed with the key of that name.
pub fn anchor_of(world: &World, anchored: LedgerId, size: u64, signed_with: &str) -> AnchorNote {
    let key = key(signed_with);
    let root = TreeRoot(bytes(&format!("root of {anchored} at {size}")));
    let ledger = world.id.clone();
    let mut anchor = AnchorNote { ledger, anchored, size, root, key: key.public().bytes(), signature: Signature([0; 64]) };
    anchor.signature = key.sign(anchor.checkpoint().text().as_bytes());
    anchor
}

impl World {
    /// What an epoch entry says, under the node's own key.
    pub fn epoch_note(&self, epoch: u64, name: &str) -> EpochNote {
        EpochNote { ledger: self.id.clone(), epoch, node: node(name), key: key(name).public().bytes() }
    }

    /// Appends an epoch entry.
    pub fn epoch(&mut self, epoch: u64, name: &str) -> u64 {
        let note = self.epoch_note(epoch, name).sign(&self.checkpoint_key);
        self.push(note.encode().as_bytes())
    }

    /// What an anchor entry of the county's ledger says.
    pub fn anchor_note(&self, size: u64) -> AnchorNote {
        anchor_of(self, county(), size, "county")
    }

    /// Appends an anchor entry of the county's ledger.
    pub fn anchor(&mut self, size: u64) -> u64 {
        let note = self.anchor_note(size).sign(&self.checkpoint_key);
        self.push(note.encode().as_bytes())
    }

    /// Appends a note of this text with the ledger's own signature, whatever it is.
    pub fn push_own(&mut self, text: &str) -> u64 {
        let note = own(self, text, &self.checkpoint_key);
        self.push(note.encode().as_bytes())
    }

    /// An incident, at what whoever signs it has seen.
    pub fn incident(&self, kind: IncidentKind, generation: u64) -> Incident {
        let seen = self.history.seen_at(self.size()).unwrap();
        let (size, root) = (seen.size, seen.root);
        Incident { kind, node: node("node-1"), generation, size, root, document: paper("report") }
    }
}

fn own(world: &World, text: &str, key: &SecretKey) -> Note {
    let line = SignatureLine::ed25519(world.id.as_str(), &key.public(), &key.sign(text.as_bytes()));
    Note { text: text.to_owned(), signatures: vec![line] }
}

/// A ledger in which every entry of sections 5.18 to 5.20 occurs, before a procedure and under one.
pub fn on_a_cluster() -> World {
    let mut world = World::founded();
    world.epoch(1, "node-1");
    let lost = world.incident(IncidentKind::StreamLost, 2);
    world.act(&["f1"], Act::Incident(lost));
    world.staff();
    world.import("case-1", 1);
    world.anchor(17);
    world.epoch(2, "node-2.county");
    world.cosign();
    let restored = world.incident(IncidentKind::NodeRestored, 0);
    world.act(&["f2"], Act::Incident(restored));
    world.anchor(18);
    world.epoch(3, "node-1");
    world.import("case-1", 2);
    world
}
