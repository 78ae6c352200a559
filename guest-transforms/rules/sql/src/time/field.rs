//! Parts of times, and times cut off at them.

use super::{Civil, DAY, HOUR, INFINITY, MINUTE, SECOND, iso_weekday};
use crate::numeric::Numeric;

/// What `extract`, `date_part` and `date_trunc` name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Isoyear,
    Dow,
    Isodow,
    Doy,
    Epoch,
}

/// Names, and the words that mean them, too.
const NAMES: [(Field, &str, &[&str]); 18] = [
    (
        Field::Microseconds,
        "microseconds",
        &["microsecond", "us", "usec"],
    ),
    (
        Field::Milliseconds,
        "milliseconds",
        &["millisecond", "ms", "msec"],
    ),
    (Field::Second, "second", &["seconds", "sec"]),
    (Field::Minute, "minute", &["minutes", "min"]),
    (Field::Hour, "hour", &["hours"]),
    (Field::Day, "day", &["days"]),
    (Field::Week, "week", &["weeks"]),
    (Field::Month, "month", &["months", "mon"]),
    (Field::Quarter, "quarter", &[]),
    (Field::Year, "year", &["years"]),
    (Field::Decade, "decade", &["decades"]),
    (Field::Century, "century", &["centuries"]),
    (Field::Millennium, "millennium", &["millennia"]),
    (Field::Isoyear, "isoyear", &[]),
    (Field::Dow, "dow", &[]),
    (Field::Isodow, "isodow", &[]),
    (Field::Doy, "doy", &[]),
    (Field::Epoch, "epoch", &[]),
];

/// A part of a time: a number of units of `10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    Number(i64, u16),
    /// The second of a minute, in microseconds.
    Second(i64),
    Infinite(bool),
    None,
}

impl Part {
    pub(crate) fn to_numeric(self) -> Option<Numeric> {
        match self {
            Self::Number(value, scale) => Some(Numeric::Small(value.into(), scale)),
            Self::Second(value) => Some(Numeric::Small(value.into(), 6)),
            Self::Infinite(true) => Some(Numeric::Infinity),
            Self::Infinite(false) => Some(Numeric::NegativeInfinity),
            Self::None => None,
        }
    }

    /// As `date_part` computes it: of seconds and milliseconds the fraction is added.
    pub(crate) fn to_f64(self) -> Option<f64> {
        match self {
            Self::Number(value, 0) => Some(value as f64),
            Self::Number(value, 3) => {
                let (second, fraction) = (value / SECOND, value % SECOND);
                Some(second as f64 * 1000.0 + fraction as f64 / 1000.0)
            }
            Self::Second(value) => Some((value / SECOND) as f64 + (value % SECOND) as f64 / 1e6),
            Self::Number(value, _) => Some(value as f64 / 1e6),
            Self::Infinite(true) => Some(f64::INFINITY),
            Self::Infinite(false) => Some(f64::NEG_INFINITY),
            Self::None => None,
        }
    }
}

impl Field {
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let is_name = |known: &str, others: &[&str]| known == name || others.contains(&&*name);
        NAMES
            .iter()
            .find(|(_, known, others)| is_name(known, others))
            .map(|(field, ..)| *field)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(field, ..)| *field == self)
            .map_or("", |(_, name, _)| name)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name, _)| *name)
    }

    /// Whether a day has it.
    pub(crate) fn is_of_date(self) -> bool {
        !self.is_of_time() || self == Self::Epoch
    }

    /// Whether a time of day has it.
    pub(crate) fn is_of_time(self) -> bool {
        use Field::{Epoch, Hour, Microseconds, Milliseconds, Minute, Second};
        matches!(
            self,
            Microseconds | Milliseconds | Second | Minute | Hour | Epoch
        )
    }

    /// The part of an infinity: infinite where it grows with time.
    fn of_infinity(self, at: i64) -> Part {
        use Field::{Century, Decade, Epoch, Isoyear, Millennium, Year};
        match self {
            Year | Decade | Century | Millennium | Isoyear | Epoch => {
                Part::Infinite(at == INFINITY)
            }
            _ => Part::None,
        }
    }

    /// The part of a time.
    pub(crate) fn of_timestamp(self, at: i64) -> Part {
        if super::is_infinite(at) {
            return self.of_infinity(at);
        }
        match self {
            Self::Epoch => Part::Number(at, 6),
            _ if self.is_of_time() => self.of_time(at.rem_euclid(DAY)),
            _ => self.of_date(at.div_euclid(DAY)),
        }
    }

    /// The part of a time of day.
    pub(crate) fn of_time(self, time: i64) -> Part {
        match self {
            Self::Microseconds => Part::Number(time % MINUTE, 0),
            Self::Milliseconds => Part::Number(time % MINUTE, 3),
            Self::Second => Part::Second(time % MINUTE),
            Self::Minute => Part::Number(time % HOUR / MINUTE, 0),
            Self::Hour => Part::Number(time / HOUR, 0),
            Self::Epoch => Part::Number(time, 6),
            _ => Part::None,
        }
    }

    /// The part of a day.
    pub(crate) fn of_date(self, days: i64) -> Part {
        if super::is_infinite(days) {
            return self.of_infinity(days);
        }
        let Civil { year, month, day } = Civil::of_days(days);
        // There is no year 0.
        let named = |year: i64| if year > 0 { year } else { year - 1 };
        let value = match self {
            Self::Epoch => days * 86_400,
            Self::Day => day,
            Self::Month => month,
            Self::Quarter => (month - 1) / 3 + 1,
            Self::Year => named(year),
            Self::Decade if year >= 0 => year / 10,
            Self::Decade => -((8 - (year - 1)) / 10),
            Self::Century if year > 0 => (year + 99) / 100,
            Self::Century => -((99 - (year - 1)) / 100),
            Self::Millennium if year > 0 => (year + 999) / 1000,
            Self::Millennium => -((999 - (year - 1)) / 1000),
            Self::Week => iso_week(days).1,
            Self::Isoyear => named(iso_week(days).0),
            Self::Dow => iso_weekday(days) % 7,
            Self::Isodow => iso_weekday(days),
            Self::Doy => {
                days - Civil {
                    year,
                    month: 1,
                    day: 1,
                }
                .to_days()
                    + 1
            }
            _ => return Part::None,
        };
        Part::Number(value, 0)
    }

    /// Whether `date_trunc` takes it.
    pub(crate) fn is_cut(self) -> bool {
        use Field::{Dow, Doy, Epoch, Isodow, Isoyear};
        !matches!(self, Dow | Doy | Epoch | Isodow | Isoyear)
    }

    /// The first moment of the part in which `at` is.
    pub(crate) fn cut(self, at: i64) -> i64 {
        if super::is_infinite(at) {
            return at;
        }
        let unit = match self {
            Self::Microseconds => 1,
            Self::Milliseconds => 1000,
            Self::Second => SECOND,
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            _ => DAY,
        };
        let cut = at.div_euclid(unit).saturating_mul(unit);
        let days = at.div_euclid(DAY);
        let Civil { year, month, .. } = Civil::of_days(days);
        let (year, month) = match self {
            Self::Week => return (days - iso_weekday(days) + 1).saturating_mul(DAY),
            Self::Month => (year, month),
            Self::Quarter => (year, (month - 1) / 3 * 3 + 1),
            Self::Year => (year, 1),
            Self::Decade if year > 0 => (year / 10 * 10, 1),
            Self::Decade => (-((8 - (year - 1)) / 10) * 10, 1),
            Self::Century if year > 0 => ((year + 99) / 100 * 100 - 99, 1),
            Self::Century => (-((99 - (year - 1)) / 100) * 100 + 1, 1),
            Self::Millennium if year > 0 => ((year + 999) / 1000 * 1000 - 999, 1),
            Self::Millennium => (-((999 - (year - 1)) / 1000) * 1000 + 1, 1),
            _ => return cut,
        };
        Civil {
            year,
            month,
            day: 1,
        }
        .to_days()
        .saturating_mul(DAY)
    }
}

/// The year and the week to which a day belongs by ISO 8601: those of its Thursday.
pub(crate) fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - iso_weekday(days) + 4;
    let year = Civil::of_days(thursday).year;
    let first = Civil {
        year,
        month: 1,
        day: 1,
    }
    .to_days();
    (year, (thursday - first) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_divided_as_postgres_does() {
        let (second, epoch) = (Field::Second, Field::Epoch);
        assert_eq!(epoch.of_time(1_684_000).to_f64(), Some(1.684));
        assert_eq!(epoch.of_timestamp(1_684_000).to_f64(), Some(1.684));
        let sum = 1.0 + 0.684;
        assert_eq!(second.of_time(61_684_000).to_f64(), Some(sum));
        assert_ne!(sum, 1.684);
    }
}
