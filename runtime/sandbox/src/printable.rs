//! Text of a component, fit for a terminal, a log and a text column in Postgres.

use gristmill_core::visible::is_hidden;

/// Longer messages are cut. 2 KiB: a panic with its location and a value or two.
pub(crate) const MESSAGE_MAX_BYTES: usize = 2 << 10;

/// Pairs of texts, each [`printable`].
pub(crate) fn printable_pairs(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let printable = |text: &str| printable(text, MESSAGE_MAX_BYTES);
    let pairs = pairs.iter();
    pairs.map(|(a, b)| (printable(a), printable(b))).collect()
}

/// What a component said, fit for a terminal, a log and a text column in Postgres: at most
/// `max_bytes` of it, and nothing that a terminal obeys but line breaks and tabs.
pub(crate) fn printable(message: &str, max_bytes: usize) -> String {
    let end = message.floor_char_boundary(max_bytes);
    let is_odd = |c: char| is_hidden(c) && !matches!(c, '\n' | '\t');
    let mut printable = message[..end].replace(is_odd, "\u{fffd}");
    if end < message.len() {
        printable.push_str(&format!("... ({} bytes)", message.len()));
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_or_odd_becomes_printable() {
        assert_eq!(printable("short\n", 6), "short\n");
        assert_eq!(printable("größer", 3), "gr... (8 bytes)");
        assert_eq!(printable("\u{1b}[2J\0", 9), "\u{fffd}[2J\u{fffd}");
        assert_eq!(printable("a\u{202e}b", 9), "a\u{fffd}b");
    }
}
