//! The changes of what is active: each one compare-and-swap on the row of `gristmill.pipeline`.

use tokio_postgres::Client;

use crate::wire::database_error::DatabaseError;

/// Who went back where no person did, as `gristmill.revision.taken_back_by` and
/// `gristmill.activation.by` say.
const AUTOMATIC: &str = "gristmill (automatic)";

/// Gives a revision up that is being staged or runs as canary, because of what it did or could not
/// do: its partition goes back with its next flush. `false`: it is neither.
pub async fn give_up(
    client: &Client,
    pipeline: &str,
    revision: i32,
    reason: &str,
) -> Result<bool, DatabaseError> {
    give_up_by(client, pipeline, revision, AUTOMATIC, reason).await
}

/// The same by the will of a person.
pub async fn give_up_by(
    client: &Client,
    pipeline: &str,
    revision: i32,
    by: &str,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let sql = "with p as (update gristmill.pipeline set staging_revision = null, canary_partition \
               = null, shadow_rows = null where pipeline = $1 and staging_revision = $2 returning \
               pipeline) update gristmill.revision r set state = 'failed', taken_back_by = $4, \
               reason = concat_ws('; ', r.reason, $3::text) from p where r.pipeline = p.pipeline \
               and r.revision = $2";
    let updated = client
        .execute(sql, &[&pipeline, &revision, &reason, &by])
        .await
        .map_err(DatabaseError::query("give the revision up"))?;
    Ok(updated == 1)
}

/// Lets one partition run the revision being staged. `false`: it is no longer being staged.
pub async fn canary(
    client: &Client,
    pipeline: &str,
    revision: i32,
    partition: i32,
) -> Result<bool, DatabaseError> {
    let sql = "update gristmill.pipeline set canary_partition = $3, shadow_rows = null where \
               pipeline = $1 and staging_revision = $2";
    let updated = client
        .execute(sql, &[&pipeline, &revision, &partition])
        .await
        .map_err(DatabaseError::query("start the canary"))?;
    Ok(updated == 1)
}

/// Makes the revision being staged active, where `based_on` still is. Rows that fail may bring that
/// back, unless the revision itself goes back.
pub async fn activate(
    client: &Client,
    pipeline: &str,
    revision: i32,
    based_on: i32,
) -> Result<bool, DatabaseError> {
    let sql = "with p as (update gristmill.pipeline p set active_revision = r.revision, \
               previous_revision = case when r.restores is null then p.active_revision end, \
               activated_at = now(), staging_revision = null, canary_partition = null, \
               shadow_rows = null from gristmill.revision r where p.pipeline = $1 and \
               p.active_revision = $3 and p.staging_revision = $2 and r.pipeline = $1 and \
               r.revision = $2 returning p.pipeline), old as (update gristmill.revision r set \
               state = 'retired' from p where r.pipeline = p.pipeline and r.revision = $3) update \
               gristmill.revision r set state = 'active' from p where r.pipeline = p.pipeline and \
               r.revision = $2";
    let updated = client
        .execute(sql, &[&pipeline, &revision, &based_on])
        .await
        .map_err(DatabaseError::query("activate the revision"))?;
    Ok(updated == 1)
}

/// Makes `to` active again, because `from`, which took its place, fails for `reason`. `false`:
/// another revision is active by now.
pub async fn roll_back(
    client: &Client,
    pipeline: &str,
    from: i32,
    to: i32,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let sql = "with p as (update gristmill.pipeline set active_revision = $3, previous_revision = \
               null, activated_at = now(), staging_revision = null, canary_partition = null, \
               shadow_rows = null where pipeline = $1 and active_revision = $2 and \
               previous_revision = $3 returning pipeline), bad as (update gristmill.revision r \
               set state = 'failed', taken_back_by = $5, reason = concat_ws('; ', r.reason, \
               $4::text) from p where r.pipeline = p.pipeline and r.revision = $2) update \
               gristmill.revision r set state = 'active' from p where r.pipeline = p.pipeline and \
               r.revision = $3";
    let updated = client
        .execute(sql, &[&pipeline, &from, &to, &reason, &AUTOMATIC])
        .await
        .map_err(DatabaseError::query("roll the revision back"))?;
    Ok(updated == 1)
}
