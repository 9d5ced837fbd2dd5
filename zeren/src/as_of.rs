//! Up to where a question looks: so many entries, or a moment.

use std::str::FromStr;

use ledger::history::History;
use signer::value::Time;

use crate::lang::{Lang, thousands};

/// Offset of a date without a time, in minutes: the programme's.
const DATE_OFFSET: &str = "+08:00";

/// Up to where a question looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The first so many entries.
    Size(u64),
    /// The entries that the ledger had received by the end of this second.
    Time(Time),
}

/// Why there is no such size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOfError {
    /// The ledger has fewer entries.
    Ahead {
        /// What was asked for.
        asked: u64,
        /// What there is.
        size: u64,
    },
    /// Nothing had been received.
    BeforeAll,
}

impl AsOf {
    /// The number of entries, of a log with this history: at least 1. A moment after the last entry is the whole log.
    ///
    /// # Errors
    /// [`AsOfError`].
    pub fn size(&self, history: &History) -> Result<u64, AsOfError> {
        let of = history.size();
        let size = match self {
            AsOf::Size(asked) if *asked > of => return Err(AsOfError::Ahead { asked: *asked, size: of }),
            AsOf::Size(asked) => *asked,
            AsOf::Time(until) => {
                // Times of receipt never go back; a second on the screen is the whole second.
                let is_later = |index| history.received(index).is_none_or(|at| at.0.div_euclid(1000) > until.unix_seconds);
                let (mut low, mut high) = (0, of);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if is_later(middle) { high = middle } else { low = middle + 1 }
                }
                low
            }
        };
        if size == 0 { Err(AsOfError::BeforeAll) } else { Ok(size) }
    }
}

impl FromStr for AsOf {
    type Err = String;

    /// A number; `YYYY-MM-DD` (to the end of that day, +08:00); or a time, with `T` or a space between, as traces print it.
    fn from_str(text: &str) -> Result<AsOf, String> {
        let expected = || "a number of entries, a date (2013-04-30), or a time (2013-04-30T17:00:00+08:00)".to_owned();
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if is_number {
            return text.parse().map(AsOf::Size).map_err(|_| expected());
        }
        let written = match text.len() {
            10 => format!("{text}T23:59:59{DATE_OFFSET}"),
            19 => format!("{text}{DATE_OFFSET}"),
            _ => text.to_owned(),
        };
        Time::parse(&written.replacen(' ', "T", 1)).map(AsOf::Time).ok_or_else(expected)
    }
}

impl AsOfError {
    /// As the terminal shows it.
    pub fn render(&self, lang: Lang) -> String {
        match (self, lang) {
            (AsOfError::Ahead { asked, size }, Lang::En) => {
                format!("--as-of {asked}: the ledger has {} entries", thousands(*size))
            }
            (AsOfError::Ahead { asked, size }, Lang::Zh) => format!("--as-of {asked}：账本只有 {} 条", thousands(*size)),
            (AsOfError::BeforeAll, _) => lang.pick("--as-of: nothing had been received by then", "--as-of：该时点尚无任何条目").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use signer::merkle::leaf_hash;
    use signer::value::{ChainHead, UnixMs};

    use super::*;

    fn history(received_ms: &[i64]) -> History {
        let mut history = History::default();
        received_ms.iter().for_each(|at| history.push(leaf_hash(b""), ChainHead::EMPTY, UnixMs(*at)));
        history
    }

    fn read(text: &str) -> AsOf {
        text.parse().unwrap_or_else(|expected| panic!("{text}: {expected}"))
    }

    #[test]
    fn sizes_dates_and_times_are_read_as_they_are_printed() {
        assert_eq!(read("1989"), AsOf::Size(1989));
        let second = Time::parse("2013-02-01T08:00:37+08:00").unwrap();
        for written in ["2013-02-01T08:00:37+08:00", "2013-02-01 08:00:37+08:00", "2013-02-01T08:00:37", "2013-02-01 08:00:37"] {
            assert_eq!(read(written), AsOf::Time(second), "{written}");
        }
        assert_eq!(read("2013-02-01"), AsOf::Time(Time::parse("2013-02-01T23:59:59+08:00").unwrap()));
        for wrong in ["", "-1", "+1", "1.0", "2013-02-30", "yesterday", "2013-02-01T08:00", "99999999999999999999"] {
            assert!(wrong.parse::<AsOf>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_takes_in_its_whole_second_and_nothing_after_it() {
        let history = history(&[1_000, 1_999, 2_000, 2_000, 9_500]);
        let at = |unix_seconds| AsOf::Time(Time { unix_seconds, offset_minutes: 0 }).size(&history);
        assert_eq!(at(0), Err(AsOfError::BeforeAll));
        assert_eq!((at(1), at(2), at(8), at(9), at(10)), (Ok(2), Ok(4), Ok(4), Ok(5), Ok(5)));
        assert_eq!(AsOf::Size(5).size(&history), Ok(5));
        assert_eq!(AsOf::Size(0).size(&history), Err(AsOfError::BeforeAll));
        assert_eq!(AsOf::Size(6).size(&history), Err(AsOfError::Ahead { asked: 6, size: 5 }));
    }
}
