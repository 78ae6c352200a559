//! Rows that Postgres refuses are found, and their neighbours land; a changed table is no row's
//! fault.

use anyhow::Result;
use gristmill_core::chain::Computed;
use gristmill_core::policy::{Action, action};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::refusal::{RefusedRow, Settled, Unsettled, blame, settle};
use gristmill_postgres::commit::row_origin::RowOrigin;
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
    let judged = blame(connection, &fixture.sink, RowOrigin::of(lease), batch, 1).await?;
    let refused: Vec<usize> = judged.refused.iter().map(|r| r.row).collect();
    assert!(refused.iter().all(|row| !judged.passed[*row]));
    Ok(judged.refused)
}

/// Flushes, and settles what is refused, as a worker does.
async fn settled(
    fixture: &Fixture,
    connection: &mut Connection,
    lease: &Lease,
    from_offset: i64,
    batch: &Computed,
) -> Result<Settled, FlushError> {
    let flushed = fixture.flush(connection, lease, from_offset, batch).await;
    let is_refused = matches!(flushed, Err(FlushError::Refused { .. }));
    let asks_again = flushed.as_ref().is_err_and(FlushError::is_perhaps_of_a_row);
    assert!(is_refused || asks_again, "{flushed:?}");
    let unsettled = Unsettled {
        sink: &fixture.sink,
        lease,
        from_offset,
        batch,
        revision: 1,
        digests: &|_| None,
        was_retried: true,
    };
    settle(connection, unsettled).await
}

/// A fixture whose table has what `ddl` adds.
async fn with(name: &str, ddl: &str) -> Result<Fixture> {
    Fixture::new(name, &format!("{WITH_PROVENANCE};{ddl}")).await
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
    // The lowest of all is before every time, and Postgres takes it.
    people[50].3 = i64::MIN + 1;
    let mut found = Vec::new();
    // As the worker does: leave out what was found, ask again.
    loop {
        let batch = computed(0, &people);
        match fixture.flush(&mut connection, &lease, 0, &batch).await {
            Ok(_) => break,
            Err(FlushError::Refused { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        let origin = RowOrigin::of(&lease);
        let refused = blame(&mut connection, &fixture.sink, origin, &batch, 1).await?;
        let refused = refused.refused;
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
    let fixture = with(
        "refused_clash",
        "create unique index one_name on people (name)",
    )
    .await?;
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

const BAD_TRIGGER: &str = "
    create function judge() returns trigger language plpgsql as $$
    declare code text;
    begin
      if new.name = 'bad' then CODE end if;
      return new;
    end $$;
    create trigger judge before insert or update on people for each row execute function judge()";

#[rstest]
#[case::own_code("raised_own", "raise 'no' using errcode = 'AP001';", "AP001")]
#[case::borrowed_code("raised_55000", "raise 'no' using errcode = '55000';", "55000")]
#[case::again("raised_again", "raise 'no' using errcode = '40001';", "40001")]
#[case::unknown("raised_unknown", "raise 'no' using errcode = '40003';", "40003")]
#[case::assert("asserted", "assert false, 'no';", "P0004")]
#[case::subquery(
    "many",
    "code := (select x from (values ('a'), ('b')) v (x));",
    "21000"
)]
#[case::missing("missing", "execute 'insert into nowhere values (1)';", "42P01")]
#[case::division("division", "perform 1 / 0;", "22012")]
#[tokio::test]
async fn whatever_code_a_function_refuses_a_row_with_its_neighbours_land(
    #[case] name: &str,
    #[case] body: &str,
    #[case] state: &str,
) -> Result<()> {
    let name = &format!("code_{name}");
    let fixture = with(name, &BAD_TRIGGER.replace("CODE", body)).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let batch = computed(0, &bad_at(40, &[(0, "bad"), (7, "bad")]));
    let Settled::Refused(rows) = settled(&fixture, &mut connection, &lease, 0, &batch).await?
    else {
        panic!("nothing is refused")
    };
    let found: Vec<_> = rows.iter().map(|r| (r.row, r.sqlstate.as_str())).collect();
    assert_eq!(found, [(0, state), (7, state)]);
    let without = computed(0, &bad_at(40, &[]));
    fixture.flush(&mut connection, &lease, 0, &without).await?;
    Ok(())
}

/// A trigger that lets nobody pass means what it says: it is waited for.
#[rstest]
#[case::of_one("again_one", 1)]
#[case::of_many("again_many", 40)]
#[tokio::test]
async fn who_asks_all_rows_to_be_tried_again_is_waited_for(
    #[case] name: &str,
    #[case] rows: i64,
) -> Result<()> {
    let body = "raise 'not now' using errcode = '40001';";
    let fixture = with(name, &BAD_TRIGGER.replace("CODE", body)).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let people: Vec<_> = (0..rows).map(|id| (id, Some("bad"), false, 1)).collect();
    let waits = settled(&fixture, &mut connection, &lease, 0, &computed(0, &people)).await;
    assert!(waits.expect_err("none passes").is_wish_to_retry());
    Ok(())
}

/// Each of its rows would become a dead letter, and none is to blame.
#[rstest]
#[case::trigger(
    "all_trigger",
    &BAD_TRIGGER.replace("CODE", "raise 'out of order';"),
    "",
    "out of order"
)]
#[case::revoked(
    "all_revoked",
    "",
    "create role writer_all_revoked; alter table people owner to writer_all_revoked;
    revoke all on people from writer_all_revoked;",
    "permission denied for table people"
)]
#[tokio::test]
async fn what_refuses_every_row_halts_in_postgres_own_words(
    #[case] name: &str,
    #[case] ddl: &str,
    #[case] after: &str,
    #[case] said: &str,
) -> Result<()> {
    let fixture = with(name, ddl).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    if !after.is_empty() {
        fixture.psql(after)?;
        fixture.psql(&format!(
            "grant usage on schema gristmill to writer_{name};
            grant all on all tables in schema gristmill to writer_{name};"
        ))?;
        connection
            .batch_execute(&format!("set role writer_{name}"))
            .await?;
    }
    let people: Vec<_> = (0..40).map(|id| (id, Some("bad"), false, 1)).collect();
    let halted = settled(&fixture, &mut connection, &lease, 0, &computed(0, &people)).await;
    let error = halted.expect_err("all are refused");
    assert_eq!(action(&error.fault()), Action::Halt);
    assert!(error.to_string().contains(said), "{error}");
    assert_eq!(fixture.next_offset()?, "0");
    Ok(())
}

#[tokio::test]
async fn a_unique_value_that_moves_lands_and_a_circle_does_not() -> Result<()> {
    let fixture = with("moves", "create unique index one_name on people (name)").await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let names = |names: &[&'static str], at| -> Vec<Person<'static>> {
        let rows = names.iter().zip(0..);
        rows.map(|(name, id)| (id, Some(*name), false, at))
            .collect()
    };
    let first = computed(0, &names(&["a", "b", "c", "d"], 1));
    fixture.flush(&mut connection, &lease, 0, &first).await?;
    // Each takes what its neighbour gives up after it, in the order of keys as of records.
    let moved = computed(4, &names(&["b", "c", "d", "e"], 2));
    let committed = settled(&fixture, &mut connection, &lease, 4, &moved).await?;
    assert!(matches!(committed, Settled::Committed(_)), "{committed:?}");
    let stored = "select string_agg(name, ',' order by id) from people";
    assert_eq!(fixture.psql(stored)?, "b,c,d,e");
    assert_eq!(fixture.next_offset()?, "8");
    let circle = computed(8, &names(&["c", "b", "d", "f"], 3));
    let Settled::Refused(rows) = settled(&fixture, &mut connection, &lease, 8, &circle).await?
    else {
        panic!("a circle has no first")
    };
    let refused: Vec<_> = rows.iter().map(|r| (r.row, r.sqlstate.as_str())).collect();
    assert_eq!(refused, [(0, "23505"), (1, "23505")]);
    Ok(())
}

/// A search takes the batch apart, and what is one statement to a foreign key is several then.
#[tokio::test]
async fn a_child_before_its_parent_is_not_blamed_for_another_row() -> Result<()> {
    let parents = "alter table people add column boss bigint
        generated always as (nullif(id, 9) + 1) stored references people";
    let fixture = with("child_first", parents).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let batch = computed(0, &bad_at(10, &[(0, LONG)]));
    let found = refused(&fixture, &mut connection, &lease, &batch).await?;
    assert_eq!(found.iter().map(|r| r.row).collect::<Vec<_>>(), [0]);
    Ok(())
}

/// Each row waits for its neighbour, and there are more of them than a pass has tries for.
#[tokio::test]
async fn a_long_column_of_unique_values_that_is_shifted_lands() -> Result<()> {
    const ROWS: usize = 600;
    let fixture = with("shifted", "create unique index one_name on people (name)").await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let names: Vec<String> = (0..=ROWS).map(|n| format!("{n:04}")).collect();
    let people = |at: usize| -> Vec<Person<'_>> {
        let rows = names[at - 1..].iter().take(ROWS).zip(0..);
        rows.map(|(name, id)| (id, Some(name.as_str()), false, at as i64))
            .collect()
    };
    let first = computed(0, &people(1));
    fixture.flush(&mut connection, &lease, 0, &first).await?;
    let from = ROWS as i64;
    let shifted = computed(from, &people(2));
    let committed = settled(&fixture, &mut connection, &lease, from, &shifted).await?;
    assert!(matches!(committed, Settled::Committed(_)), "{committed:?}");
    let stored = "select count(*), bool_and(name::int = id + 1) from people";
    assert_eq!(fixture.psql(stored)?, "600|t");
    Ok(())
}

/// A statement may take a second; a row takes 30 ms, or a minute.
#[tokio::test]
async fn what_takes_too_long_together_lands_in_parts_and_a_row_that_hangs_is_found() -> Result<()> {
    let naps = "
        create function nap() returns trigger language plpgsql as $$
        begin
          perform pg_sleep(case new.name when 'bad' then 60 else 0.03 end);
          return new;
        end $$;
        create trigger nap before insert on people for each row execute function nap()";
    let fixture = with("too_slow", naps).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    connection
        .batch_execute("set statement_timeout = '1s'")
        .await?;
    let slow = computed(0, &bad_at(40, &[]));
    let committed = settled(&fixture, &mut connection, &lease, 0, &slow).await?;
    assert!(matches!(committed, Settled::Committed(_)), "{committed:?}");
    let hangs = computed(40, &bad_at(8, &[(3, "bad")]));
    let Settled::Refused(rows) = settled(&fixture, &mut connection, &lease, 40, &hangs).await?
    else {
        panic!("nothing is refused")
    };
    let found: Vec<_> = rows.iter().map(|r| (r.row, r.sqlstate.as_str())).collect();
    assert_eq!(found, [(3, "57014")]);
    Ok(())
}
