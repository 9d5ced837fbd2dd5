//! What was paid, from the entries alone.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use ledger::Ledger;
use ledger::check::Content;
use ledger::storage::Folder;
use signer::Statement;
use signer::act::{Act, PaymentLine, Sheet, SheetLines};
use signer::value::{CaseId, Code, Scheme};

use crate::error::Failure;

/// People and money of a scheme.
pub struct Total {
    /// The scheme.
    pub scheme: String,
    /// Payments that the bank calls made.
    pub people: u64,
    /// Their sum, in fen.
    pub fen: u64,
}

/// Locked lines that the bank's results call paid.
#[derive(Default)]
pub struct Payments {
    schemes: HashMap<CaseId, Scheme>,
    locked: HashMap<Code, HashMap<CaseId, u64>>,
    results: HashMap<Code, Vec<CaseId>>,
    paid: Vec<(CaseId, Scheme, u64)>,
}

impl Payments {
    /// Reads every entry.
    ///
    /// # Errors
    /// Those of reading the ledger.
    pub fn of(ledger: &Ledger<Folder>) -> Result<Payments, Failure> {
        let mut payments = Payments::default();
        ledger.admitted(0, &mut |entry| {
            if let Content::Statement { statement, .. } = &entry.verified.content
                && let Statement::Act { act, .. } = statement.as_ref()
            {
                payments.read(act);
            }
            ControlFlow::Continue(())
        })?;
        Ok(payments)
    }

    fn read(&mut self, act: &Act) {
        match act {
            Act::Sheet(Sheet { list, lines: SheetLines::Payments(lines), .. }) => {
                let locked = self.locked.entry(list.clone()).or_default();
                for line in lines {
                    if let PaymentLine::Pays { case, fen, .. } = line {
                        locked.insert(case.clone(), *fen);
                    }
                }
            }
            Act::Sheet(Sheet { list, lines: SheetLines::Results(lines), .. }) => {
                let paid = lines.iter().filter(|line| line.failed.is_none()).map(|line| line.case.clone());
                self.results.entry(list.clone()).or_default().extend(paid);
            }
            Act::Step(step) => {
                if let (Some((case, _)), Some(opening)) = (&step.case, &step.open) {
                    self.schemes.insert(case.clone(), opening.scheme.clone());
                }
                if let (Some(batch), Some(results)) = (&step.batch, &step.results) {
                    let (locked, paid) = (self.locked.get(&batch.list), self.results.get(&results.list));
                    for case in paid.into_iter().flatten() {
                        let fen = locked.and_then(|locked| locked.get(case));
                        if let (Some(scheme), Some(fen)) = (self.schemes.get(case), fen) {
                            self.paid.push((case.clone(), scheme.clone(), *fen));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// What was paid to each case.
    pub fn by_case(&self) -> HashMap<&CaseId, u64> {
        let mut paid = HashMap::new();
        for (case, _, fen) in &self.paid {
            *paid.entry(case).or_default() += fen;
        }
        paid
    }

    /// People and money by scheme.
    pub fn totals(&self) -> Vec<Total> {
        let mut totals: BTreeMap<&str, Total> = BTreeMap::new();
        for (_, scheme, fen) in &self.paid {
            let total = totals.entry(scheme.as_str()).or_insert_with(|| Total { scheme: scheme.to_string(), people: 0, fen: 0 });
            (total.people, total.fen) = (total.people + 1, total.fen + fen);
        }
        totals.into_values().collect()
    }
}
