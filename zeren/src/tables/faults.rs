//! What is wrong with a table, all of it, each with its place; and what was mended.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cell::letters;
use crate::error::Failure;
use crate::lang::Lang;
use crate::screen::{say, within_line};

/// Faults that are shown at most.
pub const FAULTS_SHOWN_MAX: usize = 200;

/// Where something stands.
#[derive(Clone, Debug)]
pub struct Place {
    line: u64,
    column: Option<(usize, String)>,
}

impl Place {
    /// A whole line.
    pub fn line(line: u64) -> Place {
        Place { line, column: None }
    }

    /// A cell, by its column from 0 and the column's name, which may be empty.
    pub fn cell(line: u64, column: usize, name: &str) -> Place {
        Place { line, column: Some((column, name.to_owned())) }
    }

    fn show(&self, lang: Lang) -> String {
        let line = match lang {
            Lang::En => format!("line {}", self.line),
            Lang::Zh => format!("第 {} 行", self.line),
        };
        match (&self.column, lang) {
            (None, _) => line,
            (Some((column, name)), Lang::En) if name.is_empty() => format!("{line}, column {}", letters(*column)),
            (Some((column, name)), Lang::En) => format!("{line}, column {} ({})", letters(*column), within_line(name)),
            (Some((column, name)), Lang::Zh) if name.is_empty() => format!("{line} {} 列", letters(*column)),
            (Some((column, name)), Lang::Zh) => format!("{line} {} 列（{}）", letters(*column), within_line(name)),
        }
    }
}

/// Everything that is wrong with some tables.
#[derive(Debug)]
pub struct Faults {
    lang: Lang,
    file: String,
    shown: Vec<(String, u64, usize, String)>,
    total: usize,
    remarks: BTreeMap<(String, String), (usize, Option<String>)>,
}

impl Faults {
    /// None yet.
    pub fn new(lang: Lang) -> Faults {
        Faults { lang, file: String::new(), shown: Vec::new(), total: 0, remarks: BTreeMap::new() }
    }

    /// From here on, places are in this file.
    pub fn begin(&mut self, file: &str) {
        self.file = file.to_owned();
    }

    /// Something is wrong here.
    pub fn add(&mut self, place: Place, reason: impl Into<String>) {
        self.total += 1;
        // All are counted; those first in the file are shown, whenever they were found.
        let column = place.column.as_ref().map_or(0, |(column, _)| column + 1);
        let (place_shown, reason) = (place.show(self.lang), reason.into());
        let text = match self.lang {
            Lang::En => format!("{}, {place_shown}: {reason}", self.file),
            Lang::Zh => format!("{} {place_shown}：{reason}", self.file),
        };
        let key = (self.file.clone(), place.line, column, text);
        let at = self.shown.partition_point(|known| known <= &key);
        if at < FAULTS_SHOWN_MAX {
            self.shown.insert(at, key);
            self.shown.truncate(FAULTS_SHOWN_MAX);
        }
    }

    /// Something was mended so often, or is to be said once.
    pub fn remark(&mut self, what: &str, times: usize) {
        self.remarks.entry((self.file.clone(), what.to_owned())).or_default().0 += times;
    }

    /// Something was mended here.
    pub fn mended(&mut self, place: &Place, what: &str) {
        let first = place.show(self.lang);
        let known = self.remarks.entry((self.file.clone(), what.to_owned())).or_default();
        known.0 += 1;
        known.1.get_or_insert(first);
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Says what was mended; fails if anything is wrong, naming all of it.
    pub fn judge(&self) -> Result<(), Failure> {
        for ((file, what), (times, first)) in &self.remarks {
            let first = first.as_ref().map(|first| match self.lang {
                Lang::En => format!(" (the first: {first})"),
                Lang::Zh => format!("（首处：{first}）"),
            });
            let times = if *times > 0 { format!("{}{times}", self.lang.pick(": ", "：")) } else { String::new() };
            say(&format!("{file}{}{what}{times}{}", self.lang.pick(": ", "："), first.unwrap_or_default()));
        }
        if self.total == 0 {
            return Ok(());
        }
        let mut text = match self.lang {
            Lang::En => format!("{} fault(s); nothing was written", self.total),
            Lang::Zh => format!("共 {} 处有误，未写入任何文件", self.total),
        };
        // Writing to a string does not fail.
        self.shown.iter().for_each(|(.., fault)| _ = write!(text, "\n  {fault}"));
        let more = self.total - self.shown.len();
        if more > 0 {
            let _ = write!(
                text,
                "\n  {}",
                match self.lang {
                    Lang::En => format!("and {more} more"),
                    Lang::Zh => format!("另有 {more} 处"),
                }
            );
        }
        Err(Failure::malformed(text))
    }
}
