//! A rule that is no pure function of its rows is found, with the way, the row and the column; one
//! that is pure passes, also on rows that nobody wrote.

use std::path::Path;

use anyhow::{Context, Result};
use gristmill::authoring;
use gristmill::authoring::input;
use gristmill::definition::builtin;
use gristmill_core::rows;
use gristmill_core::transform::Transform;
use gristmill_sandbox::purity::{self, PurityError, sample};
use gristmill_sandbox::{Component, Limits, Sandbox};
use gristmill_tests::guests;
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[case::calls("calls", "run a second time, row 0 has `m` ")]
#[case::first_call("first-call", "run on a fresh instance, row 0 has `m` 1 and not 2")]
#[case::place("place", "run one by one, row 1 has `m` 0 and not 1")]
#[case::neighbour("neighbour", "run one by one, row 1 has `m` 0 and not 5")]
#[case::alone("alone", "run one by one, row 0 becomes 0 rows and not 1")]
#[case::crowd("crowd", "takes each row alone, but run many times over it fails")]
fn each_way_of_being_impure_is_named(#[case] how: &str, #[case] said: &str) -> Result<()> {
    let component = impure()?;
    let config = json!({ "how": how });
    let plan = component.open(&config)?.plan().clone();
    let batch = rows::batch(
        &plan.reads,
        &[
            json!({"n": 5}),
            json!({"n": 7}),
            json!({"n": null}),
            json!({}),
        ],
    )?;
    let error = purity::check(&component, &config, &batch).err();
    let Some(PurityError::Impure(sentence)) = error else {
        panic!("{how}: {error:?}");
    };
    assert!(sentence.contains(said), "{sentence}");
    Ok(())
}

#[test]
fn rows_that_fail_alone_are_told_and_do_not_make_a_rule_impure() -> Result<()> {
    let component = impure()?;
    let config = json!({ "how": "not-but-panics" });
    let plan = component.open(&config)?.plan().clone();
    let batch = rows::batch(
        &plan.reads,
        &[json!({"n": 5}), json!({"n": 7}), json!({"n": 9})],
    )?;
    let checked = purity::check(&component, &config, &batch)?;
    let failed: Vec<_> = checked.failures.iter().map(|f| f.row).collect();
    assert_eq!(failed, [1]);
    assert!(checked.failures[0].fault.to_string().contains("seven"));
    assert_eq!(checked.output.source_rows, Some(vec![0, 2]));
    let written = rows::read(&plan.writes, &checked.output.columns, checked.output.rows);
    assert_eq!(written, [json!({"m": 5}), json!({"m": 9})]);
    Ok(())
}

#[test]
fn a_limit_that_many_rows_meet_does_not_make_a_rule_impure() -> Result<()> {
    let component = impure()?;
    let rows = [1, 2, 3, 4].map(|n| json!({ "n": n }));
    let check = |how: &str| {
        let config = json!({ "how": how });
        let batch = rows::batch(&component.open(&config)?.plan().reads, &rows)?;
        anyhow::Ok(purity::check(&component, &config, &batch))
    };
    // Many times over, they need 256 MiB.
    assert_eq!(check("heavy")??.output.rows, 4);
    // Two need 80.
    let Err(PurityError::TooLarge(sentence)) = check("greedy")? else {
        panic!("it was accepted");
    };
    let said = "takes each row alone, but not 4 in one call: transform `impure` wanted more than \
                memory_max_bytes";
    assert!(sentence.contains(said), "{sentence}");
    let (sample, checked) = purity::check_sample(&component, &json!({ "how": "greedy" }))?;
    assert_eq!((sample.rows, checked.output.rows), (1, 1));
    Ok(())
}

#[test]
fn what_ships_is_pure_on_rows_that_nobody_wrote() -> Result<()> {
    let sandbox = Sandbox::new(None)?;
    let columns = json!({
        "id": "int64", "name": "text", "at": "timestamp(us)", "price": "decimal(6,2)",
        "blob": "bytes",
    });
    for name in builtin::names() {
        let bytes = builtin::component(name).context("no such transform")?;
        let component = sandbox.load(name, bytes, &Limits::default())?;
        let config = match name {
            "normalize-cdc" | "normalize-debezium" => json!({"key": ["id"], "columns": columns}),
            "sql" => json!({"reads": columns, "writes": {
                "upper": "upper(name)", "half": "price / 2", "day": "date_trunc('day', at)",
                "hash": "md5(blob)", "inverse": "1 / id", "parts": "regexp_replace(name, 'a+', '')",
            }}),
            _ => json!({}),
        };
        let plan = component.open(&config)?.plan().clone();
        let checked = purity::check(&component, &config, &sample(&plan))?;
        assert!(checked.failures.is_empty(), "{:?}", checked.failures);
    }
    Ok(())
}

#[test]
fn joins_are_typed_as_the_plan_says() -> Result<()> {
    use gristmill_core::column::{Field, LogicalType};
    use gristmill_core::plan::{Join, Plan};
    let field = |name: &str, logical_type| Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    };
    let plan = Plan {
        joins: vec![Join {
            dimension: "plans".to_owned(),
            on: vec!["plan_id".to_owned()],
            take: vec![field("seats", LogicalType::Int64)],
        }],
        ..Plan::default()
    };
    let csv = |_: &str| Ok(b"plan_id,seats,note\n1,10,\"a, b\"\n2,,\n".to_vec());
    let input = [1, 2, 3].map(|id| json!({ "plan_id": id }));
    let batch = input::batch(&plan, &input, &csv)?;
    let taken = rows::read(&batch.fields, &batch.columns, batch.rows);
    let expected: [Value; 3] = [
        json!({"seats": 10}),
        json!({"seats": null}),
        json!({"seats": null}),
    ];
    assert_eq!(taken, expected);

    let notes = input::typed_joins(&plan);
    assert!(
        notes.len() == 1 && notes[0].contains("`seats` of the dimension `plans` as int64"),
        "{notes:?}"
    );

    let wrong = |_: &str| Ok(b"plan_id,seats\n1,ten\n".to_vec());
    let error = format!("{:#}", input::batch(&plan, &input, &wrong).unwrap_err());
    let said = "dimension `plans`, row 1: `seats` is `ten`, which is no int64";
    assert!(error.contains(said), "{error}");

    let never_null = Plan {
        reads: vec![Field {
            nullable: false,
            ..field("plan_id", LogicalType::Int64)
        }],
        ..Plan::default()
    };
    let rows = [json!({ "plan_id": 1 }), json!({ "plan_id": null })];
    let error = input::check_rows(&never_null, &rows)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("input row 1: `plan_id` is null, and the rule reads it as never null"),
        "{error}"
    );

    let missing = authoring::input::csv_files(Path::new("cases/dimensions"));
    let error = input::batch(&plan, &input, &missing)
        .unwrap_err()
        .to_string();
    assert!(error.contains("cases/dimensions/plans.csv"), "{error}");
    Ok(())
}

fn impure() -> Result<Component> {
    let module = std::fs::read(guests::build("impure")?)?;
    Ok(Sandbox::new(None)?.load("impure", &module, &Limits::default())?)
}
