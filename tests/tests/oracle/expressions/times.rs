//! Dates, times and their formats.

use super::{Expressions, of};

pub(crate) fn times() -> Expressions {
    let mut found = Vec::new();
    let fields = [
        "microseconds",
        "milliseconds",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
        "decade",
        "century",
        "millennium",
        "isoyear",
        "dow",
        "isodow",
        "doy",
        "epoch",
    ];
    for kind in ["timestamp", "timestamptz", "date", "time"] {
        for field in fields {
            let is_time =
                ["microseconds", "milliseconds", "second", "minute", "hour"].contains(&field);
            let is_here = match kind {
                "date" => !is_time,
                "time" => is_time || field == "epoch",
                _ => true,
            };
            if is_here {
                found.push((format!("extract({field} from a)"), format!("a:{kind}")));
            }
            if is_here || kind == "date" {
                found.push((format!("date_part('{field}', a)"), format!("a:{kind}")));
            }
        }
    }
    for kind in ["timestamp", "timestamptz", "date"] {
        for field in &fields[..13] {
            found.push((format!("date_trunc('{field}', a)"), format!("a:{kind}")));
        }
        for interval in [
            "1 day",
            "-1 day",
            "1 month",
            "-13 months",
            "1 year 2 mons 3 days 04:05:06.5",
            "3 hours",
            "90 min",
            "1 week",
            "100 years",
            "-1 second",
            "1 microsecond",
            "1500 milliseconds",
        ] {
            found.push((format!("a + interval '{interval}'"), format!("a:{kind}")));
            found.push((format!("a - '{interval}'::interval"), format!("a:{kind}")));
            found.push((format!("interval '{interval}' + a"), format!("a:{kind}")));
        }
        for format in [
            "YYYY-MM-DD",
            "YYYY-MM-DD HH24:MI:SS",
            "YYYY-MM-DD\"T\"HH24:MI:SS.MS",
            "DD.MM.YY",
            "HH12:MI AM",
            "HH:MI:SS.US pm",
            "Day, DD Month YYYY",
            "FMDay, FMDD FMMonth YYYY",
            "Dy DD Mon",
            "DDD",
            "FMDDD",
            "D ID",
            "IYYY-IW",
            "WW W Q",
            "DAY MONTH day month DY dy",
            "YYY Y FMYYYY",
            "yyyy-mm-dd hh24:mi:ss",
            "MON mon FMHH24 FMMI",
            "FMMS FMUS FMMM",
            "",
            "\"q\"YYYY\"Q\"Q",
            "YYYYMMDD",
            "am AM",
        ] {
            found.push((format!("to_char(a, '{format}')"), format!("a:{kind}")));
        }
    }
    found.extend(of(&[
        ("a + b", "a:date b:small"),
        ("a + b", "a:date b:int4"),
        ("b + a", "a:date b:small"),
        ("a - b", "a:date b:small"),
        ("a - b", "a:date b:int4"),
        ("a - b", "a:date b:date"),
        ("a + b", "a:date b:time"),
        ("b + a", "a:date b:time"),
        ("a::date", "a:timestamp"),
        ("a::date", "a:timestamptz"),
        ("a::time", "a:timestamp"),
        ("a::time", "a:timestamptz"),
        ("a::timestamp", "a:date"),
        ("a::timestamptz", "a:date"),
        ("a::timestamp", "a:timestamptz"),
        ("a::timestamptz", "a:timestamp"),
        ("a at time zone 'UTC'", "a:timestamp"),
        ("a at time zone 'utc'", "a:timestamptz"),
        ("to_timestamp(a)", "a:float8"),
        ("to_timestamp(a)", "a:int8"),
        ("to_timestamp(a)", "a:int4"),
        ("to_timestamp(a / 1000.0)", "a:int4"),
        ("to_timestamp(a::float8 / 1000)", "a:int8"),
        (
            "make_date(2000 + a, abs(b), abs(c))",
            "a:small b:small c:small",
        ),
        ("make_date(a, 2, 28)", "a:small"),
        (
            "extract(epoch from a) - extract(epoch from b)",
            "a:timestamptz b:timestamptz",
        ),
        ("date_trunc('day', a)::date", "a:timestamptz"),
        ("extract(year from a)::int", "a:timestamptz"),
        ("extract('year' from a)", "a:date"),
    ]));
    found
}
