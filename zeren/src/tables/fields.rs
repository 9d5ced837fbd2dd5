//! One row's cells as what they are to be. Whatever they are not is a fault of the row.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path};

use sha2::{Digest as _, Sha256};
use signer::value::{Text, Time, UnixMs, from_base64_array, midnight};

use super::cell::{Cell, date, date_of_serial, half_width, identity_number, is_secret, is_spoilt_number, shown};
use super::columns::Columns;
use super::faults::{Faults, Place};
use super::{Row, Table};
use crate::lang::Lang;

/// Largest paper whose digest is taken, in bytes.
const PAPER_BYTES_MAX: u64 = 256 << 20;

/// What is expected of a cell, in both languages.
pub type Expected = (&'static str, &'static str);

/// A row being read.
pub struct Fields<'a> {
    table: &'a Table,
    row: &'a Row,
    columns: &'a Columns,
    faults: &'a mut Faults,
    lang: Lang,
    before: usize,
}

impl<'a> Fields<'a> {
    /// The fields of a row.
    pub fn of(table: &'a Table, row: &'a Row, columns: &'a Columns, faults: &'a mut Faults, lang: Lang) -> Fields<'a> {
        let before = faults.total();
        Fields { table, row, columns, faults, lang, before }
    }

    /// Nothing was wrong with the row so far.
    pub fn is_sound(&self) -> bool {
        self.faults.total() == self.before && !self.row.cells.contains(&Cell::Bad)
    }

    /// Something is wrong with a column's cell.
    pub fn fault(&mut self, name: &str, reason: impl Into<String>) {
        let place = self.place(name);
        self.faults.add(place, reason);
    }

    /// Where the row stands, as another row's fault names it.
    pub fn here(&self) -> String {
        shown_row(&self.table.file, self.row.line, self.lang)
    }

    /// What only one row may say: a fault where another said it before.
    pub fn judge_first(&mut self, firsts: &mut Firsts, what: String, name: &str) {
        if let Some((file, line)) = firsts.before(what, &self.table.file, self.row.line) {
            let row = shown_row(&file, line, self.lang);
            let reason = match self.lang {
                Lang::En => format!("repeats {row}"),
                Lang::Zh => format!("与{row}重复"),
            };
            self.fault(name, reason);
        }
    }

    /// What is worth a word where another row said it before.
    pub fn remark_first(&mut self, firsts: &mut Firsts, what: String, name: &str, remark: &str) {
        if firsts.before(what, &self.table.file, self.row.line).is_some() {
            let place = self.place(name);
            self.faults.mended(&place, remark);
        }
    }

    /// What is worth a word here, and no fault.
    pub fn remark(&mut self, place: &Place, remark: &str) {
        self.faults.mended(place, remark);
    }

    /// Where a column's cell stands; the whole line if the table has no such column.
    pub fn place(&self, name: &str) -> Place {
        match self.columns.at(name) {
            Some((at, written)) => Place::cell(self.row.line, at, written),
            None => Place::line(self.row.line),
        }
    }

    fn cell(&self, name: &str) -> &'a Cell {
        self.columns.at(name).and_then(|(at, _)| self.row.cells.get(at)).unwrap_or(&Cell::Empty)
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self, name: &str) -> bool {
        *self.cell(name) == Cell::Empty
    }

    /// What must not be empty.
    pub fn need(&mut self, name: &str) {
        if !self.is_empty(name) {
            return;
        }
        let called = self.columns.called(name, self.lang).to_owned();
        let reason = match (self.columns.has(name), self.lang) {
            (true, Lang::En) => "must not be empty".to_owned(),
            (true, Lang::Zh) => "不能为空".to_owned(),
            (false, Lang::En) => format!("needs a column `{called}`, which the table does not have"),
            (false, Lang::Zh) => format!("须有“{called}”列，表中没有"),
        };
        self.fault(name, reason);
    }

    /// Text of a field that is ASCII.
    pub fn ascii(&mut self, name: &str) -> Option<String> {
        let written = match self.cell(name) {
            Cell::Empty | Cell::Bad => return None,
            Cell::Text(text) => text,
            Cell::Number(_) | Cell::Day(_) => {
                let reason = self.lang.pick(
                    "a number cell where an id belongs: the spreadsheet has dropped leading zeros, and digits beyond the fifteenth; \
                     format the column as text and type it again",
                    "编号格被存为数字：电子表格已丢掉前导零和第 15 位以后的数字；请将该列设为文本格式后重新填写",
                );
                self.fault(name, reason);
                return None;
            }
        };
        let narrow = half_width(written);
        if narrow != *written {
            let place = self.place(name);
            self.faults.mended(&place, self.lang.pick("cells with full-width characters read as ASCII", "全角字符按半角读取"));
        }
        Some(narrow)
    }

    /// A value of the format, from ASCII. An identity number is none, also where hyphens or dots between its digits make it look
    /// like an id of the format.
    pub fn value<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, expected: Expected) -> Option<T> {
        let text = self.ascii(name)?;
        let value = parse(&text).filter(|_| identity_number(&text).is_none());
        if value.is_none() {
            self.fault_unlike(name, &text, expected);
        }
        value
    }

    fn fault_unlike(&mut self, name: &str, text: &str, expected: Expected) {
        let expected = self.lang.pick(expected.0, expected.1);
        let reason = match (identity_number(text), name) {
            (Some(length), "case") => match self.lang {
                Lang::En => format!(
                    "an identity number of {length} characters where a case id belongs: it must not enter the record; give the case an id of its own"
                ),
                Lang::Zh => format!("案件编号处填了 {length} 位身份证号码：不得入账，请另编案件编号"),
            },
            (Some(length), _) => match self.lang {
                Lang::En => format!("an identity number of {length} characters; expected {expected}"),
                Lang::Zh => format!("填了 {length} 位身份证号码；应为{expected}"),
            },
            _ if is_spoilt_number(text) => match self.lang {
                Lang::En => format!("{}: a number that a spreadsheet made of an id; expected {expected}", shown(text, self.lang)),
                Lang::Zh => format!("{}：电子表格把编号改成了数字；应为{expected}", shown(text, self.lang)),
            },
            _ => match self.lang {
                Lang::En => format!("{}; expected {expected}", shown(text, self.lang)),
                Lang::Zh => format!("{}；应为{expected}", shown(text, self.lang)),
            },
        };
        self.fault(name, reason);
    }

    /// Free text of the repertoire.
    pub fn text(&mut self, name: &str) -> Option<Text> {
        let Cell::Text(written) = self.cell(name) else {
            if matches!(self.cell(name), Cell::Number(_) | Cell::Day(_)) {
                self.fault(name, self.lang.pick("a number where a text belongs", "应为文字，实为数字"));
            }
            return None;
        };
        const EXPECTED: Expected =
            ("a text of at most 120 characters that the record can hold (format.md section 1)", "可入账的文字，至多 120 字");
        let text = Text::parse(written).filter(|_| !is_secret(written));
        if text.is_none() {
            self.fault_unlike(name, written, EXPECTED);
        }
        text
    }

    /// A whole number.
    pub fn number(&mut self, name: &str) -> Option<u64> {
        const EXPECTED: Expected = ("a whole number", "整数");
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, not negative, and exact up to 2^53")]
        if let Cell::Number(number) = self.cell(name) {
            if number.fract() == 0.0 && (0.0..=9e15).contains(number) {
                return Some(*number as u64);
            }
            self.fault_unlike(name, "-", EXPECTED);
            return None;
        }
        self.value(name, signer::value::number, EXPECTED)
    }

    /// Midnight of a date, so many days later, by the clocks of an offset.
    pub fn day(&mut self, name: &str, offset_minutes: i16, days_later: u64) -> Option<Time> {
        const EXPECTED: Expected = ("a date such as 2013-03-01, 2013/3/1 or 2013年3月1日", "日期，如 2013-03-01、2013/3/1 或 2013年3月1日");
        let parts = match self.cell(name) {
            Cell::Empty | Cell::Bad => return None,
            Cell::Number(serial) | Cell::Day(serial) => match date_of_serial(*serial, self.table.is_1904.unwrap_or_default()) {
                Some((parts, true)) => {
                    if let Cell::Number(_) = self.cell(name) {
                        let place = self.place(name);
                        self.faults.mended(&place, self.lang.pick("numbers read as dates", "数字按日期读取"));
                    }
                    Some(parts)
                }
                Some((_, false)) => {
                    self.fault(name, self.lang.pick("a date with a time of day: write the date alone", "日期带有时刻：请只填日期"));
                    return None;
                }
                None => None,
            },
            Cell::Text(_) => date(&self.ascii(name)?),
        };
        let midnight = parts.and_then(|(year, month, day)| midnight(year, month, day, offset_minutes));
        let Some(UnixMs(ms)) = midnight.map(|midnight| midnight.plus_days(days_later)) else {
            let written = if let Cell::Text(text) = self.cell(name) { text.clone() } else { "-".to_owned() };
            self.fault_unlike(name, &written, EXPECTED);
            return None;
        };
        Some(Time { unix_seconds: ms.div_euclid(1000), offset_minutes })
    }

    /// Whether one of these words stands there.
    pub fn is_word(&self, name: &str, words: &[&str]) -> bool {
        matches!(self.cell(name), Cell::Text(text) if words.contains(&text.as_str()))
    }

    /// 32 bytes in base64, or in hexadecimal: a token, a key, a digest.
    pub fn bytes(&mut self, name: &str, expected: Expected) -> Option<[u8; 32]> {
        self.value(name, bytes_of, expected)
    }

    /// The digest of a paper: of a file beside the table, or as written.
    pub fn paper(&mut self, name: &str, folder: &Path) -> Option<[u8; 32]> {
        let written = match self.cell(name) {
            Cell::Text(text) => text.clone(),
            Cell::Number(_) | Cell::Day(_) => return self.ascii(name).and(None),
            Cell::Empty | Cell::Bad => return None,
        };
        if let Some(bytes) = bytes_of(&written) {
            return Some(bytes);
        }
        let digest = self.file_beside(name, &written).then(|| digest_of(&folder.join(&written)));
        match digest? {
            Ok(digest) => Some(digest),
            Err(error) => {
                let what =
                    self.lang.pick("neither a file beside the table nor 64 hex digits", "既不是表格旁的文件，也不是 64 位十六进制摘要");
                self.fault(name, format!("{}: {what} ({error})", shown(&written, self.lang)));
                None
            }
        }
    }

    /// Whether a path names something beside the table, and nothing above it.
    pub fn file_beside(&mut self, name: &str, path: &str) -> bool {
        let is_beside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_beside {
            let what = self.lang.pick("expected the name of a file beside the table", "应为表格旁文件的名称");
            self.fault(name, format!("{}; {what}", shown(path, self.lang)));
        }
        is_beside
    }
}

fn shown_row(file: &str, line: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{file}, line {line}"),
        Lang::Zh => format!(" {file} 第 {line} 行"),
    }
}

fn bytes_of(text: &str) -> Option<[u8; 32]> {
    let hex = |text: &str| -> Option<[u8; 32]> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(bytes)
    };
    from_base64_array(text).or_else(|| hex(text))
}

/// SHA-256 of a paper.
///
/// # Errors
/// Those of the file; one that is no file, or too long.
pub fn digest_of(path: &Path) -> io::Result<[u8; 32]> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut digest = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let read = file.read(&mut buffer)?;
        length += read as u64;
        if length > PAPER_BYTES_MAX {
            return Err(io::Error::other(format!("longer than {PAPER_BYTES_MAX} bytes")));
        }
        if read == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(&buffer[..read]);
    }
}

/// Which row said something first: its file and line.
#[derive(Default)]
pub struct Firsts(BTreeMap<String, (String, u64)>);

impl Firsts {
    /// Where it was said before, if it was.
    fn before(&mut self, what: String, file: &str, line: u64) -> Option<(String, u64)> {
        match self.0.entry(what) {
            Slot::Occupied(slot) => Some(slot.get().clone()),
            Slot::Vacant(slot) => {
                slot.insert((file.to_owned(), line));
                None
            }
        }
    }
}
