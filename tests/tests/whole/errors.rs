//! What each error of the program says, with what caused it. A variant that is added does not
//! compile until it stands here.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::path::PathBuf;

use anyhow::Chain;
use gristmill::definition::file::{ConfigError, Problem};
use gristmill_core::chain::{ChainFault, PlanError, PlanProblem};
use gristmill_core::column::{LogicalType, UnknownLogicalType};
use gristmill_core::decode::{Part, PathError, SchemaId, SchemaMismatch, WantedSchema};
use gristmill_core::dimension::DimensionError;
use gristmill_core::fault::{SinkFault, SqlState};
use gristmill_core::transform::Fault;
use gristmill_kafka::admin::AdminError;
use gristmill_kafka::client::ReservedProperty;
use gristmill_kafka::producer::dead_letters::ProducerError;
use gristmill_kafka::source::SourceFault;
use gristmill_kafka::source::consumer::SourceError;
use gristmill_kafka::source::membership::MembershipError;
use gristmill_kafka::{TopicId, TopicPartition};
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::sink::SinkError;
use gristmill_postgres::letters::stored_letter::InvalidLetterId;
use gristmill_postgres::wire::database_error::{ConnectError, DatabaseError};
use gristmill_sandbox::SandboxError;
use gristmill_sandbox::purity::PurityError;
use insta::assert_snapshot;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Each error's variant, what it says, and below it what caused it.
fn listed<E: Error + 'static>(first: E, next: impl FnMut(&E) -> Option<E>) -> String {
    let said = |error: E| {
        let name = format!("{error:?}");
        let is_of_name = |c: char| c.is_alphanumeric();
        let name = name
            .split(|c| !is_of_name(c))
            .next()
            .unwrap_or_default()
            .to_owned();
        let causes = Chain::new(&error).skip(1);
        let causes: String = causes
            .map(|cause| format!("\n    because: {cause}"))
            .collect();
        format!("{name}\n    {error}{causes}")
    };
    let all: Vec<String> = successors(Some(first), next).map(said).collect();
    all.join("\n\n")
}

fn one<E: Error + 'static>(error: E) -> String {
    listed(error, |_| None)
}

fn kafka() -> KafkaError {
    KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure)
}

fn postgres() -> tokio_postgres::Error {
    tokio_postgres::Error::__private_api_timeout()
}

fn state(code: &str) -> SqlState {
    SqlState::new(code).expect("five bytes")
}

fn io_error() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

fn reserved() -> ReservedProperty {
    ReservedProperty {
        property: "group.id".to_owned(),
        reason: "it has a setting of its own",
    }
}

#[test]
fn of_the_pipeline_file() {
    let problem = |line, message: &str| Problem {
        line,
        message: message.to_owned(),
    };
    assert_snapshot!(one(ConfigError {
        path: PathBuf::from("users.toml"),
        problems: vec![
            problem(0, "there is no [[transform]]"),
            problem(7, "unknown key `x`")
        ],
    }));
}

#[test]
fn of_the_sandbox() {
    let transform = || "enrich-age".to_owned();
    let why = || "it asks for the network".to_owned();
    let text = listed(
        SandboxError::Engine(Box::new(io_error())),
        |error| match error {
            SandboxError::Engine(_) => Some(SandboxError::Cache {
                path: PathBuf::from("/cache"),
                why: "others may write to it".to_owned(),
                source: Some(io_error()),
            }),
            SandboxError::Cache { .. } => Some(SandboxError::Refused {
                transform: transform(),
                why: why(),
                source: Some(Box::new(io_error())),
            }),
            SandboxError::Refused { .. } => Some(SandboxError::Compiler {
                transform: transform(),
                why: "the compiler ran out of time".to_owned(),
            }),
            SandboxError::Compiler { .. } => Some(SandboxError::Config {
                transform: transform(),
                why: "unknown key `aeg`".to_owned(),
            }),
            SandboxError::Config { .. } => {
                Some(SandboxError::Fault(Fault::Lied("it lied".to_owned())))
            }
            SandboxError::Fault(_) => None,
        },
    );
    assert_snapshot!(text);
}

#[test]
fn of_purity() {
    let first = PurityError::Impure("run backwards it answers otherwise".to_owned());
    let text = listed(first, |error| match error {
        PurityError::Impure(_) => Some(PurityError::TooLarge("too many rows".to_owned())),
        PurityError::TooLarge(_) => {
            let fault = Fault::Lied("it lied".to_owned());
            Some(PurityError::Sandbox(SandboxError::Fault(fault)))
        }
        PurityError::Sandbox(_) => None,
    });
    assert_snapshot!(text);
}

#[test]
fn of_a_transform() {
    let text = || "in `apply`".to_owned();
    let text = listed(Fault::Trapped(text()), |error| match error {
        Fault::Trapped(_) => Some(Fault::OutOfFuel(text())),
        Fault::OutOfFuel(_) => Some(Fault::OutOfMemory(text())),
        Fault::OutOfMemory(_) => Some(Fault::Lied(text())),
        Fault::Lied(_) => None,
    });
    assert_snapshot!(text);
}

#[test]
fn of_the_chain() {
    let transform = || "enrich-age".to_owned();
    let fault = || Fault::Trapped("wasm `unreachable`".to_owned());
    let first = ChainFault::Lied {
        transform: transform(),
        fault: fault(),
    };
    let text = listed(first, |error| match error {
        ChainFault::Lied { .. } => Some(ChainFault::TooManyRows {
            transform: transform(),
            rows_max: 64,
            fault: fault(),
        }),
        ChainFault::TooManyRows { .. } => Some(ChainFault::RowsMissing {
            transform: transform(),
            input: 3,
            returned: 1,
            rejected: 1,
        }),
        ChainFault::RowsMissing { .. } => Some(ChainFault::NoSuchRow {
            record: 7,
            ordinal: 1,
        }),
        ChainFault::NoSuchRow { .. } => Some(ChainFault::SourceTruncated {
            topic: "users_cdc".to_owned(),
            partition: 3,
            offset: 1_042,
        }),
        ChainFault::SourceTruncated { .. } => Some(ChainFault::Schema(SchemaMismatch {
            part: "value",
            offset: 1_042,
            id: SchemaId::Id(7),
            why: "`value.after.age` is a string, and int64 is declared".to_owned(),
        })),
        ChainFault::Schema(_) => Some(ChainFault::SchemasNotTold(vec![WantedSchema {
            part: Part::Value,
            id: SchemaId::Id(7),
        }])),
        ChainFault::SchemasNotTold(_) => None,
    });
    assert_snapshot!(text);
}

#[test]
fn of_plans() {
    let problem = |transform: Option<&str>, message: &str| PlanProblem {
        transform: transform.map(str::to_owned),
        message: message.to_owned(),
    };
    assert_snapshot!(one(PlanError {
        problems: vec![
            problem(None, "there is no transform"),
            problem(
                Some("enrich-age"),
                "it writes column `a` twice: write it once"
            ),
        ],
    }));
}

#[test]
fn of_document_paths_and_types() {
    let path = || "value.a".to_owned();
    let first = PathError::NotAPath { path: path() };
    let text = listed(first, |error| match error {
        PathError::NotAPath { .. } => Some(PathError::Type {
            path: path(),
            logical_type: LogicalType::Date,
            allowed: "text",
        }),
        PathError::Type { .. } => Some(PathError::Twice { path: path() }),
        PathError::Twice { .. } => Some(PathError::BelowScalar {
            parent: path(),
            logical_type: LogicalType::Text,
            path: "value.a.b".to_owned(),
        }),
        PathError::BelowScalar { .. } => None,
    });
    let unknown = one(UnknownLogicalType("int32".to_owned()));
    assert_snapshot!(format!("{text}\n\n{unknown}"));
}

#[test]
fn of_dimensions() {
    let dimension = || "countries".to_owned();
    let first = DimensionError::NoColumn {
        dimension: dimension(),
        column: "code".to_owned(),
        columns: "country_code, name".to_owned(),
    };
    let text = listed(first, |error| match error {
        DimensionError::NoColumn { .. } => Some(DimensionError::NoKey {
            dimension: dimension(),
        }),
        DimensionError::NoKey { .. } => Some(DimensionError::NullKey {
            dimension: dimension(),
            row: 3,
            column: "code".to_owned(),
        }),
        DimensionError::NullKey { .. } => Some(DimensionError::DuplicateKey {
            dimension: dimension(),
            first: 1,
            second: 9,
            key: "DE".to_owned(),
        }),
        DimensionError::DuplicateKey { .. } => Some(DimensionError::TooLarge {
            dimension: dimension(),
            rows: 1 << 32,
        }),
        DimensionError::TooLarge { .. } => None,
    });
    assert_snapshot!(text);
}

#[test]
fn of_the_database() {
    let text = listed(DatabaseError::Url("has no host"), |error| match error {
        DatabaseError::Url(_) => Some(DatabaseError::UrlParameter {
            name: "connection_limit",
        }),
        DatabaseError::UrlParameter { .. } => {
            Some(DatabaseError::Certificates(Box::new(io_error())))
        }
        DatabaseError::Certificates(_) => Some(DatabaseError::Connect {
            place: "localhost:5432".to_owned(),
            source: ConnectError::Postgres(postgres()),
        }),
        DatabaseError::Connect { .. } => Some(DatabaseError::Secret {
            path: "/run/secrets/pgpass".into(),
            why: "others may read it: chmod 600 it".to_owned(),
        }),
        DatabaseError::Secret { .. } => Some(DatabaseError::ReadOnly {
            place: "localhost:5432".to_owned(),
        }),
        DatabaseError::ReadOnly { .. } => Some(DatabaseError::Pooled {
            place: "localhost:5432".to_owned(),
        }),
        DatabaseError::Pooled { .. } => Some(DatabaseError::Query {
            doing: "read the revisions",
            source: postgres(),
        }),
        DatabaseError::Query { .. } => Some(DatabaseError::Silent {
            place: "localhost:5432".to_owned(),
        }),
        DatabaseError::Silent { .. } => Some(DatabaseError::Unexpected {
            doing: "read dead letters",
            found: "state `lost`".to_owned(),
        }),
        DatabaseError::Unexpected { .. } => Some(DatabaseError::PoolClosed),
        DatabaseError::PoolClosed => None,
    });
    assert_snapshot!(text);
}

#[test]
fn of_a_flush() {
    let text = listed(FlushError::Fenced, |error| match error {
        FlushError::Fenced => Some(FlushError::Refused {
            state: state("22001"),
            source: postgres(),
        }),
        FlushError::Refused { .. } => Some(FlushError::Definite {
            state: state("42703"),
            source: postgres(),
        }),
        FlushError::Definite { .. } => Some(FlushError::Unknown {
            source: Some(postgres()),
        }),
        FlushError::Unknown { .. } => Some(FlushError::Halt {
            reason: "the table users_enriched was changed".to_owned(),
        }),
        FlushError::Halt { .. } => None,
    });
    let fault = listed(SinkFault::Answered(state("40001")), |error| match error {
        SinkFault::Answered(_) => Some(SinkFault::ConnectionLost),
        SinkFault::ConnectionLost => Some(SinkFault::Fenced),
        SinkFault::Fenced => Some(SinkFault::TargetChanged),
        SinkFault::TargetChanged => Some(SinkFault::Gap),
        SinkFault::Gap => Some(SinkFault::TopicTruncated),
        SinkFault::TopicTruncated => None,
    });
    assert_snapshot!("of_a_flush", text);
    assert_snapshot!("of_a_sink", fault);
    let problems = vec![
        "there is no key".to_owned(),
        "there is no column a".to_owned(),
    ];
    let table = "users_enriched".to_owned();
    let rows = one(SinkError { table, problems });
    let id = one(InvalidLetterId("users_cdc".to_owned()));
    assert_snapshot!("of_rows_and_ids", format!("{rows}\n\n{id}"));
}

#[test]
fn of_asking_kafka() {
    let what = || "to read the topic users_cdc".to_owned();
    let reason = || ": SASL authentication failed".to_owned();
    let text = listed(AdminError::Property(reserved()), |error| match error {
        AdminError::Property(_) => Some(AdminError::Unreachable {
            bootstrap: "localhost:9092".to_owned(),
            reason: ": Connection refused".to_owned(),
        }),
        AdminError::Unreachable { .. } => Some(AdminError::UnknownTopic {
            topic: "users_cdc".to_owned(),
        }),
        AdminError::UnknownTopic { .. } => Some(AdminError::Unauthorized {
            what: what(),
            reason: reason(),
            source: Box::new(kafka()),
        }),
        AdminError::Unauthorized { .. } => Some(AdminError::Failed {
            what: "read the topic users_cdc".to_owned(),
            reason: String::new(),
            source: Box::new(kafka()),
        }),
        AdminError::Failed { .. } => None,
    });
    assert_snapshot!(text);
}

#[test]
fn of_the_consumer() {
    let text = listed(SourceError::Property(reserved()), |error| match error {
        SourceError::Property(_) => Some(SourceError::Client(kafka())),
        SourceError::Client(_) => Some(SourceError::Thread(io_error())),
        SourceError::Thread(_) => None,
    });
    assert_snapshot!("of_the_consumer", text);
    let path = || PathBuf::from("/state/instances/gristmill-users");
    let first = MembershipError::Io {
        path: path(),
        source: io_error(),
    };
    let text = listed(first, |error| match error {
        MembershipError::Io { .. } => Some(MembershipError::NotOurs { path: path() }),
        MembershipError::NotOurs { .. } => Some(MembershipError::Full { path: path() }),
        MembershipError::Full { .. } => None,
    });
    assert_snapshot!("of_instance_ids", text);
}

#[test]
fn of_what_the_consumer_sees() {
    let partition = || TopicPartition::new("users_cdc", 0);
    let reason = || "Local: Broker transport failure".to_owned();
    let first = SourceFault::OutOfRange {
        partition: partition(),
        next_offset: 17,
        low: 100,
        high: 200,
    };
    let text = listed(first, |error| match error {
        SourceFault::OutOfRange { .. } => Some(SourceFault::PositionLost {
            partitions: vec![partition()],
            reason: reason(),
        }),
        SourceFault::PositionLost { .. } => Some(SourceFault::Recreated {
            topic: "users_cdc".into(),
            expected: TopicId::new("old"),
            seen: TopicId::new("new"),
            sure_below: vec![(partition(), 17)],
        }),
        SourceFault::Recreated { .. } => Some(SourceFault::UnknownTopic { reason: reason() }),
        SourceFault::UnknownTopic { .. } => Some(SourceFault::Refused { reason: reason() }),
        SourceFault::Refused { .. } => Some(SourceFault::Unreachable { reason: reason() }),
        SourceFault::Unreachable { .. } => Some(SourceFault::Reachable),
        SourceFault::Reachable => Some(SourceFault::Fatal { reason: reason() }),
        SourceFault::Fatal { .. } => None,
    });
    assert_snapshot!(text);
}

#[test]
fn of_producers() {
    let topic = || "users_cdc_dlq".to_owned();
    let text = listed(ProducerError::Property(reserved()), |error| match error {
        ProducerError::Property(_) => Some(ProducerError::Client(kafka())),
        ProducerError::Client(_) => Some(ProducerError::Delivery {
            topic: topic(),
            source: kafka(),
        }),
        ProducerError::Delivery { .. } => Some(ProducerError::Undelivered {
            topic: topic(),
            undelivered: 3,
        }),
        ProducerError::Undelivered { .. } => None,
    });
    assert_snapshot!(text);
}
