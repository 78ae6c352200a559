//! Rows that are deleted for good, and a source table that is emptied.

use anyhow::{Context, Result};
use gristmill_core::chain::{Computed, Delete, Earlier, Layer};
use gristmill_core::dedup::{VersionKind, VersionRule};
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::older_rows::LogPlace;
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::letters::replay_commit::{LetterReplay, ReplayEnd, replay};
use gristmill_postgres::letters::stored_letter::LetterId;
use gristmill_postgres::table::target_table::TargetTable;

use crate::absent::{ABSENT, People, Row, TRACKED, cell_fields, cells, is};
use crate::fixture::{PIPELINE, roles, sink_that_deletes, wait_for_lock};

/// A database.
const RACE: &str = "hard_race";
const SHOWN: &str = "select id, name from people order by id";

fn row(id: i64, name: &'static str, at: i64) -> Row {
    (id, is(name), is("b"), is("e"), false, at)
}

fn gone(id: i64, at: i64) -> Row {
    (id, ABSENT, ABSENT, ABSENT, true, at)
}

#[tokio::test]
async fn a_row_goes_and_nothing_older_brings_it_back() -> Result<()> {
    let mut people = People::new("hard", TRACKED, Delete::Hard).await?;
    people.flush(&[row(1, "a", 10), row(2, "a", 10)]).await?;
    people
        .flush(&[gone(1, 20), gone(2, 5), gone(3, 20)])
        .await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "2|a");
    people
        .flush(&[row(1, "late", 15), row(3, "late", 15)])
        .await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "2|a");
    // Nor does one that lacks cells; the delete itself, sent again, does no harm.
    people
        .flush(&[(1, is("late"), ABSENT, is("e"), false, 16)])
        .await?;
    people.flush(&[gone(1, 20)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "2|a");
    people.flush(&[row(1, "new", 30), gone(2, 40)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "1|new");
    let stones = "select key, extract(epoch from event_time) * 1000000 from gristmill.tombstone
        order by 1";
    assert_eq!(
        people.fixture.psql(stones)?,
        "{1}|20.000000\n{2}|40.000000\n{3}|20.000000"
    );
    assert_eq!(people.sink.sweep(&people.connection).await?, 0);
    assert_eq!(people.fixture.psql(SHOWN)?, "1|new");
    Ok(())
}

/// In one flush a value that must be unique moves from a row that goes to one that comes.
#[tokio::test]
async fn a_unique_value_moves_to_another_row() -> Result<()> {
    let table = format!("{TRACKED}; create unique index on people (name)");
    let mut people = People::new("hard_unique", &table, Delete::Hard).await?;
    people.flush(&[row(2, "a", 10)]).await?;
    people.flush(&[row(1, "a", 20), gone(2, 20)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "1|a");
    Ok(())
}

/// Keys of all types find their tombstones, and tombstones their rows.
#[tokio::test]
async fn tombstones_of_a_text_key_are_found() -> Result<()> {
    let table = TRACKED
        .replace("primary key", "")
        .replace("name varchar(20)", "name varchar(20) primary key");
    let roles = Roles {
        key: vec!["name".into()],
        ..roles()
    };
    let mut people = People::with_roles("hard_text", &table, Delete::Hard, &roles).await?;
    people.flush(&[row(1, "it's \"{a,b}\"", 10)]).await?;
    people
        .flush(&[(1, is("it's \"{a,b}\""), ABSENT, ABSENT, true, 20)])
        .await?;
    people.flush(&[row(1, "it's \"{a,b}\"", 15)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "");
    people.fixture.psql(
        "insert into people (id, name, bio, _gm_version)
        select 1, key[1], 'raced', set_byte(version, 8, 1) from gristmill.tombstone",
    )?;
    assert_eq!(people.sink.sweep(&people.connection).await?, 1);
    Ok(())
}

/// Two sessions at once, neither of which sees what the other writes.
#[tokio::test]
async fn race_of_a_tombstone_in_both_orders() -> Result<()> {
    let mut people = People::new(RACE, TRACKED, Delete::Hard).await?;
    let other = people.lease_of(1).await?;
    let mut second = people.fixture.connect().await?;
    // Whoever looks whether it waits is a program that a busy machine starts in seconds.
    for connection in [&people.connection, &second] {
        connection.batch_execute("set lock_timeout = 0").await?;
    }
    people.fixture.psql(
        "create function hold() returns trigger language plpgsql as
        $$ begin perform pg_advisory_lock(7); perform pg_advisory_unlock(7); return new; end $$",
    )?;
    // Who waits before its commit, when all of it is done: the older write, or the delete.
    for waits in ["people", "gristmill.tombstone"] {
        people.fixture.psql(&format!(
            "truncate people, gristmill.tombstone;
            create trigger hold after insert on {waits} for each row execute function hold()"
        ))?;
        let holder = people.fixture.connect().await?;
        holder.execute("select pg_advisory_lock(7)", &[]).await?;
        let from = people.next_of(1);
        let older = cells(from, &[row(1, "older", 10)]);
        let sink = people.sink.clone();
        let writes = sink.flush(&mut second, &other, from, &older, 1, &|_| None);
        match waits {
            "people" => {
                let deletes = async {
                    wait_for_lock(RACE).await?;
                    people.flush(&[gone(1, 20)]).await?;
                    anyhow::Ok(holder.execute("select pg_advisory_unlock(7)", &[]).await?)
                };
                let (written, deleted) = tokio::join!(writes, deletes);
                written?;
                deleted?;
            }
            _ => {
                let delete = [gone(1, 20)];
                let deletes = people.flush(&delete);
                let writes = async {
                    wait_for_lock(RACE).await?;
                    writes.await?;
                    anyhow::Ok(holder.execute("select pg_advisory_unlock(7)", &[]).await?)
                };
                let (written, deleted) = tokio::join!(writes, deletes);
                written?;
                deleted?;
            }
        }
        people.moved(1, older.next_offset);
        people
            .fixture
            .psql(&format!("drop trigger hold on {waits}"))?;
        assert_eq!(
            people.fixture.psql(SHOWN)?,
            "1|older",
            "the race was not lost"
        );
        assert_eq!(people.sink.sweep(&people.connection).await?, 1);
        assert_eq!(people.fixture.psql(SHOWN)?, "");
    }
    Ok(())
}

#[tokio::test]
async fn purge_with_a_halted_partition() -> Result<()> {
    let mut people = People::new("hard_purge", TRACKED, Delete::Hard).await?;
    people.lease_of(1).await?;
    people.flush(&[gone(1, 10), gone(2, 60)]).await?;
    people.flush(&[row(3, "a", 200)]).await?;
    let at = |partition, us: i64| {
        format!(
            "update gristmill.checkpoint set event_time_max = 'epoch'::timestamptz
                + {us} * interval '1 microsecond' where partition = {partition}"
        )
    };
    people.fixture.psql(&at(0, 200))?;
    // The other partition has not begun.
    assert_eq!(people.sink.purge(&people.connection, 50).await?, 0);
    people.fixture.psql(&format!(
        "{}; update gristmill.checkpoint set state = 'halted' where partition = 1",
        at(1, 20)
    ))?;
    assert_eq!(people.sink.purge(&people.connection, 50).await?, 0);
    people.fixture.psql(&at(1, 100))?;
    // A row that a race brought back is looked for first.
    assert_eq!(people.sink.purge(&people.connection, 50).await?, 0);
    people.sweep_all().await?;
    assert_eq!(people.sink.purge(&people.connection, 50).await?, 1);
    let left = "select key from gristmill.tombstone";
    assert_eq!(people.fixture.psql(left)?, "{2}");
    let forgotten = "select extract(epoch from forgotten_below) * 1000000
        from gristmill.target_table";
    assert_eq!(people.fixture.psql(forgotten)?, "10.000000");
    Ok(())
}

#[tokio::test]
async fn letter_replayed_after_the_purge() -> Result<()> {
    let mut people = People::new("hard_letter", TRACKED, Delete::Hard).await?;
    people.flush(&[gone(1, 10), row(2, "a", 5)]).await?;
    people
        .fixture
        .psql("update gristmill.checkpoint set event_time_max = now()")?;
    people.sweep_all().await?;
    assert_eq!(people.sink.purge(&people.connection, 0).await?, 1);
    let ids: [LetterId; 0] = [];
    let which = LetterReplay {
        pipeline: PIPELINE,
        run: 1,
        origin: RowOrigin::of(&people.lease),
        revision: 1,
        ids: &ids,
        may_fold: false,
    };
    // One whose key has a row, one that is younger, and one that may have been deleted.
    let batch = cells(7, &[row(1, "letter", 9), row(2, "b", 9), row(3, "c", 30)]);
    let replayed = replay(&mut people.connection, &people.sink, which, &batch, &|_| {
        None
    })
    .await?;
    let ReplayEnd::Refused(refused) = replayed else {
        panic!("it is written");
    };
    let refused: Vec<_> = refused.iter().map(|r| r.dead_letter(&batch)).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].record, 0);
    assert!(refused[0].message.contains("is forgotten"), "{refused:?}");
    assert_eq!(people.fixture.psql(SHOWN)?, "2|a");
    Ok(())
}

/// Tombstones are read while there are any, whatever is left of deleted rows now.
#[tokio::test]
async fn after_hard_deletes_soft_ones_read_the_tombstones() -> Result<()> {
    let mut people = People::new("hard_then_soft", TRACKED, Delete::Hard).await?;
    people.flush(&[gone(1, 20)]).await?;
    let target = TargetTable::load(&people.connection, "people").await?;
    let target = target.context("the table")?;
    let (fields, roles) = (cell_fields(), roles());
    people.sink =
        sink_that_deletes(&people.connection, &target, &fields, &roles, Delete::Soft).await?;
    people.flush(&[row(1, "late", 10), row(2, "a", 10)]).await?;
    assert_eq!(people.fixture.psql(SHOWN)?, "2|a");
    people.flush(&[gone(2, 20)]).await?;
    assert_eq!(people.fixture.psql("select is_deleted from people")?, "t");
    Ok(())
}

fn that_truncates(kind: VersionKind) -> Roles {
    Roles {
        truncate: Some("is_truncate".into()),
        version: VersionRule { kind, epoch: 0 },
        order: match kind {
            VersionKind::OrderFirst => vec!["id".into()],
            _ => vec![],
        },
        ..roles()
    }
}

/// A batch whose first row empties the source table.
fn truncating(from: i64, at: i64, newest: &[Row]) -> Computed {
    let all: Vec<Row> = [row(99, "truncate", at)]
        .iter()
        .chain(newest)
        .copied()
        .collect();
    let mut batch = cells(from, &all);
    let (rows, sources) = (batch.rows.clone(), batch.sources.clone());
    batch.earlier.push(Earlier::Truncate(Layer {
        rows: rows.slice(0, 1),
        sources: sources[..1].to_vec(),
    }));
    batch.rows = rows.slice(1, newest.len());
    batch.sources = sources[1..].to_vec();
    batch
}

#[tokio::test]
async fn a_truncate_deletes_what_is_older_and_keeps_it_out() -> Result<()> {
    for (delete, older) in [
        (Delete::Soft, "1|a|t\n2|z|f\n3|n|f"),
        (Delete::Hard, "2|z|f\n3|n|f"),
    ] {
        let name = format!("truncate_{}", delete as u8);
        let roles = that_truncates(VersionKind::EventTime);
        let mut people = People::with_roles(&name, TRACKED, delete, &roles).await?;
        people.flush(&[row(1, "a", 10), row(2, "z", 90)]).await?;
        let batch = truncating(people.next_of(0), 50, &[row(3, "n", 60)]);
        people.commit(&batch).await?;
        let shown = "select id, name, is_deleted from people order by 1";
        assert_eq!(people.fixture.psql(shown)?, older);
        // Stragglers, of rows that were there and of others; not what is newer.
        people
            .flush(&[row(1, "late", 40), row(4, "late", 40), row(5, "y", 51)])
            .await?;
        assert_eq!(people.fixture.psql(shown)?, format!("{older}\n5|y|f"));
        // The same is found row by row, and an older truncate moves nothing back.
        let batch = truncating(people.next_of(0), 20, &[row(6, "old", 30)]);
        people.settle(&batch).await?;
        assert_eq!(people.fixture.psql(shown)?, format!("{older}\n5|y|f"));
    }
    Ok(())
}

#[tokio::test]
async fn a_truncate_needs_versions() -> Result<()> {
    let plain = "create table people (id bigint primary key, name text, bio text, email text,
        is_deleted boolean, at timestamptz)";
    let roles = that_truncates(VersionKind::EventTime);
    let mut people = People::with_roles("truncate_plain", plain, Delete::Soft, &roles).await?;
    let batch = truncating(0, 50, &[]);
    let error = people.commit(&batch).await.unwrap_err();
    assert!(
        error.to_string().contains("add column _gm_version"),
        "{error}"
    );
    Ok(())
}

impl People {
    async fn lease_of(&mut self, partition: i32) -> Result<Lease> {
        Ok(self
            .fixture
            .take(&mut self.connection, partition)
            .await?
            .lease)
    }
}

/// A table that inherits from the target has rows of its own, whatever their keys.
#[tokio::test]
async fn rows_of_a_table_that_inherits_are_left_alone() -> Result<()> {
    for delete in [Delete::Soft, Delete::Hard] {
        let roles = that_truncates(VersionKind::EventTime);
        let name = format!("heirs_{}", delete as u8);
        let mut people = People::with_roles(&name, TRACKED, delete, &roles).await?;
        people
            .flush(&[row(1, "a", 10), row(2, "a", 10), row(4, "a", 10)])
            .await?;
        let heirs = "create table heir () inherits (people); insert into heir select * from people";
        people.fixture.psql(heirs)?;
        let count = "select count(*) from heir where name = 'a' and not is_deleted and _gm_absent \
                     is null and id < 5";
        people.flush(&[gone(1, 20)]).await?;
        people
            .flush(&[(2, ABSENT, ABSENT, ABSENT, false, 30)])
            .await?;
        let before_all = truncating(people.next_of(0), 40, &[row(3, "n", 50)]);
        people.commit(&before_all).await?;
        people.sink.sweep(&people.connection).await?;
        assert_eq!(people.fixture.psql(count)?, "3");
        // What a snapshot lacks is older than its place.
        let at = LogPlace {
            partition: 0,
            log: 1,
            offset: 1_000,
        };
        let counted = people.sink.older(&people.connection, &[at], 10).await?;
        assert_eq!(counted.map(|older| older.all), Some(1), "3 alone lives");
        let deleted = people
            .sink
            .delete_older(&people.connection, &[at], &[None])
            .await?;
        assert_eq!((deleted, people.fixture.psql(count)?), (1, "3".to_owned()));
    }
    Ok(())
}

/// Places of rows are those of their partition: another one has rows at the same places.
#[tokio::test]
async fn what_a_snapshot_lacks_goes_from_its_own_partition_of_the_table() -> Result<()> {
    let table = TRACKED.to_owned()
        + " partition by hash (id); create table people_0 partition of people for values with \
           (modulus 2, remainder 0); create table people_1 partition of people for values with \
           (modulus 2, remainder 1)";
    for delete in [Delete::Soft, Delete::Hard] {
        let name = format!("lacks_{}", delete as u8);
        let mut people = People::new(&name, &table, delete).await?;
        let rows: Vec<Row> = (0..40).map(|id| row(id, "a", 10)).collect();
        people.flush(&rows).await?;
        let at = LogPlace {
            partition: 0,
            log: 1,
            offset: 1,
        };
        // The first row's record alone comes before that.
        let places = "select count(*), count(distinct ctid) < count(*) from people";
        assert_eq!(people.fixture.psql(places)?, "40|t");
        let client = &people.connection;
        let deleted = people.sink.delete_older(client, &[at], &[None]).await?;
        let left = "select count(*) from people where not is_deleted";
        assert_eq!((deleted, people.fixture.psql(left)?), (1, "39".to_owned()));
    }
    Ok(())
}
