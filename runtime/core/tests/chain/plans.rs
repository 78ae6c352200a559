//! What keeps a pipeline from starting, and what a joining transform gets.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};
use gristmill_core::chain::{Chain, check_plans, check_target};
use gristmill_core::column::{Batch, Column, LogicalType};
use gristmill_core::dimension::{Dimension, Dimensions};
use gristmill_core::plan::{Join, Plan};
use gristmill_core::transform::{Output, Transform};

use crate::rules::*;

/// `seq` is the key; `level` is what a join takes.
fn dimensions() -> Arc<Dimensions> {
    let fields = [
        field("seq", LogicalType::Int64, false),
        field("level", LogicalType::Text, true),
    ];
    let columns = vec![
        Column::new(Arc::new(Int64Array::from(vec![1, 2]))),
        Column::new(Arc::new(StringArray::from(vec![Some("one"), None]))),
    ];
    let rows = Batch {
        rows: 2,
        fields: Arc::from(fields),
        columns,
    };
    let levels = Dimension::new("levels", rows, &["seq".to_owned()]).unwrap();
    Arc::new(Dimensions::from([("levels".to_owned(), Arc::new(levels))]))
}

fn join() -> Join {
    let take = vec![field("level", LogicalType::Text, true)];
    Join {
        dimension: "levels".to_owned(),
        on: vec!["seq".to_owned()],
        take,
    }
}

/// The problems of the tests' pipeline, with a join, after `change`.
fn problems(change: impl FnOnce(&mut Plan, &mut Plan)) -> Vec<String> {
    let (mut normalizer, mut enricher) = (normalizer(PLAIN).plan, upper().plan);
    enricher.joins.push(join());
    change(&mut normalizer, &mut enricher);
    let plans = [("normalize", &normalizer), ("upper", &enricher)];
    let problems = check_plans(&plans, &dimensions()).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn plans_that_fit_say_what_is_written() {
    let (normalizer, enricher) = (normalizer(PLAIN).plan, upper().plan);
    let plans = [("normalize", &normalizer), ("upper", &enricher)];
    let written = check_plans(&plans, &Dimensions::new()).unwrap();
    let names: Vec<_> = written.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["key", "at", "seq", "note", "upper"]);
    assert_eq!(problems(|_, _| {}), [""; 0]);
}

#[test]
fn every_misfit_is_one_sentence() {
    type Change = fn(&mut Plan, &mut Plan);
    let cases: Vec<(Change, &str)> = vec![
        (
            |_, e| e.reads[0].name = "nota".into(),
            "transform `upper`: it reads column `nota`, which no earlier transform writes (did \
             you mean `note`?): reorder the transforms or correct the name",
        ),
        (
            |_, e| e.reads[0].name = "something".into(),
            "transform `upper`: it reads column `something`, which no earlier transform writes: \
             reorder the transforms or correct the name",
        ),
        (
            |_, e| e.reads[0].logical_type = LogicalType::Json,
            "transform `upper`: it reads column `note` as json, but that is text: declare it as \
             what it is",
        ),
        (
            |_, e| e.reads[0].nullable = false,
            "transform `upper`: it reads column `note` as never null, but it may be null: declare \
             it nullable",
        ),
        (
            |_, e| e.reads.push(e.reads[0].clone()),
            "transform `upper`: it asks for column `note` twice: read or take it once",
        ),
        (
            |_, e| e.writes.push(e.writes[0].clone()),
            "transform `upper`: it writes column `upper` twice: write it once",
        ),
        (
            |_, e| e.writes[0].name = "note".into(),
            "transform `upper`: it writes column `note`, which transform `normalize` writes \
             already: write another column",
        ),
        (
            |_, e| e.writes[0].name = "at".into(),
            "transform `upper`: it writes column `at`, which is key, event time, deleted flag or \
             order: only the normalizer may; write another column",
        ),
        (
            |n, e| e.roles = n.roles.clone(),
            "transform `upper`: only the first transform may declare roles: remove them, or make \
             it the first",
        ),
        (
            |n, _| n.roles = None,
            "transform `normalize`: the first transform must be a normalizer, but this one \
             declares no roles: put the normalizer first",
        ),
        (
            |n, _| n.roles.as_mut().unwrap().key.clear(),
            "transform `normalize`: its key has no columns: name at least one",
        ),
        (
            |n, _| n.roles.as_mut().unwrap().key.push("key".into()),
            "transform `normalize`: its key names column `key` twice: name it once",
        ),
        (
            |n, _| n.roles.as_mut().unwrap().key[0] = "kex".into(),
            "transform `normalize`: its key is column `kex`, which it does not write (did you \
             mean `key`?): write it",
        ),
        (
            |n, _| n.writes[0].nullable = true,
            "transform `normalize`: its key column `key` (int64) may be null: declare it not \
             nullable and reject rows without it",
        ),
        (
            |n, _| n.writes[0].logical_type = LogicalType::Json,
            "transform `normalize`: its key column `key` (json) is of a type of which a value has \
             no one form: use text, a number, uuid, bytes, boolean, a date or a timestamp",
        ),
        (
            |n, _| n.writes[1].logical_type = LogicalType::Int64,
            "transform `normalize`: its event time column `at` (int64) is no timestamp: declare \
             it timestamp(us) or timestamp(ms)",
        ),
        (
            |n, _| n.roles.as_mut().unwrap().deleted = Some("note".into()),
            "transform `normalize`: its deleted flag column `note` (text) is no boolean: declare \
             it boolean",
        ),
        (
            |n, _| {
                n.roles.as_mut().unwrap().order = vec!["seq".into()];
                n.writes[2].logical_type = LogicalType::Decimal {
                    precision: 20,
                    scale: 0,
                }
            },
            "transform `normalize`: its order column `seq` (decimal(20,0)) has no order that the \
             host knows: use int64 or text",
        ),
        (
            |_, e| e.joins[0].dimension = "level".into(),
            "transform `upper`: it joins the dimension `level`, which the pipeline does not have \
             (did you mean `levels`?): add a [dimension.level]",
        ),
        (
            |_, e| e.joins[0].on.clear(),
            "transform `upper`: it joins the dimension `levels` on no column, but the key is \
             `seq`: name one column for each of the key's",
        ),
        (
            |_, e| e.joins[0].on[0] = "note".into(),
            "transform `upper`: it joins the dimension `levels` on column `note`, which is text, \
             but the key's `seq` is int64: they must be of one type",
        ),
        (
            |_, e| e.joins[0].on[0] = "sequence".into(),
            "transform `upper`: it joins the dimension `levels` on column `sequence`, which no \
             earlier transform writes",
        ),
        (
            |_, e| e.joins[0].take[0].name = "levl".into(),
            "transform `upper`: it takes `levl` from the dimension `levels`, which has no such \
             column (did you mean `level`?)",
        ),
        (
            |_, e| e.joins[0].take[0].logical_type = LogicalType::Int64,
            "transform `upper`: it takes `level` from the dimension `levels` as int64, but that \
             is text: declare it as what it is",
        ),
        (
            |_, e| e.joins[0].take[0].nullable = false,
            "transform `upper`: it takes `level` from the dimension `levels` as never null, but a \
             row without a match has none: declare it nullable",
        ),
    ];
    for (change, sentence) in cases {
        let problems = problems(change);
        assert!(
            problems.iter().any(|p| p == sentence),
            "expected {sentence}\ngot {problems:#?}"
        );
    }
}

#[test]
fn a_bad_path_and_a_double_name_are_found() {
    assert_eq!(
        problems(|n, _| n.reads[0].name = "valu.key".into()).len(),
        1
    );
    let (normalizer, enricher) = (normalizer(PLAIN).plan, upper().plan);
    let plans = [("same", &normalizer), ("same", &enricher)];
    let problems = check_plans(&plans, &Dimensions::new()).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "transform `same`: another transform has this name: rename one"
    );
    assert!(
        check_plans(&[], &Dimensions::new()).unwrap_err()[0]
            .to_string()
            .contains("[[transform]]")
    );
}

#[test]
fn the_target_must_be_written_and_hold_key_and_time() {
    let written = [normalizer(PLAIN).plan.writes, upper().plan.writes].concat();
    let roles = normalizer(PLAIN).plan.roles.unwrap();
    let mut target = spec(PLAIN).target;
    assert_eq!(check_target(&target, &written, &roles), []);
    target[0].name = "uper".to_owned();
    target[3].logical_type = LogicalType::Text;
    target.remove(2);
    let problems: Vec<_> = check_target(&target, &written, &roles)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        problems,
        [
            "no transform writes the target column `uper` (did you mean `upper`?): write it, or \
             leave it out of the target",
            "the target column `seq` is text, but int64 is written: change the table or the \
             transform",
            "the target has no column `at`, which tells rows apart or which is newer: add it",
        ]
    );
    let mut wrong = spec(PLAIN);
    wrong.target = target;
    let transforms: Vec<Box<dyn Transform>> = vec![Box::new(normalizer(PLAIN)), Box::new(upper())];
    let error = Chain::new(wrong, transforms, Arc::new(Dimensions::new()), None)
        .err()
        .unwrap();
    assert_eq!(error.problems.len(), 3);
    assert!(error.to_string().contains("`uper`"));
}

#[test]
fn a_transform_sees_what_it_reads_and_takes_and_nothing_else() {
    let plan = Plan {
        reads: vec![field("note", LogicalType::Text, true)],
        // Joined on a column that it does not read.
        joins: vec![join()],
        writes: vec![field("upper", LogicalType::Text, true)],
        ..Plan::default()
    };
    let rule: Rule = Box::new(|batch| {
        let names: Vec<_> = batch.fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["note", "level"]);
        Ok(Output {
            columns: vec![batch.columns[1].clone()],
            rows: batch.rows,
            source_rows: None,
            rejections: Vec::new(),
        })
    });
    let enricher = Native {
        name: "level",
        plan,
        rule,
    };
    let transforms: Vec<Box<dyn Transform>> = vec![Box::new(normalizer(PLAIN)), Box::new(enricher)];
    let mut chain = Chain::new(spec(PLAIN), transforms, dimensions(), None).unwrap();
    let events: Vec<_> = [Some(1), Some(2), Some(3), None]
        .into_iter()
        .enumerate()
        .map(|(key, seq)| {
            let mut event = Event::new(key as i64, 100, "x");
            event.seq = seq;
            event
        })
        .collect();
    let computed = chain.compute(records(&events, 0, 1), NOW_US).unwrap();
    let levels: Vec<_> = rows(&computed).into_iter().map(|r| r.upper).collect();
    assert_eq!(levels, [Some("one".to_owned()), None, None, None]);
}

#[test]
fn an_absent_value_is_not_a_null_one_all_the_way() {
    let mut chain = chain();
    let mut records = gristmill_core::record::Records::default();
    let values = [
        r#"{"key":3,"at":5,"seq":null,"note":"a"}"#,
        r#"{"key":2,"at":5,"seq":7,"note":"b"}"#,
        r#"{"key":1,"at":5,"note":"trap"}"#,
        r#"{"key":1,"at":4,"note":"c"}"#,
    ];
    for (offset, value) in values.iter().enumerate() {
        records.push(
            offset as i64,
            None,
            None,
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    let computed = chain.compute(records, NOW_US).unwrap();
    let seq = &computed.rows.columns[3];
    let presence = seq
        .presence
        .as_ref()
        .expect("the decoder knows what is absent");
    assert_eq!(presence.iter().collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(
        seq.values.nulls().map(|n| n.iter().collect()),
        Some(vec![false, true, false])
    );
}
