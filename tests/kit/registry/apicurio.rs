//! A real schema registry: Apicurio, from the jars that `make setup-registry` fetches. It speaks
//! Confluent's API, too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use gristmill_core::decode::{Schema, SchemaKind, SchemaText};

use crate::process::{Folder, Process, free_port, wait_until};
use crate::topic::Message;

/// Two seconds on a quiet machine; the rest is for one whose cores are all compiling.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A registry of its own, with its database in a file. Killed when dropped.
#[derive(Debug)]
pub struct Apicurio {
    port: u16,
    process: Option<Process>,
    folder: Folder,
}

impl Apicurio {
    /// Starts one, and waits until it answers.
    pub fn start() -> Result<Self> {
        let mut apicurio = Self {
            port: free_port()?,
            process: None,
            folder: Folder::new("gristmill-registry-")?,
        };
        apicurio.run()?;
        Ok(apicurio)
    }

    /// Starts it again at the same port, with all that was registered.
    pub fn run(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("registry.log"))?;
        let mut command = java()?;
        let database = self.folder.path().join("registry");
        command
            .arg("-Xmx400m")
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg("-Dquarkus.http.host=127.0.0.1")
            .arg(format!("-Dquarkus.http.port={}", self.port))
            .env(
                "REGISTRY_DATASOURCE_URL",
                format!("jdbc:h2:file:{}", database.display()),
            )
            .arg("-jar")
            .arg(jar())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.process = Some(Process::spawn(&mut command, "KILL")?);
        wait_until("the registry to answer", START_TIMEOUT, || {
            Ok(self.get("/apis/registry/v2/system/info").is_ok())
        })
        .with_context(|| crate::process::tail(&self.folder.path().join("registry.log")))
    }

    /// Kills it as a machine dies.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Where Confluent's API begins.
    pub fn confluent_url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// Where its own API begins.
    pub fn own_url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/registry/v2", self.port)
    }

    /// Registers a schema under Confluent's API: the body as that wants it. Returns its id.
    pub fn register(&self, subject: &str, body: &serde_json::Value) -> Result<u32> {
        let path = format!("/apis/ccompat/v7/subjects/{subject}/versions");
        let answer = self.curl(&path, Some(&body.to_string()))?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        let id = answer["id"].as_u64();
        Ok(id.with_context(|| answer.to_string())?.try_into()?)
    }

    /// Messages in Avro as the JSON that they say.
    pub fn in_json(&self, messages: Vec<Message>) -> Result<Vec<Message>> {
        let mut schemas = HashMap::new();
        let mut read = |part: Option<Vec<u8>>| -> Result<Option<Vec<u8>>> {
            let Some(bytes) = part else {
                return Ok(None);
            };
            let Some((&[0, a, b, c, d], value)) = bytes.split_first_chunk() else {
                bail!("it has no schema: {bytes:?}");
            };
            let id = u32::from_be_bytes([a, b, c, d]);
            if let Entry::Vacant(entry) = schemas.entry(id) {
                entry.insert(self.schema(id)?);
            }
            let json = schemas[&id].to_json(value).map_err(Error::msg)?;
            Ok(Some(json.into_bytes()))
        };
        let messages = messages.into_iter();
        let in_json = |message: Message| {
            Ok(Message {
                key: read(message.key)?,
                value: read(message.value)?,
                ..message
            })
        };
        messages.map(in_json).collect()
    }

    fn schema(&self, id: u32) -> Result<Schema> {
        let answer = self.get(&format!("/apis/ccompat/v7/schemas/ids/{id}"))?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        let text = SchemaText {
            kind: SchemaKind::Avro,
            text: answer["schema"].as_str().context("no schema")?.to_owned(),
            references: Vec::new(),
        };
        Ok(Schema::parse(&text)?)
    }

    fn get(&self, path: &str) -> Result<String> {
        self.curl(path, None)
    }

    fn curl(&self, path: &str, body: Option<&str>) -> Result<String> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail-with-body", "--max-time", "10"]);
        if let Some(body) = body {
            command.args(["-H", "Content-Type: application/json", "-d", body]);
        }
        command.arg(format!("http://127.0.0.1:{}{path}", self.port));
        let out = command.output()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        ensure!(out.status.success(), "{path}: {text}");
        Ok(text)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/registry-libs")
}

fn jar() -> PathBuf {
    folder().join("apicurio-registry-app-2.6.13.Final-runner.jar")
}

fn java() -> Result<Command> {
    ensure!(
        jar().exists(),
        "the registry's jars are not in target/registry-libs: `make setup-registry`"
    );
    Ok(Command::new("java"))
}
