//! What a source sent and what it held in the end, in a file.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::design::Table;
use crate::debezium::modes::Modes;
use crate::debezium::shape::Shape;
use crate::topic::Message;

/// A table's rows, each cell as PostgreSQL's text; null is none.
pub type Rows = Vec<Vec<Option<String>>>;

/// The records of one table, and the table that they must lead to.
#[derive(Clone, Debug)]
pub struct Stream {
    pub head: Head,
    /// By time, as near as the topic tells it; in each partition by offset.
    pub messages: Vec<Message>,
    pub rows: Rows,
}

/// What is known beside records and rows.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Head {
    /// Of table and workload. The server's timing is not in it, so it repeats them and not the
    /// records.
    pub seed: u64,
    pub shape: Shape,
    pub modes: Modes,
    pub table: Table,
    pub partitions: i32,
    /// Whether the table may have been emptied.
    pub truncates: bool,
}

/// A record, as a line of the file has it. Connect's JSON is text.
#[derive(Deserialize, Serialize)]
struct Line {
    #[serde(rename = "p")]
    partition: i32,
    #[serde(rename = "t")]
    timestamp_ms: Option<i64>,
    #[serde(rename = "k")]
    key: Option<String>,
    #[serde(rename = "v")]
    value: Option<String>,
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, Option<String>)>,
}

impl Stream {
    /// Puts records of several partitions in the order in which they came, as near as the topic
    /// tells it, and never against that of a partition.
    pub fn in_order(mut messages: Vec<Message>) -> Vec<Message> {
        messages.sort_by_key(|m| (m.partition, m.offset));
        let (mut partition, mut newest) = (0, None);
        let mut timed: Vec<_> = messages
            .into_iter()
            .map(|message| {
                if message.partition != partition {
                    (partition, newest) = (message.partition, None);
                }
                newest = newest.max(message.timestamp_ms);
                (newest, message)
            })
            .collect();
        timed.sort_by_key(|(time, _)| *time);
        timed.into_iter().map(|(_, message)| message).collect()
    }

    /// Writes it: a line with the head, one with the rows, and one for each record, through gzip.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string(&self.head)? + "\n";
        text += &(serde_json::to_string(&self.rows)? + "\n");
        for message in &self.messages {
            text += &(serde_json::to_string(&Line::new(message)?)? + "\n");
        }
        let mut gzip = Command::new("gzip")
            .args(["-9", "--no-name"])
            .stdin(Stdio::piped())
            .stdout(File::create(path)?)
            .spawn()
            .context("cannot start gzip")?;
        let mut input = gzip.stdin.take().context("gzip's input")?;
        input.write_all(text.as_bytes())?;
        drop(input);
        ensure!(gzip.wait()?.success(), "gzip failed");
        Ok(())
    }

    /// Reads what [`Stream::write`] wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let output = Command::new("gzip")
            .arg("-dc")
            .arg(path)
            .output()
            .context("cannot start gzip: `make setup-debezium`")?;
        ensure!(output.status.success(), "{} is no gzip", path.display());
        let text = String::from_utf8(output.stdout)?;
        let mut lines = text.lines();
        let mut next = || lines.next().context("the file ends early");
        let (head, rows) = (
            serde_json::from_str(next()?)?,
            serde_json::from_str(next()?)?,
        );
        let messages = lines
            .map(|line| Ok(serde_json::from_str::<Line>(line)?.message()))
            .collect::<Result<_>>()?;
        Ok(Self {
            head,
            messages,
            rows,
        })
    }
}

impl Line {
    fn new(message: &Message) -> Result<Self> {
        let text = |bytes: &Option<Vec<u8>>| -> Result<Option<String>> {
            Ok(bytes.clone().map(String::from_utf8).transpose()?)
        };
        // The connector's own, which differ in every run and say nothing of the row.
        let ours = |name: &&(String, Option<Vec<u8>>)| !name.0.starts_with("__debezium.context.");
        let headers = message.headers.iter().filter(ours);
        Ok(Self {
            partition: message.partition,
            timestamp_ms: message.timestamp_ms,
            key: text(&message.key)?,
            value: text(&message.value)?,
            headers: headers
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<_>>()?,
        })
    }

    fn message(self) -> Message {
        let headers = self.headers.into_iter();
        Message {
            partition: self.partition,
            offset: 0,
            timestamp_ms: self.timestamp_ms,
            key: self.key.map(Into::into),
            value: self.value.map(Into::into),
            headers: headers.map(|(n, v)| (n, v.map(Into::into))).collect(),
        }
    }
}
