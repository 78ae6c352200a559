//! The changes of what is active: each one compare-and-swap on the row of `gristmill.pipeline`.

use tokio_postgres::Client;

use super::error::DatabaseError;

/// Gives a revision up that is being staged or runs as canary: its partition goes back with its next flush. `false`: it is neither.
pub async fn give_up(
    client: &Client,
    pipeline: &str,
    revision: i32,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let sql = "with p as (update gristmill.pipeline set staging_revision = null, canary_partition = null, shadow_rows = null \
          where pipeline = $1 and staging_revision = $2 returning pipeline) \
        update gristmill.revision r set state = 'failed', reason = concat_ws('; ', r.reason, $3::text) from p \
        where r.pipeline = p.pipeline and r.revision = $2";
    let updated = client
        .execute(sql, &[&pipeline, &revision, &reason])
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
    let sql = "update gristmill.pipeline set canary_partition = $3, shadow_rows = null where pipeline = $1 and staging_revision = $2";
    let updated = client
        .execute(sql, &[&pipeline, &revision, &partition])
        .await
        .map_err(DatabaseError::query("start the canary"))?;
    Ok(updated == 1)
}

/// Makes the revision being staged active, where `based_on` still is. `fallback`: whether rows that fail may undo it.
pub async fn activate(
    client: &Client,
    pipeline: &str,
    revision: i32,
    based_on: i32,
    fallback: bool,
) -> Result<bool, DatabaseError> {
    let sql = "with p as (update gristmill.pipeline set active_revision = $2, previous_revision = case when $4 then $3 end, activated_at = now(), \
            staging_revision = null, canary_partition = null, shadow_rows = null \
          where pipeline = $1 and active_revision = $3 and staging_revision = $2 returning pipeline), \
        old as (update gristmill.revision r set state = 'retired' from p where r.pipeline = p.pipeline and r.revision = $3 and $2 <> $3) \
        update gristmill.revision r set state = 'active' from p where r.pipeline = p.pipeline and r.revision = $2";
    let updated = client
        .execute(sql, &[&pipeline, &revision, &based_on, &fallback])
        .await
        .map_err(DatabaseError::query("activate the revision"))?;
    Ok(updated == 1)
}

/// Makes `to` active again, because `from`, which took its place, fails for `reason`. `false`: another revision is active by now.
pub async fn roll_back(
    client: &Client,
    pipeline: &str,
    from: i32,
    to: i32,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let sql = "with p as (update gristmill.pipeline set active_revision = $3, previous_revision = null, activated_at = now(), \
            staging_revision = null, canary_partition = null, shadow_rows = null \
          where pipeline = $1 and active_revision = $2 and previous_revision = $3 returning pipeline), \
        bad as (update gristmill.revision r set state = 'failed', reason = concat_ws('; ', r.reason, $4::text) from p \
          where r.pipeline = p.pipeline and r.revision = $2) \
        update gristmill.revision r set state = 'active' from p where r.pipeline = p.pipeline and r.revision = $3";
    let updated = client
        .execute(sql, &[&pipeline, &from, &to, &reason])
        .await
        .map_err(DatabaseError::query("roll the revision back"))?;
    Ok(updated == 1)
}
