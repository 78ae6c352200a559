//! What a rule declares before a row flows.
//!
//! [`transform!`](crate::transform) makes a plan from typed rows. It is written by hand where the config names the columns, and for a normalizer:
//!
//! ```
//! use gristmill_guest::{Field, Join, Plan, Roles};
//!
//! let normalizer = Plan::new()
//!     .read(Field::int64("value.after.id"))
//!     .read(Field::timestamp_ms("value.timestamp_ms"))
//!     .write(Field::int64("id").not_null())
//!     .write(Field::timestamp_ms("updated_at").not_null())
//!     .roles(Roles::new(["id"], "updated_at"))
//!     .rejects(["missing-key", "missing-time"]);
//!
//! let enricher = Plan::new()
//!     .join(Join::new("countries", "country_code").take(Field::text("country_name")))
//!     .write(Field::text("country_name"));
//! # assert_eq!((normalizer.reads.len(), enricher.joins.len()), (2, 1));
//! ```

use crate::value::Cell;
pub use crate::wit::gristmill::transform::types::{Field, Join, Plan, Roles};

impl Field {
    /// A nullable field. `logical_type` is one of boolean, int64, float64, text, bytes, timestamp(us), timestamp(ms), date, uuid, decimal(p,s), json.
    pub fn new(name: impl Into<String>, logical_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            logical_type: logical_type.into(),
            nullable: true,
        }
    }

    /// A field of the type that `C` stands for, nullable unless `C` is a plain value: `Field::of::<Option<TimestampMs>>("updated_at")`.
    pub fn of<C: Cell>(name: impl Into<String>) -> Self {
        Self {
            nullable: C::NULLABLE,
            ..Self::new(name, C::logical_type())
        }
    }

    /// A nullable field of type boolean.
    pub fn boolean(name: impl Into<String>) -> Self {
        Self::new(name, "boolean")
    }

    /// A nullable field of type int64.
    pub fn int64(name: impl Into<String>) -> Self {
        Self::new(name, "int64")
    }

    /// A nullable field of type float64.
    pub fn float64(name: impl Into<String>) -> Self {
        Self::new(name, "float64")
    }

    /// A nullable field of type text.
    pub fn text(name: impl Into<String>) -> Self {
        Self::new(name, "text")
    }

    /// A nullable field of type bytes.
    pub fn bytes(name: impl Into<String>) -> Self {
        Self::new(name, "bytes")
    }

    /// Milliseconds since the Unix epoch, UTC.
    pub fn timestamp_ms(name: impl Into<String>) -> Self {
        Self::new(name, "timestamp(ms)")
    }

    /// Microseconds since the Unix epoch, UTC.
    pub fn timestamp_us(name: impl Into<String>) -> Self {
        Self::new(name, "timestamp(us)")
    }

    /// Days since the Unix epoch.
    pub fn date(name: impl Into<String>) -> Self {
        Self::new(name, "date")
    }

    /// A UUID as text.
    pub fn uuid(name: impl Into<String>) -> Self {
        Self::new(name, "uuid")
    }

    /// A decimal number as text, of at most `precision` digits with `scale` of them after the point.
    pub fn decimal(name: impl Into<String>, precision: u8, scale: u8) -> Self {
        Self::new(name, format!("decimal({precision},{scale})"))
    }

    /// A JSON document as text.
    pub fn json(name: impl Into<String>) -> Self {
        Self::new(name, "json")
    }

    /// The same field, never null: in `writes` a promise that the host checks.
    pub fn not_null(self) -> Self {
        Self {
            nullable: false,
            ..self
        }
    }
}

impl Join {
    /// Looks `dimension` up by the column `on`.
    pub fn new(dimension: impl Into<String>, on: impl Into<String>) -> Self {
        Self {
            dimension: dimension.into(),
            on: vec![on.into()],
            take: Vec::new(),
        }
    }

    /// One more column of the dimension's key.
    pub fn and(mut self, on: impl Into<String>) -> Self {
        self.on.push(on.into());
        self
    }

    /// Takes a field of the dimension's row; null where nothing matches.
    pub fn take(mut self, field: Field) -> Self {
        self.take.push(field);
        self
    }
}

impl Roles {
    /// `key` names the columns that tell rows apart, `event_time` the one that tells versions of a row apart.
    pub fn new(
        key: impl IntoIterator<Item = impl Into<String>>,
        event_time: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into_iter().map(Into::into).collect(),
            event_time: event_time.into(),
            deleted: None,
            order: Vec::new(),
        }
    }

    /// The boolean column that says that the row was deleted.
    pub fn deleted(self, column: impl Into<String>) -> Self {
        Self {
            deleted: Some(column.into()),
            ..self
        }
    }

    /// One more column that decides between equal event times.
    pub fn order(mut self, column: impl Into<String>) -> Self {
        self.order.push(column.into());
        self
    }
}

impl Plan {
    /// Reads, writes and rejects nothing.
    pub fn new() -> Self {
        Self {
            reads: Vec::new(),
            joins: Vec::new(),
            writes: Vec::new(),
            roles: None,
            reject_codes: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// Reads a document path (a normalizer) or a column (an enricher).
    pub fn read(mut self, field: Field) -> Self {
        self.reads.push(field);
        self
    }

    /// Asks the host for a lookup before each batch.
    pub fn join(mut self, join: Join) -> Self {
        self.joins.push(join);
        self
    }

    /// Writes a column.
    pub fn write(mut self, field: Field) -> Self {
        self.writes.push(field);
        self
    }

    /// Says which columns are key, event time, deleted flag and order: this makes the rule a normalizer.
    pub fn roles(self, roles: Roles) -> Self {
        Self {
            roles: Some(roles),
            ..self
        }
    }

    /// Declares codes for [`crate::Output::reject`], in kebab-case.
    pub fn rejects(mut self, codes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.reject_codes.extend(codes.into_iter().map(Into::into));
        self
    }

    /// The fields of the batch: what is read, then what each join takes.
    pub(crate) fn input_fields(&self) -> impl Iterator<Item = &Field> {
        self.reads
            .iter()
            .chain(self.joins.iter().flat_map(|j| &j.take))
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}
