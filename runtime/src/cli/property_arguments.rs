//! `-X`, as kcat has it: properties of librdkafka.

use std::collections::BTreeMap;

/// Properties for a command that talks to Kafka.
#[derive(clap::Args)]
pub(super) struct PropertyArguments {
    /// A property of librdkafka, for example security.protocol=ssl; once for each. Other users of
    /// this machine can see it: keep a password in a pipeline's file
    #[arg(
        short = 'X',
        long = "property",
        value_name = "KEY=VALUE",
        value_parser = key_and_value
    )]
    properties: Vec<(String, String)>,
}

impl PropertyArguments {
    /// The last value of a key wins.
    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        self.properties.iter().cloned().collect()
    }
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_what_separates_it() {
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(key_and_value("a.b=c=d"), pair("a.b", "c=d"));
        assert_eq!(key_and_value("a="), pair("a", ""));
        assert!(key_and_value("a").is_err() && key_and_value("=b").is_err());
    }
}
