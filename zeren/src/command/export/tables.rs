//! Views as CSV and as a workbook.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use projector::refusals::refusals;
use projector::rows::PAGE_ROWS_MAX;
use projector::{Key, Prefix};
use rust_xlsxwriter::XlsxError;
use serde_json::{Value as Json, json};
use signer::value::UnixMs;

use super::catalogue::VIEWS;
use super::payments::payments;
use super::views::{lines, time};
use super::{Source, write_new};
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::own_views::failed;
use crate::screen::within_line;
use crate::tables::sheet::{Book, CsvFile, Value, View};

/// The views of a name: one, or all.
pub fn chosen(name: &str, lang: Lang) -> Result<Vec<&'static View>, Failure> {
    let chosen: Vec<&View> = VIEWS.iter().filter(|view| name == "all" || view.name == name || view.zh == name).collect();
    if chosen.is_empty() {
        let all: Vec<&str> = VIEWS.iter().map(|view| view.name).collect();
        let what = lang.pick("no such view; there are: all,", "没有此视图；现有：all，");
        return Err(Failure::malformed(format!("{}: {what} {}", within_line(name), all.join(", "))));
    }
    Ok(chosen)
}

type Told<'a> = &'a mut dyn FnMut(&'static View, &[Value]) -> Result<(), Failure>;

/// Every line of the chosen views, those of one view in order.
fn each_line(source: &Source, chosen: &[&'static View], tell: Told<'_>) -> Result<(), Failure> {
    let view = |name: &str| chosen.iter().find(|view| view.name == name);
    let mut after: Option<Key> = None;
    loop {
        let page = source.rows().page(&Prefix::all(), after.as_ref(), PAGE_ROWS_MAX).map_err(failed)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, row) in &page {
            let found = lines(key, row).ok_or_else(|| Failure::Views(format!("{key}: a row of another kind")))?;
            for (name, cells) in found {
                if let Some(view) = view(name) {
                    tell(view, &cells)?;
                }
            }
        }
    }
    if let Some(view) = view("payments") {
        payments(source, &mut |cells| tell(view, cells))?;
    }
    if let Some(view) = view("refusals") {
        let keys = source.ledger.state().ring().checkpoint_keys();
        let kept = refusals(source.ledger.storage(), source.ledger.id(), keys, UnixMs::MAX);
        for (rule, refused) in kept.map_err(|error| Failure::Views(error.to_string()))?.by_rule {
            let cells = [Value::Text(rule.to_owned()), Value::Number(refused.notes), time(refused.first_ms), time(refused.last_ms)];
            tell(view, &cells)?;
        }
    }
    Ok(())
}

/// One view into a file, with `FILE.export.json` beside it; several into a new folder, with `export.json` in it.
pub fn csv(source: &Source, chosen: &[&'static View], output: &Path, lang: Lang) -> Result<Json, Failure> {
    let is_folder = chosen.len() > 1;
    let made = if is_folder { vec![output.to_owned()] } else { vec![output.to_owned(), beside(output)] };
    if let Some(taken) = made.iter().find(|path| path.exists()) {
        return Err(Failure::file(taken)(std::io::ErrorKind::AlreadyExists.into()));
    }
    if is_folder {
        fs::create_dir(output).map_err(Failure::file(output))?;
    }
    let written = fill(source, chosen, output, lang);
    written.inspect_err(|_| {
        for path in &made {
            let _ = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    })
}

fn beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".export.json");
    PathBuf::from(name)
}

fn fill(source: &Source, chosen: &[&'static View], output: &Path, lang: Lang) -> Result<Json, Failure> {
    let is_folder = chosen.len() > 1;
    let path_of = |view: &View| if is_folder { output.join(format!("{}.csv", view.name)) } else { output.to_owned() };
    let mut open: BTreeMap<&str, (PathBuf, CsvFile<BufWriter<File>>, u64)> = BTreeMap::new();
    for view in chosen {
        let path = path_of(view);
        let file = File::create_new(&path).and_then(|file| CsvFile::begin(BufWriter::new(file), view, lang));
        open.insert(view.name, (path.clone(), file.map_err(Failure::file(&path))?, 0));
    }
    each_line(source, chosen, &mut |view, cells| {
        let Some((path, file, rows)) = open.get_mut(view.name) else { return Ok(()) };
        *rows += 1;
        file.row(cells).map_err(Failure::file(path))
    })?;
    let mut told = serde_json::Map::new();
    for view in chosen {
        let Some((path, file, rows)) = open.remove(view.name) else { continue };
        let ended = file.end().and_then(|file| file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all());
        ended.map_err(Failure::file(&path))?;
        told.insert(view.name.to_owned(), rows.into());
    }
    let about = json!({ "from": source.about(), "language": lang.pick("en", "zh"), "rows": told });
    let text = serde_json::to_string_pretty(&about).map_err(|error| Failure::Views(error.to_string()))? + "\n";
    let path = if is_folder { output.join("export.json") } else { beside(output) };
    files::write_new(&path, text.as_bytes())?;
    Ok(Json::Object(told))
}

/// A workbook with a sheet for each view, and one that says where it is from.
pub fn xlsx(source: &Source, chosen: &[&'static View], output: &Path, lang: Lang) -> Result<Json, Failure> {
    let unwritten = |error: XlsxError| Failure::Views(format!("{}: {error}", output.display()));
    let mut about: Vec<(String, String)> = Vec::new();
    for (what, value) in source.about().as_object().into_iter().flatten() {
        about.push((what.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    let mut book = Book::begin(&about, lang).map_err(unwritten)?;
    for view in chosen {
        book.view(view).map_err(unwritten)?;
    }
    let mut told: BTreeMap<&str, u64> = chosen.iter().map(|view| (view.name, 0)).collect();
    each_line(source, chosen, &mut |view, cells| {
        *told.entry(view.name).or_default() += 1;
        book.row(view, cells).map_err(unwritten)
    })?;
    let bytes = book.end(source.received_last_ms.div_euclid(1000)).map_err(unwritten)?;
    write_new(output, |file| std::io::Write::write_all(file, &bytes).map_err(Failure::file(output)))?;
    Ok(json!(told))
}
