//! Runs a rule natively on rows written as JSON, for unit tests. A rule that implements
//! [`RowTransform`](crate::RowTransform) is also a plain function: `rule.row(Input { .. })`.
//!
//! ```
//! use gristmill_guest::{Field, testing};
//! use serde_json::json;
//!
//! let rows = json!([{ "email": "ada@example.com" }, { "email": null }, {}]);
//! let users = testing::batch([Field::text("email")], &rows).unwrap();
//! assert_eq!(users.text("email").iter().flatten().count(), 1);
//! ```

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::Transform;
use crate::any::AnyColumn;
use crate::batch::Batch;
use crate::column::Column;
use crate::export::{self, Opened};
use crate::field::Field;
use crate::layout::{Bits, Bytes, Layout, Text};
use crate::plan::Plan;

/// The rule of the examples.
macro_rules! length {
    () => {
        r#"
# use gristmill_guest::{Batch, Field, NoConfig, Output, Plan, Transform};
# use serde_json::json;
# struct Length;
# impl Transform for Length {
#     type Config = NoConfig;
#     fn open(_: NoConfig) -> Result<Self, String> { Ok(Self) }
#     fn plan(&self) -> Plan { Plan::new().read(Field::text("name")).write(Field::int64("length")) }
#     fn apply(&self, batch: &Batch) -> Output {
#         let length = |name: Option<&str>| name.map(|name| name.len() as i64);
#         Output::new().values("length", batch.text("name").iter().map(length))
#     }
# }"#
    };
}

/// A rule's answer, readable.
///
/// ```
#[doc = length!()]
/// use gristmill_guest::testing::{Answered, run};
///
/// let Answered { rows, source_rows, rejections } = run::<Length>(&json!({}), &json!([{ "name":
/// "Ada" }])).unwrap(); assert_eq!((json!(rows), source_rows), (json!([{ "length": 3 }]),
/// vec![0])); assert!(rejections.is_empty());
/// ```
#[derive(Debug, PartialEq)]
pub struct Answered {
    /// Each row as an object; an absent value has no key.
    pub rows: Vec<Value>,
    /// The input row of each row.
    pub source_rows: Vec<u32>,
    /// Row and code of each rejection.
    pub rejections: Vec<(u32, String)>,
}

/// The plan that `R` makes of `config`.
///
/// ```
#[doc = length!()]
/// use gristmill_guest::testing::plan;
///
/// let plan = plan::<Length>(&json!({})).unwrap();
/// assert_eq!(plan.reads, [Field::text("name")]);
/// ```
pub fn plan<R: Transform>(config: &Value) -> Result<Plan, String> {
    Opened::<R>::new(&config.to_string()).map(|opened| opened.plan().clone())
}

/// JSON Schema of the config that `R` takes, as the host gets it.
///
/// ```
#[doc = length!()]
/// use gristmill_guest::testing::config_schema;
///
/// assert_eq!(config_schema::<Length>()["additionalProperties"], json!(false));
/// ```
pub fn config_schema<R: Transform>() -> Value {
    export::config_schema::<R>()
}

/// A batch of `rows`: an array of objects, in which the name of a field (`email`,
/// `value.after.email`) is followed as a path, and a missing one is absent. Bytes are written as
/// text.
///
/// ```
/// use gristmill_guest::{Field, testing::batch};
/// use serde_json::json;
///
/// let users = batch([Field::text("name")], &json!([{ "name": "Ada" }])).unwrap();
/// assert_eq!(users.text("name").get(0), Some("Ada"));
/// ```
pub fn batch(fields: impl Into<Rc<[Field]>>, rows: &Value) -> Result<Batch, String> {
    let fields = fields.into();
    let rows = rows.as_array().ok_or("rows are an array")?;
    let columns = fields.iter().map(|f| read(f, rows));
    let columns = columns.collect::<Result<_, _>>()?;
    Ok(Batch::new(rows.len(), fields, columns))
}

/// Opens `R` with `config` and runs it on `rows`, which are written as for [`batch`].
///
/// ```
#[doc = length!()]
/// use gristmill_guest::testing::run;
///
/// let rows = json!([{ "name": "Ada" }, { "name": null }, {}]);
/// let answered = run::<Length>(&json!({}), &rows).unwrap();
/// assert_eq!(json!(answered.rows), json!([{ "length": 3 }, { "length": null }, { "length": null
/// }]));
/// ```
pub fn run<R: Transform>(config: &Value, rows: &Value) -> Result<Answered, String> {
    let opened = Opened::<R>::new(&config.to_string())?;
    let batch = batch(opened.fields(), rows)?;
    let answer = opened.apply(&batch)?;
    let source_rows = answer
        .source_rows
        .unwrap_or_else(|| (0..batch.len() as u32).collect());
    let row = |i| {
        let named = opened.plan().writes.iter().zip(&answer.columns);
        let values = named.filter(|(_, column)| !column.is_absent(i));
        Value::Object(
            values
                .map(|(f, column)| (f.name.clone(), write(column, i)))
                .collect::<Map<_, _>>(),
        )
    };
    Ok(Answered {
        rows: (0..source_rows.len()).map(row).collect(),
        source_rows,
        rejections: answer
            .rejections
            .into_iter()
            .map(|r| (r.row, r.code))
            .collect(),
    })
}

/// The value at a path such as `value.after.email`.
fn follow<'a>(row: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(row, |value, name| value.get(name))
}

fn read(field: &Field, rows: &[Value]) -> Result<AnyColumn, String> {
    fn fill<'a, L: Layout>(
        field: &Field,
        rows: &'a [Value],
        typed: impl Fn(&'a Value) -> Option<L::Value<'a>>,
    ) -> Result<Column<L>, String> {
        let mut column = Column::with_capacity(rows.len());
        for row in rows {
            match follow(row, &field.name) {
                None => column.push_absent(),
                Some(Value::Null) => column.push(None),
                Some(value) => column.push(Some(typed(value).ok_or_else(|| {
                    format!(
                        "{value} at `{}` is not of type {}",
                        field.name, field.logical_type
                    )
                })?)),
            }
        }
        Ok(column)
    }
    Ok(match field.logical_type.as_str() {
        "boolean" => fill::<Bits>(field, rows, Value::as_bool)?.into(),
        "float64" => fill::<Vec<f64>>(field, rows, Value::as_f64)?.into(),
        "int64" | "timestamp(us)" | "timestamp(ms)" | "date" | "time(us)" | "time(ms)" => {
            fill::<Vec<i64>>(field, rows, Value::as_i64)?.into()
        }
        "bytes" => fill::<Bytes>(field, rows, |v| v.as_str().map(str::as_bytes))?.into(),
        _ => fill::<Text>(field, rows, Value::as_str)?.into(),
    })
}

fn write(column: &AnyColumn, row: usize) -> Value {
    match column {
        AnyColumn::Boolean(c) => c.get(row).into(),
        AnyColumn::Int64(c) => c.get(row).into(),
        AnyColumn::Float64(c) => c.get(row).into(),
        AnyColumn::Text(c) => c.get(row).into(),
        AnyColumn::Bytes(c) => c.get(row).map(String::from_utf8_lossy).into(),
    }
}
