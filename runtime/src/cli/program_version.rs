//! What `gristmill --version` says: what somebody who helps has to know.

use std::sync::LazyLock;

use gristmill_kafka::client::librdkafka_version;
use gristmill_postgres::table::schema;

/// The version, the commit, and the versions of what decides behaviour.
pub(super) static LONG: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\ncommit      {}\nschema      {}\nwasmtime    {}\nlibrdkafka  {}",
        env!("CARGO_PKG_VERSION"),
        env!("GRISTMILL_COMMIT"),
        schema::VERSION,
        env!("WASMTIME_VERSION"),
        librdkafka_version(),
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_told() {
        let lines: Vec<&str> = LONG.lines().collect();
        assert_eq!(lines.len(), 5);
        for line in &lines[1..] {
            let told = line.split_whitespace().nth(1).unwrap_or_default();
            assert!(!told.is_empty(), "{line}");
        }
        assert!(
            lines[3].ends_with(|c: char| c.is_ascii_digit()),
            "{}",
            lines[3]
        );
    }
}
