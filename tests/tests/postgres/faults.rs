//! Lost answers, cut connections, deadlocks and frozen owners.

use std::time::Duration;

use anyhow::Result;
use gristmill_core::chain::Computed;
use gristmill_core::policy::{Action, action};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease;
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_postgres::wire::pool::Pool;
use gristmill_tests::fault_proxy::{Fault, FaultProxy};
use rstest::rstest;

use crate::fixture::{Fixture, Person, WITH_PROVENANCE, computed, request};

/// Enough for a statement of many packets.
const MANY: usize = 6_000;

fn people(rows: usize, name: &str, at: i64) -> Vec<Person<'_>> {
    (0..rows as i64)
        .map(|id| (id, Some(name), false, at))
        .collect()
}

fn rows_with(fixture: &Fixture, name: &str) -> Result<String> {
    fixture.psql(&format!(
        "select count(*) from people where name = '{name}'"
    ))
}

/// A connection through a proxy that has done one flush, so that its statements are prepared and
/// the next bytes are the flush itself.
async fn warm(
    fixture: &Fixture,
    proxy: &FaultProxy,
    rows: usize,
) -> Result<(Connection, lease::Lease)> {
    let url = format!("postgres://app@127.0.0.1:{}/{}", proxy.port(), fixture.name);
    let mut connection = Database::new(&url, "gristmill/proxied")?.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    fixture
        .flush(
            &mut connection,
            &lease,
            0,
            &computed(0, &people(rows, "first", 1)),
        )
        .await?;
    Ok((connection, lease))
}

/// What the supervisor does after an unknown outcome: take the partition again, and go on from
/// where it says.
async fn take_and_go_on(fixture: &Fixture, batch: &Computed, from: i64) -> Result<bool> {
    let mut connection = fixture.connect().await?;
    let taken = fixture.take(&mut connection, 0).await?;
    let committed = taken.next_offset == batch.next_offset;
    if !committed {
        assert_eq!(taken.next_offset, from);
        fixture
            .flush(&mut connection, &taken.lease, from, batch)
            .await?;
    }
    Ok(committed)
}

#[rstest]
#[case::cut_before("cut_before", 3, &b""[..], Fault::CutRequest, false)]
#[case::answer_lost("answer_lost", 3, &b""[..], Fault::CutAnswer, true)]
#[case::cut_in_the_middle("cut_middle", MANY, &b"second"[..], Fault::CutRequest, false)]
#[tokio::test]
async fn after_a_lost_answer_the_checkpoint_tells_the_truth(
    #[case] name: &str,
    #[case] rows: usize,
    #[case] needle: &[u8],
    #[case] fault: Fault,
    #[case] commits: bool,
) -> Result<()> {
    let fixture = Fixture::new(name, WITH_PROVENANCE).await?;
    let proxy = FaultProxy::start(fixture.postgres.port())?;
    let (mut connection, lease) = warm(&fixture, &proxy, rows).await?;
    let from = rows as i64;
    let batch = computed(from, &people(rows, "second", 2));
    proxy.arm(needle, fault);
    let lost = fixture.flush(&mut connection, &lease, from, &batch).await;
    let Err(error @ FlushError::Unknown { .. }) = lost else {
        panic!("{lost:?}")
    };
    assert_eq!(action(&error.fault()), Action::Restart);
    assert_eq!(proxy.struck(), 1);
    assert!(!connection.is_usable());
    assert_eq!(take_and_go_on(&fixture, &batch, from).await?, commits);
    assert_eq!(rows_with(&fixture, "second")?, rows.to_string());
    assert_eq!(
        fixture.psql("select next_offset, records from gristmill.checkpoint")?,
        format!("{0}|{0}", 2 * rows)
    );
    Ok(())
}

#[tokio::test]
async fn a_connection_that_was_closed_between_flushes_is_unknown_too_and_leaves_the_pool()
-> Result<()> {
    let fixture = Fixture::new("closed_idle", WITH_PROVENANCE).await?;
    let pool = Pool::new(fixture.database.clone(), 1);
    let mut lent = pool.get().await?;
    let lease = fixture.take(&mut lent, 0).await?.lease;
    let pid: i32 = lent.query_one("select pg_backend_pid()", &[]).await?.get(0);
    fixture.psql(&format!("select pg_terminate_backend({pid})"))?;
    let lost = fixture
        .flush(&mut lent, &lease, 0, &computed(0, &[(1, None, false, 1)]))
        .await;
    assert!(matches!(lost, Err(FlushError::Unknown { .. })), "{lost:?}");
    drop(lent);
    let mut lent = pool.get().await?;
    fixture
        .flush(&mut lent, &lease, 0, &computed(0, &[(1, None, false, 1)]))
        .await?;
    assert_eq!(fixture.next_offset()?, "1");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_flush_does_not_go_back_to_the_pool() -> Result<()> {
    let fixture = Fixture::new("cancelled", WITH_PROVENANCE).await?;
    let pool = Pool::new(fixture.database.clone(), 1);
    let mut lent = pool.get().await?;
    let lease = fixture.take(&mut lent, 0).await?.lease;
    let pid: i32 = lent.query_one("select pg_backend_pid()", &[]).await?.get(0);
    let mut blocker = fixture.connect().await?;
    let lock = blocker.transaction().await?;
    lock.batch_execute("lock table people").await?;
    let batch = computed(0, &[(1, None, false, 1)]);
    let flush = fixture.flush(&mut lent, &lease, 0, &batch);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), flush)
            .await
            .is_err()
    );
    drop(lent);
    lock.commit().await?;
    let now: i32 = pool
        .get()
        .await?
        .query_one("select pg_backend_pid()", &[])
        .await?
        .get(0);
    assert_ne!(now, pid);
    Ok(())
}

#[tokio::test]
async fn a_deadlock_victim_is_rolled_back_and_may_send_the_same_bytes_again() -> Result<()> {
    let fixture = Fixture::new("deadlock", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    fixture
        .flush(
            &mut connection,
            &lease,
            0,
            &computed(0, &people(2, "first", 1)),
        )
        .await?;
    let mut other = fixture.connect().await?;
    let clash = other.transaction().await?;
    // Its own search for deadlocks comes too late, so the flush is the victim.
    clash
        .batch_execute(
            "set local deadlock_timeout = '1min'; update people set name = 'other' where id = 1",
        )
        .await?;
    let batch = computed(2, &people(2, "second", 2));
    let (victim, _) = tokio::join!(fixture.flush(&mut connection, &lease, 2, &batch), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        clash
            .batch_execute("update people set name = 'other' where id = 0")
            .await
    });
    let Err(error @ FlushError::Definite { .. }) = victim else {
        panic!("{victim:?}")
    };
    assert_eq!(action(&error.fault()), Action::RetryInPlace);
    clash.commit().await?;
    assert_eq!(fixture.next_offset()?, "2");
    fixture.flush(&mut connection, &lease, 2, &batch).await?;
    assert_eq!(
        (rows_with(&fixture, "second")?, fixture.next_offset()?),
        ("2".into(), "4".into())
    );
    Ok(())
}

#[tokio::test]
async fn an_owner_that_hangs_in_its_flush_is_ended_and_fenced() -> Result<()> {
    let fixture = Fixture::new("hanging_owner", WITH_PROVENANCE).await?;
    let mut hanging = fixture.connect().await?;
    let lease = fixture.take(&mut hanging, 0).await?.lease;
    let first = computed(0, &people(3, "first", 1));
    fixture.flush(&mut hanging, &lease, 0, &first).await?;
    hanging.batch_execute("set lock_timeout = '10s'").await?;
    // The flush has moved the checkpoint when it comes to the row that somebody else holds.
    let mut somebody = fixture.connect().await?;
    let lock = somebody.transaction().await?;
    lock.batch_execute("select from people where id = 2 for update")
        .await?;
    let batch = computed(3, &people(3, "second", 2));
    let (flushed, taken) = tokio::join!(fixture.flush(&mut hanging, &lease, 3, &batch), async {
        let waits = "select count(*) from pg_stat_activity
            where datname = 'hanging_owner' and wait_event_type = 'Lock'";
        while fixture.psql(waits)? == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut connection = fixture.connect().await?;
        let taken = lease::take(&mut connection, &[request(0, 1, 0, None)], "host-b").await?;
        anyhow::Ok(taken)
    });
    assert!(
        matches!(flushed, Err(FlushError::Unknown { .. })),
        "{flushed:?}"
    );
    let taken = taken?.remove(0);
    assert_eq!(
        (taken.next_offset, taken.lease.owner_epoch),
        (3, lease.owner_epoch + 1)
    );
    lock.rollback().await?;
    assert_eq!(rows_with(&fixture, "second")?, "0");
    Ok(())
}
