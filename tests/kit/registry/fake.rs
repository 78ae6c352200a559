//! A schema registry that answers as a test wants it to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// What it answers, by path; other paths are unknown to it.
#[derive(Debug, Default)]
struct Answers {
    bodies: BTreeMap<String, String>,
    /// Instead of all else.
    fault: Option<Fault>,
    asked: Vec<Asked>,
}

/// What is wrong with it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It answers everything with this status, and this body.
    Status(u16, String),
    /// It takes this long.
    Slow(Duration),
    /// It hangs up.
    Silent,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// All lines of the head, as sent.
    pub head: Vec<String>,
}

/// Listens until the process ends.
#[derive(Debug)]
pub struct FakeRegistry {
    port: u16,
    answers: Arc<Mutex<Answers>>,
}

impl FakeRegistry {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let answers = Arc::<Mutex<Answers>>::default();
        let shared = Arc::clone(&answers);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || answer(client, &shared));
            }
        });
        Ok(Self { port, answers })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers `path` with `body` from now on.
    pub fn put(&self, path: &str, body: impl Into<String>) {
        let mut answers = lock(&self.answers);
        answers.bodies.insert(path.to_owned(), body.into());
    }

    /// Is at fault from now on; `None`: no longer.
    pub fn set(&self, fault: Option<Fault>) {
        lock(&self.answers).fault = fault;
    }

    /// All questions so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.answers).asked.clone()
    }
}

fn answer(mut client: TcpStream, answers: &Mutex<Answers>) -> Option<()> {
    let mut lines = BufReader::new(client.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let head = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    let head = head.collect();
    let (fault, body) = {
        let mut answers = lock(answers);
        let body = answers.bodies.get(&path).cloned();
        answers.asked.push(Asked { path, head });
        (answers.fault.clone(), body)
    };
    let unknown = || {
        (
            404,
            r#"{"error_code":40403,"message":"Schema not found"}"#.to_owned(),
        )
    };
    let (status, body) = match fault {
        Some(Fault::Silent) => return None,
        Some(Fault::Status(status, body)) => (status, body),
        Some(Fault::Slow(wait)) => {
            thread::sleep(wait);
            body.map_or_else(unknown, |body| (200, body))
        }
        None => body.map_or_else(unknown, |body| (200, body)),
    };
    let length = body.len();
    let location = match status {
        300..=399 => "Location: http://127.0.0.1:1/elsewhere\r\n",
        _ => "",
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\n{location}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    client.write_all(head.as_bytes()).ok()?;
    client.write_all(body.as_bytes()).ok()
}

fn lock(answers: &Mutex<Answers>) -> std::sync::MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}
