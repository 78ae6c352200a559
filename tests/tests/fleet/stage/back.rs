//! Going back, by hand and by itself, and what is kept of each change.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::refusal;
use gristmill_tests::rules::{SHIPPED, corporate};
use serde_json::json;

#[test]
fn going_back_twice_ends_two_rules_before_and_no_change_is_forgotten() -> Result<()> {
    let job = Job::new("back")?;
    let _run = job.run()?;
    job.users_in_two_batches(0..8, "good.example")?;
    let mut users = 8;
    let mut then = |revision: i64, rule: &str| -> Result<()> {
        ensure!(job.active()? == revision, "{}", job.explain());
        ensure!(self::rule(&job)? == rule, "{} runs", self::rule(&job)?);
        job.users_in_two_batches(users..users + 8, "good.example")?;
        users += 8;
        Ok(())
    };
    let (b, c) = (r#"["b.example"]"#, r#"["c.example"]"#);
    let shipped = SHIPPED.split_once(" = ").context("a line of TOML")?.1;
    then(1, shipped)?;
    swap(&job, "b.example")?;
    then(2, b)?;
    swap(&job, "c.example")?;
    then(3, c)?;
    job.roll_back()?;
    then(4, b)?;
    job.roll_back()?;
    then(5, shipped)?;
    let nothing = refusal(job.roll_back())?;
    ensure!(
        nothing.contains("there is nothing to go back to"),
        "{nothing}"
    );

    // By hand to what ran before is a change like any other.
    for (revision, domain) in [(6, "b.example"), (7, "c.example"), (8, "b.example")] {
        swap(&job, domain)?;
        then(revision, &format!("[\"{domain}\"]"))?;
    }
    job.roll_back()?;
    then(9, c)?;
    let same = swap(&job, "c.example")?;
    ensure!(
        same.contains("nothing to change: this is what revision 9, the active one, runs"),
        "{same}"
    );
    ensure!(job.active()? == 9);

    let kept = job.psql(
        "select revision, based_on, restores, state, reason
        from gristmill.revision order by revision",
    )?;
    let kept: Vec<&str> = kept.lines().collect();
    let swapped = "swap enrich-email builtin:enrich-email";
    let expected = [
        "1|||retired|".to_owned(),
        format!("2|1||retired|{swapped}"),
        format!("3|2||retired|{swapped}"),
        "4|3|2|retired|rollback enrich-email to what it was in revision 2".to_owned(),
        "5|4|1|retired|rollback enrich-email to what it was in revision 1".to_owned(),
        format!("6|5||retired|{swapped}"),
        format!("7|6||retired|{swapped}"),
        format!("8|7||retired|{swapped}"),
        "9|8|7|active|rollback enrich-email to what it was in revision 7".to_owned(),
    ];
    ensure!(kept == expected, "{kept:#?}");
    for partition in [0, 1] {
        let ran = activations(&job, "revision", partition)?;
        ensure!(
            ran == "1\n2\n3\n4\n5\n6\n7\n8\n9",
            "{ran}\n{}",
            job.explain()
        );
    }
    let history = job.transform("history", &[])?;
    for line in &expected[1..] {
        let why = line.rsplit('|').next().unwrap_or_default();
        ensure!(history.contains(why), "no {why} in\n{history}");
    }
    Ok(())
}

#[test]
fn history_names_who_went_back_gristmill_itself_or_a_person() -> Result<()> {
    let job = Job::new("who")?;
    let _run = job.run()?;
    job.users_in_two_batches(0..8, "good.example")?;
    job.swap_flawed(&json!({"panics_on": ["bad.example"]}), &[])?;
    job.users_in_two_batches(8..16, "good.example")?;
    job.users(0, 16..17, "bad.example")?;
    job.wait_until_active(1)?;
    job.users_in_two_batches(20..28, "good.example")?;
    let who = job.psql("select by from gristmill.revision order by revision")?;
    let (host, person) = who.split_once('\n').context("two revisions")?;
    for partition in [0, 1] {
        let by = activations(&job, "revision, by", partition)?;
        let expected = format!("1|{host}\n2|{person}\n1|gristmill (automatic)");
        ensure!(by == expected, "{by}\n{}", job.explain());
    }
    let history = job.transform("history", &[])?;
    ensure!(
        history.contains("rolled back by itself") && history.contains("gristmill (automatic)"),
        "{history}"
    );

    // A canary that a person gives up.
    let canary = ["--canary", "0"];
    job.swap("builtin:enrich-email", &corporate("good.example"), &canary)?;
    job.users_in_two_batches(28..36, "good.example")?;
    job.roll_back()?;
    job.users_in_two_batches(36..44, "good.example")?;
    let by = activations(&job, "revision, by", 0)?;
    let expected = format!("gristmill (automatic)\n3|{person}\n1|{person}");
    ensure!(by.ends_with(&expected), "{by}\n{}", job.explain());
    Ok(())
}

fn swap(job: &Job, domain: &str) -> Result<String> {
    job.swap("builtin:enrich-email", &corporate(domain), &[])
}

/// The domains that the active revision's `enrich-email` knows.
fn rule(job: &Job) -> Result<String> {
    job.psql(
        "select t -> 'config' -> 'corporate_domains'
        from gristmill.pipeline p
            join gristmill.revision r on r.revision = p.active_revision,
            jsonb_array_elements(r.spec -> 'transforms') t
        where t ->> 'name' = 'enrich-email'",
    )
}

/// What a partition ran, a line each in the order of the offsets.
fn activations(job: &Job, columns: &str, partition: i32) -> Result<String> {
    job.psql(&format!(
        "select {columns} from gristmill.activation
        where partition = {partition} order by from_offset"
    ))
}
