//! The domain of each e-mail address, and whether it is a company's.

use gristmill_guest::{Reject, RowTransform};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform! {
    EnrichEmail
    reads Input<'a> {
        email: Option<&'a str>,
    }
    writes Output<'a> {
        email_domain: Option<&'a str>,
        is_corporate: bool,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EnrichEmail {
    /// Domains whose addresses belong to a company. Compared without regard to case.
    #[schemars(inner(length(min = 1)))]
    corporate_domains: Vec<String>,
}

impl Default for EnrichEmail {
    /// The companies of `data/corporate_domains.txt`.
    fn default() -> Self {
        let domains = ["contoso.com", "autodesk.com", "company.com"];
        Self {
            corporate_domains: domains.map(String::from).into(),
        }
    }
}

impl RowTransform for EnrichEmail {
    fn row<'a>(&'a self, Input { email }: Input<'a>) -> Result<Output<'a>, Reject> {
        let email_domain = email.and_then(domain_of);
        Ok(Output {
            email_domain,
            is_corporate: email_domain.is_some_and(|domain| self.is_corporate(domain)),
        })
    }
}

impl EnrichEmail {
    /// Domains compare without regard to (ASCII) case.
    fn is_corporate(&self, domain: &str) -> bool {
        self.corporate_domains
            .iter()
            .any(|known| known.eq_ignore_ascii_case(domain))
    }
}

/// What follows the last `@`, as written. The part before it may hold an `@` of its own, in quotes;
/// a domain cannot.
fn domain_of(email: &str) -> Option<&str> {
    let (_, domain) = email.rsplit_once('@')?;
    (!domain.is_empty()).then_some(domain)
}

#[cfg(test)]
mod tests {
    use gristmill_guest::testing::{config_schema, run};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_domain_is_kept_as_written_and_compared_without_regard_to_case() {
        let rule = EnrichEmail::default();
        let answer = |email| rule.row(Input { email }).unwrap();
        for (email, email_domain, is_corporate) in [
            (Some("a@CONTOSO.com"), Some("CONTOSO.com"), true),
            (Some("b@gmail.com"), Some("gmail.com"), false),
            (Some("nobody"), None, false),
            (None, None, false),
        ] {
            let expected = Output {
                email_domain,
                is_corporate,
            };
            assert_eq!(answer(email), expected, "{email:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let error = run::<EnrichEmail>(&json!({ "corporate": [] }), &json!([])).unwrap_err();
        assert!(error.contains("unknown field `corporate`"), "{error}");
    }

    #[test]
    fn the_schema_comes_from_the_type() {
        let expected = json!({
            "description": "Domains whose addresses belong to a company. Compared without regard \
                            to case.",
            "type": "array",
            "items": { "type": "string", "minLength": 1 },
            "default": ["contoso.com", "autodesk.com", "company.com"],
        });
        let schema = config_schema::<EnrichEmail>();
        assert_eq!(schema["properties"]["corporate_domains"], expected);
        assert_eq!(schema["additionalProperties"], json!(false));
    }
}
