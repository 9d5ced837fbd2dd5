//! The numbers of a procedure's text and its names, found and changed by their places.

use std::collections::BTreeMap;
use std::ops::Range;

use ledger::procedure::Procedure;
use signer::value::{Time, midnight};

/// A number, a month and day, or a date.
#[derive(Clone, Debug)]
pub struct Number {
    /// Its line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// Where, in bytes of the whole text.
    pub place: Range<usize>,
    /// The next one.
    pub next: String,
    /// The one before, where there is one.
    pub before: Option<String>,
}

impl Number {
    /// The text with another number in this one's place.
    pub fn changed(&self, text: &str, to: &str) -> String {
        [&text[..self.place.start], to, &text[self.place.end..]].concat()
    }
}

/// A number's place in a token, with its neighbours.
type Found = (Range<usize>, String, Option<String>);

/// Every number that is not part of a comment or a name: integers, both parts of shares, months and days, dates, the offset.
pub fn numbers(text: &str) -> Vec<Number> {
    let mut all = Vec::new();
    let mut start = 0;
    for (line, content) in text.split_inclusive('\n').enumerate() {
        for (place, token, is_quoted) in tokens(content) {
            for (part, next, before) in if is_quoted { quoted(token) } else { bare(token) } {
                let place = start + place + part.start..start + place + part.end;
                all.push(Number { line: line + 1, text: text[place.clone()].to_owned(), place, next, before });
            }
        }
        start += content.len();
    }
    all
}

/// What stands in a line: places and texts of strings without their quotes, and of words.
fn tokens(line: &str) -> Vec<(usize, &str, bool)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(first) = line[at..].chars().next() {
        let rest = &line[at + first.len_utf8()..];
        if first == '#' {
            break;
        } else if first == '"' {
            let length = rest.find('"').unwrap_or(rest.len());
            all.push((at + 1, &rest[..length], true));
            at += length + 2;
        } else if is_word(first) {
            let length = line[at..].find(|c| !is_word(c)).unwrap_or(line.len() - at);
            all.push((at, &line[at..at + length], false));
            at += length;
        } else {
            at += first.len_utf8();
        }
        at = at.min(line.len());
    }
    all
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn neighbours(place: Range<usize>, digits: &str) -> Found {
    let number: u64 = digits.parse().unwrap();
    let shown = |number: u64| format!("{number:0width$}", width = digits.len());
    (place, shown(number + 1), number.checked_sub(1).map(shown))
}

fn bare(token: &str) -> Vec<Found> {
    if is_number(token) {
        return vec![neighbours(0..token.len(), token)];
    }
    let days = day_from(token, 1).zip(day_from(token, -1));
    days.map(|(next, before)| (0..token.len(), next, Some(before))).into_iter().collect()
}

fn quoted(token: &str) -> Vec<Found> {
    let both = |before: &str, after: &str, start: usize| {
        let middle = start + before.len();
        vec![neighbours(start..middle, before), neighbours(middle + 1..middle + 1 + after.len(), after)]
    };
    if let Some((before, after)) = token.split_once('/').filter(|(before, after)| is_number(before) && is_number(after)) {
        return both(before, after, 0);
    }
    let sign = token.starts_with(['+', '-']);
    if let Some((hours, minutes)) = token.get(1..).filter(|_| sign).and_then(|rest| rest.split_once(':')) {
        return both(hours, minutes, 1);
    }
    // A year without 29 February.
    let date = format!("2013-{token}");
    let days = day_from(&date, 1).zip(day_from(&date, -1)).filter(|_| token.len() == 5);
    days.map(|(next, before)| (0..5, next[5..].to_owned(), Some(before[5..].to_owned()))).into_iter().collect()
}

/// The date so many days after a date.
fn day_from(date: &str, days: i64) -> Option<String> {
    let parts: Vec<i64> = date.split('-').filter(|part| is_number(part)).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day] = parts[..] else { return None };
    let start = midnight(year, month, day, 0).filter(|_| date.len() == 10)?;
    let other = Time { unix_seconds: start.0 / 1000 + 86_400 * days, offset_minutes: 0 }.to_string();
    Some(other[..10].to_owned())
}

/// The text with every step, office, power, scheme, tier and level under another name; their alphabetical order is turned round.
pub fn renamed(text: &str, plan: &Procedure) -> String {
    let names = other_names(plan);
    let mut out = String::new();
    let mut section = String::new();
    for content in text.split_inclusive('\n') {
        if content.starts_with('[') {
            section = content.trim().to_owned();
        }
        let is_key = |place: usize| place == 0 && matches!(section.as_str(), "[power]" | "[office]");
        let mut copied = 0;
        for (place, token, is_quoted) in tokens(content) {
            if let Some(name) = names.get(token).filter(|_| is_quoted || is_key(place)) {
                out.push_str(&content[copied..place]);
                out.push_str(name);
                copied = place + token.len();
            }
        }
        out.push_str(&content[copied..]);
    }
    out
}

fn other_names(plan: &Procedure) -> BTreeMap<String, String> {
    let programme = &plan.programme;
    let mut names = BTreeMap::new();
    let mut rename = |all: Vec<String>, name: &dyn Fn(usize) -> String| {
        for (number, old) in all.into_iter().enumerate() {
            names.entry(old).or_insert_with(|| name(90 - number));
        }
    };
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all.dedup();
        all
    };
    rename(sorted(programme.steps.iter().map(|step| step.id.to_string()).collect()), &|n| format!("act-{n}"));
    rename(plan.offices.keys().map(ToString::to_string).collect(), &|n| format!("post_{n}"));
    rename(plan.powers.keys().map(ToString::to_string).collect(), &|n| format!("Z{}", char::from(n as u8)));
    rename(sorted(programme.standards.iter().map(|standard| standard.scheme.to_string()).collect()), &|n| format!("S{n}"));
    rename(sorted(programme.standards.iter().map(|standard| standard.tier.to_string()).collect()), &|n| format!("rank-{n}"));
    rename(sorted(programme.levels.iter().map(ToString::to_string).collect()), &|n| format!("place-{n}"));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_where_they_stand() {
        let text =
            "title = \"part 1\" # 2\nmin = 3, due = \"12-31\", x = \"2/3\"\nfrom = 2013-02-28\noffset = \"+08:00\"\nf = \"procedure/1\"\n";
        let found: Vec<(usize, String, String)> = numbers(text).into_iter().map(|number| (number.line, number.text, number.next)).collect();
        let expected = [(2, "3", "4"), (2, "12-31", "01-01"), (2, "2", "3"), (2, "3", "4"), (3, "2013-02-28", "2013-03-01")];
        let expected = expected.into_iter().chain([(4, "08", "09"), (4, "00", "01")]);
        let expected: Vec<_> = expected.map(|(line, text, next)| (line, text.to_owned(), next.to_owned())).collect();
        assert_eq!(found, expected);
        let second = &numbers(text)[1];
        assert_eq!(second.before.as_deref(), Some("12-30"));
        assert!(second.changed(text, &second.next).contains("due = \"01-01\""));
    }
}
