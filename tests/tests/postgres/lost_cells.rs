//! What the table says of rows whose events became dead letters, and letters that come too late.

use anyhow::{Context, Result};
use gristmill_core::chain::{Computed, Delete, Layer};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::refusal::Settled;
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::letters::replay_commit::{LetterReplay, ReplayEnd, replay};
use gristmill_postgres::letters::stored_letter::LetterId;
use gristmill_postgres::table::absent_rows::{self, AbsentRow};
use gristmill_postgres::table::target_table::TargetTable;

use crate::absent::{ABSENT, People, Row, TRACKED, cells, is};
use crate::fixture::{Fixture, PIPELINE, VERSIONED, fields, roles, sink};

fn row(id: i64, name: &'static str, at: i64) -> Row {
    (id, is(name), is("b"), is("e"), false, at)
}

/// `written`, beside events that became dead letters: of the rows `lost` nobody knows what they
/// lack.
fn losing(from: i64, written: &[Row], lost: &[Row]) -> Computed {
    let all: Vec<Row> = written.iter().chain(lost).copied().collect();
    let mut batch = cells(from, &all);
    let (rows, sources) = (batch.rows.clone(), batch.sources.clone());
    batch.rows = rows.slice(0, written.len());
    batch.sources = sources[..written.len()].to_vec();
    batch.unknown = Some(Box::new(Layer {
        rows: rows.slice(written.len(), lost.len()),
        sources: sources[written.len()..].to_vec(),
    }));
    batch
}

/// Name and email of the row are unknown.
fn unknown(id: i64, at: i64) -> Row {
    (id, ABSENT, is(""), ABSENT, false, at)
}

#[tokio::test]
async fn what_a_dead_letter_would_have_changed_is_unknown_until_it_is_sent_again() -> Result<()> {
    let mut people = People::new("lost_cells", TRACKED, Delete::Soft).await?;
    people.flush(&[row(1, "a", 10), row(2, "a", 30)]).await?;
    // Of key 2 the row is newer, and of key 3 there is none.
    let lost = [unknown(1, 20), unknown(2, 20), unknown(3, 20)];
    people
        .commit(&losing(people.next_of(0), &[row(4, "a", 10)], &lost))
        .await?;
    let rest = "2|a|b|e|f|\n4|a|b|e|f|";
    assert_eq!(people.rows()?, format!("1|a|b|e|f|{{email,name}}\n{rest}"));
    // A later event that leaves them out does not make them known.
    people
        .flush(&[(1, ABSENT, is("c"), ABSENT, false, 30)])
        .await?;
    assert_eq!(people.rows()?, format!("1|a|c|e|f|{{email,name}}\n{rest}"));
    people
        .flush(&[(1, is("n"), ABSENT, ABSENT, false, 40)])
        .await?;
    assert_eq!(people.rows()?, format!("1|n|c|e|f|{{email}}\n{rest}"));
    people.flush(&[row(1, "a", 50)]).await?;
    assert_eq!(people.rows()?, format!("1|a|b|e|f|\n{rest}"));
    Ok(())
}

/// In the batch of the letter: its row is written first, and row by row, too.
#[tokio::test]
async fn the_row_of_the_batch_itself_is_unknown_where_it_leaves_out_what_was_lost() -> Result<()> {
    let mut people = People::new("lost_batch", TRACKED, Delete::Soft).await?;
    people.flush(&[row(1, "a", 10), row(2, "a", 10)]).await?;
    let newer = [(1, ABSENT, is("c"), ABSENT, false, 30)];
    let batch = losing(people.next_of(0), &newer, &[unknown(1, 30)]);
    people.commit(&batch).await?;
    assert_eq!(people.rows()?, "1|a|c|e|f|{email,name}\n2|a|b|e|f|");
    let refused = [row(2, "b", 20), row(2, "c", 20)];
    let batch = losing(
        people.next_of(0),
        &refused,
        &[unknown(1, 40), unknown(2, 30)],
    );
    let error = people.commit(&batch).await.unwrap_err();
    assert!(matches!(error, FlushError::Refused { .. }), "{error:?}");
    let settled = people.settle(&batch).await?;
    assert!(matches!(settled, Settled::Committed(_)), "{settled:?}");
    let of_two = "select gristmill.absent_columns('people', _gm_absent) from people where id = 2";
    assert_eq!(people.fixture.psql(of_two)?, "{email,name}");
    Ok(())
}

#[tokio::test]
async fn a_table_that_cannot_say_what_is_unknown_goes_on() -> Result<()> {
    let table = TRACKED.replace(", _gm_absent bytea", "");
    let mut people = People::new("lost_untracked", &table, Delete::Soft).await?;
    people.flush(&[row(1, "a", 10)]).await?;
    let batch = losing(people.next_of(0), &[row(2, "a", 10)], &[unknown(1, 20)]);
    people.commit(&batch).await?;
    let shown = "select id, name from people order by 1";
    assert_eq!(people.fixture.psql(shown)?, "1|a\n2|a");
    Ok(())
}

/// Of a record that cannot be read its place in the log is known: rows that come from a later
/// record of the partition stay as they are, whatever their event time.
#[tokio::test]
async fn what_a_record_that_was_not_read_may_have_changed_is_unknown() -> Result<()> {
    let mut people = People::new("lost_unread", TRACKED, Delete::Soft).await?;
    people.flush(&[row(1, "a", 90), row(2, "a", 10)]).await?;
    people
        .flush(&[(3, is("a"), is("b"), is("e"), true, 10)])
        .await?;
    let from = people.next_of(0);
    let mut batch = losing(from, &[row(4, "a", 10)], &[unknown(1, 0), unknown(3, 0)]);
    batch.unread = batch.unknown.take();
    people.commit(&batch).await?;
    let rest = "2|a|b|e|f|\n3|a|b|e|t|\n4|a|b|e|f|";
    assert_eq!(people.rows()?, format!("1|a|b|e|f|{{email,name}}\n{rest}"));
    // The table has it from the same record, or from a later one: a rewind reads both again.
    people.flush(&[row(1, "c", 100)]).await?;
    let lost = "1|c|b|e|f|";
    assert_eq!(people.rows()?, format!("{lost}\n{rest}"));
    let rewound = format!("update gristmill.checkpoint set next_offset = {from}");
    people.fixture.psql(&rewound)?;
    people.moved(0, from);
    people.commit(&batch).await?;
    assert_eq!(people.rows()?, format!("{lost}\n{rest}"));
    Ok(())
}

/// The guard would turn it away, and it would count as replayed.
#[tokio::test]
async fn a_letter_that_newer_events_have_overtaken_is_not_replayed_in_silence() -> Result<()> {
    let mut people = People::new("lost_replay", TRACKED, Delete::Soft).await?;
    people.flush(&[row(1, "a", 10), row(2, "a", 10)]).await?;
    let lost = [unknown(1, 20), unknown(2, 20)];
    people
        .commit(&losing(people.next_of(0), &[], &lost))
        .await?;
    people
        .flush(&[(1, ABSENT, is("c"), ABSENT, false, 30), row(2, "b", 30)])
        .await?;
    let ids: [LetterId; 0] = [];
    let which = LetterReplay {
        pipeline: PIPELINE,
        run: 1,
        origin: RowOrigin::of(&people.lease),
        revision: 1,
        ids: &ids,
        may_fold: false,
    };
    // What key 2 would say has been sent again since.
    let batch = cells(
        2,
        &[(1, is("n"), is("x"), ABSENT, false, 20), row(2, "n", 20)],
    );
    let replayed = replay(&mut people.connection, &people.sink, which, &batch, &|_| {
        None
    })
    .await?;
    let ReplayEnd::Overtaken(refused) = replayed else {
        panic!("it counts as replayed");
    };
    let refused: Vec<_> = refused.iter().map(|r| r.dead_letter(&batch)).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].record, 0);
    assert!(
        refused[0].message.contains("does not know name, and"),
        "{refused:?}"
    );
    assert!(refused[0].message.contains("gristmill absent FILE"));
    assert_eq!(people.rows()?, "1|a|c|e|f|{email,name}\n2|b|b|e|f|");
    Ok(())
}

/// A file may come to write the table's name in quotation marks; a column that is gone is asked for
/// by nobody.
#[tokio::test]
async fn rows_from_before_a_column_are_told_whatever_their_file_called_the_table() -> Result<()> {
    let fixture = Fixture::new("lost_names", VERSIONED).await?;
    let connection = fixture.connect().await?;
    fixture.psql("alter table people add _gm_absent bytea")?;
    let target = TargetTable::load(&connection, "people").await?;
    let target = target.context("the table")?;
    sink(&connection, &target, &fields(), &roles()).await?;
    fixture.psql(
        r#"update gristmill.revision set columns = '{}', spec = '{"target": "people"}';
        insert into gristmill.revision (pipeline, revision, spec, state, by, columns)
        values ('people', 2, '{"target": "\"people\""}', 'active', 'a test', '{name}');
        insert into gristmill.activation
        values ('people', 1, 'people_cdc', 0, 0, 1, now(), 'a test');
        insert into people (id, at, _gm_revision) values (1, now(), 1), (2, now(), 2)"#,
    )?;
    let key = ["id".to_owned()];
    let read = async || {
        let target = TargetTable::load(&connection, "people").await?;
        let target = target.context("the table")?;
        let columns = (&key[..], Some("is_deleted"));
        let found = absent_rows::read(&connection, &target, (PIPELINE, 2), columns, 9).await?;
        anyhow::Ok(found.context("what is unknown")?)
    };
    let found = read().await?;
    let row = AbsentRow {
        key: vec!["1".to_owned()],
        columns: vec!["name".to_owned()],
    };
    assert_eq!((found.all, found.rows), (1, vec![row]));
    fixture.psql("alter table people drop column name")?;
    let found = read().await?;
    assert_eq!((found.all, found.rows), (0, vec![]));
    Ok(())
}
