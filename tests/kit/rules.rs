//! Changing a rule of a job that runs, and users for it to be seen on.

use std::ops::Range;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::guests;
use crate::job::Job;
use crate::topic::{self, Message};

/// The config of `enrich-email` in the shipped pipeline file.
pub const SHIPPED: &str = r#"corporate_domains = ["contoso.com", "autodesk.com", "company.com"]"#;

/// A config of `builtin:sql` by which it writes what `enrich-email` writes with [`SHIPPED`].
pub const SHIPPED_IN_SQL: &str = r#"
reads = { email = "text" }
[writes]
email_domain = "case when email like '%@%' then nullif(split_part(email, '@', -1), '') end"
is_corporate = """
coalesce(lower(email_domain) in ('contoso.com', 'autodesk.com', 'company.com'), false)"""
"#;

/// A config of `normalize-cdc`, in TOML, that reads the operation from another field than the
/// shipped one: `kind`.
pub const OPERATION_IN_KIND: &str = r#"op = "value.kind"
key = ["user_id"]
columns = { user_id = "int64", name = "text", email = "text", country_code = "text" }
"#;

/// Kafka's time of each event that [`Job::users`] writes.
pub const USERS_AT_MS: i64 = 1_726_531_200_000;

/// A config of `enrich-email`, in JSON: the one domain that counts as a company's.
pub fn corporate(domain: &str) -> String {
    json!({ "corporate_domains": [domain] }).to_string()
}

/// A file with a rule's config, in TOML or JSON, as its text has it.
pub fn config_file(config: &str) -> Result<NamedTempFile> {
    let is_json = config.trim_start().starts_with('{');
    let suffix = if is_json { ".json" } else { ".toml" };
    let file = tempfile::Builder::new().suffix(suffix).tempfile()?;
    std::fs::write(file.path(), config)?;
    Ok(file)
}

impl Job<'_> {
    /// `gristmill transform VERB ARGUMENTS` for the job's pipeline, with what it printed.
    pub fn transform(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        let file = ["transform", verb, "users.toml"];
        self.gristmill(&[&file, arguments].concat())
            .with_context(|| self.explain())
    }

    /// Puts `component` (a file, or `builtin:NAME`) with `config`, a text in TOML or JSON, in the
    /// place of the rule called `name`.
    pub fn swap_rule(
        &self,
        name: &str,
        component: &str,
        config: &str,
        flags: &[&str],
    ) -> Result<String> {
        let file = config_file(config)?;
        let file = file.path().to_str().context("a path")?;
        let swap = [name, component, "--config", file];
        self.transform("swap", &[&swap, flags].concat())
    }

    /// Puts `component` with `config` in the place of `enrich-email`.
    pub fn swap(&self, component: &str, config: &str, flags: &[&str]) -> Result<String> {
        self.swap_rule("enrich-email", component, config, flags)
    }

    /// Puts the flawed guest with `config` in the place of `enrich-email`.
    pub fn swap_flawed(&self, config: &Value, flags: &[&str]) -> Result<String> {
        self.swap(&guests::build("flawed")?, &config.to_string(), flags)
    }

    /// Takes the last change of `enrich-email` back.
    pub fn roll_back(&self) -> Result<String> {
        self.transform("rollback", &["enrich-email"])
    }

    /// Adds the impure guest, with this config in TOML, behind the shipped rules of the pipeline
    /// file, and columns for it: `n`, which it reads, and `m`, which it writes. The path of its
    /// component.
    pub fn add_impure(&self, config: &str) -> Result<String> {
        self.psql("alter table users_enriched add n bigint, add m bigint")?;
        let module = guests::build("impure")?;
        let rule = format!(
            "[[transform]]\nname = \"impure\"\ncomponent = \"{module}\"\nconfig = {config}\n\n"
        );
        let columns = "country_code = \"text\" }";
        let with_n = "country_code = \"text\", n = \"int64\" }";
        self.edit_pipeline(|text| {
            text.replacen(columns, with_n, 1)
                .replacen("[target]", &(rule + "[target]"), 1)
        })?;
        Ok(module)
    }

    /// Writes users with addresses in `domain` to one partition.
    pub fn users(&self, partition: i32, ids: Range<i32>, domain: &str) -> Result<()> {
        let event = |id: i32| {
            json!({
                "op": "c", "timestamp_ms": USERS_AT_MS,
                "after": { "user_id": id, "name": "Ann", "email": format!("ann.{id}@{domain}") },
            })
        };
        let messages: Vec<_> = ids
            .map(|id| Message::new(partition, event(id).to_string()))
            .collect();
        topic::write(&self.kafka.bootstrap(), &self.topic, &messages)
    }

    /// Writes users to one partition, and waits until they are done.
    pub fn users_done(&self, partition: i32, ids: Range<i32>, domain: &str) -> Result<()> {
        self.users(partition, ids, domain)?;
        self.wait_until_caught_up()
    }

    /// Writes users, the first half to partition 0 and the second to partition 1.
    pub fn users_on_both(&self, ids: Range<i32>, domain: &str) -> Result<()> {
        let half = ids.start + ids.len() as i32 / 2;
        self.users(0, ids.start..half, domain)?;
        self.users(1, half..ids.end, domain)
    }

    /// Writes users to both partitions, and waits until they are done.
    pub fn users_on_both_done(&self, ids: Range<i32>, domain: &str) -> Result<()> {
        self.users_on_both(ids, domain)?;
        self.wait_until_caught_up()
    }

    /// Writes users to both partitions in two batches, and waits until they are done. A host may
    /// hear of a change with the first batch that follows; by the second it has. So the second half
    /// of `ids` is what the change makes of it.
    pub fn users_in_two_batches(&self, ids: Range<i32>, domain: &str) -> Result<()> {
        let half = ids.start + ids.len() as i32 / 2;
        for ids in [ids.start..half, half..ids.end] {
            self.users_on_both_done(ids, domain)?;
        }
        Ok(())
    }
}
