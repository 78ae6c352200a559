//! The changes of what is active: each one compare-and-swap on the row of `gristmill.pipeline`.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

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

/// Gives a revision up as [`give_up`] does, by the will of a person.
pub async fn give_up_by(
    client: &Client,
    pipeline: &str,
    revision: i32,
    by: &str,
    reason: &str,
) -> Result<bool, DatabaseError> {
    let parameters: [Named<'_>; 4] = [
        ("pipeline", Type::TEXT, &pipeline),
        ("revision", Type::INT4, &revision),
        ("by", Type::TEXT, &by),
        ("reason", Type::TEXT, &reason),
    ];
    let updated = placeholder::execute(client, include_str!("give_up.sql"), &parameters)
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
    let sql = r"
        update gristmill.pipeline
        set canary_partition = $3, shadow_rows = null
        where pipeline = $1 and staging_revision = $2";
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
    let parameters: [Named<'_>; 3] = [
        ("pipeline", Type::TEXT, &pipeline),
        ("revision", Type::INT4, &revision),
        ("based_on", Type::INT4, &based_on),
    ];
    let updated = placeholder::execute(client, include_str!("activate.sql"), &parameters)
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
    let parameters: [Named<'_>; 5] = [
        ("pipeline", Type::TEXT, &pipeline),
        ("from", Type::INT4, &from),
        ("to", Type::INT4, &to),
        ("by", Type::TEXT, &AUTOMATIC),
        ("reason", Type::TEXT, &reason),
    ];
    let updated = placeholder::execute(client, include_str!("roll_back.sql"), &parameters)
        .await
        .map_err(DatabaseError::query("roll the revision back"))?;
    Ok(updated == 1)
}
