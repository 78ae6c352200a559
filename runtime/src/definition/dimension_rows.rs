//! Where the rows of dimensions come from: CSV files and queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow_array::builder::StringBuilder;
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dimension::{Dimension, Dimensions};
use gristmill_postgres::table::dimension_query;
use gristmill_postgres::wire::connection::Database;

use super::file::Config;

/// All dimensions of a pipeline; `files` has the bytes of those that are files.
pub(super) async fn load_dimensions(
    config: &Config,
    files: &BTreeMap<String, Vec<u8>>,
    database: &Database,
) -> Result<Dimensions> {
    let mut dimensions = Dimensions::new();
    for (name, dimension) in &config.dimension {
        let rows = match (&dimension.query, files.get(name)) {
            (Some(query), _) => read_query(query, database).await,
            (None, Some(text)) => csv_batch(text, dimension.file.as_deref().unwrap_or_default()),
            (None, None) => Err(anyhow!("it has neither file nor query")),
        };
        let rows = rows.with_context(|| format!("dimension `{name}`"))?;
        let dimension = Dimension::new(name, rows, &dimension.key)?;
        dimensions.insert(name.clone(), Arc::new(dimension));
    }
    Ok(dimensions)
}

async fn read_query(query: &str, database: &Database) -> Result<Batch> {
    let connection = database.connect().await?;
    Ok(dimension_query::load(&connection, query).await?)
}

/// A CSV file with a header as text columns; an empty value is null.
fn csv_batch(text: &[u8], path: &str) -> Result<Batch> {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().with_context(|| path.to_owned())?.clone();
    let mut builders: Vec<StringBuilder> = header.iter().map(|_| StringBuilder::new()).collect();
    let mut rows = 0;
    for record in reader.records() {
        let record = record.with_context(|| path.to_owned())?;
        for (builder, value) in builders.iter_mut().zip(record.iter()) {
            builder.append_option((!value.is_empty()).then_some(value));
        }
        rows += 1;
    }
    if header.is_empty() {
        bail!(
            "{}:1: the header line with the columns' names is missing",
            path
        );
    }
    let fields = header
        .iter()
        .map(|name| Field {
            name: name.to_owned(),
            logical_type: LogicalType::Text,
            nullable: true,
        })
        .collect();
    let columns = builders
        .into_iter()
        .map(|mut b| Column::new(Arc::new(b.finish())))
        .collect();
    Ok(Batch {
        rows,
        fields,
        columns,
    })
}
