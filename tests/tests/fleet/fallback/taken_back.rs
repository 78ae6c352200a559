//! Rules that fail where the ones before them do not.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use serde_json::json;

use super::whole;
use crate::started;

#[test]
fn a_rule_that_panics_is_taken_back_and_no_row_is_lost() -> Result<()> {
    let job = Job::new("fallback_panic")?;
    let _run = started(&job)?;
    job.swap_flawed(&json!({ "panics_on": ["bad.example"] }), &[])?;
    job.users_done(0, 10..20, "good.example")?;
    ensure!(job.active()? == 2, "{}", job.explain());
    job.users_done(0, 20..21, "bad.example")?;
    job.users_done(1, 21..30, "good.example")?;
    back_to_first(&job, "a domain to panic on")?;
    whole(&job, 30)?;
    // The other partition went back too, with its next records.
    job.users_done(1, 30..40, "bad.example")?;
    whole(&job, 40)
}

#[test]
fn a_rule_whose_rows_postgres_refuses_is_taken_back() -> Result<()> {
    let job = Job::new("fallback_refused")?;
    job.psql("alter table users_enriched add check (email_domain <> 'spoilt.example')")?;
    let _run = started(&job)?;
    job.swap_flawed(&json!({ "spoils": ["bad.example"] }), &[])?;
    job.users_done(0, 10..30, "bad.example")?;
    back_to_first(&job, "postgres refuses the row")?;
    whole(&job, 30)
}

#[test]
fn a_rule_that_runs_away_or_lies_is_taken_back() -> Result<()> {
    let job = Job::new("fallback_kinds")?;
    let _run = started(&job)?;
    let kinds = [
        ("loops_on", "needs a higher fuel_base"),
        ("hoards_on", "wanted more than memory_max_bytes"),
        ("lies_on", "broke its plan"),
    ];
    for (kind, (flaw, why)) in (1..).zip(kinds) {
        let (ids, domain) = (kind * 20, format!("{flaw}.example"));
        job.swap_flawed(&json!({ flaw: [domain] }), &[])?;
        job.users_done(0, ids - 10..ids, "good.example")?;
        ensure!(job.active()? == i64::from(kind) + 1, "{}", job.explain());
        job.users_done(0, ids..ids + 9, "good.example")?;
        job.users_done(0, ids + 9..ids + 10, &domain)?;
        back_to_first(&job, why)?;
        whole(&job, i64::from(ids) + 10)?;
    }
    Ok(())
}

#[test]
fn a_rule_that_fails_on_more_rows_than_data_can_is_taken_back() -> Result<()> {
    let job = Job::new("fallback_all")?;
    let _run = started(&job)?;
    job.swap_flawed(&json!({ "panics_on": ["bad.example"] }), &[])?;
    job.users_done(0, 10..1_000, "bad.example")?;
    back_to_first(&job, "failed on more than")?;
    whole(&job, 1_000)
}

/// Revision 1 is active again, which the newest says with its reason.
fn back_to_first(job: &Job, why: &str) -> Result<()> {
    job.wait_until_active(1)?;
    let others = job.states()?;
    let others = others.strip_prefix("active").context("revision 1")?;
    ensure!(others.split_whitespace().all(|s| s == "failed"), "{others}");
    let history = job.transform("history", &[])?;
    ensure!(
        history.contains("rolled back by itself") && history.contains(why),
        "{history}"
    );
    Ok(())
}
