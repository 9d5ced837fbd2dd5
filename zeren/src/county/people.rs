//! Founding, procedure, and everybody in office before the year begins.

use std::collections::{BTreeMap, HashMap};

use ledger::Ledger;
use ledger::procedure::{Procedure, procedure_digest};
use ledger::storage::Folder;
use signer::act::{Act, Capacity, Constitution, EndReason, Founder, Founding, Purpose, Witness};
use signer::possession::{self, Occasion};
use signer::statement::{ProcedureName, statement_hash};
use signer::value::{KeyName, Origin, Power, StatementHash, UnixMs, midnight};
use signer::{SecretKey, Statement};

use super::decades::{self, Large};
use super::plan::{Profile, township_official};
use super::plants::Plants;
use super::truth::Truth;
use super::words::{code, device, office, person, text, unit};
use super::{County, Official, PROCEDURE, first_device};
use crate::archive::WITNESS;
use crate::clock::demo_time;
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::scribe::sign;

/// Founders: person, power.
const FOUNDERS: [(&str, &str); 3] = [("f001", "E"), ("f002", "F"), ("f003", "S")];
const STEMS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];
const BRANCHES: [&str; 12] = ["子", "丑", "寅", "卯", "辰", "巳", "午", "未", "申", "酉", "戌", "亥"];
/// Checkers of the county.
pub(super) const CHECKERS: usize = 32;
/// Checkers who come from the county; the others come one from each township.
pub(super) const COUNTY_CHECKERS: usize = 10;
pub(super) const SUB_GROUPS: usize = 16;

/// Somebody to be appointed: person, office, unit, home, device.
struct Post {
    id: String,
    office: &'static str,
    unit: String,
    home: String,
    device: String,
}

/// A name that nobody has: the sexagenary cycle and a number.
fn name(number: usize) -> String {
    format!("{}{}·{number:03}", STEMS[number % 10], BRANCHES[number % 12])
}

/// The sub-group of a checker, from 1: the county's ten go one each to the first ten.
pub(super) fn sub_group(checker: usize) -> usize {
    (checker - 1) % SUB_GROUPS + 1
}

/// The device that a pair of a township's investigators carries.
pub(super) fn tablet(township: usize, pair: usize) -> String {
    format!("d-{township:02}-pair-{}", pair + 1)
}

fn posts(profile: Profile) -> Vec<Post> {
    let mut all = Vec::new();
    let mut post = |id: String, office: &'static str, unit: &str, home: &str, device: &str| {
        all.push(Post { id, office, unit: unit.to_owned(), home: home.to_owned(), device: device.to_owned() });
    };
    let county = [
        ("a001", "award_office"),
        ("a002", "award_office"),
        ("a003", "fp_director"),
        ("b001", "fin_section"),
        ("b002", "fin_treasury"),
        ("c001", "bank_maker"),
        ("c002", "bank_checker"),
        ("h001", "hotline"),
        ("i001", "inspector"),
        ("i002", "inspector"),
    ];
    for (id, office) in county {
        post(id.to_owned(), office, "-", "-", "d-county");
    }
    for checker in 1..=CHECKERS {
        let home = if checker <= COUNTY_CHECKERS { "-".to_owned() } else { format!("{:02}", checker - COUNTY_CHECKERS) };
        post(format!("k{checker:03}"), "checker", "-", &home, &format!("d-s{:02}", sub_group(checker)));
    }
    for township in profile.townships() {
        let investigator = "twp_investigator";
        let offices = [investigator, investigator, investigator, "twp_fp_head", "twp_leader", investigator, investigator, investigator];
        for (number, office) in offices.into_iter().enumerate() {
            let of = format!("{township:02}");
            post(township_official(township, number + 1), office, &of, &of, &format!("d-{of}"));
        }
    }
    for village in profile.villages() {
        for (role, office) in [("clerk", "village_clerk"), ("head", "village_head"), ("overseer", "village_overseer")] {
            let of = village.unit();
            post(village.official(role), office, &of, &of, &format!("d-{of}"));
        }
    }
    all
}

pub(super) fn found(storage: Folder, seed: DemoSeed, profile: Profile, large: Large) -> Result<County, Failure> {
    let start = midnight(2012, 12, 3, 480).ok_or_else(|| Failure::malformed("no such date"))?.plus_ms(9 * super::HOUR_MS);
    let founding = founding(&seed, profile, start)?;
    let founders: Vec<_> = founding.founders.iter().map(|founder| (founder.person.clone(), seed.key(founder.person.as_str()))).collect();
    let statement = Statement::Founding(Box::new(founding));
    let hash = statement_hash(&statement.encode());
    let signers: Vec<(&_, &SecretKey)> = founders.iter().map(|(id, key)| (id, key)).collect();
    let note = sign(statement.encode(), &signers).encode();
    let ledger = Ledger::init(storage, note.as_bytes(), seed.key("checkpoint"), start)?;
    let officials = FOUNDERS.iter().map(|(id, _)| {
        let official = Official { office: "founder", unit: unit("-"), appointment: hash, enrolled: hash, device: first_device() };
        ((*id).to_owned(), official)
    });
    let mut county = County {
        officials: officials.collect(),
        seed,
        ledger,
        warnings: BTreeMap::new(),
        refused: BTreeMap::new(),
        rewrites: false,
        profile,
        large,
        procedure: None,
        counters: HashMap::new(),
        applicants: BTreeMap::new(),
        batch: Vec::new(),
        day: start,
        clock: start,
        latest: start,
        device: None,
        plants: Plants::default(),
        truth: Truth::default(),
    };
    let procedure = if profile == Profile::L { decades::procedure() } else { PROCEDURE.to_owned() };
    county.enact(&procedure, &["f001", "f002"])?;
    county.staff()?;
    Ok(county)
}

fn founding(seed: &DemoSeed, profile: Profile, at: UnixMs) -> Result<Founding, Failure> {
    let founder = |(number, (id, power)): (usize, &(&str, &str))| Founder {
        person: person(id),
        power: Power::parse(power).unwrap_or_else(|| unreachable!("a power of the county")),
        identity: seed.identity(id),
        key: seed.key(id).public().bytes(),
        name: text(&name(number + 1)),
    };
    let malformed = || Failure::malformed("the county's origin");
    Ok(Founding {
        origin: Origin::parse(profile.origin()).ok_or_else(malformed)?,
        nonce: seed.nonce(),
        purpose: Purpose::Demonstration,
        at: demo_time(at),
        device: first_device(),
        identity_body: code("demo-registry"),
        constitution: Constitution {
            threshold: 2,
            checkpoint_key: seed.key("checkpoint").public().bytes(),
            witnesses: vec![Witness { name: KeyName::parse(WITNESS).ok_or_else(malformed)?, key: seed.key(WITNESS).public().bytes() }],
        },
        founders: FOUNDERS.iter().enumerate().map(founder).collect(),
    })
}

impl County {
    /// Enacts a procedure, or its next version.
    pub(super) fn enact(&mut self, text: &str, by: &[&str]) -> Result<(), Failure> {
        let procedure = Procedure::parse(text).map_err(Failure::Refused)?;
        let enacts = ProcedureName { id: procedure.id, version: procedure.version, digest: procedure_digest(text) };
        self.act(by, Act::Enact { enacts: enacts.clone(), text: text.to_owned() })?;
        self.commit()?;
        self.procedure = Some(enacts);
        Ok(())
    }

    fn staff(&mut self) -> Result<(), Failure> {
        for (number, (id, office)) in [("r001", "registrar"), ("o001", "overseer")].into_iter().enumerate() {
            let post = Post { id: id.to_owned(), office, unit: "-".to_owned(), home: "-".to_owned(), device: "d-county".to_owned() };
            self.employ(&post, number + 4, &["f001", "f003"], Capacity::Regular)?;
        }
        self.commit()?;
        let mut devices: Vec<(String, String)> = Vec::new();
        for post in posts(self.profile) {
            if post.device != "d-county" && !devices.iter().any(|(device, _)| *device == post.device) {
                devices.push((post.device, post.unit));
            }
        }
        for township in self.profile.townships() {
            let of = format!("{township:02}");
            devices.extend((0..3).map(|pair| (tablet(township, pair), of.clone())));
        }
        for (enrols, of) in devices {
            self.act(&["r001", "o001"], Act::Device { enrols: device(&enrols), unit: unit(&of) })?;
        }
        for (number, post) in posts(self.profile).iter().enumerate() {
            self.employ(post, number + 6, &["r001", "o001"], Capacity::Regular)?;
        }
        self.commit()?;
        for post in posts(self.profile) {
            let trained = matches!(post.office, "twp_investigator" | "checker");
            let licensed = post.office == "checker";
            for (qualification, has) in [("training", trained), ("enforcement-licence", licensed)] {
                if has {
                    let evidence = self.commitment(&format!("{qualification} of {}", post.id));
                    let (person, qualification) = (person(&post.id), code(qualification));
                    self.act(&["r001"], Act::Qualify { person, qualification, from: demo_time(self.clock), to: None, evidence })?;
                }
            }
        }
        self.commit()
    }

    /// Enrols and appoints somebody.
    fn employ(&mut self, post: &Post, number: usize, by: &[&str], capacity: Capacity) -> Result<(), Failure> {
        let id = person(&post.id);
        let key = self.seed.key(&post.id);
        let identity = self.seed.identity(&post.id);
        let proof = possession::prove(self.ledger.id(), &id, Occasion::Identity(identity), &key);
        let enrol = Act::Enrol { person: id.clone(), name: text(&name(number)), identity, key: key.public().bytes(), proof };
        let enrolled = self.act(by, enrol)?;
        let to = (capacity != Capacity::Regular).then(|| demo_time(self.clock.plus_ms(30 * 24 * super::HOUR_MS)));
        let appoint = Act::Appoint {
            person: id,
            office: office(post.office),
            unit: unit(&post.unit),
            capacity,
            home: unit(&post.home),
            from: demo_time(self.clock),
            to,
            instrument: self.commitment(&format!("letter of {}", post.id)),
        };
        let appointment = self.act(by, appoint)?;
        let official = Official { office: post.office, unit: unit(&post.unit), appointment, enrolled, device: device(&post.device) };
        self.officials.insert(post.id.clone(), official);
        Ok(())
    }

    /// Somebody acts for a village head for a month.
    pub(super) fn appoint_acting_head(&mut self, id: &str, village: &str) -> Result<(), Failure> {
        self.employ(&head_of(id, village), 900, &["r001", "o001"], Capacity::Acting)?;
        self.commit()
    }

    /// The same by a letter that is older than the appointment in the record; the appointment's statement.
    pub(super) fn appoint_ratified(&mut self, id: &str, village: &str) -> Result<StatementHash, Failure> {
        self.employ(&head_of(id, village), 901, &["r001", "o001"], Capacity::Acting)?;
        self.commit()?;
        self.officials.get(id).map(|official| official.appointment).ok_or_else(|| Failure::malformed(format!("no official {id}")))
    }

    /// An official leaves the post.
    pub(super) fn leave(&mut self, id: &str, reason: EndReason) -> Result<(), Failure> {
        let appointment = self.officials.get(id).map(|official| official.appointment);
        let appointment = appointment.ok_or_else(|| Failure::malformed(format!("no official {id}")))?;
        self.act(&["r001", "o001"], Act::AppointEnd { person: person(id), appointment, reason }).map(drop)
    }

    /// An official leaves a post for the same one of another unit, and signs there on that unit's device.
    pub(super) fn post_elsewhere(&mut self, id: &str, to: &str) -> Result<(), Failure> {
        self.leave(id, EndReason::Transferred)?;
        let office = self.officials.get(id).map(|official| official.office);
        let appointment = self.lend_office(id, office.unwrap_or_default(), to, Capacity::Regular)?;
        if let Some(official) = self.officials.get_mut(id) {
            (official.unit, official.appointment, official.device) = (unit(to), appointment, device(&format!("d-{to}")));
        }
        Ok(())
    }

    /// Gives an official an office of a unit: for good, or for a month.
    pub(super) fn lend_office(&mut self, id: &str, of: &str, to: &str, capacity: Capacity) -> Result<StatementHash, Failure> {
        let until = (capacity != Capacity::Regular).then(|| demo_time(self.clock.plus_ms(30 * 24 * super::HOUR_MS)));
        let act = Act::Appoint {
            person: person(id),
            office: office(of),
            unit: unit(to),
            capacity,
            home: unit(to),
            from: demo_time(self.clock),
            to: until,
            instrument: self.commitment(&format!("letter of {id} to {to}")),
        };
        self.act(&["r001", "o001"], act)
    }
}

/// The post of somebody who acts for a village's head.
fn head_of(id: &str, village: &str) -> Post {
    let (unit, home, device) = (village.to_owned(), village.to_owned(), format!("d-{village}"));
    Post { id: id.to_owned(), office: "village_head", unit, home, device }
}
