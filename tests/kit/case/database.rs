//! A case's database, asked by a session of its own each time.

use anyhow::{Context, Result};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::answer::as_text;

/// Runs `sql`, any number of statements.
pub(super) fn execute(url: &str, sql: &str) -> Result<()> {
    with_session(url, async |session| Ok(session.batch_execute(sql).await?))
        .with_context(|| format!("in {sql}"))
}

/// The rows of one query, each value as text.
pub(super) fn rows(url: &str, query: &str) -> Result<Vec<Vec<String>>> {
    with_session(url, async |session| {
        let statement = session.prepare(query).await?;
        let types: Vec<Type> = statement
            .columns()
            .iter()
            .map(|c| c.type_().clone())
            .collect();
        let mut rows = Vec::new();
        for message in session.simple_query(query).await? {
            if let SimpleQueryMessage::Row(row) = message {
                let value = |(at, of): (usize, &Type)| as_text(row.get(at), of);
                rows.push(types.iter().enumerate().map(value).collect());
            }
        }
        Ok(rows)
    })
    .with_context(|| format!("in {query}"))
}

fn with_session<T>(url: &str, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        let answer = work(&client).await;
        drop(client);
        connection.await??;
        answer
    })
}
