//! Days by a procedure's calendar (format.md section 7.1): a fixed offset, holidays as data, no zone database.

use std::collections::BTreeSet;

use signer::value::{DAY_MS, UnixMs};

/// A date as the number of days since 1970-01-01.
pub type Day = i64;

/// Which days are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// All.
    Natural,
    /// Working days.
    Working,
}

/// A number of days by a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// How many.
    pub days: u64,
    /// Which.
    pub counting: Counting,
}

/// Working days, holidays, and the offset in which a day begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Offset from UTC, in minutes.
    pub offset_minutes: i16,
    /// ISO weekdays, 1 Monday to 7 Sunday.
    pub working: BTreeSet<u8>,
    /// Dates that are no working days, whatever the weekday.
    pub holidays: BTreeSet<Day>,
    /// Dates that are working days, whatever the weekday.
    pub workdays: BTreeSet<Day>,
}

impl Calendar {
    /// The local date of a moment.
    pub fn day(&self, at: UnixMs) -> Day {
        at.0.saturating_add(i64::from(self.offset_minutes) * 60_000).div_euclid(DAY_MS)
    }

    /// The moment at which a date begins.
    pub fn midnight(&self, day: Day) -> UnixMs {
        UnixMs(day.saturating_mul(DAY_MS).saturating_sub(i64::from(self.offset_minutes) * 60_000))
    }

    /// The days between two moments: dates after the first one's, up to the second one's.
    pub fn days_between(&self, first: UnixMs, second: UnixMs, counting: Counting) -> u64 {
        let (first, second) = (self.day(first), self.day(second));
        let natural = u64::try_from(second - first).unwrap_or(0);
        match counting {
            Counting::Natural => natural,
            Counting::Working => self.working_days(first, second),
        }
    }

    /// Whole weeks are counted at once: a hostile time may lie centuries ahead.
    fn working_days(&self, first: Day, second: Day) -> u64 {
        if second <= first {
            return 0;
        }
        let weeks = (second - first) / 7;
        let in_week = self.working.len() as i64;
        let rest = (first + weeks * 7 + 1..=second).filter(|day| self.working.contains(&weekday(*day))).count() as i64;
        let between = |days: &BTreeSet<Day>, is_working: bool| {
            days.range(first + 1..=second).filter(|day| self.working.contains(&weekday(**day)) == is_working).count() as i64
        };
        let lost = between(&self.holidays, true);
        // A date in both lists is a holiday.
        let won = self.workdays.range(first + 1..=second);
        let won = won.filter(|day| !self.working.contains(&weekday(**day)) && !self.holidays.contains(day)).count() as i64;
        u64::try_from(weeks * in_week + rest - lost + won).unwrap_or(0)
    }
}

/// ISO weekday of a date: 1970-01-01 was a Thursday.
fn weekday(day: Day) -> u8 {
    ((day + 3).rem_euclid(7) + 1) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(calendar: &Calendar, first: Day, second: Day) -> u64 {
        let works =
            |day: &Day| !calendar.holidays.contains(day) && (calendar.workdays.contains(day) || calendar.working.contains(&weekday(*day)));
        (first + 1..=second).filter(works).count() as u64
    }

    #[test]
    fn working_days_are_those_counted_one_by_one() {
        let calendar = Calendar {
            offset_minutes: 480,
            working: (1..=5).collect(),
            holidays: [10, 11, 12, 17, 40, 41].into(),
            workdays: [10, 16, 17, 37, 44].into(),
        };
        for first in 0..60 {
            for second in 0..90 {
                assert_eq!(calendar.working_days(first, second), naive(&calendar, first, second), "{first} to {second}");
            }
        }
    }

    #[test]
    fn a_day_begins_at_the_offsets_midnight() {
        let calendar = Calendar { offset_minutes: 480, ..Calendar::default() };
        let midnight = UnixMs(16 * 3_600_000);
        assert_eq!(calendar.day(midnight), 1);
        assert_eq!(calendar.day(UnixMs(midnight.0 - 1)), 0);
        assert_eq!(calendar.midnight(1), midnight);
        assert_eq!(calendar.days_between(UnixMs(midnight.0 - 1), midnight, Counting::Natural), 1);
    }
}
