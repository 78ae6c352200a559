//! The domain of each e-mail address, and whether it is a company's.

use gristmill_guest::{Batch, Bits, Column, Field, Output, Plan, Text, Transform};
use serde::Deserialize;

gristmill_guest::transform!(EnrichEmail);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    corporate_domains: Vec<String>,
}

impl Default for Config {
    /// The companies of `data/corporate_domains.txt`.
    fn default() -> Self {
        let domains = ["contoso.com", "autodesk.com", "company.com"];
        Self {
            corporate_domains: domains.map(String::from).into(),
        }
    }
}

struct EnrichEmail {
    corporate_domains: Vec<String>,
}

impl Transform for EnrichEmail {
    type Config = Config;
    const CONFIG_SCHEMA: &str = include_str!("../config.schema.json");

    fn open(config: Config) -> Result<Self, String> {
        Ok(Self {
            corporate_domains: config.corporate_domains,
        })
    }

    fn plan(&self) -> Plan {
        Plan::new()
            .read(Field::text("email"))
            .write(Field::text("email_domain"))
            .write(Field::boolean("is_corporate").not_null())
    }

    fn apply(&self, batch: &Batch) -> Output {
        let mut domains = Column::<Text>::with_capacity(batch.rows());
        let mut corporate = Column::<Bits>::with_capacity(batch.rows());
        for email in batch.text("email") {
            let domain = email.and_then(domain_of);
            domains.push(domain);
            corporate.push(Some(domain.is_some_and(|d| self.is_corporate(d))));
        }
        Output::new()
            .column("email_domain", domains)
            .column("is_corporate", corporate)
    }
}

/// What follows the last `@`, as written. The part before it may hold an `@` of its own, in quotes; a domain cannot.
fn domain_of(email: &str) -> Option<&str> {
    let (_, domain) = email.rsplit_once('@')?;
    (!domain.is_empty()).then_some(domain)
}

impl EnrichEmail {
    /// Domains compare without regard to (ASCII) case.
    fn is_corporate(&self, domain: &str) -> bool {
        self.corporate_domains
            .iter()
            .any(|known| known.eq_ignore_ascii_case(domain))
    }
}

#[cfg(test)]
mod tests {
    use gristmill_guest::testing::run;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_domain_is_kept_as_written_and_compared_without_regard_to_case() {
        let rows = json!([{ "email": "a@CONTOSO.com" }, { "email": "b@gmail.com" }, {}]);
        let answered = run::<EnrichEmail>(&json!({}), &rows).unwrap();
        let expected = json!([
            { "email_domain": "CONTOSO.com", "is_corporate": true },
            { "email_domain": "gmail.com", "is_corporate": false },
            { "email_domain": null, "is_corporate": false },
        ]);
        assert_eq!(json!(answered.rows), expected);
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let error = run::<EnrichEmail>(&json!({ "corporate": [] }), &json!([])).unwrap_err();
        assert!(error.contains("unknown field `corporate`"), "{error}");
    }
}
