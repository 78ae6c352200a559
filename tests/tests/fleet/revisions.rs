//! Each row is what the revision makes of it that the activation rows name for its record.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::table;
use serde_json::Value;

/// The first offset and the revision of each activation of a partition, in order.
type Activations = Vec<(i64, i32)>;

/// An error unless the table is what the oracle says, with the domains of `enrich-email` that the
/// revision had which ran at each row's record.
pub(crate) fn check(job: &Job) -> Result<()> {
    let mut expected = job.expected()?;
    let (ran, domains) = (activations(job)?, domains(job)?);
    for user in expected.users.values_mut() {
        let (_, revision) = ran[&user.partition]
            .iter()
            .rfind(|(from, _)| *from <= user.offset)
            .context("no revision")?;
        let domain = user.email_domain.as_ref().map(|d| d.to_lowercase());
        let corporate = domains[revision].as_array().context("domains")?;
        user.is_corporate = domain.is_some_and(|d| corporate.contains(&Value::from(d)));
    }
    table::compare(job.postgres, &job.database, &expected).with_context(|| job.explain())?;
    let wrong = job.number(
        "select count(*) from users_enriched u
        where u._gm_revision is distinct from (
            select a.revision from gristmill.activation a
            where a.partition = gristmill.partition_of(u._gm_version)
                and a.from_offset <= gristmill.offset_of(u._gm_version)
            order by a.from_offset desc limit 1
        )",
    )?;
    ensure!(
        wrong == 0,
        "{wrong} rows name another revision than the activation rows\n{}",
        job.explain()
    );
    Ok(())
}

fn activations(job: &Job) -> Result<BTreeMap<i32, Activations>> {
    let mut ran: BTreeMap<i32, Activations> = BTreeMap::new();
    let activations = job.psql(
        "select json_build_array(partition, from_offset, revision)
        from gristmill.activation order by from_offset",
    )?;
    for line in activations.lines() {
        let (partition, from, revision): (i32, i64, i32) = serde_json::from_str(line)?;
        ran.entry(partition).or_default().push((from, revision));
    }
    Ok(ran)
}

/// The domains that count as companies' in each revision.
fn domains(job: &Job) -> Result<BTreeMap<i32, Value>> {
    let domains = job.psql(
        "select json_build_array(r.revision, t -> 'config' -> 'corporate_domains')
        from gristmill.revision r, jsonb_array_elements(r.spec -> 'transforms') t
        where t ->> 'name' = 'enrich-email'",
    )?;
    let domains = domains.lines().map(serde_json::from_str::<(i32, Value)>);
    Ok(domains.collect::<Result<_, _>>()?)
}
