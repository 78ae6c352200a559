//! Which revision runs, and which is to run next: the one row of `gristmill.pipeline` that all
//! hosts follow.

use std::collections::HashMap;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Transaction};

use crate::fleet::definition_store::{StoredComponent, store_components};
use crate::fleet::host::ALIVE;
use crate::fleet::registration::lock;
use crate::fleet::steering::{self, Steering};
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Which revisions a pipeline's fleet runs and prepares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    pub run: i64,
    pub active: i32,
    /// What was active before, where rows that fail may bring it back by themselves.
    pub previous: Option<i32>,
    /// Whether the active revision is young enough for that.
    pub is_young: bool,
    /// What the hosts are asked to have ready.
    pub staging: Option<i32>,
    /// The partition that runs `staging` already.
    pub canary: Option<i32>,
    /// Whether `staging` is compared with the active one on live records.
    pub is_shadowed: bool,
    /// What people ask of the partitions.
    pub steering: Steering,
}

impl Rollout {
    /// The revision that `partition` is to run.
    pub fn wanted(&self, partition: i32) -> i32 {
        match (self.canary, self.staging) {
            (Some(canary), Some(staging)) if canary == partition => staging,
            _ => self.active,
        }
    }

    /// The revision that rows are shown to which fail with `running` on `partition`.
    pub fn fallback(&self, partition: i32, running: i32) -> Option<i32> {
        if running == self.active {
            self.previous.filter(|_| self.is_young)
        } else {
            (self.wanted(partition) == running).then_some(self.active)
        }
    }

    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            run: row.try_get("active_run")?,
            active: row.try_get("active_revision")?,
            previous: row.try_get("previous_revision")?,
            is_young: row.try_get("is_young")?,
            staging: row.try_get("staging_revision")?,
            canary: row.try_get("canary_partition")?,
            is_shadowed: row.try_get("is_shadowed")?,
            steering: Steering::from_json(&row.try_get("steering")?),
        })
    }
}

/// Reads the rollout of one pipeline. `None`: the pipeline was never registered.
pub async fn read(client: &Client, pipeline: &str) -> Result<Option<Rollout>, DatabaseError> {
    Ok(read_all(client, &[pipeline]).await?.remove(pipeline))
}

/// Reads the rollouts of `pipelines`, by pipeline. Those that were never registered are left out.
pub async fn read_all(
    client: &Client,
    pipelines: &[&str],
) -> Result<HashMap<String, Rollout>, DatabaseError> {
    let failed = || DatabaseError::query("read which revision is active");
    let sql = format!(
        r"
        select
          pipeline, active_run, active_revision, previous_revision, staging_revision,
          canary_partition,
          -- An hour: longer than what looks at a change takes, shorter than what would make the
          -- older revision strange to the data.
          activated_at > now() - interval '1 hour' as is_young,
          shadow_rows is not null as is_shadowed,
          ({orders}) as steering
        from gristmill.pipeline p
        where pipeline = any (:pipelines)",
        orders = steering::SELECT,
    );
    let rows = placeholder::query(client, &sql, &[("pipelines", Type::TEXT_ARRAY, &pipelines)])
        .await
        .map_err(failed())?;
    let rollout = |row: &Row| Ok((row.try_get("pipeline")?, Rollout::from_row(row)?));
    rows.iter()
        .map(rollout)
        .collect::<Result<_, _>>()
        .map_err(failed())
}

/// A definition that is to become a revision.
#[derive(Clone, Debug)]
pub struct Proposal<'a> {
    pub pipeline: &'a str,
    pub spec: &'a serde_json::Value,
    pub components: &'a [StoredComponent],
    /// The active revision that it was made from: it is activated only while that is still so.
    pub based_on: i32,
    pub by: &'a str,
    pub reason: &'a str,
    /// The earlier revision whose rule it takes back. Rows that fail do not bring `based_on` back
    /// then: a person has left it.
    pub restores: Option<i32>,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// It has this number.
    Staged(i32),
    /// The active revision, of this number, says the same: there is nothing to change.
    Same(i32),
}

/// Stores a proposal under a number of its own and asks the hosts to have it ready. Takes the place
/// of another one that was being staged; `None`: a canary is running, or the active revision is no
/// longer `based_on`.
pub async fn propose(
    connection: &mut Connection,
    proposal: &Proposal<'_>,
) -> Result<Option<Proposed>, DatabaseError> {
    let failed = || DatabaseError::query("stage the revision");
    let transaction = connection.transaction().await.map_err(failed())?;
    let (pipeline, based_on) = (proposal.pipeline, proposal.based_on);
    lock(&transaction, pipeline).await.map_err(failed())?;
    let state = r"
        select
          p.active_revision,
          p.active_revision = $2 and p.canary_partition is null,
          -- Definitions were stored before they had a version: those are of version 1.
          coalesce(
            pg_catalog.jsonb_build_object('version', 1) || r.spec
              = pg_catalog.jsonb_build_object('version', 1) || $3,
            false
          )
        from gristmill.pipeline p
          left join gristmill.revision r
            on r.pipeline = p.pipeline and r.revision = p.active_revision
        where p.pipeline = $1";
    let row = transaction
        .query_one(state, &[&pipeline, &based_on, proposal.spec])
        .await
        .map_err(failed())?;
    let (free, same): (bool, bool) = (row.get(1), row.get(2));
    if same {
        return Ok(Some(Proposed::Same(row.get(0))));
    }
    if !free {
        return Ok(None);
    }
    store_components(&transaction, proposal.components)
        .await
        .map_err(failed())?;
    let revision = insert(&transaction, proposal).await.map_err(failed())?;
    transaction
        .execute(include_str!("stage.sql"), &[&pipeline, &revision])
        .await
        .map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    Ok(Some(Proposed::Staged(revision)))
}

/// Stores the proposal under the next number, and returns that.
async fn insert(
    transaction: &Transaction<'_>,
    proposal: &Proposal<'_>,
) -> Result<i32, tokio_postgres::Error> {
    let parameters: [Named<'_>; 6] = [
        ("pipeline", Type::TEXT, &proposal.pipeline),
        ("spec", Type::JSONB, &proposal.spec),
        ("by", Type::TEXT, &proposal.by),
        ("reason", Type::TEXT, &proposal.reason),
        ("based_on", Type::INT4, &proposal.based_on),
        ("restores", Type::INT4, &proposal.restores),
    ];
    let sql = r"
        insert into gristmill.revision (
          pipeline, revision, spec, state, by, reason, based_on, restores
        )
        select
          :pipeline, max(revision) + 1, :spec, 'proposed', :by, :reason, :based_on, :restores
        from gristmill.revision
        where pipeline = :pipeline
        returning revision";
    let row = placeholder::query_one(transaction.client(), sql, &parameters).await?;
    row.try_get(0)
}

/// A live host and what it says about the revision being staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAnswer {
    pub host: String,
    pub staged: Option<i32>,
    pub error: Option<String>,
}

/// The answers of all live hosts, by name.
pub async fn answers(client: &Client, pipeline: &str) -> Result<Vec<HostAnswer>, DatabaseError> {
    let sql = format!(
        r"
        select host, staged_revision, error
        from gristmill.host
        where pipeline = $1 and {ALIVE}
        order by host"
    );
    let rows = client
        .query(&sql, &[&pipeline])
        .await
        .map_err(DatabaseError::query("read the hosts' answers"))?;
    let answer = |row: &Row| HostAnswer {
        host: row.get(0),
        staged: row.get(1),
        error: row.get(2),
    };
    Ok(rows.iter().map(answer).collect())
}

/// All live hosts have it ready.
pub async fn staged(client: &Client, pipeline: &str, revision: i32) -> Result<(), DatabaseError> {
    let sql = r"
        update gristmill.revision
        set state = 'staged'
        where pipeline = $1 and revision = $2 and state = 'proposed'";
    client
        .execute(sql, &[&pipeline, &revision])
        .await
        .map_err(DatabaseError::query("mark the revision staged"))?;
    Ok(())
}
