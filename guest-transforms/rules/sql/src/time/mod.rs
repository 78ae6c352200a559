//! Dates and times, in UTC: days and microseconds since the Unix epoch, with both infinities.

mod field;
mod format;
mod interval;
mod parse;
mod write;

use crate::call::Failure;

pub(crate) use field::{Field, Part};
pub(crate) use format::Format;
pub(crate) use interval::Interval;
pub(crate) use parse::{parse_date, parse_time, parse_timestamp};
pub(crate) use write::{write_date, write_time, write_timestamp};

/// In days and in microseconds alike.
pub(crate) const INFINITY: i64 = i64::MAX;
pub(crate) const NEGATIVE_INFINITY: i64 = i64::MIN;

pub(crate) const DAY: i64 = 86_400_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const SECOND: i64 = 1_000_000;

/// Monday, November 24 of 4714 before Christ: day zero of the Julian calendar, the first one of
/// PostgreSQL.
const FIRST_DAY: i64 = -2_440_588;
/// The first day after the last one of PostgreSQL, in 5874898.
const DAYS_END: i64 = 2_147_483_494 + FIRST_DAY;
const FIRST_TIME: i64 = FIRST_DAY * DAY;

pub(crate) const DATE_RANGE: Failure = Failure::Borrowed("date out of range");
pub(crate) const TIMESTAMP_RANGE: Failure = Failure::Borrowed("timestamp out of range");

pub(crate) fn is_infinite(value: i64) -> bool {
    value == INFINITY || value == NEGATIVE_INFINITY
}

/// A day of the calendar. The year before 1 is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

impl Civil {
    /// The day that is `days` after the epoch. Years of the Gregorian calendar throughout.
    pub(crate) fn of_days(days: i64) -> Self {
        // Eras of 400 years that begin in March, so that a leap day is the last one.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self {
            year: year + era * 400 + i64::from(month <= 2),
            month,
            day,
        }
    }

    /// Days since the epoch.
    pub(crate) fn to_days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let month = if self.month > 2 {
            self.month - 3
        } else {
            self.month + 9
        };
        let of_year = (153 * month + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    pub(crate) fn month_days(year: i64, month: i64) -> i64 {
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            _ => 31,
        }
    }
}

/// 1 is Monday, 7 is Sunday.
pub(crate) fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// A day that PostgreSQL has.
pub(crate) fn check_date(days: Option<i64>) -> Result<i64, Failure> {
    days.filter(|days| (FIRST_DAY..DAYS_END).contains(days))
        .ok_or(DATE_RANGE)
}

/// A time that PostgreSQL and an `i64` since 1970 have: up to January of 294247.
pub(crate) fn check_timestamp(at: Option<i64>) -> Result<i64, Failure> {
    at.filter(|at| (FIRST_TIME..INFINITY).contains(at))
        .ok_or(TIMESTAMP_RANGE)
}

/// The beginning of a day.
pub(crate) fn of_date(days: i64) -> Result<i64, Failure> {
    if is_infinite(days) {
        return Ok(days);
    }
    check_timestamp(days.checked_mul(DAY))
        .map_err(|_| Failure::Borrowed("date out of range for timestamp"))
}

pub(crate) fn date_of(at: i64) -> i64 {
    if is_infinite(at) {
        at
    } else {
        at.div_euclid(DAY)
    }
}

/// Since midnight; an infinity has none.
pub(crate) fn time_of(at: i64) -> Option<i64> {
    (!is_infinite(at)).then(|| at.rem_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_calendar_agree() {
        for (days, year, month, day) in [
            (0, 1970, 1, 1),
            (19_782, 2024, 2, 29),
            (-719_529, -1, 12, 31),
            (FIRST_DAY, -4713, 11, 24),
            (-1, 1969, 12, 31),
        ] {
            let civil = Civil { year, month, day };
            assert_eq!(Civil::of_days(days), civil);
            assert_eq!(civil.to_days(), days);
        }
    }
}
