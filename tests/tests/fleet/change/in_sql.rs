//! Rules in SQL in the place of those that ship.

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::repository;
use gristmill_tests::rules::{SHIPPED, SHIPPED_IN_SQL};
use gristmill_tests::seed::seed;

#[test]
fn a_rule_in_sql_takes_the_place_of_a_shipped_one_under_load_and_gives_it_back() -> Result<()> {
    let seed = seed("in_sql");
    let job = Job::new("in_sql")?;
    job.flush_after(200)?;
    let _run = job.run()?;
    job.generate(1_000, 5_000, seed)?;
    job.wait_until_caught_up()?;
    let report = job.under_load(400, seed as u32, || {
        let compared = job.swap("builtin:sql", SHIPPED_IN_SQL, &["--shadow", "500"])?;
        job.transform("promote", &[])?;
        job.wait_until_active(2)?;
        job.swap("builtin:enrich-email", SHIPPED, &[])?;
        job.swap("builtin:sql", SHIPPED_IN_SQL, &[])?;
        Ok(compared)
    })?;
    let differ = report
        .lines()
        .find_map(|line| line.strip_suffix("of them differ"));
    ensure!(differ.is_some_and(|count| count.trim() == "0"), "{report}");
    job.generate(1_000, 5_000, seed + 1)?;
    job.wait_until_caught_up()?;
    let ran = "select count(distinct _gm_revision) from users_enriched";
    ensure!(job.number(ran)? >= 2, "{}", job.explain());
    job.check()
}

#[test]
fn the_users_pipeline_in_sql_gives_the_table_of_the_shipped_rules() -> Result<()> {
    let seed = seed("users_in_sql");
    let [shipped, in_sql] = [Job::new("users_shipped")?, Job::new("users_in_sql")?];
    let text = std::fs::read_to_string(repository().join("pipelines/users-sql.toml"))?;
    in_sql.edit_pipeline(|_| {
        text.replace("users_cdc", &in_sql.topic)
            .replace("name = \"users-sql\"", "name = \"users_in_sql\"")
    })?;
    in_sql.gristmill(&["check", "users.toml"])?;
    let mut tables = Vec::new();
    for job in [&shipped, &in_sql] {
        job.generate(30_000, 3_000, seed)?;
        let _run = job.run()?;
        job.wait_until_caught_up()?;
        // What a deleted row holds is what it held, and so which events came in one batch.
        let table = job.psql(
            "select user_id, is_deleted, updated_at, case when not is_deleted then
                (name, email, email_domain, country_code, country_name, is_corporate)::text end
            from users_enriched order by user_id",
        )?;
        let letters = "select partition, \"offset\" from gristmill.dead_letter order by 1, 2";
        tables.push((table, job.psql(letters)?));
    }
    shipped.check()?;
    let lines = |of: &(String, String)| -> Vec<String> {
        of.0.lines()
            .chain(of.1.lines())
            .map(str::to_owned)
            .collect()
    };
    let [shipped, in_sql] = [lines(&tables[0]), lines(&tables[1])];
    ensure!(shipped.len() > 1_000, "{} lines are no test", shipped.len());
    let differing = shipped
        .iter()
        .zip(&in_sql)
        .find(|(left, right)| left != right);
    ensure!(
        differing.is_none() && shipped.len() == in_sql.len(),
        "{} lines and {}: {differing:?}",
        shipped.len(),
        in_sql.len()
    );
    Ok(())
}
