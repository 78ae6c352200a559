//! By what a target's rows have versions.

use serde::{Deserialize, Serialize};

/// What decides first which of two events of a key is the newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionKind {
    /// The event time, then the order columns, then the place in the log.
    #[default]
    EventTime,
    /// The order columns, then the place in the log. The event time serves watermark, lateness,
    /// floor and future check only.
    OrderFirst,
    /// The place in the log: log and offset within a partition; between partitions the time that
    /// Kafka gave the record, then the partition.
    Offset,
}

/// What a normalizer's plan says of versions: its attributes `version` and `epoch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionRule {
    pub kind: VersionKind,
    /// Which life of the source's log it is: raised by a person when the order columns begin anew.
    pub epoch: u32,
}

impl VersionRule {
    /// Reads a plan's attributes; names that it does not know are for others. The error is a
    /// sentence about the plan.
    pub fn from_attributes(attributes: &[(String, String)]) -> Result<Self, String> {
        let value = |name: &str| {
            let named = attributes.iter().find(|(key, _)| key == name);
            named.map(|(_, value)| value.as_str())
        };
        let kind = match value("version") {
            None | Some("event-time") => VersionKind::EventTime,
            Some("order-first") => VersionKind::OrderFirst,
            Some("offset") => VersionKind::Offset,
            Some(other) => {
                return Err(format!(
                    "its attribute `version` is `{other}`: use event-time, order-first or offset"
                ));
            }
        };
        let epoch = value("epoch").map_or(Ok(0), |text| {
            let is_no_number = |_| format!("its attribute `epoch` is `{text}`: use a whole number");
            text.parse().map_err(is_no_number)
        })?;
        Ok(Self { kind, epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_say_the_rule() {
        let read = |attributes: &[(&str, &str)]| {
            let owned = attributes
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            VersionRule::from_attributes(&owned.collect::<Vec<_>>())
        };
        assert_eq!(read(&[("what", "ever")]), Ok(VersionRule::default()));
        let rule = VersionRule {
            kind: VersionKind::OrderFirst,
            epoch: 3,
        };
        assert_eq!(
            read(&[("version", "order-first"), ("epoch", "3")]),
            Ok(rule)
        );
        assert!(read(&[("version", "offsets")]).is_err_and(|e| e.contains("offsets")));
        assert!(read(&[("epoch", "-1")]).is_err_and(|e| e.contains("-1")));
    }
}
