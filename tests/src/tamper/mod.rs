//! Ledgers that were tampered with: what was changed, and what must be found first.

mod entries;
mod files;
mod thief;

use signer::Rule;
use signer::act::{Act, Constitution, DeviceReason, EndReason};
use signer::value::DeviceId;

use crate::cluster::on_a_cluster;
use crate::rules::acts::{amendment, qualification, relation, witness};
use crate::rules::keys::revocation;
use crate::trial::{Given, Trial};
use crate::world::{FOUNDED, PROCEDURE, World, constitution, key, time};

/// A tampered ledger. The trial's own list of findings is not used: a change early in a log is found in many places.
pub struct Tampered {
    /// The ledger, and the verdict.
    pub trial: Trial,
    /// The first finding of level error or, where all are notes, the first: it says what was changed, or from where on.
    pub first: (Rule, u64),
}

/// All of them.
pub fn tampered() -> Vec<Tampered> {
    let mut corpus = Corpus(Vec::new());
    entries::fill(&mut corpus);
    files::fill(&mut corpus);
    thief::fill(&mut corpus);
    corpus.0
}

/// Ledgers that nobody touched.
pub fn honest() -> Vec<Trial> {
    let trial = |name: &str, world: &World, policy: Given| Trial { policy, verdict: "holds", ..crate::rules::trial(name, world) };
    let (whole, long, cluster) = (whole_life(), long(), on_a_cluster());
    let policy = |world: &World| Given::Outside(world.policy(true).into_bytes());
    vec![
        trial("every act once", &whole, policy(&whole)),
        trial("two bundles", &long, policy(&long)),
        trial("on a cluster", &cluster, policy(&cluster)),
        trial("a founding alone", &World::founded(), Given::Outside(World::founded().policy(false).into_bytes())),
    ]
}

pub(crate) struct Corpus(Vec<Tampered>);

impl Corpus {
    /// A changed folder of a world, against a policy that asks for the checkpoint key and witness w1.
    fn add(&mut self, name: &str, world: &World, verdict: &'static str, first: (Rule, u64), change: impl FnOnce(&mut Trial)) {
        let mut trial = Trial { verdict, ..crate::rules::trial(name, world) };
        trial.policy = Given::Outside(world.policy(true).into_bytes());
        change(&mut trial);
        self.0.push(Tampered { trial, first });
    }
}

/// A ledger in which every act of section 5 occurs.
pub fn whole_life() -> World {
    let mut world = World::staffed();
    world.act(&["r1"], qualification("c1", FOUNDED, None));
    world.import("case-1", 1);
    world.act(&["s1"], relation("a1", "c1"));
    world.rotate("a1", "a1-2");
    world.import("case-1", 2);
    world.act(&["r1"], Act::DeviceEnd { ends: DeviceId::parse("d2").unwrap(), reason: DeviceReason::Retired });
    let suspected = Some(time(FOUNDED.plus_ms(9_000)));
    world.act(&["s1"], revocation("c1", "c1", suspected));
    let new = world.new_key("c1", &key("c1"), "c1-2");
    world.act(&["r1", "s1"], Act::Rekey(new));
    world.keys.insert("c1".into(), key("c1-2"));
    let clerk = world.offices["c1"].appointment;
    world.act(&["r1"], Act::AppointEnd { person: crate::world::person("c1"), appointment: clerk, reason: EndReason::Transferred });
    let amended = Constitution { witnesses: vec![witness("w1.example", "w1"), witness("w2.example", "w2")], ..constitution() };
    let hash = world.act(&["f1", "f2"], amendment(amended));
    ["f1", "f2", "f3"].into_iter().for_each(|id| world.take_office(id, "founder", "-", hash));
    world.enact(&PROCEDURE.replace("version = 1", "version = 2"));
    world.cosign();
    for record in 3..8 {
        world.import(&format!("case-{}", record % 2), record);
    }
    world.cosign();
    world.import("case-1", 9);
    world
}

/// A ledger of more entries than a bundle holds.
pub(crate) fn long() -> World {
    let mut world = World::staffed();
    for record in 0..150 {
        world.import(&format!("case-{}", record % 7), record);
    }
    world.cosign();
    for record in 150..260 {
        world.import(&format!("case-{}", record % 7), record);
    }
    world.cosign();
    world.import("case-0", 260);
    world
}
