//! What is wrong with a pipeline, told before it runs.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::{refusal, text};
use gristmill_tests::rules::{OPERATION_IN_KIND, SHIPPED, corporate};
use gristmill_tests::topic::Message;
use gristmill_tests::wait::SOON;

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
fn check_names_a_mistake_in_an_expression_with_its_place() -> Result<()> {
    let job = Job::new("check_expression")?;
    job.edit_pipeline(|text| {
        let config = "reads = { email = \"text\" }\n[transform.config.writes]\nemail_domain = \
                      \"email\"\nis_corporate = \"lowr(email) = 'a'\"";
        text.replace("builtin:enrich-email", "builtin:sql")
            .replace(SHIPPED, config)
    })?;
    let output = complaint(&job)?;
    let said = "writes.is_corporate, line 1, column 1: no function `lowr(text)` is here: did you \
                mean `lower`?";
    assert!(output.contains(said) && output.contains("^^^^"), "{output}");
    Ok(())
}

#[test]
fn check_names_a_missing_table() -> Result<()> {
    let job = Job::new("permission")?;
    job.psql("drop table users_enriched")?;
    let output = complaint(&job)?;
    assert!(
        output.contains("users_enriched") && output.contains("schema apply"),
        "{output}"
    );
    Ok(())
}

/// The job by a role that owns nothing, once it was granted what `check` prints.
fn as_granted(job: &Job, role: &str) -> Result<()> {
    job.psql(&format!("create role {role} login"))?;
    let url = job.postgres.database_url(&job.database);
    let as_role = url.replace("app@", &format!("{role}@"));
    let configured = "${DATABASE_URL:-postgres://app@localhost/appdb}";
    job.edit_pipeline(|text| text.replace(configured, &as_role))?;
    let output = complaint(job)?;
    let is_grant = |line: &&str| line.trim_start().starts_with("grant ");
    let grants: Vec<&str> = output.lines().filter(is_grant).collect();
    job.psql(&grants.join("\n"))?;
    let ready = job.gristmill(&["check", "users.toml"])?;
    ensure!(ready.contains("ready to run"), "{ready}");
    let memory = ready.lines().find(|line| line.starts_with("memory: "));
    let memory = memory.context("no bound on memory")?;
    ensure!(memory.contains(" in flight "), "{memory}");
    Ok(())
}

#[test]
fn a_role_with_what_check_asks_for_can_do_everything() -> Result<()> {
    let job = Job::new("granted")?;
    as_granted(&job, "granted_worker")?;
    let mut run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;

    // Other rules, compared with those that run, and made active.
    let swap = || {
        job.swap(
            "builtin:enrich-email",
            &corporate("good.example"),
            &["--shadow", "20"],
        )
    };
    let report = job.under_users(swap)?;
    ensure!(report.contains("rows compared"), "{report}");
    job.transform("promote", &[])?;
    job.roll_back()?;

    // A pause and its end; the order is written twice, and what is over is taken away.
    for order in ["pause", "resume", "pause", "resume"] {
        job.gristmill(&[order, "users.toml"])?;
    }
    job.gristmill(&["status", "users.toml"])?;

    // A letter, its relay and its replay.
    let unknown = r#"{"op":"x","kind":"c","after":{"user_id":999},"timestamp_ms":1726531200000}"#;
    job.produce_done(&[Message::new(0, unknown.to_owned())])?;
    job.wait_for("the relay", || {
        let relayed = "select count(*) from gristmill.dead_letter where state = 'relayed'";
        Ok(job.number(relayed)? == 1)
    })?;
    let normalizer = ("normalize-cdc", "builtin:normalize-cdc");
    job.swap_rule(normalizer.0, normalizer.1, OPERATION_IN_KIND, &[])?;
    let replayed = job.gristmill(&["dead-letters", "replay", "users.toml"])?;
    ensure!(replayed.contains("1 replayed"), "{replayed}");

    // Records that are gone, with leave to go on.
    run.signal("TERM")?;
    run.wait(SOON)?;
    let left = "select count(*) from gristmill.host where left_at is null";
    ensure!(job.number(left)? == 0, "a ghost is left");
    job.edit_pipeline(|text| text.replacen("on_gap = \"halt\"", "on_gap = \"continue\"", 1))?;
    job.kafka.delete_topic(&job.topic)?;
    job.kafka.create_topic(&job.topic, 2, &[])?;
    let _run = job.run()?;
    job.wait_for("the gap to be accepted", || {
        let gaps = "select count(*) from gristmill.gap where accepted_by is not null";
        Ok(job.number(gaps)? == 2)
    })?;
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
