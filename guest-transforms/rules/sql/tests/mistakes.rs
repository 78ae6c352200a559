//! Mistakes, each with what is said of it.

use gristmill_guest::testing::plan;
use serde_json::{Value, json};
use sql::Sql;

fn said(config: &Value) -> String {
    plan::<Sql>(config)
        .err()
        .unwrap_or_else(|| "NOTHING".to_owned())
}

#[test]
fn each_mistake_has_its_sentence() {
    let expressions = [
        "lowr(email)",
        "lower(emial)",
        "lower(id)",
        "email = 5",
        "email + 1",
        "coalesce(email, id)",
        "case when email then 1 end",
        "split_part(email)",
        "email ==  'a'",
        "\"ada\" = email",
        "email like 'a%",
        "(id + 1",
        "id +",
        "id id",
        "select email",
        "lower(email) from users",
        "count(email)",
        "row_number() over (order by id)",
        "(select 1)",
        "now() - at",
        "current_date",
        "random()",
        "gen_random_uuid()",
        "ifnull(email, '')",
        "email similar to 'a'",
        "email ~ '(?i)a'",
        "email ~ '\\yword'",
        "email ~ email",
        "regexp_replace(email, '(a*)(a*)', '\\1')",
        "regexp_replace(email, 'a*?', 'b')",
        "regexp_replace(email, '((a)|b)*', '\\2')",
        "email::smallint",
        "email::txt",
        "email::json",
        "json '{}'",
        "id::date",
        "'x'::int",
        "id / 0 + 1 / 0",
        "at - at",
        "power(id, 2)",
        "extract(yer from at)",
        "extract(hour from day)",
        "to_char(at, 'YYYY-MM-DDTHH24')",
        "to_char(at, 'SSSS')",
        "to_char(at, 'FM-MM')",
        "at at time zone 'Europe/Berlin'",
        "doc = doc",
        "u.email",
        "id = 1 = 2",
        "interval '1 day'",
        "at + interval '1.5 days'",
        "at + interval '01:00+02'",
        "array[1]",
        "email collate \"C\"",
        "id\n  + lenght(\n email)",
        "round(f, 2)",
        "in (1)",
        "userId + 1",
        "",
    ];
    let mut text = String::new();
    for expression in expressions {
        let config = json!({
            "reads": {
                "email": "text", "id": "int64", "at": "timestamp(us)", "day": "date",
                "f": "float64", "doc": "json", "userId": "int64",
            },
            "writes": { "x": expression },
        });
        text.push_str(&said(&config));
        text.push_str("\n\n");
    }
    insta::assert_snapshot!("expressions", text);
}

#[test]
fn each_config_that_contradicts_itself_has_its_sentence() {
    let reads = json!({ "a": "int64" });
    let configs = [
        json!({ "reads": reads }),
        json!({ "reads": { "a": "integer" }, "writes": { "x": "a" } }),
        json!({ "reads": reads, "writes": { "a": "a + 1" } }),
        json!({ "reads": reads, "writes": { "x": "y", "y": "x" } }),
        json!({ "reads": reads, "writes": { "x": "a" }, "rejects": { "Too Large": "a > 1" } }),
        json!({ "reads": reads, "writes": { "x": "a" }, "rejects": { "sql-error": "a > 1" } }),
        json!({ "reads": reads, "writes": { "x": "a" }, "rejects": { "large": "a" } }),
        json!({ "reads": reads, "writes": { "x": "a" }, "reject": {} }),
        json!({ "reads": { "a": { "path": "value.a", "type": "int64" } }, "writes": { "x": "a" } }),
        json!({
            "reads": reads, "writes": { "x": "a" },
            "roles": { "key": ["x"], "event_time": "x" },
        }),
        json!({
            "reads": { "a": { "path": "value.a", "type": "int64" } }, "writes": { "id": "a" },
            "roles": { "key": ["di"], "event_time": "id" },
        }),
        json!({
            "reads": { "a": { "path": "value.a", "type": "int64" } }, "writes": { "id": "a" },
            "roles": { "key": ["id"], "event_time": "id" },
        }),
        json!({
            "reads": reads, "writes": { "x": "a" },
            "joins": { "d": { "on": "a", "take": { "a": "text" } } },
        }),
    ];
    let said: Vec<String> = configs.iter().map(said).collect();
    insta::assert_snapshot!("configs", said.join("\n"));
}
