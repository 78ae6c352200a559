//! Rules by their configs, on rows.

use gristmill_guest::testing::{Answered, config_schema, plan, run};
use serde_json::{Value, json};
use sql::Sql;

fn answer(config: Value, rows: Value) -> Answered {
    run::<Sql>(&config, &rows).unwrap()
}

fn rows(config: Value, rows: Value) -> Value {
    json!(answer(config, rows).rows)
}

/// The rule of the guide.
fn email() -> Value {
    json!({
        "reads": { "email": "text", "country_code": "text" },
        "writes": {
            "is_corporate":
                "coalesce(lower(email_domain) in ('contoso.com', 'autodesk.com'), false)",
            "email_domain":
                "case when email like '%@%' then nullif(split_part(email, '@', -1), '') end",
        },
        "rejects": { "no-at": "email not like '%@%'" },
        "joins": { "countries": { "on": "country_code", "take": { "country_name": "text" } } },
    })
}

#[test]
fn columns_are_written_whatever_the_order_in_which_they_name_each_other() {
    let events = json!([
        { "email": "ada@CONTOSO.com", "country_code": "SG", "country_name": "Singapore" },
        { "email": "bob@", "country_code": null, "country_name": null },
        { "email": null, "country_code": null, "country_name": null },
        { "email": "nobody", "country_code": null, "country_name": null },
    ]);
    let answered = answer(email(), events);
    let expected = json!([
        { "email_domain": "CONTOSO.com", "is_corporate": true },
        { "email_domain": null, "is_corporate": false },
        { "email_domain": null, "is_corporate": false },
    ]);
    assert_eq!(json!(answered.rows), expected);
    assert_eq!(answered.rejections, [(3, "no-at".to_owned())]);
}

#[test]
fn the_plan_follows_from_the_expressions() {
    let plan = plan::<Sql>(&email()).unwrap();
    let writes: Vec<_> = plan
        .writes
        .iter()
        .map(|f| (&*f.name, &*f.logical_type, f.nullable))
        .collect();
    assert_eq!(
        writes,
        [
            ("email_domain", "text", true),
            ("is_corporate", "boolean", false)
        ]
    );
    assert_eq!(plan.reject_codes, ["no-at", "sql-error"]);
    assert_eq!(plan.joins[0].on, ["country_code"]);
    assert_eq!(plan.joins[0].take[0].name, "country_name");
}

#[test]
fn types_become_those_of_columns() {
    let config = json!({
        "reads": {
            "b": "boolean", "i": "int64", "f": "float64", "t": "text", "y": "bytes",
            "us": "timestamp(us)", "ms": "timestamp(ms)", "d": "date", "tus": "time(us)",
            "tms": "time(ms)", "u": "uuid", "p": "decimal(10,2)", "n": "decimal", "j": "json",
        },
        "writes": {
            "w_b": "not b", "w_i": "i + 1", "w_f": "f * 2", "w_t": "t || '!'", "w_y": "sha256(y)",
            "w_us": "date_trunc('day', us)", "w_ms": "ms", "w_d": "d + 1", "w_tus": "tus",
            "w_tms": "tms", "w_u": "u", "w_p": "p", "w_n": "(n * 2)::numeric(12,3)",
            "w_j": "j -> 'a'",
            "w_4": "length(t)", "w_l": "'x'", "w_m": "n + 1", "w_r": "round(i / 3.0, 1)",
        },
    });
    let plan = plan::<Sql>(&config).unwrap();
    let types: Vec<String> = plan
        .writes
        .iter()
        .map(|f| format!("{} {}", f.name, f.logical_type))
        .collect();
    assert_eq!(
        types.join(", "),
        "w_4 int64, w_b boolean, w_d date, w_f float64, w_i int64, w_j json, w_l text, \
         w_m decimal, w_ms timestamp(us), w_n decimal(12,3), w_p decimal(10,2), w_r decimal, \
         w_t text, w_tms time(us), w_tus time(us), w_u uuid, w_us timestamp(us), w_y bytes"
    );
    let row = json!({
        "b": true, "i": 1, "f": 0.5, "t": "é", "y": "", "us": 86_400_000_001_i64, "ms": 1, "d": -1,
        "tus": 5, "tms": 5, "u": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "p": "1.50", "n": "0.5",
        "j": "{\"a\":[1,2]}",
    });
    let mut found = rows(config, json!([row]))[0].clone();
    found.as_object_mut().unwrap().remove("w_y");
    let expected = json!({
        "w_4": 1, "w_b": false, "w_d": 0, "w_f": 1.0, "w_i": 2, "w_j": "[1, 2]", "w_l": "x",
        "w_m": "1.5", "w_ms": 1000, "w_n": "1.000", "w_p": "1.50", "w_r": "0.3", "w_t": "é!",
        "w_tms": 5000, "w_tus": 5, "w_u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "w_us": 86_400_000_000_i64,
    });
    assert_eq!(found, expected);
}

#[test]
fn what_comes_of_an_absent_value_is_absent() {
    let config = json!({
        "reads": { "a": "int64", "b": "int64" },
        "writes": { "x": "a + 1", "y": "x + b", "z": "1" },
        "rejects": { "large": "coalesce(a, 100) > 50" },
    });
    let found = rows(
        config,
        json!([{ "b": 1 }, { "a": 1, "b": null }, { "a": 2 }]),
    );
    assert_eq!(
        found,
        json!([{ "z": 1 }, { "x": 2, "y": null, "z": 1 }, { "x": 3, "z": 1 }])
    );
}

#[test]
fn an_expression_that_fails_is_a_dead_letter_of_its_row() {
    let config = json!({
        "reads": { "a": "int64", "b": "int64" },
        "writes": {
            "share": "a / b",
            "safe": "case when b <> 0 then a / b end",
            "also_safe": "b <> 0 and a / b > 1",
        },
    });
    let answered = answer(config, json!([{ "a": 4, "b": 2 }, { "a": 1, "b": 0 }]));
    assert_eq!(
        json!(answered.rows),
        json!([{ "share": 2, "safe": 2, "also_safe": true }])
    );
    assert_eq!(answered.rejections, [(1, "sql-error".to_owned())]);
}

#[test]
fn conditions_decide_before_failures() {
    let config = json!({
        "reads": { "a": "text" },
        "writes": { "n": "a::int8" },
        "rejects": { "no-number": "a !~ '^\\d+$'" },
    });
    let answered = answer(
        config,
        json!([{ "a": "x" }, { "a": "99999999999999999999" }]),
    );
    let expected = [(0, "no-number".to_owned()), (1, "sql-error".to_owned())];
    assert_eq!(answered.rejections, expected);
}

#[test]
fn the_code_of_a_row_does_not_hang_on_the_names_of_the_codes() {
    for failing in ["a-bad", "z-bad"] {
        let config = json!({
            "reads": { "x": "int64" },
            "writes": { "y": "x + 1" },
            "rejects": { failing: "1 / x > 0", "b-bad": "x = 0" },
        });
        let answered = answer(config, json!([{ "x": 0 }]));
        assert_eq!(answered.rejections, [(0, "b-bad".to_owned())], "{failing}");
    }
}

#[test]
fn a_condition_is_not_asked_of_any_column_that_failed() {
    let config = json!({
        "reads": { "x": "text", "y": "text" },
        "writes": { "a": "x::int", "b": "y::int", "c": "coalesce(b, 0)" },
        "rejects": { "no-b": "b is null", "no-c": "c = 0" },
    });
    let events = json!([{ "x": "q", "y": "q" }, { "x": "q", "y": null }, { "x": "1", "y": "q" }]);
    let answered = answer(config, events);
    let codes = [(0, "sql-error"), (1, "no-b"), (2, "sql-error")];
    let expected = codes.map(|(row, code)| (row, code.to_owned()));
    assert_eq!(answered.rejections, expected);
}

#[test]
fn the_time_of_an_infinity_is_null_and_its_column_says_so() {
    let config = json!({
        "reads": { "at": "timestamp(us)" },
        "writes": { "t": "coalesce(at, '2024-01-01')::time" },
    });
    assert!(plan::<Sql>(&config).unwrap().writes[0].nullable);
    let events = json!([{ "at": i64::MAX }, { "at": null }]);
    assert_eq!(rows(config, events), json!([{ "t": null }, { "t": 0 }]));
}

/// A normalizer of change events.
fn users() -> Value {
    json!({
        "reads": {
            "op": { "path": "value.op", "type": "text" },
            "before_id": { "path": "value.before.user_id", "type": "int64" },
            "after_id": { "path": "value.after.user_id", "type": "int64" },
            "name": { "path": "value.after.name", "type": "text" },
            "at": { "path": "value.timestamp_ms", "type": "timestamp(ms)" },
        },
        "writes": {
            "user_id": "case when op = 'd' then before_id else after_id end",
            "name": "name",
            "updated_at": "at",
            "is_deleted": "op = 'd'",
        },
        "rejects": { "unknown-op": "op is null or op not in ('c', 'u', 'r', 'd')" },
        "roles": { "key": ["user_id"], "event_time": "updated_at", "deleted": "is_deleted" },
    })
}

#[test]
fn a_normalizer_passes_on_what_is_absent() {
    let events = json!([
        { "value": { "op": "c", "after": { "user_id": 1, "name": "Ada" }, "timestamp_ms": 1 } },
        { "value": { "op": "u", "after": { "user_id": 1 }, "timestamp_ms": 2 } },
        { "value": { "op": "d", "before": { "user_id": 1 }, "timestamp_ms": 3 } },
        { "value": { "op": "c", "after": {}, "timestamp_ms": 4 } },
        { "value": { "op": "c", "after": { "user_id": 2 } } },
        { "value": { "op": "x" } },
    ]);
    let answered = answer(users(), events);
    let expected = json!([
        { "user_id": 1, "name": "Ada", "updated_at": 1000, "is_deleted": false },
        { "user_id": 1, "updated_at": 2000, "is_deleted": false },
        { "user_id": 1, "updated_at": 3000, "is_deleted": true },
    ]);
    assert_eq!(json!(answered.rows), expected);
    let codes = [(3, "missing-key"), (4, "missing-time"), (5, "unknown-op")];
    assert_eq!(
        answered.rejections,
        codes.map(|(row, code)| (row, code.to_owned()))
    );
    let plan = plan::<Sql>(&users()).unwrap();
    let never_null: Vec<_> = plan
        .writes
        .iter()
        .filter(|f| !f.nullable)
        .map(|f| &*f.name)
        .collect();
    assert_eq!(never_null, ["is_deleted", "updated_at", "user_id"]);
    assert_eq!(plan.roles.unwrap().key, ["user_id"]);
}

#[test]
fn in_a_normalizer_what_is_computed_of_an_absent_value_is_absent() {
    let mut config = users();
    let writes = json!({
        "lower": "lower(name)",
        "case_of": "case when name <> '' then name end",
        "case_else": "case when name <> '' then 1 else 2 end",
        "chosen": "case when op = 'c' then 'new' when name = 'x' then 'x' else 'old' end",
        "and_true": "name = 'Ada' and op = 'u'",
        "and_false": "name = 'Ada' and op = 'c'",
        "or_true": "op = 'u' or name = 'Ada'",
        "in_list": "name in ('Ada', 'Bob')",
        "twice": "lower || lower",
        "either": "coalesce(name, lower)",
        "same": "nullif(name, '')",
        "largest": "greatest(name, lower(name))",
        // These ask whether there is a value, or do with what there is.
        "is_null": "name is null",
        "or_none": "coalesce(name, 'none')",
        "joined": "concat(name, '!')",
        "told": "case when name is not null then name end",
        "first": "least(name, 'B')",
    });
    config["writes"]
        .as_object_mut()
        .unwrap()
        .extend(writes.as_object().unwrap().clone());
    config["rejects"] = json!({ "bad": "name = 'x'", "worse": "not (name <> 'x')" });
    let event = json!({ "op": "u", "after": { "user_id": 1 }, "timestamp_ms": 2 });
    let expected = json!({
        "user_id": 1, "updated_at": 2000, "is_deleted": false,
        "and_false": false, "or_true": true, "is_null": true, "or_none": "none", "joined": "!",
        "told": null, "first": "B",
    });
    assert_eq!(
        rows(config.clone(), json!([{ "value": event }])),
        json!([expected])
    );
    let mut event = event;
    event["after"]["name"] = json!(null);
    let found = rows(config, json!([{ "value": event }]));
    let names: Vec<&String> = found[0].as_object().unwrap().keys().collect();
    assert_eq!(
        names.len(),
        21,
        "a null that is told is null in each: {found}"
    );
}

#[test]
fn constants_of_a_list_are_compared_first() {
    let config = json!({
        "reads": { "n": "int64", "m": "int64" },
        "writes": { "x": "n in (1 / m, 5, 6)" },
    });
    let answered = answer(config, json!([{ "n": 5, "m": 0 }, { "n": 7, "m": 0 }]));
    assert_eq!(json!(answered.rows), json!([{ "x": true }]));
    assert_eq!(answered.rejections, [(1, "sql-error".to_owned())]);
}

#[test]
fn comments_stand_in_each_other() {
    let written = |text: &str| plan::<Sql>(&json!({ "reads": {}, "writes": { "x": text } }));
    let config = json!({ "writes": { "x": "1 /* /* */ + 1 */ + 2" } });
    assert_eq!(rows(config, json!([{}])), json!([{ "x": 3 }]));
    assert!(written("1 /* /* */").unwrap_err().contains("does not end"));
}

#[test]
fn nullability_follows_from_the_expression() {
    let config = json!({
        "reads": { "a": "int64", "t": "text" },
        "writes": {
            "n1": "coalesce(a, 0)", "n2": "a is null", "n3": "concat(t)", "n4": "1 + 2",
            "n5": "case when a > 1 then 'x' else 'y' end", "n6": "a is distinct from 5",
            "y1": "a + 1", "y2": "case when a > 1 then 'x' end", "y3": "nullif('a', 'a')",
            "y4": "coalesce(a, null)", "y5": "a > 1",
        },
    });
    let plan = plan::<Sql>(&config).unwrap();
    let wrong: Vec<_> = plan
        .writes
        .iter()
        .filter(|f| f.nullable == f.name.starts_with('n'))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_schema_describes_each_part() {
    let schema = config_schema::<Sql>();
    for part in ["reads", "writes", "rejects", "joins", "roles"] {
        assert!(
            schema["properties"][part]["description"].is_string(),
            "{part}"
        );
    }
}

#[test]
fn what_is_too_deep_or_too_long_is_refused() {
    let refused = |text: String| {
        let config = json!({ "reads": { "a": "int64" }, "writes": { "x": text } });
        plan::<Sql>(&config).unwrap_err()
    };
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert!(refused(deep).contains("more than 60"));
    let chain = "a + ".repeat(300) + "a";
    assert!(refused(chain).contains("more than 100"));
    let both = (0..5).fold("a".to_owned(), |inner, _| {
        format!("({inner}{})", " + a".repeat(80))
    });
    assert!(refused(both).contains("too deep"));
    let long = format!("a in ({})", vec!["1"; 3000].join(", "));
    assert!(refused(long).contains("more than 4000 words"));
}

#[test]
fn a_value_that_postgres_has_no_room_for_is_a_dead_letter() {
    let config = json!({
        "reads": { "at": "timestamp(us)", "ms": "timestamp(ms)", "day": "date", "j": "json" },
        "writes": { "y": "extract(year from at)", "w": "day + 1", "z": "j", "m": "ms" },
    });
    let row = json!({ "at": 0, "ms": 0, "day": 0, "j": "{}" });
    let odd = [
        ("at", json!(i64::MAX - 1)),
        ("at", json!(i64::MIN + 1)),
        ("ms", json!(i64::MAX - 1)),
        ("day", json!(i64::MAX - 1)),
        ("j", json!("{")),
    ];
    let rows = odd.map(|(name, value)| {
        let mut row = row.clone();
        row[name] = value;
        row
    });
    let answered = answer(config.clone(), json!(rows));
    // The largest timestamp but infinity is in 294247.
    assert_eq!(answered.rejections.len(), 4);
    let infinite = json!([{ "at": i64::MAX, "ms": i64::MIN, "day": i64::MAX, "j": "1" }]);
    assert_eq!(answer(config, infinite).rejections, []);
}
