//! A session of the source's database.

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// Runs statements one after another. One may fail for what others have done: a key is taken, two
/// sessions wait for each other, the transaction has failed already.
pub fn execute(url: &str, statements: &[String]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        for statement in statements {
            step(&client, statement).await?;
        }
        drop(client);
        connection.await?.context("the connection")
    })
}

async fn step(client: &Client, statement: &str) -> Result<()> {
    let Err(error) = client.batch_execute(statement).await else {
        return Ok(());
    };
    let code = error.code().map(|code| code.code().to_owned());
    match code.as_deref() {
        Some("23505" | "25P02" | "40P01") => Ok(()),
        _ => Err(error).with_context(|| statement.to_owned()),
    }
}
