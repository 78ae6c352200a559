//! Copies a column of each type, written with the SDK; panics with the text of a row that begins
//! with `panic`.

use gristmill_guest::{
    Date, Decimal, Json, Presence, Reject, RowTransform, TimestampMs, TimestampUs, Uuid,
};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform! {
    Typed
    reads Input<'a> {
        boolean: Presence<bool>,
        int64: Presence<i64>,
        float64: Presence<f64>,
        text: Presence<&'a str>,
        bytes: Presence<&'a [u8]>,
        timestamp_us: Presence<TimestampUs>,
        timestamp_ms: Presence<TimestampMs>,
        date: Presence<Date>,
        uuid: Presence<Uuid<&'a str>>,
        decimal: Presence<Decimal<&'a str, 10, 2>>,
        json: Presence<Json<&'a str>>,
    }
    writes Output<'a> {
        boolean: Presence<bool>,
        int64: Presence<i64>,
        float64: Presence<f64>,
        text: Presence<&'a str>,
        bytes: Presence<&'a [u8]>,
        timestamp_us: Presence<TimestampUs>,
        timestamp_ms: Presence<TimestampMs>,
        date: Presence<Date>,
        uuid: Presence<Uuid<&'a str>>,
        decimal: Presence<Decimal<&'a str, 10, 2>>,
        json: Presence<Json<&'a str>>,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Typed {}

impl RowTransform for Typed {
    fn row<'a>(&'a self, row: Input<'a>) -> Result<Output<'a>, Reject> {
        if let Some(text) = row.text.value().filter(|text| text.starts_with("panic")) {
            panic!("{text}");
        }
        Ok(Output {
            boolean: row.boolean,
            int64: row.int64,
            float64: row.float64,
            text: row.text,
            bytes: row.bytes,
            timestamp_us: row.timestamp_us,
            timestamp_ms: row.timestamp_ms,
            date: row.date,
            uuid: row.uuid,
            decimal: row.decimal,
            json: row.json,
        })
    }
}
