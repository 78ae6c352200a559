//! Rows that Postgres refuses are found, and their neighbours land; a changed table is no row's
//! fault.

use anyhow::Result;
use gristmill_core::chain::Computed;
use gristmill_core::policy::{Action, action};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::refusal::{RefusedRow, blame};
use gristmill_postgres::wire::connection::Connection;
use rstest::rstest;

use crate::fixture::{Fixture, Person, WITH_PROVENANCE, computed};

const LONG: &str = "longer than twenty characters";

async fn refused(
    fixture: &Fixture,
    connection: &mut Connection,
    lease: &Lease,
    batch: &Computed,
) -> Result<Vec<RefusedRow>, FlushError> {
    let flushed = fixture.flush(connection, lease, 0, batch).await;
    assert!(
        matches!(flushed, Err(FlushError::Refused { .. })),
        "{flushed:?}"
    );
    blame(connection, &fixture.sink, lease.key.partition, batch, 1).await
}

fn bad_at(rows: i64, bad: &[(i64, &'static str)]) -> Vec<Person<'static>> {
    let name = |id| {
        bad.iter()
            .find(|(at, _)| *at == id)
            .map_or("fine", |(_, name)| name)
    };
    (0..rows).map(|id| (id, Some(name(id)), false, 1)).collect()
}

#[rstest]
#[case::of_few("refused_few", 200)]
#[case::of_many("refused_many", 6_000)]
#[tokio::test]
async fn every_kind_of_refusal_is_found_and_the_neighbours_land(
    #[case] name: &str,
    #[case] rows: i64,
) -> Result<()> {
    let fixture = Fixture::new(name, WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let mut people = bad_at(
        rows,
        &[
            (0, LONG),
            (101, "forbidden"),
            (102, "zero\0byte"),
            (rows - 1, LONG),
        ],
    );
    people[50].3 = i64::MIN;
    let mut found = Vec::new();
    // As the worker does: leave out what was found, ask again.
    loop {
        let batch = computed(0, &people);
        match fixture.flush(&mut connection, &lease, 0, &batch).await {
            Ok(_) => break,
            Err(FlushError::Refused { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        let refused = blame(&mut connection, &fixture.sink, 0, &batch, 1).await?;
        assert!(!refused.is_empty());
        for row in refused.iter().rev() {
            found.push((
                people.remove(row.row).0,
                row.sqlstate.clone(),
                row.subject.clone(),
            ));
        }
        assert_eq!(fixture.people()?, "");
    }
    found.sort();
    let expected = [
        (0, "22001", None),
        (50, "22008", None),
        (101, "23514", Some("people_name_check")),
        (102, "22021", None),
        (rows - 1, "22001", None),
    ];
    assert_eq!(
        found,
        expected.map(|(id, state, subject)| (id, state.to_owned(), subject.map(str::to_owned)))
    );
    assert_eq!(
        fixture.psql("select count(*) from people")?,
        (rows - 5).to_string()
    );
    Ok(())
}

#[tokio::test]
async fn rows_that_only_clash_with_each_other_are_found() -> Result<()> {
    let fixture = Fixture::new("refused_clash", WITH_PROVENANCE).await?;
    fixture.psql("create unique index one_name on people (name)")?;
    let target = gristmill_postgres::table::target_table::TargetTable::load(
        &*fixture.connect().await?,
        "people",
    )
    .await?
    .expect("the table");
    let sink = gristmill_postgres::commit::sink::Sink::new(
        &target,
        &crate::fixture::fields(),
        &crate::fixture::roles(),
    )?;
    let fixture = Fixture { sink, ..fixture };
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let people: Vec<_> = ["a", "b", "c", "d", "b"]
        .iter()
        .zip(0..)
        .map(|(name, id)| (id, Some(*name), false, 1))
        .collect();
    let found = refused(&fixture, &mut connection, &lease, &computed(0, &people)).await?;
    assert_eq!(
        found
            .iter()
            .map(|r| (r.row, r.subject.as_deref()))
            .collect::<Vec<_>>(),
        [(4, Some("one_name"))]
    );
    Ok(())
}

#[rstest]
#[case::new_column(
    "changed_column",
    "alter table people add column city text not null;
    alter table people alter column city drop default",
    "city"
)]
#[case::new_check(
    "changed_check",
    "alter table people add constraint grown check (id < 0) not valid",
    "grown"
)]
#[case::narrower(
    "changed_type",
    "alter table people alter column name type varchar(2)",
    "varying(2)"
)]
#[case::trigger(
    "changed_trigger",
    "create function no() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create trigger no before insert on people for each row execute function no()",
    "trigger no"
)]
#[tokio::test]
async fn a_changed_table_halts(
    #[case] name: &str,
    #[case] change: &str,
    #[case] named: &str,
) -> Result<()> {
    let fixture = Fixture::new(name, WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    fixture.psql(change)?;
    let batch = computed(0, &bad_at(3, &[]));
    let halted = refused(&fixture, &mut connection, &lease, &batch).await;
    let Err(error @ FlushError::Halt { .. }) = halted else {
        panic!("{halted:?}")
    };
    assert_eq!(action(&error.fault()), Action::Halt);
    assert!(error.to_string().contains(named), "{error}");
    assert!(connection.is_usable());
    Ok(())
}

#[tokio::test]
async fn a_dropped_column_halts_and_a_new_one_that_may_be_empty_does_not_matter() -> Result<()> {
    let fixture = Fixture::new("changed_harmlessly", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    fixture
        .psql("alter table people add column city text, add column score int not null default 0")?;
    let found = refused(
        &fixture,
        &mut connection,
        &lease,
        &computed(0, &bad_at(3, &[(1, LONG)])),
    )
    .await?;
    assert_eq!(found.len(), 1);
    fixture
        .flush(&mut connection, &lease, 0, &computed(0, &bad_at(3, &[])))
        .await?;
    fixture.psql("alter table people drop column name")?;
    let gone = fixture
        .flush(&mut connection, &lease, 3, &computed(3, &bad_at(3, &[])))
        .await
        .expect_err("a column is gone");
    assert_eq!(action(&gone.fault()), Action::Halt);
    Ok(())
}
