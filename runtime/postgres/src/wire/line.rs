//! A socket that knows since when it waits for an answer.
//!
//! The kernel answers for a server that is frozen: neither keepalives nor `tcp_user_timeout` notice
//! one, and a server's own time limits are frozen with it.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;

/// What instants are counted from.
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One connection, as whoever watches it sees it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Milliseconds since [`BEGUN`], plus one; 0: nothing was asked, or it is answered.
    asked_at: AtomicU64,
    /// Ends the task that serves the connection.
    serves: OnceLock<AbortHandle>,
}

impl Line {
    /// Since when an answer is waited for.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        let asked_at = self.asked_at.load(Ordering::Relaxed).checked_sub(1)?;
        Some(*BEGUN + Duration::from_millis(asked_at))
    }

    /// What ends it: whoever waits for an answer gets an error.
    pub(crate) fn served_by(&self, task: AbortHandle) {
        let _ = self.serves.set(task);
    }

    pub(crate) fn cut(&self) {
        if let Some(task) = self.serves.get() {
            task.abort();
        }
    }

    fn asked(&self) {
        let now = BEGUN.elapsed().as_millis() as u64 + 1;
        let (order, asked_at) = (Ordering::Relaxed, &self.asked_at);
        let _ = asked_at.compare_exchange(0, now, order, order);
    }

    fn answered(&self) {
        self.asked_at.store(0, Ordering::Relaxed);
    }
}

/// A connection to a server.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket, and what is known of its line.
pub(crate) struct WatchedSocket {
    socket: Socket,
    line: Arc<Line>,
    greeting: Greeting,
}

impl WatchedSocket {
    pub(crate) fn new(socket: Socket, line: Arc<Line>) -> Self {
        let greeting = match socket {
            Socket::Tcp(_) => Greeting::Expected(Vec::new()),
            // Nobody listens in.
            Socket::Unix(_) => Greeting::Over,
        };
        Self {
            socket,
            line,
            greeting,
        }
    }
}

/// What a server says first.
enum Greeting {
    /// As much as has come.
    Expected(Vec<u8>),
    Over,
}

/// An answer of one byte to the wish for encryption, `R`, a length and the kind of password.
const GREETING_MAX: usize = 10;
const CLEARTEXT: [u8; 4] = 3_u32.to_be_bytes();

impl Greeting {
    /// Refuses a server that asks for the password itself, unencrypted. `bytes` are what came.
    fn heard(&mut self, bytes: &[u8]) -> Result<()> {
        let Self::Expected(heard) = self else {
            return Ok(());
        };
        heard.extend(bytes.iter().take(GREETING_MAX - heard.len()));
        let message = heard.strip_prefix(b"N").unwrap_or(heard);
        match message {
            [b'R', _, _, _, _, kind @ ..] if kind.starts_with(&CLEARTEXT) => {
                return Err(Error::new(
                    ErrorKind::PermissionDenied,
                    "the server asks for the password itself over a connection that is not \
                     encrypted: use sslmode=verify-full, or let it ask for scram-sha-256 in \
                     pg_hba.conf",
                ));
            }
            [] => {}
            [b'R', rest @ ..] if rest.len() < 8 => {}
            _ => *self = Self::Over,
        }
        Ok(())
    }
}

impl AsyncRead for WatchedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buf.filled().len();
        ready!(match &mut self.socket {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Socket::Unix(unix) => Pin::new(unix).poll_read(cx, buf),
        })?;
        let came = &buf.filled()[before..];
        if !came.is_empty() {
            self.line.answered();
            self.greeting.heard(came)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.line.asked();
        match &mut self.socket {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Socket::Unix(unix) => Pin::new(unix).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.socket {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Socket::Unix(unix) => Pin::new(unix).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.socket {
            Socket::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Socket::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeted(pieces: &[&[u8]]) -> bool {
        let mut greeting = Greeting::Expected(Vec::new());
        pieces.iter().all(|piece| greeting.heard(piece).is_ok())
    }

    #[test]
    fn a_wish_for_the_bare_password_is_refused_however_it_is_cut() {
        let cleartext = b"R\0\0\0\x08\0\0\0\x03";
        assert!(!greeted(&[cleartext]));
        assert!(!greeted(&[b"N", cleartext]));
        assert!(!greeted(&[b"NR\0", b"\0\0\x08\0\0", b"\0\x03"]));
        for other in [
            &b"R\0\0\0\x0c\0\0\0\x05salt"[..],
            b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
            b"R\0\0\0\x08\0\0\0\0R\0\0\0\x08\0\0\0\x03",
            b"E\0\0\0\x08\0\0\0\x03",
            b"S\x16\x03\x03",
        ] {
            assert!(greeted(&[other]), "{other:?}");
        }
    }
}
