//! Casts, from texts and between types.

use super::{Expressions, of};

pub(crate) fn casts() -> Expressions {
    let mut found = Vec::new();
    for (kind, targets) in [
        ("bool", &["int4", "text"][..]),
        ("int4", &["bool", "int8", "float8", "numeric", "text"]),
        ("int8", &["int4", "float8", "numeric", "text"]),
        (
            "float8",
            &[
                "int4",
                "int8",
                "numeric",
                "text",
                "numeric(10,2)",
                "numeric(5)",
            ],
        ),
        (
            "small_float",
            &["int4", "int8", "numeric", "text", "numeric(10,2)"],
        ),
        (
            "numeric",
            &[
                "int4",
                "int8",
                "float8",
                "text",
                "numeric(12,3)",
                "numeric(40,15)",
            ],
        ),
        (
            "small_numeric",
            &[
                "int4",
                "int8",
                "float8",
                "text",
                "numeric(6,1)",
                "numeric(4,4)",
            ],
        ),
        ("text", &["varchar", "varchar(2)", "text", "bytea"]),
        ("bytea", &["text"]),
        ("date", &["text", "timestamp", "timestamptz"]),
        ("time", &["text"]),
        ("timestamp", &["text", "date", "time"]),
        ("timestamptz", &["text", "date", "time"]),
        ("uuid", &["text"]),
        (
            "number_text",
            &["int4", "int8", "float8", "numeric", "numeric(8,2)"],
        ),
        (
            "digits",
            &["int4", "int8", "float8", "numeric", "date", "time"],
        ),
        ("boolean_text", &["bool"]),
        ("uuid_text", &["uuid"]),
        ("bytes_text", &["bytea"]),
        ("date_text", &["date", "timestamp", "timestamptz"]),
        ("time_text", &["time"]),
        ("json_text", &["jsonb"]),
    ] {
        for target in targets {
            found.push((format!("a::{target}"), format!("a:{kind}")));
        }
    }
    found.extend(of(&[
        ("cast(a as double precision)", "a:int8"),
        ("cast(a as character varying)", "a:text"),
        ("a::text::numeric", "a:float8"),
        ("a::text::float8", "a:float8"),
        ("a::numeric::float8", "a:float8"),
    ]));
    found
}
