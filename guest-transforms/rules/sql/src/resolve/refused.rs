//! Functions that no rule can have, whatever their arguments.

use crate::mistake::Mistake;
use crate::syntax::Name;
use crate::syntax::special::clock;

const CLOCKS: [&str; 5] = [
    "now",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "timeofday",
];
const RANDOM: [&str; 6] = [
    "random",
    "setseed",
    "gen_random_uuid",
    "uuid_generate_v4",
    "uuid_generate_v1",
    "gen_random_bytes",
];
const AGGREGATES: [&str; 20] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "string_agg",
    "array_agg",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "bool_and",
    "bool_or",
    "every",
    "stddev",
    "variance",
    "bit_and",
    "bit_or",
    "percentile_cont",
    "mode",
];
const WINDOWS: [&str; 11] = [
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];
/// Names of other databases, with what means the same.
const ELSEWHERE: [(&str, &str); 12] = [
    ("ifnull", "coalesce(a, b)"),
    ("nvl", "coalesce(a, b)"),
    ("isnull", "a is null"),
    ("iif", "case when a then b else c end"),
    ("if", "case when a then b else c end"),
    ("len", "length(a)"),
    ("ucase", "upper(a)"),
    ("lcase", "lower(a)"),
    ("instr", "position(part in text)"),
    ("charindex", "position(part in text)"),
    ("to_number", "a::numeric"),
    ("format", "concat(a, b)"),
];

/// An error for a function that is never here.
pub(super) fn check(name: &Name, arguments: usize) -> Result<(), Mistake> {
    let text = name.text.as_str();
    let mistake = |sentence: String| Err(Mistake::new(name.span, sentence));
    if CLOCKS.contains(&text) || text == "age" && arguments == 1 {
        return Err(clock(text, name.span));
    }
    if RANDOM.contains(&text) {
        return mistake(format!(
            "`{text}` gives another answer each time, and a rule gives the same one to the same \
             row: take `md5` of columns that tell rows apart"
        ));
    }
    if AGGREGATES.contains(&text) {
        let instead = match text {
            "min" => "; `least(a, b)` takes the smaller of two columns",
            "max" => "; `greatest(a, b)` takes the larger of two columns",
            _ => "",
        };
        return mistake(format!(
            "`{text}` is over many rows, and an expression sees one: there are no aggregates \
             here{instead}"
        ));
    }
    if WINDOWS.contains(&text) {
        return mistake(format!(
            "`{text}` looks at other rows, and an expression sees one: there are no windows here"
        ));
    }
    match ELSEWHERE.iter().find(|(known, _)| *known == text) {
        Some((_, instead)) => mistake(format!(
            "`{text}` is not of PostgreSQL, or not here: write `{instead}`"
        )),
        None => Ok(()),
    }
}
