//! How a source reads, and the properties that are not the user's to set.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

/// Two batches, one in flight and one computed ahead; a third fills in what other partitions leave.
/// Of Debezium's events (700 bytes, without the schema that they share) a batch has up to 5,000
/// rows then. Postgres takes a sixth more for each row of a batch of 500 than of one of 1,000.
pub const QUEUED_MAX_BYTES: usize = 8 << 20;
/// Two batches of the sink's 5,000 rows: of small records more gains nothing.
pub const QUEUED_MAX_RECORDS: usize = 10_000;
/// What the queues of all partitions hold at most, together, give or take a chunk each: where a
/// process has more partitions than that is enough for, each may hold less. It pauses fetching and
/// halts nothing.
pub const QUEUES_MAX_BYTES: usize = 512 << 20;
/// What a fetch is answered with at most, by each broker; librdkafka's own default is 50 MiB. A
/// batch that is larger still comes, alone. Four partitions' answers of 1 MiB.
pub const FETCH_MAX_BYTES: usize = 4 << 20;
/// What librdkafka keeps for all partitions together before it fetches no more: two answers of a
/// partition. Twice as much, with queues of 4 MiB, gains nothing and costs 8 MiB.
pub const FETCHED_AHEAD_BYTES: usize = 2 << 20;
/// What a host that leaves for good may cost the others, milliseconds. The broker's own lower bound
/// is 6,000.
pub const SESSION_TIMEOUT_MS: u32 = 10_000;

/// A consumer group's member and what it reads.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// `host:port`, several with commas.
    pub bootstrap: String,
    pub topics: Vec<String>,
    pub group: String,
    /// Further properties of librdkafka: security, sizes of fetches. See [`check_properties`] for
    /// those that are refused.
    pub properties: BTreeMap<String, String>,
    pub session_timeout_ms: u32,
    /// Bytes of one partition read and not yet processed; fetching pauses above it (twice that,
    /// while others have room) and resumes below half of it. Less where the partitions would hold
    /// more than [`QUEUES_MAX_BYTES`] together. What librdkafka fetches ahead
    /// ([`FETCHED_AHEAD_BYTES`] for all partitions together, unless set otherwise) comes on top.
    pub queued_max_bytes: usize,
    /// The same in records.
    pub queued_max_records: usize,
    /// Of a record whose key, value and headers are more, the beginning is copied alone.
    pub record_max_bytes: usize,
    /// The id of a [`Membership`](crate::source::membership::Membership): with one, the group
    /// knows this process again after a crash.
    pub instance_id: Option<String>,
}

impl SourceConfig {
    /// A source with the defaults, for one group on one or more topics.
    pub fn new(bootstrap: &str, topics: &[&str], group: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            topics: topics.iter().map(|t| (*t).to_owned()).collect(),
            group: group.to_owned(),
            properties: BTreeMap::new(),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            queued_max_bytes: QUEUED_MAX_BYTES,
            queued_max_records: QUEUED_MAX_RECORDS,
            record_max_bytes: usize::MAX,
            instance_id: None,
        }
    }
}

/// A property that gristmill sets itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("property `{property}` cannot be set: {reason}")]
pub struct ReservedProperty {
    pub property: String,
    pub reason: &'static str,
}

/// Ours that guard correctness or that have a place of their own, and why.
const RESERVED: &[(&str, &str)] = &[
    ("bootstrap.servers", "it has a setting of its own"),
    (
        "metadata.broker.list",
        "it is `bootstrap.servers` by another name",
    ),
    ("group.id", "it has a setting of its own"),
    (
        "group.instance.id",
        "it is chosen per process, so that two never share one",
    ),
    (
        "group.protocol",
        "static members and cooperative rebalances are relied on as the classic protocol does them",
    ),
    (
        "partition.assignment.strategy",
        "a rebalance must leave the partitions that stay alone (cooperative-sticky)",
    ),
    ("session.timeout.ms", "it has a setting of its own"),
    (
        "enable.auto.commit",
        "the checkpoint in Postgres is the truth; Kafka's offsets are only a hint",
    ),
    (
        "auto.commit.enable",
        "the checkpoint in Postgres is the truth; Kafka's offsets are only a hint",
    ),
    (
        "enable.auto.offset.store",
        "the checkpoint in Postgres is the truth; Kafka's offsets are only a hint",
    ),
    (
        "auto.offset.reset",
        "a reset would skip or repeat records in silence; a gap must be seen (error)",
    ),
    (
        "topic.auto.offset.reset",
        "a reset would skip or repeat records in silence; a gap must be seen (error)",
    ),
    (
        "isolation.level",
        "records of aborted transactions must never reach the table (read_committed)",
    ),
    (
        "enable.partition.eof",
        "the end of a partition must be seen (true)",
    ),
    ("check.crcs", "a corrupted record must be seen (true)"),
    (
        "allow.auto.create.topics",
        "a misspelt topic must be an error, not a new topic (false)",
    ),
    (
        "enable.idempotence",
        "dead letters must arrive once and in order (true)",
    ),
    (
        "acks",
        "a dead letter counts as relayed only when all replicas have it (all)",
    ),
    ("request.required.acks", "it is `acks` by another name"),
    ("statistics.interval.ms", "nothing reads them"),
    (
        "test.mock.num.brokers",
        "it would replace the brokers by a mock",
    ),
];

/// The version of librdkafka that runs.
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// Refuses what librdkafka does not take. Its own error quotes the value, which may be a password
/// whose property was misspelt.
fn check_known(config: &ClientConfig) -> Result<(), ReservedProperty> {
    match config.create_native_config() {
        Err(KafkaError::ClientConfig(refused, _, property, _)) => Err(ReservedProperty {
            property,
            reason: match refused {
                RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => {
                    "librdkafka has none of that name: correct it"
                }
                _ => "librdkafka does not take its value",
            },
        }),
        _ => Ok(()),
    }
}

/// librdkafka says of a file that is not there that a certificate cannot be loaded.
fn check_files(properties: &BTreeMap<String, String>) -> Result<(), ReservedProperty> {
    // Its word for the places where systems keep them.
    let is_file = |(name, value): &(&String, &String)| {
        name.starts_with("ssl.") && name.ends_with(".location") && *value != "probe"
    };
    let mut files = properties.iter().filter(is_file);
    match files.find(|(_, path)| std::fs::metadata(path).is_err()) {
        None => Ok(()),
        Some((property, _)) => Err(ReservedProperty {
            property: property.clone(),
            reason: "the file that it names is not there, or cannot be read",
        }),
    }
}

/// Refuses the properties that gristmill sets itself.
pub fn check_properties(properties: &BTreeMap<String, String>) -> Result<(), ReservedProperty> {
    for property in properties.keys() {
        if let Some((_, reason)) = RESERVED.iter().find(|(name, _)| name == property) {
            return Err(ReservedProperty {
                property: property.clone(),
                reason,
            });
        }
    }
    Ok(())
}

/// What every client has in common: the brokers, the user's properties, and coming back
/// quickly after a broker was away.
pub(crate) fn common(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
) -> Result<ClientConfig, ReservedProperty> {
    check_properties(properties)?;
    let mut config = ClientConfig::new();
    config
        .set("client.id", "gristmill")
        .set("socket.keepalive.enable", "true")
        // librdkafka waits up to 10 s between attempts: too long for a pipeline that should go on
        // by itself.
        .set("reconnect.backoff.max.ms", "2000");
    config.extend(properties.clone());
    config.set("bootstrap.servers", bootstrap);
    check_known(&config)?;
    check_files(properties)?;
    Ok(config)
}

/// What a source's consumer has: the common properties, and those that guard correctness.
pub(crate) fn for_source(config: &SourceConfig) -> Result<ClientConfig, ReservedProperty> {
    let (ahead_kbytes, fetch_max) = (FETCHED_AHEAD_BYTES >> 10, FETCH_MAX_BYTES);
    let (ahead_kbytes, fetch_max) = (ahead_kbytes.to_string(), fetch_max.to_string());
    let mut defaults: BTreeMap<String, String> = [
        ("queued.max.messages.kbytes", ahead_kbytes.as_str()),
        ("fetch.max.bytes", fetch_max.as_str()),
        // After its own queue was full librdkafka sleeps this long (1 s by default), while the
        // worker has long drained it.
        ("fetch.queue.backoff.ms", "20"),
        // So that a partition added to the topic is read within half a minute, not five.
        ("topic.metadata.refresh.interval.ms", "30000"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    defaults.extend(config.properties.clone());
    let mut client = common(&config.bootstrap, &defaults)?;
    client
        .set("group.id", &config.group)
        .set("session.timeout.ms", config.session_timeout_ms.to_string())
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true")
        .set("allow.auto.create.topics", "false");
    if let Some(id) = &config.instance_id {
        client.set("group.instance.id", id);
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_property_is_told_without_its_value() {
        for (name, value) in [
            ("sasl.passwrd", "hunter22"),
            ("security.protocol", "hunter22"),
        ] {
            let properties = [(name.to_owned(), value.to_owned())].into();
            let error = common("h:1", &properties).unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(said.contains(name) && !said.contains(value), "{said}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let properties = |path: &str| [("ssl.ca.location".to_owned(), path.to_owned())].into();
        let error = common("h:1", &properties("/nowhere.pem")).unwrap_err();
        assert!(error.to_string().contains("ssl.ca.location"), "{error}");
        assert!(common("h:1", &properties("/")).is_ok());
        assert!(common("h:1", &properties("probe")).is_ok());
    }

    #[test]
    fn what_guards_correctness_is_refused_by_name_and_all_else_passes() {
        for (name, _) in RESERVED {
            let properties = [((*name).to_owned(), "x".to_owned())].into();
            let error = check_properties(&properties).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        let mut config = SourceConfig::new("h:1", &["t"], "g");
        config.properties = [
            ("security.protocol".to_owned(), "ssl".to_owned()),
            ("queued.max.messages.kbytes".to_owned(), "99".to_owned()),
        ]
        .into();
        let client = for_source(&config).unwrap();
        assert_eq!(client.get("security.protocol"), Some("ssl"));
        assert_eq!(client.get("queued.max.messages.kbytes"), Some("99"));
        assert_eq!(client.get("auto.offset.reset"), Some("error"));
        assert_eq!(client.get("group.instance.id"), None);
    }
}
