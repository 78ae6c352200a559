//! Events whose table can be told without keeping any of them, and the pipeline that reads them.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::{EVENT_BYTES, KEYS};

/// When the first event happens: that of `data/sample_events.json`. Each of the others happens a
/// millisecond after the one before it.
const START_MS: u64 = 1_726_531_200_000;
/// A prime: that many users on from event to event, every user has its turn before one has its
/// second, in an order that no index likes.
const STRIDE: u64 = 2_654_435_761;
/// What an event has without padding, when its numbers have five or six digits.
const BARE_BYTES: usize = 162;

/// See the module. Event `n` is an update of user `n * STRIDE % keys`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) partitions: i32,
    pub(super) keys: u64,
    /// Letters in each event.
    pub(super) padding_bytes: usize,
    /// They are part of the name, and not of a field that nothing reads.
    pub(super) is_name_padded: bool,
    /// Text columns beside the four that the shipped pipeline projects.
    pub(super) more_columns: usize,
    /// 1: the normalizer alone; 3: as shipped; 6: with other shipped ones.
    pub(super) transforms: usize,
}

/// The shipped pipeline's.
impl Default for Shape {
    fn default() -> Self {
        Self {
            partitions: 2,
            keys: KEYS,
            padding_bytes: EVENT_BYTES - BARE_BYTES,
            is_name_padded: false,
            more_columns: 0,
            transforms: 3,
        }
    }
}

impl Shape {
    /// The partition of event `n`, its user, and its value.
    pub(super) fn event(&self, n: u64) -> (i32, u64, String) {
        let user = n * STRIDE % self.keys;
        let padding = "x".repeat(self.padding_bytes);
        let (name, note) = match self.is_name_padded {
            true => (padding.as_str(), ""),
            false => ("", padding.as_str()),
        };
        let more = (0..self.more_columns).map(|i| format!(",\"c{i}\":\"c{i} of {n}\""));
        let more: String = more.collect();
        let value = format!(
            "{{\"op\":\"u\",\"before\":null,\"after\":{{\"user_id\":{user},\"name\":\"Ann \
             {n}{name}\",\"email\":\"ann.{n}@contoso.com\",\"country_code\":\"US\",\"note\":\"\
             {note}\"{more}}},\"timestamp_ms\":{}}}",
            START_MS + n
        );
        ((user % self.partitions as u64) as i32, user, value)
    }

    fn is_shipped(&self) -> bool {
        self.more_columns == 0 && self.transforms == 3
    }

    fn table(&self) -> &'static str {
        // The shipped name stands for the shipped table; any other one is made from the columns.
        if self.is_shipped() {
            "users_enriched"
        } else {
            "users"
        }
    }

    /// The pipeline file, made of the shipped one.
    pub(super) fn pipeline(&self, shipped: &str) -> Result<String> {
        if self.is_shipped() {
            return Ok(shipped.to_owned());
        }
        let mut file: Table = shipped.parse()?;
        let target = file.get_mut("target").and_then(Value::as_table_mut);
        let target = target.context("the shipped pipeline has no target")?;
        target.insert("table".to_owned(), self.table().into());
        let transforms = file.get_mut("transform").and_then(Value::as_array_mut);
        let transforms = transforms.context("the shipped pipeline has no transforms")?;
        let columns = transforms[0].get_mut("config");
        let columns = columns.and_then(|c| c.get_mut("columns")?.as_table_mut());
        let columns = columns.context("the shipped normalizer has no columns")?;
        columns.extend((0..self.more_columns).map(|i| (format!("c{i}"), "text".into())));
        let further = [
            "enrich-locale",
            "enrich-disposable-email",
            "enrich-weekday",
            "enrich-quality",
        ];
        transforms.extend(further.map(|name| {
            let entries = [
                ("name", name.into()),
                ("component", format!("builtin:{name}").into()),
            ];
            let entries = entries.map(|(key, value): (&str, Value)| (key.to_owned(), value));
            Value::Table(entries.into_iter().collect())
        }));
        transforms.truncate(self.transforms);
        let dimensions = file.get_mut("dimension").and_then(Value::as_table_mut);
        let dimensions = dimensions.context("the shipped pipeline has no dimensions")?;
        let locales = "file = 'builtin:locales'\nkey = ['country_code']";
        dimensions.insert("locales".to_owned(), locales.parse::<Table>()?.into());
        Ok(file.to_string())
    }

    /// SQL that counts the rows that are missing, should not be, or differ after that many events.
    pub(super) fn wrong_rows(&self, events: u64) -> String {
        let padding = if self.is_name_padded {
            self.padding_bytes
        } else {
            0
        };
        let mut columns = vec![
            ("name", format!("'Ann ' || n || repeat('x', {padding})")),
            ("email", "'ann.' || n || '@contoso.com'".to_owned()),
            ("country_code", "'US'".to_owned()),
            ("is_deleted", "false".to_owned()),
            (
                "updated_at",
                format!("to_timestamp(({START_MS} + n)::numeric / 1000)"),
            ),
        ];
        let more: Vec<String> = (0..self.more_columns).map(|i| format!("c{i}")).collect();
        columns.extend(more.iter().map(|c| (c.as_str(), format!("'{c} of ' || n"))));
        if self.transforms >= 3 {
            columns.push(("country_name", "'United States'".to_owned()));
            columns.push(("email_domain", "'contoso.com'".to_owned()));
            columns.push(("is_corporate", "true".to_owned()));
        }
        if self.transforms >= 6 {
            columns.push(("currency", "'USD'".to_owned()));
            columns.push(("is_disposable_email", "false".to_owned()));
        }
        let (names, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
        // The newest event of each user is among the last `keys`.
        format!(
            "select count(*) from (select user_id, {names} from {table}) a full join (select n * \
             {STRIDE} % {keys}, {values} from generate_series({first}::bigint, {events} - 1) n) b \
             (user_id, {names}) using (user_id) where a is distinct from b",
            names = names.join(", "),
            values = values.join(", "),
            table = self.table(),
            keys = self.keys,
            first = events.saturating_sub(self.keys),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_bytes_that_are_asked_for() {
        let (_, _, value) = Shape::default().event(200_001);
        assert_eq!(value.len(), EVENT_BYTES, "{value}");
    }
}
