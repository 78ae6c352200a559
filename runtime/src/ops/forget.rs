//! Forgetting a pipeline.

use anyhow::Result;
use gristmill_postgres::fleet::forgetting::{self, Forgetting};

use super::opened::Opened;

/// Forgets the pipeline `name` on the database of `opened`: nothing of it stays but its table.
pub async fn forget(opened: &Opened, name: &str) -> Result<Forgetting> {
    let mut connection = opened.database.connect().await?;
    Ok(forgetting::forget(&mut connection, name).await?)
}
