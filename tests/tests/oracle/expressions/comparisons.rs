//! Comparisons, and what stands on them.

use super::{Expressions, of};

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
