//! Files of change events: a JSON array, or one event a line.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gristmill_core::record::{Record, Records};
use jiff::Timestamp;
use serde_json::{Value, json};

/// One event as a record, and where it stands.
#[derive(Clone)]
pub struct PlacedEvent {
    /// `events.json:3`, or `topic/partition/offset`.
    pub place: String,
    /// One record.
    pub record: Records,
}

/// One event of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEvent<'a> {
    /// Where it begins, from 1.
    pub line: usize,
    /// The bytes as they stand in the file.
    pub text: &'a str,
}

/// Cuts a file into its events. An array's elements may span lines; without an array every line
/// that is not blank is one. A malformed one ends where its array or line ends: whoever reads it
/// tells what is wrong with it.
pub fn entries(text: &str) -> Vec<FileEvent<'_>> {
    let body = text.trim_start_matches('\u{feff}').trim();
    match body.strip_prefix('[') {
        Some(inner) => elements(text, inner.strip_suffix(']').unwrap_or(inner)),
        None => text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim_start_matches('\u{feff}').trim()))
            .filter(|(_, line)| !line.is_empty())
            .map(|(line, text)| FileEvent { line, text })
            .collect(),
    }
}

/// The elements of `inner`, a part of `text`: parted by the commas that stand in no string, object
/// or list. A JSON reader would stop at the first malformed element, and `produce` names them all.
fn elements<'a>(text: &'a str, inner: &'a str) -> Vec<FileEvent<'a>> {
    let mut commas = Vec::new();
    let (mut depth, mut in_string, mut escaped) = (0i32, false, false);
    for (i, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => commas.push(i),
            _ => {}
        }
    }
    let mut entries = Vec::new();
    let (mut start, mut line, mut counted) = (0, 1, 0);
    let base = inner.as_ptr().addr() - text.as_ptr().addr();
    for end in commas.into_iter().chain([inner.len()]) {
        let element = &inner[start..end];
        let at = base + start + (element.len() - element.trim_start().len());
        line += text[counted..at].matches('\n').count();
        counted = at;
        start = end + 1;
        if !element.trim().is_empty() {
            let text = element.trim();
            entries.push(FileEvent { line, text });
        }
    }
    entries
}

/// The first `limit` events of a file, a JSON array or one event a line, and how many there are.
pub fn read(path: &Path, limit: usize) -> Result<(Vec<PlacedEvent>, usize)> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let entries = entries(&text);
    ensure!(
        !entries.is_empty(),
        "there is no event in {}: write a JSON array, or one event a line",
        path.display()
    );
    let now_ms = Timestamp::now().as_millisecond();
    let event = |(i, entry): (usize, &FileEvent)| {
        let mut record = Records::default();
        let value = Some(entry.text.as_bytes());
        record.push(i as i64, Some(now_ms), None, value, std::iter::empty());
        PlacedEvent {
            place: format!("{}:{}", path.display(), entry.line),
            record,
        }
    };
    let events = entries.iter().enumerate().take(limit).map(event).collect();
    Ok((events, entries.len()))
}

/// The events of a file as a rule's cases have them: the row of each for an enricher, of a delete
/// the one before; the document for a normalizer.
pub fn rows(path: &Path, is_normalizer: bool) -> Result<Vec<Value>> {
    let (events, _) = read(path, usize::MAX)?;
    let row = |event: PlacedEvent| {
        let value = event.record.get(0).value;
        let value = value.map_or_else(Cow::default, |value| value.whole());
        let event: Value = serde_json::from_slice(&value).with_context(|| event.place)?;
        Ok(match is_normalizer {
            true => json!({"value": event}),
            false => image(event),
        })
    };
    events.into_iter().map(row).collect()
}

/// The row in an event: `after`, else `before`, else the event.
fn image(mut event: Value) -> Value {
    let mut take = |name| {
        event
            .get_mut(name)
            .filter(|row| row.is_object())
            .map(Value::take)
    };
    let row = take("after").or_else(|| take("before"));
    row.unwrap_or(event)
}

/// A record with another value in the place of its own.
pub fn with_value(record: Record<'_>, value: &[u8]) -> Records {
    let mut records = Records::default();
    let Record {
        offset,
        timestamp_ms,
        key,
        ..
    } = record;
    records.push(offset, timestamp_ms, key, Some(value), record.headers());
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(usize, &str)> {
        entries(text).iter().map(|e| (e.line, e.text)).collect()
    }

    #[test]
    fn arrays_and_lines_are_cut_with_their_line_numbers() {
        assert_eq!(cut("[]"), []);
        assert_eq!(cut(" \n"), []);
        assert_eq!(
            cut("[\n  {\"a\": [1, 2]},\n\n  {\n\"b\": \",]\\\",{\"}\n, 3]\n"),
            [
                (2, "{\"a\": [1, 2]}"),
                (4, "{\n\"b\": \",]\\\",{\"}"),
                (6, "3")
            ]
        );
        assert_eq!(
            cut("\u{feff}{\"a\":1}\n\n  x \n"),
            [(1, "{\"a\":1}"), (3, "x")]
        );
        // An array that is not closed: its last element says what is wrong.
        assert_eq!(cut("[1,\n{"), [(1, "1"), (2, "{")]);
    }
}
