//! How large the county is, who applies where, and what becomes of each: decided before anything is signed.

use clap::ValueEnum;
use sha2::{Digest as _, Sha256};
use signer::value::{AccountToken, CaseId};

use super::decades::Large;
use super::plants::Plants;
use super::words::{case, code, scheme, unit};
use super::{Applicant, County};

/// Villages of a township.
pub(super) const VILLAGES: usize = 10;
/// Overseers who act for a neighbouring village's overseer in the winter.
pub(super) const ACTING_SPELLS: usize = 70;
/// The township in which the stories happen.
pub(super) const TOLD: usize = 7;

/// How large the county is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// One township, ten villages, 300 applicants
    S,
    /// Twenty-two townships, 220 villages: the 6,968 people whom the county's summary names, and those who were not paid
    M,
    /// The same places and as many people and years as asked for: for growth; nothing is planted
    L,
}

/// What becomes of an application that nobody tells a story of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Paid, sooner or later.
    Paid,
    /// Suspended at the visit, for good.
    Suspended,
    /// Not confirmed by the township.
    Refused,
    /// Suspended at the recheck.
    Reversed,
    /// Told in the year's chapters, and not paid.
    Told,
}

/// A village: its township and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Village {
    pub(super) township: usize,
    pub(super) number: usize,
}

impl Village {
    /// Its unit.
    pub(super) fn unit(self) -> String {
        format!("{:02}-{:02}", self.township, self.number)
    }

    /// An official of it: `clerk`, `head`, `overseer`.
    pub(super) fn official(self, role: &str) -> String {
        let of = if self.township == TOLD { String::new() } else { format!("{:02}", self.township) };
        format!("v{of}{:02}-{role}", self.number)
    }

    /// An applicant of it, by number from 1.
    pub(super) fn applicant(self, number: usize) -> CaseId {
        case(&format!("{}-{number:03}", self.unit()))
    }
}

/// An official of a township, by number from 1: three investigators, the programme's head, the leader, three investigators more.
pub(super) fn township_official(township: usize, number: usize) -> String {
    format!("t{township}0{number}")
}

/// People and money of a scheme as the county's summary gives them.
#[derive(Clone, Debug)]
pub struct Published {
    /// The scheme.
    pub scheme: &'static str,
    /// People.
    pub people: u64,
    /// Their money, in fen.
    pub fen: u64,
}

/// 5,260 people and 315.60, 1,530 and 93.30, 178 and 35.60 ten thousand yuan: typed from the summary, not computed.
const PUBLISHED: [Published; 3] = [
    Published { scheme: "SCH-A", people: 5_260, fen: 315_600_000 },
    Published { scheme: "SCH-B", people: 1_530, fen: 93_300_000 },
    Published { scheme: "SCH-C", people: 178, fen: 35_600_000 },
];

/// The investigators of a township, in pairs: nobody is in two homes at once.
pub(super) fn pairs(township: usize) -> [[String; 2]; 3] {
    let of = |number| township_official(township, number);
    [[of(1), of(2)], [of(3), of(6)], [of(7), of(8)]]
}

impl Profile {
    /// The townships that have villages.
    pub(super) fn townships(self) -> Vec<usize> {
        match self {
            Profile::S => vec![TOLD],
            Profile::M | Profile::L => (1..=22).collect(),
        }
    }

    /// The ledger's origin: one seed makes another ledger of each profile.
    pub(super) fn origin(self) -> &'static str {
        match self {
            Profile::S => "demo.sample-township.example/benefits",
            Profile::M => "demo.sample-county.example/benefits",
            Profile::L => "demo.large-county.example/benefits",
        }
    }

    /// How many villages there are.
    pub fn village_count(self) -> usize {
        self.villages().len()
    }

    /// Every village.
    pub(super) fn villages(self) -> Vec<Village> {
        let of = |township| (1..=VILLAGES).map(move |number| Village { township, number });
        self.townships().into_iter().flat_map(of).collect()
    }

    /// Schemes, tiers, amounts in fen, and people paid; nothing where the number is not fixed.
    fn payees(self) -> &'static [(&'static str, &'static str, u64, usize)] {
        match self {
            Profile::S | Profile::L => &[],
            Profile::M => &[
                ("SCH-A", "base", 60_000, 5_260),
                ("SCH-B", "tier-1", 400_000, 200),
                ("SCH-B", "tier-2", 10_000, 1_330),
                ("SCH-C", "base", 200_000, 178),
            ],
        }
    }

    /// How many are suspended at the visit, refused by the township, reversed at the recheck.
    fn unpaid(self) -> [(Fate, usize); 3] {
        match self {
            Profile::S | Profile::L => [(Fate::Suspended, 0), (Fate::Refused, 0), (Fate::Reversed, 0)],
            Profile::M => [(Fate::Suspended, 188), (Fate::Refused, 226), (Fate::Reversed, 113)],
        }
    }

    /// What the county's summary says of each scheme; nothing for a township.
    pub fn published(self) -> &'static [Published] {
        match self {
            Profile::S | Profile::L => &[],
            Profile::M => &PUBLISHED,
        }
    }

    fn applicants(self, large: Large) -> usize {
        match self {
            Profile::S => 300,
            Profile::L => large.people,
            Profile::M => {
                let paid: usize = self.payees().iter().map(|(.., people)| people).sum();
                let unpaid: usize = self.unpaid().iter().map(|(_, people)| people).sum();
                paid + unpaid + STORIES_UNPAID.len()
            }
        }
    }
}

/// Applicants whom the checkers of their own township try to recheck.
pub(super) const OWN_UNIT_CASES: [&str; 4] = ["01-10-030", "02-10-030", "03-10-030", "04-10-030"];
/// Applicants of the stories who are not paid.
const STORIES_UNPAID: [&str; 4] = ["07-01-009", "07-02-003", "07-02-010", "07-07-004"];
/// Applicants of the stories who are.
const STORIES_PAID: [&str; 13] = [
    "07-01-004",
    "07-02-009",
    "07-03-005",
    "07-03-008",
    "07-04-007",
    "07-04-011",
    "07-05-003",
    "07-06-002",
    "07-06-006",
    "07-08-006",
    "07-09-001",
    "07-09-009",
    "07-10-030",
];

impl County {
    /// Somebody who applies when nobody should any more.
    pub(super) fn invent_ghost(&mut self, id: &CaseId, of: &str) {
        let account = AccountToken(self.commitment(&format!("account of {id}")).0);
        let (scheme_of, tier, fen) = ("SCH-A", "base", 60_000);
        let applicant =
            Applicant { unit: unit(of), scheme: scheme(scheme_of), tier: code(tier), fen, account, fate: Fate::Told, head: None };
        self.applicants.insert(id.clone(), applicant);
    }

    /// Everybody who will apply, spread over the villages; who is paid what, and who is not, follows from the seed.
    pub(super) fn invent_applicants(&mut self, profile: Profile) {
        let villages = profile.villages();
        let total = profile.applicants(self.large);
        let all: Vec<(CaseId, Village)> = (0..total)
            .map(|at| (villages[at % villages.len()], at / villages.len() + 1))
            .map(|(of, number)| (of.applicant(number), of))
            .collect();
        let mut by_lot: Vec<&CaseId> = all.iter().map(|(id, _)| id).filter(|id| !is_told(id)).collect();
        by_lot.sort_by_key(|id| lot(&self.commitment(&format!("lot of {id}")).0));
        let mut unpaid = Vec::new();
        for (fate, people) in profile.unpaid() {
            let drawn: Vec<CaseId> = by_lot.drain(..people.min(by_lot.len())).cloned().collect();
            unpaid.extend(drawn.into_iter().map(|id| (id, fate)));
        }
        let fate_of = |id: &CaseId| {
            let drawn = unpaid.iter().find(|(drawn, _)| drawn == id).map(|(_, fate)| *fate);
            drawn.unwrap_or(if STORIES_UNPAID.contains(&id.as_str()) { Fate::Told } else { Fate::Paid })
        };
        let fates: Vec<Fate> = all.iter().map(|(id, _)| fate_of(id)).collect();
        let mut standards: Vec<(&str, &str, u64)> =
            profile.payees().iter().flat_map(|(scheme, tier, fen, people)| std::iter::repeat_n((*scheme, *tier, *fen), *people)).collect();
        // Spread over the county by lot as well.
        let seed = self.commitment("schemes").0;
        shuffle(&mut standards, &seed);
        let mut standards = standards.into_iter();
        for ((id, of), fate) in all.into_iter().zip(fates) {
            let by_number = by_number(&id);
            let (scheme_of, tier, fen) = if fate == Fate::Paid { standards.next().unwrap_or(by_number) } else { by_number };
            let of = if in_group(&id) { format!("{}-3", of.unit()) } else { of.unit() };
            let account = AccountToken(self.commitment(&format!("account of {id}")).0);
            let applicant = Applicant { unit: unit(&of), scheme: scheme(scheme_of), tier: code(tier), fen, account, fate, head: None };
            self.applicants.insert(id, applicant);
        }
        self.plants = Plants::choose(self, &is_told);
        for id in self.applicants.keys().cloned().collect::<Vec<_>>() {
            let holder = self.plants.account_of(&id).clone();
            let account = self.applicants.get(&holder).map(|holder| holder.account);
            if let (Some(applicant), Some(account)) = (self.applicants.get_mut(&id), account) {
                applicant.account = account;
            }
        }
    }
}

/// Whether somebody lives in the group of the tenth village in which a checker is at home: the last applicant of a told village,
/// and of the townships from which the first checkers come.
fn in_group(id: &CaseId) -> bool {
    id.as_str() == "07-10-030" || OWN_UNIT_CASES.contains(&id.as_str())
}

fn is_told(id: &CaseId) -> bool {
    OWN_UNIT_CASES.contains(&id.as_str()) || STORIES_UNPAID.contains(&id.as_str()) || STORIES_PAID.contains(&id.as_str())
}

fn lot(bytes: &[u8; 32]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// What somebody applies for where the county's totals do not say.
fn by_number(id: &CaseId) -> (&'static str, &'static str, u64) {
    let number: usize = id.as_str().bytes().map(usize::from).sum();
    match number % 20 {
        0 => ("SCH-B", "tier-1", 400_000),
        1..=3 => ("SCH-B", "tier-2", 10_000),
        4 => ("SCH-C", "base", 200_000),
        _ => ("SCH-A", "base", 60_000),
    }
}

/// Fisher and Yates, by hashes of the seed.
fn shuffle<T>(all: &mut [T], seed: &[u8; 32]) {
    for at in (1..all.len()).rev() {
        let hash: [u8; 32] = Sha256::new().chain_update(seed).chain_update((at as u64).to_be_bytes()).finalize().into();
        all.swap(at, (lot(&hash) % (at as u64 + 1)) as usize);
    }
}
