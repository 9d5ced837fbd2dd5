//! CSV: in UTF-8, UTF-16 or GBK, with commas, tabs or semicolons.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

use super::cell::Cell;
use super::faults::{Faults, Place};
use super::{CELL_CHARS_MAX, COLUMNS_MAX, ROWS_MAX, Row};
use crate::lang::Lang;

/// The rows of a file, the empty ones too.
pub fn rows(bytes: Vec<u8>, faults: &mut Faults, lang: Lang) -> Result<Vec<Row>, String> {
    let text = decode(&bytes, faults, lang)?;
    for (line, _) in text.split('\n').enumerate().filter(|(_, line)| line.contains('\0')) {
        faults.add(Place::line(line as u64 + 1), lang.pick("a NUL byte: this is no text", "含 NUL 字节，不是文本"));
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(&text)).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut rows = Vec::new();
    let mut width = None;
    let mut lines = Lines { bytes: text.as_bytes(), at: 0, line: 1 };
    while reader.read_record(&mut record).map_err(|error| error.to_string())? {
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        if rows.len() == ROWS_MAX {
            return Err(too_long(lang));
        }
        let is_empty = record.iter().all(|cell| cell.trim().is_empty());
        let expected = if is_empty { record.len() } else { *width.get_or_insert(record.len()) };
        if record.len() == expected {
            rows.push(row(&record, line, faults, lang));
        } else {
            faults.add(Place::line(line), other_width(record.len(), expected, lang));
        }
    }
    Ok(rows)
}

/// Counts lines up to a row: the reader's own count stands before the line breaks that the row follows.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which the row stands that begins at this byte, or at the first after it that breaks no line.
    fn of(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(found) = self.bytes.get(self.at) {
            let is_break = *found == b'\n' || (*found == b'\r' && self.bytes.get(self.at + 1) != Some(&b'\n'));
            if self.at >= byte && !is_break && *found != b'\r' {
                break;
            }
            self.line += u64::from(is_break);
            self.at += 1;
        }
        self.line
    }
}

/// More rows than are read.
pub(super) fn too_long(lang: Lang) -> String {
    match lang {
        Lang::En => format!("more than {ROWS_MAX} rows: divide the table"),
        Lang::Zh => format!("超过 {ROWS_MAX} 行：请拆分表格"),
    }
}

fn other_width(found: usize, expected: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{found} cells where the header has {expected}: is a comma or a quotation mark amiss?"),
        Lang::Zh => format!("本行 {found} 格，表头 {expected} 格：是否多写或漏写了逗号、引号？"),
    }
}

fn row(record: &StringRecord, line: u64, faults: &mut Faults, lang: Lang) -> Row {
    if record.len() > COLUMNS_MAX {
        faults.add(Place::line(line), too_wide(lang));
        return Row { line, cells: vec![Cell::Bad] };
    }
    let cells = record.iter().enumerate().map(|(at, text)| cell(text, &Place::cell(line, at, ""), faults, lang)).collect();
    Row { line, cells }
}

/// More columns than are read.
pub(super) fn too_wide(lang: Lang) -> String {
    match lang {
        Lang::En => format!("more than {COLUMNS_MAX} columns"),
        Lang::Zh => format!("超过 {COLUMNS_MAX} 列"),
    }
}

/// A cell of text, or the fault that it is.
pub(super) fn cell(text: &str, place: &Place, faults: &mut Faults, lang: Lang) -> Cell {
    let fault = if text.chars().count() > CELL_CHARS_MAX {
        Some(match lang {
            Lang::En => format!("more than {CELL_CHARS_MAX} characters: is a quotation mark left open?"),
            Lang::Zh => format!("超过 {CELL_CHARS_MAX} 个字符：引号是否没有闭合？"),
        })
    } else if text.trim_start().starts_with('=') {
        Some(lang.pick("a formula: write the value itself", "单元格是公式：请填写数值本身").to_owned())
    } else if text.trim().chars().any(|c| c.is_control() && c != '\0') {
        Some(lang.pick("a line break or control character inside the cell", "单元格内有换行或控制字符").to_owned())
    } else {
        None
    };
    match fault {
        Some(reason) => {
            faults.add(place.clone(), reason);
            Cell::Bad
        }
        None if text.contains('\0') => Cell::Bad,
        None => Cell::of_text(text),
    }
}

fn decode<'a>(bytes: &'a [u8], faults: &mut Faults, lang: Lang) -> Result<Cow<'a, str>, String> {
    let (encoding, name) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => {
            faults.remark(lang.pick("a UTF-8 byte order mark, passed over", "含 UTF-8 字节顺序标记，已略过"), 0);
            let text = core::str::from_utf8(rest).map_err(|error| unreadable("UTF-8", error.valid_up_to() + 3, lang))?;
            return Ok(Cow::Borrowed(text));
        }
        [0xFF, 0xFE, ..] => (UTF_16LE, "UTF-16"),
        [0xFE, 0xFF, ..] => (UTF_16BE, "UTF-16"),
        _ => match core::str::from_utf8(bytes) {
            Ok(text) => return Ok(Cow::Borrowed(text)),
            Err(_) => (GB18030, "GBK (GB 18030)"),
        },
    };
    let (text, _) = encoding.decode_with_bom_removal(bytes);
    if let Some(at) = text.find('\u{FFFD}') {
        return Err(unreadable(name, at, lang));
    }
    faults.remark(&format!("{} {name}", lang.pick("not UTF-8; read as", "非 UTF-8 编码，按以下编码读取：")), 0);
    Ok(text)
}

fn unreadable(name: &str, at: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("neither UTF-8 nor {name}, from about byte {at} on: save it as CSV in UTF-8"),
        Lang::Zh => format!("约第 {at} 字节起既非 UTF-8 也非 {name}：请另存为 UTF-8 编码的 CSV"),
    }
}

/// What stands between the cells of the first line that holds anything.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    [b',', b'\t', b';'].into_iter().find(|sign| first.as_bytes().contains(sign)).unwrap_or(b',')
}
