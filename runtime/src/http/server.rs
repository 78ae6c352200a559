//! Answers to GET and HEAD. Each connection asks once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::readiness;
use crate::handles::metrics::{Running, as_prometheus};
use crate::handles::{HostedDatabase, HostedPipeline, Metrics};

/// Whoever needs longer to ask, or to read the answer, is no collector.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Connections at a time: with more the oldest is cut, which says nothing, as an answer takes
/// milliseconds. A collector, a probe and a person are three.
const CONNECTIONS_MAX: usize = 32;
/// The longest head of a request: browsers send some hundred bytes.
const HEAD_MAX_BYTES: usize = 16 << 10;
/// After the listener has failed: out of file descriptors, as a rule.
const FAILED_WAIT: Duration = Duration::from_secs(1);

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is answered about.
pub struct Observed {
    pub metrics: Arc<Metrics>,
    pub databases: Vec<Arc<HostedDatabase>>,
}

/// Answers whoever connects to `listener`, for ever.
pub async fn serve(listener: TcpListener, watched: Observed) {
    let watched = Arc::new(watched);
    let mut connections: VecDeque<JoinHandle<()>> = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.retain(|connection| !connection.is_finished());
                if connections.len() >= CONNECTIONS_MAX
                    && let Some(oldest) = connections.pop_front()
                {
                    oldest.abort();
                }
                let watched = Arc::clone(&watched);
                connections.push_back(tokio::spawn(async move {
                    // A client that goes away is no trouble of ours.
                    let _ = timeout(ANSWER_MAX, answer(stream, &watched)).await;
                }));
            }
            Err(_) => tokio::time::sleep(FAILED_WAIT).await,
        }
    }
}

async fn answer(mut stream: TcpStream, watched: &Observed) -> std::io::Result<()> {
    const END: &[u8] = b"\r\n\r\n";
    let (mut head, mut looked_at) = (Vec::new(), 0);
    while !head[looked_at..].windows(END.len()).any(|end| end == END) {
        // Its end may have come in parts.
        looked_at = head.len().saturating_sub(END.len() - 1);
        if head.len() > HEAD_MAX_BYTES || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let answer = respond(&head, watched);
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// The whole answer to a request's head.
fn respond(head: &str, watched: &Observed) -> String {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    if !matches!(method, Some("GET" | "HEAD")) {
        return message("405 Method Not Allowed", TEXT, "GET and HEAD alone\n", true);
    }
    let has_body = method == Some("GET");
    match path {
        "/healthz" => message("200 OK", TEXT, "ok\n", has_body),
        "/readyz" => {
            let reasons = readiness::reasons(&watched.databases);
            match reasons.is_empty() {
                true => message("200 OK", TEXT, "ready\n", has_body),
                false => {
                    let body = format!("not ready:\n{}\n", reasons.join("\n"));
                    message("503 Service Unavailable", TEXT, &body, has_body)
                }
            }
        }
        "/metrics" => {
            let text = metrics(watched);
            match wants_open_metrics(head) {
                true => message("200 OK", OPEN_METRICS, &text, has_body),
                false => message("200 OK", PROMETHEUS, &as_prometheus(&text), has_body),
            }
        }
        _ => message(
            "404 Not Found",
            TEXT,
            "/healthz, /readyz, /metrics\n",
            has_body,
        ),
    }
}

fn metrics(watched: &Observed) -> String {
    let running = |pipeline: Arc<HostedPipeline>| {
        let partitions = pipeline.standings.all().into_iter();
        Running {
            pipeline: pipeline.name().to_owned(),
            active_revision: pipeline.fleet.rollout().active,
            partitions: partitions
                .map(|(p, standing)| (p, standing.state))
                .collect(),
        }
    };
    let all = watched.databases.iter().flat_map(|d| d.pipelines.all());
    let now: Vec<_> = all.map(running).collect();
    watched.metrics.open_metrics(&now)
}

fn wants_open_metrics(head: &str) -> bool {
    let accepts = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let is_accept = name.eq_ignore_ascii_case("accept");
        Some(is_accept && value.contains("application/openmetrics-text"))
    };
    head.lines().any(|line| accepts(line) == Some(true))
}

fn message(status: &str, kind: &str, body: &str, has_body: bool) -> String {
    let length = body.len();
    let body = if has_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
}
