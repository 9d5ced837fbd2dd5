//! Sheets, list steps and postings.

use signer::act::{Act, CaseLine, ListRef, PaymentLine, PostDown, PostUp, ResultLine, SeatLine, Sheet, SheetKind, SheetLines, Step, Vote};
use signer::merkle::list_root;
use signer::value::{CaseId, StatementHash};

use super::County;
use super::words::code;
use crate::error::Failure;

/// Lines of a sheet: well below what a sheet may hold.
const SHEET_LINES: usize = 400;

impl County {
    /// Puts a list's lines into the record, as many sheets as it takes.
    fn sheets(&mut self, owner: &str, id: &str, kind: SheetKind, parts: Vec<SheetLines>) -> Result<ListRef, Failure> {
        let texts: Vec<String> = parts.iter().flat_map(SheetLines::texts).collect();
        let count = parts.iter().map(SheetLines::count).sum();
        let total = parts.iter().filter_map(SheetLines::total).sum();
        for (part, lines) in parts.into_iter().enumerate() {
            self.act(&[owner], Act::Sheet(Sheet { list: code(id), kind, part: part as u64, lines }))?;
        }
        Ok(ListRef { list: code(id), count, total, root: list_root(&texts) })
    }

    /// A list of cases at their heads, with those that are omitted and why.
    pub(super) fn list_of(
        &mut self,
        owner: &str,
        id: &str,
        cases: &[CaseId],
        omits: &[(CaseId, StatementHash)],
    ) -> Result<ListRef, Failure> {
        let mut lines: Vec<CaseLine> = omits.iter().map(|(case, hash)| CaseLine { case: case.clone(), hash: *hash, omit: true }).collect();
        for case in cases {
            lines.push(CaseLine { case: case.clone(), hash: self.head(case)?, omit: false });
        }
        lines.sort_by(|a, b| a.case.cmp(&b.case));
        let parts = lines.chunks(SHEET_LINES).map(|part| SheetLines::Cases(part.to_vec())).collect();
        self.sheets(owner, id, SheetKind::Cases, parts)
    }

    /// A list of payments at the cases' heads.
    pub(super) fn payments_of(
        &mut self,
        owner: &str,
        id: &str,
        cases: &[CaseId],
        omits: &[(CaseId, StatementHash)],
    ) -> Result<ListRef, Failure> {
        let mut lines: Vec<PaymentLine> = omits.iter().map(|(case, hash)| PaymentLine::Omits { case: case.clone(), hash: *hash }).collect();
        for case in cases {
            let applicant = self.applicant(case)?;
            let (fen, account) = (applicant.fen, applicant.account);
            lines.push(PaymentLine::Pays { case: case.clone(), head: self.head(case)?, fen, account });
        }
        let of = |line: &PaymentLine| match line {
            PaymentLine::Pays { case, .. } | PaymentLine::Omits { case, .. } => case.clone(),
        };
        lines.sort_by_key(of);
        let parts = lines.chunks(SHEET_LINES).map(|part| SheetLines::Payments(part.to_vec())).collect();
        self.sheets(owner, id, SheetKind::Payments, parts)
    }

    /// Who sat in a village's meeting: eight seats, one of them absent.
    pub(super) fn seats(&mut self, owner: &str, id: &str, village: &str) -> Result<ListRef, Failure> {
        let categories = [
            ("same-age-villager", Vote::Agree),
            ("same-age-villager", Vote::Agree),
            ("same-age-villager", Vote::Absent),
            ("old-party-member", Vote::Agree),
            ("old-party-member", Vote::Agree),
            ("old-cadre", Vote::Agree),
            ("group-cadre", Vote::Agree),
            ("group-cadre", Vote::Against),
        ];
        let seat = |(number, (category, vote)): (usize, &(&str, Vote))| SeatLine {
            token: code(&format!("seat-{village}-{number:02}")),
            category: code(category),
            vote: *vote,
        };
        let lines = SheetLines::Seats(categories.iter().enumerate().map(seat).collect());
        self.sheets(owner, id, SheetKind::Seats, vec![lines])
    }

    /// What the bank said of a batch.
    pub(super) fn results(&mut self, owner: &str, id: &str, cases: &[CaseId], failed: &[CaseId]) -> Result<ListRef, Failure> {
        let line = |case: &CaseId| ResultLine { case: case.clone(), failed: failed.contains(case).then(|| code("ac04")) };
        let lines: Vec<ResultLine> = cases.iter().map(line).collect();
        let parts = lines.chunks(SHEET_LINES).map(|part| SheetLines::Results(part.to_vec())).collect();
        self.sheets(owner, id, SheetKind::Results, parts)
    }

    /// A step on a list; the heads of its cases move.
    pub(super) fn list_step(&mut self, by: &[&str], step: Step, cases: &[CaseId]) -> Result<StatementHash, Failure> {
        let hash = self.act(by, Act::Step(Box::new(step)))?;
        self.moved(cases.iter(), hash);
        Ok(hash)
    }

    /// A list goes up.
    pub(super) fn post_up(&mut self, by: &[&str], step: &str, list: &ListRef, at: &[&str], phones: &[&str]) -> Result<(), Failure> {
        let of = |what: &str| self.commitment(&format!("{what} of {} in {step}", list.list));
        let act = PostUp {
            step: code(step),
            list: list.clone(),
            places: at.iter().map(|level| (code(level), of(level))).collect(),
            phones: phones.iter().map(|level| code(level)).collect(),
            photos: vec![(code("up"), of("photo up"))],
            overrides: Vec::new(),
        };
        self.act(by, Act::PostUp(act)).map(drop)
    }

    /// It comes down; the heads of its cases move. Photos are those of a list, mostly its own.
    pub(super) fn post_down(
        &mut self,
        by: &[&str],
        step: &str,
        list: &ListRef,
        photos: (&[&str], &str),
        cases: &[CaseId],
    ) -> Result<StatementHash, Failure> {
        let act = self.post_down_act(step, list, photos.0, photos.1);
        let hash = self.act(by, act)?;
        self.moved(cases.iter(), hash);
        Ok(hash)
    }

    /// The act of taking a list down, with photos of a list.
    pub(super) fn post_down_act(&self, step: &str, list: &ListRef, photos: &[&str], photos_of: &str) -> Act {
        let of = |what: &str| self.commitment(&format!("photo {what} of {photos_of} in {step}"));
        let photos = photos.iter().map(|what| (code(what), of(what))).collect();
        Act::PostDown(PostDown { step: code(step), list: list.clone(), photos, overrides: Vec::new() })
    }

    /// A sheet with the whole of a list of cases at their heads.
    pub(super) fn sheet_act(&self, id: &str, cases: &[CaseId]) -> Result<Act, Failure> {
        let line = |case: &CaseId| Ok(CaseLine { case: case.clone(), hash: self.head(case)?, omit: false });
        let lines = cases.iter().map(line).collect::<Result<Vec<_>, Failure>>()?;
        Ok(Act::Sheet(Sheet { list: code(id), kind: SheetKind::Cases, part: 0, lines: SheetLines::Cases(lines) }))
    }
}
