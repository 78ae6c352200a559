//! What was written after a column of the table had got another type.

use anyhow::{Context, Result};
use gristmill_core::chain::Delete;
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::table::written_since::{WrittenRange, written_since};

use crate::absent::{People, TRACKED, is};

#[tokio::test]
async fn rows_are_told_that_were_written_after_the_table_was_changed() -> Result<()> {
    let mut people = People::new("written_since", TRACKED, Delete::Hard).await?;
    let row = |id| (id, is("a"), is("b"), is("c"), false, 100 + id);
    people.flush(&[row(1), row(2)]).await?;
    let psql = |sql: &str| people.fixture.psql(sql).map(drop);
    psql("alter table people add column price numeric(9,2) default 1.5")?;
    // The table is written anew.
    psql("alter table people alter column price type numeric(9,4)")?;
    let found_beside = async |people: &People, column: &str, revision| {
        let target = TargetTable::load(&people.connection, "people").await?;
        let target = target.context("the table")?;
        anyhow::Ok(written_since(&people.connection, &target, &[column], revision).await?)
    };
    let found = async |people: &People, column: &str| found_beside(people, column, None).await;
    assert_eq!(found(&people, "price").await?, []);
    people.flush(&[row(2), row(3)]).await?;
    let range = WrittenRange {
        partition: 0,
        first_offset: 2,
        last_offset: 3,
        rows: 2,
    };
    assert_eq!(found(&people, "price").await?, [range]);
    assert_eq!(found(&people, "nobody").await?, []);
    // What the revision wrote that reads by the new type is right.
    let column = "price";
    assert_eq!(found_beside(&people, column, Some(1)).await?, []);
    assert_eq!(found_beside(&people, column, Some(2)).await?, [range]);
    Ok(())
}

#[tokio::test]
async fn a_large_table_is_looked_at_to_its_end() -> Result<()> {
    let mut people = People::new("written_since_large", TRACKED, Delete::Hard).await?;
    let row = |id| (id, is("a"), is("b"), is("c"), false, 100 + id);
    people
        .fixture
        .psql("alter table people alter column bio type varchar(90)")?;
    people.flush(&[row(1), row(2), row(3)]).await?;
    let target = TargetTable::load(&people.connection, "people").await?;
    let target = target.context("the table")?;
    people.fixture.psql(
        "create or replace function gristmill.offset_of(version bytea) returns bigint \
         language plpgsql as $$ begin perform pg_sleep(0.5); return 1; end $$",
    )?;
    let short = "set statement_timeout = '1s'";
    people.connection.batch_execute(short).await?;
    let found = written_since(&people.connection, &target, &["bio"], None).await?;
    assert_eq!(found.len(), 1);
    Ok(())
}
