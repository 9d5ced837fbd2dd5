//! Values of lines: hashes, numbers, times, ids, free text (format.md section 1). Each type holds only valid values.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Largest number in the format: 2^53 − 1, exact in every language.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
/// Milliseconds of 24 hours.
pub const DAY_MS: i64 = 86_400_000;
/// Longest free text, in characters.
pub const TEXT_CHARS_MAX: usize = 120;
/// Longest origin, in bytes.
pub const ORIGIN_BYTES_MAX: usize = 120;
/// Longest name of a witness's key, in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 120;
/// Longest run of decimal digits in a case id, so that no identity or telephone number fits.
pub const CASE_DIGITS_RUN_MAX: usize = 10;

/// Base64 as in signed notes.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Canonical base64, or nothing.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Canonical base64 of exactly `N` bytes, or nothing.
pub fn from_base64_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    // The decoder wants room for its estimate, which can exceed N by the padding.
    let mut buffer = [0u8; 96];
    let bytes = buffer.get_mut(..N + 2)?;
    let length = STANDARD.decode_slice(text, bytes).ok()?;
    bytes[..length].try_into().ok()
}

/// A decimal number without leading zeros, at most [`NUMBER_MAX`].
pub fn number(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let plain = !bytes.is_empty() && bytes.len() <= 16 && bytes.iter().all(u8::is_ascii_digit);
    if !plain || (bytes.len() > 1 && bytes[0] == b'0') {
        return None;
    }
    text.parse().ok().filter(|n| *n <= NUMBER_MAX)
}

macro_rules! hash_type {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// From its base64, 44 characters.
            pub fn parse(text: &str) -> Option<Self> {
                from_base64_array(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}

hash_type! {
    /// SHA-256 of a statement's text.
    StatementHash;
    /// SHA-256 of a whole note, as submitted.
    NoteHash;
    /// Root of the RFC 6962 tree.
    TreeRoot;
    /// RFC 6962 hash of a leaf or node.
    TreeHash;
    /// SM3 of an entry: the hash chain's head after it.
    ChainHead;
    /// SHA-256 of a procedure's text.
    ProcedureDigest;
    /// A token by which a body outside the operator tells natural persons apart.
    IdentityToken;
    /// A salted commitment to something kept outside the ledger.
    Commitment;
    /// SHA-256 of a legacy file.
    SourceDigest;
    /// 32 bytes of randomness that make a founding unique.
    Nonce;
    /// The 32 bytes of a public key, not yet known to be a proper key.
    KeyBytes;
    /// A token for an account to which is paid, never an account number.
    AccountToken;
    /// RFC 6962 root over the lines of a list.
    ListRoot;
    /// SHA-256 of a reporter's code.
    ReportToken;
    /// Root of a map or tree of an index entry.
    IndexRoot;
}

impl ChainHead {
    /// Head of the chain of an empty log.
    pub const EMPTY: ChainHead = ChainHead([0; 32]);
}

macro_rules! id_type {
    ($($(#[$doc:meta])* $name:ident $valid:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// A valid value, or nothing.
            pub fn parse(text: &str) -> Option<Self> {
                $valid(text).then(|| $name(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

id_type! {
    /// A person's id.
    PersonId is_lower_id;
    /// A device's id.
    DeviceId is_lower_id;
    /// An office of the procedure, or `founder`, or `self`.
    Office is_office;
    /// A power: one to four capital letters.
    Power is_power;
    /// A unit, or `-` for the whole ledger.
    Unit is_unit;
    /// An opaque case id.
    CaseId is_case;
    /// A code of lower-case letters, digits and hyphens.
    Code is_code;
    /// What a ledger is called before its founding gives it an id.
    Origin is_origin;
    /// Origin, slash, 16 hexadecimal digits of the founding's hash.
    LedgerId is_ledger_id;
    /// Name of a witness's key.
    KeyName is_key_name;
    /// Free text.
    Text is_text;
    /// A benefit scheme.
    Scheme is_scheme;
    /// A node of a cluster.
    NodeName is_node_name;
}

impl Office {
    /// `founder` and `self` are held by founding and enrolment, never by appointment.
    pub fn is_reserved(&self) -> bool {
        matches!(self.as_str(), "founder" | "self")
    }
}

impl Unit {
    /// The whole ledger.
    pub fn whole() -> Unit {
        Unit("-".into())
    }

    /// Whether another unit is this one or a part of it.
    pub fn covers(&self, other: &Unit) -> bool {
        let rest = other.as_str().strip_prefix(self.as_str());
        self.as_str() == "-" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Number of parts: none for the whole.
    pub fn depth(&self) -> usize {
        if self.as_str() == "-" { 0 } else { self.as_str().split('-').count() }
    }

    /// The unit of this many parts that this one belongs to, if it has so many.
    pub fn at_depth(&self, depth: usize) -> Option<Unit> {
        if depth == 0 {
            return Some(Unit::whole());
        }
        if depth > self.depth() {
            return None;
        }
        let parts: Vec<&str> = self.as_str().split('-').take(depth).collect();
        Unit::parse(&parts.join("-"))
    }
}

/// A calendar year for which is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period(u16);

impl Period {
    /// A year from 1900 to 9999.
    pub fn parse(text: &str) -> Option<Period> {
        number(text).filter(|year| (1900..=9999).contains(year)).map(|year| Period(year as u16))
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A rational from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Upper number.
    pub numerator: u64,
    /// Lower number, 1 to 1000.
    pub denominator: u64,
}

impl Share {
    /// From `2/3`.
    pub fn parse(text: &str) -> Option<Share> {
        let (numerator, denominator) = text.split_once('/')?;
        let share = Share { numerator: number(numerator)?, denominator: number(denominator)? };
        ((1..=1000).contains(&share.denominator) && share.numerator <= share.denominator).then_some(share)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl Origin {
    /// Whether ledgers of this origin are demonstrations.
    pub fn is_demonstration(&self) -> bool {
        self.as_str().starts_with("demo.")
    }
}

fn shaped(text: &str, length_max: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    match text.as_bytes() {
        [] => false,
        [head, tail @ ..] => text.len() <= length_max && first(*head) && tail.iter().all(|b| rest(*b)),
    }
}

fn is_lower_or_digit(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_scheme(text: &str) -> bool {
    shaped(text, 16, |b| b.is_ascii_alphanumeric(), |b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_node_name(text: &str) -> bool {
    shaped(text, 64, |b| b.is_ascii_lowercase(), |b| is_lower_or_digit(b) || matches!(b, b'.' | b'-'))
}

fn is_lower_id(text: &str) -> bool {
    shaped(text, 32, |b| b.is_ascii_lowercase(), |b| is_lower_or_digit(b) || b == b'-')
}

fn is_office(text: &str) -> bool {
    shaped(text, 32, |b| b.is_ascii_lowercase(), |b| is_lower_or_digit(b) || b == b'_')
}

fn is_power(text: &str) -> bool {
    shaped(text, 4, |b| b.is_ascii_uppercase(), |b| b.is_ascii_uppercase())
}

fn is_unit(text: &str) -> bool {
    text == "-" || shaped(text, 16, |b| b.is_ascii_alphanumeric(), |b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_code(text: &str) -> bool {
    shaped(text, 40, is_lower_or_digit, |b| is_lower_or_digit(b) || b == b'-')
}

fn is_case(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let longest_run = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    shaped(text, 40, |b| b.is_ascii_alphanumeric(), allowed) && longest_run <= CASE_DIGITS_RUN_MAX
}

fn is_origin(text: &str) -> bool {
    let mut parts = text.split('/');
    let host = parts.next().unwrap_or_default();
    let host_part = |b: u8| is_lower_or_digit(b) || matches!(b, b'.' | b'-');
    let mut count = 0;
    let paths = parts.all(|part| {
        count += 1;
        !part.is_empty() && part.bytes().all(|b| host_part(b) || b == b'_')
    });
    !host.is_empty() && host.bytes().all(host_part) && paths && count > 0 && text.len() <= ORIGIN_BYTES_MAX
}

fn is_ledger_id(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.rsplit_once('/').is_some_and(|(origin, digits)| digits.len() == 16 && digits.bytes().all(hex) && is_origin(origin))
}

fn is_key_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= KEY_NAME_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
}

fn is_text(text: &str) -> bool {
    let spaced_well = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
    let length = text.chars().count();
    (1..=TEXT_CHARS_MAX).contains(&length) && spaced_well && text.chars().all(is_text_character)
}

/// The repertoire of free text (format.md section 1).
pub fn is_text_character(c: char) -> bool {
    const REPERTOIRE: &[(u32, u32)] = &[
        (0x20, 0x7E),
        (0xB7, 0xB7),
        (0xC0, 0xD6),
        (0xD8, 0xF6),
        (0xF8, 0x131),
        (0x134, 0x13E),
        (0x141, 0x148),
        (0x14A, 0x17E),
        (0x391, 0x3A1),
        (0x3A3, 0x3A9),
        (0x3B1, 0x3C9),
        (0x400, 0x45F),
        (0x48A, 0x52F),
        (0x621, 0x63A),
        (0x641, 0x64A),
        (0x671, 0x674),
        (0x679, 0x6D3),
        (0x6D5, 0x6D5),
        (0x2014, 0x2014),
        (0x2018, 0x2019),
        (0x201C, 0x201D),
        (0x3001, 0x3002),
        (0x3007, 0x3011),
        (0x3014, 0x3015),
        (0x3041, 0x3096),
        (0x30A1, 0x30FA),
        (0x30FC, 0x30FC),
        (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF),
        (0xA000, 0xA48C),
        (0xAC00, 0xD7A3),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B738),
        (0x2B740, 0x2B81D),
        (0x2B820, 0x2CEA1),
        (0x2CEB0, 0x2EBE0),
        (0x30000, 0x3134A),
    ];
    let code = u32::from(c);
    REPERTOIRE.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

/// What a procedure may hold besides the repertoire: full-width punctuation of Chinese documents.
pub fn is_procedure_character(c: char) -> bool {
    is_text_character(c) || matches!(c, '\u{FF01}' | '\u{FF08}' | '\u{FF09}' | '\u{FF0C}' | '\u{FF1A}' | '\u{FF1B}' | '\u{FF1F}')
}

/// What a terminal may be shown of a stranger's text.
pub fn is_printable(c: char) -> bool {
    is_procedure_character(c)
}

/// Unix time in milliseconds: `received`, and every comparison of times. The default is 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// End of the year 9999, the latest `received`.
    pub const MAX: UnixMs = UnixMs(253_402_300_799_999);

    /// This many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> UnixMs {
        UnixMs(self.0.saturating_add(ms))
    }

    /// This many times 24 hours later.
    #[must_use]
    pub fn plus_days(self, days: u64) -> UnixMs {
        self.plus_ms(i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY_MS))
    }
}

/// A time as an official's clock shows it: with its offset, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    /// Seconds of Unix time.
    pub unix_seconds: i64,
    /// Offset from UTC in minutes, −899 to 899.
    pub offset_minutes: i16,
}

impl Time {
    /// From `YYYY-MM-DDTHH:MM:SS±HH:MM`.
    pub fn parse(text: &str) -> Option<Time> {
        let (stamp, offset) = text.split_at_checked(19)?;
        let offset_minutes = parse_offset(offset)?;
        let local = parse_stamp(stamp)?;
        Some(Time { unix_seconds: local - i64::from(offset_minutes) * 60, offset_minutes })
    }

    /// The same in milliseconds of Unix time.
    pub fn unix_ms(self) -> UnixMs {
        UnixMs(self.unix_seconds * 1000)
    }
}

impl Time {
    /// Year, month and day of its local date; a year from 0 to 65,535.
    pub fn date(self) -> (u16, u8, u8) {
        let (year, month, day) = civil_from_days((self.unix_seconds + i64::from(self.offset_minutes) * 60).div_euclid(86_400));
        (year.clamp(0, i64::from(u16::MAX)) as u16, month as u8, day as u8)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_stamp(f, self.unix_seconds + i64::from(self.offset_minutes) * 60)?;
        write_offset(f, self.offset_minutes)
    }
}

/// A time copied from another record: as [`Time`], with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeMs {
    /// The whole seconds.
    pub time: Time,
    /// Milliseconds, 0 to 999.
    pub millis: u16,
}

impl TimeMs {
    /// From `YYYY-MM-DDTHH:MM:SS.mmm±HH:MM`.
    pub fn parse(text: &str) -> Option<TimeMs> {
        let (stamp, rest) = text.split_at_checked(19)?;
        let (millis, offset) = rest.strip_prefix('.')?.split_at_checked(3)?;
        let digits = millis.bytes().all(|b| b.is_ascii_digit());
        let time = Time::parse(&format!("{stamp}{offset}"))?;
        digits.then_some(TimeMs { time, millis: millis.parse().ok()? })
    }

    /// The same in milliseconds of Unix time.
    pub fn unix_ms(self) -> UnixMs {
        UnixMs(self.time.unix_seconds * 1000 + i64::from(self.millis))
    }
}

impl fmt::Display for TimeMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_stamp(f, self.time.unix_seconds + i64::from(self.time.offset_minutes) * 60)?;
        write!(f, ".{:03}", self.millis)?;
        write_offset(f, self.time.offset_minutes)
    }
}

/// Offset `±HH:MM` in minutes.
pub fn parse_offset(text: &str) -> Option<i16> {
    let bytes = text.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let hours = two_digits(&bytes[1..3])?;
    let minutes = two_digits(&bytes[4..6])?;
    let sign = match bytes[0] {
        b'+' => 1,
        b'-' if (hours, minutes) != (0, 0) => -1,
        _ => return None,
    };
    (hours <= 14 && minutes <= 59).then_some(sign * (hours as i16 * 60 + minutes as i16))
}

/// Unix milliseconds of midnight of a date at an offset.
pub fn midnight(year: i64, month: i64, day: i64, offset_minutes: i16) -> Option<UnixMs> {
    let valid = (1900..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| UnixMs((days_from_civil(year, month, day) * 86_400 - i64::from(offset_minutes) * 60) * 1000))
}

fn two_digits(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => Some(i64::from((a - b'0') * 10 + (b - b'0'))),
        _ => None,
    }
}

/// Seconds since 1970-01-01T00:00:00 of a local date and time.
fn parse_stamp(stamp: &str) -> Option<i64> {
    let b = stamp.as_bytes();
    let marks = b.len() == 19 && b[4] == b'-' && b[7] == b'-' && b[10] == b'T' && b[13] == b':' && b[16] == b':';
    if !marks {
        return None;
    }
    let year = two_digits(&b[0..2])? * 100 + two_digits(&b[2..4])?;
    let (month, day) = (two_digits(&b[5..7])?, two_digits(&b[8..10])?);
    let (hour, minute, second) = (two_digits(&b[11..13])?, two_digits(&b[14..16])?, two_digits(&b[17..19])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let midnight = midnight(year, month, day, 0)?;
    Some(midnight.0 / 1000 + hour * 3600 + minute * 60 + second)
}

fn write_stamp(f: &mut fmt::Formatter<'_>, local_seconds: i64) -> fmt::Result {
    let (days, seconds) = (local_seconds.div_euclid(86_400), local_seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

fn write_offset(f: &mut fmt::Formatter<'_>, offset_minutes: i16) -> fmt::Result {
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let minutes = offset_minutes.unsigned_abs();
    write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; the year is taken to start in March, so that the leap day is last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_they_were_read() {
        for text in ["2013-03-11T09:14:05+08:00", "1900-01-01T00:00:00-14:00", "9999-12-31T23:59:59+00:00", "2012-02-29T12:00:00+05:45"] {
            assert_eq!(Time::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Time::parse("1970-01-01T08:00:01+08:00").unwrap().unix_seconds, 1);
        let legacy = "2011-10-11T13:45:40.276+02:00";
        assert_eq!(TimeMs::parse(legacy).unwrap().to_string(), legacy);
        assert_eq!(TimeMs::parse(legacy).unwrap().unix_ms().0 % 1000, 276);
    }

    #[test]
    fn impossible_times_are_no_times() {
        for text in [
            "2013-02-29T00:00:00+08:00",
            "2013-13-01T00:00:00+08:00",
            "2013-00-01T00:00:00+08:00",
            "2013-01-01T24:00:00+08:00",
            "2013-01-01T00:00:60+08:00",
            "2013-01-01T00:00:00-00:00",
            "2013-01-01T00:00:00+15:00",
            "2013-01-01T00:00:00Z",
            "2013-01-01 00:00:00+08:00",
            "1899-12-31T23:59:59+00:00",
            "+013-01-01T00:00:00+08:00",
            "2013-01-01T00:00:00+08:0０",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_survives() {
        for day in -25_567..120_000 {
            let (year, month, day_of_month) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, day_of_month), day);
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("9007199254740991"), Some(NUMBER_MAX));
        for text in ["", "00", "01", "+1", "-1", "1_0", "９", "9007199254740992", "99999999999999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(from_base64_array::<1>("AA=="), Some([0]));
        assert_eq!(from_base64_array::<1>("AB=="), None);
        assert_eq!(from_base64_array::<1>("AA"), None);
        assert_eq!(from_base64_array::<32>(&base64(&[7; 32])), Some([7; 32]));
        assert_eq!(from_base64_array::<64>(&base64(&[7; 64])), Some([7; 64]));
    }

    #[test]
    fn an_identity_number_is_no_case() {
        assert!(CaseId::parse("07-0213").is_some());
        assert!(CaseId::parse("case-10011").is_some());
        assert!(CaseId::parse("110101199003070011").is_none());
        assert!(CaseId::parse("x13800000000").is_none());
        assert!(CaseId::parse("../../etc").is_none());
    }

    #[test]
    fn ids_and_texts_keep_their_shape() {
        assert!(LedgerId::parse("demo.county.example/archive/5f0c2a9be41d7703").is_some());
        assert!(LedgerId::parse("demo.county.example/archive/5F0c2a9be41d7703").is_none());
        assert!(Origin::parse("county.example").is_none());
        assert!(Origin::parse("county.example//x").is_none());
        assert!(Text::parse("甲子·017").is_some());
        for text in ["", " a", "a ", "a  b", "a\u{202E}b", "a\u{200B}b", "ﬁ", "（", "e\u{301}", "\u{E000}"] {
            assert!(Text::parse(text).is_none(), "{text:?}");
        }
        assert!(is_procedure_character('（') && !is_text_character('（'));
    }
}
