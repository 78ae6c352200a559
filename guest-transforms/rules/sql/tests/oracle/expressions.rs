//! Expressions, each with its columns.

type Expressions = Vec<(String, String)>;

fn of(pairs: &[(&str, &str)]) -> Expressions {
    pairs
        .iter()
        .map(|(text, columns)| ((*text).to_owned(), (*columns).to_owned()))
        .collect()
}

pub(crate) fn numbers() -> Expressions {
    let mut found = Vec::new();
    let kinds = [
        "int4",
        "int8",
        "float8",
        "numeric",
        "small",
        "small_float",
        "small_numeric",
    ];
    for (left, right) in kinds
        .iter()
        .flat_map(|left| kinds.map(|right| (*left, right)))
    {
        for operator in ["+", "-", "*", "/", "%"] {
            let is_float = left.contains("float") || right.contains("float");
            if operator != "%" || !is_float {
                found.push((format!("a {operator} b"), format!("a:{left} b:{right}")));
            }
        }
    }
    for kind in kinds {
        for text in [
            "-a",
            "+a",
            "abs(a)",
            "round(a)",
            "trunc(a)",
            "ceil(a)",
            "ceiling(a)",
            "floor(a)",
            "sign(a)",
            "a + 1",
            "a * 2.50",
            "1 / a",
            "a / 3",
            "a / 7.0",
            "a - 0.1",
        ] {
            found.push((text.to_owned(), format!("a:{kind}")));
        }
    }
    found.extend(of(&[
        ("mod(a, b)", "a:int4 b:small"),
        ("mod(a, b)", "a:int8 b:small"),
        ("mod(a, b)", "a:numeric b:small_numeric"),
        ("mod(a, 7)", "a:int8"),
        ("round(a, b)", "a:numeric b:small"),
        ("round(a, 2)", "a:numeric"),
        ("round(a, 2)", "a:int8"),
        ("round(a::numeric, 2)", "a:float8"),
        ("trunc(a, b)", "a:numeric b:small"),
        ("trunc(a, 1)", "a:small_numeric"),
        ("sqrt(a)", "a:float8"),
        ("sqrt(a)", "a:int8"),
        ("sqrt(a)", "a:small_float"),
        ("to_hex(a)", "a:int4"),
        ("to_hex(a)", "a:int8"),
        ("a * 100 / b", "a:small_numeric b:small"),
        ("(a + b) / 2", "a:int4 b:int8"),
        ("a / nullif(b, 0)", "a:int8 b:small"),
        ("case when b <> 0 then a / b end", "a:int8 b:small"),
        ("b <> 0 and a / b > 1", "a:int8 b:small"),
        ("b = 0 or a % b = 1", "a:int8 b:small"),
        ("a * a * a", "a:numeric"),
        ("a / b / b", "a:numeric b:small_numeric"),
    ]));
    found
}

pub(crate) fn comparisons() -> Expressions {
    let mut found = Vec::new();
    let kinds = [
        "bool",
        "int4",
        "int8",
        "float8",
        "numeric",
        "text",
        "bytea",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "small",
        "small_float",
        "small_numeric",
        "letters",
    ];
    for kind in kinds {
        for operator in ["=", "<>", "<", "<=", ">", ">="] {
            found.push((format!("a {operator} b"), format!("a:{kind} b:{kind}")));
        }
        for text in [
            "a is distinct from b",
            "a is not distinct from b",
            "a between b and c",
            "a not between b and c",
            "greatest(a, b, c)",
            "least(a, b, c)",
            "nullif(a, b)",
            "coalesce(a, b, c)",
            "a in (b, c)",
            "a not in (b, c)",
            "a is null",
            "a is not null",
            "case a when b then 'b' when c then 'c' else 'x' end",
            "a = a",
            "a <> a",
            "case when a = b then a else c end",
        ] {
            found.push((text.to_owned(), format!("a:{kind} b:{kind} c:{kind}")));
        }
    }
    let mixed = [
        ("int4", "int8"),
        ("int8", "numeric"),
        ("int8", "float8"),
        ("numeric", "float8"),
        ("date", "timestamp"),
        ("date", "timestamptz"),
        ("timestamp", "timestamptz"),
        ("small", "small_float"),
        ("small", "small_numeric"),
        ("small_float", "small_numeric"),
    ];
    for (left, right) in mixed {
        for text in [
            "a = b",
            "a < b",
            "b <= a",
            "greatest(a, b)",
            "coalesce(a, b)",
            "nullif(a, b)",
            "nullif(b, a)",
            "a is distinct from b",
            "a in (b)",
            "case when a < b then a else b end",
        ] {
            found.push((text.to_owned(), format!("a:{left} b:{right}")));
        }
    }
    found.extend(of(&[
        ("a in (1, 2, -3, null)", "a:small"),
        ("a not in (1, 2, null)", "a:small"),
        ("a in (1, 2.5, 3)", "a:small_float"),
        ("a in ('ada@contoso.com', '', 'a')", "a:text"),
        ("a not in ('a', null)", "a:text"),
        ("a = '00000000-0000-0000-0000-000000000000'", "a:uuid"),
        (
            "a in ('00000000-0000-0000-0000-000000000000', null)",
            "a:uuid",
        ),
        ("a > '2000-01-01'", "a:date"),
        ("a > '2000-01-01 10:00'", "a:timestamptz"),
        ("a between '2000-01-01' and '2030-01-01'", "a:timestamp"),
        ("a = 'abc'", "a:letters"),
        ("a and b", "a:bool b:bool"),
        ("a or b", "a:bool b:bool"),
        ("not a", "a:bool"),
        ("a and not b or c", "a:bool b:bool c:bool"),
        ("a is true", "a:bool"),
        ("a is not true", "a:bool"),
        ("a is false", "a:bool"),
        ("a is not false", "a:bool"),
        ("a is unknown", "a:bool"),
        ("a is not unknown", "a:bool"),
        ("a isnull or b notnull", "a:bool b:text"),
        ("a and null", "a:bool"),
        ("null or a", "a:bool"),
    ]));
    found
}

pub(crate) fn texts() -> Expressions {
    let mut found = Vec::new();
    for kind in ["text", "email", "letters"] {
        for text in [
            "lower(a)",
            "upper(a)",
            "initcap(a)",
            "length(a)",
            "char_length(a)",
            "character_length(a)",
            "octet_length(a)",
            "bit_length(a)",
            "trim(a)",
            "btrim(a)",
            "ltrim(a)",
            "rtrim(a)",
            "trim(both 'a ' from a)",
            "trim(leading 'ab' from a)",
            "trim(trailing from a)",
            "btrim(a, b)",
            "ltrim(a, b)",
            "rtrim(a, b)",
            "reverse(a)",
            "md5(a)",
            "ascii(a)",
            "a || b",
            "b || '-' || a",
            "concat(a, b)",
            "concat(a, '-', b)",
            "concat_ws('-', a, b)",
            "concat_ws(a, b, 'x', b)",
            "position(b in a)",
            "strpos(a, b)",
            "starts_with(a, b)",
            "replace(a, b, 'xy')",
            "replace(a, 'a', b)",
            "replace(a, 'ab', '')",
            "translate(a, 'abc', 'xy')",
            "translate(a, b, 'é1')",
            "a like b",
            "a ilike b",
            "a not like b",
            "a like '%a%'",
            "a like 'a%'",
            "a like '%a'",
            "a like '%a%b%'",
            "a like 'a_b%'",
            "a like '_%_'",
            "a ilike '%AB%'",
            "a like '%\\%%'",
            "a like ''",
            "a like '%é'",
            "a like 'a!%%' escape '!'",
            "a like '%@%.com'",
            "a ~~ 'a%'",
            "a !~~* 'A%'",
            "split_part(a, '@', 1)",
            "split_part(a, '@', -1)",
            "split_part(a, b, 2)",
            "split_part(a, b, -2)",
            "split_part(a, 'aa', -1)",
            "left(a, 3)",
            "right(a, 2)",
            "substring(a from 2)",
            "substring(a from 2 for 3)",
            "substring(a for 2)",
            "substr(a, 2, 1)",
            "lpad(a, 5)",
            "rpad(a, 5, 'xy')",
            "lpad(a, 6, b)",
            "a::varchar(3)",
            "nullif(a, '')",
            "repeat(a, 2)",
            "case when a like '%@%' then nullif(split_part(a, '@', -1), '') end",
            "coalesce(lower(a) in ('contoso.com', 'autodesk.com'), false)",
            "a::bytea is null",
            "encode(convert_to(a, 'UTF8'), 'hex')",
            "encode(convert_to(a, 'UTF8'), 'base64')",
            "encode(convert_to(a, 'UTF8'), 'escape')",
            "sha256(convert_to(a, 'UTF8'))",
        ] {
            found.push((text.to_owned(), format!("a:{kind} b:{kind}")));
        }
        for text in [
            "split_part(a, 'a', b)",
            "split_part(a, '@', b)",
            "split_part(a, '', b)",
            "left(a, b)",
            "right(a, b)",
            "substring(a from b)",
            "substring(a from b for c)",
            "lpad(a, b, 'xyz')",
            "rpad(a, b, 'é1')",
            "lpad(a, b, '')",
            "repeat(a, b)",
            "substr(a, b, c)",
            "rpad(a, b)",
        ] {
            found.push((text.to_owned(), format!("a:{kind} b:small c:small")));
        }
    }
    found.extend(of(&[
        ("substring(a from b)", "a:text b:int4"),
        ("substring(a from b for c)", "a:text b:int4 c:int4"),
        ("left(a, b)", "a:text b:int4"),
        ("right(a, b)", "a:text b:int4"),
        ("split_part(a, 'a', b)", "a:letters b:int4"),
        ("chr(a)", "a:small"),
        ("chr(abs(a) % 1200000)", "a:int4"),
        ("a || b", "a:text b:int8"),
        ("a || b", "a:float8 b:text"),
        ("a || b", "a:text b:bool"),
        ("a || b", "a:text b:timestamptz"),
        ("a || b", "a:text b:date"),
        ("a || b", "a:numeric b:text"),
        ("a || '-'", "a:int4"),
        ("'x' || a", "a:uuid"),
        ("a || b", "a:bytea b:bytea"),
        ("concat(a, b, c)", "a:bool b:int8 c:float8"),
        ("concat(a, b, c)", "a:date b:timestamptz c:numeric"),
        ("concat(a, b, c)", "a:uuid b:bytea c:time"),
        ("concat_ws(', ', a, b, c)", "a:bool b:int4 c:timestamp"),
        ("concat(a)", "a:jsonb"),
        ("length(a)", "a:bytea"),
        ("octet_length(a)", "a:bytea"),
        ("md5(a)", "a:bytea"),
        ("sha256(a)", "a:bytea"),
        ("encode(a, 'hex')", "a:bytea"),
        ("encode(a, 'base64')", "a:bytea"),
        ("encode(a, 'escape')", "a:bytea"),
        ("encode(sha256(a), 'hex')", "a:bytea"),
        ("decode(a, 'hex')", "a:hex"),
        ("decode(a, 'base64')", "a:base64"),
        ("decode(a, 'escape')", "a:bytes_text"),
        ("convert_from(a, 'UTF8')", "a:bytea"),
    ]));
    found
}

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

pub(crate) fn documents() -> Expressions {
    of(&[
        ("a", "a:jsonb"),
        ("a::text", "a:jsonb"),
        ("a -> 'a'", "a:jsonb"),
        ("a ->> 'a'", "a:jsonb"),
        ("a -> 'name' -> 'a'", "a:jsonb"),
        ("a -> 'b' ->> 'a'", "a:jsonb"),
        ("a -> 0", "a:jsonb"),
        ("a ->> 1", "a:jsonb"),
        ("a -> -1", "a:jsonb"),
        ("a -> b", "a:jsonb b:small"),
        ("a -> b", "a:jsonb b:letters"),
        ("a ->> b", "a:jsonb b:letters"),
        ("a #> '{a,b}'", "a:jsonb"),
        ("a #>> '{a,0}'", "a:jsonb"),
        ("a #>> '{0,a}'", "a:jsonb"),
        ("a #>> '{}'", "a:jsonb"),
        ("a #> '{-1}'", "a:jsonb"),
        ("a #> '{name, 1x}'", "a:jsonb"),
        ("a #>> '{ 0 }'", "a:jsonb"),
        ("jsonb_typeof(a)", "a:jsonb"),
        ("jsonb_array_length(a)", "a:jsonb"),
        ("(a ->> 'a')::text is null", "a:jsonb"),
        ("a::int4", "a:jsonb"),
        ("a::int8", "a:jsonb"),
        ("a::numeric", "a:jsonb"),
        ("a::float8", "a:jsonb"),
        ("a::boolean", "a:jsonb"),
        ("a::jsonb", "a:json_text"),
        ("a::jsonb ->> 'a'", "a:json_text"),
        ("(a -> 'a')::numeric + 1", "a:jsonb"),
    ])
}

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

pub(crate) fn shapes() -> Expressions {
    of(&[
        (
            "case when a > 0 then 'p' when a < 0 then 'n' else '' end",
            "a:small",
        ),
        ("case when a > 0 then 1 when a < 0 then 2.5 end", "a:small"),
        ("case a when 1 then 'one' when 2 then 'two' end", "a:small"),
        ("case when b then a end", "a:int8 b:bool"),
        ("case when b then a else 0 end", "a:int8 b:bool"),
        ("case when b then a else 0.5 end", "a:int8 b:bool"),
        ("case when b then null else a end", "a:timestamptz b:bool"),
        ("case when a = 0 then 0 else 10 / a end", "a:small"),
        ("coalesce(a, 0)", "a:int8"),
        ("coalesce(a, '')", "a:text"),
        ("coalesce(a, 'none', b)", "a:text b:text"),
        ("coalesce(a, 1 / b)", "a:small b:small"),
        ("coalesce(a, b::text)", "a:text b:int4"),
        ("greatest(a, 5)", "a:small"),
        ("least(a, 0.5, b)", "a:small b:small_float"),
        ("greatest(a, '2000-01-01')", "a:date"),
        ("nullif(a, 0)", "a:int8"),
        ("nullif(a, 2.5)", "a:small"),
        ("nullif(a, b)", "a:small b:small_numeric"),
        ("a between 1 and 5 and b", "a:small b:bool"),
        ("not a between 1 and 5", "a:small"),
        ("not a = 1 or a = 2", "a:small"),
        ("a + 2 * 3 - -1", "a:small"),
        ("a - 2 - 3", "a:small"),
        ("100 / a / 2", "a:small"),
        ("-a % 3", "a:small"),
        ("a || b like '%a%'", "a:letters b:letters"),
        ("a = b is true", "a:small b:small"),
        (
            "a is not null and b is null or not (a = b)",
            "a:small b:small",
        ),
        ("a::text || '.' || b::text", "a:small b:small"),
        ("(-1)::text || a", "a:letters"),
        ("a in (1, 2) and a not in (3)", "a:small"),
        ("a between b and b + 3", "a:small b:small"),
        ("lower(a) = lower(b)", "a:letters b:letters"),
        ("length(trim(a)) > 0", "a:text"),
        ("round(a / 3, 2)", "a:small_numeric"),
        ("round((a / 3)::numeric, 2)", "a:small_float"),
        ("a * 1.0 / b", "a:small b:small"),
        ("abs(a - b) < 0.001", "a:small_float b:small_float"),
        ("a is distinct from null", "a:text"),
        ("upper(left(a, 1)) || lower(substring(a from 2))", "a:text"),
        ("regexp_replace(a, '[^0-9]', '', 'g')", "a:digits"),
        ("regexp_replace(a, '^\\s+|\\s+$', '', 'g')", "a:text"),
        ("regexp_replace(a, '(\\d+)-(\\d+)', '\\2-\\1')", "a:digits"),
        ("regexp_replace(a, '[.]', '\\\\')", "a:digits"),
        ("regexp_replace(a, '9', '[\\&]', 'g')", "a:digits"),
        ("regexp_replace(a, '', '-', 'g')", "a:letters"),
        ("regexp_replace(a, 'x*', '-', 'g')", "a:digits"),
        ("substring(a from '@(.*)$')", "a:email"),
        ("substring(a from '[^@]+')", "a:email"),
        ("substring(a from '(ada)?@')", "a:email"),
        (
            "a ~ '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$'",
            "a:email",
        ),
        ("a ~* '^ADA'", "a:email"),
        ("a !~ '\\d'", "a:text"),
        ("a !~* 'É'", "a:text"),
        ("regexp_like(a, 'a.b')", "a:letters"),
    ])
}

pub(crate) fn constants() -> Expressions {
    of(&[
        ("1 + 1", ""),
        ("2147483647 + 1", ""),
        ("2147483648 + 1", ""),
        ("9223372036854775807", ""),
        ("9223372036854775808", ""),
        ("-9223372036854775808", ""),
        ("1 / 3.0", ""),
        ("1e3", ""),
        (".5", ""),
        ("1.", ""),
        ("'a' || 'b'", ""),
        ("'a' || 1", ""),
        ("1 || 'a'", ""),
        ("'5' + 5", ""),
        ("'5' < 10", ""),
        ("'a' = 'a'", ""),
        ("null is null", ""),
        ("null", ""),
        ("'x'", ""),
        ("true", ""),
        ("date '2024-01-31' + 1", ""),
        ("date '2024-01-31' + interval '1 month'", ""),
        ("timestamp '2024-01-31 10:00' + '1 day'", ""),
        ("timestamptz '2024-01-31 10:00+02'", ""),
        ("'2024-01-31'::date - '2023-01-31'", ""),
        ("coalesce(null, null)", ""),
        ("coalesce(null, 1, 2.5)", ""),
        ("greatest('a', 'b')", ""),
        ("nullif(1, 1)", ""),
        ("nullif('a', 'b')", ""),
        ("E'a\\nb' || 'it''s'", ""),
        ("length('é')", ""),
        ("round(2.5)", ""),
        ("round(-2.5)", ""),
        ("round(2.5::float8)", ""),
        ("abs(-5)", ""),
        ("10 % 3", ""),
        ("-10 % 3", ""),
        ("10 / 4", ""),
        ("10 / 4.0", ""),
        ("1 / 0", ""),
        ("'x'::int", ""),
        ("'{\"a\": 1}'::jsonb -> 'a'", ""),
        ("'{\"a\": [1, 2]}'::jsonb #>> '{a,1}'", ""),
        ("to_char('2024-01-31'::date, 'YYYY')", ""),
        ("extract(year from date '2024-01-31')", ""),
        ("date_trunc('month', '2024-01-31'::timestamp)", ""),
        ("concat(1, null, 'a', true)", ""),
        ("1 in (1, 2)", ""),
        ("'a' in ('b')", ""),
        ("case when true then 'a' end", ""),
        ("case when false then 1 else 2.5 end", ""),
        ("interval '1 day' is null", ""),
        ("'abc' like 'a%'", ""),
        ("'1' between 1 and 2", ""),
        ("not true", ""),
        ("- 5", ""),
        ("-(-5)", ""),
        ("lower('ABC')", ""),
        ("md5('')", ""),
        ("substring('Thomas' from 2 for 3)", ""),
        ("position('om' in 'Thomas')", ""),
        ("'infinity'::timestamptz", ""),
        ("'NaN'::float8 = 'NaN'::float8", ""),
        ("1::numeric(5,2)", ""),
        ("123456::numeric(5,2)", ""),
        ("7::bool", ""),
        ("'t'::bool and 'f'", ""),
        ("'a' is distinct from 'b'", ""),
    ])
}
