//! What is wrong with a pipeline, told before it runs.

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::program::{refusal, text};

#[test]
fn check_says_everything_that_is_wrong_and_nothing_else() -> Result<()> {
    let job = Job::new("check")?;
    job.gristmill(&["check", "users.toml"])?;

    job.psql("alter table users_enriched drop column email")?;
    job.kafka.delete_topic(&job.dead_letter_topic)?;
    let output = complaint(&job)?;
    assert!(
        output.contains("email") && output.contains(&job.dead_letter_topic),
        "{output}"
    );

    job.edit_pipeline(|text| text.replacen("on_gap =", "on_gpa =", 1))?;
    let output = complaint(&job)?;
    assert!(
        output.contains("on_gpa") && output.contains("on_gap") && output.contains("users.toml:"),
        "{output}"
    );
    Ok(())
}

#[test]
fn check_and_run_name_a_missing_table_and_a_missing_permission() -> Result<()> {
    let job = Job::new("permission")?;
    job.psql("drop table users_enriched")?;
    let output = complaint(&job)?;
    assert!(
        output.contains("users_enriched") && output.contains("schema apply"),
        "{output}"
    );

    job.gristmill(&["schema", "apply", "users.toml"])?;
    job.psql(
        "create role reader login;
        grant usage on schema gristmill to reader;
        grant select on all tables in schema gristmill, public to reader",
    )?;
    let as_reader = job
        .postgres
        .database_url(&job.database)
        .replace("app@", "reader@");
    job.edit_pipeline(|text| {
        text.replace(
            "${DATABASE_URL:-postgres://app@localhost/appdb}",
            &as_reader,
        )
    })?;
    let output = complaint(&job)?;
    assert!(
        output.contains("users_enriched") && output.contains("grant insert"),
        "{output}"
    );
    job.psql("drop owned by reader")?;
    Postgres::shared()?.psql("postgres", "drop role reader")?;
    Ok(())
}

#[test]
fn a_table_that_does_not_fit_is_told_by_who_was_to_make_it() -> Result<()> {
    let job = Job::new("unfit")?;
    job.psql("alter table users_enriched drop column email_domain")?;
    let told = refusal(job.gristmill(&["schema", "apply", "users.toml"]))?;
    assert!(told.contains("do not fit the pipeline"), "{told}");
    assert!(told.contains("email_domain"), "{told}");
    Ok(())
}

/// What `gristmill check` says of a pipeline that cannot run.
fn complaint(job: &Job) -> Result<String> {
    let output = job.command(&["check", "users.toml"])?.output()?;
    let complaint = text(&output.stderr);
    assert!(
        !output.status.success(),
        "it found nothing wrong: {complaint}"
    );
    Ok(complaint)
}
