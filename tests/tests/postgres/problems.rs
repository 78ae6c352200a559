//! Each problem of a table that `gristmill check` can name, word by word.

use anyhow::Result;
use gristmill_core::chain::{Delete, Truncate};
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::dedup::{Guard, VersionKind};
use gristmill_core::plan::Roles;
use gristmill_postgres::table::filled_columns::FilledColumns;
use gristmill_postgres::table::fitness::Fitness;
use gristmill_postgres::table::schema::{self, WantedTable};
use gristmill_postgres::table::target_table::TargetTable;
use insta::assert_snapshot;

use crate::fixture::{Fixture, PIPELINE, PLAIN, WITH_PROVENANCE, fields, roles};

/// What is done to a table that fits.
const CHANGES: [&str; 21] = [
    "alter table people drop column name",
    "alter table people alter column name type int using 1",
    "alter table people drop constraint people_pkey",
    "alter table people add column city text not null",
    "alter table people drop column name, add column name text generated always as ('x') stored",
    "alter table people alter column _gm_offset type text",
    "alter table people drop column _gm_revision,
        add column _gm_revision int generated always as identity",
    "alter table people add column _gm_version bytea not null default ''",
    "alter table people set unlogged",
    "create rule quiet as on insert to people do instead nothing",
    "create function set_time() returns trigger language plpgsql as
        $$ begin new.at := now(); return new; end $$;
     create trigger set_time before update on people for each row execute function set_time()",
    "create function fill() returns trigger language plpgsql as
        $$ begin new := jsonb_populate_record(new, '{}'); return new; end $$;
     create trigger fill before insert on people for each row execute function fill()",
    "alter table people add column _gm_version bytea;
     create function set_time() returns trigger language plpgsql as
        $$ begin new.at := now(); return new; end $$;
     create trigger set_time before update on people for each row execute function set_time()",
    "drop table people; create table \"People\" (id int)",
    "drop table people; create table stored (id int); create view people as select * from stored",
    "insert into gristmill.pipeline (pipeline, topics, target, spec_hash, active_revision)
        values ('copy', '{}', 'public.people', '', 1)",
    "drop table people",
    "delete from gristmill.migration where version > 1",
    "delete from gristmill.migration",
    "insert into gristmill.migration values (999, 'later')",
    "drop schema gristmill cascade",
];

#[tokio::test]
async fn each_problem_of_a_table() -> Result<()> {
    let fixture = Fixture::new("problems", WITH_PROVENANCE).await?;
    let (mut fields, mut roles) = (fields(), roles());
    let mut told = Vec::new();
    fixture.psql("create table gristmill.kept as select * from gristmill.migration")?;
    for change in CHANGES {
        fixture.psql(change)?;
        let found = problems(&fixture, &fields, &roles).await?;
        told.push(format!("{change}\n{found}"));
        if !change.contains("cascade") {
            fixture.psql(&format!(
                "drop schema public cascade; create schema public; \
                 delete from gristmill.pipeline where pipeline = 'copy'; {WITH_PROVENANCE}; \
                 delete from gristmill.migration; \
                 insert into gristmill.migration select * from gristmill.kept"
            ))?;
        }
    }
    roles.key = vec!["id".to_owned(), "at".to_owned()];
    roles.order = vec!["name".to_owned(), "serial".to_owned()];
    fields[1].logical_type = LogicalType::Json;
    let found = problems(&fixture, &fields, &roles).await?;
    told.push(format!(
        "a key with the event time, an order by JSON and by nothing\n{found}"
    ));
    assert_snapshot!(told.join("\n\n"));
    Ok(())
}

async fn problems(fixture: &Fixture, fields: &[Field], roles: &Roles) -> Result<String> {
    let wanted = WantedTable {
        table: "people",
        fields,
        roles,
        ddl: None,
        guard: Guard::Columns,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    let problems = schema::problems(&*fixture.connect().await?, &wanted).await?;
    let lines: Vec<String> = problems.iter().map(|p| format!("    {p}")).collect();
    Ok(lines.join("\n"))
}

/// Each pipeline has found its table by a search path of its own.
#[tokio::test]
async fn who_else_writes_a_table_is_told_by_schema_and_name() -> Result<()> {
    let fixture = Fixture::new("other_writers", WITH_PROVENANCE).await?;
    fixture.psql(
        "create schema elsewhere; create table elsewhere.people (id int);
        insert into gristmill.pipeline (pipeline, topics, target, spec_hash, active_revision)
        values ('copy', '{}', 'elsewhere.people', '', 1)",
    )?;
    assert_eq!(problems(&fixture, &fields(), &roles()).await?, "");
    fixture.psql(
        "alter database other_writers set search_path = elsewhere, public;
        update gristmill.pipeline set target = 'public.people'",
    )?;
    let (mut fields, roles) = (fields(), roles());
    fields.truncate(1);
    let found = problems(&fixture, &fields, &roles).await?;
    assert!(!found.contains("the pipeline copy writes"), "{found}");
    fixture.psql("update gristmill.pipeline set target = 'elsewhere.people'")?;
    let found = problems(&fixture, &fields, &roles).await?;
    assert!(found.contains("the pipeline copy writes"), "{found}");
    Ok(())
}

/// A trigger that only looks at rows is no problem, nor is one that changes what no guard reads.
#[tokio::test]
async fn triggers_that_leave_the_guards_columns_alone_are_no_problem() -> Result<()> {
    let fixture = Fixture::new("harmless_triggers", WITH_PROVENANCE).await?;
    for (name, body) in [
        (
            "looks",
            "if new.name = 'x' then raise exception 'no' using errcode = 'AP001'; end if;",
        ),
        ("trims", "new.name := trim(new.name);"),
        (
            "counts",
            "declare n int; begin select count(*) into n from people; end;",
        ),
    ] {
        fixture.psql(&format!(
            "create function {name}() returns trigger language plpgsql as
                $$ begin {body} return new; end $$;
             create trigger {name} before insert or update on people
                for each row execute function {name}()"
        ))?;
    }
    fixture.psql(
        "create trigger same before update on people for each row
            execute function suppress_redundant_updates_trigger()",
    )?;
    assert_eq!(problems(&fixture, &fields(), &roles()).await?, "");
    Ok(())
}

#[tokio::test]
async fn what_some_rows_do_not_fit_is_a_warning() -> Result<()> {
    let fixture = Fixture::new("narrow", WITH_PROVENANCE).await?;
    fixture.psql(
        "create table places (id int primary key);
        alter table people add column place int references places, add unique (name)",
    )?;
    let connection = fixture.connect().await?;
    let target = TargetTable::load(&connection, "people").await?;
    let target = target.expect("the table");
    let one = target.warnings(&fields(), &roles(), false);
    assert_eq!(
        one,
        [
            "columns of the table people are narrower than what the pipeline writes: name \
          (character varying(20), a larger value is refused; text would hold all)"
        ]
    );
    let several = target.warnings(&fields(), &roles(), true);
    assert!(
        several[1].contains("a unique index on (name), the foreign key people_place_fkey"),
        "{several:?}"
    );
    let key = ["id".to_owned()];
    assert_eq!(target.deleted_by_spelling(&key), None);
    fixture.psql("alter table people alter id type jsonb using to_jsonb(id)")?;
    let target = TargetTable::load(&connection, "people").await?;
    let told = target.and_then(|target| target.deleted_by_spelling(&key));
    assert!(
        told.is_some_and(|told| told.starts_with("values of id in the key of the table people"))
    );
    Ok(())
}

/// What is done to a table while a pipeline writes it, a look at a time.
#[tokio::test]
async fn what_comes_to_lose_rows_in_silence_is_found_and_goes() -> Result<()> {
    let fixture = Fixture::new("fitness", WITH_PROVENANCE).await?;
    let connection = fixture.connect().await?;
    let (mut fitness, roles) = (Fitness::default(), roles());
    let mut look = async |sql: &str, guard: Guard| {
        fixture.psql(sql)?;
        let found = fitness
            .look(
                &connection,
                "people",
                1,
                &roles,
                guard,
                &FilledColumns::default(),
            )
            .await?;
        anyhow::Ok(found.map(str::to_owned).unwrap_or_default())
    };
    let body = |body: &str| {
        format!(
            "create or replace function f() returns trigger language plpgsql as
                $$ begin {body} return new; end $$"
        )
    };
    let columns = Guard::Columns;
    assert_eq!(look("select 1", columns).await?, "");
    assert_eq!(look(&body("new.name := 'x';"), columns).await?, "");
    let trigger = "create trigger f before insert or update on people for each row
        execute function f()";
    assert_eq!(look(trigger, columns).await?, "");
    // The function alone changes.
    let found = look(&body("new.at := now();"), columns).await?;
    assert!(
        found.contains("the trigger f of the table people"),
        "{found}"
    );
    assert_eq!(look("select 1", columns).await?, found);
    let disabled = "alter table people disable trigger f";
    assert_eq!(look(disabled, columns).await?, "");
    let rule = "create rule quiet as on insert to people do instead nothing";
    let found = look(rule, columns).await?;
    assert!(found.contains("the rule quiet"), "{found}");
    assert_eq!(look("drop rule quiet on people", columns).await?, "");
    let unlogged = look("alter table people set unlogged", columns).await?;
    assert!(unlogged.contains("is unlogged"), "{unlogged}");
    // What a flush is told by Postgres itself is left to the flush.
    let dropped = "alter table people set logged, drop column name";
    assert_eq!(look(dropped, columns).await?, "");
    assert_eq!(look("drop table people", columns).await?, "");
    Ok(())
}

/// What a plan or a file asks for may need columns of gristmill's: it is refused by name.
#[tokio::test]
async fn what_needs_gristmills_columns_is_refused_without_them() -> Result<()> {
    let fixture = Fixture::new("needs", PLAIN).await?;
    let connection = fixture.connect().await?;
    let (fields, mut roles) = (fields(), roles());
    let add = "alter table public.people add column";
    let ask = async |guard, delete, truncate, roles: &Roles| {
        let wanted = WantedTable {
            table: "people",
            fields: &fields,
            roles,
            ddl: None,
            guard,
            pipeline: PIPELINE,
            is_shared: false,
            delete,
            truncate,
        };
        let problems = schema::problems(&connection, &wanted).await;
        anyhow::Ok(problems?.join("\n"))
    };
    let columns = Guard::Columns;
    for kind in [VersionKind::OrderFirst, VersionKind::Offset] {
        roles.version.kind = kind;
        let told = ask(columns, Delete::Soft, None, &roles).await?;
        assert!(
            told.ends_with(&format!("{add} _gm_version bytea")),
            "{told}"
        );
    }
    roles.version.kind = VersionKind::EventTime;
    let told = ask(columns, Delete::Hard, None, &roles).await?;
    assert!(
        told.contains(&format!("needs: {add} _gm_version bytea")),
        "{told}"
    );
    let told = ask(columns, Delete::Soft, Some(Truncate::Apply), &roles).await?;
    assert!(
        told.contains(&format!("needs: {add} _gm_version bytea")),
        "{told}"
    );
    let told = ask(columns, Delete::Soft, Some(Truncate::Ignore), &roles).await?;
    assert_eq!(told, "");
    // A mirror needs no column of event time or flag, but a place for the flag.
    fixture.psql("alter table people add _gm_version bytea, drop is_deleted, drop at")?;
    let told = ask(Guard::Version, Delete::Soft, None, &roles).await?;
    assert!(
        told.ends_with(&format!("{add} _gm_deleted boolean default false")),
        "{told}"
    );
    let wanted = WantedTable {
        table: "people",
        fields: &fields,
        roles: &roles,
        ddl: None,
        guard: Guard::Version,
        pipeline: PIPELINE,
        is_shared: false,
        delete: Delete::Soft,
        truncate: None,
    };
    let missing = schema::missing(&connection, &wanted).await?;
    assert_eq!(
        missing,
        "alter table public.people add column _gm_absent bytea, add column _gm_deleted boolean \
         default false;\n"
    );
    assert_eq!(ask(Guard::Version, Delete::Hard, None, &roles).await?, "");
    fixture.psql(&missing)?;
    assert_eq!(ask(Guard::Version, Delete::Soft, None, &roles).await?, "");
    Ok(())
}
