//! Tables that offices fill in: CSV and XLSX, read whole, within limits, and never guessed at. What is mended on the way is said
//! aloud; what is not understood is a fault with its place.

pub mod cell;
pub mod columns;
mod csv_file;
pub mod faults;
pub mod fields;
pub mod sheet;
mod workbook;

use std::path::Path;

use self::cell::Cell;
use self::faults::{Faults, Place};
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::screen::within_line;

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// What the parts of a workbook unpack to at most, in bytes.
pub const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// Parts of a workbook at most.
pub const PARTS_MAX: usize = 1_000;
/// Rows of a table at most, the header included.
pub const ROWS_MAX: usize = 100_000;
/// Columns at most.
pub const COLUMNS_MAX: usize = 100;
/// Longest cell, in characters.
pub const CELL_CHARS_MAX: usize = 1_000;

/// A row, and where it stands.
#[derive(Debug)]
pub struct Row {
    /// Line of the file, or row of the sheet, from 1.
    pub line: u64,
    /// Its cells; those that are a fault of their own are [`Cell::Bad`].
    pub cells: Vec<Cell>,
}

/// A table that was read.
#[derive(Debug)]
pub struct Table {
    /// The file's name, as messages show it.
    pub file: String,
    /// The first row that is not empty.
    pub header: Row,
    /// The others that are not empty.
    pub rows: Vec<Row>,
    /// Whether the workbook counts days from 1904; nothing for CSV, which does not say.
    pub is_1904: Option<bool>,
}

/// Reads a table. What is wrong with rows and cells goes to the faults; a file that is no table at all fails.
pub fn read(path: &Path, sheet: Option<&str>, faults: &mut Faults, lang: Lang) -> Result<Option<Table>, Failure> {
    let bytes = files::read(path, FILE_BYTES_MAX)?;
    let file = within_line(&path.file_name().unwrap_or_default().to_string_lossy());
    faults.begin(&file);
    let (rows, is_1904) = if bytes.starts_with(b"PK") {
        let (rows, is_1904) = workbook::rows(bytes, sheet, faults, lang).map_err(|what| Failure::malformed(format!("{file}: {what}")))?;
        (rows, Some(is_1904))
    } else if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        let advice = lang.pick(
            "an old .xls workbook, or one with a password: save it as .xlsx without a password, or as CSV",
            "旧式 .xls 或加密的工作簿：请另存为不加密的 .xlsx 或 CSV",
        );
        return Err(Failure::malformed(format!("{file}: {advice}")));
    } else {
        (csv_file::rows(bytes, faults, lang).map_err(|what| Failure::malformed(format!("{file}: {what}")))?, None)
    };
    let empty = rows.iter().filter(|row| row.is_empty()).count();
    if empty > 0 {
        faults.remark(lang.pick("empty rows passed over", "跳过空行"), empty);
    }
    let mut rows = rows.into_iter().filter(|row| !row.is_empty());
    let Some(header) = rows.next() else {
        faults.add(Place::line(1), lang.pick("no header and no rows", "没有表头和数据行"));
        return Ok(None);
    };
    Ok(Some(Table { file, header, rows: rows.collect(), is_1904 }))
}

impl Row {
    fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| matches!(cell, Cell::Empty))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Cursor, Write as _};

    use rust_xlsxwriter::Workbook;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Numbers by chance, the same each time.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % end
        }

        fn spoil(&mut self, bytes: &mut Vec<u8>) {
            for _ in 0..=self.below(4) {
                let at = self.below(bytes.len());
                match self.below(3) {
                    0 => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                    1 => _ = bytes.drain(at..(at + 1 + self.below(20)).min(bytes.len())),
                    _ => {
                        let end = (at + 1 + self.below(40)).min(bytes.len());
                        let again = bytes[at..end].to_vec();
                        bytes.splice(at..at, again);
                    }
                }
            }
        }
    }

    fn workbook() -> Vec<u8> {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        for (column, name) in ["person", "name", "from"].into_iter().enumerate() {
            sheet.write_string(0, u16::try_from(column).unwrap(), name).unwrap();
        }
        sheet.write_string(1, 0, "p1").unwrap().write_number(1, 2, 41_334.0).unwrap().write_formula(1, 1, "=A2").unwrap();
        sheet.merge_range(2, 0, 3, 1, "x", &rust_xlsxwriter::Format::new()).unwrap();
        book.save_to_buffer().unwrap()
    }

    /// Whatever is done to a file, it is read or refused.
    #[test]
    fn no_file_makes_the_reader_fall() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        let book = workbook();
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        let mut packed = zip::ZipArchive::new(Cursor::new(&book)).unwrap();
        for number in 0..packed.len() {
            let mut part = packed.by_index(number).unwrap();
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut part, &mut content).unwrap();
            parts.push((part.name().unwrap().into_owned(), content));
        }
        let csv = "person,name,from\r\np1,\"甲,子\",2013-03-01\r\n".as_bytes();
        let mut chance = Chance(7);
        let (mut read_whole, mut refused) = (0, 0);
        for turn in 0..3_000 {
            let bytes = match turn % 4 {
                0 => {
                    let mut bytes = csv.to_vec();
                    chance.spoil(&mut bytes);
                    bytes
                }
                1 => {
                    let mut bytes = book.clone();
                    chance.spoil(&mut bytes);
                    bytes
                }
                _ => {
                    let spoilt = chance.below(parts.len());
                    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
                    for (number, (name, content)) in parts.iter().enumerate() {
                        let mut content = content.clone();
                        if number == spoilt {
                            chance.spoil(&mut content);
                        }
                        out.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
                        out.write_all(&content).unwrap();
                    }
                    out.finish().unwrap().into_inner()
                }
            };
            fs::write(&path, bytes).unwrap();
            let mut faults = Faults::new(Lang::En);
            match read(&path, None, &mut faults, Lang::En) {
                Ok(_) => read_whole += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(read_whole > 100 && refused > 100, "{read_whole} read, {refused} refused");
    }
}
