//! What a verified entry says of its making, read from its bytes: device, evidence, lists and their roots, account.

use ledger::check::Content;
use projector::rows::{Deed, Related, Subject};
use signer::Statement;
use signer::act::{Act, ListRef, RelatedTo};
use signer::value::{AccountToken, Commitment, ListRoot};

/// What a verified entry says that no view holds.
#[derive(Clone, Debug, Default)]
pub struct Paper {
    /// The device, with the number that it gave the statement.
    pub device: Option<(String, u64)>,
    /// Number of entries that the signers had verified before they signed.
    pub seen: Option<u64>,
    /// Evidence: its code, or what it is, and its commitment.
    pub evidence: Vec<(String, Commitment)>,
    /// Lists that it names, with the roots that were signed.
    pub lists: Vec<(String, ListRoot)>,
    /// The account that it names.
    pub account: Option<AccountToken>,
}

impl Paper {
    /// What an entry says.
    pub fn of(content: &Content) -> Paper {
        let Content::Statement { statement, .. } = content else { return Paper::default() };
        match statement.as_ref() {
            Statement::Founding(founding) => Paper { device: Some((founding.device.to_string(), 0)), ..Paper::default() },
            Statement::Act { header, act, .. } => Paper {
                device: Some((header.device.to_string(), header.counter)),
                seen: Some(header.seen.size),
                evidence: evidence(act),
                lists: lists(act),
                account: account(act),
            },
        }
    }
}

fn account(act: &Act) -> Option<AccountToken> {
    match act {
        Act::Step(step) => step.open.as_ref().map(|opening| opening.account),
        Act::Account(act) => Some(act.account),
        _ => None,
    }
}

fn lists(act: &Act) -> Vec<(String, ListRoot)> {
    let named = |list: &ListRef| (list.list.to_string(), list.root);
    match act {
        Act::Step(step) => [&step.list, &step.seats, &step.results].into_iter().flatten().map(named).collect(),
        Act::PostUp(post) => vec![named(&post.list)],
        Act::PostDown(post) => vec![named(&post.list)],
        _ => Vec::new(),
    }
}

fn evidence(act: &Act) -> Vec<(String, Commitment)> {
    let coded = |(code, commitment): &(signer::value::Code, Commitment)| (code.to_string(), *commitment);
    let one = |what: &str, commitment: Option<Commitment>| commitment.map(|commitment| (what.to_owned(), commitment)).into_iter().collect();
    match act {
        Act::Step(step) => step.evidence.iter().map(coded).collect(),
        Act::PostUp(post) => {
            let places = post.places.iter().map(|(level, place)| (format!("place {level}"), *place));
            places.chain(post.photos.iter().map(|(code, photo)| (format!("photo {code}"), *photo))).collect()
        }
        Act::PostDown(post) => post.photos.iter().map(|(code, photo)| (format!("photo {code}"), *photo)).collect(),
        Act::Outcome(act) => act.evidence.iter().map(coded).collect(),
        Act::Correct(act) => one("evidence", Some(act.evidence)),
        Act::Account(act) => one("evidence", Some(act.evidence)),
        Act::Answer(act) => one("evidence", Some(act.evidence)),
        Act::Hold(act) => one("evidence", Some(act.evidence)),
        Act::Release(act) => one("evidence", Some(act.evidence)),
        Act::Override(act) => one("evidence", Some(act.evidence)),
        Act::Ruling(act) => one("document", Some(act.document)),
        Act::Incident(act) => one("document", Some(act.document)),
        Act::Objection(act) => one("evidence", act.evidence),
        Act::Dissent(act) => one("evidence", act.evidence),
        Act::Report(act) => one("evidence", act.evidence),
        Act::Appeal(act) => one("evidence", act.evidence),
        Act::Relate { evidence, .. } => one("evidence", *evidence),
        Act::Qualify { evidence, .. } => one("evidence", Some(*evidence)),
        _ => Vec::new(),
    }
}

/// Of which kind an act is and what it is about: a row must say the same ([`told_of`]).
pub(super) fn said_of(act: &Act) -> (Option<String>, Option<String>) {
    match act {
        Act::Step(step) => {
            let case = step.case.as_ref().map(|(case, _)| case.to_string());
            let list = step.list.as_ref().map(|list| list.list.to_string());
            let batch = step.batch.as_ref().map(|batch| batch.batch.to_string());
            let payment = step.payment.as_ref().map(|(case, batch)| format!("{case}@{batch}"));
            (Some(step.step.to_string()), case.or(list).or(batch).or(payment))
        }
        Act::PostUp(post) => (Some(post.step.to_string()), Some(post.list.list.to_string())),
        Act::PostDown(post) => (Some(post.step.to_string()), Some(post.list.list.to_string())),
        Act::Outcome(act) => (Some(act.outcome.to_string()), Some(act.case.case.to_string())),
        Act::Transfer(act) => (None, Some(act.case.case.to_string())),
        Act::Account(act) => (None, Some(act.case.case.to_string())),
        Act::Objection(act) => (None, Some(act.case.case.to_string())),
        Act::Dissent(act) => (None, Some(act.case.case.to_string())),
        Act::Appeal(act) => (None, Some(act.case.case.to_string())),
        Act::Hold(act) => (None, Some(act.case.case.to_string())),
        Act::Release(act) => (None, Some(act.case.case.to_string())),
        Act::Recuse(act) => (Some(act.relation.to_string()), Some(act.case.case.to_string())),
        Act::Override(act) => (Some(act.step.to_string()), Some(act.about.to_string())),
        Act::Answer(act) => (Some(act.outcome.to_string()), None),
        Act::Qualify { qualification, .. } => (Some(qualification.to_string()), None),
        Act::Sheet(sheet) => (Some(sheet.kind.to_string()), Some(sheet.list.to_string())),
        Act::Relate { relation, to, .. } => {
            let to = match to {
                RelatedTo::Case(case) => case.to_string(),
                RelatedTo::Person(person) => person.to_string(),
            };
            (Some(relation.to_string()), Some(to))
        }
        Act::Report(act) => (None, Some(act.about.to_string())),
        Act::Incident(act) => (Some(act.kind.to_string()), Some(act.node.to_string())),
        _ => (None, None),
    }
}

/// The same of a row.
pub(super) fn told_of(deed: &Deed) -> (Option<String>, Option<String>) {
    let about = match deed {
        Deed::Step(step) => Some(match &step.on {
            Subject::Case { case, .. } => case.clone(),
            Subject::List { list, .. } => list.list.clone(),
            Subject::Batch(batch) => batch.batch.clone(),
            Subject::Payment { case, batch } => format!("{case}@{batch}"),
        }),
        Deed::PostUp { list, .. } | Deed::PostDown { list, .. } => Some(list.list.clone()),
        Deed::Outcome { case, .. } | Deed::Transfer { case, .. } | Deed::Account { case, .. } | Deed::Objection { case, .. } => {
            Some(case.clone())
        }
        Deed::Dissent { case, .. } | Deed::Appeal { case, .. } | Deed::Hold { case, .. } => Some(case.clone()),
        Deed::Release { case, .. } | Deed::Recuse { case, .. } => Some(case.clone()),
        Deed::Override { about, .. } | Deed::Report { about, .. } => Some(about.clone()),
        Deed::Sheet { list, .. } => Some(list.clone()),
        Deed::Incident { node, .. } => Some(node.clone()),
        Deed::Relate { to: Related::Case(to) | Related::Person(to), .. } => Some(to.clone()),
        _ => None,
    };
    (deed.detail().map(ToOwned::to_owned), about)
}
