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

    /// The SQL that creates what is missing of gristmill's own tables and the pipeline's target.
    /// Where the database cannot be asked, all of it, behind a comment that says so.
    pub async fn sql(&self) -> Result<String> {
        let wanted = self.pipeline.wanted();
        match self.database.connect().await {
            Ok(connection) => Ok(schema::missing(&connection, &wanted).await?),
            Err(error) => {
                let sql = schema::print(Some(&wanted));
                Ok(format!("-- for an empty database: {error}\n\n{sql}"))
            }
        }
    }

    /// Creates what is missing, and says what that was, a line each. Of a table that is there
    /// already only gristmill's own columns are added, where it has some or rows cannot be written
    /// without, and nobody fills it yet.
    pub async fn apply(&self) -> Result<Vec<String>> {
        let mut connection = self.database.connect().await?;
        Ok(schema::apply(&mut connection, Some(&self.pipeline.wanted())).await?)
    }

    /// An error that tells everything that keeps the pipeline's rows from the table.
    pub async fn check(&mut self) -> Result<()> {
        let connection = self.database.connect().await?;
        self.pipeline.choose_guard(&connection).await?;
        let fits = self.pipeline.check_table(&connection).await;
        fits.context("the tables are there and do not fit the pipeline")
    }
}
