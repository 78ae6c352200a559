//! Columns: Arrow arrays with a meaning and a presence.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_schema::DataType;
use arrow_select::{concat::concat, take::take};

/// What a column's values mean. The physical layout ([`LogicalType::data_type`]) follows from it.
/// The extremes of a timestamp and a date, `i64::MAX` and `i64::MIN`, are infinity and -infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogicalType {
    Boolean,
    Int64,
    Float64,
    Text,
    Bytes,
    /// Microseconds since the Unix epoch, UTC.
    TimestampUs,
    /// Milliseconds since the Unix epoch, UTC.
    TimestampMs,
    /// Days since the Unix epoch.
    Date,
    /// Microseconds since midnight, of no day and no zone.
    TimeUs,
    /// Milliseconds since midnight, of no day and no zone.
    TimeMs,
    Uuid,
    /// A decimal number as text, of at most `precision` digits with `scale` of them after the
    /// point.
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// A decimal number as text, of any precision and scale.
    Numeric,
    Json,
}

/// A logical type that this host does not know.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown logical type `{0}`: use one of boolean, int64, float64, text, bytes, timestamp(us), \
     timestamp(ms), date, time(us), time(ms), uuid, decimal(p,s), decimal, json"
)]
pub struct UnknownLogicalType(pub String);

impl LogicalType {
    /// The Arrow layout: `Boolean`, `Int64`, `Float64`, `Utf8` or `Binary`.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int64
            | Self::TimestampUs
            | Self::TimestampMs
            | Self::Date
            | Self::TimeUs
            | Self::TimeMs => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Text | Self::Uuid | Self::Decimal { .. } | Self::Numeric | Self::Json => {
                DataType::Utf8
            }
            Self::Bytes => DataType::Binary,
        }
    }

    /// Whether its values are decimal numbers as text.
    pub fn is_decimal(self) -> bool {
        matches!(self, Self::Decimal { .. } | Self::Numeric)
    }

    /// What one unit of a timestamp is in microseconds; `None` for what is no timestamp.
    pub fn unit_us(self) -> Option<i64> {
        match self {
            Self::TimestampUs => Some(1),
            Self::TimestampMs => Some(1000),
            _ => None,
        }
    }
}

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::Int64 => f.write_str("int64"),
            Self::Float64 => f.write_str("float64"),
            Self::Text => f.write_str("text"),
            Self::Bytes => f.write_str("bytes"),
            Self::TimestampUs => f.write_str("timestamp(us)"),
            Self::TimestampMs => f.write_str("timestamp(ms)"),
            Self::Date => f.write_str("date"),
            Self::TimeUs => f.write_str("time(us)"),
            Self::TimeMs => f.write_str("time(ms)"),
            Self::Uuid => f.write_str("uuid"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Numeric => f.write_str("decimal"),
            Self::Json => f.write_str("json"),
        }
    }
}

impl FromStr for LogicalType {
    type Err = UnknownLogicalType;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(match s {
            "boolean" => Self::Boolean,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "text" => Self::Text,
            "bytes" => Self::Bytes,
            "timestamp(us)" => Self::TimestampUs,
            "timestamp(ms)" => Self::TimestampMs,
            "date" => Self::Date,
            "time(us)" => Self::TimeUs,
            "time(ms)" => Self::TimeMs,
            "uuid" => Self::Uuid,
            "decimal" => Self::Numeric,
            "json" => Self::Json,
            other => {
                let unknown = || UnknownLogicalType(other.to_owned());
                let inner = other
                    .strip_prefix("decimal(")
                    .and_then(|r| r.strip_suffix(')'));
                let (precision, scale) =
                    inner.and_then(|i| i.split_once(',')).ok_or_else(unknown)?;
                let parse = |n: &str| n.trim().parse::<u8>().map_err(|_| unknown());
                Self::Decimal {
                    precision: parse(precision)?,
                    scale: parse(scale)?,
                }
            }
        })
    }
}

/// A column's name and meaning. In a normalizer's `reads` the name is a document path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub logical_type: LogicalType,
    pub nullable: bool,
}

/// Values of one field for each row of a batch.
#[derive(Clone, Debug)]
pub struct Column {
    /// Layout as [`LogicalType::data_type`] says; nulls by Arrow's validity.
    pub values: ArrayRef,
    /// One bit a row, `false` = the source did not say, which is not null (the value is null then,
    /// too). `None`: all is known.
    pub presence: Option<BooleanBuffer>,
}

impl Column {
    /// A column whose values are all known.
    pub fn new(values: ArrayRef) -> Self {
        Self {
            values,
            presence: None,
        }
    }

    /// Whether the source said what the cell at `row` holds; it may be null.
    pub fn is_present(&self, row: usize) -> bool {
        self.presence.as_ref().is_none_or(|bits| bits.value(row))
    }

    /// The rows at `rows`, in that order; each must be below the column's length.
    pub fn take(&self, rows: &UInt32Array) -> Self {
        let presence = self
            .presence
            .as_ref()
            .map(|p| BooleanBuffer::collect_bool(rows.len(), |i| p.value(rows.value(i) as usize)));
        Self {
            values: taken(&self.values, rows),
            presence,
        }
    }

    /// `rows` rows from `offset` on, without copying them; they must exist.
    pub fn slice(&self, offset: usize, rows: usize) -> Self {
        Self {
            values: self.values.slice(offset, rows),
            presence: self.presence.as_ref().map(|p| p.slice(offset, rows)),
        }
    }

    /// The rows of `columns` one after the other; the columns are of one layout and there is at
    /// least one.
    pub fn concat(columns: &[&Column]) -> Self {
        let arrays: Vec<&dyn Array> = columns.iter().map(|c| c.values.as_ref()).collect();
        let values = concat(&arrays).expect("columns of one layout, together below 2 GiB");
        let mut presence = None;
        if columns.iter().any(|c| c.presence.is_some()) {
            let mut bits = BooleanBufferBuilder::new(values.len());
            for column in columns {
                match &column.presence {
                    Some(p) => bits.append_buffer(p),
                    None => bits.append_n(column.values.len(), true),
                }
            }
            presence = Some(bits.finish());
        }
        Self { values, presence }
    }
}

/// The values at `rows`, null where the row is null.
pub(crate) fn taken(values: &ArrayRef, rows: &UInt32Array) -> ArrayRef {
    take(values.as_ref(), rows, None).expect("every layout of a column can be taken from")
}

/// Rows as columns: `columns[i]` holds `fields[i]`, each `rows` long.
#[derive(Clone, Debug)]
pub struct Batch {
    pub rows: usize,
    pub fields: Arc<[Field]>,
    pub columns: Vec<Column>,
}

impl Batch {
    /// The position of the column called `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    /// Whether every column has the layout of its field and the length of the batch.
    pub fn is_well_formed(&self) -> bool {
        self.fields.len() == self.columns.len()
            && self.fields.iter().zip(&self.columns).all(|(f, c)| {
                c.values.len() == self.rows
                    && *c.values.data_type() == f.logical_type.data_type()
                    && c.presence.as_ref().is_none_or(|p| p.len() == self.rows)
            })
    }

    /// The rows at `rows`, in that order and as often as named; each must be below [`Batch::rows`].
    pub fn take(&self, rows: &[u32]) -> Batch {
        let indices = UInt32Array::from(rows.to_vec());
        self.with_columns(rows.len(), |c| c.take(&indices))
    }

    /// `rows` rows from `offset` on, without copying them; they must exist.
    pub fn slice(&self, offset: usize, rows: usize) -> Batch {
        self.with_columns(rows, |c| c.slice(offset, rows))
    }

    /// The rows of `batches` one after the other. All have the fields of the first; none at all
    /// gives a batch without fields or rows.
    pub fn concat(batches: &[Batch]) -> Batch {
        let Some(first) = batches.first() else {
            return Batch {
                rows: 0,
                fields: Arc::from([]),
                columns: Vec::new(),
            };
        };
        let columns = (0..first.columns.len())
            .map(|i| Column::concat(&batches.iter().map(|b| &b.columns[i]).collect::<Vec<_>>()))
            .collect();
        let rows = batches.iter().map(|b| b.rows).sum();
        Batch {
            rows,
            fields: first.fields.clone(),
            columns,
        }
    }

    /// The columns of `fields`, found by name. `None` when one is missing or means something else.
    pub fn select(&self, fields: &[Field]) -> Option<Batch> {
        let columns = fields.iter().map(|f| {
            let i = self.position(&f.name)?;
            (self.fields[i].logical_type == f.logical_type).then(|| self.columns[i].clone())
        });
        Some(Batch {
            rows: self.rows,
            fields: fields.into(),
            columns: columns.collect::<Option<_>>()?,
        })
    }

    fn with_columns(&self, rows: usize, f: impl Fn(&Column) -> Column) -> Batch {
        Batch {
            rows,
            fields: self.fields.clone(),
            columns: self.columns.iter().map(f).collect(),
        }
    }
}

pub mod type_table;

#[cfg(test)]
mod tests;
