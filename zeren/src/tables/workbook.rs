//! XLSX. The size of what is packed is counted before anything is kept, and cells are taken one by one: a sheet that says it
//! reaches to the last column of the last row takes no memory for it.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read as _};

use calamine::{Data, DataRef, Dimensions, Reader as _, Sheet, SheetType, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::cell::{Cell, letters};
use super::csv_file::{cell as text_cell, too_long, too_wide};
use super::faults::{Faults, Place};
use super::{COLUMNS_MAX, PARTS_MAX, ROWS_MAX, Row, UNPACKED_BYTES_MAX};
use crate::lang::Lang;
use crate::screen::within_line;

type Book = Xlsx<Cursor<Vec<u8>>>;

/// The rows of a sheet, and whether the workbook counts days from 1904.
pub fn rows(bytes: Vec<u8>, asked: Option<&str>, faults: &mut Faults, lang: Lang) -> Result<(Vec<Row>, bool), String> {
    ensure_size(&bytes, lang)?;
    let unreadable = |error: calamine::XlsxError| format!("{}: {error}", lang.pick("not a workbook that can be read", "无法读取的工作簿"));
    let mut book: Book = Xlsx::new(Cursor::new(bytes)).map_err(unreadable)?;
    let name = chosen(&mut book, asked, lang)?;
    let is_1904 = book.has_1904_epoch();
    for merged in book.merge_cells_by_sheet_name(&name).map_err(unreadable)? {
        let what = format!("{} {}", lang.pick("merged cells", "合并单元格"), range(&merged));
        let advice = lang.pick("unmerge them and write each row's value", "请取消合并并逐行填写");
        faults.add(Place::cell(u64::from(merged.start.0) + 1, merged.start.1 as usize, ""), format!("{what}: {advice}"));
    }
    let mut rows: BTreeMap<u64, Vec<Cell>> = BTreeMap::new();
    let mut cells = book.worksheet_cells_reader(&name).map_err(unreadable)?;
    while let Some(found) = cells.next_cell_with_formula_metadata().map_err(unreadable)? {
        let (row, column) = (found.pos.0 as usize, found.pos.1 as usize);
        let has_formula = found.formula.is_some();
        if matches!(found.value, DataRef::Empty) && !has_formula {
            // Formatted, but nothing in it.
            continue;
        }
        if row >= ROWS_MAX {
            return Err(too_long(lang));
        }
        let line = row as u64 + 1;
        let place = Place::cell(line, column, "");
        if column >= COLUMNS_MAX {
            faults.add(place, too_wide(lang));
            continue;
        }
        let cell = if has_formula {
            faults.add(
                place,
                format!("{}{}: {}", letters(column), line, lang.pick("a formula: write the value itself", "单元格是公式：请填写数值本身")),
            );
            Cell::Bad
        } else {
            cell(found.value, &place, faults, lang)
        };
        // Cells come in order in every workbook that a spreadsheet wrote; in one that somebody else wrote they are put in order.
        let cells = rows.entry(line).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty);
        }
        cells[column] = cell;
    }
    Ok((rows.into_iter().map(|(line, cells)| Row { line, cells }).collect(), is_1904))
}

fn cell(value: DataRef<'_>, place: &Place, faults: &mut Faults, lang: Lang) -> Cell {
    match Data::from(value) {
        Data::Empty => Cell::Empty,
        Data::String(text) => text_cell(&text, place, faults, lang),
        #[allow(clippy::cast_precision_loss, reason = "whatever is that large is no id and no date")]
        Data::Int(number) => Cell::Number(number as f64),
        Data::Float(number) => Cell::Number(number),
        Data::DateTime(date) if date.is_datetime() => Cell::Day(date.as_f64()),
        Data::DateTimeIso(text) => Cell::of_text(text.split('T').next().unwrap_or_default()),
        other => {
            let what = match other {
                Data::Bool(_) => lang.pick("true or false: write the word as text", "逻辑值：请改为文本"),
                Data::Error(_) => lang.pick("an error of the spreadsheet", "电子表格错误值"),
                _ => lang.pick("a duration", "时长"),
            };
            faults.add(place.clone(), what);
            Cell::Bad
        }
    }
}

fn range(of: &Dimensions) -> String {
    let name = |(row, column): (u32, u32)| format!("{}{}", letters(column as usize), row + 1);
    format!("{}:{}", name(of.start), name(of.end))
}

/// What is packed is unpacked once to count it, for what a file says of its own size is not believed.
fn ensure_size(bytes: &[u8], lang: Lang) -> Result<(), String> {
    let broken = |error: &dyn std::fmt::Display| format!("{}: {error}", lang.pick("a damaged workbook", "工作簿已损坏"));
    let mut parts = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    if parts.len() > PARTS_MAX {
        return Err(match lang {
            Lang::En => format!("{} parts, at most {PARTS_MAX} are read", parts.len()),
            Lang::Zh => format!("含 {} 个部件，最多读取 {PARTS_MAX} 个", parts.len()),
        });
    }
    let mut left = UNPACKED_BYTES_MAX;
    for number in 0..parts.len() {
        let part = parts.by_index(number).map_err(|error| broken(&error))?;
        let unpacked = io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(|error| broken(&error))?;
        left = left.checked_sub(unpacked).ok_or_else(|| match lang {
            Lang::En => format!("unpacks to more than {} MiB: this is no roster", UNPACKED_BYTES_MAX >> 20),
            Lang::Zh => format!("解压后超过 {} MiB：不是名册", UNPACKED_BYTES_MAX >> 20),
        })?;
    }
    Ok(())
}

/// The sheet asked for, or the one that holds anything.
fn chosen(book: &mut Book, asked: Option<&str>, lang: Lang) -> Result<String, String> {
    let visible = |sheet: &&Sheet| sheet.visible == SheetVisible::Visible && sheet.typ == SheetType::WorkSheet;
    let names: Vec<String> = book.sheets_metadata().iter().filter(visible).map(|sheet| sheet.name.clone()).collect();
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let has_cells = book.worksheet_cells_reader(&name).is_ok_and(|mut cells| matches!(cells.next_cell(), Ok(Some(_)) | Err(_)));
        let fits = asked.map_or(has_cells, |asked| asked == name);
        found.extend(fits.then_some(name));
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(match asked {
            Some(asked) => format!("{} `{}`", lang.pick("no visible sheet", "没有可见的工作表"), within_line(asked)),
            None => lang.pick("no visible sheet holds anything", "没有含内容的可见工作表").to_owned(),
        }),
        several => {
            let names: Vec<String> = several.iter().map(|name| within_line(name)).collect();
            Err(format!(
                "{}: {}",
                lang.pick("several sheets; choose one with --sheet", "有多个工作表，请用 --sheet 指明"),
                names.join(", ")
            ))
        }
    }
}
