//! What a rule declares before a row flows.

use crate::field::Field;

/// A lookup that the host does before each batch.
///
/// ```
/// use gristmill_guest::{Field, Join};
///
/// let country = Join::new("countries", "country_code").take(Field::text("country_name"));
/// ```
pub use crate::wit::gristmill::transform::types::Join;

/// What a rule reads, joins, writes and may reject. [`transform!`](crate::transform) makes one
/// of typed rows; it is written by hand where the config names the columns.
///
/// ```
/// use gristmill_guest::{Field, Join, Plan, Roles};
///
/// let normalizer = Plan::new()
///     .read(Field::int64("value.after.id"))
///     .read(Field::timestamp_ms("value.timestamp_ms"))
///     .write(Field::int64("id").not_null())
///     .write(Field::timestamp_ms("updated_at").not_null())
///     .roles(Roles::new(["id"], "updated_at"))
///     .rejects(["missing-key", "missing-time"]);
///
/// let enricher = Plan::new()
///     .join(Join::new("countries", "country_code").take(Field::text("country_name")))
///     .write(Field::text("country_name"));
/// # assert_eq!((normalizer.reads.len(), enricher.joins.len()), (2, 1));
/// ```
pub use crate::wit::gristmill::transform::types::Plan;

/// The columns by which the host keeps the newest row of each key: they make a rule a
/// normalizer.
///
/// ```
/// use gristmill_guest::Roles;
///
/// let roles = Roles::new(["id"], "updated_at").deleted("is_deleted").order("sequence");
/// ```
pub use crate::wit::gristmill::transform::types::Roles;

impl Join {
    /// Looks `dimension` up by the column `on`.
    ///
    /// ```
    /// # use gristmill_guest::{Field, Join};
    /// let country = Join::new("countries", "country_code").take(Field::text("country_name"));
    /// ```
    pub fn new(dimension: impl Into<String>, on: impl Into<String>) -> Self {
        Self {
            dimension: dimension.into(),
            on: vec![on.into()],
            take: Vec::new(),
        }
    }

    /// One more column of the dimension's key.
    ///
    /// ```
    /// # use gristmill_guest::{Field, Join};
    /// let price = Field::decimal("price", 10, 2);
    /// let price = Join::new("prices", "product_id").and("currency").take(price);
    /// assert_eq!(price.on, ["product_id", "currency"]);
    /// ```
    pub fn and(mut self, on: impl Into<String>) -> Self {
        self.on.push(on.into());
        self
    }

    /// Takes a field of the dimension's row; null where nothing matches.
    ///
    /// ```
    /// # use gristmill_guest::{Field, Join};
    /// let locale = Join::new("locales", "country_code")
    ///     .take(Field::text("currency"))
    ///     .take(Field::text("time_zone"));
    /// assert_eq!(locale.take.len(), 2);
    /// ```
    pub fn take(mut self, field: Field) -> Self {
        self.take.push(field);
        self
    }
}

impl Roles {
    /// `key` names the columns that tell rows apart, `event_time` the one that tells versions of a
    /// row apart.
    ///
    /// ```
    /// let roles = gristmill_guest::Roles::new(["tenant", "id"], "updated_at");
    /// assert_eq!(roles.key, ["tenant", "id"]);
    /// ```
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
    ///
    /// ```
    /// let roles = gristmill_guest::Roles::new(["id"], "updated_at").deleted("is_deleted");
    /// assert_eq!(roles.deleted.as_deref(), Some("is_deleted"));
    /// ```
    pub fn deleted(self, column: impl Into<String>) -> Self {
        Self {
            deleted: Some(column.into()),
            ..self
        }
    }

    /// One more column that decides between equal event times.
    ///
    /// ```
    /// let roles = gristmill_guest::Roles::new(["id"], "updated_at").order("sequence");
    /// assert_eq!(roles.order, ["sequence"]);
    /// ```
    pub fn order(mut self, column: impl Into<String>) -> Self {
        self.order.push(column.into());
        self
    }
}

impl Plan {
    /// Reads, writes and rejects nothing.
    ///
    /// ```
    /// assert!(gristmill_guest::Plan::new().writes.is_empty());
    /// ```
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
    ///
    /// ```
    /// # use gristmill_guest::{Field, Plan};
    /// let plan = Plan::new().read(Field::text("email")).read(Field::date("born"));
    /// assert_eq!(plan.reads.len(), 2);
    /// ```
    pub fn read(mut self, field: Field) -> Self {
        self.reads.push(field);
        self
    }

    /// Asks the host for a lookup before each batch.
    ///
    /// ```
    /// # use gristmill_guest::{Field, Join, Plan};
    /// let country = Join::new("countries", "country_code").take(Field::text("country_name"));
    /// let plan = Plan::new().join(country);
    /// assert_eq!(plan.joins[0].dimension, "countries");
    /// ```
    pub fn join(mut self, join: Join) -> Self {
        self.joins.push(join);
        self
    }

    /// Writes a column.
    ///
    /// ```
    /// # use gristmill_guest::{Field, Plan};
    /// let plan = Plan::new().write(Field::boolean("is_adult"));
    /// assert_eq!(plan.writes[0].name, "is_adult");
    /// ```
    pub fn write(mut self, field: Field) -> Self {
        self.writes.push(field);
        self
    }

    /// Says which columns are key, event time, deleted flag and order: this makes the rule a
    /// normalizer.
    ///
    /// ```
    /// # use gristmill_guest::{Plan, Roles};
    /// assert!(Plan::new().roles(Roles::new(["id"], "updated_at")).roles.is_some());
    /// ```
    pub fn roles(self, roles: Roles) -> Self {
        Self {
            roles: Some(roles),
            ..self
        }
    }

    /// Declares codes for [`Output::reject`](crate::Output::reject), in kebab-case.
    ///
    /// ```
    /// let plan = gristmill_guest::Plan::new().rejects(["no-total", "too-large"]);
    /// assert_eq!(plan.reject_codes, ["no-total", "too-large"]);
    /// ```
    pub fn rejects(mut self, codes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.reject_codes.extend(codes.into_iter().map(Into::into));
        self
    }

    /// Tells the host more. What it does not know it passes over; what it knows stands in the
    /// interface, `wit/transform.wit`.
    ///
    /// ```
    /// let plan = gristmill_guest::Plan::new().attribute("version", "order-first");
    /// assert_eq!(plan.attributes[0].1, "order-first");
    /// ```
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
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
