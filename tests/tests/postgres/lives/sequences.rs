//! Sequences that ended in wrong tables, by name.

use anyhow::Result;
use gristmill_core::dedup::{VersionKind, VersionRule};
use gristmill_postgres::commit::lease::Taken;
use rstest::rstest;

use super::event::{Event, What, records};
use super::rules::{NOW_US, Revision};
use super::stage::{Flushed, Stage, Writer};

/// Cells of the columns `a` and `c`; `-` is one that is not sent.
fn event(what: What, at: i64, a: &str, c: &str) -> Event {
    let cell = |text: &str| (text != "-").then(|| Some(text.to_owned()));
    Event {
        what,
        key: 1,
        at,
        seq: Some(at),
        recorded: at,
        cells: [cell(a), None, cell(c)],
        is_unread: false,
    }
}

/// What `a`, `c` and the names of unknown columns are when each batch has committed, by its
/// revision.
async fn end(
    name: &str,
    is_hard: bool,
    batches: &[(bool, &[Event])],
) -> Result<Option<(Option<String>, Option<String>, Vec<String>)>> {
    let mut stage = Stage::new(name).await?;
    let Taken {
        lease,
        next_offset: mut next,
        ..
    } = stage.take(0).await?;
    for (writes_c, events) in batches {
        let writer = Writer {
            table: 0,
            revision: Revision {
                version: VersionRule {
                    kind: VersionKind::OrderFirst,
                    epoch: 0,
                },
                writes_c: *writes_c,
            },
            is_hard,
        };
        let mut chain = writer.revision.chain(0, writer.delete(), 1 << 20, true)?;
        let computed = chain.compute(records((next..).zip(*events)), NOW_US);
        let mut computed = computed.map_err(|e| anyhow::anyhow!("{}", e.fault))?;
        let flushed = stage.flush(writer, &lease, next, &mut computed).await?;
        anyhow::ensure!(matches!(flushed, Flushed::Committed), "not committed");
        next = computed.next_offset;
    }
    let row = stage.shown(0).await?.remove(&1);
    Ok(row.map(|row| {
        let [a, _, c, _] = row.cells;
        (a, c, row.unknown)
    }))
}

/// The delete loses to the new row of its own batch.
#[rstest]
#[case::soft("soft", false)]
#[case::hard("hard", true)]
#[tokio::test]
async fn new_life_after_a_deduplicated_delete(
    #[case] name: &str,
    #[case] is_hard: bool,
) -> Result<()> {
    let first = [event(What::Row, 1, "old", "old")];
    let then = [
        event(What::Delete, 2, "lie", "lie"),
        event(What::Row, 3, "-", "new"),
    ];
    let name = format!("lives_dead_{name}");
    let row = end(&name, is_hard, &[(true, &first), (true, &then)]).await?;
    let unknown = ["a", "b", "loud"].map(str::to_owned).to_vec();
    assert_eq!(row, Some((None, Some("new".to_owned()), unknown)));
    Ok(())
}

/// The other revision's columns, and people's own, are of the row that went.
#[tokio::test]
async fn columns_that_nobody_writes_go_with_a_row_that_is_deleted_for_good() -> Result<()> {
    let first = [event(What::Row, 1, "old", "old")];
    let whole = |at| Event {
        cells: [Some(Some("new".to_owned())), Some(None), None],
        ..event(What::Row, at, "-", "-")
    };
    let then = [event(What::Delete, 2, "lie", "lie"), whole(3)];
    let row = end("lives_others", true, &[(true, &first), (false, &then)]).await?;
    let (new, default) = (Some("new".to_owned()), Some("made".to_owned()));
    assert_eq!(row, Some((new, default, Vec::new())));
    Ok(())
}
