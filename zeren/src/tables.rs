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
