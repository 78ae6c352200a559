//! Whether each e-mail address is of a service for disposable ones.

use gristmill_guest::{Reject, RowTransform};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform! {
    EnrichDisposableEmail
    reads Input<'a> {
        email: Option<&'a str>,
    }
    writes Output {
        is_disposable_email: bool,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EnrichDisposableEmail {
    /// Domains of such services, instead of the well-known ones. Sub-domains count; compared
    /// without regard to case.
    #[schemars(inner(length(min = 1)))]
    domains: Vec<String>,
    /// Domains beside those of `domains`.
    #[schemars(inner(length(min = 1)))]
    more_domains: Vec<String>,
}

/// Services that have been about for years, with their other domains. A whole list has thousands,
/// changes by the week, and belongs into the config.
const WELL_KNOWN: [&str; 32] = [
    "10minutemail.com",
    "burnermail.io",
    "discard.email",
    "dispostable.com",
    "emailondeck.com",
    "fakeinbox.com",
    "getairmail.com",
    "getnada.com",
    "grr.la",
    "guerrillamail.com",
    "guerrillamail.net",
    "guerrillamail.org",
    "guerrillamailblock.com",
    "inboxkitten.com",
    "mailcatch.com",
    "maildrop.cc",
    "mailinator.com",
    "mailinator.net",
    "mailnesia.com",
    "mintemail.com",
    "mohmal.com",
    "mytemp.email",
    "sharklasers.com",
    "spam4.me",
    "spamgourmet.com",
    "temp-mail.org",
    "tempail.com",
    "tempmail.com",
    "throwawaymail.com",
    "trash-mail.com",
    "trashmail.com",
    "yopmail.com",
];

impl Default for EnrichDisposableEmail {
    fn default() -> Self {
        Self {
            domains: WELL_KNOWN.map(String::from).into(),
            more_domains: Vec::new(),
        }
    }
}

impl RowTransform for EnrichDisposableEmail {
    /// One sorted list of lower-case domains, so that a lookup is a binary search.
    fn open(mut self) -> Result<Self, String> {
        self.domains.append(&mut self.more_domains);
        self.domains
            .iter_mut()
            .for_each(|domain| domain.make_ascii_lowercase());
        self.domains.sort_unstable();
        Ok(self)
    }

    fn row(&self, Input { email }: Input) -> Result<Output, Reject> {
        let domain = email.and_then(|email| Some(email.rsplit_once('@')?.1));
        Ok(Output {
            is_disposable_email: domain.is_some_and(|domain| self.is_disposable(domain)),
        })
    }
}

impl EnrichDisposableEmail {
    /// Whether `domain`, or a domain that it is below, is in the list.
    fn is_disposable(&self, domain: &str) -> bool {
        let parents = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]);
        std::iter::once(domain).chain(parents).any(|domain| {
            let lower_case = || domain.bytes().map(|byte| byte.to_ascii_lowercase());
            self.domains
                .binary_search_by(|known| known.bytes().cmp(lower_case()))
                .is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use gristmill_guest::testing::config_schema;
    use serde_json::{Value, json};

    use super::*;

    fn is_disposable(config: Value, email: &str) -> bool {
        let rule: EnrichDisposableEmail = serde_json::from_value(config).unwrap();
        let rule = RowTransform::open(rule).unwrap();
        let answer = rule.row(Input { email: Some(email) });
        answer.unwrap().is_disposable_email
    }

    #[test]
    fn each_well_known_domain_and_those_below_it_count() {
        for domain in WELL_KNOWN {
            assert!(is_disposable(json!({}), &format!("a@{domain}")), "{domain}");
            assert!(
                is_disposable(json!({}), &format!("a@x.Y.{domain}")),
                "{domain}"
            );
            assert!(
                !is_disposable(json!({}), &format!("a@not{domain}")),
                "{domain}"
            );
        }
    }

    #[test]
    fn the_config_adds_and_replaces() {
        let more = || json!({ "more_domains": ["Zzz.example"] });
        assert!(is_disposable(more(), "a@zzz.EXAMPLE"));
        assert!(is_disposable(more(), "a@yopmail.com"));
        let instead = || json!({ "domains": ["zzz.example"] });
        assert!(is_disposable(instead(), "a@zzz.example"));
        assert!(!is_disposable(instead(), "a@yopmail.com"));
    }

    #[test]
    fn the_schema_shows_the_list() {
        let schema = config_schema::<EnrichDisposableEmail>();
        assert_eq!(
            schema["properties"]["domains"]["default"],
            json!(WELL_KNOWN)
        );
        assert_eq!(schema["properties"]["more_domains"]["default"], json!([]));
    }
}
