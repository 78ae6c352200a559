//! Change events like a real source's, made up: for load, benchmarks and tests. The same
//! specification gives the same events, byte for byte.

use std::io::Write;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// What to make up.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub events: u64,
    /// Users that the events are about; at least 1.
    pub keys: u32,
    pub seed: u64,
    /// Per cent of the events whose event time lies a minute to six hours behind.
    pub late_percent: f64,
    /// Per cent of the events that cannot be used, over all of [`BAD_KINDS`].
    pub bad_percent: f64,
}

/// One message: the user id in digits, and the event as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// What is wrong with a bad event, in the words of the dead letters' codes.
pub const BAD_KINDS: &[&str] = &[
    "malformed",
    "wrong-type",
    "unknown-op",
    "missing-key",
    "missing-time",
    "missing-row",
    "zero-byte",
];

/// When the first event happens: that of `data/sample_events.json`.
const START_MS: i64 = 1_726_531_200_000;
/// Time between two events: ten a second on average, so that 100,000 of them span more than the
/// lateness.
const STEP_MAX_MS: i64 = 200;
const LATE_MIN_MS: i64 = 60_000;
const LATE_MAX_MS: i64 = 6 * 3_600_000;
/// Enough that most users are seen deleted and created again.
const DELETE_PERCENT: f64 = 10.0;
/// E-mails and countries that are null.
const NULL_PERCENT: f64 = 1.0;

/// Written into JSON as they stand: quotes, line ends and letters of several bytes on purpose.
const FIRST_NAMES: &[&str] = &[
    "Daniel",
    "Priya",
    "Elena",
    "Wei",
    "Fatima",
    "José",
    "Zoë",
    "Ольга",
    "明",
    "Anne-Marie",
    "D\\u0027Arcy",
    "Grace \\\"Amazing\\\"",
    "Tab\\tbed",
];
const LAST_NAMES: &[&str] = &[
    "Kim",
    "Nair",
    "Fischer",
    "O'Neill",
    "Müller",
    "García",
    "Иванова",
    "山田",
    "van der Berg",
    "Lee 🙂",
];
const DOMAINS: &[&str] = &[
    "contoso.com",
    "Autodesk.com",
    "company.com",
    "gmail.com",
    "outlook.de",
    "example.co.uk",
];
const COUNTRIES: &[&str] = &["US", "IN", "DE", "SG", "FR", "BR"];

/// The events of a [`Recipe`], in the order in which they are to be produced.
#[derive(Clone, Debug)]
pub struct Events {
    spec: Recipe,
    random: SmallRng,
    made: u64,
    now_ms: i64,
    users: Vec<Option<User>>,
}

/// A user's row, as places in the lists above.
#[derive(Clone, Copy, Debug)]
struct User {
    first_name: u8,
    last_name: u8,
    domain: u8,
    country: u8,
}

impl Events {
    pub fn new(spec: Recipe) -> Self {
        let keys = spec.keys.max(1);
        Self {
            random: SmallRng::seed_from_u64(spec.seed),
            made: 0,
            now_ms: START_MS,
            users: vec![None; keys as usize],
            spec,
        }
    }

    fn percent(&mut self, percent: f64) -> bool {
        self.random.random_bool((percent / 100.0).clamp(0.0, 1.0))
    }

    /// An event that changes what the source holds, or a late one, that tells again what it once
    /// held.
    fn good(&mut self, id: usize) -> Vec<u8> {
        let known = self.users[id];
        let late = known.is_some() && self.percent(self.spec.late_percent);
        let time_ms = match late {
            true => self.now_ms - self.random.random_range(LATE_MIN_MS..=LATE_MAX_MS),
            false => self.now_ms,
        };
        let after = self.user();
        let (op, before, after) = match known {
            None => ("c", None, Some(after)),
            Some(_) if self.percent(DELETE_PERCENT) => ("d", known, None),
            Some(_) => ("u", known, Some(after)),
        };
        if !late {
            self.users[id] = after;
        }
        // An update often comes without the row before it.
        let before = before.filter(|_| op == "d" || self.percent(80.0));
        let mut value = Vec::with_capacity(256);
        value.extend_from_slice(format!("{{\"op\":\"{op}\",").as_bytes());
        match before {
            Some(user) => self.row(&mut value, "before", id, user),
            None if self.percent(50.0) => value.extend_from_slice(b"\"before\":null,"),
            None => {}
        }
        match after {
            Some(user) => self.row(&mut value, "after", id, user),
            None if self.percent(50.0) => value.extend_from_slice(b"\"after\":null,"),
            None => {}
        }
        value.extend_from_slice(format!("\"timestamp_ms\":{time_ms}}}").as_bytes());
        value
    }

    fn bad(&mut self, id: usize) -> Vec<u8> {
        let user_id = user_id(id);
        let time_ms = self.now_ms;
        let row = |id: &str, name: &str| {
            format!("{{{id}\"name\":\"{name}\",\"email\":\"x@gmail.com\",\"country_code\":\"US\"}}")
        };
        let key = format!("\"user_id\":{user_id},");
        let event = |op: &str, after: &str, time: &str| {
            format!("{{\"op\":\"{op}\",\"before\":null{after}{time}}}")
        };
        let after = |row: String| format!(",\"after\":{row}");
        let time = format!(",\"timestamp_ms\":{time_ms}");
        let good = after(row(&key, "Bad"));
        let kinds = BAD_KINDS;
        let text = match *kinds.choose(&mut self.random).unwrap_or(&kinds[0]) {
            "malformed" => {
                let whole = event("c", &good, &time);
                // Cut anywhere; the text is ASCII.
                let end = self.random.random_range(1..whole.len());
                whole[..end].to_owned()
            }
            "wrong-type" if self.random.random_bool(0.5) => {
                event("c", &after(row("\"user_id\":\"one\",", "Bad")), &time)
            }
            "wrong-type" => event("c", &good, ",\"timestamp_ms\":\"yesterday\""),
            "unknown-op" => event("x", &good, &time),
            "missing-key" => event("c", &after(row("", "Bad")), &time),
            "missing-time" => event("c", &good, ""),
            "missing-row" => event("u", ",\"after\":null", &time),
            _ => event("c", &after(row(&key, "Bad\\u0000")), &time),
        };
        text.into_bytes()
    }

    fn user(&mut self) -> User {
        let mut index = |length: usize| self.random.random_range(0..length) as u8;
        User {
            first_name: index(FIRST_NAMES.len()),
            last_name: index(LAST_NAMES.len()),
            domain: index(DOMAINS.len()),
            country: index(COUNTRIES.len()),
        }
    }

    fn row(&mut self, out: &mut Vec<u8>, image: &str, id: usize, user: User) {
        let first_name = FIRST_NAMES[user.first_name as usize];
        let last_name = LAST_NAMES[user.last_name as usize];
        let domain = DOMAINS[user.domain as usize];
        let country = COUNTRIES[user.country as usize];
        let user_id = user_id(id);
        let email = match self.random.random_range(0.0..100.0) {
            p if p < NULL_PERCENT => "null".to_owned(),
            p if p < 2.0 * NULL_PERCENT => "\"no-at-sign\"".to_owned(),
            _ => format!("\"user.{user_id}@{domain}\""),
        };
        let country = match self.percent(NULL_PERCENT) {
            true => "null".to_owned(),
            false => format!("\"{country}\""),
        };
        let written = write!(
            out,
            "\"{image}\":{{\"user_id\":{user_id},\"name\":\"{first_name} \
             {last_name}\",\"email\":{email},\"country_code\":{country}}},"
        );
        debug_assert!(written.is_ok(), "writing into memory");
    }
}

fn user_id(id: usize) -> usize {
    id + 1
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.made == self.spec.events {
            return None;
        }
        self.made += 1;
        self.now_ms += self.random.random_range(0..=STEP_MAX_MS);
        let id = self.random.random_range(0..self.users.len());
        let value = match self.percent(self.spec.bad_percent) {
            true => self.bad(id),
            false => self.good(id),
        };
        let key = user_id(id).to_string().into_bytes();
        Some(Event { key, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.spec.events - self.made).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::demo::user_event::check;

    fn spec() -> Recipe {
        Recipe {
            events: 20_000,
            keys: 500,
            seed: 7,
            late_percent: 10.0,
            bad_percent: 5.0,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_gives_others() {
        let events: Vec<_> = Events::new(spec()).collect();
        assert_eq!(events.len(), 20_000);
        assert!(Events::new(spec()).eq(events.iter().cloned()));
        let other = Events::new(Recipe { seed: 8, ..spec() });
        assert!(!other.eq(events));
    }

    #[test]
    fn the_shares_are_as_asked_and_only_the_bad_ones_are_refused() {
        let mut refused = 0;
        let mut late = 0;
        let mut newest = 0;
        let mut ops = BTreeMap::new();
        for event in Events::new(spec()) {
            match check(&event.value) {
                Err(_) => refused += 1,
                Ok(user_id) => {
                    assert_eq!(user_id.to_string().as_bytes(), event.key);
                    let event: serde_json::Value = serde_json::from_slice(&event.value).unwrap();
                    let time = event["timestamp_ms"].as_i64().unwrap();
                    late += i32::from(time <= newest - LATE_MIN_MS);
                    newest = newest.max(time);
                    *ops.entry(event["op"].to_string()).or_insert(0) += 1;
                }
            }
        }
        assert!((900..1_100).contains(&refused), "{refused}");
        assert!((1_600..2_100).contains(&late), "{late}");
        assert!(ops.values().all(|n| *n > 1_000), "{ops:?}");
        assert_eq!(ops.len(), 3);
        let none = Recipe {
            bad_percent: 0.0,
            ..spec()
        };
        assert!(Events::new(none).all(|e| check(&e.value).is_ok()));
    }
}
