//! Totals that somebody published, beside what the record says was paid.

use std::collections::BTreeMap;
use std::path::Path;

use projector::rows::{MoneyRow, Sum};
use serde_json::{Value, json};
use signer::value::{Period, Scheme};

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;

/// Longest file of totals, in bytes.
const PUBLISHED_BYTES_MAX: u64 = 1 << 20;

/// People and money by scheme, and by period where one is given.
pub struct Published(BTreeMap<(String, Option<u16>), Sum>);

/// A scheme of which the record says something else.
pub struct Difference {
    pub scheme: String,
    /// The period; nothing where totals are of all periods.
    pub period: Option<u16>,
    /// What was published; nothing where the scheme is left out.
    pub published: Option<Sum>,
    /// What the record says was paid.
    pub paid: Sum,
}

impl Published {
    /// Reads a file: a line of column names, then one for each total.
    pub fn read(path: &Path, lang: Lang) -> Result<Published, Failure> {
        Published::parse(&files::read_text(path, PUBLISHED_BYTES_MAX)?).map_err(|line| {
            let place = crate::screen::within_line(&path.display().to_string());
            Failure::malformed(match lang {
                Lang::En => format!("{place}, line {line}: not a total. The first line is `scheme,people,fen` or `scheme,period,people,fen`, the others are as `SCH-A,5260,315600000`, each scheme once"),
                Lang::Zh => format!("{place} 第 {line} 行：不是合计。首行为 scheme,people,fen 或 scheme,period,people,fen，其余各行如 SCH-A,5260,315600000，每个项目一行"),
            })
        })
    }

    /// The totals, or the number of the line that is none.
    fn parse(text: &str) -> Result<Published, usize> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
        let (_, header) = lines.next().ok_or(1usize)?;
        let columns: Vec<&str> = header.split(',').map(str::trim).collect();
        let place = |name: &str| columns.iter().position(|column| *column == name);
        let (Some(scheme), Some(people), Some(fen)) = (place("scheme"), place("people"), place("fen")) else { return Err(1) };
        let period = place("period");
        let mut totals = BTreeMap::new();
        for (number, line) in lines {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let whole = |at: usize| cells[at].parse::<u64>().ok();
            let total = || {
                let scheme = Scheme::parse(cells[scheme])?.to_string();
                let period = match period {
                    Some(at) => Some(Period::parse(cells[at])?.year()),
                    None => None,
                };
                Some(((scheme, period), Sum { cases: whole(people)?, fen: whole(fen)? }))
            };
            let (key, sum) = if cells.len() == columns.len() { total() } else { None }.ok_or(number)?;
            if totals.insert(key, sum).is_some() {
                return Err(number);
            }
        }
        if totals.is_empty() { Err(1) } else { Ok(Published(totals)) }
    }

    /// Where the record says something else. Of periods that the file does not name nothing is compared.
    pub fn differences(&self, money: &BTreeMap<(String, u16), MoneyRow>) -> Vec<Difference> {
        let periods: Vec<Option<u16>> = self.0.keys().map(|(_, period)| *period).collect();
        let mut paid: BTreeMap<(String, Option<u16>), Sum> = self.0.keys().map(|key| (key.clone(), Sum::default())).collect();
        for ((scheme, period), row) in money.iter().filter(|(_, row)| row.paid.cases > 0) {
            let period = if periods.contains(&None) { None } else { Some(*period) };
            if periods.contains(&period) {
                let sum = paid.entry((scheme.clone(), period)).or_default();
                *sum = Sum { cases: sum.cases + row.paid.cases, fen: sum.fen + row.paid.fen };
            }
        }
        let all = paid.into_iter().map(|((scheme, period), paid)| {
            let published = self.0.get(&(scheme.clone(), period)).copied();
            Difference { scheme, period, published, paid }
        });
        all.filter(|total| total.published != Some(total.paid)).collect()
    }
}

impl Difference {
    pub fn to_json(&self) -> Value {
        let sum = |sum: Sum| json!({ "people": sum.cases, "fen": sum.fen });
        json!({ "scheme": self.scheme, "period": self.period, "published": self.published.map(sum), "paid": sum(self.paid) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(rows: &[(&str, u16, u64, u64)]) -> BTreeMap<(String, u16), MoneyRow> {
        let row = |people, fen| MoneyRow { paid: Sum { cases: people, fen }, ..MoneyRow::default() };
        rows.iter().map(|(scheme, period, people, fen)| (((*scheme).to_owned(), *period), row(*people, *fen))).collect()
    }

    #[test]
    fn totals_are_read_and_compared_to_the_last_fen() {
        let paid = money(&[("SCH-A", 2013, 2, 120_000), ("SCH-A", 2014, 1, 60_000), ("SCH-B", 2013, 1, 10_000)]);
        let found = |text: &str| Published::parse(text).unwrap_or_else(|line| panic!("line {line}")).differences(&paid).len();
        assert_eq!(found("scheme,people,fen\nSCH-A,3,180000\nSCH-B,1,10000\n"), 0);
        assert_eq!(found("fen, scheme, people\r\n180001,SCH-A,3\r\n10000,SCH-B,1\r\n"), 1);
        // A scheme left out, and one that nobody was paid from.
        assert_eq!(found("scheme,people,fen\nSCH-A,3,180000\nSCH-X,1,1\n"), 2);
        assert_eq!(found("scheme,period,people,fen\nSCH-A,2013,2,120000\nSCH-B,2013,1,10000\n"), 0);
        assert_eq!(found("scheme,period,people,fen\nSCH-A,2014,2,60000\n"), 1);
    }

    #[test]
    fn a_line_that_is_no_total_is_named() {
        let wrong = |text: &str| Published::parse(text).err();
        assert_eq!(wrong(""), Some(1));
        assert_eq!(wrong("scheme,people\nSCH-A,1\n"), Some(1));
        assert_eq!(wrong("scheme,people,fen\n"), Some(1));
        assert_eq!(wrong("scheme,people,fen\nSCH-A,1,1\n\nSCH-B,1\n"), Some(4));
        assert_eq!(wrong("scheme,people,fen\nSCH-A,1,1.5\n"), Some(2));
        assert_eq!(wrong("scheme,people,fen\nSCH-A,1,1\nSCH-A,1,1\n"), Some(3));
    }
}
