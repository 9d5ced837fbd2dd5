//! Rosters and applications from tables: what is drafted, and what is refused, in files as offices make them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};
use signer::draft::Draft;
use signer::possession::{Occasion, prove};
use signer::value::{IdentityToken, LedgerId, PersonId, base64, from_base64_array};
use signer::{SecretKey, Statement};
use zeroize::Zeroizing;

/// A ledger founded by three people, with the county's procedure.
struct Room {
    folder: tempfile::TempDir,
}

fn key(n: u32) -> SecretKey {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&n.to_be_bytes());
    SecretKey::from_seed(&Zeroizing::new(seed))
}

fn token(n: u32) -> [u8; 32] {
    let mut token = [9; 32];
    token[..4].copy_from_slice(&n.to_be_bytes());
    token
}

impl Room {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn zeren(&self, lang: &str, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zeren")).args(["--lang", lang]).args(args).current_dir(self.folder.path()).output().unwrap()
    }

    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.zeren("en", args);
        assert!(output.status.success(), "{args:?}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    }

    fn founded() -> Room {
        let room = Room { folder: tempfile::tempdir().unwrap() };
        room.succeeds(&["key", "new", "checkpoint.pem", "--plain"]);
        let checkpoint = room.succeeds(&["key", "show", "checkpoint.pem"]).trim().rsplit(' ').next().unwrap().to_owned();
        let founder = |(n, (id, power)): (u32, &(&str, &str))| {
            fs::write(room.path(&format!("{id}.pem")), signer::keyfile::plain(&key(n)).unwrap().as_bytes()).unwrap();
            format!("founder {id} {power} {} {} 甲子·{n:03}", base64(&token(n)), key(n).public().bytes())
        };
        let founders: Vec<String> = (1..).zip(&[("f1", "E"), ("f2", "S"), ("f3", "F")]).map(founder).collect();
        let checkpoint = format!("checkpoint-key ed25519 {checkpoint}");
        let mut args = vec!["draft", "found", "-o", "found.draft", "ledger county.example/award", "purpose production", "device d0"];
        args.extend(["identity civil-registry", "threshold 2", &checkpoint]);
        args.extend(founders.iter().map(String::as_str));
        room.succeeds(&args);
        ["f1", "f2", "f3"].iter().for_each(|person| room.sign("found.draft", person));
        room.succeeds(&["init", "ledger", "--founding", "found.draft", "--checkpoint-key", "checkpoint.pem", "--policy-out", "policy"]);
        let procedure = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/procedures/award-county.toml");
        let enact = ["draft", "enact", "--dir", "ledger", "--by", "f1", "--by", "f2", "--device", "d0", "-o", "enact.draft", "--procedure"];
        room.succeeds(&[&enact[..], &[procedure.to_str().unwrap()]].concat());
        room.submit("enact.draft", &["f1", "f2"]);
        room
    }

    fn sign(&self, draft: &str, person: &str) {
        self.succeeds(&["sign", draft, "--key", &format!("{person}.pem"), "--person", person, "--policy", "policy", "--yes"]);
    }

    fn submit(&self, draft: &str, signers: &[&str]) {
        signers.iter().for_each(|person| self.sign(draft, person));
        self.succeeds(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", draft]);
    }

    fn ledger(&self) -> LedgerId {
        let text = fs::read_to_string(self.path("ledger/ledger")).unwrap();
        LedgerId::parse(text.lines().nth(1).unwrap()).unwrap()
    }

    /// The cells `name identity key proof` of a person.
    fn enrolment(&self, n: u32, person: &str) -> [String; 4] {
        let identity = IdentityToken(token(n));
        let proof = prove(&self.ledger(), &PersonId::parse(person).unwrap(), Occasion::Identity(identity), &key(n));
        [format!("乙丑·{n}"), identity.to_string(), key(n).public().bytes().to_string(), base64(&proof.0)]
    }

    /// A roster's row: person, enrolment, office, unit, from, letter.
    fn official(&self, n: u32, office: &str, unit: &str) -> Vec<String> {
        let person = format!("p{n:04}");
        let mut row = vec![person.clone()];
        row.extend(self.enrolment(n, &person));
        row.extend([office, unit, "2013-01-01", LETTER].map(str::to_owned));
        row
    }

    fn roster(&self, lang: &str, file: &str, more: &[&str]) -> (i32, String) {
        let args = ["draft", "roster", file, "--dir", "ledger", "--by", "f1", "--by", "f2", "--device", "d0"];
        let output = self.zeren(lang, &[&args[..], more].concat());
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Nothing is written, and these are the faults, in order.
    fn refuses(&self, lang: &str, file: &str, command: &[&str], faults: &[&str]) -> String {
        let output = self.zeren(lang, &[&["draft"], command, &[file, "--dir", "ledger", "--device", "d0", "-o", "refused.draft"]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}{}", text(&output.stdout));
        // Others write drafts of their own into the same folder meanwhile.
        let written: Vec<String> = self.files().into_iter().filter(|name| name.contains("refused")).collect();
        assert!(written.is_empty(), "something was written: {written:?}");
        let mut rest = said.as_str();
        for fault in faults {
            let at = rest.find(fault).unwrap_or_else(|| panic!("no `{fault}` in, or not in order:\n{said}"));
            rest = &rest[at + fault.len()..];
        }
        let found = said.lines().filter(|line| line.starts_with("  ") && line.contains(": ")).count();
        assert_eq!(found, faults.len(), "{said}");
        said
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn csv(&self, name: &str, rows: &[Vec<String>]) {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_path(self.path(name)).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        writer.flush().unwrap();
    }

    fn xlsx(&self, name: &str, fill: impl FnOnce(&mut Worksheet)) {
        let mut book = Workbook::new();
        fill(book.add_worksheet());
        book.save(self.path(name)).unwrap();
    }
}

/// SHA-256 of a letter.
const LETTER: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn header(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn roster_header() -> Vec<String> {
    header("person,name,identity,key,proof,office,unit,from,letter")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn with(mut row: Vec<String>, at: usize, value: &str) -> Vec<String> {
    row[at] = value.to_owned();
    row
}

/// Where nothing is admitted after the enactment: tests only draft.
static DRAFTS: LazyLock<Room> = LazyLock::new(Room::founded);

/// Where a county's people are in office.
static COUNTY: LazyLock<Room> = LazyLock::new(|| {
    let room = Room::founded();
    let mut rows = vec![header("人员编号,姓名,身份标识,公钥,持有证明,岗位,辖区,任职起,任职文件")];
    rows[0][8] = "任命文件".to_owned();
    rows.push(room.official(10, "village_clerk", "07-01"));
    rows.push(room.official(11, "village_clerk", "07-02"));
    rows.push(room.official(12, "village_clerk", "07-02"));
    room.csv("people.csv", &rows);
    let (code, said) = room.roster("zh", "people.csv", &["-o", "people.draft"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("登记 3 人，任职 3 项，资格 0 项") && said.contains("6 份声明，签署人：f1、f2"), "{said}");
    room.submit("people.draft", &["f1", "f2"]);
    room
});

#[test]
fn two_offices_are_one_enrolment_and_two_appointments_and_the_papers_can_be_shown_later() {
    let room = Room::founded();
    fs::write(room.path("letter.pdf"), b"test").unwrap();
    room.csv("registrar.csv", &[roster_header(), room.official(50, "registrar", "-")]);
    assert_eq!(room.roster("en", "registrar.csv", &["-o", "registrar.draft"]).0, 0);
    room.submit("registrar.draft", &["f1", "f2"]);
    fs::write(room.path("p0050.pem"), signer::keyfile::plain(&key(50)).unwrap().as_bytes()).unwrap();
    let mut head = roster_header();
    head.extend(header("to,capacity,home,qualifications,qualified from,certificate"));
    let more = |row: Vec<String>, cells: &str| [row, header(cells)].concat();
    let first = more(with(room.official(10, "twp_investigator", "07"), 8, "letter.pdf"), "2014-12-31,,,training,2013/1/5,letter.pdf");
    let mut second = vec![String::new(); head.len()];
    for (at, cell) in [(0, "p0010"), (5, "twp_fp_head"), (6, "08"), (7, "2013年2月1日"), (8, LETTER), (9, "至今"), (10, "代理"), (11, "07")]
    {
        second[at] = cell.to_owned();
    }
    // Acting without an end is what the procedure's rule forbids.
    room.csv("open.csv", &[head.clone(), first.clone(), second.clone()]);
    let command = ["roster", "--by=f1", "--by=f2", "--by=p0050"];
    room.refuses("en", "open.csv", &command, &["line 3, column K (capacity): the ledger would refuse it by rule acting-days"]);
    let second = with(second, 9, "2013-6-30");
    room.csv("two.csv", &[head, first, second]);
    let (code, said) = room.roster("en", "two.csv", &["--by", "p0050", "-o", "two.draft"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 person(s) to enrol, 2 appointment(s), 1 qualification(s)"), "{said}");
    assert!(said.contains("two-1.draft: 3 statement(s), to be signed by f1, f2, p0050"), "{said}");
    assert!(
        said.contains("two-2.draft: 1 statement(s), to be signed by p0050") && said.contains("in the order of their numbers"),
        "{said}"
    );
    let draft = Draft::parse(&fs::read(room.path("two-1.draft")).unwrap()).unwrap();
    let texts: Vec<&str> = draft.statements.iter().map(|statement| statement.text.as_str()).collect();
    assert!(texts[1].contains("office twp_investigator\nunit 07\ncapacity regular\nhome 07\n"), "{}", texts[1]);
    assert!(texts[1].contains("from 2013-01-01T00:00:00+08:00\nto 2015-01-01T00:00:00+08:00\n"), "the last day is included: {}", texts[1]);
    assert!(texts[2].contains("capacity acting\nhome 07\nfrom 2013-02-01T00:00:00+08:00\nto 2013-07-01T00:00:00+08:00\n"), "{}", texts[2]);
    let salts = fs::read_to_string(room.path("two.draft.salts")).unwrap();
    assert_eq!(salts.lines().count(), 4);
    let line: Vec<&str> = salts.lines().nth(1).unwrap().split(' ').collect();
    assert!(texts[1].contains(&format!("instrument {}\n", line[0])));
    assert_eq!(from_base64_array::<32>(line[2]).unwrap().map(|byte| format!("{byte:02x}")).concat(), LETTER, "a file's digest");
    // Whoever has paper and salt shows what was committed to; another paper, salt or statement shows nothing.
    fs::write(room.path("letter"), "test").unwrap();
    fs::write(room.path("forged"), "Test").unwrap();
    fs::write(room.path("appoint.note"), texts[1]).unwrap();
    let verify = |args: &[&str]| {
        let output = room.zeren("en", &[&["verify", "commitment"], args].concat());
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = verify(&["letter", "--salts", "two.draft.salts", "--note", "appoint.note"]);
    assert!(code == 0 && said.contains(&format!("instrument {}", line[0])) && said.contains("kept as: letter of p"), "{said}");
    let (code, said) = verify(&["letter", "--salts", "two.draft.salts", "--commitment", line[0]]);
    assert!(code == 0 && said.starts_with("VERIFIES"), "{said}");
    let (code, said) = verify(&["forged", "--salts", "two.draft.salts", "--commitment", line[0]]);
    assert!(code == 1 && said.contains("the paper is another, or was changed"), "{said}");
    let (code, said) = verify(&["letter", "--salts", "two.draft.salts", "--commitment", line[1]]);
    assert!(code == 1 && said.contains("no salt that was given"), "{said}");
    let (code, said) = verify(&["letter", "--salts", "letter", "--commitment", line[0]]);
    assert!(code == 2 && said.contains("no file of salts"), "{said}");
    assert_eq!(verify(&["letter", "--salts", "two.draft.salts"]).0, 2, "of which commitment?");
    assert_eq!(
        fs::metadata(room.path("two.draft.salts"))
            .map(|file| std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777)
            .unwrap(),
        0o600
    );
    // Nothing is overwritten, and the rehearsal was right.
    assert_eq!(room.roster("en", "two.csv", &["--by", "p0050", "-o", "two.draft"]).0, 2);
    room.submit("two-1.draft", &["f1", "f2", "p0050"]);
    room.submit("two-2.draft", &["p0050"]);
    let (code, said) = room.roster("en", "two.csv", &["--by", "p0050", "--check"]);
    assert_eq!(code, 0, "who is enrolled is appointed again: {said}");
    assert!(said.contains("0 person(s) to enrol, 2 appointment(s)") && said.contains("nothing was written"), "{said}");
}

#[test]
fn every_fault_of_a_roster_is_named_with_its_place() {
    let room = &*DRAFTS;
    let good = |n| room.official(n, "village_clerk", &format!("07-{n}"));
    let head = roster_header();
    room.csv("good.csv", &[head.clone(), good(20)]);
    let (code, said) = room.roster("en", "good.csv", &["--check"]);
    assert_eq!(code, 0, "{said}");
    let identity = IdentityToken(token(29));
    let proof = prove(&room.ledger(), &PersonId::parse("p0030").unwrap(), Occasion::Identity(identity), &key(30));
    let twin = with(with(good(30), 2, &identity.to_string()), 4, &base64(&proof.0));
    let rows = vec![
        head,
        with(good(20), 0, "P0020"),
        with(good(21), 1, ""),
        with(good(22), 2, "AAAA"),
        with(good(23), 3, &key(24).public().bytes().to_string()),
        with(good(24), 5, "mayor"),
        with(good(25), 6, "07"),
        with(good(26), 7, "3/1/2013"),
        with(good(27), 8, "no-such-letter.pdf"),
        good(28)[..8].to_vec(),
        vec![String::new(); 9],
        good(29),
        good(29),
        twin,
        with(good(31), 8, "../letter.pdf"),
        with(good(32), 5, "=A1"),
        with(good(33), 6, "1.0"),
        with(good(34), 0, "110101199003070011"),
    ];
    room.csv("bad.csv", &rows);
    let faults = [
        "bad.csv, line 2, column A (person): `P0020`; expected a person's id such as p0412",
        "bad.csv, line 3, column B (name): must not be empty",
        "bad.csv, line 4, column C (identity): `AAAA`; expected an identity token",
        "bad.csv, line 5, column E (proof): does not prove possession",
        "bad.csv, line 6, column F (office): the ledger would refuse it by rule office-unknown",
        "bad.csv, line 7, column G (unit): the ledger would refuse it by rule appointment-unit",
        "bad.csv, line 8, column H (from): `3/1/2013`; expected a date such as",
        "bad.csv, line 9, column I (letter): `no-such-letter.pdf`: neither a file",
        "bad.csv, line 10: 8 cells where the header has 9",
        "bad.csv, line 13, column A (person): repeats bad.csv, line 12",
        "bad.csv, line 14, column C (identity): the ledger would refuse it by rule identity-taken",
        "bad.csv, line 15, column I (letter): `../letter.pdf`; expected the name of a file beside the table",
        "bad.csv, line 16, column F: a formula",
        "bad.csv, line 17, column G (unit): `1.0`: a number that a spreadsheet made of an id",
        "bad.csv, line 18, column A (person): an identity number of 18 characters",
    ];
    let said = room.refuses("en", "bad.csv", &["roster", "--by=f1", "--by=f2"], &faults);
    assert!(said.contains("15 fault(s); nothing was written") && said.contains("empty rows passed over: 1"), "{said}");
    assert!(!said.contains("110101199003070011"));
    let said =
        text(&room.zeren("zh", &["draft", "roster", "bad.csv", "--dir", "ledger", "--by=f1", "--by=f2", "--device=d0", "--check"]).stderr);
    for fault in [
        "共 15 处有误，未写入任何文件",
        "bad.csv 第 2 行 A 列（person）：`P0020`；应为人员编号",
        "第 18 行 A 列（person）：填了 18 位身份证号码",
    ] {
        assert!(said.contains(fault), "no {fault} in\n{said}");
    }
}

#[test]
fn zeros_that_a_spreadsheet_dropped_are_missed_and_rows_of_two_files_compared() {
    let room = &*COUNTY;
    room.csv("zeros.csv", &[roster_header(), room.official(60, "village_clerk", "7-1"), room.official(61, "village_clerk", "8-1")]);
    let fault = "zeros.csv, line 2, column G (unit): `7-1`: elsewhere it is 07-01; has a spreadsheet dropped the zeros in front?";
    room.refuses("en", "zeros.csv", &["roster", "--by=f1", "--by=f2"], &[fault]);
    let row = room.official(62, "village_clerk", "09-01");
    room.csv("one.csv", &[roster_header(), row.clone()]);
    room.csv("two.csv", &[roster_header(), row]);
    room.refuses(
        "en",
        "two.csv",
        &["roster", "--by=f1", "--by=f2", "one.csv"],
        &["two.csv, line 2, column A (person): repeats one.csv, line 2"],
    );
    let other = with(room.official(62, "village_head", "09-01"), 1, "丙寅·62");
    room.csv("two.csv", &[roster_header(), other]);
    let fault = "two.csv, line 2, column A (person): says otherwise of this person than one.csv, line 2";
    room.refuses("en", "two.csv", &["roster", "--by=f1", "--by=f2", "one.csv"], &[fault]);
}

#[test]
fn of_very_many_faults_the_first_are_shown_and_all_are_counted() {
    let room = &*DRAFTS;
    let rows: Vec<Vec<String>> =
        (0..=500).map(|n| if n == 0 { roster_header() } else { with(room.official(40, "village_clerk", "07-40"), 0, "X") }).collect();
    room.csv("many.csv", &rows);
    let output = room.zeren("en", &["draft", "roster", "many.csv", "--dir", "ledger", "--by=f1", "--by=f2", "--device=d0", "--check"]);
    let said = text(&output.stderr);
    assert!(said.contains("500 fault(s)") && said.contains("many.csv, line 201,") && said.contains("and 300 more"), "{said}");
    assert!(!said.contains("line 202,"), "{said}");
}

#[test]
fn headers_are_known_in_two_languages_and_must_be_known() {
    let room = &*DRAFTS;
    let row = room.official(20, "village_clerk", "07-20");
    room.csv("spaced.csv", &[header("Person , NAME,identity,Key,Proof,岗位,辖区,任职 起,ｌｅｔｔｅｒ"), row.clone()]);
    assert_eq!(room.roster("en", "spaced.csv", &["--check"]).0, 0);
    let heads = [
        (
            header("who,name,identity,key,proof,office,unit,from,letter"),
            vec!["line 1: a column is missing: person 人员编号", "line 1, column A: `who`: no such column; there are: person,"],
        ),
        (
            header("person,name,identity,key,proof,office,unit,from,person"),
            vec!["line 1, column I (person): the same header as column A", "line 2: needs a column `letter`"],
        ),
        (
            header("person,name,identity,key,proof,office,unit,from,"),
            vec!["line 2: needs a column `letter`, which the table does not have", "line 2, column I: a cell under no header"],
        ),
    ];
    for (head, faults) in heads {
        room.csv("headed.csv", &[head, row.clone()]);
        room.refuses("en", "headed.csv", &["roster", "--by=f1", "--by=f2"], &faults);
    }
    fs::write(room.path("empty.csv"), "\n\n").unwrap();
    room.refuses("en", "empty.csv", &["roster", "--by=f1", "--by=f2"], &["line 1: no header and no rows"]);
}

#[test]
fn csv_is_read_in_the_encodings_that_offices_save_and_said_so() {
    let room = &*DRAFTS;
    let head = "人员编号,姓名,身份标识,公钥,持有证明,岗位,辖区,任职起,任命文件";
    let row = with(with(room.official(20, "village_clerk", "０７－２０"), 7, "２０１３年３月１日"), 0, "ｐ００２０");
    let table = format!("{head}\r\n{}\r\n", row.join(","));
    let (gbk, _, has_lost) = encoding_rs::GBK.encode(&table);
    assert!(!has_lost);
    fs::write(room.path("gbk.csv"), &gbk).unwrap();
    fs::write(room.path("bom.csv"), format!("\u{feff}{table}")).unwrap();
    let utf16: Vec<u8> = format!("\u{feff}{}", table.replace(',', "\t")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(room.path("utf16.csv"), utf16).unwrap();
    for (file, remark) in [("gbk.csv", "read as GBK (GB 18030)"), ("bom.csv", "UTF-8 byte order mark"), ("utf16.csv", "read as UTF-16")] {
        let output = format!("{file}.draft");
        let (code, said) = room.roster("en", file, &["-o", &output]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(remark) && said.contains("full-width characters read as ASCII: 3 (the first: line 2, column A"), "{said}");
        let draft = fs::read_to_string(room.path(&output)).unwrap();
        let lines = ["person p0020\n", "name 乙丑·20\n", "unit 07-20\n", "from 2013-03-01T00:00:00+08:00\n"];
        lines.iter().for_each(|line| assert!(draft.contains(line), "{file}: no {line}"));
        fs::remove_file(room.path(&output)).unwrap();
        fs::remove_file(room.path(&format!("{output}.salts"))).unwrap();
    }
    let mut broken = gbk.to_vec();
    broken.extend([0xFF, 0xFF, b'\n']);
    fs::write(room.path("broken.csv"), broken).unwrap();
    room.refuses("en", "broken.csv", &["roster", "--by=f1"], &[]);
    fs::write(room.path("nul.csv"), table.replace("乙丑", "乙\0丑")).unwrap();
    room.refuses("en", "nul.csv", &["roster", "--by=f1", "--by=f2"], &["nul.csv, line 2: a NUL byte"]);
    fs::write(room.path("open.csv"), format!("{}\n{}", table.replace("乙丑", "\"乙丑"), "x,y\n".repeat(600))).unwrap();
    room.refuses("en", "open.csv", &["roster", "--by=f1", "--by=f2"], &["open.csv, line 2: 2 cells where the header has 9"]);
}

#[test]
fn a_workbook_is_read_as_it_was_meant_or_not_at_all() {
    let room = &*DRAFTS;
    let fill = |sheet: &mut Worksheet| {
        for (row, cells) in
            [roster_header(), room.official(20, "village_clerk", "07-20"), room.official(21, "village_clerk", "07-21")].iter().enumerate()
        {
            for (column, cell) in cells.iter().enumerate() {
                sheet.write_string(u32::try_from(row).unwrap(), u16::try_from(column).unwrap(), cell).unwrap();
            }
        }
    };
    let date = Format::new().set_num_format("yyyy-mm-dd");
    // A date cell, a bare number of days, and a sheet that is formatted far below its end.
    room.xlsx("good.xlsx", |sheet| {
        fill(sheet);
        sheet.write_datetime_with_format(1, 7, ExcelDateTime::from_ymd(2013, 3, 1).unwrap(), &date).unwrap();
        sheet.write_number(2, 7, 41_334.0).unwrap();
        sheet.write_blank(900_000, 16_000, &date).unwrap();
    });
    let (code, said) = room.roster("en", "good.xlsx", &["-o", "good.draft"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("numbers read as dates: 1 (the first: line 3, column H (from))"), "{said}");
    let draft = fs::read_to_string(room.path("good.draft")).unwrap();
    assert_eq!(draft.matches("from 2013-03-01T00:00:00+08:00\n").count(), 2);
    fs::remove_file(room.path("good.draft")).unwrap();
    fs::remove_file(room.path("good.draft.salts")).unwrap();
    // The same workbook counting from 1904 means four years later.
    let since_1904 = repacked(&fs::read(room.path("good.xlsx")).unwrap(), "xl/workbook.xml", |xml| {
        xml.replace("<workbookPr ", "<workbookPr date1904=\"1\" ")
    });
    fs::write(room.path("1904.xlsx"), since_1904).unwrap();
    let (code, said) = room.roster("en", "1904.xlsx", &["-o", "1904.draft"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fs::read_to_string(room.path("1904.draft")).unwrap().matches("from 2017-03-02T00:00:00+08:00\n").count(), 2);
    fs::remove_file(room.path("1904.draft")).unwrap();
    fs::remove_file(room.path("1904.draft.salts")).unwrap();

    room.xlsx("bad.xlsx", |sheet| {
        fill(sheet);
        sheet.write_formula(1, 5, Formula::new("=\"village\"&\"_clerk\"").set_result("village_clerk")).unwrap();
        sheet.write_number(1, 6, 7.0).unwrap();
        sheet.write_number(2, 7, 41_334.5).unwrap();
        sheet.write_boolean(2, 8, true).unwrap();
        sheet.write_number(3, 0, 1.101_011_990_030_7e17).unwrap();
        sheet.merge_range(4, 1, 5, 2, "甲子", &Format::new()).unwrap();
        sheet.write_string(4, 0, "p0022").unwrap();
    });
    let faults = [
        "bad.xlsx, line 2, column F: F2: a formula",
        "bad.xlsx, line 2, column G (unit): a number cell where an id belongs",
        "bad.xlsx, line 3, column H (from): a date with a time of day",
        "bad.xlsx, line 3, column I: true or false",
        "bad.xlsx, line 4, column A (person): a number cell where an id belongs",
        "bad.xlsx, line 5, column B: merged cells B5:C6: unmerge them",
    ];
    let output =
        room.zeren("en", &["draft", "roster", "bad.xlsx", "--dir", "ledger", "--by=f1", "--by=f2", "--device=d0", "-o", "bad.draft"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    faults.iter().for_each(|fault| assert!(said.contains(fault), "no {fault} in\n{said}"));
    assert!(!said.contains("1101") && !room.path("bad.draft").exists(), "{said}");
}

#[test]
fn a_workbook_with_several_sheets_is_asked_which() {
    let room = &*DRAFTS;
    let mut book = Workbook::new();
    for name in ["去年", "今年", "Sheet3"] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        for (column, cell) in (0..).zip(roster_header()).filter(|_| name != "Sheet3") {
            sheet.write_string(0, column, cell).unwrap();
        }
    }
    book.save(room.path("sheets.xlsx")).unwrap();
    let said = room.refuses("en", "sheets.xlsx", &["roster", "--by=f1", "--by=f2"], &[]);
    assert!(said.contains("several sheets; choose one with --sheet: 去年, 今年"), "{said}");
    assert_eq!(room.roster("en", "sheets.xlsx", &["--check", "--sheet", "今年"]).0, 0);
    assert!(room.roster("en", "sheets.xlsx", &["--check", "--sheet", "明年"]).1.contains("no visible sheet `明年`"));
}

#[test]
fn bombs_and_strange_files_are_refused_before_they_are_unpacked() {
    let room = &*DRAFTS;
    room.xlsx("small.xlsx", |sheet| _ = sheet.write_string(0, 0, "person").unwrap());
    let small = fs::read(room.path("small.xlsx")).unwrap();
    let zeros = " ".repeat(300 << 20);
    fs::write(room.path("bomb.xlsx"), repacked(&small, "xl/worksheets/sheet1.xml", |xml| xml + &zeros)).unwrap();
    assert!(fs::metadata(room.path("bomb.xlsx")).unwrap().len() < 1 << 20);
    let far = repacked(&small, "xl/worksheets/sheet1.xml", |xml| xml.replace("r=\"A1\"", "r=\"A900000\""));
    fs::write(room.path("far.xlsx"), far).unwrap();
    let wide = repacked(&small, "xl/worksheets/sheet1.xml", |xml| xml.replace("r=\"A1\"", "r=\"XFD1\""));
    fs::write(room.path("wide.xlsx"), wide).unwrap();
    fs::write(room.path("cut.xlsx"), &small[..small.len() / 2]).unwrap();
    fs::write(room.path("old.xls"), [0xD0, 0xCF, 0x11, 0xE0, 0xA1]).unwrap();
    for (file, why) in [
        ("bomb.xlsx", "unpacks to more than 256 MiB"),
        ("far.xlsx", "more than 100000 rows"),
        ("wide.xlsx", "more than 100 columns"),
        ("cut.xlsx", "a damaged workbook"),
        ("old.xls", "save it as .xlsx without a password"),
    ] {
        let (code, said) = room.roster("en", file, &["--check"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(why), "{file}: {said}");
    }
    let long = [roster_header(), with(room.official(20, "village_clerk", "07-20"), 1, &"甲".repeat(1_001))];
    room.csv("long.csv", &long);
    room.refuses("en", "long.csv", &["roster", "--by=f1", "--by=f2"], &["long.csv, line 2, column B: more than 1000 characters"]);
    fs::write(room.path("rows.csv"), "person\n".repeat(100_001)).unwrap();
    assert!(room.roster("en", "rows.csv", &["--check"]).1.contains("more than 100000 rows"));
}

/// A workbook with one of its parts changed.
fn repacked(book: &[u8], part: &str, change: impl FnOnce(String) -> String) -> Vec<u8> {
    use std::io::{Cursor, Read as _, Write as _};
    let mut parts = zip::ZipArchive::new(Cursor::new(book)).unwrap();
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut change = Some(change);
    for number in 0..parts.len() {
        let mut one = parts.by_index(number).unwrap();
        let name = one.name().unwrap().into_owned();
        let mut content = Vec::new();
        one.read_to_end(&mut content).unwrap();
        if name == part {
            content = (change.take().unwrap())(String::from_utf8(content).unwrap()).into_bytes();
        }
        out.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(&content).unwrap();
    }
    assert!(change.is_none(), "no {part}");
    out.finish().unwrap().into_inner()
}

fn application_header() -> Vec<String> {
    header("case,unit,scheme,tier,period,account,evidence form,by")
}

fn application(case: &str, unit: &str, n: u32, by: &str) -> Vec<String> {
    [case, unit, "SCH-A", "base", "2013", &base64(&token(n)), LETTER, by].map(str::to_owned).to_vec()
}

#[test]
fn an_identity_number_where_a_case_id_belongs_is_refused_and_not_printed() {
    let room = &*COUNTY;
    let rows = [
        application_header(),
        application("110101199003070011", "07-01", 1, ""),
        application("11010119900307001X", "07-01", 2, ""),
        application("110101900307001", "07-01", 3, ""),
        application("１１０１０１１９９００３０７００１１", "07-01", 4, ""),
        with(application("07-01-005", "07-01", 5, ""), 5, "6222020012345678901"),
        application("07-01-12345678901", "07-01", 6, ""),
        // With hyphens, dots and underscores between, the same digits have the shape of a case id.
        application("1101051949-1231-0021", "07-01", 7, ""),
        application("110105.19491231.0021", "07-01", 8, ""),
        application("1101_0519_4912_31002X", "07-01", 9, ""),
        with(application("07-01-006", "07-01", 10, ""), 3, "110105-19491231-0021"),
    ];
    room.csv("ids.csv", &rows);
    let reason = "an identity number of 18 characters where a case id belongs: it must not enter the record";
    let faults = [
        &format!("ids.csv, line 2, column A (case): {reason}"),
        &format!("ids.csv, line 3, column A (case): {reason}"),
        "ids.csv, line 4, column A (case): an identity number of 15 characters where a case id belongs",
        &format!("ids.csv, line 5, column A (case): {reason}"),
        "ids.csv, line 6, column F (account): a value of 19 characters, not shown",
        "ids.csv, line 7, column A (case): a value of 17 characters, not shown",
        &format!("ids.csv, line 8, column A (case): {reason}"),
        &format!("ids.csv, line 9, column A (case): {reason}"),
        &format!("ids.csv, line 10, column A (case): {reason}"),
        "ids.csv, line 11, column D (tier): an identity number of 18 characters",
    ];
    let said = room.refuses("en", "ids.csv", &["applications"], &faults);
    for secret in ["19900307", "900307001", "１９９０", "62220200", "12345678901", "1949", "4912"] {
        assert!(!said.contains(secret), "{said}");
    }
    let output = room.zeren("zh", &["draft", "applications", "ids.csv", "--dir", "ledger", "--device=d0", "--check"]);
    assert!(text(&output.stderr).contains("案件编号处填了 18 位身份证号码：不得入账，请另编案件编号"));
}

#[test]
fn applications_are_signed_by_whoever_holds_the_office_there() {
    let room = &*COUNTY;
    let rows = [
        application_header(),
        application("07-01-001", "07-01", 1, ""),
        application("07-01-002", "07-01", 2, ""),
        application("07-02-001", "07-02", 3, "p0011"),
        application("07-02-002", "07-02", 4, "p0012:village_clerk:07-02"),
    ];
    room.csv("apply.csv", &rows);
    let said = room.succeeds(&["draft", "applications", "apply.csv", "--dir", "ledger", "--device", "d0", "-o", "apply.draft"]);
    assert!(said.contains("4 application(s), step apply"), "{said}");
    for line in
        ["apply-1.draft: 2 statement(s), to be signed by p0010", "apply-2.draft: 1 statement(s), to be signed by p0011", "apply-3.draft: 1"]
    {
        assert!(said.contains(line), "{said}");
    }
    let mut counters = Vec::new();
    for number in 1..=3 {
        let draft = Draft::parse(&fs::read(room.path(&format!("apply-{number}.draft"))).unwrap()).unwrap();
        for statement in &draft.statements {
            let Statement::Act { header, .. } = Statement::parse(&statement.text).unwrap() else { panic!("an act") };
            counters.push(header.counter);
        }
    }
    counters.sort_unstable();
    counters.dedup();
    assert_eq!(counters.len(), 4, "each counter of the device once");
    fs::write(room.path("p0010.pem"), signer::keyfile::plain(&key(10)).unwrap().as_bytes()).unwrap();
    room.submit("apply-1.draft", &["p0010"]);

    let rows = [
        application_header(),
        application("07-01-001", "07-01", 1, ""),
        application("07-02-001", "07-02", 3, ""),
        application("07-03-001", "07-03", 5, ""),
        application("07-01-003", "07-01", 6, "p0011"),
        with(application("07-01-004", "07-01", 7, ""), 3, "gold"),
        with(application("07-01-005", "07-01", 8, ""), 4, "13"),
        application("07-01-006", "07-01", 9, ""),
        application("07-01-006", "07-01", 9, ""),
        with(application("07-01-007", "07-01", 10, ""), 0, "1.23E+17"),
    ];
    room.csv("again.csv", &rows);
    let faults = [
        "again.csv, line 2, column A (case): the ledger would refuse it by rule case-taken",
        "again.csv, line 3, column H (by): 07-02: several may or must sign: name them",
        "again.csv, line 4, column H (by): 07-03: nobody holds an office of this step there",
        "again.csv, line 5, column H (by): p0011: holds no office of this step for this unit",
        "again.csv, line 6, column C (scheme): the ledger would refuse it by rule standard-missing",
        "again.csv, line 7, column E (period): a year of four digits",
        "again.csv, line 9, column A (case): repeats again.csv, line 8",
        "again.csv, line 10, column A (case): `1.23E+17`: a number that a spreadsheet made of an id",
    ];
    room.refuses("en", "again.csv", &["applications"], &faults);
    let output = room.zeren("en", &["draft", "applications", "apply.csv", "--dir", "ledger", "--device", "d9", "--check"]);
    assert_eq!(output.status.code(), Some(4), "a device that nobody enrolled is no row's fault");
    assert!(text(&output.stderr).contains("device-unknown"));
}

#[test]
fn a_county_is_drafted_whole() {
    let room = Room::founded();
    const VILLAGES: u32 = 220;
    let village = |n: u32| format!("{:02}-{:02}", n / 10 + 1, n % 10);
    let mut rows = vec![roster_header()];
    rows.extend((0..1_300).map(|n| match n {
        0..VILLAGES => room.official(n + 10, "village_clerk", &village(n)),
        _ => room.official(n + 10, "village_head", &village(n % VILLAGES)),
    }));
    room.csv("officials.csv", &rows);
    let (code, said) = room.roster("en", "officials.csv", &["-o", "officials.draft"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1,300 person(s) to enrol, 1,300 appointment(s)") && said.contains("2,600 statement(s)"), "{said}");
    room.submit("officials.draft", &["f1", "f2"]);
    room.xlsx("cases.xlsx", |sheet| {
        let rows =
            (0..7_000).map(|n| application(&format!("{}-{:03}", village(n % VILLAGES), n / VILLAGES), &village(n % VILLAGES), n, ""));
        for (row, cells) in (0..).zip(std::iter::once(application_header()).chain(rows)) {
            (0..).zip(cells).for_each(|(column, cell)| _ = sheet.write_string(row, column, cell).unwrap());
        }
    });
    let said = room.succeeds(&["draft", "applications", "cases.xlsx", "--dir", "ledger", "--device", "d0", "-o", "cases.draft"]);
    assert!(
        said.contains("7,000 application(s)") && said.contains("cases-1.draft: 32 statement(s)") && said.contains("and 180 more"),
        "{said}"
    );
    assert_eq!(room.files().iter().filter(|name| name.starts_with("cases-")).count(), 220);
    assert_eq!(fs::read_to_string(room.path("cases.draft.salts")).unwrap().lines().count(), 7_001);
}

/// The same with tools that everybody has, as the operator's handbook says; the salt is read, and stands in no argument.
#[test]
fn a_commitment_made_by_other_tools_opens() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
set -e
printf 'a letter' > letter.pdf
salt=$(openssl rand -base64 32); paper=$(openssl dgst -sha256 -binary letter.pdf | openssl base64)
COMMITMENT=$(printf 'zeren commitment v1\nsalt %s\npaper %s\n' "$salt" "$paper" | openssl dgst -sha256 -binary | openssl base64)
(umask 077; printf 'zeren salts v1\n%s %s %s letter of t701\n' "$COMMITMENT" "$salt" "$paper" > letter.salts)
"$ZEREN" verify commitment letter.pdf --salts letter.salts --commitment "$COMMITMENT" > by-file
printf '%s\n' "$salt" > salt
"$ZEREN" verify commitment letter.pdf --salt-fd 3 --commitment "$COMMITMENT" --json 3< salt > by-descriptor
if printf '%s\n' "$paper" | "$ZEREN" verify commitment letter.pdf --salt-fd 0 --commitment "$COMMITMENT"; then exit 1; fi
"#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("ZEREN", env!("CARGO_BIN_EXE_zeren")).current_dir(folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let said = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(said("by-file").contains("letter of t701"), "{}", said("by-file"));
    assert!(said("by-descriptor").contains("\"verifies\":true"), "{}", said("by-descriptor"));
}

/// A ledger with a registrar, p0050, and a clerk, p0010, who hold their keys.
fn with_registrar() -> Room {
    let room = Room::founded();
    room.csv("people.csv", &[roster_header(), room.official(50, "registrar", "-"), room.official(10, "village_clerk", "07-01")]);
    assert_eq!(room.roster("en", "people.csv", &["-o", "people.draft"]).0, 0);
    room.submit("people.draft", &["f1", "f2"]);
    for n in [10, 50] {
        fs::write(room.path(&format!("p{n:04}.pem")), signer::keyfile::plain(&key(n)).unwrap().as_bytes()).unwrap();
    }
    room
}

#[test]
fn who_declares_a_relation_signs_it_and_what_others_say_of_it_they_sign() {
    let room = with_registrar();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let rows = [
        ["人员编号", "关系", "案件编号", "相关人员", "依据", "证明材料", "签署人"],
        ["p0010", "spouse", "07-01-001", "", "申报", "", ""],
        ["p0010", "in-law", "", "p0050", "证明", LETTER, ""],
        ["p0050", "in-law", "", "p0010", "指令", "", "p0050:registrar"],
    ];
    for (at, row) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(row).filter(|(_, cell)| !cell.is_empty()) {
            sheet.write_string(at, column, cell).unwrap();
        }
    }
    book.save(room.path("relations.xlsx")).unwrap();
    let draft = ["draft", "relations", "relations.xlsx", "--dir", "ledger", "--device", "d0", "--by", "p0050:registrar", "-o", "r.draft"];
    let said = room.succeeds(&draft);
    assert!(said.contains("3 relation(s)") && said.contains("cases that are not in the record yet"), "{said}");
    assert!(said.contains("r-1.draft: 1 statement(s), to be signed by p0010"), "{said}");
    assert!(said.contains("r-2.draft: 2 statement(s), to be signed by p0050"), "{said}");
    assert_eq!(fs::read_to_string(room.path("r.draft.salts")).unwrap().lines().count(), 2);
    // What was rehearsed is what the ledger says.
    room.submit("r-1.draft", &["p0010"]);
    room.submit("r-2.draft", &["p0050"]);
    let traced = room.succeeds(&["trace", "person", "p0010", "--dir", "ledger", "--policy", "policy"]);
    assert!(traced.contains("1 × relate spouse"), "{traced}");
}

#[test]
fn a_relation_that_would_make_nobody_step_aside_is_refused_where_it_stands() {
    let room = with_registrar();
    let head = header("person,relation,case,other,basis,evidence,by");
    let rows = [
        "p0010,cousin,07-01-001,,declared,,",
        "p0010,spouse,07-01-001,p0050,declared,,",
        "p0010,spouse,,,declared,,",
        "p0010,spouse,,p0099,declared,,",
        "p0010,spouse,07-01-001,,rumour,,",
        "p0010,spouse,07-01-002,,declared,,p0050:registrar",
        "p0010,in-law,07-01-003,,attested,,",
        "p0010,self,07-01-004,,declared,,",
        "p0010,self,07-01-004,,declared,,",
    ];
    let table: Vec<Vec<String>> = [head].into_iter().chain(rows.iter().map(|row| header(row))).collect();
    room.csv("wrong.csv", &table);
    let faults = [
        "wrong.csv, line 2, column B (relation): cousin: for this relation no rule",
        "line 3, column C (case): either a case or another person",
        "line 4, column C (case): either a case or another person",
        "line 5, column D (other): nobody of that id is enrolled",
        "line 6, column E (basis): `rumour`; expected declared",
        "line 7, column G (by): the ledger would refuse it by rule person-other",
        "line 8, column G (by): who signs?",
        "line 10, column A (person): repeats wrong.csv, line 9",
    ];
    room.refuses("en", "wrong.csv", &["relations"], &faults);
}
