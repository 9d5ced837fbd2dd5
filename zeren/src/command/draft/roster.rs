//! `zeren draft roster`: enrolments, appointments and qualifications from a table.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use ledger::state::State;
use signer::PublicKey;
use signer::act::{Act, ActName, Capacity};
use signer::possession::{self, Occasion};
use signer::rule::Refusal;
use signer::statement::By;
use signer::strict::Signature;
use signer::value::{Code, DeviceId, IdentityToken, KeyBytes, LedgerId, Office, PersonId, Text, Time, Unit, from_base64_array};

use super::clerk::{Clerk, Met};
use super::table::{Opened, Sheet, TableArgs, note, read_rows, report, say_warnings};
use super::{by, device};
use crate::command::print;
use crate::desk::holds_none;
use crate::error::Failure;
use crate::files;
use crate::lang::{Lang, thousands};
use crate::tables::columns::Column;
use crate::tables::faults::Faults;
use crate::tables::fields::{Expected, Fields, Firsts};

/// Longest file that `zeren key prove` prints, in bytes.
const PROOF_FILE_BYTES_MAX: u64 = 4_096;

/// `zeren draft roster`
#[derive(clap::Args)]
#[command(after_help = "Columns, in any order, named in English or Chinese:\n\
person 人员编号; for whoever is not enrolled: name 姓名, identity 身份标识, and key 公钥 with proof 持有证明, or key file 密钥文件\n\
(what `zeren key prove` printed, beside the table); office 岗位, unit 辖区, capacity 任职方式, home 原单位, from 任职起,\n\
to 任职止 (the last day; empty: open), letter 任命文件 (a file beside the table, or its SHA-256);\n\
qualifications 资格, qualified from 资格起, qualified to 资格止, certificate 资格证明.\n\
Example: zeren draft roster officials.xlsx --dir ledger --by r001 --by o001 --device d-county -o roster.draft")]
pub struct Args {
    #[command(flatten)]
    table: TableArgs,
    /// A signer: PERSON, or PERSON:OFFICE, or PERSON:OFFICE:UNIT; in the order of signing
    #[arg(long, value_name = "PERSON", required = true)]
    by: Vec<String>,
}

fn columns() -> Vec<Column> {
    vec![
        Column::required("person", "人员编号"),
        Column::optional("name", "姓名"),
        Column::optional("identity", "身份标识"),
        Column::optional("key", "公钥"),
        Column::optional("proof", "持有证明"),
        Column::optional("key file", "密钥文件"),
        Column::optional("office", "岗位"),
        Column::optional("unit", "辖区"),
        Column::optional("capacity", "任职方式"),
        Column::optional("home", "原单位"),
        Column::optional("from", "任职起"),
        Column::optional("to", "任职止"),
        Column::optional("letter", "任命文件"),
        Column::optional("qualifications", "资格"),
        Column::optional("qualified from", "资格起"),
        Column::optional("qualified to", "资格止"),
        Column::optional("certificate", "资格证明"),
    ]
}

/// What a row says.
struct Entry {
    person: PersonId,
    enrol: Option<Enrolment>,
    office: Option<Post>,
    qualified: Vec<(Code, Time, Option<Time>, [u8; 32])>,
}

#[derive(Clone, PartialEq)]
struct Enrolment {
    name: Text,
    identity: IdentityToken,
    key: KeyBytes,
    proof: Signature,
}

struct Post {
    office: Office,
    unit: Unit,
    capacity: Capacity,
    home: Unit,
    from: Time,
    to: Option<Time>,
    letter: [u8; 32],
}

/// What is expected of a person's id.
pub const PERSON: Expected = (
    "a person's id such as p0412: small letters, digits and hyphens, a letter first",
    "人员编号，如 p0412：小写字母开头，仅含小写字母、数字和连字符",
);
const UNIT: Expected = ("a unit such as 07-03, or - for the whole ledger", "辖区编号，如 07-03；全账本为 -");

/// Drafts, or only judges.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let opened = Opened::open(&args.table, lang)?;
    let device = device(args.table.device.as_deref(), lang)?;
    let state = opened.ledger.state();
    let mut faults = Faults::new(lang);
    let mut reader = Reader {
        opened: &opened,
        offset: opened.procedure(lang)?.programme.calendar.offset_minutes,
        firsts: Firsts::default(),
        units: units_of(state),
        people: BTreeMap::new(),
        tried: BTreeSet::new(),
        lang,
    };
    let sheets = read_rows(&args.table, &columns(), &mut faults, lang, |fields, folder| reader.entry(fields, folder))?;
    // Who may not do an act does not sign it: enrolment asks for two powers, a qualification for one.
    let signers = |act| {
        let able: Result<Vec<Option<By>>, Failure> = args.by.iter().map(|signer| by(signer, act, state, opened.moment, lang)).collect();
        let able: Vec<By> = able?.into_iter().flatten().collect();
        if able.is_empty() { Err(Failure::malformed(holds_none(&args.by.join(", "), act, lang))) } else { Ok(able) }
    };
    let mut clerk = Clerk::of(&opened.ledger, opened.at)?;
    let mut writer = Writer {
        clerk: &mut clerk,
        device,
        signers: BTreeMap::new(),
        enrolled: BTreeSet::new(),
        counts: Counts::default(),
        warnings: Vec::new(),
        lang,
    };
    for sheet in &sheets {
        writer.sheet(sheet, state, &mut faults, &signers)?;
    }
    let (counts, warnings) = (writer.counts, writer.warnings);
    faults.judge()?;
    say_warnings(&warnings, lang);
    let [persons, offices, qualified] = [counts.enrolled, counts.appointed, counts.qualified].map(thousands);
    let sealed = args.table.output.as_deref().filter(|_| !args.table.check).map(|output| clerk.seal(output)).transpose()?;
    print(&match lang {
        Lang::En => format!("{persons} person(s) to enrol, {offices} appointment(s), {qualified} qualification(s)"),
        Lang::Zh => format!("登记 {persons} 人，任职 {offices} 项，资格 {qualified} 项"),
    });
    report(&clerk, sealed.as_ref(), true, lang);
    Ok(ExitCode::SUCCESS)
}

/// Units that the record knows.
fn units_of(state: &State) -> BTreeSet<String> {
    let offices = state.all_appointments().flat_map(|(_, held)| [held.unit.to_string(), held.home.to_string()]);
    offices.chain(state.register().cases().filter_map(|(case, _)| Some(state.register().file(case)?.unit.to_string()))).collect()
}

struct Reader<'a> {
    opened: &'a Opened,
    offset: i16,
    firsts: Firsts,
    units: BTreeSet<String>,
    people: BTreeMap<PersonId, (String, Enrolment)>,
    /// Persons of whom some row says more than the id, rightly or not.
    tried: BTreeSet<PersonId>,
    lang: Lang,
}

impl Reader<'_> {
    fn entry(&mut self, fields: &mut Fields<'_>, folder: &Path) -> Option<Entry> {
        fields.need("person");
        let person = fields.value("person", PersonId::parse, PERSON)?;
        let enrol = self.enrolment(fields, &person, folder);
        let office = self.post(fields, folder);
        let qualified = self.qualified(fields, folder);
        if let Some(post) = &office {
            fields.judge_first(&mut self.firsts, format!("{person} {} {} {}", post.office, post.unit, post.from), "person");
        }
        Some(Entry { person, enrol: enrol?, office, qualified })
    }

    /// Whoever is enrolled already needs nothing; whoever is named again may say the same again. `Some(None)`: no enrolment here.
    fn enrolment(&mut self, fields: &mut Fields<'_>, person: &PersonId, folder: &Path) -> Option<Option<Enrolment>> {
        const TOKEN: Expected = ("an identity token: 32 bytes in base64 or hexadecimal", "身份标识：32 字节的 base64 或十六进制");
        let known = self.opened.ledger.state().person(person);
        let mine = ["name", "identity", "key", "proof", "key file"];
        let says_nothing = mine.iter().all(|name| fields.is_empty(name));
        if says_nothing && (known.is_some() || self.tried.contains(person)) {
            return Some(None);
        }
        self.tried.insert(person.clone());
        let name = fields.text("name");
        let identity = fields.bytes("identity", TOKEN).map(IdentityToken);
        if let Some(known) = known {
            let differs = [
                ("name", name.is_some_and(|name| name != known.name)),
                ("identity", identity.is_some_and(|token| token != known.identity)),
            ];
            for (column, _) in differs.iter().filter(|(_, differs)| *differs) {
                let reason = self.lang.pick("the record says otherwise of this person", "与账本中此人的记载不符");
                fields.fault(column, reason);
            }
            return Some(None);
        }
        fields.need("name");
        fields.need("identity");
        let (key, proof) = self.key(fields, folder)?;
        let enrolment = Enrolment { name: name?, identity: identity?, key, proof };
        self.judge_proof(fields, person, &enrolment);
        match self.people.get(person) {
            None => {
                self.people.insert(person.clone(), (fields.here(), enrolment.clone()));
                Some(Some(enrolment))
            }
            Some((_, first)) if *first == enrolment => Some(None),
            Some((first, _)) => {
                let reason = match self.lang {
                    Lang::En => format!("says otherwise of this person than {first}"),
                    Lang::Zh => format!("与{first}对同一人的填写不一致"),
                };
                fields.fault("person", reason);
                None
            }
        }
    }

    fn key(&self, fields: &mut Fields<'_>, folder: &Path) -> Option<(KeyBytes, Signature)> {
        const KEY: Expected = ("a public key: 32 bytes in base64 or hexadecimal", "公钥：32 字节的 base64 或十六进制");
        const PROOF: Expected = ("a proof of possession: 64 bytes in base64", "持有证明：64 字节的 base64");
        if fields.is_empty("key file") {
            fields.need("key");
            fields.need("proof");
            let key = fields.bytes("key", KEY).map(KeyBytes);
            let proof = fields.value("proof", from_base64_array::<64>, PROOF).map(Signature);
            return Some((key?, proof?));
        }
        if !fields.is_empty("key") || !fields.is_empty("proof") {
            fields.fault("key file", self.lang.pick("key and proof, or a key file: not both", "公钥与持有证明、密钥文件二者只填其一"));
            return None;
        }
        let name = fields.ascii("key file").filter(|name| fields.file_beside("key file", name))?;
        let read = files::read_text(&folder.join(name), PROOF_FILE_BYTES_MAX).ok().and_then(|text| read_proof(&text));
        if read.is_none() {
            let what = self.lang.pick("not what `zeren key prove` prints", "不是 zeren key prove 的输出");
            fields.fault("key file", what);
        }
        read
    }

    fn judge_proof(&self, fields: &mut Fields<'_>, person: &PersonId, enrolment: &Enrolment) {
        let ledger: &LedgerId = self.opened.ledger.id();
        let column = if fields.is_empty("key file") { ["key", "proof"] } else { ["key file"; 2] };
        match PublicKey::decode(&enrolment.key) {
            Err(refusal) => fields.fault(column[0], format!("{}: {}", refusal.rule, refusal.expected)),
            Ok(key) if !possession::verifies(ledger, person, Occasion::Identity(enrolment.identity), &key, &enrolment.proof) => {
                let reason = self.lang.pick(
                    "does not prove possession of this key by this person with this identity token for this ledger",
                    "不能证明此人以该身份标识在本账本持有此公钥",
                );
                fields.fault(column[1], reason);
            }
            Ok(_) => {}
        }
    }

    fn post(&mut self, fields: &mut Fields<'_>, folder: &Path) -> Option<Post> {
        const OFFICE: Expected = ("an office of the procedure", "办法所列岗位");
        const CAPACITY: Expected = ("regular 正式, acting 代理 or delegated 授权", "正式 regular、代理 acting 或授权 delegated");
        let all = ["office", "unit", "capacity", "home", "from", "to", "letter"];
        if all.iter().all(|name| fields.is_empty(name)) {
            return None;
        }
        for needed in ["office", "unit", "from", "letter"] {
            fields.need(needed);
        }
        let office = fields.value("office", Office::parse, OFFICE);
        let unit = self.unit(fields, "unit");
        let home = if fields.is_empty("home") { unit.clone() } else { self.unit(fields, "home") };
        let capacity = if fields.is_empty("capacity") { Some(Capacity::Regular) } else { fields.value("capacity", capacity, CAPACITY) };
        let from = fields.day("from", self.offset, 0);
        let to = last_day(fields, "to", self.offset);
        let letter = fields.paper("letter", folder);
        Some(Post { office: office?, unit: unit?, capacity: capacity?, home: home?, from: from?, to: to?, letter: letter? })
    }

    /// A unit; one that differs from another's only by zeros in front has lost them.
    fn unit(&mut self, fields: &mut Fields<'_>, name: &str) -> Option<Unit> {
        let unit = fields.value(name, Unit::parse, UNIT)?;
        let written = unit.to_string();
        if self.units.contains(&written) {
            return Some(unit);
        }
        let bare = |unit: &str| unit.split('-').map(|part| part.trim_start_matches('0').to_owned()).collect::<Vec<_>>();
        if let Some(other) = self.units.iter().find(|other| bare(other) == bare(&written)) {
            let reason = match self.lang {
                Lang::En => format!("`{written}`: elsewhere it is {other}; has a spreadsheet dropped the zeros in front?"),
                Lang::Zh => format!("`{written}`：别处为 {other}，是否被电子表格丢掉了前导零？"),
            };
            fields.fault(name, reason);
            return None;
        }
        self.units.insert(written);
        Some(unit)
    }

    fn qualified(&self, fields: &mut Fields<'_>, folder: &Path) -> Vec<(Code, Time, Option<Time>, [u8; 32])> {
        const CODES: Expected = ("codes of qualifications, with spaces or 、 between", "资格代码，以空格或顿号分隔");
        let all = ["qualifications", "qualified from", "qualified to", "certificate"];
        if all.iter().all(|name| fields.is_empty(name)) {
            return Vec::new();
        }
        for needed in ["qualifications", "qualified from", "certificate"] {
            fields.need(needed);
        }
        let codes = |text: &str| {
            let parts = text.split([' ', '、', ',', ';']).filter(|part| !part.is_empty());
            parts.map(Code::parse).collect::<Option<BTreeSet<Code>>>()
        };
        let codes = fields.value("qualifications", codes, CODES);
        let from = fields.day("qualified from", self.offset, 0);
        let to = last_day(fields, "qualified to", self.offset);
        let certificate = fields.paper("certificate", folder);
        let (Some(codes), Some(from), Some(to), Some(certificate)) = (codes, from, to, certificate) else { return Vec::new() };
        codes.into_iter().map(|code| (code, from, to, certificate)).collect()
    }
}

fn capacity(text: &str) -> Option<Capacity> {
    match text {
        "正式" => Some(Capacity::Regular),
        "代理" => Some(Capacity::Acting),
        "授权" => Some(Capacity::Delegated),
        other => Capacity::parse(other),
    }
}

/// The end of a period of which the last day is written: the midnight after it, or open. Nothing where the cell cannot be read.
fn last_day(fields: &mut Fields<'_>, name: &str, offset: i16) -> Option<Option<Time>> {
    if fields.is_empty(name) {
        return Some(None);
    }
    if fields.is_word(name, &["open", "至今", "长期"]) {
        return Some(None);
    }
    fields.day(name, offset, 1).map(Some)
}

/// The lines `key` and `proof`.
fn read_proof(text: &str) -> Option<(KeyBytes, Signature)> {
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    Some((KeyBytes::parse(line("key ed25519 ")?)?, Signature(from_base64_array(line("proof ")?)?)))
}

#[derive(Default)]
struct Counts {
    enrolled: u64,
    appointed: u64,
    qualified: u64,
}

struct Writer<'a, 'b> {
    clerk: &'a mut Clerk<'b>,
    device: DeviceId,
    signers: BTreeMap<ActName, Vec<By>>,
    enrolled: BTreeSet<PersonId>,
    counts: Counts,
    warnings: Vec<Refusal>,
    lang: Lang,
}

impl Writer<'_, '_> {
    fn sheet(
        &mut self,
        sheet: &Sheet<Entry>,
        state: &State,
        faults: &mut Faults,
        signers: &dyn Fn(ActName) -> Result<Vec<By>, Failure>,
    ) -> Result<(), Failure> {
        faults.begin(&sheet.table.file);
        for (at, entry) in &sheet.rows {
            let mut fields = Fields::of(&sheet.table, &sheet.table.rows[*at], &sheet.columns, faults, self.lang);
            let person = &entry.person;
            if let Some(Enrolment { name, identity, key, proof }) = entry.enrol.clone()
                && self.write(Act::Enrol { person: person.clone(), name, identity, key, proof }, &mut fields, signers)?
            {
                self.enrolled.insert(person.clone());
                self.counts.enrolled += 1;
            }
            if state.person(person).is_none() && !self.enrolled.contains(person) {
                // The enrolment that is wanting has a fault of its own.
                continue;
            }
            if let Some(post) = &entry.office {
                let instrument =
                    self.clerk.salts.commit(post.letter, &format!("letter of {person} as {} of {}", post.office, post.unit))?;
                let Post { office, unit, capacity, home, from, to, .. } = post;
                let act = Act::Appoint {
                    person: person.clone(),
                    office: office.clone(),
                    unit: unit.clone(),
                    capacity: *capacity,
                    home: home.clone(),
                    from: *from,
                    to: *to,
                    instrument,
                };
                self.write(act, &mut fields, signers)?;
                self.counts.appointed += 1;
            }
            for (qualification, from, to, certificate) in &entry.qualified {
                let evidence = self.clerk.salts.commit(*certificate, &format!("certificate of {person} for {qualification}"))?;
                let act = Act::Qualify { person: person.clone(), qualification: qualification.clone(), from: *from, to: *to, evidence };
                self.write(act, &mut fields, signers)?;
                self.counts.qualified += 1;
            }
        }
        Ok(())
    }

    /// Writes a statement; whether it would be admitted.
    fn write(&mut self, act: Act, fields: &mut Fields<'_>, signers: &dyn Fn(ActName) -> Result<Vec<By>, Failure>) -> Result<bool, Failure> {
        let name = act.name();
        let by = match self.signers.entry(name) {
            Slot::Occupied(slot) => slot.get().clone(),
            Slot::Vacant(slot) => slot.insert(signers(name)?).clone(),
        };
        let met = self.clerk.write(by, &self.device, act)?;
        let is_admitted = matches!(met, Met::Admitted(_));
        note(met, fields, &mut self.warnings, self.lang);
        Ok(is_admitted)
    }
}
