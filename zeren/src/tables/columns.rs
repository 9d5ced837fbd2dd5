//! Headers: which column of a table is which.

use super::Table;
use super::cell::{Cell, half_width, shown};
use super::faults::{Faults, Place};
use crate::lang::Lang;

/// A column that a table may have.
pub struct Column {
    /// Its name in English, by which it is asked for.
    pub name: String,
    /// Its name in Chinese.
    pub zh: String,
    /// Whether the table must have it.
    pub is_required: bool,
}

impl Column {
    /// A column without which there is no table.
    pub fn required(name: impl Into<String>, zh: impl Into<String>) -> Column {
        Column { name: name.into(), zh: zh.into(), is_required: true }
    }

    /// A column that may be left out.
    pub fn optional(name: impl Into<String>, zh: impl Into<String>) -> Column {
        Column { is_required: false, ..Column::required(name, zh) }
    }
}

/// The columns that a table has.
pub struct Columns {
    /// Name, position, and the header as written.
    found: Vec<(String, usize, String)>,
    /// Names in English and Chinese of those that it may have.
    names: Vec<(String, String)>,
}

impl Columns {
    /// Finds them in the header, in either language.
    pub fn find(table: &Table, known: &[Column], faults: &mut Faults, lang: Lang) -> Columns {
        let line = table.header.line;
        let mut found: Vec<(String, usize, String)> = Vec::new();
        for (at, cell) in table.header.cells.iter().enumerate() {
            let written = match cell {
                Cell::Text(text) => text.clone(),
                // Whatever stands under it is named where it stands.
                Cell::Empty | Cell::Bad => continue,
                Cell::Number(_) | Cell::Day(_) => {
                    faults.add(Place::cell(line, at, ""), lang.pick("a number as a header", "表头是数字"));
                    continue;
                }
            };
            let plain = plain(&written);
            let column = known.iter().find(|column| self::plain(&column.name) == plain || self::plain(&column.zh) == plain);
            match column {
                None => {
                    let all: Vec<&str> = known.iter().map(|column| lang.pick(&column.name, &column.zh)).collect();
                    let what = lang.pick("no such column; there are", "没有此列；可用的列为");
                    faults.add(Place::cell(line, at, ""), format!("{}: {what}: {}", shown(&written, lang), all.join(", ")));
                }
                Some(column) => match found.iter().find(|(name, ..)| *name == column.name) {
                    Some((_, first, _)) => {
                        let what = lang.pick("the same header as column", "表头与此列重复：");
                        faults.add(Place::cell(line, at, &written), format!("{what} {}", super::cell::letters(*first)));
                    }
                    None => found.push((column.name.clone(), at, written)),
                },
            }
        }
        let missing = known.iter().filter(|column| column.is_required && !found.iter().any(|(name, ..)| *name == column.name));
        for column in missing {
            let what = lang.pick("a column is missing", "缺少列");
            faults.add(Place::line(line), format!("{what}: {} {}", column.name, column.zh));
        }
        let names = known.iter().map(|column| (column.name.clone(), column.zh.clone())).collect();
        let columns = Columns { found, names };
        columns.judge_strays(table, faults, lang);
        columns
    }

    /// What stands under no header would be lost in silence.
    fn judge_strays(&self, table: &Table, faults: &mut Faults, lang: Lang) {
        let has_header = |at: usize| !matches!(table.header.cells.get(at), None | Some(Cell::Empty));
        for row in &table.rows {
            for (at, cell) in row.cells.iter().enumerate() {
                if !has_header(at) && !matches!(cell, Cell::Empty | Cell::Bad) {
                    faults.add(Place::cell(row.line, at, ""), lang.pick("a cell under no header", "该格上方没有表头"));
                }
            }
        }
    }

    /// Whether the table has the column.
    pub fn has(&self, name: &str) -> bool {
        self.found.iter().any(|(known, ..)| known == name)
    }

    /// What a column is called.
    pub(super) fn called(&self, name: &str, lang: Lang) -> &str {
        self.names.iter().find(|(known, _)| known == name).map_or("", |(en, zh)| lang.pick(en, zh))
    }

    pub(super) fn at(&self, name: &str) -> Option<(usize, &str)> {
        self.found.iter().find(|(known, ..)| known == name).map(|(_, at, written)| (*at, written.as_str()))
    }
}

/// A header without what people write it with: width, case, spaces, hyphens and underscores.
fn plain(header: &str) -> String {
    half_width(header).to_lowercase().chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).collect()
}
