//! Rows, dead letters and checkpoint move together, or not at all.

use anyhow::Result;
use gristmill_core::record::record_hash;
use gristmill_postgres::commit::checkpoint::{self, PartitionState};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease;
use gristmill_postgres::letters::stored_letter::{self, Filter};

use crate::fixture::{Fixture, PIPELINE, PLAIN, WITH_PROVENANCE, computed, dead, key};

#[tokio::test]
async fn a_flush_moves_rows_and_checkpoint_and_counts_once() -> Result<()> {
    let fixture = Fixture::new("flush_moves", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let taken = fixture.take(&mut connection, 3).await?;
    assert_eq!((taken.next_offset, taken.lease.owner_epoch), (0, 1));
    let mut batch = computed(0, &[(1, Some("Ada"), false, 5_000_001), (2, None, true, 7)]);
    batch.event_time_max = Some(5_000_001);
    let flushed = fixture
        .flush(&mut connection, &taken.lease, 0, &batch)
        .await?;
    assert_eq!(flushed.wanted_revision, 1);
    assert_eq!(fixture.people()?, "1|Ada|f|5000001\n2||t|7");
    assert_eq!(
        fixture.psql("select _gm_partition, _gm_offset, _gm_revision from people order by id")?,
        "3|0|1\n3|1|1"
    );
    // The same bytes again find the checkpoint moved.
    let again = fixture
        .flush(&mut connection, &taken.lease, 0, &batch)
        .await;
    assert!(matches!(again, Err(FlushError::Fenced)), "{again:?}");
    let taken = fixture.take(&mut connection, 3).await?;
    assert_eq!(
        (
            taken.next_offset,
            taken.lease.owner_epoch,
            taken.event_time_max_us
        ),
        (2, 2, Some(5_000_001))
    );
    let last = taken.last_record.expect("a last record");
    assert_eq!(
        (last.offset, last.at_ms, last.hash),
        (
            1,
            Some(1_726_531_200_001),
            record_hash(Some(b"key"), Some(b"value 1"))
        )
    );
    let row = checkpoint::read(&connection, &key(3))
        .await?
        .expect("a checkpoint");
    assert_eq!(
        (row.records, row.rows_upserted, row.dead_letters),
        (2, 2, 0)
    );
    assert_eq!(
        fixture.psql("select from_offset, revision, by from gristmill.activation")?,
        "0|1|test"
    );
    Ok(())
}

#[tokio::test]
async fn a_zombie_writes_nothing() -> Result<()> {
    let fixture = Fixture::new("zombie", PLAIN).await?;
    let (mut old, mut new) = (fixture.connect().await?, fixture.connect().await?);
    let zombie = fixture.take(&mut old, 0).await?.lease;
    let owner = fixture.take(&mut new, 0).await?.lease;
    let mut batch = dead(0, "bad", &[]);
    let rows = computed(0, &[(1, Some("zombie"), false, 9)]);
    (batch.rows, batch.sources) = (rows.rows, rows.sources);
    let fenced = fixture.flush(&mut old, &zombie, 0, &batch).await;
    assert!(matches!(fenced, Err(FlushError::Fenced)), "{fenced:?}");
    assert_eq!(fixture.people()?, "");
    assert_eq!(
        fixture.psql("select count(*) from gristmill.dead_letter")?,
        "0"
    );
    assert!(!lease::stand_still(&old, &zombie, PartitionState::Halted, "why").await?);
    fixture
        .flush(
            &mut new,
            &owner,
            0,
            &computed(0, &[(1, Some("owner"), false, 9)]),
        )
        .await?;
    assert_eq!(fixture.people()?, "1|owner|f|9");
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_keeps_everything() -> Result<()> {
    let fixture = Fixture::new("dead_letter", PLAIN).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let headers = [
        ("trace", Some(&b"\xc3\xa9"[..])),
        ("raw", Some(&b"\xff\x00"[..])),
        ("none", None),
        ("trace", Some(&b""[..])),
    ];
    let batch = dead(0, "the value is a\0b", &headers);
    fixture
        .sink
        .flush(&mut connection, &lease, 0, &batch, 1, &|_| {
            Some("abc".into())
        })
        .await?;
    let listed = stored_letter::list(&connection, PIPELINE, 1, &Filter::default()).await?;
    assert!(
        listed[0].value.is_none() && listed[0].bytes > 0,
        "{listed:?}"
    );
    let ids: Vec<_> = listed.into_iter().map(|letter| letter.id).collect();
    let letters = stored_letter::read(&connection, PIPELINE, 1, &ids).await?;
    let [letter] = &letters[..] else {
        panic!("{letters:?}")
    };
    assert_eq!(letter.id.to_string(), "people_cdc/0/0/0");
    assert_eq!(
        (&*letter.stage, &*letter.code, &*letter.message),
        (
            "transform:normalize",
            "unknown-op",
            "the value is a\u{fffd}b"
        )
    );
    assert_eq!(
        (
            letter.key.as_deref(),
            letter.value.as_deref(),
            letter.record_at_ms
        ),
        (Some(&b"\xff\0"[..]), None, Some(-1))
    );
    assert_eq!(letter.digest.as_deref(), Some("abc"));
    let stored: Vec<_> = letter
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    assert_eq!(stored, headers);
    let records = stored_letter::records(&letters);
    assert_eq!(records.get(0).headers().collect::<Vec<_>>(), headers);
    assert_eq!(
        stored_letter::unrelayed(&connection, &lease.key, 10, 1)
            .await?
            .len(),
        1
    );
    Ok(())
}
