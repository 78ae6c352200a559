//! The way of a log line to standard error: by a thread of its own, so that nothing else waits
//! where nobody reads, and nothing fails where nobody can.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use gristmill_core::visible::visible_lines;
use tracing_subscriber::fmt::MakeWriter;

use super::url_passwords::without_passwords;

/// Lines that wait for a slow reader, a second's worth of a busy process at the debug level. More
/// are dropped and counted.
const LINES_MAX: usize = 4_096;
/// How long the end of a process waits for the last lines to be written.
const FLUSH_WAIT: Duration = Duration::from_millis(500);
const FLUSH_STEP: Duration = Duration::from_millis(2);

/// Hands lines to the thread that writes them.
#[derive(Clone)]
pub(super) struct LogWriter {
    lines: SyncSender<Vec<u8>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    done: AtomicU64,
    /// Not taken since it was last said.
    dropped: AtomicU64,
}

impl LogWriter {
    /// A writer to standard error. Where no thread can be had, nothing is logged.
    pub(super) fn start() -> Self {
        let (lines, waiting) = sync_channel(LINES_MAX);
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let _ = thread.spawn(move || write_all(&waiting, &counted, io::stderr()));
        Self { lines, counts }
    }

    /// Writes a line that is no log record.
    pub(super) fn line(&self, text: &str) {
        let text = without_passwords(text);
        self.send(format!("{}\n", visible_lines(&text)).into_bytes());
    }

    /// Waits for what was sent to be written, for a moment: a reader that is gone, or does not
    /// read, holds no exit up.
    pub(super) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_WAIT;
        let Counts { sent, done, .. } = &*self.counts;
        while done.load(Ordering::Acquire) < sent.load(Ordering::Acquire)
            && Instant::now() < deadline
        {
            std::thread::sleep(FLUSH_STEP);
        }
    }

    fn send(&self, line: Vec<u8>) {
        self.counts.sent.fetch_add(1, Ordering::AcqRel);
        let sent = self.lines.try_send(line);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sent {
            self.counts.done.fetch_add(1, Ordering::AcqRel);
            self.counts.dropped.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Writes lines until all senders are gone. What cannot be written is lost: there is nowhere to
/// say so.
fn write_all(lines: &Receiver<Vec<u8>>, counts: &Counts, mut out: impl Write) {
    for line in lines {
        let dropped = counts.dropped.swap(0, Ordering::AcqRel);
        if dropped > 0 {
            let _ = writeln!(
                out,
                "{{\"level\":\"WARN\",\"message\":\"{dropped} lines of the log were dropped: \
                 standard error is read too slowly\"}}"
            );
        }
        let _ = out.write_all(shown(&line).as_bytes());
        counts.done.fetch_add(1, Ordering::AcqRel);
    }
}

/// A record as people may see it: what others said in it begins no line of its own and tells a
/// terminal nothing. The colours that the log itself sets stay.
fn shown(record: &[u8]) -> String {
    let text = String::from_utf8_lossy(record);
    let (text, end) = match text.strip_suffix('\n') {
        Some(text) => (text, "\n"),
        None => (&*text, ""),
    };
    let mut out = String::with_capacity(record.len());
    for (i, piece) in text.split('\u{1b}').enumerate() {
        let colour = piece
            .strip_prefix('[')
            .and_then(|rest| rest.split_once('m'));
        let is_colour =
            |(code, _): &(&str, &str)| code.bytes().all(|b| b";0123456789".contains(&b));
        match (i, colour.filter(is_colour)) {
            (0, _) => {}
            (_, Some(_)) => out.push('\u{1b}'),
            (_, None) => out.push_str("\\u001b"),
        }
        out.push_str(&visible_lines(piece));
    }
    without_passwords(&out).replace('\n', "\n    ") + end
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

impl Write for &LogWriter {
    /// A record is written by one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails as /dev/full does, or blocks as a pipe that nobody reads.
    struct Broken(Option<Duration>);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            if let Some(time) = self.0 {
                std::thread::sleep(time);
            }
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_begins_one_line_and_tells_a_terminal_nothing_but_colours() {
        let record = "\u{1b}[32mINFO\u{1b}[0m a\nERROR forged \u{1b}]0;t\u{7} \u{202e}x\n";
        assert_eq!(
            shown(record.as_bytes()),
            "\u{1b}[32mINFO\u{1b}[0m a\n    ERROR forged \\u001b]0;t\\u0007 \\u202ex\n"
        );
        assert_eq!(shown(b"\xff\n"), "\u{fffd}\n");
    }

    #[test]
    fn who_logs_never_waits_and_never_fails() {
        for broken in [Broken(None), Broken(Some(Duration::from_secs(60)))] {
            let (lines, waiting) = sync_channel(4);
            let counts = Arc::new(Counts::default());
            let counted = Arc::clone(&counts);
            std::thread::spawn(move || write_all(&waiting, &counted, broken));
            let writer = LogWriter { lines, counts };
            let begun = Instant::now();
            for _ in 0..1_000 {
                (&writer).write_all(b"a line\n").unwrap();
            }
            writer.flush();
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
    }
}
