//! What no type can say of a pipeline file.

use gristmill_postgres::table::identifier::is_name;

use super::Config;
use super::problem::Problem;

/// A row that Postgres refuses is found within 32 savepoints among so many: each halving may cost
/// two.
const MAX_ROWS: usize = 20_000;
/// Kafka's default of `group.min.session.timeout.ms`.
const MIN_SESSION_TIMEOUT_MS: u32 = 6_000;
/// As much as one process is to hold back for one partition: far above what a flush can carry.
const MAX_QUEUED_BYTES: usize = 1 << 30;

/// What no type can say of a pipeline.
pub(super) fn contradictions(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut problem = |message: String| found.push(Problem { line: 0, message });
    let name = &config.pipeline.name;
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        problem(format!(
            "pipeline.name `{name}` must be letters, digits, `-`, `_` and `.`"
        ));
    }
    let table = &config.target.table;
    if !is_name(table) {
        problem(format!(
            "target.table `{table}` is no name of a table: write it as psql takes it, table or \
             schema.table, and in double quotes what has other characters than letters, digits and \
             `_`: table = '\"my table\"'"
        ));
    }
    if config.transform.is_empty() {
        problem(
            "there is no [[transform]]: the first one turns messages into rows, for example \
             component = \"builtin:normalize-cdc\""
                .to_owned(),
        );
    }
    for (i, t) in config.transform.iter().enumerate() {
        if config.transform[..i]
            .iter()
            .any(|other| other.name == t.name)
        {
            problem(format!(
                "two transforms are called `{}`: give each its own name",
                t.name
            ));
        }
    }
    for (name, d) in &config.dimension {
        if d.file.is_some() == d.query.is_some() {
            problem(format!("dimension `{name}` needs either `file` or `query`"));
        }
    }
    for (key, value) in [
        ("target.max_rows", config.target.max_rows),
        ("target.connections", config.target.connections),
        ("limits.record_max_bytes", config.limits.record_max_bytes),
        ("source.queued_max_bytes", config.source.queued_max_bytes),
    ] {
        if value == 0 {
            problem(format!("{key} must be above 0"));
        }
    }
    for (key, value) in [
        (
            "pipeline.watermark_delay_ms",
            config.pipeline.watermark_delay_ms,
        ),
        ("pipeline.state_ttl_ms", config.pipeline.state_ttl_ms),
        ("pipeline.future_max_ms", config.pipeline.future_max_ms),
    ] {
        if value < 0 {
            problem(format!("{key} must not be negative"));
        }
    }
    if config.dead_letters.topic.as_ref() == Some(&config.source.topic) {
        problem(format!(
            "dead_letters.topic is the source's own topic `{}`: each dead letter would be read \
             again",
            config.source.topic
        ));
    }
    of_formats(config, &mut problem);
    if config.target.max_rows > MAX_ROWS {
        problem(format!(
            "target.max_rows must be at most {MAX_ROWS}: beyond some thousands a flush gains \
             nothing more per row"
        ));
    }
    if config.source.session_timeout_ms < MIN_SESSION_TIMEOUT_MS {
        problem(format!(
            "source.session_timeout_ms must be at least {MIN_SESSION_TIMEOUT_MS}: brokers let \
             nobody into the group with less"
        ));
    }
    if config.source.queued_max_bytes > MAX_QUEUED_BYTES {
        problem(format!(
            "source.queued_max_bytes must be at most {MAX_QUEUED_BYTES}: it is memory, once for \
             each partition"
        ));
    }
    if !(0.0..=1.0).contains(&config.dead_letters.ratio_max) {
        problem("dead_letters.ratio_max is a part of 1: between 0.0 and 1.0".to_owned());
    }
    found
}

/// What formats and registry say of each other.
fn of_formats(config: &Config, problem: &mut impl FnMut(String)) {
    let source = &config.source;
    let needs_schemas = source.encoding().needs_schemas();
    match &source.registry {
        None if needs_schemas => problem(
            "source.value_format or key_format says that records name their schemas: \
             [source.registry] must say where these are, url = \"https://host:port\""
                .to_owned(),
        ),
        Some(_) if !needs_schemas => problem(
            "[source.registry] is for records that name their schemas, and value_format under \
             [source] does not say so: value_format = \"avro\""
                .to_owned(),
        ),
        Some(registry) => registry.contradictions(problem),
        None => {}
    }
}
