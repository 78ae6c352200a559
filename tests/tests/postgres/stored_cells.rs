//! Cells that an enricher needs and only the table has.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};
use gristmill_core::chain::{Chain, ChainSpec, Computed, Delete, Late, TimePolicy, Truncate};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::decode::{Formats, JsonForms, Tombstone};
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::record::Records;
use gristmill_core::transform::{Fault, Output, Transform};

use gristmill_postgres::commit::refusal::Settled;
use gristmill_postgres::commit::row_origin::RowOrigin;

use crate::absent::{People, TRACKED, cell_fields};
use crate::fixture::{field, roles};

/// A transform that asks for columns and gives some of its own.
struct Rule {
    name: &'static str,
    plan: Plan,
    rule: fn(&Batch) -> Vec<Column>,
}

impl Transform for Rule {
    fn name(&self) -> &str {
        self.name
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        Ok(Output {
            columns: (self.rule)(input),
            rows: input.rows,
            source_rows: None,
            rejections: Vec::new(),
        })
    }
}

/// The e-mail is made of name and bio, and absent where one of them is.
fn email(batch: &Batch) -> Vec<Column> {
    let [name, bio] = [0, 1].map(|i| &batch.columns[i]);
    let text = |column: &Column, row: usize| {
        let texts = column.values.as_string::<i32>();
        let text = texts.is_valid(row).then(|| texts.value(row));
        text.unwrap_or("null").to_owned()
    };
    let is_known = |row: usize| {
        let mut presence = [name, bio].into_iter().filter_map(|c| c.presence.as_ref());
        presence.all(|bits| bits.value(row))
    };
    let email = |row| is_known(row).then(|| format!("{}@{}", text(name, row), text(bio, row)));
    vec![Column {
        values: Arc::new((0..batch.rows).map(email).collect::<StringArray>()),
        presence: Some((0..batch.rows).map(is_known).collect()),
    }]
}

fn chain() -> Result<Chain> {
    let own = cell_fields().into_iter().filter(|f| f.name != "email");
    let own: Vec<Field> = own.collect();
    let read = |f: &Field| Field {
        name: format!("value.{}", f.name),
        logical_type: match f.logical_type {
            LogicalType::TimestampUs => LogicalType::Int64,
            other => other,
        },
        nullable: true,
    };
    let mut writes = own.clone();
    writes[0].nullable = false;
    let normalizer = Rule {
        name: "normalize",
        plan: Plan {
            reads: own.iter().map(read).collect(),
            writes,
            roles: Some(Roles { ..roles() }),
            ..Plan::default()
        },
        rule: |batch| batch.columns.clone(),
    };
    let texts = ["name", "bio", "email"].map(|name| field(name, LogicalType::Text));
    let enricher = Rule {
        name: "email",
        plan: Plan {
            reads: texts[..2].to_vec(),
            writes: texts[2..].to_vec(),
            ..Plan::default()
        },
        rule: email,
    };
    let spec = ChainSpec {
        topic: "people_cdc".to_owned(),
        partition: 0,
        time: TimePolicy {
            watermark_delay_us: 10_000,
            ttl_us: i64::MAX,
            future_max_us: 5_000_000,
            floor_us: 0,
            late: Late::Apply,
        },
        tombstone: Tombstone::Ignore,
        absent: None,
        formats: Formats::default(),
        forms: JsonForms::default(),
        delete: Delete::Soft,
        truncate: Truncate::Halt,
        record_max_bytes: 1 << 20,
        state_max_bytes: 1 << 20,
        target: cell_fields(),
    };
    let transforms: Vec<Box<dyn Transform>> = vec![Box::new(normalizer), Box::new(enricher)];
    let dimensions = Arc::new(Dimensions::new());
    Ok(Chain::new(spec, transforms, dimensions, None)?)
}

/// Commits documents as the worker does; answers how many keys were asked for.
async fn commit(people: &mut People, chain: &mut Chain, values: &[&str]) -> Result<usize> {
    let (computed, asked) = compute(people, chain, values).await?;
    people.commit(&computed).await?;
    chain.committed(&computed);
    Ok(asked)
}

/// Computes them as far as a flush.
async fn compute(
    people: &mut People,
    chain: &mut Chain,
    values: &[&str],
) -> Result<(Computed, usize)> {
    let mut records = Records::default();
    for (i, value) in values.iter().enumerate() {
        let offset = people.next_of(0) + i as i64;
        let none = std::iter::empty();
        records.push(offset, Some(1), None, Some(value.as_bytes()), none);
    }
    let computed = chain.compute(records, 1_000).map_err(|batch| batch.fault)?;
    with_stored(people, chain, computed).await
}

/// Reads what it wants of the table, until it wants no more. Returns for how many keys, too.
async fn with_stored(
    people: &mut People,
    chain: &mut Chain,
    mut computed: Computed,
) -> Result<(Computed, usize)> {
    let mut asked = 0;
    while let Some(wanted) = &computed.wanted {
        asked += wanted.keys.rows;
        let (origin, records) = (RowOrigin::of(&people.lease), &computed.records);
        let stored = people
            .sink
            .stored(&mut people.connection, origin, records, wanted);
        let stored = stored.await?;
        let whole = chain.with_stored(computed, &stored.cells, &stored.older);
        computed = whole.map_err(|batch| batch.fault)?;
        computed.read = stored.read;
    }
    Ok((computed, asked))
}

/// Another partition, a replay or a person may write a row while its flush waits for a lock.
#[tokio::test]
async fn a_flush_of_what_was_read_before_another_change_is_computed_again() -> Result<()> {
    let mut people = People::new("stored_moved", TRACKED, Delete::Soft).await?;
    let mut chain = chain().context("the plans fit")?;
    let whole = [
        r#"{"id":1,"name":"a","bio":"x","is_deleted":false,"at":10}"#,
        r#"{"id":2,"name":"b","bio":"y","is_deleted":false,"at":10}"#,
    ];
    commit(&mut people, &mut chain, &whole).await?;
    let parts = [
        r#"{"id":1,"name":"A","is_deleted":false,"at":30}"#,
        r#"{"id":2,"name":"B","is_deleted":false,"at":30}"#,
        r#"{"id":3,"name":"C","is_deleted":false,"at":30}"#,
    ];
    let (computed, _) = compute(&mut people, &mut chain, &parts).await?;
    // Older than what is on its way: the guard lets both pass.
    let other = "update people set bio = 'z', _gm_version = set_byte(_gm_version, 8, 20)
        where id = 2";
    people.fixture.psql(other)?;
    let error = people.commit(&computed).await.unwrap_err();
    assert!(error.is_outdated(), "{error:?}");
    let settled = people.settle(&computed).await.unwrap_err();
    assert!(settled.is_outdated(), "{settled:?}");
    assert_eq!(people.rows()?, "1|a|x|a@x|f|\n2|b|z|b@y|f|");
    let again = chain.exclude(computed, Vec::new());
    let again = again.map_err(|batch| batch.fault)?;
    let (again, _) = with_stored(&mut people, &mut chain, again).await?;
    let refused = people.commit(&again).await;
    assert!(refused.is_err(), "key 3 has no bio: {refused:?}");
    let settled = people.settle(&again).await?;
    let Settled::Refused(rows) = settled else {
        panic!("{settled:?}");
    };
    assert_eq!(rows.len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_enricher_gets_what_is_stored_beside_what_has_changed() -> Result<()> {
    let mut people = People::new("stored_cells", TRACKED, Delete::Soft).await?;
    let mut chain = chain().context("the plans fit")?;
    let whole = [
        r#"{"id":1,"name":"a","bio":"x","is_deleted":false,"at":10}"#,
        r#"{"id":2,"name":"b","bio":"y","is_deleted":false,"at":10}"#,
        r#"{"id":3,"bio":"z","is_deleted":false,"at":10}"#,
        r#"{"id":4,"name":"d","bio":"w","is_deleted":true,"at":10}"#,
    ];
    assert_eq!(commit(&mut people, &mut chain, &whole).await?, 1);
    let stored = "1|a|x|a@x|f|\n2|b|y|b@y|f|\n3||z|nobody|f|{email,name}\n4|d|w|d@w|t|";
    assert_eq!(people.rows()?, stored);
    let parts = [
        r#"{"id":2,"is_deleted":false,"at":20}"#,
        r#"{"id":1,"name":"A","is_deleted":false,"at":20}"#,
        r#"{"id":3,"bio":"Z","is_deleted":false,"at":20}"#,
        r#"{"id":4,"bio":"W","is_deleted":false,"at":20}"#,
    ];
    // Key 2 asks for nothing: nothing has changed that the enricher reads.
    assert_eq!(commit(&mut people, &mut chain, &parts).await?, 3);
    let stored = "1|A|x|A@x|f|\n2|b|y|b@y|f|\n3||Z|nobody|f|{email,name}\n\
                  4||W|nobody|f|{email,name}";
    assert_eq!(people.rows()?, stored);
    Ok(())
}

/// A chain that knows nothing of the table's newer row, as after a restart.
#[tokio::test]
async fn nothing_comes_from_a_row_of_the_batch_that_is_older_than_the_stored_one() -> Result<()> {
    let mut people = People::new("stored_older", TRACKED, Delete::Soft).await?;
    let mut before = chain().context("the plans fit")?;
    let whole = [
        r#"{"id":1,"name":"a","bio":"x","is_deleted":false,"at":10}"#,
        r#"{"id":2,"name":"b","bio":"y","is_deleted":false,"at":10}"#,
    ];
    commit(&mut people, &mut before, &whole).await?;
    let mut chain = chain().context("the plans fit")?;
    let parts = [
        r#"{"id":1,"bio":"old","is_deleted":false,"at":5}"#,
        r#"{"id":2,"bio":"new","is_deleted":false,"at":15}"#,
        r#"{"id":1,"name":"A","is_deleted":false,"at":20}"#,
        r#"{"id":2,"name":"B","is_deleted":false,"at":20}"#,
    ];
    commit(&mut people, &mut chain, &parts).await?;
    assert_eq!(people.rows()?, "1|A|x|A@x|f|\n2|B|new|B@new|f|");
    Ok(())
}
