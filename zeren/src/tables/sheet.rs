//! Tables that go out: CSV that no spreadsheet takes for formulas, and workbooks.

use std::borrow::Cow;
use std::io::{self, Write};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use unicode_width::UnicodeWidthStr as _;

use crate::lang::Lang;

/// Rows of a sheet at most, the header aside; what is more goes into another.
const SHEET_ROWS_MAX: u32 = 1_000_000;
/// Widest column, in characters.
const WIDTH_MAX: usize = 60;

/// A view as a table.
pub struct View {
    /// Its name, also that of its file.
    pub name: &'static str,
    /// Its name in Chinese.
    pub zh: &'static str,
    /// Its columns, in English and Chinese.
    pub columns: &'static [(&'static str, &'static str)],
}

impl View {
    /// What stands above the columns.
    pub fn header(&self, lang: Lang) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(move |(en, zh)| lang.pick(en, zh))
    }
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Text, whatever it looks like.
    Text(String),
    /// A number: a count, an entry, an amount in fen.
    Number(u64),
}

/// The text as a cell of CSV: whatever a spreadsheet might take for a formula, and whatever begins with an apostrophe, has one
/// apostrophe in front; taking that away gives the text again. A single `-` is no formula.
pub fn harmless_cell(text: &str) -> Cow<'_, str> {
    let first = text.trim_start_matches([' ', '\u{3000}', '\u{a0}', '\u{feff}']).chars().next();
    let is_formula = matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'));
    if (is_formula && text != "-") || text.starts_with('\'') { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A file of CSV being written.
pub struct CsvFile<W: Write>(csv::Writer<W>);

impl<W: Write> CsvFile<W> {
    /// Begins it: the byte order mark, without which spreadsheets misread Chinese, and the header.
    pub fn begin(mut file: W, view: &View, lang: Lang) -> io::Result<CsvFile<W>> {
        file.write_all("\u{feff}".as_bytes())?;
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(file);
        writer.write_record(view.header(lang))?;
        Ok(CsvFile(writer))
    }

    /// Writes a row.
    pub fn row(&mut self, cells: &[Value]) -> io::Result<()> {
        for cell in cells {
            match cell {
                Value::Empty => self.0.write_field("")?,
                Value::Text(text) => self.0.write_field(harmless_cell(text).as_bytes())?,
                Value::Number(number) => self.0.write_field(number.to_string())?,
            }
        }
        self.0.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Writes what is left.
    pub fn end(self) -> io::Result<W> {
        self.0.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A sheet being filled.
struct Page {
    sheet: Worksheet,
    rows: u32,
    widths: Vec<usize>,
}

/// A workbook being written.
pub struct Book {
    lang: Lang,
    pages: Vec<Page>,
    /// Of each view, the page that is being filled, and how many there are.
    views: Vec<(&'static str, usize, u32)>,
    heading: Format,
}

impl Book {
    /// Begins it with a sheet that says where it is from.
    pub fn begin(about: &[(String, String)], lang: Lang) -> Result<Book, XlsxError> {
        let mut sheet = Worksheet::new();
        sheet.set_name(lang.pick("about", "说明"))?;
        let mut widths = vec![0; 2];
        for (row, (what, value)) in (0..).zip(about) {
            sheet.write_string(row, 0, what)?;
            sheet.write_string(row, 1, value)?;
            widths[0] = widths[0].max(what.width());
            widths[1] = widths[1].max(value.width());
        }
        let page = Page { sheet, rows: 0, widths };
        Ok(Book { lang, pages: vec![page], views: Vec::new(), heading: Format::new().set_bold() })
    }

    /// Begins a view's sheet, also if it stays empty.
    pub fn view(&mut self, view: &View) -> Result<(), XlsxError> {
        let number = self.views.iter().find(|(name, ..)| *name == view.name).map_or(1, |(.., number)| number + 1);
        let name = self.lang.pick(view.name, view.zh);
        let mut sheet = Worksheet::new();
        sheet.set_name(if number == 1 { name.to_owned() } else { format!("{name} {number}") })?;
        sheet.set_freeze_panes(1, 0)?;
        let mut widths = Vec::new();
        for (column, text) in (0..).zip(view.header(self.lang)) {
            sheet.write_string_with_format(0, column, text, &self.heading)?;
            widths.push(text.width());
        }
        self.views.retain(|(name, ..)| *name != view.name);
        self.views.push((view.name, self.pages.len(), number));
        self.pages.push(Page { sheet, rows: 0, widths });
        Ok(())
    }

    /// Writes a row of a view that was begun.
    pub fn row(&mut self, view: &View, cells: &[Value]) -> Result<(), XlsxError> {
        let page = |book: &Book| book.views.iter().find(|(name, ..)| *name == view.name).map(|(_, page, _)| *page);
        if page(self).is_none_or(|page| self.pages[page].rows == SHEET_ROWS_MAX) {
            self.view(view)?;
        }
        let Some(page) = page(self).and_then(|page| self.pages.get_mut(page)) else { return Ok(()) };
        page.rows += 1;
        for (column, cell) in (0..).zip(cells) {
            let width = match cell {
                Value::Empty => 0,
                Value::Text(text) => {
                    page.sheet.write_string(page.rows, column, text)?;
                    text.width()
                }
                #[allow(clippy::cast_precision_loss, reason = "numbers of the record are exact up to 2^53, as the sheet's are")]
                Value::Number(number) => {
                    page.sheet.write_number(page.rows, column, *number as f64)?;
                    number.to_string().len()
                }
            };
            let column = usize::from(column);
            page.widths[column] = page.widths[column].max(width);
        }
        Ok(())
    }

    /// The workbook's bytes, dated as asked: the same rows make the same bytes.
    pub fn end(self, unix_seconds: i64) -> Result<Vec<u8>, XlsxError> {
        let mut book = Workbook::new();
        let created = ExcelDateTime::from_timestamp(unix_seconds)?;
        book.set_properties(&DocProperties::new().set_creation_datetime(&created).set_author("zeren"));
        for Page { mut sheet, widths, .. } in self.pages {
            for (column, width) in (0..).zip(widths) {
                #[allow(clippy::cast_precision_loss, reason = "at most WIDTH_MAX")]
                sheet.set_column_width(column, (width.min(WIDTH_MAX) + 2) as f64)?;
            }
            book.push_worksheet(sheet);
        }
        book.save_to_buffer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_comes_back() {
        let bad = ["=1+1", "+86", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "　＝1", "＋1", "－1", "＠a", "'=1", "'", "\u{feff}=1", "--"];
        for text in bad {
            assert_eq!(harmless_cell(text).strip_prefix('\''), Some(text), "{text:?}");
        }
        for text in ["-", "", "07-01", "甲子·001", "a=b", "1"] {
            assert_eq!(harmless_cell(text), text);
        }
    }
}
