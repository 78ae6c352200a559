//! What a table has to offer to a normalizer's config.

use anyhow::{Context, Result};
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::wire::connection::Database;
use gristmill_tests::postgres::Postgres;

const TABLE: &str = r#"
    create type mood as enum ('sad', 'happy');
    create domain price as numeric(12, 2) check (value >= 0);
    create domain listed as price;
    create type span as range (subtype = float8);
    create table "Odd Names" (
        tenant uuid,
        "Id" bigint generated always as identity,
        feeling mood,
        feelings mood[],
        prices listed[],
        spans span[],
        paid listed,
        "at" timestamptz(3),
        seen timestamp(3),
        flags bit(5),
        during span,
        days tstzrange,
        shout text generated always as (upper(tenant::text)) stored,
        gone int,
        primary key ("Id", tenant)
    );
    alter table "Odd Names" drop column gone;
"#;

#[tokio::test]
async fn columns_have_their_types_and_the_key_its_order() -> Result<()> {
    let url = Postgres::shared()?.create_database("catalogue")?;
    let mut connection = Database::new(&url, "gristmill/catalogue")?
        .connect()
        .await?;
    let name = "\"Odd Names\"";
    assert_eq!(Catalogue::load(&connection, name).await?, None);
    // Tried, and not there afterwards.
    let tried = Catalogue::of_ddl(&mut connection, name, TABLE).await?;
    assert_eq!(Catalogue::load(&connection, name).await?, None);
    connection.batch_execute(TABLE).await?;
    let found = Catalogue::load(&connection, name).await?;
    assert_eq!(found, tried);
    let found = found.context("no table")?;
    let columns: Vec<String> = found
        .columns
        .iter()
        .map(|(name, of)| format!("{name}: {of}"))
        .collect();
    let expected = [
        "tenant: uuid",
        "Id: bigint",
        "feeling: text",
        "feelings: text[]",
        "prices: numeric(12,2)[]",
        "spans: text[]",
        "paid: numeric(12,2)",
        "at: timestamp(3) with time zone",
        "seen: timestamp(3) without time zone",
        "flags: bit(5)",
        "during: text",
        "days: tstzrange",
    ];
    assert_eq!(columns, expected);
    assert_eq!(found.key, ["Id", "tenant"]);
    Ok(())
}
