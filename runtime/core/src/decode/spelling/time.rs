//! Dates, times and instants as RFC 3339, ISO 8601, Java and Postgres write them.
//!
//! A year with a sign is astronomical, as Java writes it: -0043 is 44 BC. An instant without an
//! offset is UTC. What is finer than a microsecond is cut.

use crate::calendar::{days_in_month, days_of};

const DAY_US: i64 = 86_400_000_000;

/// Microseconds since the Unix epoch; the extremes are infinity. `None`: it is no instant, or none
/// that 64 bits hold.
pub fn instant(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    if let Some(infinity) = infinity(text) {
        return Some(infinity);
    }
    let mut cursor = Cursor(text.as_bytes());
    let date = cursor.date()?;
    let (time, offset) = match cursor.0.first() {
        Some(b'T' | b't') => {
            cursor.skip(1);
            cursor.time_and_offset()?
        }
        Some(b' ') if cursor.0.get(1).is_some_and(u8::is_ascii_digit) => {
            cursor.skip(1);
            cursor.time_and_offset()?
        }
        _ => (0, cursor.offset()?.unwrap_or(0)),
    };
    let days = date.days(cursor.era()?)?;
    cursor.end()?;
    // The midnight before may be too early for 64 bits.
    let us = i128::from(days) * i128::from(DAY_US) + i128::from(time - offset);
    i64::try_from(us)
        .ok()
        .filter(|us| !matches!(*us, i64::MIN | i64::MAX))
}

/// Days since the Unix epoch; the extremes are infinity. A time of the day may follow where it is
/// midnight. `None`: it is no date.
pub(crate) fn date(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    if let Some(infinity) = infinity(text) {
        return Some(infinity);
    }
    let mut cursor = Cursor(text.as_bytes());
    let date = cursor.date()?;
    if let Some(b'T' | b't' | b' ') = cursor.0.first()
        && cursor.0.get(1).is_some_and(u8::is_ascii_digit)
    {
        cursor.skip(1);
        let (time, _) = cursor.time_and_offset()?;
        (time == 0).then_some(())?;
    } else {
        // `IsoDate` of Debezium ends in `Z`.
        cursor.offset()?;
    }
    let days = date.days(cursor.era()?)?;
    cursor.end()?;
    Some(days)
}

/// Microseconds since midnight, of a day at most. `None`: it is no time of the day, or one of
/// another zone than UTC.
pub(crate) fn time(text: &str) -> Option<i64> {
    let mut cursor = Cursor(text.trim_ascii().as_bytes());
    let (time, offset) = cursor.time_and_offset()?;
    cursor.end()?;
    (time <= DAY_US && offset == 0).then_some(time)
}

fn infinity(text: &str) -> Option<i64> {
    // `-` and `i` begin nothing else but a year before Christ.
    let (sign, word) = match text.as_bytes().first()? {
        b'-' => (i64::MIN, &text[1..]),
        b'+' => (i64::MAX, &text[1..]),
        _ => (i64::MAX, text),
    };
    word.eq_ignore_ascii_case("infinity").then_some(sign)
}

/// A date as it is written.
struct WrittenDate {
    year: i64,
    has_sign: bool,
    month: u32,
    day: u32,
}

impl WrittenDate {
    /// Days since the Unix epoch, where there is such a date.
    fn days(&self, is_bc: bool) -> Option<i64> {
        let year = match is_bc {
            true if self.has_sign || self.year == 0 => return None,
            true => 1 - self.year,
            false => self.year,
        };
        let is_there = (1..=12).contains(&self.month)
            && (1..=days_in_month(year, self.month)).contains(&self.day);
        is_there.then(|| days_of(year, self.month, self.day))
    }
}

/// What is left of a text.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn skip(&mut self, bytes: usize) {
        self.0 = &self.0[bytes..];
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.0.first() == Some(&byte)).then(|| self.skip(1))
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// A number of exactly two digits.
    fn two_digits(&mut self) -> Option<u32> {
        let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] = *self.0 else {
            return None;
        };
        self.skip(2);
        Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    }

    /// `[+-]YYYY-MM-DD`; a year has four digits or more.
    fn date(&mut self) -> Option<WrittenDate> {
        // More than a date of 64 bits of microseconds, or of Java, has.
        const YEAR_DIGITS_MAX: usize = 10;
        let sign = match self.0.first()? {
            b'-' => Some(-1),
            b'+' => Some(1),
            _ => None,
        };
        self.skip(usize::from(sign.is_some()));
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(4..=YEAR_DIGITS_MAX).contains(&digits) {
            return None;
        }
        let year = self.0[..digits]
            .iter()
            .fold(0, |year, digit| year * 10 + i64::from(digit - b'0'));
        self.skip(digits);
        self.take(b'-')?;
        let month = self.two_digits()?;
        self.take(b'-')?;
        let day = self.two_digits()?;
        Some(WrittenDate {
            year: year * sign.unwrap_or(1),
            has_sign: sign.is_some(),
            month,
            day,
        })
    }

    /// Microseconds since midnight, and the offset from UTC in microseconds.
    fn time_and_offset(&mut self) -> Option<(i64, i64)> {
        let hour = self.two_digits()?;
        self.take(b':')?;
        let minute = self.two_digits()?;
        let (mut second, mut us) = (0, 0);
        if self.take(b':').is_some() {
            second = self.two_digits()?;
            if let Some(b'.' | b',') = self.0.first() {
                self.skip(1);
                us = self.fraction()?;
            }
        }
        // A leap second is the first of the next minute, and 24:00 the end of the day, as in
        // Postgres.
        let is_end = hour == 24 && minute == 0 && second == 0 && us == 0;
        let is_leap = second == 60 && us == 0;
        if !(hour < 24 || is_end) || minute > 59 || !(second < 60 || is_leap) {
            return None;
        }
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some((seconds * 1_000_000 + us, self.offset()?.unwrap_or(0)))
    }

    /// The digits behind a point, in microseconds.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let of_us = self.0[..digits].iter().chain(&[b'0'; 6]).take(6);
        let us = of_us.fold(0, |us, digit| us * 10 + i64::from(digit - b'0'));
        self.skip(digits);
        (digits > 0).then_some(us)
    }

    /// The offset from UTC in microseconds: `Z`, `+HH`, `+HH:MM`, `+HHMM` or with seconds. `Some`
    /// of `None`: there is none.
    fn offset(&mut self) -> Option<Option<i64>> {
        let before = self.0;
        let _ = self.take(b' ');
        let sign = match self.0.first() {
            Some(b'Z' | b'z') => {
                self.skip(1);
                return Some(Some(0));
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ if self.0.starts_with(b"UTC") => {
                self.skip(3);
                return Some(Some(0));
            }
            _ => {
                self.0 = before;
                return Some(None);
            }
        };
        self.skip(1);
        let hours = self.two_digits()?;
        let (mut minutes, mut seconds) = (0, 0);
        if let Some(b':' | b'0'..=b'9') = self.0.first() {
            let _ = self.take(b':');
            minutes = self.two_digits()?;
            if let Some(b':' | b'0'..=b'9') = self.0.first() {
                let _ = self.take(b':');
                seconds = self.two_digits()?;
            }
        }
        // As far as Postgres goes; nobody lives beyond 14 hours.
        if hours > 15 || minutes > 59 || seconds > 59 {
            return None;
        }
        let all = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
        Some(Some(sign * all * 1_000_000))
    }

    /// Whether the year is one before Christ, as Postgres says it behind everything else.
    fn era(&mut self) -> Option<bool> {
        match self.0 {
            b" BC" => {
                self.skip(3);
                Some(true)
            }
            _ => Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_every_spelling() {
        let at = 1_726_576_496_789_012;
        for text in [
            "2024-09-17T12:34:56.789012Z",
            "2024-09-17t12:34:56.789012z",
            " 2024-09-17 12:34:56.789012 ",
            "2024-09-17 12:34:56,789012345",
            "2024-09-17T12:34:56.7890129+00:00",
            "2024-09-17 14:34:56.789012+02",
            "2024-09-17 14:34:56.789012 +02",
            "2024-09-17T18:04:56.789012+0530",
            "2024-09-17 07:34:56.789012-05:00:00",
            "+2024-09-17T12:34:56.789012Z",
            "2024-09-17 12:34:56.789012 UTC",
        ] {
            assert_eq!(instant(text), Some(at), "{text}");
        }
        for (text, us) in [
            ("1970-01-01", 0),
            ("1970-01-01Z", 0),
            ("1970-01-01T00:00Z", 0),
            ("1969-12-31T24:00:00Z", 0),
            ("1969-12-31T23:59:60Z", 0),
            ("1969-12-31T23:59:59.9999999Z", -1),
            ("Infinity", i64::MAX),
            ("-infinity", i64::MIN),
            ("0044-03-15 00:00:00 BC", -63_517_824_000_000_000),
            ("-0043-03-15T00:00:00.000000Z", -63_517_824_000_000_000),
            ("-290308-12-21T19:59:27.6Z", -9_223_372_036_832_400_000),
            ("9999-12-31 23:59:59.999999", 253_402_300_799_999_999),
        ] {
            assert_eq!(instant(text), Some(us), "{text}");
        }
        for text in [
            "",
            "T",
            "now",
            "2024",
            "2024-09",
            "24-09-17",
            "2024-9-17",
            "2024-13-01",
            "2023-02-29",
            "2024-09-17T",
            "2024-09-17T12",
            "2024-09-17T25:00",
            "2024-09-17T24:00:01",
            "2024-09-17T12:60",
            "2024-09-17T12:34:61",
            "2024-09-17T12:34:56.",
            "2024-09-17T12:34:56Z+01",
            "2024-09-17T12:34:56+16:00",
            "2024-09-17T12:34:56+1",
            "2024-09-17T12:34:56 PST",
            "-0044-03-15 BC",
            "0000-01-01 BC",
            "999999999-01-01",
            "+infinite",
            "1726531200000",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_has_no_time_and_a_time_no_date() {
        for (text, days) in [
            ("2024-09-17", 19_983),
            ("2024-09-17Z", 19_983),
            ("2024-09-17T00:00:00.000Z", 19_983),
            ("2024-09-17 00:00:00+02", 19_983),
            ("-5877611-06-21Z", -2_147_472_692),
            ("0044-03-15 BC", -735_160),
            ("infinity", i64::MAX),
        ] {
            assert_eq!(date(text), Some(days), "{text}");
        }
        for text in [
            "2024-09-17T12:34:56Z",
            "12:34",
            "",
            "2024-09-31",
            "2024-09-17x",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        for (text, us) in [
            ("12:34:56.789012Z", 45_296_789_012),
            ("12:34:56.789012", 45_296_789_012),
            ("00:00", 0),
            ("24:00:00", 86_400_000_000),
            ("23:59:60", 86_400_000_000),
        ] {
            assert_eq!(time(text), Some(us), "{text}");
        }
        for text in [
            "12:34:56+02",
            "24:00:01",
            "12",
            "12:3",
            "",
            "-01:00",
            "838:59:59",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
