//! What people ask of a pipeline's partitions: rows that the fleet follows.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// The partition of an order that is about all partitions without an order of their own.
const ALL: i32 = -1;

/// The newest orders of one pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    orders: BTreeMap<i32, Order>,
}

/// What somebody asked, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub verb: Verb,
    /// Grows with each order of the database.
    pub request: i64,
    /// As their machine knew them: `user@host`.
    pub by: String,
    /// As Postgres knew them.
    pub session_user: String,
    pub reason: Option<String>,
    /// UTC, to the second.
    pub at: String,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Nothing more is written until somebody resumes.
    Pause,
    /// Go on; one that is halted tries again.
    Resume,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

impl Steering {
    /// The order that `partition` follows: its own before that of all.
    pub fn order(&self, partition: i32) -> Option<&Order> {
        self.orders.get(&partition).or(self.orders.get(&ALL))
    }

    /// The order that pauses `partition`, where it is paused.
    pub fn pause(&self, partition: i32) -> Option<&Order> {
        self.order(partition).filter(|o| o.verb == Verb::Pause)
    }

    /// The order that pauses `partition` alone, where one does.
    pub fn own_pause(&self, partition: i32) -> Option<&Order> {
        self.orders
            .get(&partition)
            .filter(|o| o.verb == Verb::Pause)
    }

    /// The number of the newest order that is about `partition`, too; 0 where there is none.
    pub fn request(&self, partition: i32) -> i64 {
        let orders = [partition, ALL].into_iter();
        let requests = orders.filter_map(|of| Some(self.orders.get(&of)?.request));
        requests.max().unwrap_or_default()
    }

    /// The order that pauses every partition, where one does and no partition goes on.
    pub fn pause_of_all(&self) -> Option<&Order> {
        let goes_on = |order: &Order| order.verb == Verb::Resume;
        let all = self.orders.get(&ALL)?;
        (!self.orders.values().any(goes_on)).then_some(all)
    }

    /// Whether partitions without an order of their own are paused, those to come included.
    pub fn pauses_all(&self) -> bool {
        self.orders.get(&ALL).is_some_and(|o| o.verb == Verb::Pause)
    }

    /// Reads the JSON that [`SELECT`] makes. What an older or newer program wrote and this one
    /// does not know is left out.
    pub(crate) fn from_json(orders: &Value) -> Self {
        let order = |order: &Value| {
            let text = |name: &str| order[name].as_str().map(str::to_owned);
            let partition = i32::try_from(order["partition"].as_i64()?).ok()?;
            let verb = match order["verb"].as_str()? {
                "pause" => Verb::Pause,
                "resume" => Verb::Resume,
                _ => return None,
            };
            let order = Order {
                verb,
                request: order["request"].as_i64()?,
                by: text("by")?,
                session_user: text("session_user")?,
                reason: text("reason"),
                at: text("at")?,
            };
            Some((partition, order))
        };
        let orders = orders.as_array().into_iter().flatten();
        Self {
            orders: orders.filter_map(order).collect(),
        }
    }
}

impl Order {
    /// `by ann@host (app) at 2026-01-01 00:00:00 UTC: reason`.
    pub fn who_and_why(&self) -> String {
        let Self {
            by,
            session_user,
            at,
            ..
        } = self;
        let reason = self.reason.as_ref();
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        format!("by {by} ({session_user}) at {at} UTC{reason}")
    }
}

/// All orders of the pipeline `p`, as JSON.
pub(crate) const SELECT: &str = r#"
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'partition', s.partition, 'verb', s.verb, 'request', s.request, 'by', s.by,
          'session_user', s.session_user_name, 'reason', s.reason,
          'at', pg_catalog.date_trunc('second', s.at at time zone 'UTC')::text
        )
      ),
      '[]'
    )
    from gristmill.steering s
    where s.pipeline = p.pipeline"#;

/// Asks `verb` of one partition, or of all: then those that went on by themselves follow, too, and
/// those that were paused by themselves stay so. Returns the number of the request.
pub async fn ask(
    client: &Client,
    pipeline: &str,
    partition: Option<i32>,
    verb: Verb,
    by: &str,
    reason: Option<&str>,
) -> Result<i64, DatabaseError> {
    let parameters: [Named<'_>; 5] = [
        ("pipeline", Type::TEXT, &pipeline),
        ("partition", Type::INT4, &partition.unwrap_or(ALL)),
        ("verb", Type::TEXT, &verb.as_str()),
        ("by", Type::TEXT, &by),
        ("reason", Type::TEXT, &reason),
    ];
    let sql = r"
        with over as (
          delete from gristmill.steering
          where pipeline = :pipeline and :partition = -1 and partition <> -1 and verb = 'resume'
        )
        insert into gristmill.steering (pipeline, partition, verb, by, reason)
        values (:pipeline, :partition, :verb, :by, :reason)
        on conflict (pipeline, partition) do update set
          verb = excluded.verb,
          request = default,
          by = excluded.by,
          session_user_name = excluded.session_user_name,
          reason = excluded.reason,
          at = excluded.at
        returning request";
    let asked = placeholder::query_one(client, sql, &parameters).await;
    let request = asked.and_then(|row| row.try_get("request"));
    request.map_err(DatabaseError::query("write what is asked of the pipeline"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(partition: i32, verb: &str, request: i64) -> Value {
        json!({
            "partition": partition, "verb": verb, "request": request, "by": "ann@host",
            "session_user": "app", "reason": null, "at": "2026-01-01 00:00:00",
        })
    }

    #[test]
    fn a_partition_follows_its_own_order_before_that_of_all() {
        let orders = [
            order(-1, "pause", 1),
            order(3, "resume", 2),
            order(4, "stop", 3),
        ];
        let steering = Steering::from_json(&json!(orders));
        assert!(steering.pause(0).is_some() && steering.pause(4).is_some());
        assert!(steering.pause(3).is_none() && steering.pause_of_all().is_none());
        assert_eq!((steering.request(3), steering.request(0)), (2, 1));
        let all = Steering::from_json(&json!([order(-1, "pause", 1), order(3, "pause", 2)]));
        assert!(all.pause_of_all().is_some() && all.pauses_all());
        // Its own pause outlives those of all, whose resume wakes it where it is halted.
        let own = Steering::from_json(&json!([order(-1, "resume", 3), order(3, "pause", 2)]));
        assert!(own.own_pause(3).is_some() && own.pause(3).is_some() && !own.pauses_all());
        assert_eq!((own.request(3), own.pause(0)), (3, None));
        assert_eq!(Steering::default().request(0), 0);
    }
}
