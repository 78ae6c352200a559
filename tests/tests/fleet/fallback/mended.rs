//! A partition that its rule halted.

use anyhow::{Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::rules::SHIPPED;

#[test]
fn a_partition_that_its_rule_halted_goes_on_when_a_mended_one_is_swapped_in() -> Result<()> {
    let job = Job::new("mended")?;
    let flawed = guests::build("flawed")?;
    job.edit_pipeline(|text| {
        text.replace("builtin:enrich-email", &flawed)
            .replace(SHIPPED, r#"panics_on = ["good.example"]"#)
    })?;
    let _run = job.run()?;
    job.users_on_both(0..100, "good.example")?;
    job.wait_until_halted(2)?;
    ensure!(job.rows()? == 0);
    job.swap("builtin:enrich-email", "{}", &[])?;
    job.wait_until_caught_up()?;
    ensure!(job.rows()? == 100);
    ensure!(job.halted()? == 0, "{}", job.explain());
    Ok(())
}
