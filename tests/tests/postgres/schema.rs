//! Creating tables, and sentences about what is wrong with them.

use anyhow::{Context, Result};
use gristmill_core::chain::Delete;
use gristmill_core::column::LogicalType;
use gristmill_core::dedup::Guard;
use gristmill_core::plan::Roles;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::refusal::blame;
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::table::bookkeeping::Bookkeeping;
use gristmill_postgres::table::schema::{self, WantedTable};
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::table::{dimension_query, privileges};
use gristmill_postgres::wire::connection::Database;
use gristmill_tests::postgres::Postgres;
use rstest::rstest;

use crate::absent::{People, TRACKED, cell_fields};
use crate::fixture::{Fixture, PIPELINE, WITH_PROVENANCE, computed, field, fields, roles};

#[tokio::test]
async fn applying_twice_does_nothing_the_second_time_and_then_nothing_is_wrong() -> Result<()> {
    let postgres = Postgres::shared()?;
    let url = postgres.create_database("schema_twice")?;
    let database = Database::new(&url, "gristmill/schema")?;
    let mut connection = database.connect().await?;
    let (fields, roles) = (fields(), roles());
    let wanted = WantedTable {
        table: "\"People Of\"",
        fields: &fields,
        roles: &roles,
        ddl: None,
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    let problems = schema::problems(&connection, &wanted).await?;
    assert!(
        problems[0].contains("gristmill schema apply") && problems[1].contains("is missing"),
        "{problems:?}"
    );
    assert_eq!(
        schema::apply(&mut connection, Some(&wanted)).await?.len(),
        numbered_files()? + 1
    );
    assert_eq!(
        schema::apply(&mut connection, Some(&wanted)).await?,
        Vec::<String>::new()
    );
    assert_eq!(
        schema::problems(&connection, &wanted).await?,
        Vec::<String>::new()
    );
    let columns = r#"select string_agg(
            attname || ' ' || format_type(atttypid, atttypmod)
                || case when attnotnull then ' not null' else '' end,
            ', ' order by attnum
        )
        from pg_attribute where attrelid = '"People Of"'::regclass and attnum > 0"#;
    assert_eq!(
        postgres.psql("schema_twice", columns)?,
        "id bigint not null, name text, is_deleted boolean, at timestamp with time zone not null, \
         _gm_version bytea, _gm_revision integer, _gm_absent bytea"
    );
    Ok(())
}

/// `schema/001_gristmill.sql` and what came after.
fn numbered_files() -> Result<usize> {
    let mut count = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../schema"))? {
        let name = file?.file_name();
        count += usize::from(name.as_encoded_bytes()[0].is_ascii_digit());
    }
    Ok(count)
}

#[tokio::test]
async fn hosts_that_apply_at_once_take_turns() -> Result<()> {
    let url = Postgres::shared()?.create_database("schema_at_once")?;
    let database = Database::new(&url, "gristmill/schema")?;
    let (mut a, mut b) = (database.connect().await?, database.connect().await?);
    let (a, b) = tokio::join!(schema::apply(&mut a, None), schema::apply(&mut b, None));
    // Each numbered file once, by one of both.
    assert_eq!(a?.len() + b?.len(), numbered_files()?);
    Ok(())
}

#[tokio::test]
async fn the_printed_sql_is_what_an_empty_database_needs() -> Result<()> {
    let postgres = Postgres::shared()?;
    postgres.create_database("schema_printed")?;
    let (fields, roles) = (user_fields(), user_roles());
    let wanted = WantedTable {
        table: "users_enriched",
        fields: &fields,
        roles: &roles,
        ddl: Some(include_str!("../../../schema/users_enriched.sql")),
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    postgres.psql("schema_printed", &schema::print(Some(&wanted)))?;
    let connection = Database::new(&postgres.database_url("schema_printed"), "gristmill/schema")?
        .connect()
        .await?;
    let problems = schema::problems(&connection, &wanted).await?;
    assert!(problems.is_empty(), "{problems:?}");
    Ok(())
}

fn user_fields() -> Vec<gristmill_core::column::Field> {
    let mut fields = vec![field("user_id", LogicalType::Int64)];
    fields.extend(
        [
            "name",
            "email",
            "email_domain",
            "country_code",
            "country_name",
        ]
        .map(|name| field(name, LogicalType::Text)),
    );
    fields.extend(["is_corporate", "is_deleted"].map(|name| field(name, LogicalType::Boolean)));
    fields.push(field("updated_at", LogicalType::TimestampMs));
    fields
}

fn user_roles() -> Roles {
    Roles {
        key: vec!["user_id".into()],
        event_time: "updated_at".into(),
        deleted: Some("is_deleted".into()),
        order: vec![],
        ..Roles::default()
    }
}

#[rstest]
#[case::column(
    "alter table people drop column name",
    "the table people has no column name: alter table public.people add column \"name\" text"
)]
#[case::type_(
    "alter table people alter column name type int using 1",
    "the column name of the table people is integer, but the pipeline writes text: make it text"
)]
#[case::index(
    "alter table people drop constraint people_pkey",
    "add primary key (\"id\")"
)]
#[case::partial(
    "alter table people drop constraint people_pkey;
    create unique index on people (id) where id > 0",
    "no unique index on exactly"
)]
#[case::not_null(
    "alter table people add column city text not null",
    "no transform writes the column city"
)]
#[case::generated(
    "alter table people drop column name, add column name text generated always as ('x') stored",
    "is computed by Postgres"
)]
#[case::provenance(
    "alter table people alter column _gm_offset type text",
    "the column _gm_offset of the table people is text: make it bigint, or drop it"
)]
#[case::behind("delete from gristmill.migration", "run `gristmill schema apply`")]
#[case::ahead(
    "insert into gristmill.migration values (999, 'later')",
    "made by a newer gristmill"
)]
#[tokio::test]
async fn each_problem_is_a_sentence_that_says_what_to_do(
    #[case] change: &str,
    #[case] sentence: &str,
) -> Result<()> {
    let name = format!(
        "schema_problem_{:x}",
        change
            .bytes()
            .fold(0u32, |hash, b| hash.wrapping_mul(31).wrapping_add(b.into()))
    );
    let fixture = Fixture::new(&name, WITH_PROVENANCE).await?;
    fixture.psql(change)?;
    let (fields, roles) = (fields(), roles());
    let wanted = WantedTable {
        table: "people",
        fields: &fields,
        roles: &roles,
        ddl: None,
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    let problems = schema::problems(&*fixture.connect().await?, &wanted).await?;
    assert!(
        problems.len() == 1 && problems[0].contains(sentence),
        "{problems:?}"
    );
    Ok(())
}

#[tokio::test]
async fn missing_privileges_are_named_with_their_grant() -> Result<()> {
    let fixture = Fixture::new("schema_privileges", WITH_PROVENANCE).await?;
    fixture.psql(
        "create role reader login; revoke temporary on database schema_privileges from public",
    )?;
    let url = format!(
        "postgres://reader@127.0.0.1:{}/schema_privileges",
        fixture.postgres.port()
    );
    let database = Database::new(&url, "gristmill/schema")?;
    let (fields, roles) = (fields(), roles());
    let wanted = WantedTable {
        table: "people",
        fields: &fields,
        roles: &roles,
        ddl: None,
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    fixture.psql("grant select on people to reader")?;
    let problems = schema::problems(&*database.connect().await?, &wanted).await?;
    let [lacking] = &problems[..] else {
        panic!("{problems:?}")
    };
    for granted in [
        "grant usage on schema gristmill to reader;",
        "grant ALL on gristmill.dead_letter, gristmill.file, gristmill.host",
        "grant insert, update on public.people to reader;",
    ] {
        let granted = granted.replace("ALL", ALL);
        assert!(lacking.contains(&granted), "{lacking}");
    }
    // All at once, as it is pasted.
    let grants = lacking.split_once(":\n").expect("a list of statements").1;
    fixture.psql(grants)?;
    assert_eq!(
        schema::problems(&*database.connect().await?, &wanted).await?,
        Vec::<String>::new()
    );
    Ok(())
}

const ALL: &str = "select, insert, update, delete";

#[rstest]
#[case::refused("postgres://app:hunter2@127.0.0.1:1/db")]
#[case::two_at_signs("postgres://app:hunter2@hunter2@127.0.0.1/db")]
#[case::question_mark("postgres://app:hun?hunter2=1@127.0.0.1/db")]
#[case::unknown_option("postgres://app:hunter2@127.0.0.1/db?hunter2=1")]
#[case::no_host("postgres:///db?password=hunter2")]
#[case::scheme("mysql://app:hunter2@127.0.0.1/db")]
#[tokio::test]
async fn a_password_is_in_no_message(#[case] url: &str) {
    let error = match Database::new(url, "gristmill/secret") {
        Ok(database) => database.connect().await.err().map(anyhow::Error::from),
        Err(error) => Some(error.into()),
    };
    let error = error.expect("nothing to connect to");
    let shown = format!("{error:#} {error:?}");
    assert!(!shown.contains("hunter2") && !shown.is_empty(), "{shown}");
}

/// A function or an operator whose types fit exactly comes before those of Postgres that only take
/// them, wherever it lies on the path.
#[tokio::test]
async fn what_others_create_on_the_path_is_not_called() -> Result<()> {
    let fixture = Fixture::new("shadowed", WITH_PROVENANCE).await?;
    let caught = "returns R language plpgsql as $$ begin raise 'caught'; end $$;";
    let functions = [
        ("has_table_privilege(regclass, text)", "boolean"),
        ("unnest(bigint[])", "setof bigint"),
        ("unnest(text[])", "setof text"),
        ("unnest(int2vector)", "setof smallint"),
        ("array_agg(text)", "text[]"),
        ("format(text, name, name)", "text"),
        ("to_regclass(varchar)", "regclass"),
        ("pg_terminate_backend(int, int)", "boolean"),
        ("pg_advisory_xact_lock(int)", "void"),
        ("concat_ws(text, text, text)", "text"),
        ("jsonb_build_object(text, int)", "jsonb"),
        ("is_it(oid, regclass)", "boolean"),
        ("joined(text, name)", "text"),
    ];
    let functions = functions
        .map(|(name, returns)| format!("create function {name} {}", caught.replace("R", returns)));
    fixture.psql(&format!(
        "create role mallory; grant create on schema public to mallory; set role mallory; {}
        create operator = (leftarg = oid, rightarg = regclass, function = is_it);
        create operator || (leftarg = text, rightarg = name, function = joined);",
        functions.join("\n")
    ))?;
    let (fields, roles) = (fields(), roles());
    let wanted = WantedTable {
        table: "people",
        fields: &fields,
        roles: &roles,
        ddl: None,
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    let mut connection = fixture.connect().await?;
    assert_eq!(
        schema::problems(&connection, &wanted).await?,
        Vec::<String>::new()
    );
    schema::apply(&mut connection, Some(&wanted)).await?;
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let batch = computed(0, &[(1, Some("a"), false, 1), (2, Some("b"), false, 1)]);
    fixture.flush(&mut connection, &lease, 0, &batch).await?;
    let refused = computed(2, &[(3, Some("forbidden"), false, 1)]);
    let flushed = fixture.flush(&mut connection, &lease, 2, &refused).await;
    assert!(
        matches!(flushed, Err(FlushError::Refused { .. })),
        "{flushed:?}"
    );
    let judged = blame(
        &mut connection,
        &fixture.sink,
        RowOrigin::of(&lease),
        &refused,
        1,
    )
    .await?;
    assert_eq!(judged.refused.len(), 1);
    assert_eq!(privileges::open_schemas(&connection).await?, ["public"]);
    Ok(())
}

/// Postgres' own operators of arrays are of any array, so that others' may be nearer.
#[tokio::test]
async fn operators_that_others_made_for_arrays_are_not_called() -> Result<()> {
    let people = People::new("nearer", TRACKED, Delete::Soft).await?;
    let nearer = "create function equal(text[], name[]) returns boolean language plpgsql as
        $$ begin raise 'caught'; end $$;
        create operator = (leftarg = text[], rightarg = name[], function = equal);
        create operator <@ (leftarg = text[], rightarg = name[], function = equal);";
    people.fixture.psql(nearer)?;
    let client = &people.connection;
    let target = TargetTable::load(client, "people").await?;
    let target = target.context("the table")?;
    let (fields, roles) = (cell_fields(), roles());
    for _ in 0..2 {
        let known = Bookkeeping::load(client, &target, &fields, &roles, Guard::Version).await?;
        let known = known.context("it has versions")?;
        known.of_revision(client, &target, (PIPELINE, 1)).await?;
    }
    let remembered = "select count(*) from gristmill.revision where columns is not null";
    assert_eq!(people.fixture.psql(remembered)?, "1");
    Ok(())
}

/// The next version's program has applied its migration, and this one goes on.
#[tokio::test]
async fn a_newer_schema_is_worked_with_where_it_says_so() -> Result<()> {
    let fixture = Fixture::new("newer_schema", WITH_PROVENANCE).await?;
    let known = numbered_files()?;
    let next = known + 1;
    let (fields, roles) = (fields(), roles());
    let wanted = WantedTable {
        table: "people",
        fields: &fields,
        roles: &roles,
        ddl: None,
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    fixture.psql(&format!(
        "alter table gristmill.checkpoint add column mood text;
        create table gristmill.mood (name text);
        insert into gristmill.migration (version, name, compatible_from)
        values ({next}, 'moods', {known});"
    ))?;
    let mut connection = fixture.connect().await?;
    let problems = schema::problems(&connection, &wanted).await?;
    assert_eq!(problems, Vec::<String>::new());
    let lease = fixture.take(&mut connection, 0).await?.lease;
    let batch = computed(0, &[(1, Some("a"), false, 1)]);
    fixture.flush(&mut connection, &lease, 0, &batch).await?;
    assert!(schema::apply(&mut connection, None).await?.is_empty());
    fixture.psql(&format!(
        "update gristmill.migration set compatible_from = {next} where version = {next}"
    ))?;
    let problems = schema::problems(&connection, &wanted).await?;
    assert!(
        problems[0].contains("made by a newer gristmill"),
        "{problems:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_dimension_is_read_and_nothing_is_written() -> Result<()> {
    let fixture = Fixture::new("dimension_writes", WITH_PROVENANCE).await?;
    fixture.psql(
        "create function count_up() returns int language sql
        as $$ insert into people (id, at) values (1, now()); select 1 $$",
    )?;
    let connection = fixture.connect().await?;
    let loaded = dimension_query::load(&connection, "select count_up() as n").await;
    let error = format!("{:#}", anyhow::Error::from(loaded.expect_err("it writes")));
    assert!(error.contains("read-only transaction"), "{error}");
    assert_eq!(fixture.psql("select count(*) from people")?, "0");
    dimension_query::load(&connection, "select 1 as n").await?;
    Ok(())
}

/// A table that gristmill once created gets what it misses, while nobody fills it; somebody else's
/// table stays as it is, unless rows cannot be written without.
#[tokio::test]
async fn only_gristmills_own_tables_get_its_columns() -> Result<()> {
    let postgres = Postgres::shared()?;
    let url = postgres.create_database("schema_completed")?;
    let database = Database::new(&url, "gristmill/schema")?;
    let mut connection = database.connect().await?;
    let (fields, roles) = (fields(), roles());
    let mut wanted = WantedTable {
        table: "people",
        fields: &fields,
        roles: &roles,
        ddl: None,
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    schema::apply(&mut connection, None).await?;
    postgres.psql("schema_completed", WITH_PROVENANCE)?;
    let missing = schema::missing(&connection, &wanted).await?;
    assert_eq!(
        missing,
        "alter table public.people add column _gm_version bytea, add column _gm_absent bytea;\n"
    );
    let done = schema::apply(&mut connection, Some(&wanted)).await?;
    assert_eq!(done, ["added gristmill's columns to the table people"]);
    assert_eq!(schema::missing(&connection, &wanted).await?, "");
    let others = "create table others (like people); alter table others drop column _gm_version, \
        drop column _gm_partition, drop column _gm_offset, drop column _gm_revision,
        drop column _gm_absent;
        create table filled (like people);
        alter table filled drop column _gm_version, drop column _gm_absent;
        insert into gristmill.pipeline (pipeline, topics, target, spec_hash, active_revision)
        values ('others', '{}', 'filled', '', 1)";
    postgres.psql("schema_completed", others)?;
    for table in ["others", "filled"] {
        wanted.table = table;
        assert_eq!(schema::missing(&connection, &wanted).await?, "", "{table}");
    }
    wanted.delete = Delete::Hard;
    assert_eq!(schema::missing(&connection, &wanted).await?, "");
    wanted.table = "others";
    assert_eq!(
        schema::missing(&connection, &wanted).await?,
        "alter table public.others add column _gm_version bytea, add column _gm_revision int, add \
         column _gm_absent bytea;\n"
    );
    Ok(())
}
