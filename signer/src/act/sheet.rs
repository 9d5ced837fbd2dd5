//! Sheets: the lines of lists (format.md section 5.12).

use super::programme::code;
use crate::rule::Refusal;
use crate::statement::Times::{Once, Several};
use crate::statement::{LayoutLine, Values, Writer};
use crate::value::{AccountToken, CaseId, Code, StatementHash, number};

pub(super) const LAYOUT: &[LayoutLine] = &[("list", Once), ("kind", Once), ("part", Once), ("|", Several)];

word_type! {
    /// Of what a list is.
    SheetKind {
        /// Cases.
        Cases "cases",
        /// Payments to cases.
        Payments "payments",
        /// Seats of a meeting and how they voted.
        Seats "seats",
        /// What the bank said of payments.
        Results "results",
    }
    /// How a seat voted.
    Vote {
        /// For.
        Agree "agree",
        /// Against.
        Against "against",
        /// Not there.
        Absent "absent",
    }
}

/// A case on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseLine {
    /// The case.
    pub case: CaseId,
    /// Its head; of an omitted case, the statement responsible.
    pub hash: StatementHash,
    /// Whether it is named without being listed.
    pub omit: bool,
}

/// A payment on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentLine {
    /// So much to an account.
    Pays {
        /// The case.
        case: CaseId,
        /// Its head.
        head: StatementHash,
        /// Amount, in fen.
        fen: u64,
        /// The account.
        account: AccountToken,
    },
    /// A case that is named without being listed.
    Omits {
        /// The case.
        case: CaseId,
        /// The statement responsible.
        hash: StatementHash,
    },
}

/// A seat of a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatLine {
    /// Token of who sat there.
    pub token: Code,
    /// Category of the seat.
    pub category: Code,
    /// The vote.
    pub vote: Vote,
}

/// What became of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultLine {
    /// The case.
    pub case: CaseId,
    /// Why it failed; nothing where it was paid.
    pub failed: Option<Code>,
}

/// Lines of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the kinds are those of SheetKind")]
pub enum SheetLines {
    Cases(Vec<CaseLine>),
    Payments(Vec<PaymentLine>),
    Seats(Vec<SeatLine>),
    Results(Vec<ResultLine>),
}

/// A sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The list.
    pub list: Code,
    /// Of what it is.
    pub kind: SheetKind,
    /// Position of the sheet in the list, from 0.
    pub part: u64,
    /// The lines.
    pub lines: SheetLines,
}

fn words<const N: usize>(line: &str) -> Option<[&str; N]> {
    crate::statement::parts(line)
}

fn case_line(line: &str) -> Option<CaseLine> {
    let (named, omit) = line.strip_suffix(" omit").map_or((line, false), |named| (named, true));
    let [case, hash] = words(named)?;
    Some(CaseLine { case: CaseId::parse(case)?, hash: StatementHash::parse(hash)?, omit })
}

fn payment_line(line: &str) -> Option<PaymentLine> {
    if line.ends_with(" omit") {
        let CaseLine { case, hash, .. } = case_line(line)?;
        return Some(PaymentLine::Omits { case, hash });
    }
    let [case, head, fen, account] = words(line)?;
    Some(PaymentLine::Pays {
        case: CaseId::parse(case)?,
        head: StatementHash::parse(head)?,
        fen: number(fen)?,
        account: AccountToken::parse(account)?,
    })
}

fn seat_line(line: &str) -> Option<SeatLine> {
    let [token, category, vote] = words(line)?;
    Some(SeatLine { token: Code::parse(token)?, category: Code::parse(category)?, vote: Vote::parse(vote)? })
}

fn result_line(line: &str) -> Option<ResultLine> {
    if let Some([case, "paid"]) = words(line) {
        return Some(ResultLine { case: CaseId::parse(case)?, failed: None });
    }
    let [case, "failed", reason] = words(line)? else { return None };
    Some(ResultLine { case: CaseId::parse(case)?, failed: Some(Code::parse(reason)?) })
}

impl SheetLines {
    /// Number of lines.
    pub fn len(&self) -> usize {
        match self {
            SheetLines::Cases(lines) => lines.len(),
            SheetLines::Payments(lines) => lines.len(),
            SheetLines::Seats(lines) => lines.len(),
            SheetLines::Results(lines) => lines.len(),
        }
    }

    /// Whether there is none; a sheet that was read has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of lines that are not `omit`.
    pub fn count(&self) -> u64 {
        let omitted = match self {
            SheetLines::Cases(lines) => lines.iter().filter(|line| line.omit).count(),
            SheetLines::Payments(lines) => lines.iter().filter(|line| matches!(line, PaymentLine::Omits { .. })).count(),
            SheetLines::Seats(_) | SheetLines::Results(_) => 0,
        };
        (self.len() - omitted) as u64
    }

    /// Sum of the amounts, in fen; nothing where it does not fit.
    pub fn total(&self) -> Option<u64> {
        let SheetLines::Payments(lines) = self else { return Some(0) };
        lines.iter().try_fold(0_u64, |sum, line| match line {
            PaymentLine::Pays { fen, .. } => sum.checked_add(*fen),
            PaymentLine::Omits { .. } => Some(sum),
        })
    }

    /// The lines as they are signed, without `| `.
    pub fn texts(&self) -> Vec<String> {
        let omitted = |case: &CaseId, hash: &StatementHash| format!("{case} {hash} omit");
        match self {
            SheetLines::Cases(lines) => lines
                .iter()
                .map(|line| if line.omit { omitted(&line.case, &line.hash) } else { format!("{} {}", line.case, line.hash) })
                .collect(),
            SheetLines::Payments(lines) => lines
                .iter()
                .map(|line| match line {
                    PaymentLine::Pays { case, head, fen, account } => format!("{case} {head} {fen} {account}"),
                    PaymentLine::Omits { case, hash } => omitted(case, hash),
                })
                .collect(),
            SheetLines::Seats(lines) => lines.iter().map(|line| format!("{} {} {}", line.token, line.category, line.vote)).collect(),
            SheetLines::Results(lines) => lines
                .iter()
                .map(|line| line.failed.as_ref().map_or(format!("{} paid", line.case), |reason| format!("{} failed {reason}", line.case)))
                .collect(),
        }
    }
}

impl Sheet {
    pub(super) fn read(values: &mut Values<'_>) -> Result<Sheet, Refusal> {
        let list = values.one("a list id", code)?;
        let kind = values.one(SheetKind::EXPECTED, SheetKind::parse)?;
        let part = values.one("a number", number)?;
        let lines = match kind {
            SheetKind::Cases => SheetLines::Cases(values.many("|", "case and head, or case, statement and omit", case_line)?),
            SheetKind::Payments => {
                SheetLines::Payments(values.many("|", "case, head, fen and account token, or case, statement and omit", payment_line)?)
            }
            SheetKind::Seats => SheetLines::Seats(values.many("|", "token, category and agree, against or absent", seat_line)?),
            SheetKind::Results => SheetLines::Results(values.many("|", "case and paid, or case, failed and reason", result_line)?),
        };
        Ok(Sheet { list, kind, part, lines })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.line("list", &self.list);
        out.line("kind", self.kind);
        out.line("part", self.part);
        for text in self.lines.texts() {
            out.line("|", text);
        }
    }
}
