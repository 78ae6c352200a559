//! Dates and times as texts, in ISO form.

use std::fmt::Write as _;

use super::{Civil, DAY, HOUR, INFINITY, MINUTE, NEGATIVE_INFINITY, SECOND};

fn write_infinity(value: i64, buffer: &mut String) -> bool {
    match value {
        INFINITY => buffer.push_str("infinity"),
        NEGATIVE_INFINITY => buffer.push_str("-infinity"),
        _ => return false,
    }
    true
}

/// The year counts from one, also before Christ.
fn write_day(days: i64, buffer: &mut String) -> &'static str {
    let Civil { year, month, day } = Civil::of_days(days);
    let (year, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    let _ = write!(buffer, "{year:04}-{month:02}-{day:02}");
    era
}

pub(crate) fn write_date(days: i64, buffer: &mut String) {
    if !write_infinity(days, buffer) {
        let era = write_day(days, buffer);
        buffer.push_str(era);
    }
}

pub(crate) fn write_time(time: i64, buffer: &mut String) {
    let (hour, minute) = (time / HOUR, time % HOUR / MINUTE);
    let (second, fraction) = (time % MINUTE / SECOND, time % SECOND);
    let _ = write!(buffer, "{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let _ = write!(buffer, ".{fraction:06}");
        buffer.truncate(buffer.trim_end_matches('0').len());
    }
}

pub(crate) fn write_timestamp(at: i64, has_zone: bool, buffer: &mut String) {
    if write_infinity(at, buffer) {
        return;
    }
    let era = write_day(at.div_euclid(DAY), buffer);
    buffer.push(' ');
    write_time(at.rem_euclid(DAY), buffer);
    buffer.push_str(if has_zone { "+00" } else { "" });
    buffer.push_str(era);
}
