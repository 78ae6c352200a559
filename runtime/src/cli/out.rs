//! Where a command's results go.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind, Write};

use gristmill_core::visible::visible_lines;

use super::url_passwords::without_passwords;

/// Standard output, or in tests a text. Renderers write to it and return its errors.
pub(crate) type Out<'a> = &'a mut (dyn Write + Send);

/// The exit code of a program that SIGPIPE ends, which is what a shell shows for it.
pub(super) const NO_READER_CODE: u8 = 141;

/// Whoever read the output has seen enough and closed it, as `head` does.
#[derive(Debug)]
pub(super) struct NoReader;

impl fmt::Display for NoReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl std::error::Error for NoReader {}

/// Says a problem on standard error, in lines of its own.
pub(super) fn complain(problem: &str) {
    // Where nobody can read it there is nowhere to say so.
    let problem = without_passwords(problem);
    let _ = writeln!(io::stderr(), "{}", visible_lines(&problem));
}

/// Standard output. A reader that went away is an error of its own kind: servers close
/// connections, too, and that is no reason to end quietly.
pub(super) struct Stdout(io::Stdout);

impl Stdout {
    pub(super) fn new() -> Self {
        Self(io::stdout())
    }
}

impl Write for Stdout {
    /// What a terminal would obey is escaped, whoever wrote it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (text, taken) = match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::from(text), bytes.len()),
            // A character that was cut comes whole with the next call.
            Err(error) if error.valid_up_to() > 0 => {
                let whole = &bytes[..error.valid_up_to()];
                (String::from_utf8_lossy(whole), whole.len())
            }
            Err(_) => (String::from_utf8_lossy(bytes), bytes.len()),
        };
        self.0
            .write_all(visible_lines(&text).as_bytes())
            .map_err(marked)?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(marked)
    }
}

fn marked(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => io::Error::new(ErrorKind::BrokenPipe, NoReader),
        _ => error,
    }
}

/// Whether the command ended because nobody reads its output.
pub(super) fn is_unread(error: &anyhow::Error) -> bool {
    let is_it = |cause: &io::Error| cause.get_ref().is_some_and(|inner| inner.is::<NoReader>());
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(is_it)
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, Error};

    use super::*;

    #[test]
    fn only_a_closed_output_ends_a_command_quietly() {
        let closed = Error::from(marked(ErrorKind::BrokenPipe.into())).context("listing");
        assert!(is_unread(&closed));
        let server = Err::<(), _>(io::Error::from(ErrorKind::BrokenPipe)).context("asking");
        assert!(!is_unread(&server.unwrap_err()));
    }
}
