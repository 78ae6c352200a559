//! A private, real Apache Kafka: one process that is broker and controller, from the jars that
//! `make setup-kafka` fetches.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::process::{Folder, Process, free_port, output, tail, wait_until};

/// Five seconds on a quiet machine; the rest is for one whose cores are all compiling.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// For the broker's answer to one admin request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A topic's creation or deletion reaches a single broker's metadata in milliseconds.
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);

/// A broker of its own in a temporary folder, on free ports. Killed and removed when dropped.
#[derive(Debug)]
pub struct Kafka {
    port: u16,
    controller_port: u16,
    server: Mutex<Option<Process>>,
    folder: Folder,
}

impl Kafka {
    /// Starts a broker and waits until it has created a topic: its port opens earlier than it can
    /// serve.
    pub fn start() -> Result<Self> {
        Self::start_with(|_| Ok(String::new()))
    }

    /// Also listens at the second address returned, where user `reader` with password `secret`
    /// (SASL PLAIN) may do nothing.
    pub fn start_with_acls() -> Result<(Self, String)> {
        let mut secured = String::new();
        let kafka = Self::start_with(|kafka| {
            secured = format!("127.0.0.1:{}", free_port()?);
            let listeners = format!(
                "PLAINTEXT://{},SASL_PLAINTEXT://{secured}",
                kafka.bootstrap()
            );
            let controller = kafka.controller_port;
            // The last line of a name wins.
            Ok([
                format!("listeners={listeners},CONTROLLER://127.0.0.1:{controller}"),
                format!("advertised.listeners={listeners}"),
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,\
                 SASL_PLAINTEXT:SASL_PLAINTEXT"
                    .to_owned(),
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
                    .to_owned(),
                "super.users=User:ANONYMOUS".to_owned(),
                "sasl.enabled.mechanisms=PLAIN".to_owned(),
                "listener.name.sasl_plaintext.plain.sasl.jaas.config=\
                 org.apache.kafka.common.security.plain.PlainLoginModule required \
                 user_reader=\"secret\";\n"
                    .to_owned(),
            ]
            .join("\n"))
        })?;
        Ok((kafka, secured))
    }

    fn start_with(further: impl FnOnce(&Self) -> Result<String>) -> Result<Self> {
        let kafka = Self {
            port: free_port()?,
            controller_port: free_port()?,
            server: Mutex::new(None),
            folder: Folder::new("gristmill-kafka-")?,
        };
        let settings = kafka.settings() + &further(&kafka)?;
        std::fs::write(kafka.properties(), settings)?;
        let mut format = java()?;
        // Any 16 bytes in base64 are a cluster id; the folder is ours alone.
        format
            .args([
                "kafka.tools.StorageTool",
                "format",
                "-t",
                "Z3Jpc3RtaWxsLXRlc3RzMQ",
                "-c",
            ])
            .arg(kafka.properties());
        output(&mut format)?;
        kafka.start_again()?;
        Ok(kafka)
    }

    /// One broker for all tests of this binary; each takes topics and groups of its own.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Kafka, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start().map_err(|e| format!("{e:#}")))
            .as_ref()
            .map_err(|e| anyhow!("{e}"))
    }

    /// `host:port`, for `bootstrap.servers`; the same after a restart.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Creates a topic with configs such as `("cleanup.policy", "compact")`, and waits until
    /// clients can see all its partitions.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        let admin = self.admin()?;
        let created = blocking(async { admin.create_topics([&topic], &options()).await })?;
        topic_result(created).with_context(|| format!("cannot create topic {name}"))?;
        wait_until(&format!("topic {name}"), METADATA_TIMEOUT, || {
            Ok(self.partitions(&admin, name)? == partitions as usize)
        })
    }

    /// Gives a topic so many partitions, more than it has, and waits until clients can see them.
    pub fn add_partitions(&self, topic: &str, partitions: i32) -> Result<()> {
        let admin = self.admin()?;
        let wanted = NewPartitions::new(topic, partitions as usize);
        let created = blocking(async { admin.create_partitions([&wanted], &options()).await })?;
        topic_result(created).with_context(|| format!("cannot add partitions to {topic}"))?;
        wait_until(&format!("partitions of {topic}"), METADATA_TIMEOUT, || {
            Ok(self.partitions(&admin, topic)? == partitions as usize)
        })
    }

    /// Deletes a topic and waits until clients no longer see it, so that it can be created again.
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        let admin = self.admin()?;
        let deleted = blocking(async { admin.delete_topics(&[name], &options()).await })?;
        topic_result(deleted).with_context(|| format!("cannot delete topic {name}"))?;
        wait_until(&format!("topic {name} to go"), METADATA_TIMEOUT, || {
            Ok(self.partitions(&admin, name)? == 0)
        })
    }

    /// Deletes the records below offset `before`, as retention does.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<()> {
        let admin = self.admin()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(before))?;
        let answer = blocking(async { admin.delete_records(&list, &options()).await })?;
        for element in answer.elements() {
            element.error().with_context(|| {
                format!("cannot delete records of {topic} partition {partition}")
            })?;
        }
        Ok(())
    }

    /// The server's process id. An error while it is stopped.
    pub fn id(&self) -> Result<u32> {
        let server = self.server.lock().expect("the lock of the server");
        Ok(server.as_ref().context("the server is stopped")?.id())
    }

    /// Ends it at once. Nothing acknowledged is lost: its log is on disk, or with the operating
    /// system.
    pub fn stop(&self) -> Result<()> {
        match self.server.lock().expect("the lock of the server").take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Starts it on the same data and ports after [`Kafka::stop`].
    pub fn start_again(&self) -> Result<()> {
        let log = self.folder.path().join("server.log");
        let file = File::options().create(true).append(true).open(&log)?;
        let mut command = java()?;
        command.arg("kafka.Kafka").arg(self.properties());
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let mut process = Process::spawn(&mut command, "KILL")?;
        let mut ended = None;
        wait_until("Kafka to create a topic", START_TIMEOUT, || {
            ended = process.exit_status()?;
            Ok(ended.is_some() || self.creates_topics()?)
        })
        .with_context(|| tail(&log))?;
        if let Some(status) = ended {
            bail!(
                "Kafka ended with {status} while it started:\n{}",
                tail(&log)
            );
        }
        *self.server.lock().expect("the lock of the server") = Some(process);
        Ok(())
    }

    /// The broker's log so far.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(
            self.folder.path().join("server.log"),
        )?)
    }

    fn creates_topics(&self) -> Result<bool> {
        let topic = NewTopic::new("ready", 1, TopicReplication::Fixed(1));
        let admin = self.admin()?;
        match blocking(async { admin.create_topics([&topic], &options()).await })?.pop() {
            Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(true),
            Some(Err((_, code))) => Err(anyhow!("{code}")),
            None => Ok(false),
        }
    }

    fn partitions(&self, admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<usize> {
        let metadata = admin.inner().fetch_metadata(None, REQUEST_TIMEOUT)?;
        let found = metadata.topics().iter().find(|t| t.name() == topic);
        Ok(found.map_or(0, |t| {
            t.partitions().iter().filter(|p| p.leader() >= 0).count()
        }))
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        // Its complaints while the broker is away are expected; what matters comes back as an
        // error.
        Ok(ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("log_level", "0")
            .create()?)
    }

    fn properties(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    fn settings(&self) -> String {
        include_str!("../kafka/server.properties")
            .replace("{broker}", &self.port.to_string())
            .replace("{controller}", &self.controller_port.to_string())
            .replace(
                "{data}",
                &self.folder.path().join("data").display().to_string(),
            )
    }
}

/// Java with Kafka's jars on its class path. One heap size fits all tests (100,000 small records);
/// the fast compiler alone halves the start.
fn java() -> Result<Command> {
    let jars = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/kafka-libs");
    if !jars.join("kafka_2.13-4.1.0.jar").exists() {
        bail!("Kafka's jars are not in target/kafka-libs: `make setup-kafka`");
    }
    if Command::new("java")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        bail!(
            "there is no java on the PATH: `make setup-kafka`, or `apt-get install \
             default-jre-headless`"
        );
    }
    let mut command = Command::new("java");
    command.args([
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
    ]);
    command.arg(jars.join("*"));
    Ok(command)
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT))
}

fn topic_result(results: Vec<rdkafka::admin::TopicResult>) -> Result<()> {
    for result in results {
        result.map_err(|(_, code)| anyhow!("{code}"))?;
    }
    Ok(())
}

/// Waits for `future` on a thread of its own: the caller may be a test with or without an async
/// runtime.
fn blocking<T: Send, E: Send>(future: impl Future<Output = Result<T, E>> + Send) -> Result<T>
where
    anyhow::Error: From<E>,
{
    let result = std::thread::scope(|scope| {
        let run = || {
            Ok::<_, std::io::Error>(
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?
                    .block_on(future),
            )
        };
        scope
            .spawn(run)
            .join()
            .expect("the thread of an admin request")
    })?;
    Ok(result?)
}

#[cfg(test)]
mod tests;
