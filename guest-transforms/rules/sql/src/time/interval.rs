//! Spans of time, which are constants.

use super::{Civil, DAY, HOUR, MINUTE, SECOND, check_timestamp, is_infinite};
use crate::call::Failure;

/// Months and days are of no fixed length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) microseconds: i64,
}

const UNITS: [(&str, Interval); 9] = [
    (
        "microsecond",
        Interval {
            months: 0,
            days: 0,
            microseconds: 1,
        },
    ),
    (
        "millisecond",
        Interval {
            months: 0,
            days: 0,
            microseconds: 1000,
        },
    ),
    (
        "second",
        Interval {
            months: 0,
            days: 0,
            microseconds: SECOND,
        },
    ),
    (
        "minute",
        Interval {
            months: 0,
            days: 0,
            microseconds: MINUTE,
        },
    ),
    (
        "hour",
        Interval {
            months: 0,
            days: 0,
            microseconds: HOUR,
        },
    ),
    (
        "day",
        Interval {
            months: 0,
            days: 1,
            microseconds: 0,
        },
    ),
    (
        "week",
        Interval {
            months: 0,
            days: 7,
            microseconds: 0,
        },
    ),
    (
        "month",
        Interval {
            months: 1,
            days: 0,
            microseconds: 0,
        },
    ),
    (
        "year",
        Interval {
            months: 12,
            days: 0,
            microseconds: 0,
        },
    ),
];

/// Short names of units.
const SHORT: [(&str, &str); 8] = [
    ("sec", "second"),
    ("secs", "second"),
    ("min", "minute"),
    ("mins", "minute"),
    ("mon", "month"),
    ("mons", "month"),
    ("hr", "hour"),
    ("hrs", "hour"),
];

/// What an interval may have at most, of each: far more than any two times are apart.
const MAX: i64 = 4_000_000;

impl Interval {
    /// Whole numbers with their units, and a time of day: `1 year 2 days 03:04:05`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        // Each unit may stand once; a time of day has three.
        let mut seen: Vec<Self> = Vec::new();
        let mut words = text.split_ascii_whitespace().peekable();
        let wrong = || {
            format!(
                "\"{text}\" is no interval here: write whole numbers with units, as in '1 month 2 \
                 days 03:04:05'"
            )
        };
        if words.peek().is_none() {
            return Err(wrong());
        }
        while let Some(word) = words.next() {
            if word.contains(':') {
                // A time may have a zone, an interval has none.
                let is_time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
                if !word.chars().all(is_time) {
                    return Err(wrong());
                }
                let time = super::parse_time(word).map_err(|_| wrong())?;
                let units = ["hour", "minute", "second"].map(Self::unit);
                if units.iter().flatten().any(|unit| seen.contains(unit)) {
                    return Err(wrong());
                }
                seen.extend(units.into_iter().flatten());
                found.microseconds += time;
                continue;
            }
            // A number and its unit may stand together: 7days.
            let digits = word.trim_start_matches(['+', '-']);
            let end = digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
            let (number, unit) = word.split_at(word.len() - digits.len() + end);
            let number: i64 = number.parse().map_err(|_| wrong())?;
            let unit = match unit {
                "" => words.next().ok_or_else(wrong)?,
                unit => unit,
            };
            let unit = Self::unit(unit).ok_or_else(wrong)?;
            if number.abs() > MAX || seen.contains(&unit) {
                return Err(wrong());
            }
            seen.push(unit);
            found = found.plus(unit, number);
        }
        Ok(found)
    }

    fn unit(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let long = SHORT
            .iter()
            .find(|(short, _)| *short == name)
            .map(|(_, long)| *long);
        let name = long.unwrap_or_else(|| name.strip_suffix('s').unwrap_or(&name));
        UNITS
            .iter()
            .find(|(unit, _)| *unit == name)
            .map(|(_, unit)| *unit)
    }

    fn plus(self, unit: Self, times: i64) -> Self {
        Self {
            months: self.months + unit.months * times,
            days: self.days + unit.days * times,
            microseconds: self.microseconds + unit.microseconds * times,
        }
    }

    pub(crate) fn negate(self) -> Self {
        Self::default().plus(self, -1)
    }

    /// The time after `at`: first months, whose last day counts where there is no such day, then
    /// days, then the rest.
    pub(crate) fn after(self, at: i64) -> Result<i64, Failure> {
        if is_infinite(at) {
            return Ok(at);
        }
        let mut at = at;
        if self.months != 0 {
            let civil = Civil::of_days(at.div_euclid(DAY));
            let months = civil.year * 12 + civil.month - 1 + self.months;
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
            let day = civil.day.min(Civil::month_days(year, month));
            let days = Civil { year, month, day }.to_days();
            let time = at.rem_euclid(DAY);
            at = check_timestamp(
                days.checked_mul(DAY)
                    .and_then(|days| days.checked_add(time)),
            )?;
        }
        if self.days != 0 {
            at = check_timestamp(
                self.days
                    .checked_mul(DAY)
                    .and_then(|days| at.checked_add(days)),
            )?;
        }
        check_timestamp(at.checked_add(self.microseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_numbers_with_units() {
        let expected = Interval {
            months: 14,
            days: -3,
            microseconds: 90 * MINUTE,
        };
        assert_eq!(
            Interval::parse("1 year 2 mons -3 days 01:30").unwrap(),
            expected
        );
        for text in [
            "",
            "1.5 days",
            "soon",
            "1",
            "P1D",
            "1 day ago",
            "1 day 1 day",
        ] {
            assert!(Interval::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_of_a_month_stays_the_last() {
        let day = |year, month, day| Civil { year, month, day }.to_days() * DAY;
        let month = Interval::parse("1 month").unwrap();
        assert_eq!(month.after(day(2024, 1, 31)).unwrap(), day(2024, 2, 29));
    }
}
