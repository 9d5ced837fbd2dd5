//! `zeren draft relations`: who is related to which case or person, for every row of a table.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use ledger::procedure::programme::RuleKind;
use signer::act::{Act, ActName, Basis, RelatedTo};
use signer::rule::Refusal;
use signer::statement::By;
use signer::value::{CaseId, Code, DeviceId, PersonId};

use super::applications::CASE;
use super::clerk::Clerk;
use super::roster::PERSON;
use super::table::{Opened, Sheet, TableArgs, note, read_rows, report, say_warnings};
use super::{by, device};
use crate::command::print;
use crate::desk::holds_none;
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::tables::columns::Column;
use crate::tables::faults::Faults;
use crate::tables::fields::{Expected, Fields, Firsts};

/// `zeren draft relations`
#[derive(clap::Args)]
#[command(after_help = "Columns, in any order, named in English or Chinese:\n\
person 人员编号, relation 关系 (a code of the procedure), and what the person is related to: case 案件编号 or other 相关人员;\n\
basis 依据 (declared 申报, attested 证明, ordered 指令), evidence 证明材料 (a file beside the table, or its SHA-256; empty: none),\n\
by 签署人 (PERSON or PERSON:OFFICE:UNIT; empty: who declares signs as oneself, all else is signed by --by).\n\
Example: zeren draft relations relatives.xlsx --dir ledger --by o001:overseer --device d-county -o relations.draft")]
pub struct Args {
    #[command(flatten)]
    table: TableArgs,
    /// A signer of every relation that is not declared by the person: PERSON, or PERSON:OFFICE, or PERSON:OFFICE:UNIT
    #[arg(long, value_name = "PERSON")]
    by: Vec<String>,
}

fn columns() -> Vec<Column> {
    vec![
        Column::required("person", "人员编号"),
        Column::required("relation", "关系"),
        Column::optional("case", "案件编号"),
        Column::optional("other", "相关人员"),
        Column::required("basis", "依据"),
        Column::optional("evidence", "证明材料"),
        Column::optional("by", "签署人"),
    ]
}

/// What a row says.
struct Related {
    person: PersonId,
    relation: Code,
    to: RelatedTo,
    basis: Basis,
    paper: Option<[u8; 32]>,
    by: Vec<By>,
}

/// Drafts, or only judges.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let opened = Opened::open(&args.table, lang)?;
    let device = device(args.table.device.as_deref(), lang)?;
    let rules = &opened.procedure(lang)?.programme.rules;
    let named = rules.iter().filter_map(|rule| if let RuleKind::Recuse { relations, .. } = &rule.kind { Some(relations) } else { None });
    let mut faults = Faults::new(lang);
    let mut reader = Reader { args, opened: &opened, known: named.flatten().collect(), firsts: Firsts::default(), lang };
    let sheets = read_rows(&args.table, &columns(), &mut faults, lang, |fields, folder| reader.related(fields, folder))?;
    let mut clerk = Clerk::of(&opened.ledger, opened.at)?;
    let mut warnings = Vec::new();
    let mut count = 0;
    for sheet in &sheets {
        count += write(sheet, &device, &mut clerk, &mut faults, &mut warnings, lang)?;
    }
    faults.judge()?;
    say_warnings(&warnings, lang);
    let sealed = args.table.output.as_deref().filter(|_| !args.table.check).map(|output| clerk.seal(output)).transpose()?;
    let count = thousands(count);
    print(&match lang {
        Lang::En => format!("{count} relation(s)"),
        Lang::Zh => format!("利益关系 {count} 项"),
    });
    report(&clerk, sealed.as_ref(), false, lang);
    Ok(ExitCode::SUCCESS)
}

fn write(
    sheet: &Sheet<Related>,
    device: &DeviceId,
    clerk: &mut Clerk<'_>,
    faults: &mut Faults,
    warnings: &mut Vec<Refusal>,
    lang: Lang,
) -> Result<u64, Failure> {
    faults.begin(&sheet.table.file);
    for (at, row) in &sheet.rows {
        let of = match &row.to {
            RelatedTo::Case(case) => case.to_string(),
            RelatedTo::Person(person) => person.to_string(),
        };
        let what = format!("{} of {} and {of}", row.relation, row.person);
        let evidence = row.paper.map(|paper| clerk.salts.commit(paper, &what)).transpose()?;
        let (person, relation, to) = (row.person.clone(), row.relation.clone(), row.to.clone());
        let met = clerk.write(row.by.clone(), device, Act::Relate { person, relation, to, basis: row.basis, evidence })?;
        let mut fields = Fields::of(&sheet.table, &sheet.table.rows[*at], &sheet.columns, faults, lang);
        note(met, &mut fields, warnings, lang);
    }
    Ok(sheet.rows.len() as u64)
}

struct Reader<'a> {
    args: &'a Args,
    opened: &'a Opened,
    /// Relations for which some rule makes people step aside.
    known: BTreeSet<&'a Code>,
    firsts: Firsts,
    lang: Lang,
}

impl Reader<'_> {
    fn related(&mut self, fields: &mut Fields<'_>, folder: &Path) -> Option<Related> {
        for needed in ["person", "relation", "basis"] {
            fields.need(needed);
        }
        let person = fields.value("person", PersonId::parse, PERSON);
        let relation = self.relation(fields);
        let to = self.to(fields);
        let basis = Self::basis(fields);
        let paper = fields.paper("evidence", folder);
        let (person, relation, to, basis) = (person?, relation?, to?, basis?);
        fields.judge_first(&mut self.firsts, format!("{person} {relation} {to:?}"), "person");
        let by = self.by(fields, &person, basis)?;
        Some(Related { person, relation, to, basis, paper, by })
    }

    /// A code that no rule asks for would make nobody step aside, and nobody would notice.
    fn relation(&self, fields: &mut Fields<'_>) -> Option<Code> {
        const RELATION: Expected = ("a relation such as spouse", "关系代码，如 spouse");
        let relation = fields.value("relation", Code::parse, RELATION)?;
        if !self.known.is_empty() && !self.known.contains(&relation) {
            let known: Vec<&str> = self.known.iter().map(|code| code.as_str()).collect();
            let known = known.join(", ");
            fields.fault(
                "relation",
                match self.lang {
                    Lang::En => {
                        format!("{relation}: for this relation no rule of the procedure makes anybody step aside; there are {known}")
                    }
                    Lang::Zh => format!("{relation}：办法未规定此种关系须回避；可用的为 {known}"),
                },
            );
            return None;
        }
        Some(relation)
    }

    fn to(&self, fields: &mut Fields<'_>) -> Option<RelatedTo> {
        match (fields.is_empty("case"), fields.is_empty("other")) {
            (false, true) => {
                let case = fields.value("case", CaseId::parse, CASE)?;
                if self.opened.ledger.state().case_head(&case).is_none() {
                    let place = fields.place("case");
                    fields.remark(&place, self.lang.pick("cases that are not in the record yet", "案件尚未入账"));
                }
                Some(RelatedTo::Case(case))
            }
            (true, false) => {
                let other = fields.value("other", PersonId::parse, PERSON)?;
                if self.opened.ledger.state().person(&other).is_none() {
                    fields.fault("other", self.lang.pick("nobody of that id is enrolled", "该编号人员未登记"));
                    return None;
                }
                Some(RelatedTo::Person(other))
            }
            _ => {
                fields.fault("case", self.lang.pick("either a case or another person, and not both", "案件与相关人员须填且只填一项"));
                None
            }
        }
    }

    fn basis(fields: &mut Fields<'_>) -> Option<Basis> {
        const BASIS: Expected = ("declared 申报, attested 证明 or ordered 指令", "申报 declared、证明 attested 或指令 ordered");
        let word = |text: &str| match text {
            "申报" => Some(Basis::Declared),
            "证明" => Some(Basis::Attested),
            "指令" => Some(Basis::Ordered),
            other => Basis::parse(other),
        };
        fields.value("basis", word, BASIS)
    }

    /// Who signs: as the row says; else whoever declares, as oneself; else as `--by` says.
    fn by(&self, fields: &mut Fields<'_>, person: &PersonId, basis: Basis) -> Option<Vec<By>> {
        let named: Vec<String> = match fields.ascii("by") {
            Some(text) => text.split([' ', ',', ';', '、']).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            None if basis == Basis::Declared => vec![format!("{person}:self")],
            None => self.args.by.clone(),
        };
        if named.is_empty() {
            fields.fault("by", self.lang.pick("who signs? give --by, or a column `by`", "未指明签署人：请用 --by 或“签署人”列"));
            return None;
        }
        let (state, moment, lang) = (self.opened.ledger.state(), self.opened.moment, self.lang);
        let held = |signer: &String| match by(signer, ActName::Relate, state, moment, lang) {
            Ok(Some(held)) => Ok(held),
            Ok(None) => Err(holds_none(signer, ActName::Relate, lang)),
            Err(failure) => Err(failure.to_string()),
        };
        let all: Result<Vec<By>, String> = named.iter().map(held).collect();
        all.map_err(|reason| fields.fault("by", reason.replace("\n  ", " "))).ok()
    }
}
