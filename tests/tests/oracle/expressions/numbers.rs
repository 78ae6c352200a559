//! Arithmetic and functions of numbers.

use super::{Expressions, of};

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
