//! The day of the week of a timestamp: 1 is Monday, 7 is Sunday (ISO 8601). A number sorts, and has
//! no language.

use gristmill_guest::{
    Batch, Date, Field, Output, Plan, Presence, TimestampMs, TimestampUs, Transform,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

gristmill_guest::transform!(EnrichWeekday);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The column whose day is told.
    column: String,
    /// The type of that column.
    column_type: ColumnType,
    /// How far local time is ahead of UTC, `+05:30` or `-08:00`. It is fixed: a component knows no
    /// time zones, and so no daylight saving time.
    utc_offset: String,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Serialize)]
enum ColumnType {
    #[serde(rename = "timestamp(ms)")]
    TimestampMs,
    #[serde(rename = "timestamp(us)")]
    TimestampUs,
    #[serde(rename = "date")]
    Date,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            column: "updated_at".into(),
            column_type: ColumnType::TimestampMs,
            utc_offset: "+00:00".into(),
        }
    }
}

struct EnrichWeekday {
    column: String,
    column_type: ColumnType,
    offset_minutes: i64,
}

impl Transform for EnrichWeekday {
    type Config = Config;

    fn open(config: Config) -> Result<Self, String> {
        let offset_minutes = minutes(&config.utc_offset).ok_or_else(|| {
            let given = &config.utc_offset;
            format!("`utc_offset` is `{given}`: write it as `+05:30` or `-08:00`")
        })?;
        if config.column_type == ColumnType::Date && offset_minutes != 0 {
            return Err("`utc_offset` moves no date, which has no time: leave it out".into());
        }
        Ok(Self {
            column: config.column,
            column_type: config.column_type,
            offset_minutes,
        })
    }

    fn plan(&self) -> Plan {
        let column = &self.column;
        let read = match self.column_type {
            ColumnType::TimestampMs => Field::timestamp_ms(column),
            ColumnType::TimestampUs => Field::timestamp_us(column),
            ColumnType::Date => Field::date(column),
        };
        Plan::new().read(read).write(Field::int64("weekday"))
    }

    fn apply(&self, batch: &Batch) -> Output {
        let times = batch.int64(&self.column);
        let weekday = |row: usize| match times.get(row) {
            None if times.is_absent(row) => Presence::Absent,
            time => time.map(|time| self.date(time).iso_weekday()).into(),
        };
        Output::new().values("weekday", (0..batch.len()).map(weekday))
    }
}

impl EnrichWeekday {
    /// The local day of a value of the column.
    fn date(&self, value: i64) -> Date {
        let local = |per_minute| value.saturating_add(self.offset_minutes * per_minute);
        match self.column_type {
            ColumnType::TimestampMs => TimestampMs(local(60_000)).date(),
            ColumnType::TimestampUs => TimestampUs(local(60_000_000)).date(),
            ColumnType::Date => Date(value),
        }
    }
}

/// The minutes of an offset such as `-08:00`.
fn minutes(offset: &str) -> Option<i64> {
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str, below: i64| {
        let is_number = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse::<i64>().ok().filter(|_| is_number)?;
        (number < below).then_some(number)
    };
    Some(sign * (number(hours, 24)? * 60 + number(minutes, 60)?))
}

#[cfg(test)]
mod tests {
    use gristmill_guest::testing::{plan, run};
    use serde_json::{Value, json};

    use super::*;

    fn weekdays(config: Value, times: &[i64]) -> Vec<Value> {
        let rows: Vec<Value> = times.iter().map(|t| json!({ "updated_at": t })).collect();
        let answered = run::<EnrichWeekday>(&config, &json!(rows)).unwrap();
        answered.rows.iter().map(|r| r["weekday"].clone()).collect()
    }

    #[test]
    fn days_begin_at_local_midnight() {
        // 1970-01-01, a Thursday: its last millisecond, and the next one.
        let midnight = [86_399_999, 86_400_000];
        assert_eq!(weekdays(json!({}), &midnight), [4, 5]);
        assert_eq!(
            weekdays(json!({ "utc_offset": "-00:01" }), &midnight),
            [4, 4]
        );
        assert_eq!(
            weekdays(json!({ "utc_offset": "+00:01" }), &midnight),
            [5, 5]
        );
        assert_eq!(weekdays(json!({}), &[i64::MIN, -1]), [7, 3]);
    }

    #[test]
    fn each_type_has_its_unit() {
        let micros = json!({ "column_type": "timestamp(us)" });
        assert_eq!(weekdays(micros, &[86_399_999_999, 86_400_000_000]), [4, 5]);
        assert_eq!(weekdays(json!({ "column_type": "date" }), &[0, 1]), [4, 5]);
    }

    #[test]
    fn an_offset_that_is_none_is_refused_in_words() {
        for offset in [
            "", "+", "5", "+5:30", "+24:00", "+05:60", "+05:3x", "05:30", "é05:30",
        ] {
            let error = plan::<EnrichWeekday>(&json!({ "utc_offset": offset })).unwrap_err();
            let expected = format!("`utc_offset` is `{offset}`: write it as");
            assert!(error.starts_with(&expected), "{error}");
        }
        let date = json!({ "column_type": "date", "utc_offset": "+01:00" });
        assert!(
            plan::<EnrichWeekday>(&date)
                .unwrap_err()
                .contains("moves no date")
        );
    }
}
