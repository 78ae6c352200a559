//! The PostgreSQL that decides.

use anyhow::Result;
use gristmill_tests::postgres::Postgres;
use sql::Type;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::values::Row;

/// What begins an answer that is an error.
const ERROR: &str = "\u{1}!error ";

pub(crate) struct Oracle {
    runtime: Runtime,
    client: Client,
}

/// The type of an expression with its value, or error, of each row.
pub(crate) type Answers = (String, Vec<Result<Option<String>, String>>);

impl Oracle {
    /// A database called `name` on the server that all tests share: of the encoding UTF8 and the
    /// collation C.
    pub(crate) fn connect(name: &str) -> Result<Self> {
        let url = Postgres::shared()?.create_database(name)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            tokio::spawn(connection);
            client
                .batch_execute(
                    // With a plan of its own for each of the first rows, what is null there
                    // would count as a constant.
                    "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set client_min_messages = \
                     'error'; set extra_float_digits = 1; set plan_cache_mode = \
                     'force_generic_plan'",
                )
                .await?;
            anyhow::Ok(client)
        })?;
        Ok(Self { runtime, client })
    }

    /// Runs `text` on each row by itself, so that an error is one of the row.
    pub(crate) fn ask(
        &mut self,
        text: &str,
        columns: &[(&str, Type)],
        rows: &[Row],
    ) -> Result<Answers, String> {
        self.runtime
            .block_on(ask(&self.client, text, columns, rows))
    }
}

async fn ask(
    client: &Client,
    text: &str,
    columns: &[(&str, Type)],
    rows: &[Row],
) -> Result<Answers, String> {
    let said = |error: tokio_postgres::Error| match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => error.to_string(),
    };
    let declared: Vec<String> = columns
        .iter()
        .map(|(name, of_type)| format!("{name} {}", of_type.name()))
        .collect();
    let nulls: Vec<String> = columns
        .iter()
        .map(|(name, of_type)| format!("null::{} as {name}", of_type.name()))
        .collect();
    let from = match nulls.is_empty() {
        true => String::new(),
        false => format!(" from (select {}) as t", nulls.join(", ")),
    };
    let of_type = client
        .prepare(&format!("select ({text}){from}"))
        .await
        .map_err(said)?
        .columns()[0]
        .type_()
        .oid();
    let of_type = client
        .query_one("select format_type($1::oid, null)", &[&of_type])
        .await
        .map_err(said)?
        .get::<_, String>(0);
    let function = format!(
        "drop function if exists pg_temp.probe; create function pg_temp.probe({}) returns text \
         language plpgsql as $probe$ begin return ({text})::text; exception when others then \
         return e'\\x01!error ' || sqlerrm; end $probe$",
        declared.join(", ")
    );
    client.batch_execute(&function).await.map_err(said)?;
    let mut answers = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(10_000) {
        answers.extend(ask_chunk(client, columns, chunk).await.map_err(said)?);
    }
    Ok((of_type, answers))
}

async fn ask_chunk(
    client: &Client,
    columns: &[(&str, Type)],
    rows: &[Row],
) -> Result<Vec<Result<Option<String>, String>>, tokio_postgres::Error> {
    let arrays: Vec<Vec<Option<&str>>> = (0..columns.len())
        .map(|at| rows.iter().map(|row| row[at].as_deref()).collect())
        .collect();
    let parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        arrays.iter().map(|array| array as _).collect();
    let values: Vec<String> = columns
        .iter()
        .map(|(name, of_type)| format!("{name}::{}", of_type.name()))
        .collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let unnested: Vec<String> = (1..=columns.len())
        .map(|at| format!("${at}::text[]"))
        .collect();
    let query = match columns.is_empty() {
        true => "select pg_temp.probe()".to_owned(),
        false => format!(
            "select pg_temp.probe({}) from unnest({}) with ordinality as t({}, place) order by \
             place",
            values.join(", "),
            unnested.join(", "),
            names.join(", ")
        ),
    };
    let found = client.query(&query, &parameters).await?;
    let answer = |row: &tokio_postgres::Row| match row.get::<_, Option<String>>(0) {
        Some(text) if text.starts_with(ERROR) => Err(text[ERROR.len()..].to_owned()),
        text => Ok(text),
    };
    Ok(found.iter().map(answer).collect())
}
