//! Rules that think in rows.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::Transform;
use crate::batch::Batch;
use crate::output::Output;
use crate::plan::Plan;

/// A rule from row to row: what [`transform!`](crate::transform) declares for it, its config, and
/// one function.
///
/// The rule is its own config: keys of the pipeline's file become its fields, and their comments
/// the descriptions in its JSON Schema.
///
/// ```
/// use gristmill_guest::{Reject, RowTransform};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// gristmill_guest::transform! {
///     EnrichAge
///     reads Person { birth_year: Option<i64> }
///     writes Age { age: Option<i64> }
///     rejects Refusal { NotBorn = "not-born" }
/// }
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct EnrichAge {
///     /// The year in which ages are told.
///     year: i64,
/// }
///
/// impl RowTransform for EnrichAge {
///     fn row(&self, Person { birth_year }: Person) -> Result<Age, Reject> {
///         let age = birth_year.map(|born| self.year - born);
///         if age.is_some_and(|age| age < 0) {
///             return Err(Refusal::NotBorn.because(format!("nobody is born after {}", self.year)));
///         }
///         Ok(Age { age })
///     }
/// }
///
/// # fn main() {
/// let rule = EnrichAge { year: 2026 };
/// assert_eq!(rule.row(Person { birth_year: Some(2000) }), Ok(Age { age: Some(26) }));
/// # }
/// ```
///
/// A value may be absent: the source did not send it, and the table keeps what it has. An enricher
/// is not asked about a row in which such a value is read as a plain type or an `Option`: its
/// columns are absent there, too, and the table keeps what was made of the value that it has. A
/// rule that reads the value as a [`Presence`](crate::Presence) is asked, and says itself what is
/// absent, by writing one:
///
/// ```
/// use gristmill_guest::{Presence, Reject, RowTransform, testing};
/// use serde_json::json;
///
/// gristmill_guest::transform! {
///     EnrichGreeting
///     reads User<'a> { name: Option<&'a str>, title: Presence<&'a str> }
///     writes Greeting { greeting: Presence<String> }
/// }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct EnrichGreeting {}
///
/// impl RowTransform for EnrichGreeting {
///     fn row(&self, User { name, title }: User) -> Result<Greeting, Reject> {
///         let name = name.unwrap_or("you");
///         let greeting = title.map(|title| format!("Hello, {title} {name}"));
///         Ok(Greeting { greeting })
///     }
/// }
///
/// # fn main() {
/// let users = json!([{ "name": "Ada", "title": "Lady" }, { "name": "Ada" }, { "title": "Mr" }]);
/// let answered = testing::run::<EnrichGreeting>(&json!({}), &users).unwrap();
/// assert_eq!(json!(answered.rows), json!([{ "greeting": "Hello, Lady Ada" }, {}, {}]));
/// # }
/// ```
///
/// A normalizer is asked about every row: which of its values are absent is for it to say.
pub trait RowTransform: Declared + DeserializeOwned + JsonSchema + 'static {
    /// Called once, with the config as it was read: check what the schema cannot say, prepare what
    /// the rows need. An error is shown to whoever starts the pipeline: say which key is wrong
    /// and what would do.
    fn open(self) -> Result<Self, String> {
        Ok(self)
    }

    /// Runs the rule on one row. It sees no other: what a row becomes may depend on nothing but the
    /// row and the config.
    fn row<'a>(&'a self, row: Self::Input<'a>) -> Result<Self::Output<'a>, Reject>;
}

/// A row that cannot be used. Made by the codes that [`transform!`](crate::transform) declares,
/// `Refusal::NotBorn.because("..")`, or by hand.
///
/// ```
/// use gristmill_guest::Reject;
///
/// let reject = Reject { code: "not-born", message: "`birth_year` is after 2026".to_owned() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// A code of the plan.
    pub code: &'static str,
    /// One sentence for a person: what is wrong with which value.
    pub message: String,
}

/// What [`transform!`](crate::transform) declares for a rule. One that thinks in columns can take
/// its plan from here, and its rows from the batch:
///
/// ```
/// use gristmill_guest::{Batch, Declared, NoConfig, Output, Plan, Transform};
///
/// gristmill_guest::transform! {
///     EnrichLength
///     reads User<'a> { name: Option<&'a str> }
///     writes Length { length: i64 }
/// }
///
/// struct EnrichLength;
///
/// impl Transform for EnrichLength {
///     type Config = NoConfig;
///
///     fn open(_: NoConfig) -> Result<Self, String> {
///         Ok(Self)
///     }
///
///     fn plan(&self) -> Plan {
///         Self::declared()
///     }
///
///     fn apply(&self, batch: &Batch) -> Output {
///         let length = |user: User| user.name.map_or(0, |name| name.len() as i64);
///         Output::new().values("length", batch.rows().map(length))
///     }
/// }
/// # fn main() {}
/// ```
pub trait Declared {
    /// A row that is read, joined columns included.
    type Input<'a>: ReadRow<'a>;
    /// A row that is written.
    type Output<'a>: WriteRow;
    /// Whether the plan has roles.
    #[doc(hidden)]
    const IS_NORMALIZER: bool = false;

    /// The plan.
    fn declared() -> Plan;
}

/// A row that [`Batch::rows`] reads: a struct that [`transform!`](crate::transform) declares, and
/// implements this for.
#[doc(hidden)]
pub trait ReadRow<'a>: Sized {
    /// The columns that a row has a value of.
    type Columns;

    /// Adds what is read and joined to a plan.
    fn declare(plan: Plan) -> Plan;

    fn columns(batch: &'a Batch) -> Self::Columns;

    fn read_row(columns: &Self::Columns, row: usize) -> Self;

    /// Whether a value is absent that the row cannot call so.
    fn is_untold(columns: &Self::Columns, row: usize) -> bool;
}

/// A row that is written: a struct that [`transform!`](crate::transform) declares, and implements
/// this for.
#[doc(hidden)]
pub trait WriteRow {
    /// The columns that a row has a value of.
    type Columns;

    /// Adds what is written to a plan.
    fn declare(plan: Plan) -> Plan;

    fn columns(rows: usize) -> Self::Columns;

    fn write_row(&self, columns: &mut Self::Columns);

    /// A row of which nothing is known.
    fn write_absent(columns: &mut Self::Columns);

    fn finish(columns: Self::Columns, output: Output) -> Output;
}

impl<R: RowTransform> Transform for R {
    type Config = R;

    fn open(config: R) -> Result<Self, String> {
        RowTransform::open(config)
    }

    fn plan(&self) -> Plan {
        R::declared()
    }

    fn apply(&self, batch: &Batch) -> Output {
        apply(self, batch)
    }
}

fn apply<'a, R: RowTransform>(rule: &'a R, batch: &'a Batch) -> Output {
    let mut output = Output::new();
    let mut columns = R::Output::<'a>::columns(batch.len());
    let inputs = R::Input::<'a>::columns(batch);
    for row in 0..batch.len() {
        if !R::IS_NORMALIZER && R::Input::<'a>::is_untold(&inputs, row) {
            R::Output::<'a>::write_absent(&mut columns);
            continue;
        }
        match rule.row(R::Input::read_row(&inputs, row)) {
            Ok(written) => written.write_row(&mut columns),
            Err(Reject { code, message }) => output.reject(row, code, message),
        }
    }
    R::Output::<'a>::finish(columns, output)
}

impl Batch {
    /// The rows, as the struct of what is read that [`transform!`](crate::transform) declares.
    /// Texts are borrowed from the batch.
    ///
    /// ```
    /// # use gristmill_guest::{Batch, Reject, RowTransform};
    /// gristmill_guest::transform! {
    ///     Greet
    ///     reads User<'a> { name: Option<&'a str> }
    ///     writes Greeting { greeting: String }
    /// }
    /// # #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// # struct Greet {}
    /// # impl RowTransform for Greet {
    /// #     fn row(&self, _: User) -> Result<Greeting, Reject> {
    /// #         Ok(Greeting { greeting: String::new() })
    /// #     }
    /// # }
    ///
    /// fn nameless(batch: &Batch) -> usize {
    ///     batch.rows().filter(|user: &User| user.name.is_none()).count()
    /// }
    /// # fn main() {}
    /// ```
    #[track_caller]
    pub fn rows<'a, R: ReadRow<'a>>(&'a self) -> impl ExactSizeIterator<Item = R> + use<'a, R> {
        let columns = R::columns(self);
        (0..self.len()).map(move |row| R::read_row(&columns, row))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::testing::{plan, run};
    use crate::{Decimal, Field, Join, Presence, TimestampMs};

    crate::transform! {
        Label
        reads Order<'a> {
            id: i64,
            /// Documents spell it otherwise.
            total: Option<Decimal<&'a str, 10, 2>> = "order.total",
            note: Presence<&'a str>,
        }
        joins customers on customer_id, region {
            customer: Option<&'a str> = "name",
        }
        writes Labelled<'a> {
            label: String,
            note: Presence<&'a str>,
            seen_at: TimestampMs,
        }
        rejects Refusal {
            NoTotal = "no-total",
        }
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Label {
        /// Stands before each label.
        prefix: String,
    }

    impl Default for Label {
        fn default() -> Self {
            Self { prefix: "#".into() }
        }
    }

    impl RowTransform for Label {
        fn open(self) -> Result<Self, String> {
            match self.prefix.as_str() {
                "" => Err("`prefix` is empty".into()),
                _ => Ok(self),
            }
        }

        fn row<'a>(&'a self, order: Order<'a>) -> Result<Labelled<'a>, Reject> {
            let Order {
                id,
                total,
                note,
                customer,
            } = order;
            let total = total.ok_or_else(|| Refusal::NoTotal.because(format!("order {id}")))?;
            let (prefix, customer) = (&self.prefix, customer.unwrap_or("nobody"));
            Ok(Labelled {
                label: format!("{prefix}{id} {customer} {}", total.0),
                note,
                seen_at: TimestampMs(id),
            })
        }
    }

    #[test]
    fn the_plan_is_what_was_declared() {
        let plan = plan::<Label>(&json!({})).unwrap();
        let expected = Plan::new()
            .read(Field::int64("id").not_null())
            .read(Field::new("order.total", "decimal(10,2)"))
            .read(Field::text("note"))
            .join(
                Join::new("customers", "customer_id")
                    .and("region")
                    .take(Field::text("name")),
            )
            .write(Field::text("label").not_null())
            .write(Field::text("note"))
            .write(Field::timestamp_ms("seen_at").not_null())
            .rejects(["no-total"]);
        assert_eq!(plan, expected);
    }

    #[test]
    fn rows_are_read_written_and_rejected() {
        let rows = json!([
            { "id": 1, "order": { "total": "9.90" }, "note": "gift", "name": "Ada" },
            { "id": 2, "order": { "total": null }, "name": null },
            { "id": 3, "order": { "total": "0.00" }, "note": null, "name": null },
            { "id": 4, "order": { "total": "1.00" }, "name": null },
        ]);
        let answered = run::<Label>(&json!({ "prefix": "no. " }), &rows).unwrap();
        let expected = json!([
            { "label": "no. 1 Ada 9.90", "note": "gift", "seen_at": 1 },
            { "label": "no. 3 nobody 0.00", "note": null, "seen_at": 3 },
            { "label": "no. 4 nobody 1.00", "seen_at": 4 },
        ]);
        assert_eq!(json!(answered.rows), expected);
        assert_eq!(answered.source_rows, [0, 2, 3]);
        assert_eq!(answered.rejections, [(1, "no-total".to_owned())]);
    }

    #[test]
    fn nothing_is_said_about_what_was_not_sent() {
        let rows = json!([
            { "id": 1, "order": { "total": "9.90" }, "name": "Ada" },
            { "id": 2, "order": {}, "name": "Ada" },
            { "id": 3, "order": { "total": "1.00" } },
            { "order": { "total": "1.00" }, "name": "Ada" },
            { "id": 5, "order": { "total": null }, "name": "Ada" },
        ]);
        let answered = run::<Label>(&json!({}), &rows).unwrap();
        let expected = json!([{ "label": "#1 Ada 9.90", "seen_at": 1 }, {}, {}, {}]);
        assert_eq!(json!(answered.rows), expected);
        assert_eq!(answered.source_rows, [0, 1, 2, 3]);
        assert_eq!(answered.rejections, [(4, "no-total".to_owned())]);
    }

    #[test]
    fn a_config_is_checked_by_its_rule() {
        let refused = |config| plan::<Label>(&config).unwrap_err();
        assert_eq!(refused(json!({ "prefix": "" })), "`prefix` is empty");
        assert!(refused(json!({ "suffix": "" })).contains("unknown field `suffix`"));
    }
}
