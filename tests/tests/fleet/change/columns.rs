//! A column that a change gives up.

use anyhow::{Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::program::refusal;

#[test]
fn a_column_is_given_up_only_by_name_and_keeps_its_values() -> Result<()> {
    let job = Job::new("retired")?;
    let _run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    let empty = guests::build("empty")?;
    let config = r#"{"reads": []}"#;
    let refused = refusal(job.swap(&empty, config, &[]))?;
    ensure!(
        refused.contains("--retire email_domain --retire is_corporate"),
        "{refused}"
    );
    ensure!(job.active()? == 1);
    let named = ["--retire", "email_domain", "--retire", "is_corporate"];
    let printed = job.swap(&empty, config, &named)?;
    ensure!(
        printed.contains("no longer written: email_domain, is_corporate"),
        "{printed}"
    );
    job.users_in_two_batches(10..30, "good.example")?;
    let domains = job.psql(
        "select count(email_domain) filter (where user_id < 10),
            count(email_domain) filter (where user_id >= 20)
        from users_enriched",
    )?;
    ensure!(domains == "10|0", "{domains}\n{}", job.explain());
    // Back again, the columns are written again.
    job.roll_back()?;
    job.users_in_two_batches(30..50, "good.example")?;
    let written = "select count(email_domain) from users_enriched where user_id >= 40";
    let written = job.number(written)?;
    ensure!(written == 10, "{written}\n{}", job.explain());
    Ok(())
}
