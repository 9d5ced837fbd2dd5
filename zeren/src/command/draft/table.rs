//! What drafts from tables share: where they read and write, and what they say.

use std::path::{Path, PathBuf};

use ledger::procedure::Procedure;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::rule::{Refusal, Rule};
use signer::statement::By;
use signer::value::{PersonId, StatementHash, UnixMs};

use super::clerk::{Clerk, Met, Sealed};
use super::{Time, device_time};
use crate::command::{print, read_ledger};
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::screen::say;
use crate::tables::columns::{Column, Columns};
use crate::tables::faults::Faults;
use crate::tables::fields::Fields;
use crate::tables::{self, Table};

/// Drafts that a summary names at most.
const DRAFTS_NAMED_MAX: usize = 40;

/// Options of every table.
#[derive(clap::Args)]
pub struct TableArgs {
    /// The tables: CSV (UTF-8, UTF-16 or GBK) or XLSX
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The ledger's folder
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Of a workbook with several sheets: which
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// The device on which it is signed
    #[arg(long)]
    pub device: Option<String>,
    /// The device's clock (default: this machine's)
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Judge the tables and write nothing
    #[arg(long)]
    pub check: bool,
    /// The draft to write; several are numbered -1, -2, …
    #[arg(short, long, value_name = "FILE", required_unless_present = "check")]
    pub output: Option<PathBuf>,
}

/// The ledger as it was opened for a table, and when the table is drafted.
pub struct Opened {
    /// The ledger.
    pub ledger: Snapshot<Folder>,
    /// The device's time.
    pub at: Time,
    /// When statements are judged.
    pub moment: UnixMs,
}

impl Opened {
    /// Reads the ledger.
    pub fn open(args: &TableArgs, lang: Lang) -> Result<Opened, Failure> {
        let at = device_time(args.at.as_deref(), lang)?;
        let ledger = read_ledger(&args.dir, lang)?;
        let moment = at.unix_ms().max(ledger.state().received_last());
        Ok(Opened { ledger, at, moment })
    }

    /// The procedure in force.
    pub fn procedure(&self, lang: Lang) -> Result<&Procedure, Failure> {
        let found = self.ledger.state().procedure_at(self.ledger.size(), self.moment);
        found
            .map(|enacted| enacted.procedure.as_ref())
            .ok_or_else(|| Failure::malformed(lang.pick("no procedure is in force: enact one first", "没有生效的办法：请先颁行")))
    }
}

/// Reads every file and every row: what a row says, and where.
pub fn read_rows<R>(
    args: &TableArgs,
    known: &[Column],
    faults: &mut Faults,
    lang: Lang,
    mut read: impl FnMut(&mut Fields<'_>, &Path) -> Option<R>,
) -> Result<Vec<Sheet<R>>, Failure> {
    let mut sheets = Vec::new();
    for path in &args.files {
        let Some(table) = tables::read(path, args.sheet.as_deref(), faults, lang)? else { continue };
        let before = faults.total();
        let columns = Columns::find(&table, known, faults, lang);
        let has_columns =
            faults.total() == before || known.iter().filter(|column| column.is_required).all(|column| columns.has(&column.name));
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut rows = Vec::new();
        for (at, row) in table.rows.iter().enumerate().filter(|_| has_columns) {
            let mut fields = Fields::of(&table, row, &columns, faults, lang);
            rows.extend(read(&mut fields, folder).filter(|_| fields.is_sound()).map(|value| (at, value)));
        }
        sheets.push(Sheet { table, columns, rows });
    }
    Ok(sheets)
}

/// A table with what its rows say.
pub struct Sheet<R> {
    /// The table.
    pub table: Table,
    /// Its columns.
    pub columns: Columns,
    /// Rows by their position in the table.
    pub rows: Vec<(usize, R)>,
}

/// Notes what the rehearsal said of a statement beside the cell that it is about.
pub fn note(met: Met, fields: &mut Fields<'_>, warnings: &mut Vec<Refusal>, lang: Lang) {
    let (rule, refusal) = match met {
        Met::Admitted(more) => return warnings.extend(more),
        Met::Refused(refusal) => (refusal.rule, refusal),
    };
    let reason = match lang {
        Lang::En => format!("the ledger would refuse it by rule {rule}: expected {}, found {}", refusal.expected, refusal.found),
        Lang::Zh => {
            format!("账本将依规则 {rule} 拒绝：应为 {}，实为 {}；处理：{}", refusal.expected, refusal.found, rule.advice_zh())
        }
    };
    fields.fault(column_of(rule), reason);
}

/// The column that a rule speaks of; none for rules about the whole row.
fn column_of(rule: Rule) -> &'static str {
    match rule {
        Rule::PersonTaken | Rule::PersonUnknown => "person",
        Rule::IdentityTaken => "identity",
        Rule::KeyTaken | Rule::KeyEncoding => "key",
        Rule::Proof => "proof",
        Rule::OfficeUnknown | Rule::ExclusivePowers => "office",
        Rule::AppointmentUnit => "unit",
        Rule::Period => "to",
        Rule::ActingDays | Rule::ActingDepth => "capacity",
        Rule::CaseTaken => "case",
        Rule::StandardMissing => "scheme",
        Rule::PersonOther | Rule::CaseUnit | Rule::StepOffice | Rule::StepCount | Rule::QualificationMissing | Rule::AppointmentUnknown => {
            "by"
        }
        _ => "",
    }
}

/// Says which rules only warn, and how often.
pub fn say_warnings(warnings: &[Refusal], lang: Lang) {
    let mut rules: Vec<Rule> = Vec::new();
    for warning in warnings {
        if !rules.contains(&warning.rule) {
            rules.push(warning.rule);
        }
    }
    for rule in rules {
        let of_rule: Vec<&Refusal> = warnings.iter().filter(|warning| warning.rule == rule).collect();
        let (times, last) = (of_rule.len(), of_rule.last());
        let found = last.map_or("", |last| last.found.as_str());
        say(&match lang {
            Lang::En => format!("warning {rule}: {times} time(s), the last: {found}"),
            Lang::Zh => format!("警示 {rule}：{times} 次，最后一次：{found}"),
        });
    }
}

/// Says who has to sign what, and where it lies; and whether the order of drafts matters.
pub fn report(clerk: &Clerk<'_>, sealed: Option<&Sealed>, are_ordered: bool, lang: Lang) {
    let names = |signers: &[PersonId]| signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(lang.pick(", ", "、"));
    let line = |place: &str, signers: &[PersonId], count: usize| {
        let count = thousands(count as u64);
        match lang {
            Lang::En => format!("  {place}{count} statement(s), to be signed by {}", names(signers)),
            Lang::Zh => format!("  {place}{count} 份声明，签署人：{}", names(signers)),
        }
    };
    let lines: Vec<String> = match sealed {
        None => clerk.signing().map(|(signers, count)| line("", signers, count)).collect(),
        Some(sealed) => {
            sealed.drafts.iter().map(|(path, signers, count)| line(&format!("{}: ", path.display()), signers, *count)).collect()
        }
    };
    lines.iter().take(DRAFTS_NAMED_MAX).for_each(|line| print(line));
    if lines.len() > DRAFTS_NAMED_MAX {
        let more = lines.len() - DRAFTS_NAMED_MAX;
        print(&match lang {
            Lang::En => format!("  and {more} more"),
            Lang::Zh => format!("  另有 {more} 份"),
        });
    }
    let Some(sealed) = sealed else {
        print(lang.pick("checked only: nothing was written", "仅作核对，未写入任何文件"));
        return;
    };
    if let Some(salts) = &sealed.salts {
        let (place, count) = (salts.display(), thousands(clerk.salts.count() as u64));
        print(&match lang {
            Lang::En => format!("{place}: salts of {count} papers; keep it: without it nobody can show later what was committed to"),
            Lang::Zh => format!("{place}：{count} 份材料的盐值，请妥善保管；丢失后无法再证明所承诺的材料"),
        });
    }
    if are_ordered && sealed.drafts.len() > 1 {
        print(lang.pick("submit the drafts in the order of their numbers", "各份草稿须按编号顺序提交"));
    }
}

/// Whoever holds one of a step's offices at a time, with the statement that gave it.
pub fn held_by(by: (&StatementHash, &ledger::state::Appointment)) -> By {
    let (appointment, held) = by;
    By { person: held.person.clone(), office: held.office.clone(), unit: held.unit.clone(), appointment: *appointment }
}
