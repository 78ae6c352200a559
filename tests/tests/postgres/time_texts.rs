//! What Postgres and Java write of a time is read as that time.

use anyhow::Result;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::decode_values;

use crate::fixture::{Fixture, PLAIN, field};

/// Each kind of text with the number it means, over instants from 4713 BC to the year 294,276, and
/// over the zones of a session.
const QUESTION: &str = "
    with drawn as (
        select setseed(0.16), i,
            case i % 4
                when 0 then (random() * 4e15)::bigint
                when 1 then (random() * 9.2e18)::bigint
                when 2 then -(random() * 2.1e17)::bigint
                else (random() * 2e12)::bigint * 1000000
            end as us
        from generate_series(1, 4000) i
    ), times as (
        -- Days apart: an interval is multiplied by a double.
        select us,
            ((date 'epoch' + (us / 86400000000)::int)::timestamp at time zone 'UTC')
                + (us % 86400000000) * interval '1 microsecond' as at
        from drawn
    )
    select 'timestamp(us)', us, times.at::text from times
    union all select 'timestamp(us)', us, trim(both '\"' from to_json(times.at)::text)
        from times where extract(year from times.at) between 1 and 9999
    union all select 'timestamp(ms)', floor(us / 1000.0)::bigint, times.at::text from times
    union all select 'date', (times.at at time zone 'UTC')::date - date 'epoch',
        (times.at at time zone 'UTC')::date::text from times
    union all select 'time(us)', floor(mod(us, 86400000000::bigint))::bigint,
        (times.at at time zone 'UTC')::time::text from times where us >= 0
    union all select 'timestamp(us)', 9223372036854775807, 'infinity'::timestamptz::text
    union all select 'date', -9223372036854775808, '-infinity'::date::text
    union all select 'time(us)', 86400000000, '24:00'::time::text";

#[tokio::test]
async fn times_as_postgres_writes_them_are_read_as_it_means_them() -> Result<()> {
    let fixture = Fixture::new("time_texts", PLAIN).await?;
    let connection = fixture.connect().await?;
    for zone in [
        "UTC",
        "Asia/Kolkata",
        "America/St_Johns",
        "Pacific/Apia",
        "Europe/Amsterdam",
    ] {
        connection
            .batch_execute(&format!("set timezone = '{zone}'"))
            .await?;
        let rows = connection.query(QUESTION, &[]).await?;
        assert!(rows.len() > 10_000);
        for name in ["timestamp(us)", "timestamp(ms)", "date", "time(us)"] {
            let of_type = rows.iter().filter(|row| row.get::<_, &str>(0) == name);
            let told: Vec<(i64, &str)> = of_type.map(|row| (row.get(1), row.get(2))).collect();
            let logical_type: LogicalType = name.parse()?;
            let reads: [Field; 1] = [field("value.a", logical_type)];
            let documents: Vec<String> = told
                .iter()
                .map(|(_, text)| format!("{{\"a\":\"{text}\"}}"))
                .collect();
            let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
            let decoded = decode_values(&reads, &documents)?;
            assert_eq!(decoded.dead_letters.first(), None, "{zone}");
            let read = decoded.batch.columns[0].values.as_primitive::<Int64Type>();
            for (i, (number, text)) in told.into_iter().enumerate() {
                assert_eq!(read.value(i), number, "{name} {text} in {zone}");
            }
        }
    }
    Ok(())
}
