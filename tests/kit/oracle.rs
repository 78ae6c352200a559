//! What `users_enriched` and the dead letters must be, recomputed from the topic by other means
//! than the product: a document at a time, one map, no batches.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::topic::Message;

/// How far ahead of the clock, by default, an event time may be: 5 minutes.
const FUTURE_MAX_MS: i64 = 5 * 60 * 1000;

const COUNTRIES: [(&str, &str); 4] = [
    ("US", "United States"),
    ("IN", "India"),
    ("DE", "Germany"),
    ("SG", "Singapore"),
];
const CORPORATE: [&str; 3] = ["contoso.com", "autodesk.com", "company.com"];

/// A row of `users_enriched`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub user_id: i64,
    pub name: Option<String>,
    pub email: Option<String>,
    pub email_domain: Option<String>,
    pub country_code: Option<String>,
    pub country_name: Option<String>,
    pub is_corporate: bool,
    pub is_deleted: bool,
    /// Microseconds since the Unix epoch.
    pub updated_at_us: i64,
    /// The record that it comes from.
    pub partition: i32,
    pub offset: i64,
}

/// The state that the events lead to, in whatever order and however often they are processed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// By `user_id`.
    pub users: BTreeMap<i64, User>,
    /// The code of each bad record, by partition and offset.
    pub dead_letters: BTreeMap<(i32, i64), &'static str>,
    /// Records in all.
    pub records: usize,
}

/// What `messages`, in any order, lead to when they are judged at `now_ms`. Records above
/// `record_max_bytes` are refused.
pub fn expected(messages: &[Message], now_ms: i64, record_max_bytes: usize) -> Expected {
    let mut expected = Expected {
        records: messages.len(),
        ..Expected::default()
    };
    let mut versions = BTreeMap::new();
    for message in messages {
        let Some(value) = &message.value else {
            continue;
        };
        let position = (message.partition, message.offset);
        let users = match size(message) > record_max_bytes {
            true => Err("too-large"),
            false => event(value, position).and_then(|users| in_time(users, now_ms)),
        };
        match users {
            Err(code) => _ = expected.dead_letters.insert(position, code),
            Ok(users) => {
                for user in users {
                    let version = (user.updated_at_us, position);
                    let newest = versions
                        .get(&user.user_id)
                        .is_none_or(|known| *known <= version);
                    if newest {
                        versions.insert(user.user_id, version);
                        expected.users.insert(user.user_id, user);
                    }
                }
            }
        }
    }
    expected
}

/// The rows that an event makes: two when an update changes the key. The error is a dead letter's
/// code.
fn event(bytes: &[u8], position: (i32, i64)) -> Result<Vec<User>, &'static str> {
    let document: Value = serde_json::from_slice(bytes).map_err(|_| "malformed")?;
    if !document.is_object() && !document.is_null() {
        return Err("wrong-type");
    }
    let op = text(&document, "op")?;
    let time_ms = integer(&document, "timestamp_ms")?;
    let before = image(&document["before"])?;
    let after = image(&document["after"])?;
    let (row, is_deleted) = match op.as_deref() {
        Some("c" | "r" | "u") => (after, false),
        Some("d") => (before.clone(), true),
        _ => return Err("unknown-op"),
    };
    let row = row.ok_or("missing-row")?;
    let user_id = row.user_id.ok_or("missing-key")?;
    let time_ms = time_ms.ok_or("missing-time")?;
    let mut users = Vec::new();
    if let (Some("u"), Some(before)) = (op.as_deref(), before)
        && let Some(old) = before.user_id
        && old != user_id
    {
        users.push(before.into_user(old, true, time_ms, position));
    }
    users.push(row.into_user(user_id, is_deleted, time_ms, position));
    Ok(users)
}

/// A row as the source has it.
#[derive(Clone)]
struct Image {
    user_id: Option<i64>,
    name: Option<String>,
    email: Option<String>,
    country_code: Option<String>,
}

impl Image {
    fn into_user(
        self,
        user_id: i64,
        is_deleted: bool,
        time_ms: i64,
        (partition, offset): (i32, i64),
    ) -> User {
        let domain = self
            .email
            .as_deref()
            .and_then(|e| e.split('@').skip(1).last())
            .filter(|d| !d.is_empty())
            .map(str::to_owned);
        let country = COUNTRIES
            .iter()
            .find(|(code, _)| self.country_code.as_deref() == Some(code));
        User {
            user_id,
            name: self.name,
            email: self.email,
            is_corporate: domain
                .as_deref()
                .is_some_and(|d| CORPORATE.contains(&d.to_ascii_lowercase().as_str())),
            email_domain: domain,
            country_code: self.country_code,
            country_name: country.map(|(_, name)| (*name).to_owned()),
            is_deleted,
            updated_at_us: time_ms * 1000,
            partition,
            offset,
        }
    }
}

/// `None` where there is no row: null, missing, or an object with none of its columns.
fn image(value: &Value) -> Result<Option<Image>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::Object(fields) => {
            let image = Image {
                user_id: integer(value, "user_id")?,
                name: text(value, "name")?,
                email: text(value, "email")?,
                country_code: text(value, "country_code")?,
            };
            let says_something = ["user_id", "name", "email", "country_code"]
                .iter()
                .any(|c| fields.contains_key(*c));
            Ok(says_something.then_some(image))
        }
        _ => Err("wrong-type"),
    }
}

fn text(object: &Value, name: &str) -> Result<Option<String>, &'static str> {
    match &object[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.contains('\0') => Err("zero-byte"),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err("wrong-type"),
    }
}

fn integer(object: &Value, name: &str) -> Result<Option<i64>, &'static str> {
    match &object[name] {
        Value::Null => Ok(None),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Ok(Some(integer)),
            // 7.0 is an integer as long as a double can tell it from its neighbours.
            (None, Some(float))
                if number.is_f64() && float.fract() == 0.0 && float.abs() <= 2f64.powi(53) =>
            {
                Ok(Some(float as i64))
            }
            _ => Err("wrong-type"),
        },
        _ => Err("wrong-type"),
    }
}

/// The host's own bounds: neither before the epoch nor in the future.
fn in_time(users: Vec<User>, now_ms: i64) -> Result<Vec<User>, &'static str> {
    let times = || users.iter().map(|u| u.updated_at_us / 1000);
    if times().any(|time_ms| time_ms > now_ms + FUTURE_MAX_MS) {
        return Err("future-time");
    }
    if times().any(|time_ms| time_ms < 0) {
        return Err("before-floor");
    }
    Ok(users)
}

/// Key, value and headers together.
fn size(message: &Message) -> usize {
    let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
    let headers: usize = message
        .headers
        .iter()
        .map(|(name, value)| name.len() + length(value))
        .sum();
    length(&message.key) + length(&message.value) + headers
}

#[cfg(test)]
mod tests;
