//! One change at a time, each with a number of its own.

use anyhow::{Context, Result};
use gristmill_postgres::fleet::definition_store::StoredComponent;
use gristmill_postgres::fleet::registration::{self, Registration};
use gristmill_postgres::fleet::rollout::{self, Proposal, Proposed};
use gristmill_postgres::fleet::{activation, shadow_report};
use gristmill_postgres::wire::connection::Connection;
use serde_json::{Value, json};

use crate::fixture::{Fixture, PIPELINE, WITH_PROVENANCE, computed};

/// Stages `spec` on revision `based_on`.
async fn propose(
    connection: &mut Connection,
    spec: &Value,
    based_on: i32,
    restores: Option<i32>,
) -> Result<Option<Proposed>> {
    let proposal = Proposal {
        pipeline: PIPELINE,
        spec,
        components: &[],
        based_on,
        by: "ann",
        reason: "why not",
        restores,
    };
    Ok(rollout::propose(connection, &proposal).await?)
}

async fn activate(connection: &Connection, revision: i32, based_on: i32) -> Result<bool> {
    Ok(activation::activate(connection, PIPELINE, revision, based_on).await?)
}

/// As a host that runs alone lets its changed file take over; the new revision's number.
pub(crate) async fn take_over(
    connection: &mut Connection,
    file: &Registration,
    by: &str,
) -> Result<i32> {
    let registered = registration::register(connection, file, by).await?;
    assert!(registered.proposes && !registered.is_accompanied);
    let proposal = Proposal {
        pipeline: PIPELINE,
        spec: &file.spec,
        components: &file.components,
        based_on: registered.revision,
        by,
        reason: "the pipeline file changed",
        restores: None,
    };
    let proposed = rollout::propose(connection, &proposal).await?;
    let Some(Proposed::Staged(revision)) = proposed else {
        anyhow::bail!("not staged: {proposed:?}");
    };
    assert!(activate(connection, revision, registered.revision).await?);
    registration::took_over(connection, file, by).await?;
    Ok(revision)
}

pub(crate) fn file(config: &str, spec_hash: &str) -> Registration {
    Registration {
        pipeline: PIPELINE.into(),
        topics: vec!["people_cdc".into()],
        target: "people".into(),
        spec: json!({"config": config}),
        spec_hash: spec_hash.into(),
        components: vec![StoredComponent {
            digest: "d1".into(),
            bytes: vec![0, 97, 115, 109],
            description: json!({"name": "n"}),
        }],
    }
}

/// Else an update of gristmill would change every pipeline.
#[tokio::test]
async fn a_definition_from_before_versions_is_one_of_version_1() -> Result<()> {
    let fixture = Fixture::new("versions", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let before = json!({"rule": "a"});
    propose(&mut connection, &before, 1, None).await?;
    assert!(activate(&connection, 2, 1).await?);
    for (version, expected) in [(1, Proposed::Same(2)), (3, Proposed::Staged(3))] {
        let now = json!({"rule": "a", "version": version});
        let registration = Registration {
            spec: now.clone(),
            ..file("a", &format!("hash {version}"))
        };
        let registered = registration::register(&mut connection, &registration, "host/1").await?;
        assert_eq!(registered.proposes, version == 3, "version {version}");
        let proposed = propose(&mut connection, &now, 2, None).await?;
        assert_eq!(proposed, Some(expected), "version {version}");
    }
    Ok(())
}

#[tokio::test]
async fn a_change_has_a_number_of_its_own_and_the_one_it_displaces_says_so() -> Result<()> {
    let fixture = Fixture::new("numbers", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let (a, b) = (json!({"rule": "a"}), json!({"rule": "b"}));
    assert_eq!(
        propose(&mut connection, &a, 1, None).await?,
        Some(Proposed::Staged(2))
    );
    assert!(shadow_report::begin(&connection, PIPELINE, 2, 100).await?);
    // The same definition again is another change, and nobody's answer about the first is about it.
    assert_eq!(
        propose(&mut connection, &a, 1, None).await?,
        Some(Proposed::Staged(3))
    );
    let displaced =
        fixture.psql("select state, reason from gristmill.revision where revision = 2")?;
    assert_eq!(
        displaced,
        "retired|why not; another one was staged in its place"
    );
    assert!(!activate(&connection, 2, 1).await?);
    assert!(activate(&connection, 3, 1).await?);
    let row = "select active_revision, previous_revision, staging_revision, shadow_rows
        from gristmill.pipeline";
    assert_eq!(fixture.psql(row)?, "3|1||");
    // What is active already is no change, also for who has not heard of it.
    for based_on in [1, 3] {
        assert_eq!(
            propose(&mut connection, &a, based_on, None).await?,
            Some(Proposed::Same(3))
        );
    }
    assert_eq!(propose(&mut connection, &b, 1, None).await?, None);
    assert_eq!(
        propose(&mut connection, &b, 3, None).await?,
        Some(Proposed::Staged(4))
    );
    assert!(activation::canary(&connection, PIPELINE, 4, 0).await?);
    assert_eq!(propose(&mut connection, &b, 3, None).await?, None);
    assert_eq!(
        fixture.psql("select count(*) from gristmill.revision")?,
        "4"
    );
    Ok(())
}

#[tokio::test]
async fn what_a_person_left_is_not_come_back_to_and_what_failed_says_who_went_back() -> Result<()> {
    let fixture = Fixture::new("back", WITH_PROVENANCE).await?;
    let mut connection = fixture.connect().await?;
    let mut lease = fixture.take(&mut connection, 0).await?.lease;
    let (a, b) = (json!({"rule": "a"}), json!({"rule": "b"}));
    propose(&mut connection, &a, 1, None).await?;
    assert!(activate(&connection, 2, 1).await?);
    let first = computed(0, &[(1, None, false, 1)]);
    let flush = fixture
        .sink
        .flush(&mut connection, &lease, 0, &first, 2, &|_| None);
    flush.await?;
    lease.revision = 2;
    assert!(activation::roll_back(&connection, PIPELINE, 2, 1, "it panics").await?);
    let second = computed(1, &[(2, None, false, 1)]);
    let flush = fixture
        .sink
        .flush(&mut connection, &lease, 1, &second, 1, &|_| None);
    flush.await?;
    let by = fixture.psql("select revision, by from gristmill.activation order by from_offset")?;
    assert_eq!(by, "2|ann\n1|gristmill (automatic)");
    let failed = fixture.psql("select state, reason from gristmill.revision where revision = 2")?;
    assert_eq!(failed, "failed|why not; it panics");

    propose(&mut connection, &b, 1, Some(1)).await?;
    assert!(activate(&connection, 3, 1).await?);
    let stands = rollout::read(&connection, PIPELINE).await?;
    let stands = stands.context("the pipeline")?;
    assert_eq!((stands.active, stands.previous), (3, None));
    assert!(!activation::roll_back(&connection, PIPELINE, 3, 1, "it panics").await?);
    Ok(())
}
