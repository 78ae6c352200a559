//! Rules that fail where the ones before them do not.

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use serde_json::json;

use super::{active, back_to_first, say, started, swap, whole};

#[test]
fn a_rule_that_panics_is_taken_back_and_no_row_is_lost() -> Result<()> {
    let job = Job::new("fallback_panic")?;
    let _run = started(&job)?;
    swap(&job, &json!({ "panics_on": ["bad.example"] }), &[])?;
    say(&job, 0, 10..20, "good.example")?;
    ensure!(active(&job)? == "2", "{}", job.explain());
    say(&job, 0, 20..21, "bad.example")?;
    say(&job, 1, 21..30, "good.example")?;
    back_to_first(&job, "a domain to panic on")?;
    whole(&job, 30)?;
    // The other partition went back too, with its next records.
    say(&job, 1, 30..40, "bad.example")?;
    whole(&job, 40)
}

#[test]
fn a_rule_whose_rows_postgres_refuses_is_taken_back() -> Result<()> {
    let job = Job::new("fallback_refused")?;
    job.psql("alter table users_enriched add check (email_domain <> 'spoilt.example')")?;
    let _run = started(&job)?;
    swap(&job, &json!({ "spoils": ["bad.example"] }), &[])?;
    say(&job, 0, 10..30, "bad.example")?;
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
        swap(&job, &json!({ flaw: [domain] }), &[])?;
        say(&job, 0, ids - 10..ids, "good.example")?;
        ensure!(active(&job)? == (kind + 1).to_string(), "{}", job.explain());
        say(&job, 0, ids..ids + 9, "good.example")?;
        say(&job, 0, ids + 9..ids + 10, &domain)?;
        back_to_first(&job, why)?;
        whole(&job, i64::from(ids) + 10)?;
    }
    Ok(())
}

#[test]
fn a_rule_that_fails_on_more_rows_than_data_can_is_taken_back() -> Result<()> {
    let job = Job::new("fallback_all")?;
    let _run = started(&job)?;
    swap(&job, &json!({ "panics_on": ["bad.example"] }), &[])?;
    say(&job, 0, 10..1_000, "bad.example")?;
    back_to_first(&job, "failed on more than")?;
    whole(&job, 1_000)
}
