//! What stays of pipelines that were forgotten.

use anyhow::{Context, Result};
use gristmill_postgres::commit::first_start::begin_at;
use gristmill_postgres::commit::lease::{Lease, take};
use gristmill_postgres::fleet::forgetting::{Forgetting, forget};
use gristmill_postgres::fleet::registration::{self, Registration};
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::Connection;

use crate::fixture::{Fixture, PIPELINE, TOPIC, VERSIONED, computed, key, request};

/// Runs the pipeline of this table for the first time.
async fn register(connection: &mut Connection) -> Result<()> {
    let target = TargetTable::load(connection, "people").await?;
    let proposal = Registration {
        pipeline: PIPELINE.into(),
        topics: vec![TOPIC.into()],
        target: target.context("the table")?.sql_name,
        spec: serde_json::json!({"transforms": []}),
        spec_hash: "one".into(),
        components: vec![],
    };
    registration::register(connection, &proposal, "test").await?;
    Ok(())
}

/// Forgets it, and begins it once more by the topic of this id.
async fn begin(connection: &mut Connection, id: Option<&str>) -> Result<Lease> {
    let forgetting = forget(connection, PIPELINE).await?;
    let is_forgotten = matches!(forgetting, Forgetting::Forgotten { .. });
    anyhow::ensure!(is_forgotten, "{forgetting:?}");
    register(connection).await?;
    let taken = take(connection, &[request(0, 1, 0, id)], "host-a").await?;
    Ok(taken[0].lease.clone())
}

/// Its rows stay, with versions of its log: what a topic has that was made anew must not lose to
/// them by its offsets.
#[tokio::test]
async fn a_topic_made_anew_after_its_pipeline_was_forgotten_is_another_log() -> Result<()> {
    let fixture = Fixture::new("forgotten_log", VERSIONED).await?;
    let mut connection = fixture.connect().await?;
    let old = begin(&mut connection, Some("old")).await?;
    let row = computed(7, &[(1, Some("old"), false, 10)]);
    fixture.flush(&mut connection, &old, 0, &row).await?;
    // The same topic, read once more, is what it was: what is older does not win.
    let again = begin(&mut connection, Some("old")).await?;
    let row = computed(3, &[(1, Some("older"), false, 10)]);
    fixture.flush(&mut connection, &again, 0, &row).await?;
    assert!(fixture.people()?.starts_with("1|old|"), "{old:?} {again:?}");
    let new = begin(&mut connection, Some("new")).await?;
    let row = computed(0, &[(1, Some("new"), false, 10)]);
    fixture.flush(&mut connection, &new, 0, &row).await?;
    assert!(fixture.people()?.starts_with("1|new|"), "{old:?} {new:?}");
    Ok(())
}

#[tokio::test]
async fn a_log_has_a_number_that_no_forgotten_one_has() -> Result<()> {
    let fixture = Fixture::new("forgotten_logs", VERSIONED).await?;
    let mut connection = fixture.connect().await?;
    let ids = [Some("a"), Some("b"), Some("a"), None, None, Some("b")];
    let mut logs = Vec::new();
    for id in ids {
        logs.push(begin(&mut connection, id).await?.log);
    }
    // Nobody knows whether topics without an id are one.
    assert_eq!(logs, [1, 2, 1, 3, 4, 2]);
    // Nor is it another where the topic is begun at its end.
    forget(&mut connection, PIPELINE).await?;
    register(&mut connection).await?;
    let begun = begin_at(&connection, "host-a", Some("c"), &[(key(0), 9)]).await?;
    assert_eq!(begun, 1);
    assert_eq!(fixture.psql("select log from gristmill.checkpoint")?, "5");
    Ok(())
}
