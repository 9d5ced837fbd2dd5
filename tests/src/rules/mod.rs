//! For every rule that an audit can report, ledgers that break it and nothing else; and honest twins that break nothing.

pub mod acts;
mod appointments;
mod appointments_of_programme;
mod attacks;
mod case_acts;
mod check;
mod cluster;
mod cosigned;
mod enactments;
pub(crate) mod files;
mod header;
mod index;
pub(crate) mod keys;
mod lists;
mod money;
mod others_lists;
mod postings;
mod procedures_of_programme;
mod programme_rules;
mod stages;
mod steps;
mod text;

use ledger::entry::Entry;
use signer::Rule;
use signer::act::Act;
use signer::value::{DeviceId, UnixMs};

use crate::programme::Stage;
use crate::trial::{Given, Image, Submission, Trial};
use crate::world::{World, unit};

/// All of them.
pub fn trials() -> Vec<Trial> {
    let mut table = Table::default();
    text::fill(&mut table);
    check::fill(&mut table);
    acts::fill(&mut table);
    appointments::fill(&mut table);
    enactments::fill(&mut table);
    keys::fill(&mut table);
    cosigned::fill(&mut table);
    header::fill(&mut table);
    files::fill(&mut table);
    stages::fill(&mut table);
    attacks::fill(&mut table);
    procedures_of_programme::fill(&mut table);
    programme_rules::fill(&mut table);
    index::fill(&mut table);
    cluster::fill(&mut table);
    appointments_of_programme::fill(&mut table);
    postings::fill(&mut table);
    money::fill(&mut table);
    lists::fill(&mut table);
    others_lists::fill(&mut table);
    case_acts::fill(&mut table);
    steps::fill(&mut table);
    table.0
}

/// The trials so far.
#[derive(Default)]
pub(crate) struct Table(Vec<Trial>);

impl Table {
    /// A ledger in which nothing is found.
    pub(crate) fn holds(&mut self, name: &str, mut world: World, build: impl FnOnce(&mut World)) {
        build(&mut world);
        self.0.push(Trial { verdict: "holds", door: submission(&world), ..trial(name, &world) });
    }

    /// A ledger whose last built entry is admitted with this one warning, and in which nothing else is found.
    pub(crate) fn warned(&mut self, rule: Rule, name: &str, mut world: World, build: impl FnOnce(&mut World)) {
        build(&mut world);
        let warned = vec![(rule, world.size() - 1)];
        self.0.push(Trial { warned, verdict: "holds", door: submission(&world), ..trial(name, &world) });
    }

    /// A ledger whose last built entry breaks the rule. An honest entry follows: it stands, and is judged without the other.
    pub(crate) fn refused(&mut self, rule: Rule, name: &str, mut world: World, build: impl FnOnce(&mut World)) {
        build(&mut world);
        let (index, door) = (world.size() - 1, submission(&world));
        world.act(&["r1"], Act::Device { enrols: DeviceId::parse("after").unwrap(), unit: unit("00") });
        self.0.push(Trial { expected: vec![(rule, index)], door, ..trial(name, &world) });
    }

    /// The programme at a stage, and an act that breaks a rule.
    pub(crate) fn refuses(&mut self, rule: Rule, name: &str, stage: Stage, build: impl FnOnce(&mut World)) {
        self.refused(rule, name, World::run_to(stage), build);
    }

    /// The programme at a stage, and an act that is admitted without a warning.
    pub(crate) fn admits(&mut self, name: &str, stage: Stage, build: impl FnOnce(&mut World)) {
        self.holds(name, World::run_to(stage), build);
    }

    /// The programme at a stage, and an act that is admitted with a warning.
    pub(crate) fn warns(&mut self, rule: Rule, name: &str, stage: Stage, build: impl FnOnce(&mut World)) {
        self.warned(rule, name, World::run_to(stage), build);
    }

    /// The same where nobody is there to sign an entry that follows.
    pub(crate) fn refused_last(&mut self, rule: Rule, name: &str, mut world: World, build: impl FnOnce(&mut World)) {
        build(&mut world);
        self.0.push(Trial { expected: vec![(rule, world.size() - 1)], door: submission(&world), ..trial(name, &world) });
    }

    /// A founding that breaks the rule: then no checkpoint key is ever in force, which is found too.
    pub(crate) fn founding(&mut self, rule: Rule, name: &str, world: &World) {
        self.0.push(Trial { expected: vec![(rule, 0), (Rule::CheckpointKey, 1)], door: submission(world), ..trial(name, world) });
    }

    /// A ledger whose files were changed, with all that must be found.
    pub(crate) fn found(
        &mut self,
        name: &str,
        world: &World,
        verdict: &'static str,
        expected: &[(Rule, u64)],
        change: impl FnOnce(&mut Trial),
    ) {
        let mut trial = Trial { verdict, expected: expected.to_vec(), ..trial(name, world) };
        change(&mut trial);
        self.0.push(trial);
    }
}

/// A broken ledger, with a policy that trusts its first checkpoint key and asks for no witness.
pub(crate) fn trial(name: &str, world: &World) -> Trial {
    let policy = world.policy_naming(&["checkpoint"]).into_bytes();
    let known = Vec::new();
    Trial {
        name: name.to_owned(),
        image: world.files(),
        policy: Given::Outside(policy),
        known,
        expected: Vec::new(),
        warned: Vec::new(),
        verdict: "broken",
        door: None,
    }
}

/// The last entry, as a submission. None where the entry is no note at all: then nobody can have submitted it.
fn submission(world: &World) -> Option<Submission> {
    let (last, before) = world.entries.split_last()?;
    let entry = Entry::parse(&last.bytes).ok()?;
    let notes: Vec<(UnixMs, Vec<u8>)> = world.notes().into_iter().take(before.len()).collect();
    let image = if before.is_empty() { Image::new() } else { world.rewritten(&notes).files() };
    Some(Submission { before: image, note: entry.note.to_vec(), clock: entry.received })
}

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;
/// The allowance for offline work of the tests' procedure.
pub(crate) const ALLOWANCE_MS: i64 = 72 * 3_600_000;
