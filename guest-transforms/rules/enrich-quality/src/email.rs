//! The form of an e-mail address.

/// Longest part before the `@`, and longest label of a domain, in bytes: what mail servers and DNS
/// take.
const LOCAL_MAX_BYTES: usize = 64;
const LABEL_MAX_BYTES: usize = 63;

/// Whether mail could be sent to it over the internet, as far as its form tells. Stricter than RFC
/// 5321 in two points, where an address is far likelier a mistake: no quoted local part, and a
/// domain has a dot and is a name. Letters of any script count (RFC 6531).
pub(crate) fn is_well_formed(email: &str) -> bool {
    email
        .rsplit_once('@')
        .is_some_and(|(local, domain)| is_local(local) && is_domain(domain))
}

fn is_local(local: &str) -> bool {
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atom_char);
    local.len() <= LOCAL_MAX_BYTES && local.split('.').all(is_atom)
}

fn is_atom_char(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_domain(domain: &str) -> bool {
    domain.contains('.') && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_people_have() {
        for email in [
            "daniel.kim@contoso.com",
            "a@b.co",
            "first+tag@sub.domain.example",
            "o'brien@example.ie",
            "x@xn--bcher-kva.example",
            "jörg@bücher.example",
        ] {
            assert!(is_well_formed(email), "{email}");
        }
    }

    #[test]
    fn addresses_that_nobody_has() {
        let long = format!("{}@b.com", "a".repeat(65));
        for email in [
            "",
            "nobody",
            "@b.com",
            "a@",
            "a@b",
            "a@@b.com",
            "a b@c.com",
            "a@b..com",
            ".a@b.com",
            "a.@b.com",
            "a@-b.com",
            "a@b-.com",
            "a@b.com.",
            "a@b.com\n",
            "a@b_c.com",
            "a@[127.0.0.1]",
            "\"a\"@b.com",
            &long,
        ] {
            assert!(!is_well_formed(email), "{email}");
        }
    }
}
