//! Expressions in expressions, made by chance.

use crate::expressions::Expressions;
use crate::values::Values;

/// Expressions that are tried.
const EXPRESSIONS: usize = 400;
/// How deep they are nested.
const DEPTH: u64 = 4;

/// The columns of all of them. Small values, so that not every other sum is out of range.
const COLUMNS: &str = "b:bool s:small i:int8 f:small_float n:small_numeric t:text l:letters \
                       e:email d:date z:timestamptz y:bytea j:jsonb u:uuid x:number_text \
                       w:date_text";

/// What makes a value of a type, with types in braces for what it is made of. The first ones are
/// made of nothing. Lists of `in` have nothing that fails: in functions, by which the oracle is
/// asked, PostgreSQL computes them whole, and in queries it does not.
const FORMS: [(&str, usize, &[&str]); 10] = [
    (
        "bool",
        3,
        &[
            "b",
            "true",
            "(s > 0)",
            "({bool} and {bool})",
            "({bool} or {bool})",
            "(not {bool})",
            "({int} = {int})",
            "({int} < {numeric})",
            "({double} >= {int})",
            "({text} = {text})",
            "({text} < {text})",
            "({text} like '%a%')",
            "({text} ilike 'A_%')",
            "({text} like '%@%')",
            "({text} ~ '^[a-c]+')",
            "({int} is null)",
            "({text} is distinct from {text})",
            "({int} in (1, 2, s))",
            "({bool} is true)",
            "({text} in ('a', 'b', l))",
            "({int} between {int} and {int})",
            "({day} > {day})",
            "({moment} <= {moment})",
            "starts_with({text}, {text})",
            "({numeric} <> {numeric})",
            "({bytes} = {bytes})",
            "((l || {text})::boolean)",
            "(u is null)",
            "({bool} is not unknown)",
            "(s::boolean)",
        ],
    ),
    (
        "int",
        3,
        &[
            "s",
            "2",
            "i",
            "({int} + {int})",
            "({int} - {int})",
            "({int} * s)",
            "({int} / {int})",
            "({int} % {int})",
            "(- {int})",
            "abs({int})",
            "length({text})",
            "position({text} in {text})",
            "ascii({text})",
            "octet_length({bytes})",
            "({numeric}::int4)",
            "({double}::int8)",
            "((x || {text})::int8)",
            "mod({int}, 7)",
            "({day} - {day})",
            "({bool}::int4)",
            "jsonb_array_length({document})",
            "(extract(year from {moment})::int)",
            "({document} ->> 'a')::int8",
            "(x::int4)",
        ],
    ),
    (
        "double",
        2,
        &[
            "f",
            "0.5::float8",
            "({double} + {double})",
            "({double} * {double})",
            "({double} - {int})",
            "({double} / {double})",
            "({int}::float8)",
            "({numeric}::float8)",
            "round({double})",
            "floor({double})",
            "sqrt(abs({double}))",
            "trunc({double})",
            "(x::float8)",
            "date_part('epoch', {moment})",
            "(- {double})",
        ],
    ),
    (
        "numeric",
        3,
        &[
            "n",
            "1.50",
            "(-0.125)",
            "({numeric} + {numeric})",
            "({numeric} - {int})",
            "({numeric} * {numeric})",
            "({numeric} / {numeric})",
            "({numeric} % {numeric})",
            "round({numeric}, s)",
            "round({numeric}, 2)",
            "trunc({numeric}, 1)",
            "ceil({numeric})",
            "({int}::numeric)",
            "({double}::numeric)",
            "(x::numeric)",
            "({numeric}::numeric(12,3))",
            "extract(epoch from {moment})",
            "abs({numeric})",
            "extract(second from {moment})",
            "(- {numeric})",
            "sign({numeric})",
        ],
    ),
    (
        "text",
        5,
        &[
            "t",
            "l",
            "e",
            "'a'",
            "''",
            "({text} || {text})",
            "lower({text})",
            "upper({text})",
            "trim({text})",
            "left({text}, s)",
            "right({text}, {int}::int4)",
            "substring({text} from s for 3)",
            "split_part({text}, '@', -1)",
            "split_part({text}, {text}, 1)",
            "replace({text}, {text}, '-')",
            "reverse({text})",
            "lpad({text}, 6, 'xy')",
            "({int}::text)",
            "({double}::text)",
            "({numeric}::text)",
            "({bool}::text)",
            "({moment}::text)",
            "({day}::text)",
            "({document}::text)",
            "({document} ->> 'a')",
            "({document} #>> '{a,0}')",
            "concat({text}, {int}, {bool})",
            "concat_ws('-', {text}, {numeric}, {text})",
            "md5({text})",
            "encode({bytes}, 'hex')",
            "regexp_replace({text}, '[^a-z]', '', 'g')",
            "substring({text} from '@(.*)')",
            "to_char({moment}, 'YYYY-MM-DD HH24:MI:SS.US')",
            "to_char({day}, 'FMDay DDD')",
            "translate({text}, 'ab@', 'x')",
            "initcap({text})",
            "({text}::varchar(3))",
            "to_hex({int})",
            "(u::text)",
            "jsonb_typeof({document})",
            "({bytes}::text)",
            "coalesce({text}, '')",
            "nullif({text}, '')",
            "ltrim({text}, 'a ')",
        ],
    ),
    (
        "day",
        2,
        &[
            "d",
            "date '2024-02-29'",
            "({day} + s)",
            "({day} - s)",
            "({moment}::date)",
            "(w::date)",
            "make_date(2000 + s, 2, 28)",
        ],
    ),
    (
        "moment",
        1,
        &[
            "z",
            "({day}::timestamptz)",
            "date_trunc('month', {moment})",
            "date_trunc('hour', {moment})",
            "({moment} + interval '1 month 2 days')",
            "({moment} - interval '90 minutes')",
            "to_timestamp({int})",
            "(w::timestamptz)",
            "to_timestamp({double})",
        ],
    ),
    (
        "bytes",
        1,
        &[
            "y",
            "sha256({bytes})",
            "({bytes} || {bytes})",
            "convert_to({text}, 'UTF8')",
            "decode(md5({text}), 'hex')",
        ],
    ),
    (
        "document",
        1,
        &[
            "j",
            "({document} -> 'a')",
            "({document} -> 0)",
            "({document} -> {text})",
            "({document} #> '{name,a}')",
            "((t || {text})::jsonb)",
        ],
    ),
    ("uuid", 1, &["u", "(md5({text})::uuid)"]),
];

/// What makes a value of any type of values of that type.
const SHAPES: [&str; 7] = [
    "case when {bool} then {T} else {T} end",
    "case when {bool} then {T} when {bool} then {T} end",
    "coalesce({T}, {T})",
    "nullif({T}, {T})",
    "greatest({T}, {T}, {T})",
    "least({T}, {T})",
    "case {T} when {T} then {T} else {T} end",
];

pub(crate) fn nested(values: &mut Values) -> Expressions {
    let make = |_| {
        let (name, ..) = FORMS[values.below(FORMS.len() as u64) as usize];
        (expression(values, name, DEPTH), COLUMNS.to_owned())
    };
    (0..EXPRESSIONS).map(make).collect()
}

fn expression(values: &mut Values, name: &str, depth: u64) -> String {
    let form = FORMS.iter().find(|(known, ..)| *known == name);
    let (_, leaves, forms) = form.unwrap_or_else(|| panic!("no forms of {name}"));
    let form = match values.below(6) {
        // JSON is not compared here.
        0 if depth > 0 && name != "document" => {
            values.pick(&SHAPES).replace("{T}", &format!("{{{name}}}"))
        }
        _ if depth > 0 => values.pick(forms).to_owned(),
        _ => values.pick(&forms[..*leaves]).to_owned(),
    };
    filled(values, &form, depth)
}

/// The form with an expression for each type in braces; other braces stay.
fn filled(values: &mut Values, form: &str, depth: u64) -> String {
    let mut text = String::new();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        match after.split_once('}') {
            Some((name, after)) if FORMS.iter().any(|(known, ..)| *known == name) => {
                text.push_str(&expression(values, name, depth - 1));
                rest = after;
            }
            _ => {
                text.push('{');
                rest = after;
            }
        }
    }
    text + rest
}
