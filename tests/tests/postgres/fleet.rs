//! Registration, leases, gaps, and what becomes of dead letters.

use anyhow::{Context, Result};
use gristmill_postgres::commit::checkpoint::{self, PartitionState};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::gap::{self, Cause, Gap, accept_gap, halt_at_gap};
use gristmill_postgres::commit::lease::{self, take};
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::fleet::host::{self, Beat};
use gristmill_postgres::fleet::{definition_store, registration};
use gristmill_postgres::letters::replay_commit::{LetterReplay, ReplayEnd, Replayed, replay};
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterState};

use crate::fixture::{Fixture, PIPELINE, WITH_PROVENANCE, computed, dead, request};
use crate::rollout::{file, take_over};

#[tokio::test]
async fn a_file_proposes_a_revision_only_when_it_changed() -> Result<()> {
    let fixture = Fixture::new("register", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    // Revision 1 is the fixture's.
    let changed = take_over(&mut connection, &file("a", "two"), "ann").await?;
    assert_eq!(changed, 2);
    let same = registration::register(&mut connection, &file("a", "two"), "bob").await?;
    assert_eq!((same.revision, same.note), (2, None));
    // Somebody swaps by hand: the file, unchanged, does not take it back, and says so.
    fixture.psql(
        r#"insert into gristmill.revision (pipeline, revision, spec, state, by)
            values ('people', 3, '{"config": "b"}', 'active', 'cat');
        update gristmill.pipeline set active_revision = 3"#,
    )?;
    let kept = registration::register(&mut connection, &file("a", "two"), "bob").await?;
    assert_eq!(kept.revision, 3);
    assert!(
        kept.note
            .context("a warning")?
            .contains("the file says otherwise")
    );
    // The file comes to say what is active already.
    let met = registration::register(&mut connection, &file("b", "three"), "bob").await?;
    assert_eq!((met.revision, met.note), (3, None));
    assert_eq!(
        definition_store::active(&connection, PIPELINE).await?,
        Some((1, 3))
    );
    let stored = definition_store::revision(&connection, PIPELINE, 2)
        .await?
        .context("revision 2")?;
    assert_eq!(
        (stored.by.as_str(), &stored.spec),
        ("ann", &serde_json::json!({"config": "a"}))
    );
    assert_eq!(
        definition_store::component(&connection, "d1").await?,
        Some(vec![0, 97, 115, 109])
    );
    let beat = |staged_revision, error| Beat {
        pipeline: PIPELINE,
        staged_revision,
        error,
        waiting: Vec::new(),
    };
    host::heartbeat(&connection, "host-a", &[beat(Some(3), None)], &[]).await?;
    host::heartbeat(&connection, "host-a", &[beat(Some(3), Some("why"))], &[]).await?;
    assert_eq!(
        fixture.psql("select host, staged_revision, error from gristmill.host")?,
        "host-a|3|why"
    );
    host::heartbeat(&connection, "host-b", &[beat(None, None)], &[]).await?;
    fixture.psql(
        "update gristmill.host set heartbeat = now() - interval '1 minute' where host = 'host-b'",
    )?;
    let alive = async || -> Result<Vec<String>> {
        let hosts = host::list(&connection, PIPELINE).await?.into_iter();
        Ok(hosts
            .filter(|(_, h)| h.is_alive)
            .map(|(name, _)| name)
            .collect())
    };
    assert_eq!(alive().await?, ["host-a"]);
    host::leave(&connection, "host-a", &[PIPELINE]).await?;
    assert!(alive().await?.is_empty());
    // Since when nobody runs it is known for a day.
    host::prune(&connection, &[PIPELINE]).await?;
    assert_eq!(fixture.psql("select count(*) from gristmill.host")?, "2");
    fixture.psql("update gristmill.host set left_at = now() - interval '2 days'")?;
    host::prune(&connection, &[PIPELINE]).await?;
    assert_eq!(fixture.psql("select host from gristmill.host")?, "host-b");
    Ok(())
}

#[tokio::test]
async fn two_hosts_that_register_at_once_agree() -> Result<()> {
    let fixture = Fixture::new("register_at_once", WITH_PROVENANCE).await?;
    fixture.psql(
        "delete from gristmill.file;
        delete from gristmill.revision;
        delete from gristmill.pipeline",
    )?;
    let (mut a, mut b) = (fixture.connect().await?, fixture.connect().await?);
    let proposal = file("a", "one");
    let (a, b) = tokio::join!(
        registration::register(&mut a, &proposal, "a"),
        registration::register(&mut b, &proposal, "b")
    );
    assert_eq!(
        (a?, b?.note),
        (
            registration::Registered {
                run: 1,
                revision: 1,
                proposes: false,
                is_accompanied: false,
                note: None
            },
            None
        )
    );
    Ok(())
}

#[tokio::test]
async fn a_flush_by_another_revision_activates_it_from_its_offset_and_learns_of_news() -> Result<()>
{
    let fixture = Fixture::new("activation", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let mut lease = fixture.take(&mut connection, 0).await?.lease;
    take_over(&mut connection, &file("a", "two"), "ann").await?;
    let flushed = fixture
        .flush(
            &mut connection,
            &lease,
            0,
            &computed(0, &[(1, None, false, 1)]),
        )
        .await?;
    assert_eq!(flushed.wanted_revision, 2);
    fixture
        .sink
        .flush(
            &mut connection,
            &lease,
            1,
            &computed(1, &[(2, None, false, 1)]),
            2,
            &|_| None,
        )
        .await?;
    lease.revision = 2;
    fixture
        .sink
        .flush(
            &mut connection,
            &lease,
            2,
            &computed(2, &[(3, None, false, 1)]),
            2,
            &|_| None,
        )
        .await?;
    // Taken again, it keeps its revision; taken for another one, that is written down.
    fixture.take(&mut connection, 0).await?;
    let rows =
        fixture.psql("select from_offset, revision, by from gristmill.activation order by 1")?;
    assert_eq!(rows, "0|1|test\n1|2|ann\n3|1|test");
    assert_eq!(
        fixture.psql("select _gm_revision from people order by id")?,
        "1\n2\n2"
    );
    Ok(())
}

#[tokio::test]
async fn a_partition_stays_halted_until_it_is_resumed() -> Result<()> {
    let fixture = Fixture::new("halt", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let first = take(
        &mut connection,
        &[request(0, 1, 42, Some("id-1"))],
        "host-a",
    )
    .await?
    .remove(0);
    assert_eq!(
        (first.next_offset, first.topic_id.as_deref(), first.state),
        (42, Some("id-1"), PartitionState::Running)
    );
    assert!(
        lease::stand_still(
            &connection,
            &first.lease,
            PartitionState::Halted,
            "the topic is gone"
        )
        .await?
    );
    let again = take(&mut connection, &[request(0, 1, 0, Some("id-2"))], "host-b")
        .await?
        .remove(0);
    assert_eq!(
        (again.next_offset, again.topic_id.as_deref()),
        (42, Some("id-1"))
    );
    assert_eq!(
        (again.state, again.reason.as_deref()),
        (PartitionState::Halted, Some("the topic is gone"))
    );
    let leases = [&again.lease, &first.lease];
    assert_eq!(lease::resume(&connection, &leases).await?, 1);
    let row = checkpoint::list(&connection, PIPELINE, 1).await?.remove(0);
    assert_eq!(
        (row.state, row.reason, row.owner.as_str()),
        (PartitionState::Running, None, "host-b")
    );
    Ok(())
}

#[tokio::test]
async fn a_gap_halts_until_somebody_accepts_it() -> Result<()> {
    let fixture = Fixture::new("gap", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let stale = fixture.take(&mut connection, 0).await?.lease;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    fixture
        .flush(
            &mut connection,
            &lease,
            0,
            &computed(0, &[(1, None, false, 1)]),
        )
        .await?;
    let missing = |from_offset, cause| Gap {
        from_offset,
        to_offset: 90,
        cause,
    };
    let gone = missing(1, Cause::Retention);
    let reason = gone.description();
    assert!(!halt_at_gap(&mut connection, &stale, &gone, &reason).await?);
    assert!(halt_at_gap(&mut connection, &lease, &gone, &reason).await?);
    let [open] = &gap::list(&connection, PIPELINE, 1).await?[..] else {
        panic!("one gap")
    };
    assert_eq!(
        (
            open.from_offset,
            open.to_offset,
            open.accepted_by.as_deref()
        ),
        (1, 90, None)
    );
    fixture.psql(
        "insert into gristmill.dead_letter
          (pipeline, run, topic, partition, \"offset\", ordinal, stage, code, message, revision,
            state)
        select pipeline, run, topic, partition, 1, n, 'decode', 'x', 'y', 1,
          case n when 0 then 'sample' else 'new' end
        from gristmill.checkpoint, generate_series(0, 1) n
        where partition = 0",
    )?;
    let elsewhere = missing(0, Cause::Retention);
    assert!(!accept_gap(&mut connection, &lease, &elsewhere, None, "ann").await?);
    assert!(accept_gap(&mut connection, &lease, &gone, None, "ann").await?);
    let [closed] = &gap::list(&connection, PIPELINE, 1).await?[..] else {
        panic!("one gap")
    };
    assert_eq!(closed.accepted_by.as_deref(), Some("ann"));
    // What a refused batch showed goes with the refusal; a letter stays.
    let left = "select string_agg(state, ',') from gristmill.dead_letter";
    let left: String = connection.query_one(left, &[]).await?.get(0);
    assert_eq!(left, "new");
    let taken = fixture.take(&mut connection, 0).await?;
    assert_eq!(
        (taken.next_offset, taken.last_record, taken.state),
        (90, None, PartitionState::Running)
    );

    // The offsets of a topic that was created again are those of another log.
    let anew = Gap {
        to_offset: 0,
        ..missing(90, Cause::Recreated)
    };
    let lease = taken.lease;
    assert!(accept_gap(&mut connection, &lease, &anew, Some("anew"), "ann").await?);
    let taken = fixture.take(&mut connection, 0).await?;
    assert_eq!((taken.next_offset, taken.event_time_max_us), (0, None));
    assert_eq!(taken.topic_id.as_deref(), Some("anew"));
    let logs = "select log from gristmill.checkpoint";
    assert_eq!(connection.query_one(logs, &[]).await?.get::<_, i32>(0), 2);
    Ok(())
}

#[tokio::test]
async fn dead_letters_are_listed_relayed_in_order_and_replayed_under_the_guard() -> Result<()> {
    let fixture = Fixture::new("replay", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    for offset in 0..4 {
        fixture
            .flush(&mut connection, &lease, offset, &dead(offset, "bad", &[]))
            .await?;
    }
    fixture
        .flush(
            &mut connection,
            &lease,
            4,
            &computed(4, &[(1, Some("newer"), false, 50)]),
        )
        .await?;
    let unrelayed = stored_letter::unrelayed(&connection, &lease.key, 3, i64::MAX).await?;
    assert_eq!(
        unrelayed.iter().map(|l| l.id.offset).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    let ids: Vec<_> = unrelayed.iter().map(|l| l.id.clone()).collect();
    let relayed = stored_letter::set_state(
        &connection,
        PIPELINE,
        1,
        &ids[..1],
        &[LetterState::New],
        LetterState::Relayed,
    )
    .await?;
    assert_eq!(relayed, 1);
    // The rules of revision 2 use the first two; the third is bad again.
    let mut batch = computed(
        0,
        &[(1, Some("older"), false, 40), (2, Some("used"), false, 1)],
    );
    batch.records = stored_letter::records(&unrelayed);
    batch.dead_letters = dead(0, "still bad", &[]).dead_letters;
    batch.dead_letters[0].record = 2;
    let replay_of = LetterReplay {
        pipeline: PIPELINE,
        run: 1,
        origin: RowOrigin {
            log: 1,
            partition: 0,
        },
        revision: 2,
        ids: &ids,
        may_fold: false,
    };
    let replayed = replay(&mut connection, &fixture.sink, replay_of, &batch, &|_| None).await?;
    let counts = |used, again| Replayed { used, again };
    assert!(matches!(replayed, ReplayEnd::Committed(n) if n == counts(2, 1)));
    assert_eq!(fixture.people()?, "1|newer|f|50\n2|used|f|1");
    assert_eq!(fixture.next_offset()?, "5");
    let states = fixture.psql(
        r#"select "offset", state, attempts, message, revision
        from gristmill.dead_letter order by 1"#,
    )?;
    assert_eq!(
        states,
        "0|replayed|0|bad|2\n1|replayed|0|bad|2\n2|new|1|still bad|2\n3|new|0|bad|1"
    );
    // What is settled stays so.
    let again = replay(&mut connection, &fixture.sink, replay_of, &batch, &|_| None).await?;
    assert!(matches!(again, ReplayEnd::Committed(n) if n == counts(0, 1)));
    let filter = Filter {
        states: vec![LetterState::New],
        code: Some("unknown-op".into()),
        partition: Some(0),
        limit: Some(1),
        ..Filter::default()
    };
    let listed = stored_letter::list(&connection, PIPELINE, 1, &filter).await?;
    assert_eq!(listed.iter().map(|l| l.id.offset).collect::<Vec<_>>(), [2]);
    let counted = stored_letter::count(&connection, PIPELINE, 1, &filter).await?;
    assert_eq!(counted, 2, "the limit is for lists");
    let all = stored_letter::count(&connection, PIPELINE, 1, &Filter::default()).await?;
    assert_eq!(all, 4);
    let shown = stored_letter::show(&connection, PIPELINE, 1, &"people_cdc/0/3/0".parse()?).await?;
    assert_eq!(shown.context("the letter")?.message, "bad");
    for text in [
        "people_cdc/0/3",
        "/0/3/0",
        "people_cdc/0/x/0",
        "@2/0/3/0",
        "a@x/0/3/0",
        "",
    ] {
        assert!(text.parse::<stored_letter::LetterId>().is_err(), "{text}");
    }
    Ok(())
}

/// Its statements may write one row each: a search ends before it has tried all, and blames none.
#[tokio::test]
async fn a_replay_that_cannot_write_all_rows_leaves_the_letters_as_they_are() -> Result<()> {
    let one_by_one = format!(
        "{WITH_PROVENANCE};
        create function alone() returns trigger language plpgsql as $$
        begin
          if (select count(*) from added) > 1 then raise 'one at a time'; end if;
          return null;
        end $$;
        create trigger alone after insert on people referencing new table as added
        for each statement execute function alone()"
    );
    let fixture = Fixture::new("replay_short", &one_by_one).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let letter = dead(0, "bad", &[]);
    fixture.flush(&mut connection, &lease, 0, &letter).await?;
    let letters = stored_letter::unrelayed(&connection, &lease.key, 1, i64::MAX).await?;
    let ids: Vec<_> = letters.iter().map(|l| l.id.clone()).collect();
    let replay_of = LetterReplay {
        pipeline: PIPELINE,
        run: 1,
        origin: RowOrigin::of(&lease),
        revision: 1,
        ids: &ids,
        may_fold: false,
    };
    let people: Vec<_> = (0..2_400).map(|id| (id, Some("a"), false, 1)).collect();
    let batch = computed(0, &people);
    let replayed = replay(&mut connection, &fixture.sink, replay_of, &batch, &|_| None).await;
    assert!(
        matches!(replayed, Err(FlushError::Halt { .. })),
        "{replayed:?}"
    );
    drop(connection);
    assert_eq!(fixture.people()?, "");
    let states = fixture.psql("select state from gristmill.dead_letter")?;
    assert_eq!(states, "new");
    Ok(())
}

#[tokio::test]
async fn a_letter_of_a_topic_created_again_leaves_the_one_of_the_old_topic() -> Result<()> {
    let fixture = Fixture::new("letter_anew", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let old = dead(0, "old", &[]);
    fixture.flush(&mut connection, &lease, 0, &old).await?;
    let letters = stored_letter::unrelayed(&connection, &lease.key, 1, i64::MAX).await?;
    stored_letter::relay_refused(&connection, &letters[0], "no key").await?;
    fixture.psql("update gristmill.checkpoint set next_offset = 0, log = 2")?;
    let anew = dead(0, "anew", &[]);
    fixture.flush(&mut connection, &lease, 0, &anew).await?;
    let letters = stored_letter::unrelayed(&connection, &lease.key, 2, i64::MAX).await?;
    let ids: Vec<_> = letters.iter().map(|letter| letter.id.to_string()).collect();
    assert_eq!(ids, ["people_cdc@2/0/0/0"]);
    let listed = stored_letter::list(&connection, PIPELINE, 1, &Filter::default()).await?;
    let ids: Vec<_> = listed.iter().map(|letter| letter.id.to_string()).collect();
    assert_eq!(ids, ["people_cdc/0/0/0", "people_cdc@2/0/0/0"]);
    for (id, message) in ids.iter().zip(["old", "anew"]) {
        let shown = stored_letter::show(&connection, PIPELINE, 1, &id.parse()?).await?;
        assert_eq!(shown.context("the letter")?.message, message);
    }
    // Only the letter that is meant changes.
    let given_up = LetterState::Discarded;
    let [_, anew] = &listed[..] else {
        panic!("two letters")
    };
    let ids = std::slice::from_ref(&anew.id);
    let from = [LetterState::New];
    stored_letter::set_state(&connection, PIPELINE, 1, ids, &from, given_up).await?;
    let states = "select log, state, relay_refused from gristmill.dead_letter order by log";
    assert_eq!(fixture.psql(states)?, "1|new|no key\n2|discarded|");
    Ok(())
}
