//! A statement for every row: columns are named as lines begin, cells end them.

use std::path::Path;

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;

/// Most rows.
const ROWS_MAX: usize = 20_000;
/// Longest table, in bytes.
const BYTES_MAX: u64 = 16 << 20;

/// Lines of each row, as key and value. An empty cell gives no line.
pub fn read(path: &Path, lang: Lang) -> Result<Vec<Vec<(String, String)>>, Failure> {
    let malformed = |what: String| Failure::malformed(format!("{}: {what}", path.display()));
    let bytes = files::read(path, BYTES_MAX)?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let columns: Vec<String> = table.headers().map_err(|error| malformed(error.to_string()))?.iter().map(str::to_owned).collect();
    if columns.iter().any(String::is_empty) {
        return Err(malformed(lang.pick("a column without a name", "有未命名的列").to_owned()));
    }
    let mut rows = Vec::new();
    for record in table.records() {
        let record = record.map_err(|error| malformed(error.to_string()))?;
        let cells = columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        rows.push(cells.map(|(column, cell)| line(column, cell)).collect());
        if rows.len() > ROWS_MAX {
            return Err(malformed(format!("{} {ROWS_MAX}", lang.pick("more rows than", "行数超过"))));
        }
    }
    if rows.is_empty() {
        return Err(malformed(lang.pick("no rows below the names of the columns", "表头以下没有数据行").to_owned()));
    }
    Ok(rows)
}

/// `assert entered` and `yes` make the line `assert`, `entered yes`.
fn line(column: &str, cell: &str) -> (String, String) {
    match column.split_once(' ') {
        Some((key, begins)) => (key.to_owned(), format!("{begins} {cell}")),
        None => (column.to_owned(), cell.to_owned()),
    }
}

/// The failure of one row, which says which.
pub fn of_row(failure: Failure, path: Option<&Path>, at: usize, lang: Lang) -> Failure {
    let Some(path) = path else { return failure };
    // The first row stands under the names of the columns.
    let row = at + 2;
    Failure::malformed(format!("{}, {} {row}:\n{}", path.display(), lang.pick("row", "第几行："), failure.render(lang)))
}
