//! What keeps deleted rows from coming back where no row says that they are deleted.

use anyhow::{Context, Result};
use gristmill_core::chain::Delete;
use gristmill_core::dedup::Guard;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::refusal::Settled;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::bookkeeping::Bookkeeping;
use gristmill_postgres::table::target_table::TargetTable;

use crate::absent::{ABSENT, People, Row, TRACKED, cell_fields, cells, is};
use crate::fixture::{roles, sink_that_deletes};

const SHOWN: &str = "select id, name, is_deleted from people order by id";

fn row(id: i64, name: &'static str, at: i64) -> Row {
    (id, is(name), is("b"), is("e"), false, at)
}

fn gone(id: i64, at: i64) -> Row {
    (id, ABSENT, ABSENT, ABSENT, true, at)
}

impl People {
    /// Another sink of the same table.
    async fn sink_with(&self, delete: Delete) -> Result<Sink> {
        let target = TargetTable::load(&self.connection, "people").await?;
        let target = target.context("the table")?;
        sink_that_deletes(&self.connection, &target, &cell_fields(), &roles(), delete).await
    }

    /// Sweeps until what could be waited for has ended.
    pub(crate) async fn sweep_all(&self) -> Result<u64> {
        let mut swept = 0;
        for _ in 0..3 {
            swept += self.sink.sweep(&self.connection).await?;
        }
        Ok(swept)
    }
}

/// A source that sends only the key of what it deletes gives no row that could be marked: an older
/// event that comes later must not make one that is alive.
#[tokio::test]
async fn a_soft_delete_of_a_row_that_never_came_keeps_it_out() -> Result<()> {
    let mut people = People::new("stone_soft", TRACKED, Delete::Soft).await?;
    people.flush(&[gone(1, 20), row(2, "a", 10)]).await?;
    people.flush(&[row(1, "late", 10), row(2, "b", 20)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "2|b|f");
    // Not even one of which not all is known; what is newer begins a new life.
    people
        .flush(&[(1, is("late"), ABSENT, is("e"), false, 15)])
        .await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "2|b|f");
    people.flush(&[row(1, "new", 30)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "1|new|f\n2|b|f");
    assert_eq!(people.sweep_all().await?, 0);
    assert_eq!(people.fixture.psql(SHOWN)?, "1|new|f\n2|b|f");
    // Where nothing older can come, it is needed no longer.
    people
        .fixture
        .psql("update gristmill.checkpoint set event_time_max = now()")?;
    assert_eq!(people.sink.purge(&people.connection, 0).await?, 1);
    let forgotten = "select extract(epoch from forgotten_below) * 1000000
        from gristmill.target_table";
    assert_eq!(people.fixture.psql(forgotten)?, "20.000000");
    // From then on no flush looks for any, until there is one again.
    people.sink.look_for_tombstones(&people.connection).await?;
    people.flush(&[row(2, "c", 30), gone(3, 20)]).await?;
    people.flush(&[row(3, "late", 10)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "1|new|f\n2|c|f");
    Ok(())
}

/// The same, where a constraint says so row by row.
#[tokio::test]
async fn a_soft_delete_that_a_constraint_refuses_keeps_the_row_out() -> Result<()> {
    let mut people = People::new("stone_check", TRACKED, Delete::Soft).await?;
    let delete = cells(0, &[(1, is("forbidden"), is("b"), is("e"), true, 20)]);
    let refused = people.commit(&delete).await.unwrap_err();
    assert!(matches!(refused, FlushError::Refused { .. }), "{refused:?}");
    let settled = people.settle(&delete).await?;
    assert!(matches!(settled, Settled::Committed(_)), "{settled:?}");
    people.flush(&[row(1, "late", 10)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "");
    Ok(())
}

/// The older row of another session is not there yet when the delete looks for it.
#[tokio::test]
async fn a_row_that_came_beside_its_soft_delete_is_marked_by_the_sweep() -> Result<()> {
    let mut people = People::new("stone_race", TRACKED, Delete::Soft).await?;
    people.flush(&[gone(1, 20)]).await?;
    people.fixture.psql(
        "insert into people (id, name, bio, at, _gm_version)
        select 1, 'raced', 'b', to_timestamp(0), set_byte(version, 8, 1)
        from gristmill.tombstone",
    )?;
    assert_eq!(people.sink.sweep(&people.connection).await?, 1);
    assert_eq!(people.fixture.psql(SHOWN)?, "1|raced|t");
    let same =
        "select _gm_version = version and people.at = event_time from people, gristmill.tombstone";
    assert_eq!(people.fixture.psql(same)?, "t");
    assert_eq!(people.sink.sweep(&people.connection).await?, 0);
    Ok(())
}

/// However long the transaction takes that brings an older row, the sweep waits for it.
#[tokio::test]
async fn a_sweep_forgets_no_tombstone_while_an_older_row_may_come() -> Result<()> {
    let mut people = People::new("stone_long", TRACKED, Delete::Hard).await?;
    let slow = people.fixture.connect().await?;
    slow.batch_execute(
        "begin; insert into people (id, name, bio, _gm_version) values (1, 'raced', 'b', null)",
    )
    .await?;
    people.flush(&[row(2, "a", 10)]).await?;
    people.flush(&[gone(3, 20)]).await?;
    slow.batch_execute(
        "update people set id = 3, _gm_version = (
          select set_byte(version, 8, 1) from gristmill.tombstone
        ) where id = 1",
    )
    .await?;
    assert_eq!(people.sweep_all().await?, 0);
    // An hour passes.
    people.fixture.psql(
        "update gristmill.tombstone set at = at - interval '1 hour';
        update gristmill.target_table set swept_below = swept_below - interval '1 hour',
          sweep_below = sweep_below - interval '1 hour', sweep_at = sweep_at - interval '1 hour'",
    )?;
    for _ in 0..3 {
        assert_eq!(people.sink.sweep(&people.connection).await?, 0);
    }
    slow.batch_execute("commit").await?;
    assert_eq!(people.sweep_all().await?, 1);
    assert_eq!(people.fixture.psql(SHOWN)?, "2|a|f");
    let done = "select swept_below > now() - interval '1 minute' from gristmill.target_table";
    assert_eq!(people.fixture.psql(done)?, "t");
    Ok(())
}

/// A flush that takes it for granted that its keys have no tombstones is sent again where one has.
#[tokio::test]
async fn a_key_that_is_deleted_once_more_keeps_its_newest_tombstone() -> Result<()> {
    let mut people = People::new("stone_again", TRACKED, Delete::Hard).await?;
    people.flush(&[row(1, "a", 10), row(2, "a", 10)]).await?;
    people.flush(&[gone(1, 20)]).await?;
    // From here on tombstones are read.
    people.flush(&[gone(2, 20)]).await?;
    people.flush(&[row(1, "new", 30), row(3, "a", 30)]).await?;
    people.flush(&[gone(1, 40), gone(3, 40)]).await?;
    people.flush(&[gone(1, 35), gone(2, 50)]).await?;
    let stones = "select key, extract(epoch from event_time) * 1000000 from gristmill.tombstone
        order by 1";
    assert_eq!(
        people.fixture.psql(stones)?,
        "{1}|40.000000\n{2}|50.000000\n{3}|40.000000"
    );
    people
        .flush(&[row(1, "late", 36), row(2, "late", 45), row(3, "b", 41)])
        .await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "3|b|f");
    Ok(())
}

/// Whoever holds what is known of the table holds up no delete.
#[tokio::test]
async fn tombstones_go_with_their_table_and_wait_for_nobody_who_holds_it() -> Result<()> {
    let mut people = People::new("stone_alone", TRACKED, Delete::Hard).await?;
    let holder = people.fixture.connect().await?;
    holder
        .batch_execute("begin; select from gristmill.target_table for update")
        .await?;
    people.flush(&[row(1, "a", 10), gone(2, 20)]).await?;
    holder.batch_execute("rollback").await?;
    let count = "select count(*) from gristmill.tombstone";
    assert_eq!(people.fixture.psql(count)?, "1");
    people.fixture.psql("delete from gristmill.target_table")?;
    assert_eq!(people.fixture.psql(count)?, "0");
    Ok(())
}

/// A process that has loaded its revision before another one deletes for good.
#[tokio::test]
async fn the_first_tombstone_is_read_by_sinks_that_were_made_before_it() -> Result<()> {
    let mut people = People::new("stone_first", TRACKED, Delete::Soft).await?;
    let soft = people.sink.clone();
    people.flush(&[row(2, "a", 10)]).await?;
    people.sink = people.sink_with(Delete::Hard).await?;
    people.flush(&[gone(1, 20), gone(2, 20)]).await?;
    people.sink = soft;
    let late = [row(1, "late", 10), row(2, "late", 15)];
    people.flush(&late).await?;
    // So are they by a batch of several statements.
    people.layers(&[&late[..1]], &late[1..]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "");
    Ok(())
}

/// After a dump and restore a table has another number, and perhaps one that another table had.
#[tokio::test]
async fn a_restored_table_is_found_by_its_name() -> Result<()> {
    let mut people = People::new("stone_restored", TRACKED, Delete::Hard).await?;
    people.flush(&[row(1, "a", 10), gone(2, 20)]).await?;
    let before = people.bookkeeping("people").await?;
    people.fixture.psql(
        "create table others (like people including all);
        insert into others select * from people",
    )?;
    let others = people.bookkeeping("others").await?;
    assert_ne!(before, others);
    // As the dump of another server has it, where the numbers were the other way round.
    people.fixture.psql(
        "create table moved as
          select a.target, b.oid from gristmill.target_table a, gristmill.target_table b
          where a.target <> b.target;
        create table rule_moved as
          select r.target, r.rule, m.oid from gristmill.target r
          join gristmill.target_table t on t.oid = r.oid join moved m on m.target = t.target;
        update gristmill.target_table set oid = null, database = '7/16384';
        update gristmill.target set oid = null;
        update gristmill.target_table t set oid = m.oid from moved m where m.target = t.target;
        update gristmill.target t set oid = m.oid from rule_moved m
          where (m.target, m.rule) = (t.target, t.rule)",
    )?;
    assert_eq!(people.bookkeeping("others").await?, others);
    assert_eq!(people.bookkeeping("people").await?, before);
    people.sink = people.sink_with(Delete::Hard).await?;
    people.flush(&[row(2, "late", 10)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "1|a|f");
    Ok(())
}

/// The rows of a copy say by bits of the table that they came from what nobody knows.
#[tokio::test]
async fn bits_of_a_copied_table_begin_above_those_of_its_rows() -> Result<()> {
    let mut people = People::new("stone_copied", TRACKED, Delete::Soft).await?;
    people
        .flush(&[(1, ABSENT, is("b"), is("e"), false, 10)])
        .await?;
    people.fixture.psql(
        "alter table people rename to before;
        create table people (like before including all);
        insert into people select * from before",
    )?;
    people.sink = people.sink_with(Delete::Soft).await?;
    people
        .flush(&[(2, is("a"), is("b"), ABSENT, false, 10)])
        .await?;
    let unknown =
        "select id, gristmill.absent_columns('people', _gm_absent) from people order by 1";
    assert_eq!(people.fixture.psql(unknown)?, "1|\n2|{email}");
    people.flush(&[row(1, "c", 20)]).await?;
    people
        .flush(&[(1, is("d"), ABSENT, is("e"), false, 30)])
        .await?;
    assert_eq!(people.fixture.psql(unknown)?, "1|\n2|{email}");
    Ok(())
}

impl People {
    async fn bookkeeping(&self, table: &str) -> Result<Bookkeeping> {
        let client = &self.connection;
        let target = TargetTable::load(client, table).await?;
        let (target, fields, roles) = (target.context("the table")?, cell_fields(), roles());
        let kept = Bookkeeping::load(client, &target, &fields, &roles, Guard::Version).await?;
        kept.context("it has versions")
    }
}

/// A delete finds no row, an older one comes from another session, and the new life finds that.
#[tokio::test]
async fn a_new_life_inherits_nothing_of_a_row_that_came_beside_its_tombstone() -> Result<()> {
    const NAME: &str = "stone_lives";
    let table = TRACKED.replace("is_deleted boolean, ", "");
    let mut people = People::new(NAME, &table, Delete::Hard).await?;
    people.flush(&[row(9, "a", 10)]).await?;
    let other = people.fixture.connect().await?;
    other
        .batch_execute(
            "begin; insert into people (id, name, bio, email, at, _gm_version)
            select 1, 'dead', 'b', 'dead', at, set_byte(_gm_version, 8, 1) from people",
        )
        .await?;
    let anew = [(1, is("n"), is("c"), ABSENT, false, 30)];
    let delete = [gone(1, 20)];
    let layers = [&delete[..]];
    let writes = people.layers(&layers, &anew);
    let ends = async {
        let waits = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        while other.query_one(waits, &[]).await?.get::<_, i64>(0) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        anyhow::Ok(other.batch_execute("commit").await?)
    };
    let (written, ended) = tokio::join!(writes, ends);
    written?;
    ended?;
    let shown = "select name, email, gristmill.absent_columns('people', _gm_absent) from people
        where id = 1";
    assert_eq!(people.fixture.psql(shown)?, "n|nobody|{email}");
    Ok(())
}

/// Which column says that a row is deleted follows from what the table has. One that comes later
/// does not bring the dead to life.
#[tokio::test]
async fn a_second_flag_does_not_hide_what_the_first_one_says() -> Result<()> {
    let table = TRACKED.replace("is_deleted boolean, ", "_gm_deleted boolean, ");
    let mut people = People::new("stone_flags", &table, Delete::Soft).await?;
    people.flush(&[row(1, "a", 10), row(2, "b", 10)]).await?;
    people.flush(&[gone(1, 20), gone(2, 20)]).await?;
    people
        .fixture
        .psql("alter table people add column is_deleted boolean default false")?;
    people.sink = people.sink_with(Delete::Soft).await?;
    people
        .flush(&[(1, is("n"), is("c"), ABSENT, false, 30)])
        .await?;
    let shown = "select id, email, is_deleted, _gm_deleted,
        gristmill.absent_columns('people', _gm_absent) from people order by id";
    let expected = "1|nobody|f|f|{email}\n2|e|f|t|";
    assert_eq!(people.fixture.psql(shown)?, expected);
    Ok(())
}
