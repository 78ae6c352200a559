//! Triggers of the table that change what the guard's columns say.

use anyhow::{Context, Result};
use gristmill_postgres::table::target_table::TargetTable;

use crate::fixture::{Fixture, PLAIN, VERSIONED, WITH_PROVENANCE, computed, fields, roles, sink};
use crate::newness::{GREATEST, Versions, ordered_sink};

/// The usual trigger, and one on what the user reads: both change what the columns would say.
const TRIGGER: &str = "create function touch() returns trigger language plpgsql as
    $$ begin new.at := now(); new.name := upper(new.name); return new; end $$;
    create trigger touch before insert or update on people for each row execute function touch()";

#[tokio::test]
async fn triggers_do_not_change_which_event_is_newer() -> Result<()> {
    let fixture = Fixture::new("guard_triggers", &format!("{VERSIONED}; {TRIGGER}")).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let second = 1_726_531_200_000_000_i64;
    let steps = [
        (second, "first", "FIRST"),
        (second + 2, "third", "THIRD"),
        (second + 1, "late", "THIRD"),
        (second + 2, "tie", "TIE"),
    ];
    for (i, (at, name, expected)) in steps.into_iter().enumerate() {
        let batch = computed(i as i64, &[(1, Some(name), false, at)]);
        fixture
            .flush(&mut connection, &lease, i as i64, &batch)
            .await?;
        assert_eq!(
            fixture.psql("select name from people")?,
            expected,
            "step {i}"
        );
    }
    let place = "select gristmill.log_of(v), gristmill.partition_of(v), gristmill.offset_of(v),
            extract(epoch from gristmill.event_time_of(v)) * 1000000 = 1726531200000002
        from (select _gm_version from people) as t (v)";
    assert_eq!(fixture.psql(place)?, "1|0|3|t");
    // What nobody of us wrote is older than everything.
    fixture
        .psql("alter table people disable trigger user; update people set _gm_version = null")?;
    let older = computed(4, &[(1, Some("older"), false, second - 9)]);
    fixture.flush(&mut connection, &lease, 4, &older).await?;
    assert_eq!(fixture.psql("select name from people")?, "older");
    Ok(())
}

/// In whatever order versions arrive, of two partitions and a topic that is made again, and
/// whatever a trigger does to the columns that they came from.
#[tokio::test]
async fn whatever_triggers_do_the_greatest_version_stays() -> Result<()> {
    let fixture = Fixture::new("guard_versions", PLAIN).await?;
    fixture.psql(
        "drop table people;
        create table people (id bigint primary key, at timestamptz, seq int, tag text,
            _gm_version bytea);
        create function touch() returns trigger language plpgsql as
            $$ begin new.at := now(); return new; end $$;
        create trigger touch before insert or update on people
            for each row execute function touch()",
    )?;
    let mut connection = fixture.connect().await?;
    let sink = ordered_sink(&connection, &["seq", "tag"]).await?;
    let mut leases = [
        fixture.take(&mut connection, 0).await?.lease,
        fixture.take(&mut connection, 1).await?.lease,
    ];
    let mut versions = Versions::new(11);
    for round in 0..150 {
        if round == 75 {
            // The topic was made again: its offsets begin anew.
            fixture.psql("update gristmill.checkpoint set next_offset = 0, log = log + 1")?;
            leases.iter_mut().for_each(|lease| lease.log += 1);
            versions.next = [0; 2];
        }
        versions.flush(&mut connection, &sink, &leases).await?;
        if round % 10 == 0 || round > 140 {
            assert_eq!(
                fixture.psql(GREATEST)?,
                versions.expected(),
                "round {round}"
            );
        }
    }
    Ok(())
}

/// Where a trigger may have changed what the columns say, a row without a version is compared by
/// its place in the log.
#[tokio::test]
async fn a_row_that_a_trigger_may_have_changed_is_compared_by_its_offset() -> Result<()> {
    let fixture = Fixture::new("guard_places", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    fixture
        .flush(
            &mut connection,
            &lease,
            0,
            &computed(0, &[(1, Some("first"), false, 60)]),
        )
        .await?;
    // As the trigger left it, in the future of all events.
    fixture.psql(&format!(
        "update people set at = now(); alter table people add column _gm_version bytea; {TRIGGER}"
    ))?;
    let target = TargetTable::load(&connection, "people")
        .await?
        .context("the table")?;
    let sink = sink(&connection, &target, &fields(), &roles()).await?;
    let newer = computed(1, &[(1, Some("second"), false, 61)]);
    sink.flush(&mut connection, &lease, 1, &newer, 1, &|_| None)
        .await?;
    assert_eq!(fixture.psql("select name from people")?, "SECOND");
    let late = computed(2, &[(1, Some("late"), false, 59)]);
    sink.flush(&mut connection, &lease, 2, &late, 1, &|_| None)
        .await?;
    assert_eq!(fixture.psql("select name from people")?, "SECOND");
    Ok(())
}
