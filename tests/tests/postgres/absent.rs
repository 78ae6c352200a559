//! Cells that the source did not send, and rows that it deleted.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use gristmill_core::chain::{Computed, Delete, Earlier, Layer};
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::refusal::{Settled, Unsettled, blame, settle};
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::Connection;

use crate::fixture::{Fixture, PLAIN, computed_of, field, roles, sink_that_deletes};

/// `bio` must be there, `email` has a default, and nothing is known of `note` when it is absent.
pub(crate) const TRACKED: &str = "create table people (
    id bigint primary key, name varchar(20) check (name <> 'forbidden'), bio text not null,
    email text default 'nobody', is_deleted boolean, at timestamptz,
    _gm_version bytea, _gm_revision int, _gm_absent bytea
)";

/// A cell: absent, or a value that may be null.
pub(crate) type Cell = Option<Option<&'static str>>;

/// The source did not send it.
pub(crate) const ABSENT: Cell = None;

pub(crate) fn is(text: &'static str) -> Cell {
    Some(Some(text))
}

/// Id, name, bio, email, deleted, event time.
pub(crate) type Row = (i64, Cell, Cell, Cell, bool, i64);

pub(crate) fn cell_fields() -> Vec<Field> {
    vec![
        field("id", LogicalType::Int64),
        field("name", LogicalType::Text),
        field("bio", LogicalType::Text),
        field("email", LogicalType::Text),
        field("is_deleted", LogicalType::Boolean),
        field("at", LogicalType::TimestampUs),
    ]
}

/// Records with offsets `from..`, one a row.
pub(crate) fn cells(from: i64, rows: &[Row]) -> Computed {
    let texts = |of: fn(&Row) -> Cell| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|r| of(r).flatten())
                .collect::<StringArray>(),
        )
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| Some(r.0)).collect::<Int64Array>()),
        texts(|r| r.1),
        texts(|r| r.2),
        texts(|r| r.3),
        Arc::new(rows.iter().map(|r| Some(r.4)).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| Some(r.5)).collect::<Int64Array>()),
    ];
    let mut batch = computed_of(from, rows.len(), cell_fields(), columns);
    let of: [fn(&Row) -> Cell; 3] = [|r| r.1, |r| r.2, |r| r.3];
    for (i, of) in of.into_iter().enumerate() {
        let presence = rows.iter().map(|r| of(r).is_some()).collect();
        batch.rows.columns[i + 1].presence = Some(presence);
    }
    batch
}

/// The rows of `earlier`, one layer each, then `newest`; one record a row, from offset `from` on.
pub(crate) fn layered(from: i64, earlier: &[&[Row]], newest: &[Row]) -> Computed {
    let all: Vec<Row> = earlier
        .iter()
        .copied()
        .flatten()
        .chain(newest)
        .copied()
        .collect();
    let mut batch = cells(from, &all);
    let (rows, sources) = (batch.rows.clone(), batch.sources.clone());
    let mut start = 0;
    for layer in earlier {
        batch.earlier.push(Earlier::Rows(Layer {
            rows: rows.slice(start, layer.len()),
            sources: sources[start..start + layer.len()].to_vec(),
        }));
        start += layer.len();
    }
    batch.rows = rows.slice(start, newest.len());
    batch.sources = sources[start..].to_vec();
    batch.counts.rows = newest.len() as u64;
    batch
}

/// A table and what writes to it.
pub(crate) struct People {
    pub(crate) fixture: Fixture,
    pub(crate) connection: Connection,
    pub(crate) sink: Sink,
    pub(crate) lease: Lease,
    /// By partition.
    next: [i64; 2],
}

impl People {
    pub(crate) async fn new(name: &str, table: &str, delete: Delete) -> Result<Self> {
        Self::with_roles(name, table, delete, &roles()).await
    }

    pub(crate) async fn with_roles(
        name: &str,
        table: &str,
        delete: Delete,
        roles: &Roles,
    ) -> Result<Self> {
        let fixture = Fixture::new(name, PLAIN).await?;
        fixture.psql(&format!("drop table people; {table}"))?;
        let mut connection = fixture.connect().await?;
        let target = TargetTable::load(&connection, "people").await?;
        let target = target.context("the table")?;
        let fields = cell_fields();
        let sink = sink_that_deletes(&connection, &target, &fields, roles, delete).await?;
        let lease = fixture.take(&mut connection, 0).await?.lease;
        Ok(Self {
            fixture,
            connection,
            sink,
            lease,
            next: [0; 2],
        })
    }

    /// Commits `rows`.
    pub(crate) async fn flush(&mut self, rows: &[Row]) -> Result<(), FlushError> {
        self.layers(&[], rows).await
    }

    pub(crate) async fn layers(
        &mut self,
        earlier: &[&[Row]],
        newest: &[Row],
    ) -> Result<(), FlushError> {
        let batch = layered(self.next[0], earlier, newest);
        self.commit(&batch).await
    }

    pub(crate) async fn commit(&mut self, batch: &Computed) -> Result<(), FlushError> {
        let connection = &mut self.connection;
        self.sink
            .flush(connection, &self.lease, self.next[0], batch, 1, &|_| None)
            .await?;
        self.next[0] = batch.next_offset;
        Ok(())
    }

    pub(crate) async fn settle(&mut self, batch: &Computed) -> Result<Settled, FlushError> {
        let unsettled = Unsettled {
            sink: &self.sink,
            lease: &self.lease,
            from_offset: self.next[0],
            batch,
            revision: 1,
            digests: &|_| None,
            was_retried: false,
        };
        let settled = settle(&mut self.connection, unsettled).await?;
        if let Settled::Committed(_) = settled {
            self.next[0] = batch.next_offset;
        }
        Ok(settled)
    }

    /// Where the partition's next flush begins.
    pub(crate) fn next_of(&self, partition: usize) -> i64 {
        self.next[partition]
    }

    pub(crate) fn moved(&mut self, partition: usize, to: i64) {
        self.next[partition] = to;
    }

    /// Id, name, bio, email, deleted, and what is unknown, a line a row.
    pub(crate) fn rows(&self) -> Result<String> {
        self.fixture.psql(
            "select id, name, bio, email, is_deleted,
                gristmill.absent_columns('people', _gm_absent)
            from people order by id",
        )
    }
}

#[tokio::test]
async fn an_absent_cell_keeps_what_is_stored_and_a_first_one_is_known_to_be_unknown() -> Result<()>
{
    let mut cells = People::new("cells_kept", TRACKED, Delete::Soft).await?;
    cells
        .flush(&[(1, is("a"), is("long"), ABSENT, false, 10)])
        .await?;
    assert_eq!(cells.rows()?, "1|a|long|nobody|f|{email}");
    cells
        .flush(&[(1, is("b"), ABSENT, ABSENT, false, 20)])
        .await?;
    assert_eq!(cells.rows()?, "1|b|long|nobody|f|{email}");
    // An older event loses whole, also where the row has unknown cells.
    cells
        .flush(&[(1, is("old"), ABSENT, is("old"), false, 5)])
        .await?;
    assert_eq!(cells.rows()?, "1|b|long|nobody|f|{email}");
    cells
        .flush(&[(1, ABSENT, ABSENT, Some(None), false, 30)])
        .await?;
    assert_eq!(cells.rows()?, "1|b|long||f|");
    // A batch of which all is known, over a row that lacks something.
    cells
        .flush(&[(2, ABSENT, is("x"), ABSENT, false, 1)])
        .await?;
    assert_eq!(cells.rows()?, "1|b|long||f|\n2||x|nobody|f|{email,name}");
    cells
        .flush(&[(2, is("n"), is("y"), is("e"), false, 2)])
        .await?;
    assert_eq!(cells.rows()?, "1|b|long||f|\n2|n|y|e|f|");
    Ok(())
}

#[tokio::test]
async fn a_delete_keeps_values_and_a_new_life_inherits_none() -> Result<()> {
    let mut cells = People::new("cells_lives", TRACKED, Delete::Soft).await?;
    cells
        .flush(&[(1, is("a"), is("long"), ABSENT, false, 10)])
        .await?;
    // As Debezium sends it: made-up values where a column may not be null.
    cells
        .flush(&[(1, Some(None), is("made up"), Some(None), true, 20)])
        .await?;
    assert_eq!(cells.rows()?, "1|a|long|nobody|t|{email}");
    cells
        .flush(&[(1, ABSENT, is("new"), ABSENT, false, 30)])
        .await?;
    assert_eq!(cells.rows()?, "1||new|nobody|f|{email,name}");
    Ok(())
}

#[tokio::test]
async fn a_delete_of_what_is_not_there_is_dropped_where_it_cannot_be_made() -> Result<()> {
    let mut cells = People::new("cells_unmade", TRACKED, Delete::Soft).await?;
    let counts = "select rows_upserted, dropped, dead_letters from gristmill.checkpoint";
    // `bio` may not be null.
    cells
        .flush(&[
            (1, ABSENT, ABSENT, ABSENT, true, 10),
            (2, ABSENT, is("b"), ABSENT, true, 10),
        ])
        .await?;
    assert_eq!(cells.rows()?, "2||b|nobody|t|{email,name}");
    assert_eq!(cells.fixture.psql(counts)?, "2|1|0");
    // The constraint is found row by row.
    let batch = cells_of(2, &[(3, is("forbidden"), is("b"), ABSENT, true, 10)]);
    let refused = cells.commit(&batch).await.unwrap_err();
    assert!(matches!(refused, FlushError::Refused { .. }), "{refused:?}");
    let settled = cells.settle(&batch).await?;
    assert!(matches!(settled, Settled::Committed(_)), "{settled:?}");
    assert_eq!(cells.rows()?, "2||b|nobody|t|{email,name}");
    assert_eq!(cells.fixture.psql(counts)?, "2|2|0");
    Ok(())
}

fn cells_of(from: i64, rows: &[Row]) -> Computed {
    cells(from, rows)
}

#[tokio::test]
async fn without_a_column_for_absent_cells_deletes_work_and_absent_cells_halt() -> Result<()> {
    for (name, version) in [
        ("cells_plain", ""),
        ("cells_versioned", ", _gm_version bytea"),
    ] {
        let table = format!(
            "create table people (id bigint primary key, name text, bio text not null, email text,
            is_deleted boolean, at timestamptz{version})"
        );
        let mut cells = People::new(name, &table, Delete::Soft).await?;
        let shown = "select id, name, bio, is_deleted from people order by 1";
        cells
            .flush(&[(1, is("a"), is("long"), is("e"), false, 10)])
            .await?;
        cells
            .flush(&[
                (1, ABSENT, ABSENT, ABSENT, true, 20),
                (2, ABSENT, ABSENT, ABSENT, true, 20),
            ])
            .await?;
        assert_eq!(cells.fixture.psql(shown)?, "1|a|long|t");
        let batch = cells_of(3, &[(1, is("b"), ABSENT, is("e"), false, 30)]);
        let error = cells.commit(&batch).await.unwrap_err();
        let expected = match version {
            "" => "add column _gm_version bytea, add column _gm_absent bytea",
            _ => "add column _gm_absent bytea",
        };
        let sentence = format!(
            "the record at offset 3 does not say the value of bio, and the table people has no \
             column _gm_absent to tell such values by: alter table public.people {expected}, then \
             restart"
        );
        assert!(matches!(error, FlushError::Halt { .. }), "{error:?}");
        assert_eq!(error.to_string(), sentence);
    }
    Ok(())
}

/// A mirror needs neither event time nor deleted flag.
#[tokio::test]
async fn columns_that_the_table_lacks_are_not_written() -> Result<()> {
    let table = "create table people (id bigint primary key, name text, bio text, email text,
        _gm_version bytea, _gm_absent bytea, _gm_deleted boolean)";
    let mut cells = People::new("cells_mirror", table, Delete::Soft).await?;
    let shown = "select id, name, bio, _gm_deleted, _gm_absent from people";
    let steps: [(Row, &str); 5] = [
        ((1, is("a"), is("b"), is("c"), false, 10), "1|a|b|f|"),
        ((1, is("a"), ABSENT, is("c"), false, 20), "1|a|b|f|"),
        ((1, ABSENT, ABSENT, ABSENT, true, 30), "1|a|b|t|"),
        ((1, is("late"), is("late"), is("c"), false, 25), "1|a|b|t|"),
        ((1, is("n"), ABSENT, is("c"), false, 40), "1|n||f|\\x02"),
    ];
    for (row, expected) in steps {
        cells.flush(&[row]).await?;
        assert_eq!(cells.fixture.psql(shown)?, expected, "{row:?}");
    }
    Ok(())
}

/// Another revision's columns stay as they are, and so does what is known of them.
#[tokio::test]
async fn what_is_unknown_of_columns_that_are_not_written_stays_unknown() -> Result<()> {
    let mut cells = People::new("cells_revisions", TRACKED, Delete::Soft).await?;
    cells
        .flush(&[(1, ABSENT, is("b"), ABSENT, false, 10)])
        .await?;
    assert_eq!(cells.rows()?, "1||b|nobody|f|{email,name}");
    // One that does not write the mail address; its columns are in another order.
    let target = TargetTable::load(&cells.connection, "people").await?;
    let target = target.context("the table")?;
    let fewer = [0, 2, 1, 4, 5].map(|i| cell_fields()[i].clone());
    let connection = &cells.connection;
    let sink = sink_that_deletes(connection, &target, &fewer, &roles(), Delete::Soft).await?;
    for (from, row, expected) in [
        (
            1,
            (1, ABSENT, is("c"), ABSENT, false, 20),
            "1||c|nobody|f|{email,name}",
        ),
        (
            2,
            (1, is("n"), is("d"), ABSENT, false, 30),
            "1|n|d|nobody|f|{email}",
        ),
    ] {
        let mut batch = cells_of(from, &[row]);
        batch.rows = batch.rows.select(&fewer).context("the columns")?;
        sink.flush(
            &mut cells.connection,
            &cells.lease,
            from,
            &batch,
            1,
            &|_| None,
        )
        .await?;
        assert_eq!(cells.rows()?, expected);
    }
    let bits = "select name, bit from gristmill.target_column order by bit";
    assert_eq!(cells.fixture.psql(bits)?, "name|0\nbio|1\nemail|2");
    Ok(())
}

#[tokio::test]
async fn layers_are_written_one_after_the_other() -> Result<()> {
    let mut cells = People::new("layers", TRACKED, Delete::Soft).await?;
    let old: Row = (1, is("a"), is("old"), is("e"), false, 10);
    let deleted: Row = (1, ABSENT, ABSENT, ABSENT, true, 20);
    let new: Row = (1, is("n"), is("new"), ABSENT, false, 30);
    // A new life of the same batch inherits nothing of the one before.
    cells.layers(&[&[old], &[deleted]], &[new]).await?;
    assert_eq!(cells.rows()?, "1|n|new|nobody|f|{email}");
    // A donor that is older than the table's row gives nothing.
    let donor: Row = (1, is("x"), is("x"), is("x"), false, 25);
    let newest: Row = (1, is("m"), ABSENT, ABSENT, false, 40);
    cells.layers(&[&[donor]], &[newest]).await?;
    assert_eq!(cells.rows()?, "1|m|new|nobody|f|{email}");
    let donor: Row = (1, is("x"), is("given"), is("given"), false, 50);
    let newest: Row = (1, is("k"), ABSENT, ABSENT, false, 60);
    cells.layers(&[&[donor]], &[newest]).await?;
    assert_eq!(cells.rows()?, "1|k|given|given|f|");
    let done = "select next_offset, records, rows_upserted from gristmill.checkpoint";
    assert_eq!(cells.fixture.psql(done)?, "7|7|3");
    Ok(())
}

#[tokio::test]
async fn a_zombie_between_layers_writes_nothing() -> Result<()> {
    let mut cells = People::new("layers_zombie", TRACKED, Delete::Soft).await?;
    // Somebody else has taken the partition.
    cells
        .fixture
        .take(&mut cells.fixture.connect().await?, 0)
        .await?;
    let donor: Row = (1, is("x"), is("x"), is("x"), false, 10);
    let newest: Row = (1, is("k"), ABSENT, ABSENT, false, 20);
    let batch = layered(0, &[&[donor], &[donor]], &[newest]);
    let error = cells.commit(&batch).await.unwrap_err();
    assert!(matches!(error, FlushError::Fenced), "{error:?}");
    assert_eq!(cells.rows()?, "");
    // The session is as good as before.
    assert!(cells.connection.is_usable());
    let one = cells
        .connection
        .query_one("select txid_current_if_assigned()", &[]);
    assert_eq!(
        one.await?.get::<_, Option<i64>>(0),
        None,
        "no transaction is open"
    );
    Ok(())
}

#[tokio::test]
async fn a_refused_row_of_a_layer_names_its_record() -> Result<()> {
    let mut cells = People::new("layers_refused", TRACKED, Delete::Soft).await?;
    let donors: [Row; 2] = [
        (1, is("a"), is("x"), is("x"), false, 10),
        (2, is("forbidden"), is("x"), is("x"), false, 10),
    ];
    let newest: [Row; 3] = [
        (1, is("b"), ABSENT, is("y"), false, 20),
        (2, is("b"), ABSENT, is("y"), false, 20),
        (3, is("forbidden"), is("x"), is("x"), false, 20),
    ];
    let batch = layered(0, &[&donors], &newest);
    let refused = cells.commit(&batch).await.unwrap_err();
    assert!(matches!(refused, FlushError::Refused { .. }), "{refused:?}");
    let Settled::Refused(rows) = cells.settle(&batch).await? else {
        panic!("nothing is refused");
    };
    let letters = rows.iter().map(|row| row.dead_letter(&batch));
    let records: Vec<u32> = letters.map(|letter| letter.record).collect();
    // The second of the newest cannot be made without its donor.
    assert_eq!(records, [1, 3, 4]);
    let origin = RowOrigin::of(&cells.lease);
    let blamed = blame(&mut cells.connection, &cells.sink, origin, &batch, 1).await?;
    assert_eq!(blamed.passed, [true, false, false]);
    assert_eq!(cells.rows()?, "");
    Ok(())
}
