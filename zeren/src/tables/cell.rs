//! What a cell holds, and what may be made of it without guessing.

use calamine::{ExcelDateTime, ExcelDateTimeType};
use signer::value::CASE_DIGITS_RUN_MAX;

use crate::lang::Lang;
use crate::screen::within_line;

/// Characters of a value that a message shows at most.
const SHOWN_CHARS_MAX: usize = 40;
/// Days that a workbook can count to: 9999-12-31.
const SERIAL_MAX: f64 = 2_958_465.0;

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing, or only spaces.
    Empty,
    /// Text, as it stands there, without spaces around it.
    Text(String),
    /// A number of a workbook, which has forgotten how it was typed.
    Number(f64),
    /// A day of a workbook, by its count of days.
    Day(f64),
    /// Something that is a fault of its own, already named.
    Bad,
}

impl Cell {
    /// A cell of this text.
    pub fn of_text(text: &str) -> Cell {
        let text = text.trim_matches(|c: char| c.is_whitespace());
        if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
    }
}

/// A column's letters, from 0.
pub fn letters(column: usize) -> String {
    let mut rest = column + 1;
    let mut out = Vec::new();
    while rest > 0 {
        out.insert(0, char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    out.into_iter().collect()
}

/// The text with full-width letters, digits and signs as ASCII.
pub fn half_width(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        other => other,
    };
    text.chars().map(narrow).collect::<String>().trim().to_owned()
}

/// The length of what looks like a national identity number: 18 characters with a birthday in them, or the old 15.
pub fn identity_number(text: &str) -> Option<usize> {
    let bare: Vec<char> = half_width(text).chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.')).collect();
    let digits = |from: usize, to: usize| bare[from..to].iter().collect::<String>().parse::<u32>().ok();
    let all_digits = |to: usize| bare[..to].iter().all(char::is_ascii_digit);
    let (month, day) = match bare.len() {
        18 if all_digits(17) && (bare[17].is_ascii_digit() || matches!(bare[17], 'X' | 'x')) => (digits(10, 12)?, digits(12, 14)?),
        15 if all_digits(15) => (digits(8, 10)?, digits(10, 12)?),
        _ => return None,
    };
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(bare.len())
}

/// Whether so many digits stand in a row, signs between them aside, that it may be somebody's number.
pub fn is_secret(text: &str) -> bool {
    let mut run = 0;
    half_width(text).chars().filter(|c| !matches!(c, ' ' | '-' | '.')).any(|c| {
        run = if c.is_ascii_digit() { run + 1 } else { 0 };
        run > CASE_DIGITS_RUN_MAX
    })
}

/// A value as a message may show it.
pub fn shown(text: &str, lang: Lang) -> String {
    let length = text.chars().count();
    if is_secret(text) {
        return match lang {
            Lang::En => format!("a value of {length} characters, not shown: it may be somebody's number"),
            Lang::Zh => format!("长 {length} 个字符的值（可能是个人号码，不予显示）"),
        };
    }
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let more = if length > SHOWN_CHARS_MAX { "…" } else { "" };
    format!("`{}{more}`", within_line(&cut))
}

/// Whether this is how a spreadsheet writes a number that it made of an id.
pub fn is_spoilt_number(text: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    let (mantissa, exponent) = match text.split_once(['E', 'e']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let is_decimal = mantissa.split_once('.').is_some_and(|(whole, part)| is_number(whole) && is_number(part));
    match exponent {
        Some(exponent) => is_number(exponent.trim_start_matches(['+', '-'])) && (is_decimal || is_number(mantissa)),
        None => is_decimal && mantissa.ends_with(".0"),
    }
}

/// Year, month and day of a date as people write it; nothing where the order of the parts would be a guess.
pub fn date(text: &str) -> Option<(i64, i64, i64)> {
    let text = text.split_once(' ').map_or(text, |(date, time)| if is_midnight(time) { date } else { text });
    let number = |text: &str, digits: core::ops::RangeInclusive<usize>| {
        let fits = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let parts: Vec<&str> = if let Some(rest) = text.strip_suffix('日') {
        let (year, rest) = rest.split_once('年')?;
        let (month, day) = rest.split_once('月')?;
        vec![year, month, day]
    } else if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        vec![&text[..4], &text[4..6], &text[6..]]
    } else {
        let sign = ['-', '/', '.'].into_iter().find(|sign| text.contains(*sign))?;
        text.split(sign).collect()
    };
    let [year, month, day] = parts.as_slice() else { return None };
    Some((number(year.trim(), 4..=4)?, number(month.trim(), 1..=2)?, number(day.trim(), 1..=2)?))
}

fn is_midnight(time: &str) -> bool {
    !time.is_empty() && time.chars().all(|c| matches!(c, '0' | ':'))
}

/// Year, month and day of a workbook's count of days, and whether it is midnight.
pub fn date_of_serial(serial: f64, is_1904: bool) -> Option<((i64, i64, i64), bool)> {
    if !(1.0..=SERIAL_MAX).contains(&serial) {
        return None;
    }
    let (year, month, day, ..) = ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, is_1904).to_ymd_hms_milli();
    Some(((i64::from(year), i64::from(month), i64::from(day)), serial.fract() == 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lettered_as_spreadsheets_do() {
        assert_eq!([0, 25, 26, 51, 701, 702].map(letters), ["A", "Z", "AA", "AZ", "ZZ", "AAA"]);
    }

    #[test]
    fn numbers_of_people_are_known_and_not_shown() {
        for number in
            ["110101199003070011", "11010119900307001x", "110101-19900307-0011", "１１０１０１１９９００３０７００１１", "110101900307001"]
        {
            assert!(identity_number(number).is_some(), "{number}");
            let said = shown(number, Lang::En);
            assert!(said.contains("not shown") && !said.contains("1990") && !said.contains("９"), "{said}");
        }
        assert_eq!((identity_number("110101199013070011"), identity_number("07-05-003")), (None, None));
        assert!(is_secret("6222 0200 1234 5678") && !is_secret("07-05-003"));
    }

    #[test]
    fn dates_are_read_as_people_write_them_and_never_guessed() {
        for text in ["2013-3-1", "2013/3/1", "2013年3月1日", "2013-03-01", "20130301", "2013.3.1", "2013-3-1 0:00:00"] {
            assert_eq!(date(text), Some((2013, 3, 1)), "{text}");
        }
        for text in ["3/1/2013", "13-3-1", "2013-3", "1.3.2013", "2013-3-1 10:00", "41334", "2013年3月", ""] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(date_of_serial(41_334.0, false), Some(((2013, 3, 1), true)));
        assert_eq!(date_of_serial(39_872.0, true), Some(((2013, 3, 1), true)));
        assert_eq!(date_of_serial(0.5, false), None);
        assert_eq!(date_of_serial(3e9, false), None);
    }

    #[test]
    fn what_a_spreadsheet_made_of_an_id_is_known() {
        assert!(["7.0", "1.23E+17", "1E5", "12.50E+3"].into_iter().all(is_spoilt_number));
        assert!(!["07-05-003", "7", "1.2.3", "E17", "a.0", ""].into_iter().any(is_spoilt_number));
    }
}
