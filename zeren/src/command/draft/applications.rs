//! `zeren draft applications`: the step that opens a case, for every row of a table.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use ledger::procedure::programme::{Step, StepBy};
use ledger::state::Appointment;
use signer::act::{Act, Assertion, Opening, Step as StepAct};
use signer::rule::Refusal;
use signer::statement::By;
use signer::value::{AccountToken, CaseId, Code, DeviceId, Period, PersonId, Scheme, StatementHash, Unit};

use super::clerk::Clerk;
use super::table::{Opened, Sheet, TableArgs, held_by, note, read_rows, report, say_warnings};
use crate::command::print;
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::tables::columns::Column;
use crate::tables::faults::Faults;
use crate::tables::fields::{Expected, Fields, Firsts};

/// `zeren draft applications`
#[derive(clap::Args)]
#[command(after_help = "Columns, in any order, named in English or Chinese:\n\
case 案件编号, unit 辖区, scheme 项目, tier 档次, period 年度, account 账户标识 (a token, never an account number);\n\
evidence X 证据 X (a file beside the table, or its SHA-256), assert X 核实 X (yes, no, unclear; 是, 否, 不清), measure X 计量 X,\n\
as the step that opens cases asks; by 经办人 (PERSON or PERSON:OFFICE:UNIT; empty: --by, else who holds the office there);\n\
device 设备 (empty: --device).\n\
Example: zeren draft applications 07.xlsx --dir ledger --device d-07-01 -o applications.draft")]
pub struct Args {
    #[command(flatten)]
    table: TableArgs,
    /// A signer of every application: PERSON, or PERSON:OFFICE:UNIT
    #[arg(long, value_name = "PERSON")]
    by: Vec<String>,
}

fn columns(step: &Step) -> Vec<Column> {
    let mut columns = vec![
        Column::required("case", "案件编号"),
        Column::required("unit", "辖区"),
        Column::required("scheme", "项目"),
        Column::required("tier", "档次"),
        Column::required("period", "年度"),
        Column::required("account", "账户标识"),
        Column::optional("by", "经办人"),
        Column::optional("device", "设备"),
    ];
    columns.extend(step.evidence.iter().map(|code| Column::required(format!("evidence {code}"), format!("证据 {code}"))));
    columns.extend(step.asserts.iter().map(|code| Column::required(format!("assert {code}"), format!("核实 {code}"))));
    columns.extend(step.measures.iter().map(|code| Column::required(format!("measure {code}"), format!("计量 {code}"))));
    columns
}

/// What a row says.
struct Application {
    case: CaseId,
    opening: Opening,
    by: Vec<By>,
    device: DeviceId,
    asserts: Vec<(Code, Assertion)>,
    measures: Vec<(Code, u64)>,
    papers: Vec<(Code, [u8; 32])>,
}

/// What is expected of a case's id.
pub const CASE: Expected = (
    "a case id such as 07-05-003: at most 40 letters, digits, dots and hyphens, never more than ten digits in a row",
    "案件编号，如 07-05-003：至多 40 个字母、数字、点或连字符，连续数字不超过十位",
);

/// Drafts, or only judges.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let opened = Opened::open(&args.table, lang)?;
    let step = opened.procedure(lang)?.programme.steps.iter().find(|step| step.opens);
    let step = step.ok_or_else(|| Failure::malformed(lang.pick("no step of the procedure opens cases", "办法中没有立案环节")))?;
    let mut faults = Faults::new(lang);
    let mut reader = Reader { args, step, seats: Seats::of(&opened, step), firsts: Firsts::default(), accounts: Firsts::default(), lang };
    let read = |fields: &mut Fields<'_>, folder: &Path| reader.application(fields, folder);
    let sheets = read_rows(&args.table, &columns(step), &mut faults, lang, read)?;
    let mut clerk = Clerk::of(&opened.ledger, opened.at)?;
    let mut warnings = Vec::new();
    let mut cases = 0;
    for sheet in &sheets {
        cases += write(sheet, step, &mut clerk, &mut faults, &mut warnings, lang)?;
    }
    faults.judge()?;
    say_warnings(&warnings, lang);
    let sealed = args.table.output.as_deref().filter(|_| !args.table.check).map(|output| clerk.seal(output)).transpose()?;
    let cases = thousands(cases);
    print(&match lang {
        Lang::En => format!("{cases} application(s), step {}", step.id),
        Lang::Zh => format!("申报 {cases} 件，环节 {}", step.id),
    });
    report(&clerk, sealed.as_ref(), false, lang);
    Ok(ExitCode::SUCCESS)
}

fn write(
    sheet: &Sheet<Application>,
    step: &Step,
    clerk: &mut Clerk<'_>,
    faults: &mut Faults,
    warnings: &mut Vec<Refusal>,
    lang: Lang,
) -> Result<u64, Failure> {
    faults.begin(&sheet.table.file);
    for (at, row) in &sheet.rows {
        let mut act = StepAct::new(step.id.clone());
        act.case = Some((row.case.clone(), None));
        act.open = Some(row.opening.clone());
        act.asserts = row.asserts.clone();
        act.measures = row.measures.clone();
        for (code, paper) in &row.papers {
            act.evidence.push((code.clone(), clerk.salts.commit(*paper, &format!("{code} of {}", row.case))?));
        }
        let met = clerk.write(row.by.clone(), &row.device, Act::Step(Box::new(act)))?;
        let mut fields = Fields::of(&sheet.table, &sheet.table.rows[*at], &sheet.columns, faults, lang);
        note(met, &mut fields, warnings, lang);
    }
    Ok(sheet.rows.len() as u64)
}

struct Reader<'a> {
    args: &'a Args,
    step: &'a Step,
    seats: Seats<'a>,
    firsts: Firsts,
    accounts: Firsts,
    lang: Lang,
}

impl Reader<'_> {
    fn application(&mut self, fields: &mut Fields<'_>, folder: &Path) -> Option<Application> {
        for needed in ["case", "unit", "scheme", "tier", "period", "account"] {
            fields.need(needed);
        }
        let case = fields.value("case", CaseId::parse, CASE);
        if let Some(case) = &case {
            fields.judge_first(&mut self.firsts, case.to_string(), "case");
        }
        let opening = self.opening(fields);
        let unit = opening.as_ref().map(|opening| &opening.unit);
        let by = self.by(fields, unit);
        let device = self.device(fields);
        let asserts = self.asserts(fields);
        let measures = self.measures(fields);
        let papers = self.papers(fields, folder);
        Some(Application { case: case?, opening: opening?, by: by?, device: device?, asserts, measures, papers })
    }

    fn opening(&mut self, fields: &mut Fields<'_>) -> Option<Opening> {
        const UNIT: Expected = ("a unit such as 07-03", "辖区编号，如 07-03");
        const SCHEME: Expected = ("a scheme such as SCH-A", "项目代码，如 SCH-A");
        const TIER: Expected = ("a tier such as base", "档次代码，如 base");
        const ACCOUNT: Expected = (
            "an account token: 32 bytes in base64 or hexadecimal, never an account number",
            "账户标识：32 字节的 base64 或十六进制，不得填写账号",
        );
        let unit = fields.value("unit", Unit::parse, UNIT);
        let scheme = fields.value("scheme", Scheme::parse, SCHEME);
        let tier = fields.value("tier", Code::parse, TIER);
        let period = fields.number("period").and_then(|year| {
            let period = Period::parse(&year.to_string());
            if period.is_none() {
                fields.fault("period", self.lang.pick("a year of four digits is expected", "应为四位年份"));
            }
            period
        });
        let account = fields.bytes("account", ACCOUNT).map(AccountToken);
        if let Some(account) = &account {
            // One household may have one account: said, not refused.
            let remark = self.lang.pick("accounts named more than once", "账户标识重复");
            fields.remark_first(&mut self.accounts, account.to_string(), "account", remark);
        }
        Some(Opening { unit: unit?, scheme: scheme?, tier: tier?, period: period?, account: account? })
    }

    fn device(&self, fields: &mut Fields<'_>) -> Option<DeviceId> {
        const DEVICE: Expected = ("a device such as d-07-01", "设备编号，如 d-07-01");
        if !fields.is_empty("device") {
            return fields.value("device", DeviceId::parse, DEVICE);
        }
        let device = self.args.table.device.as_deref().and_then(DeviceId::parse);
        if device.is_none() {
            fields
                .fault("device", self.lang.pick("no device: give --device, or a column `device`", "未指明设备：请用 --device 或“设备”列"));
        }
        device
    }

    fn asserts(&self, fields: &mut Fields<'_>) -> Vec<(Code, Assertion)> {
        const ASSERT: Expected = ("yes 是, no 否 or unclear 不清", "是 yes、否 no 或不清 unclear");
        let word = |text: &str| match text {
            "是" => Some(Assertion::Yes),
            "否" => Some(Assertion::No),
            "不清" => Some(Assertion::Unclear),
            other => Assertion::parse(other),
        };
        let mut asserts = Vec::new();
        for code in &self.step.asserts {
            let name = format!("assert {code}");
            fields.need(&name);
            asserts.extend(fields.value(&name, word, ASSERT).map(|said| (code.clone(), said)));
        }
        asserts
    }

    fn measures(&self, fields: &mut Fields<'_>) -> Vec<(Code, u64)> {
        let mut measures = Vec::new();
        for code in &self.step.measures {
            let name = format!("measure {code}");
            fields.need(&name);
            measures.extend(fields.number(&name).map(|number| (code.clone(), number)));
        }
        measures
    }

    fn papers(&self, fields: &mut Fields<'_>, folder: &Path) -> Vec<(Code, [u8; 32])> {
        let mut papers = Vec::new();
        for code in &self.step.evidence {
            let name = format!("evidence {code}");
            fields.need(&name);
            papers.extend(fields.paper(&name, folder).map(|paper| (code.clone(), paper)));
        }
        papers
    }

    /// Who signs: as the row says, else as `--by` says, else who holds the step's office there.
    fn by(&self, fields: &mut Fields<'_>, unit: Option<&Unit>) -> Option<Vec<By>> {
        let named: Vec<String> = match fields.ascii("by") {
            Some(text) => text.split([' ', ',', ';', '、']).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            None => self.args.by.clone(),
        };
        let unit = unit?;
        let found = if named.is_empty() {
            self.seats.nearest(unit, self.step, self.lang)
        } else {
            named.iter().map(|signer| self.seats.of_signer(signer, unit, self.lang)).collect()
        };
        found.map_err(|reason| fields.fault("by", reason)).ok()
    }
}

/// Who holds an office that does the step.
struct Seats<'a> {
    held: Vec<(&'a StatementHash, &'a Appointment)>,
    by_unit: BTreeMap<&'a Unit, Vec<usize>>,
}

impl<'a> Seats<'a> {
    fn of(opened: &'a Opened, step: &Step) -> Seats<'a> {
        let fits = |held: &Appointment| held.is_in_force(opened.moment) && step.by.offices().contains(&held.office);
        let mut held: Vec<_> = opened.ledger.state().all_appointments().filter(|(_, held)| fits(held)).collect();
        held.sort_by_key(|(_, held)| (held.since, held.person.clone()));
        let mut by_unit: BTreeMap<&Unit, Vec<usize>> = BTreeMap::new();
        for (at, (_, held)) in held.iter().enumerate() {
            by_unit.entry(&held.unit).or_default().push(at);
        }
        Seats { held, by_unit }
    }

    /// The one who holds the office in the smallest unit around this one.
    fn nearest(&self, unit: &Unit, step: &Step, lang: Lang) -> Result<Vec<By>, String> {
        let around = (0..=unit.depth()).rev().filter_map(|depth| self.by_unit.get(&unit.at_depth(depth)?));
        let found: Vec<By> = around.take(1).flatten().map(|at| held_by(self.held[*at])).collect();
        let is_plain = matches!(&step.by, StepBy::Any(_, 1));
        let what = match found.as_slice() {
            [_] if is_plain => return Ok(found),
            [] => lang.pick("nobody holds an office of this step there", "该辖区无人担任此环节的岗位"),
            _ => lang.pick("several may or must sign: name them", "可签署或须签署的不止一人，请指明"),
        };
        Err(format!("{unit}: {what}"))
    }

    fn of_signer(&self, signer: &str, case_unit: &Unit, lang: Lang) -> Result<By, String> {
        let mut parts = signer.split(':');
        let person = parts.next().and_then(PersonId::parse);
        let person = person
            .ok_or_else(|| lang.pick("not a person: PERSON or PERSON:OFFICE:UNIT", "应为 人员编号 或 人员编号:岗位:辖区").to_owned())?;
        let (office, unit) = (parts.next(), parts.next());
        let fits = |held: &Appointment| {
            held.person == person
                && office.is_none_or(|office| held.office.as_str() == office)
                && unit.map_or(held.unit.covers(case_unit), |unit| held.unit.as_str() == unit)
        };
        let found: Vec<By> = self.held.iter().filter(|(_, held)| fits(held)).map(|held| held_by(*held)).collect();
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(format!("{person}: {}", lang.pick("holds no office of this step for this unit", "未担任该辖区此环节的岗位"))),
            several => {
                let all: Vec<String> = several.iter().map(|by| format!("{person}:{}:{}", by.office, by.unit)).collect();
                Err(format!("{person}: {} {}", lang.pick("several offices; choose one:", "有多个岗位，请指明："), all.join(", ")))
            }
        }
    }
}
