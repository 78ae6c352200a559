//! The tables that a pipeline needs: their SQL, and creating what is missing.

use anyhow::{Context, Result};
use gristmill_postgres::table::schema;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::Sandbox;

use crate::definition::pipeline::Pipeline;

use super::opened::Opened;

/// The tables of one pipeline.
pub struct Tables {
    pipeline: Pipeline,
    database: Database,
}

impl Tables {
    /// Loads the pipeline: its rules decide which columns the target needs.
    pub async fn open(opened: Opened, sandbox: &Sandbox) -> Result<Self> {
        let (pipeline, database) = opened.load(sandbox).await?;
        Ok(Self { pipeline, database })
    }

    /// The SQL that creates gristmill's own tables and the pipeline's target.
    pub fn sql(&self) -> String {
        schema::print(Some(&self.pipeline.wanted()))
    }

    /// Creates what is missing, and says what that was, a line each. A table that is there already
    /// is left as it is.
    pub async fn apply(&self) -> Result<Vec<String>> {
        let mut connection = self.database.connect().await?;
        Ok(schema::apply(&mut connection, Some(&self.pipeline.wanted())).await?)
    }

    /// An error that tells everything that keeps the pipeline's rows from the table.
    pub async fn check(&self) -> Result<()> {
        let connection = self.database.connect().await?;
        let fits = self.pipeline.check_table(&connection).await;
        fits.context("the tables are there and do not fit the pipeline")
    }
}
