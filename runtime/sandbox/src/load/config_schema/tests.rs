//! Configs against the schemas of components, honest and hostile.

use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;
use serde_json::json;

use super::*;

#[rstest]
#[case(json!({ "domains": ["a"] }), None)]
#[case(json!({ "domans": [] }), Some("unknown key `domans`: did you mean `domains`?"))]
#[case(json!({ "x": 1 }), Some("unknown key `x`: the keys are domains, inner, shared"))]
#[case(json!({ "domains": "a" }), Some("at /domains: \"a\" is not of type \"array\""))]
#[case(
    json!({ "domains": [1, ""] }),
    Some(
        "at /domains/0: 1 is not of type \"string\"; at /domains/1: \"\" is shorter than 1 \
         character"
    )
)]
#[case(json!({ "inner": {} }), Some("at /inner: the key \"name\" is missing"))]
#[case(
    json!({ "inner": { "nam": 1, "name": 2 } }),
    Some("at /inner: unknown key `nam`: did you mean `name`?")
)]
#[case(
    json!({ "domains": [], "shared": { "nam": 1 } }),
    Some(
        "at /shared: unknown key `nam`: did you mean `name`?; at /shared: the key \"name\" is \
         missing"
    )
)]
fn what_is_wrong_is_said_in_words(#[case] config: Value, #[case] expected: Option<&str>) {
    let schema = json!({
        "type": "object",
        "properties": {
            "domains": { "type": "array", "items": { "type": "string", "minLength": 1 } },
            "inner": {
                "type": "object",
                "required": ["name"],
                "properties": { "name": true },
                "additionalProperties": false,
            },
            "shared": { "$ref": "#/properties/inner" },
        },
        "additionalProperties": false,
    });
    let schema = ConfigSchema::parse(&schema.to_string()).unwrap();
    assert_eq!(schema.check(&config).err().as_deref(), expected);
}

#[test]
fn a_schema_refers_to_nothing_outside_itself() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{}").unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let here = format!("http://{}/schema.json", server.local_addr().unwrap());
    for schema in [
        json!({ "$ref": format!("file://{}", file.path().display()) }),
        json!({ "$ref": here }),
        json!({ "$schema": here }),
    ] {
        let why = ConfigSchema::parse(&schema.to_string()).err();
        assert!(
            why.is_some_and(|why| why.contains("is not a JSON Schema")),
            "{schema}"
        );
    }
    let asked = server.accept().map(|_| ()).map_err(|e| e.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock));
}

#[test]
fn a_hostile_schema_is_refused_and_the_process_lives() {
    const CHILD: &str = "GRISTMILL_TEST_HOSTILE_SCHEMA_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return refuse_hostile_schemas();
    }
    let (_, module) = module_path!().split_once("::").unwrap();
    let name = format!("{module}::a_hostile_schema_is_refused_and_the_process_lives");
    // A stack that overflows ends the process, so it has to be another.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let output = [child.stdout, child.stderr].concat();
    let output = String::from_utf8_lossy(&output);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
}

fn refuse_hostile_schemas() {
    let deep = |levels| format!("{}true{}", r#"{"not":"#.repeat(levels), "}".repeat(levels));
    for (schema, why) in [
        (json!({ "$ref": "" }).to_string(), "refers to"),
        (json!({ "$ref": "#" }).to_string(), "refers to itself"),
        (
            json!({ "$ref": "#/a", "a": { "$ref": "#/b" }, "b": { "$ref": "#/a" } }).to_string(),
            "refers to itself",
        ),
        (deep(100_000), "bytes, and 262144 are the most"),
        (deep(30_000), "not JSON: recursion limit exceeded"),
        (deep(65), "more than 64 levels"),
        (
            json!({ "pattern": "^(a+)+(?=b)$" }).to_string(),
            "looks around",
        ),
        (
            json!({ "pattern": r"(\p{L}{1000}){1000}" }).to_string(),
            "takes more than 4194304 bytes",
        ),
    ] {
        let refused = ConfigSchema::parse(&schema).err().expect(why);
        assert!(refused.contains(why), "{refused}");
    }
    // On half the stack that the host gives a thread of its pool.
    let roomy = std::thread::Builder::new().stack_size(1 << 20);
    let deepest = roomy.spawn(move || {
        let schema = ConfigSchema::parse(&deep(64)).unwrap();
        assert!(schema.check(&json!(1)).is_ok());
        ConfigSchema::parse(r#"{ "pattern": "^\\p{L}{1,50}$" }"#).unwrap();
        let schema = ConfigSchema::parse(r#"{ "pattern": "^(a+)+$" }"#).unwrap();
        assert!(schema.check(&json!("a".repeat(1 << 16) + "b")).is_err());
    });
    deepest.unwrap().join().unwrap();
}

#[test]
fn where_nothing_may_be_configured_it_says_so() {
    let schema = ConfigSchema::parse(r#"{"additionalProperties":false}"#).unwrap();
    let expected = "there is nothing to configure: leave it out";
    assert_eq!(schema.check(&json!({ "a": 1 })).unwrap_err(), expected);
    assert!(ConfigSchema::parse(" ").unwrap().check(&json!(7)).is_ok());
}

/// Keywords in all combinations, and references to wherever they lead.
fn schema() -> impl Strategy<Value = Value> {
    let object = |key: &str, value: Value| json!({ key: value });
    let references = vec![
        "#",
        "#/$defs/a",
        "#/$defs/b",
        "#/properties/a",
        "#/allOf/0",
        "",
    ];
    let leaf = prop_oneof![
        2 => any::<bool>().prop_map(Value::Bool),
        6 => select(references).prop_map(|to| json!({ "$ref": to })),
        2 => select(vec!["string", "object", "array"]).prop_map(|of| json!({ "type": of })),
        1 => select(vec!["^(a|b)+$", "^a", "(?=a)"]).prop_map(|p| json!({ "pattern": p })),
        1 => Just(json!({
            "uniqueItems": true, "multipleOf": 0.1, "required": ["a"], "enum": [1, "a"],
        })),
    ];
    leaf.prop_recursive(5, 40, 3, move |inner| {
        let lists = select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]);
        let nested = vec![
            "not",
            "if",
            "then",
            "items",
            "contains",
            "additionalProperties",
            "propertyNames",
        ];
        let unevaluated = vec!["unevaluatedProperties", "unevaluatedItems"];
        let nested = prop_oneof![select(nested), select(unevaluated)];
        let maps = select(vec![
            "properties",
            "$defs",
            "dependentSchemas",
            "patternProperties",
        ]);
        let map = vec((select(vec!["a", "b"]), inner.clone()), 1..3);
        let map = map.prop_map(|m| {
            m.into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Value>()
        });
        let list = vec(inner.clone(), 1..3).prop_map(Value::Array);
        let part = prop_oneof![
            (lists, list).prop_map(move |(key, value)| object(key, value)),
            (nested, inner.clone()).prop_map(move |(key, value)| object(key, value)),
            (maps, map).prop_map(move |(key, value)| object(key, value)),
            inner,
        ];
        vec(part, 1..4).prop_map(|parts| {
            let objects = parts.into_iter().filter_map(|p| p.as_object().cloned());
            Value::Object(objects.flatten().collect())
        })
    })
}

fn config() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!("ab")), Just(Value::Null)];
    leaf.prop_recursive(6, 30, 3, |inner| {
        let map = vec((select(vec!["a", "b", "c"]), inner.clone()), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::Array),
            map.prop_map(|m| m
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_schema_is_refused_or_answers_any_config(schema in schema(), config in config()) {
        if let Ok(schema) = ConfigSchema::parse(&schema.to_string()) {
            let problems = schema.check(&config).err();
            prop_assert!(problems.is_none_or(|found| !found.is_empty()));
        }
    }
}
