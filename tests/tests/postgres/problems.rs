//! Each problem of a table that `gristmill check` can name, word by word.

use anyhow::Result;
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::plan::Roles;
use gristmill_postgres::table::schema::{self, WantedTable};
use insta::assert_snapshot;

use crate::fixture::{Fixture, WITH_PROVENANCE, fields, roles};

/// What is done to a table that fits.
const CHANGES: [&str; 11] = [
    "alter table people drop column name",
    "alter table people alter column name type int using 1",
    "alter table people drop constraint people_pkey",
    "alter table people add column city text not null",
    "alter table people drop column name, add column name text generated always as ('x') stored",
    "alter table people alter column _gm_offset type text",
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
                "drop table if exists people; {WITH_PROVENANCE}; delete from gristmill.migration; \
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
    };
    let problems = schema::problems(&*fixture.connect().await?, &wanted).await?;
    let lines: Vec<String> = problems.iter().map(|p| format!("    {p}")).collect();
    Ok(lines.join("\n"))
}
