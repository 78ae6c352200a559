//! The pipeline file between a topic and a table.

use super::design::{Column, Table};
use super::settings::{CORPORATE, ENRICHER, OWN_COLUMN, Settings};
use super::stream::Head;
use crate::debezium::shape::Shape;

/// A pipeline, and the rule of it that changes while it runs.
#[derive(Debug)]
pub struct Pipeline {
    pub name: String,
    pub topic: String,
    pub head: Head,
    pub settings: Settings,
    /// The target's table.
    pub table: Table,
    /// By what newer events are known now, and from where they have a time; none is the default.
    version: Option<&'static str>,
    event_time: Option<&'static str>,
}

/// The time that Kafka gave a record.
const KAFKA_TIME: &str = "meta.timestamp";

impl Pipeline {
    /// One called `name`.
    pub fn new(name: &str, topic: &str, head: &Head, settings: Settings) -> Self {
        Self {
            name: name.to_owned(),
            topic: topic.to_owned(),
            head: head.clone(),
            table: settings.target(&head.table),
            version: settings.version,
            event_time: None,
            settings,
        }
    }

    /// Takes another place for the newer event, where there is another. A truncate needs the one
    /// in the source's log.
    pub fn change_version(&mut self) -> bool {
        let Head { shape, modes, .. } = &self.head;
        let has_log_places = shape.is_envelope() || modes.has_log_places();
        if !has_log_places || self.head.truncates {
            return false;
        }
        let is_offset = match self.version {
            None => !shape.is_envelope(),
            Some(version) => version == "offset",
        };
        self.version = Some(if is_offset { "postgres" } else { "offset" });
        true
    }

    /// Takes another event time, which decides nothing here.
    pub fn change_event_time(&mut self) {
        self.event_time = match self.event_time {
            None => Some(KAFKA_TIME),
            Some(_) => None,
        };
    }

    /// The pipeline file: nothing of the table's columns, as a person would write it, but where
    /// times are not in the units of their columns.
    pub fn file(&self) -> String {
        let (name, topic, table) = (&self.name, &self.topic, &self.table.name);
        let Settings {
            delete, max_rows, ..
        } = self.settings;
        let config = self.config();
        let enricher = match self.settings.enriches(&self.table) {
            true => format!(
                "[[transform]]\nname = \"enrich\"\ncomponent = \"{ENRICHER}\"\n\
                 config = {{ corporate_domains = [\"{CORPORATE}\"] }}\n\n"
            ),
            false => String::new(),
        };
        let truncate = match self.head.truncates {
            true => "truncate = \"apply\"\n",
            false => "",
        };
        // A captured record may be of a time that this machine's clock has not reached.
        format!(
            "[pipeline]\nname = \"{name}\"\nfuture_max_ms = 1_000_000_000_000\n\n\
             [source]\nbootstrap = \"${{KAFKA_BOOTSTRAP}}\"\ntopic = \"{topic}\"\n{source}\n\
             [[transform]]\nname = \"normalize\"\ncomponent = \"builtin:normalize-debezium\"\n\
             [transform.config]\n{config}\n{enricher}\
             [target]\nurl = \"${{DATABASE_URL}}\"\ntable = \"{table}\"\ndelete = \"{delete}\"\n\
             {truncate}max_rows = {max_rows}\n",
            source = self.source(),
        )
    }

    /// What the file says of how values and deletes are written.
    fn source(&self) -> String {
        let Head { shape, modes, .. } = &self.head;
        let columns = &self.head.table.columns;
        let is_decimal = |kind: &str| {
            ["numeric", "money", "price"]
                .iter()
                .any(|of| kind.contains(of))
        };
        let has_decimals = columns.iter().any(|c| is_decimal(&c.kind));
        let mut source = String::new();
        if *shape == Shape::Avro {
            source += "value_format = \"avro\"\n";
        }
        if has_decimals && !shape.has_schema() && modes.has_unscaled() {
            source += "json_decimals = \"base64\"\n";
        }
        if modes.has_hex() {
            source += "json_bytes = \"hex\"\n";
        }
        // A delete is a record without a value.
        if matches!(shape, Shape::Bare | Shape::BareSchema) {
            source += "tombstone = \"delete\"\n";
        }
        if let Some(url) = &self.settings.registry {
            source += &format!("\n[source.registry]\nurl = \"{url}\"\n");
        }
        source
    }

    /// What the rule is told, in TOML.
    pub fn config(&self) -> String {
        let mut config = String::new();
        if !self.head.shape.is_envelope() {
            config += "shape = \"flat\"\n";
        }
        if let Some(version) = self.version {
            config += &format!("version = \"{version}\"\n");
        }
        if let Some(path) = self.event_time {
            config += &format!("event_time = \"{path}\"\n");
        }
        if self.settings.takes_whole_before {
            config += "before = \"full\"\n";
        }
        if self.settings.has_own_names {
            config += &format!("columns_except = [\"{OWN_COLUMN}\"]\n");
        }
        let both = self.head.table.columns.iter().zip(&self.table.columns);
        let renamed: Vec<_> = both
            .filter(|(source, target)| source.name != target.name)
            .map(|(source, target)| format!("{:?} = {:?}", source.name, target.name))
            .collect();
        config += &format!("rename = {{ {} }}\n", renamed.join(", "));
        if self.needs_types() {
            let columns = self.table.columns.iter();
            let mut columns: Vec<_> = columns.map(|c| self.declared(c)).collect();
            if self.settings.has_own_names {
                columns.push(format!("{OWN_COLUMN:?} = \"text\""));
            }
            config += &format!("columns = {{ {} }}\n", columns.join(", "));
            let key = self.table.columns[..self.table.key].iter();
            let key: Vec<_> = key.map(|c| format!("{:?}", c.name)).collect();
            config += &format!("key = [{}]\n", key.join(", "));
        }
        config
    }

    /// Whether times are written in other units than their columns' types say, and no schema says
    /// in which.
    fn needs_types(&self) -> bool {
        let Head { shape, modes, .. } = &self.head;
        let is_coarse =
            |column: &Column| column.kind.contains("(0)") || column.kind.contains("(3)");
        let in_micros = ["adaptive_time_microseconds", "microseconds"].contains(&modes.times());
        !shape.has_schema() && in_micros && self.table.columns.iter().any(is_coarse)
    }

    /// A column's type as the events have it.
    fn declared(&self, column: &Column) -> String {
        let declared = match (self.head.modes.times(), column.kind.as_str()) {
            (_, "time(0)" | "time(3)") => "time(us)",
            ("microseconds", "timestamp(0)" | "timestamp(3)") => "timestamp(us)",
            (_, "mood" | "address") => "text",
            (_, "positive") => "integer",
            (_, "price") => "numeric(12,2)",
            (_, "names" | "prices") => "text[]",
            (_, kind) => kind,
        };
        format!("{:?} = {declared:?}", column.name)
    }
}
