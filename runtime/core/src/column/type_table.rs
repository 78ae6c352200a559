//! The logical types for people: what each is, what it is read from, where it can be written.

/// One logical type. The page `types` of the reference is made of these, and tests hold them to
/// what the decoder and the sink do.
#[derive(Clone, Copy, Debug)]
pub struct TypeEntry {
    /// As a plan spells it.
    pub name: &'static str,
    pub meaning: &'static str,
    /// What it is read from in JSON.
    pub json: &'static str,
    /// The names in a schema of Connect's whose values it takes in their own units and forms.
    pub schemas: &'static [&'static str],
    /// JSON values, each with what is read: numbers and text as they are, `none` where the record
    /// becomes a dead letter.
    pub examples: &'static [(&'static str, &'static str)],
    /// The types of Postgres' columns that take it, without modifiers.
    pub columns: &'static [&'static str],
}

const TEXTS: [&str; 4] = ["text", "character varying", "bpchar", "citext"];

const INSTANTS: &[&str] = &[
    "io.debezium.time.Timestamp",
    "io.debezium.time.MicroTimestamp",
    "io.debezium.time.NanoTimestamp",
    "io.debezium.time.ZonedTimestamp",
    "io.debezium.time.IsoTimestamp",
    "org.apache.kafka.connect.data.Timestamp",
    "io.debezium.time.Date",
    "org.apache.kafka.connect.data.Date",
    "io.debezium.time.IsoDate",
];

const TIMES: &[&str] = &[
    "io.debezium.time.Time",
    "io.debezium.time.MicroTime",
    "io.debezium.time.NanoTime",
    "io.debezium.time.IsoTime",
    "org.apache.kafka.connect.data.Time",
];

const STAMPS: &[&str] = &["timestamp with time zone", "timestamp without time zone"];

/// All logical types.
pub const TYPES: [TypeEntry; 14] = [
    TypeEntry {
        name: "boolean",
        meaning: "True or false.",
        json: "`true` and `false`, 0 and 1, and text: true, false, t, f, 1, 0.",
        schemas: &[],
        examples: &[
            ("true", "true"),
            ("0", "false"),
            ("\"t\"", "true"),
            ("2", "none"),
        ],
        columns: &["boolean", "\"bit\""],
    },
    TypeEntry {
        name: "int64",
        meaning: "A whole number of 64 bits.",
        json: "A number that is whole however it is written, and text of a whole number.",
        schemas: &["org.apache.kafka.connect.data.Decimal"],
        examples: &[
            ("9007199254740993", "9007199254740993"),
            ("1.5e1", "15"),
            ("\"17\"", "17"),
            ("1.5", "none"),
        ],
        columns: &["bigint", "integer", "smallint", "numeric", "oid"],
    },
    TypeEntry {
        name: "float64",
        meaning: "A number of double precision.",
        json: "A number, and text of one, or NaN, Infinity and -Infinity.",
        schemas: &[],
        examples: &[("0.1", "0.1"), ("\"NaN\"", "NaN"), ("1e400", "none")],
        columns: &["double precision", "real", "numeric"],
    },
    TypeEntry {
        name: "text",
        meaning: "Text. A column of another type reads it as Postgres reads that type's text; what \
                  it refuses is a dead letter. For columns of whole numbers, boolean and bytea \
                  declare their own type, which reads text, too.",
        json: "Text.",
        schemas: &[
            "org.apache.kafka.connect.data.Decimal",
            "io.debezium.data.Bits",
            "io.debezium.data.Json",
            "io.debezium.time.ZonedTime",
            "io.debezium.time.Interval",
        ],
        examples: &[("\"a\"", "a"), ("1", "none")],
        columns: &[
            "text",
            "character varying",
            "bpchar",
            "citext",
            "interval",
            "inet",
            "xml",
            "money",
            "\"bit\"",
            "tstzrange",
            "time with time zone",
            "timestamp with time zone",
            "uuid",
            "text[]",
        ],
    },
    TypeEntry {
        name: "bytes",
        meaning: "Bytes.",
        json: "Text, base64 or hexadecimal digits as `json_bytes` says.",
        schemas: &["io.debezium.data.Bits"],
        examples: &[("\"AP8Q\"", "[0, 255, 16]"), ("\"A\"", "none")],
        columns: &["bytea"],
    },
    TypeEntry {
        name: "timestamp(us)",
        meaning: "Microseconds since 1970 in UTC. The largest and the smallest number of 64 bits, \
                  and what Debezium writes for them, are infinity and -infinity.",
        json: "A number in that unit, and text in RFC 3339, ISO 8601 or as Postgres writes it; \
               without an offset it is UTC. What is finer is cut.",
        schemas: INSTANTS,
        examples: &[
            ("1726531200000000", "1726531200000000"),
            ("\"2024-09-17T00:00:00Z\"", "1726531200000000"),
            ("\"2024-09-17 02:00:00+02\"", "1726531200000000"),
            ("9223372036825200000", "9223372036854775807"),
            ("\"-infinity\"", "-9223372036854775808"),
        ],
        columns: STAMPS,
    },
    TypeEntry {
        name: "timestamp(ms)",
        meaning: "Milliseconds since 1970 in UTC, else as `timestamp(us)`.",
        json: "As `timestamp(us)`.",
        schemas: INSTANTS,
        examples: &[
            ("1726531200000", "1726531200000"),
            ("\"2024-09-17 00:00:00.0019\"", "1726531200001"),
        ],
        columns: STAMPS,
    },
    TypeEntry {
        name: "date",
        meaning: "Days since 1970, with the infinities.",
        json: "A number of days, and text; a time of the day may follow where it is midnight.",
        schemas: &[
            "io.debezium.time.Date",
            "org.apache.kafka.connect.data.Date",
            "io.debezium.time.IsoDate",
        ],
        examples: &[
            ("19983", "19983"),
            ("\"2024-09-17Z\"", "19983"),
            ("\"0044-03-15 BC\"", "-735160"),
            ("\"2024-09-17T12:00:00Z\"", "none"),
        ],
        columns: &["date"],
    },
    TypeEntry {
        name: "time(us)",
        meaning: "Microseconds since midnight, of no day and no zone.",
        json: "A number in that unit, and text, in UTC where it has an offset.",
        schemas: TIMES,
        examples: &[
            ("45296789012", "45296789012"),
            ("\"12:34:56.789012\"", "45296789012"),
            ("\"12:34+02\"", "none"),
        ],
        columns: &["time without time zone"],
    },
    TypeEntry {
        name: "time(ms)",
        meaning: "Milliseconds since midnight, else as `time(us)`.",
        json: "As `time(us)`.",
        schemas: TIMES,
        examples: &[("45296789", "45296789"), ("\"24:00\"", "86400000")],
        columns: &["time without time zone"],
    },
    TypeEntry {
        name: "uuid",
        meaning: "A UUID.",
        json: "Text of 32 hexadecimal digits in five groups.",
        schemas: &["io.debezium.data.Uuid"],
        examples: &[("\"123\"", "none")],
        columns: &["uuid", TEXTS[0], TEXTS[1], TEXTS[2], TEXTS[3]],
    },
    TypeEntry {
        name: "decimal(9,2)",
        meaning: "A decimal number, here of at most nine digits with two of them behind the point, \
                  and NaN.",
        json: "A number, its text, base64 as `json_decimals` says, or an object of `scale` and \
               `value`. No digit is lost: what does not fit is a dead letter.",
        schemas: &[
            "org.apache.kafka.connect.data.Decimal",
            "io.debezium.data.VariableScaleDecimal",
        ],
        examples: &[
            ("12.5", "12.5"),
            ("\"7\"", "7"),
            ("{\"scale\":2,\"value\":\"BNI=\"}", "12.34"),
            ("0.001", "none"),
        ],
        columns: &["numeric", "money", TEXTS[0], TEXTS[1], TEXTS[2], TEXTS[3]],
    },
    TypeEntry {
        name: "decimal",
        meaning: "A decimal number of any size, NaN and the infinities.",
        json: "As `decimal(9,2)`, but base64 alone does not say where the point is.",
        schemas: &[
            "org.apache.kafka.connect.data.Decimal",
            "io.debezium.data.VariableScaleDecimal",
        ],
        examples: &[("1e-30", "1e-30"), ("\"-Infinity\"", "-Infinity")],
        columns: &["numeric", "money", TEXTS[0], TEXTS[1], TEXTS[2], TEXTS[3]],
    },
    TypeEntry {
        name: "json",
        meaning: "A JSON document, as its text. A column of arrays takes a list, nested where the \
                  array is: of its numbers no digit is lost, and its times are cut to the digits \
                  of the column.",
        json: "Any value, kept as it is spelled.",
        schemas: &["io.debezium.data.Json"],
        examples: &[("{\"a\": 1.50}", "{\"a\": 1.50}"), ("[1,null]", "[1,null]")],
        columns: &["json", "jsonb", "text[]", "integer[]", TEXTS[0]],
    },
];
