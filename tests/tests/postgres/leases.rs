//! Taking many partitions at once.

use std::time::Duration;

use anyhow::Result;
use gristmill_postgres::commit::checkpoint::{LeftOut, PartitionState};
use gristmill_postgres::commit::lease::{self, TakeRequest, Taken, take};
use gristmill_postgres::commit::vain_takes::{self, VAIN_TAKES_MAX};
use gristmill_postgres::fleet::steering::{self, Verb};
use gristmill_postgres::letters::stored_letter::{self, StoredLetter};

use crate::fixture::{Fixture, PIPELINE, WITH_PROVENANCE, computed, dead, request};
use crate::rollout::{file, take_over};

fn partitions(taken: &[Taken]) -> Vec<(i32, i64, i64)> {
    let of = |t: &Taken| (t.lease.key.partition, t.lease.owner_epoch, t.next_offset);
    taken.iter().map(of).collect()
}

#[tokio::test]
async fn a_list_of_partitions_is_taken_at_once_and_answered_in_its_order() -> Result<()> {
    let fixture = Fixture::new("take_list", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let old = fixture.take(&mut connection, 1).await?.lease;
    let batch = computed(0, &[(1, None, false, 1)]);
    fixture.flush(&mut connection, &old, 0, &batch).await?;
    take_over(&mut connection, &file("a", "two"), "ann").await?;
    // One that is new, one that is there by revision 1, one that is new by revision 1.
    let wanted = [
        request(2, 2, 7, None),
        request(1, 2, 9, None),
        request(0, 1, 5, Some("id")),
    ];
    let taken = take(&mut connection, &wanted, "host-b").await?;
    assert_eq!(partitions(&taken), [(2, 1, 7), (1, 2, 1), (0, 1, 5)]);
    assert_eq!(taken[2].topic_id.as_deref(), Some("id"));
    let activations = "select partition, from_offset, revision, by from gristmill.activation \
                       order by 1, 2";
    assert_eq!(
        fixture.psql(activations)?,
        "0|5|1|test\n1|0|1|test\n1|1|2|ann\n2|7|2|ann"
    );
    // Taken again by the same revisions, nothing changes but the epochs.
    let again = take(&mut connection, &wanted, "host-b").await?;
    assert_eq!(partitions(&again), [(2, 2, 7), (1, 3, 1), (0, 2, 5)]);
    assert_eq!(fixture.psql(activations)?.lines().count(), 4);
    assert!(take(&mut connection, &[], "host-b").await?.is_empty());
    assert!(connection.is_usable());
    Ok(())
}

#[tokio::test]
async fn two_hosts_that_take_the_same_partitions_in_other_orders_wait_in_no_circle() -> Result<()> {
    let fixture = Fixture::new("take_both", WITH_PROVENANCE).await?;
    let (mut a, mut b) = (fixture.connect().await?, fixture.connect().await?);
    let forth: Vec<_> = (0..40).map(|p| request(p, 1, 0, None)).collect();
    let back: Vec<_> = forth.iter().rev().cloned().collect();
    for _ in 0..20 {
        let (a, b) = tokio::join!(
            take(&mut a, &forth, "host-a"),
            take(&mut b, &back, "host-b")
        );
        assert_eq!((a?.len(), b?.len()), (40, 40));
    }
    assert_eq!(
        fixture.psql("select distinct owner_epoch from gristmill.checkpoint")?,
        "40"
    );
    Ok(())
}

/// A flush that is about to commit is not who was waited for.
#[tokio::test]
async fn only_the_session_that_was_waited_for_is_ended() -> Result<()> {
    let fixture = Fixture::new("take_frozen", WITH_PROVENANCE).await?;
    let (mut frozen, mut flushing) = (fixture.connect().await?, fixture.connect().await?);
    let mut taking = fixture.connect().await?;
    let wanted: Vec<_> = (0..2).map(|p| request(p, 1, 0, None)).collect();
    take(&mut taking, &wanted, "host-a").await?;
    let lock = |partition: i32| {
        format!("update gristmill.checkpoint set records = 7 where partition = {partition}")
    };
    let frozen = frozen.transaction().await?;
    frozen.batch_execute(&lock(0)).await?;
    let (taken, flushed) = tokio::join!(take(&mut taking, &wanted, "host-b"), async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let flush = flushing.transaction().await?;
        flush.batch_execute(&lock(1)).await?;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        flush.commit().await
    });
    flushed?;
    assert_eq!(partitions(&taken?), [(0, 2, 0), (1, 2, 0)]);
    assert!(frozen.commit().await.is_err());
    let records = "select records from gristmill.checkpoint order by partition";
    assert_eq!(fixture.psql(records)?, "0\n7");
    Ok(())
}

#[tokio::test]
async fn letters_of_all_partitions_of_an_owner_come_in_their_order() -> Result<()> {
    let fixture = Fixture::new("unrelayed_list", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let wanted = [request(1, 1, 0, None), request(0, 1, 0, None)];
    for taken in take(&mut connection, &wanted, "host-a").await? {
        for offset in 0..3 {
            let batch = dead(offset, "bad", &[]);
            fixture
                .flush(&mut connection, &taken.lease, offset, &batch)
                .await?;
        }
    }
    let other = take(&mut connection, &[request(2, 1, 0, None)], "host-b").await?;
    let batch = dead(0, "bad", &[]);
    fixture
        .flush(&mut connection, &other[0].lease, 0, &batch)
        .await?;
    let pipelines = [(PIPELINE, 1), ("another", 1)];
    let left = async || {
        let left = stored_letter::unrelayed_partitions(&connection, "host-a", &pipelines).await?;
        anyhow::Ok(left)
    };
    let waiting = left().await?;
    let numbers: Vec<_> = waiting.iter().map(|key| key.partition).collect();
    assert_eq!(numbers, [0, 1]);
    let of_first = async |limit, bytes| {
        let letters = stored_letter::unrelayed(&connection, &waiting[0], limit, bytes).await?;
        anyhow::Ok(letters)
    };
    let offsets =
        |letters: &[StoredLetter]| letters.iter().map(|l| l.id.offset).collect::<Vec<_>>();
    assert_eq!(offsets(&of_first(2, i64::MAX).await?), [0, 1]);
    // Bytes bound it, too, but one letter is always read.
    assert_eq!(offsets(&of_first(3, 1).await?), [0]);
    // What the topic refuses stays, and is not in the way of those after it.
    let letters = of_first(3, i64::MAX).await?;
    stored_letter::relay_refused(&connection, &letters[0], "no key").await?;
    assert_eq!(offsets(&of_first(3, i64::MAX).await?), [1, 2]);
    let relayed = stored_letter::relayed(&connection, &[&letters[1], &letters[2]]).await?;
    assert_eq!((relayed, left().await?.len()), (2, 1));
    assert_eq!(
        stored_letter::try_refused_again(&connection, &[PIPELINE]).await?,
        1
    );
    assert_eq!(offsets(&of_first(3, i64::MAX).await?), [0]);
    assert_eq!(
        fixture.psql(
            "select partition, state from gristmill.dead_letter where state = 'new'\
             order by partition"
        )?,
        "0|new\n1|new\n1|new\n1|new\n2|new"
    );
    Ok(())
}

#[tokio::test]
async fn a_take_leaves_no_sample_of_a_halt_that_was_never_noted() -> Result<()> {
    let fixture = Fixture::new("samples_gone", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    take(&mut connection, &[request(0, 1, 0, None)], "host-a").await?;
    let letter = "insert into gristmill.dead_letter
        (pipeline, run, topic, partition, \"offset\", ordinal, stage, code, message, revision,
         state)
        select pipeline, run, topic, partition, 7, o, 'judge', 'x', 'x', revision, s
        from gristmill.checkpoint, (values (0, 'sample'), (1, 'new')) as v (o, s)";
    connection.batch_execute(letter).await?;
    take(&mut connection, &[request(0, 1, 0, None)], "host-b").await?;
    let left = "select string_agg(state, ' ') from gristmill.dead_letter";
    let left: String = connection.query_one(left, &[]).await?.get(0);
    assert_eq!(left, "new");
    Ok(())
}

#[tokio::test]
async fn owners_that_end_without_moving_what_waits_are_counted() -> Result<()> {
    let fixture = Fixture::new("vain_takes", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let mut takes = async |owner, end_offset| {
        let request = TakeRequest {
            end_offset,
            ..request(0, 1, 0, None)
        };
        let taken = take(&mut connection, &[request], owner).await?.remove(0);
        anyhow::Ok(taken)
    };
    assert_eq!(takes("host-a", 1).await?.takes, 1);
    // The same process takes it again and again.
    assert_eq!(takes("host-a", 1).await?.takes, 1);
    assert_eq!(takes("host-b", 1).await?.takes, 2);
    let taken = takes("host-c", 1).await?;
    assert_eq!(taken.takes, 3);
    // Where nothing waits nobody dies of it.
    assert_eq!(takes("host-d", 0).await?.takes, 0);
    assert_eq!(takes("host-e", 1).await?.takes, 1);
    let taken = takes("host-f", 1).await?;
    assert_eq!(taken.takes, 2);
    let mut another = fixture.connect().await?;
    vain_takes::allow_one_more(&another, &taken.lease).await?;
    let mut taken = takes("host-g", 1).await?;
    assert_eq!(taken.takes, 3);
    for host in ["host-h", "host-i", "host-j"] {
        taken = takes(host, 1).await?;
    }
    assert!(taken.takes > VAIN_TAKES_MAX);
    // A person resumes it: it is tried once more, and once alone.
    vain_takes::allow_one_more(&another, &taken.lease).await?;
    taken = takes("host-k", 1).await?;
    assert_eq!(taken.takes, VAIN_TAKES_MAX);
    fixture
        .flush(&mut another, &taken.lease, 0, &dead(0, "bad", &[]))
        .await?;
    assert_eq!(takes("host-l", 2).await?.takes, 1);
    Ok(())
}

/// Offsets of two topics say nothing of each other: the second one's records would lose for as long
/// as theirs are lower.
#[tokio::test]
async fn a_topic_in_the_place_of_another_is_another_log() -> Result<()> {
    let fixture = Fixture::new("take_topics", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let of = |topic: &str, partition| {
        let mut request = request(partition, 1, 0, None);
        request.key.topic = topic.to_owned();
        request
    };
    let mut log = async |topic: &str, partition| -> Result<i32> {
        let taken = take(&mut connection, &[of(topic, partition)], "host-a").await?;
        Ok(taken[0].lease.log)
    };
    assert_eq!(log("one", 0).await?, 1);
    assert_eq!(log("one", 1).await?, 1);
    assert_eq!(log("two", 0).await?, 2);
    // A partition that comes later is of its topic's log, and taking again changes none.
    assert_eq!(log("two", 1).await?, 2);
    assert_eq!(log("one", 0).await?, 1);
    assert_eq!(log("three", 0).await?, 3);
    Ok(())
}

/// What was left out outlives the process that noticed it, and so does a resume of what halted.
#[tokio::test]
async fn the_next_owner_knows_what_was_left_out() -> Result<()> {
    let fixture = Fixture::new("take_left_out", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let taken = fixture.take(&mut connection, 0).await?;
    assert_eq!(taken.left_out, LeftOut::default());
    let left_out = LeftOut {
        rows: 7,
        from: Some(3),
        ..LeftOut::default()
    };
    assert!(lease::leave_out(&connection, &taken.lease, left_out).await?);
    let taken = fixture.take(&mut connection, 0).await?;
    assert_eq!(taken.left_out, left_out);
    let resume = Verb::Resume;
    let request = steering::ask(&connection, PIPELINE, Some(0), resume, "ann", None).await?;
    assert!(lease::halt_before(&connection, &taken.lease, 0, 1, "anew").await?);
    let zombie = taken.lease;
    let taken = fixture.take(&mut connection, 0).await?;
    assert!(taken.left_out.halts(1, request) && !taken.left_out.halts(1, request + 1));
    // It is found: nothing in front of it is suspicious to whoever goes on.
    assert_eq!((taken.left_out.rows, taken.left_out.from), (0, None));
    assert_eq!(taken.state, PartitionState::Halted);
    assert!(lease::let_be_left_out(&connection, &taken.lease, 12).await?);
    let taken = fixture.take(&mut connection, 0).await?;
    assert_eq!(taken.left_out.allowed_until(1), Some(12));
    assert_eq!(taken.left_out.allowed_until(2), None);
    assert!(!lease::leave_out(&connection, &zombie, left_out).await?);
    Ok(())
}
