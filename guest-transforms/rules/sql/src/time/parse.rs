//! Dates and times of texts in ISO form. PostgreSQL reads many more, by its settings: they are
//! errors here.

use super::{
    Civil, DAY, HOUR, INFINITY, MINUTE, NEGATIVE_INFINITY, SECOND, check_date, check_timestamp,
};
use crate::call::Failure;
use crate::function::trim_spaces;

/// Reads a text from left to right.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, what: char) -> bool {
        match self.rest.strip_prefix(what) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A number of `min` to `max` digits that no further digit follows.
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        if !(min..=max).contains(&end) {
            return None;
        }
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().ok()
    }
}

/// What a text says.
struct Parts {
    day: Option<Civil>,
    /// Since midnight, up to 24:00.
    time: Option<i64>,
    /// East of UTC.
    zone: Option<i64>,
}

/// Why a text is refused: PostgreSQL refuses it, too, or reads it by its settings.
enum Refusal {
    NotIso,
    Range,
    Zone,
}

fn parts(text: &str) -> Result<Parts, Refusal> {
    let mut reader = Reader { rest: text };
    let mut parts = Parts {
        day: None,
        time: None,
        zone: None,
    };
    let is_day = reader.rest.bytes().take_while(u8::is_ascii_digit).count() >= 3;
    let mut is_range = false;
    if is_day {
        let day = day(&mut reader).ok_or(Refusal::NotIso)?;
        is_range |= !(1..=12).contains(&day.month) || !(1..=31).contains(&day.day) || day.year == 0;
        parts.day = Some(day);
        let must_have_time = reader.take('T');
        let has_time = must_have_time || reader.take(' ');
        if has_time {
            reader.rest = reader.rest.trim_start_matches(' ');
        }
        let is_time = reader.rest.starts_with(|c: char| c.is_ascii_digit());
        if must_have_time && !is_time {
            return Err(Refusal::NotIso);
        }
        if has_time && is_time {
            parts.time = Some(time(&mut reader, &mut is_range).ok_or(Refusal::NotIso)?);
        }
    } else {
        parts.time = Some(time(&mut reader, &mut is_range).ok_or(Refusal::NotIso)?);
    }
    if parts.time.is_some() {
        parts.zone = zone(&mut reader)?;
    }
    let last = text.rsplit_once(' ').map_or("", |(_, last)| last);
    let is_before_christ =
        is_day && last.eq_ignore_ascii_case("bc") && reader.rest.trim_start_matches(' ') == last;
    if is_before_christ {
        reader.rest = "";
    }
    if !reader.rest.is_empty() {
        return Err(Refusal::NotIso);
    }
    if let Some(day) = &mut parts.day {
        if is_before_christ {
            day.year = 1 - day.year;
        }
        is_range |= day.day > Civil::month_days(day.year, day.month);
    }
    if is_range {
        Err(Refusal::Range)
    } else {
        Ok(parts)
    }
}

fn day(reader: &mut Reader) -> Option<Civil> {
    let year = reader.number(4, 7)?;
    let month = reader.take('-').then(|| reader.number(1, 2))??;
    let day = reader.take('-').then(|| reader.number(1, 2))??;
    Some(Civil { year, month, day })
}

fn time(reader: &mut Reader, is_range: &mut bool) -> Option<i64> {
    let hour = reader.number(1, 2)?;
    let minute = reader.take(':').then(|| reader.number(1, 2))??;
    let (mut second, mut fraction) = (0, 0);
    if reader.take(':') {
        second = reader.number(1, 2)?;
        if reader.rest.starts_with('.') {
            let digits = &reader.rest[1..];
            let end = digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
            if end == 0 {
                return None;
            }
            let value: f64 = reader.rest[..=end].parse().ok()?;
            fraction = (value * 1e6).round_ties_even() as i64;
            reader.rest = &digits[end..];
        }
    }
    // A leap second is the next minute to PostgreSQL.
    if second == 60 {
        return None;
    }
    let time = hour * HOUR + minute * MINUTE + second * SECOND + fraction;
    *is_range |= minute > 59 || second > 59 || time > DAY;
    Some(time)
}

fn zone(reader: &mut Reader) -> Result<Option<i64>, Refusal> {
    let rest = reader.rest.trim_start_matches(' ');
    if rest.eq_ignore_ascii_case("z") || rest.eq_ignore_ascii_case("utc") {
        reader.rest = "";
        return Ok(Some(0));
    }
    let is_west = rest.starts_with('-');
    if !rest.starts_with(['+', '-']) {
        return Ok(None);
    }
    let mut zone = Reader { rest: &rest[1..] };
    let digits = zone.rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = zone.number(1, 4).ok_or(Refusal::NotIso)?;
    let (hour, minute) = match digits {
        1 | 2 if zone.take(':') => (number, zone.number(2, 2).ok_or(Refusal::NotIso)?),
        1 | 2 => (number, 0),
        4 => (number / 100, number % 100),
        _ => return Err(Refusal::NotIso),
    };
    if hour > 15 || minute > 59 {
        return Err(Refusal::Zone);
    }
    reader.rest = zone.rest;
    let east = hour * HOUR + minute * MINUTE;
    Ok(Some(if is_west { -east } else { east }))
}

fn failure(text: &str, refusal: &Refusal, form: &str) -> Failure {
    match refusal {
        Refusal::Range => format!("date/time field value out of range: \"{text}\"").into(),
        Refusal::Zone => format!("time zone displacement out of range: \"{text}\"").into(),
        Refusal::NotIso => {
            format!("only the ISO form is read here, as in {form}: \"{text}\"").into()
        }
    }
}

fn infinity(text: &str) -> Option<i64> {
    match () {
        () if text.eq_ignore_ascii_case("infinity") => Some(INFINITY),
        () if text.eq_ignore_ascii_case("-infinity") => Some(NEGATIVE_INFINITY),
        () => None,
    }
}

/// Days since the epoch; a time beside it is passed over.
pub(crate) fn parse_date(text: &str) -> Result<i64, Failure> {
    let trimmed = trim_spaces(text);
    if let Some(infinity) = infinity(trimmed) {
        return Ok(infinity);
    }
    let fail = |refusal: Refusal| failure(text, &refusal, "2024-01-31");
    match parts(trimmed).map_err(fail)?.day {
        Some(day) => check_date(Some(day.to_days()))
            .map_err(|_| format!("date out of range: \"{text}\"").into()),
        None => Err(fail(Refusal::NotIso)),
    }
}

/// Microseconds since midnight.
pub(crate) fn parse_time(text: &str) -> Result<i64, Failure> {
    let fail = |refusal: Refusal| failure(text, &refusal, "23:59:59.5");
    let parts = parts(trim_spaces(text)).map_err(fail)?;
    match (parts.time, parts.day) {
        (Some(time), None) => Ok(time),
        _ => Err(fail(Refusal::NotIso)),
    }
}

/// Microseconds since the epoch. A time without a zone is of UTC; `has_zone` false: a zone is
/// passed over.
pub(crate) fn parse_timestamp(text: &str, has_zone: bool) -> Result<i64, Failure> {
    let trimmed = trim_spaces(text);
    if let Some(infinity) = infinity(trimmed) {
        return Ok(infinity);
    }
    let fail = |refusal: Refusal| failure(text, &refusal, "2024-01-31 23:59:59+00");
    let parts = parts(trimmed).map_err(fail)?;
    let day = parts.day.ok_or_else(|| fail(Refusal::NotIso))?;
    let zone = if has_zone { parts.zone.unwrap_or(0) } else { 0 };
    let time = parts.time.unwrap_or(0) - zone;
    let at = day
        .to_days()
        .checked_mul(DAY)
        .and_then(|at| at.checked_add(time));
    check_timestamp(at).map_err(|_| format!("timestamp out of range: \"{text}\"").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_forms_are_read_and_others_are_named() {
        for (text, expected) in [
            ("1970-01-02", DAY),
            (" 1970-01-01T00:00:01.5Z ", 1_500_000),
            ("1970-01-01 02:00+02", 0),
            ("1970-01-01 00:00:00 -0130", 90 * MINUTE),
            ("infinity", INFINITY),
        ] {
            assert_eq!(parse_timestamp(text, true).unwrap(), expected, "{text}");
        }
        for text in [
            "now",
            "01/02/2024",
            "2024-13-01",
            "2024-02-30",
            "24-01-01",
            "",
            "10:00",
        ] {
            assert!(parse_timestamp(text, true).is_err(), "{text}");
        }
        assert_eq!(parse_date("0001-01-01 BC").unwrap(), -719_528);
        assert_eq!(parse_time("24:00").unwrap(), DAY);
    }
}
