//! Tables, what is done to them, and the connectors that watch: what came of it.

use std::thread::scope;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::design::{Design, Use};
use super::kind::TYPES;
use super::session::execute;
use super::stream::{Head, Rows, Stream};
use super::workload::{Plan, Workload};
use crate::debezium::connect::{Connect, Connector};
use crate::debezium::modes::Modes;
use crate::debezium::shape::Shape;
use crate::debezium::source;
use crate::kafka::Kafka;
use crate::postgres::Postgres;
use crate::process::wait_until;
use crate::registry::apicurio::Apicurio;
use crate::topic;

/// Sessions that change a table at once.
const SESSIONS: usize = 3;
const DATABASE: &str = "mirrored";
/// Milliseconds as a rule, after the snapshot; seconds where a registry is asked on a busy machine.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(60);

/// A table that is watched.
struct Subject {
    seed: u64,
    design: Design,
    plan: Plan,
    connector: Connector,
    /// For whatever is drawn later.
    random: SmallRng,
}

/// Tables that connectors watch, all on one server and in one worker.
pub struct Watch<'k> {
    kafka: &'k Kafka,
    postgres: Postgres,
    connect: Connect,
    subjects: Vec<Subject>,
    /// What each session does, table by table.
    sessions: Vec<Vec<String>>,
}

impl<'k> Watch<'k> {
    /// Draws a table, a shape and a workload from each seed, and waits until all are watched. With
    /// a `registry` all are in Avro.
    pub fn start(kafka: &'k Kafka, seeds: &[u64], registry: Option<&Apicurio>) -> Result<Self> {
        let postgres = source::start()?;
        postgres.create_database(DATABASE)?;
        postgres.psql(DATABASE, TYPES)?;
        let subjects: Vec<_> = seeds
            .iter()
            .map(|&seed| Subject::draw(seed, registry))
            .collect();
        for subject in &subjects {
            subject.create(&postgres)?;
        }
        postgres.psql(DATABASE, "create publication mirror for all tables")?;
        let url = postgres.database_url(DATABASE);
        let mut sessions = Vec::new();
        for subject in &subjects {
            let (before, later) = subject.scripts();
            execute(&url, &before)?;
            sessions.extend(later);
        }
        let connectors: Vec<_> = subjects.iter().map(|s| s.connector.clone()).collect();
        let connect = Connect::start(kafka, &postgres, DATABASE, &connectors)?;
        // Connect makes a topic with the first record, whose schema it registers before.
        for topic in subjects.iter().map(Subject::topic) {
            wait_until(&format!("the topic {topic}"), TOPIC_TIMEOUT, || {
                Ok(topic::ends(&kafka.bootstrap(), &topic).is_ok_and(|ends| !ends.is_empty()))
            })?;
        }
        Ok(Self {
            kafka,
            connect,
            postgres,
            subjects,
            sessions,
        })
    }

    /// Of each table: its topic, and what is known of it.
    pub fn heads(&self) -> impl Iterator<Item = (String, Head)> {
        self.subjects.iter().map(|s| (s.topic(), s.head()))
    }

    /// Does what was drawn, and waits until all of it is in the topics.
    pub fn work(&mut self) -> Result<()> {
        let url = self.postgres.database_url(DATABASE);
        scope(|scope| {
            let sessions: Vec<_> = self
                .sessions
                .iter()
                .map(|script| scope.spawn(|| execute(&url, script)))
                .collect();
            let mut ended = sessions.into_iter().map(|session| {
                let panicked = |_| anyhow!("a session panicked");
                session.join().map_err(panicked)?
            });
            ended.try_for_each(|result| result)
        })?;
        for subject in &self.subjects {
            execute(&url, &subject.ending())?;
        }
        self.connect
            .wait_until_sent(self.kafka, &self.postgres, DATABASE)
    }

    /// What has come of each table so far.
    pub fn streams(&self) -> Result<Vec<Stream>> {
        let stream = |subject: &Subject| {
            let table = &subject.design.table;
            let messages = topic::read(&self.kafka.bootstrap(), &subject.topic())?;
            Ok(Stream {
                head: subject.head(),
                messages: Stream::in_order(messages),
                rows: rows(&self.postgres, DATABASE, &table.texts(), &table.name)?,
            })
        };
        self.subjects.iter().map(stream).collect()
    }
}

impl Subject {
    fn draw(seed: u64, registry: Option<&Apicurio>) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let shape = match registry {
            None => Shape::ALL[(seed % Shape::ALL.len() as u64) as usize],
            Some(_) => Shape::Avro,
        };
        let name = format!("t{seed}");
        let modes = Modes::draw(&mut random, shape);
        let mut design = Design::draw(&mut random, seed, &name, |kind, in_use| {
            keeps(shape, &modes, kind, in_use)
        });
        if shape == Shape::Avro {
            // Avro's names are letters and digits.
            for (at, column) in design.table.columns.iter_mut().enumerate() {
                column.name = format!("c{at}");
            }
        }
        let plan = Plan {
            keys: random.random_range(6..40),
            statements: random.random_range(20..70),
            truncates: shape.is_envelope() && random.random(),
        };
        let mut connector = Connector {
            // A table of the same seed is watched in JSON at the same time.
            name: match shape {
                Shape::Avro => format!("a{seed}"),
                _ => format!("m{seed}"),
            },
            shape,
            modes,
            tables: vec![name],
            partitions: random.random_range(1..=3),
            further: match &design.table.columns[..design.table.key] {
                [key] if random.random_range(0..4) == 0 => plain_key(shape, &key.name),
                _ => String::new(),
            },
        };
        if let Some(registry) = registry {
            connector.further += &Shape::avro_properties(&registry.own_url());
        }
        Self {
            seed,
            design,
            plan,
            connector,
            random,
        }
    }

    fn create(&self, postgres: &Postgres) -> Result<()> {
        let ddl = self.design.table.ddl() + &self.connector.signal_ddl();
        postgres.psql(DATABASE, &ddl).map(drop)
    }

    /// What is done before it is watched, and what each session does then. One of them asks for
    /// incremental snapshots.
    fn scripts(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let random = &mut self.random.clone();
        let workload = Workload::new(random, &self.design, self.plan);
        let before = workload.rows(random);
        let mut sessions: Vec<_> = (0..SESSIONS).map(|_| workload.session(random)).collect();
        for _ in 0..random.random_range(0..3) {
            let signal = self.connector.snapshot();
            // A session of its own, as it must not be part of a transaction that lasts.
            let pause = random.random_range(0..20) as f64 / 100.0;
            if self.can_be_snapshot() {
                sessions.push(vec![format!("select pg_sleep({pause})"), signal]);
            }
        }
        (before, sessions)
    }

    /// Whether Debezium reads such a key again from where it was: it asks for those that are larger
    /// by a text, with which PostgreSQL does not compare each type, and may fail for good.
    fn can_be_snapshot(&self) -> bool {
        let table = &self.design.table;
        let key = &table.columns[..table.key];
        !key.iter()
            .any(|column| ["timestamptz", "mood"].contains(&column.kind.as_str()))
    }

    /// What is done in the end: a table without rows would show little.
    fn ending(&self) -> Vec<String> {
        let workload = Workload::new(&mut self.random.clone(), &self.design, self.plan);
        workload.rows(&mut SmallRng::seed_from_u64(!self.seed))
    }

    fn topic(&self) -> String {
        self.connector.topic(&self.design.table.name)
    }

    fn head(&self) -> Head {
        Head {
            seed: self.seed,
            shape: self.connector.shape,
            modes: self.connector.modes.clone(),
            table: self.design.table.clone(),
            partitions: self.connector.partitions,
            truncates: self.plan.truncates,
        }
    }
}

/// Properties of a connector that writes the one column of a key without an object around it. Keys
/// of signals and transactions have no such column.
fn plain_key(shape: Shape, column: &str) -> String {
    let others = if shape.is_envelope() { "" } else { "unwrap," };
    let escaped = |c: char| match c {
        '\\' => "\\\\".to_owned(),
        c if c.is_ascii() => c.to_string(),
        // As Java reads such a file.
        c => format!("\\u{:04x}", u32::from(c)),
    };
    let column: String = column.chars().map(escaped).collect();
    format!(
        "transforms={others}plain\n\
         transforms.plain.type=org.apache.kafka.connect.transforms.ExtractField$Key\n\
         transforms.plain.field={column}\ntransforms.plain.predicate=rows\npredicates=rows\n\
         predicates.rows.type=org.apache.kafka.connect.transforms.predicates.TopicNameMatches\n\
         predicates.rows.pattern=.*[.]t[0-9]+\n"
    )
}

/// Types of which a large value that did not change is null, as if it were.
const UNNAMED: [&str; 4] = [
    "bytea[]",
    "double precision[]",
    "numeric[]",
    "timestamptz[]",
];

/// Whether values of a type arrive whole. Times of `connect` have milliseconds. The texts of
/// `isostring` are no keys here: a key is looked up by how the records spell it. Bytes in base64
/// have no placeholder where that is their text, and none have some arrays. In arrays the unit of
/// times is that of the column, or a schema's.
fn keeps(shape: Shape, modes: &Modes, kind: &str, in_use: Use) -> bool {
    let binary = modes.get("binary.handling.mode");
    let is_base64 = binary.is_some_and(|mode| mode.starts_with("base64"));
    if in_use == Use::Large && (UNNAMED.contains(&kind) || kind == "bytea" && is_base64) {
        return false;
    }
    // Their placeholder is a list of numbers, which only the adaptive modes send as it is.
    if in_use == Use::Large && kind == "date[]" && ["connect", "isostring"].contains(&modes.times())
    {
        return false;
    }
    match modes.times() {
        "connect" => ![
            "timestamp",
            "timestamp(6)",
            "time",
            "timetz",
            "timestamp[]",
            "time[]",
            "timetz[]",
        ]
        .contains(&kind),
        "adaptive_time_microseconds" | "microseconds" if !shape.has_schema() => {
            !["time(3)[]", "timestamp(3)[]"].contains(&kind)
        }
        "isostring" if in_use == Use::Key => !["timestamp", "date"].contains(&kind),
        _ => true,
    }
}

/// Rows of a table, each an array of texts.
pub fn rows(postgres: &Postgres, database: &str, texts: &str, from: &str) -> Result<Rows> {
    let select = format!("select to_json({texts}) from {from} order by 1::text");
    let lines = postgres.psql(database, &select)?;
    let row = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
    lines.lines().map(row).collect()
}
