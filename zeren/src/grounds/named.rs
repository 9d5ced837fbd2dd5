//! What a statement of the programme names besides who signed it: other statements by their hashes, lists by their roots.

use signer::act::{Act, ListRef};
use signer::value::{Code, StatementHash};

/// Statements and lists that an act rests on.
#[derive(Default)]
pub struct Named<'a> {
    /// Statements, by hash.
    pub statements: Vec<StatementHash>,
    /// Lists, with what the signers said of them.
    pub lists: Vec<&'a ListRef>,
    /// The batch.
    pub batch: Option<&'a Code>,
}

impl<'a> Named<'a> {
    /// What an act names.
    pub fn by(act: &'a Act) -> Named<'a> {
        let statements = |one: &StatementHash| Named { statements: vec![*one], ..Named::default() };
        match act {
            Act::Step(step) => {
                let batch = step.batch.as_ref().map(|named| &named.batch);
                Named {
                    statements: step.overrides.iter().chain(step.less.iter().map(|(_, hold)| hold)).copied().collect(),
                    lists: [&step.list, &step.seats, &step.results].into_iter().flatten().collect(),
                    batch: batch.or(step.payment.as_ref().map(|(_, batch)| batch)),
                }
            }
            Act::PostUp(post) => Named { statements: post.overrides.clone(), lists: vec![&post.list], batch: None },
            Act::PostDown(post) => Named { statements: post.overrides.clone(), lists: vec![&post.list], batch: None },
            Act::Join { joins } => statements(joins),
            Act::Correct(act) => Named { statements: vec![act.of], lists: Vec::new(), batch: act.batch.as_ref() },
            Act::Dissent(act) => statements(&act.of),
            Act::Appeal(act) => statements(&act.of),
            Act::Answer(act) => statements(&act.answers),
            Act::Release(act) => statements(&act.releases),
            Act::Ruling(act) => act.answers.as_ref().map(statements).unwrap_or_default(),
            _ => Named::default(),
        }
    }
}
