//! The columns that a record of a schema has.

use super::avro_types::{AvroKind, AvroType, AvroTypes, TypeId};
use crate::column::{Field, LogicalType};
use crate::decode::meaning::Meaning;

impl AvroTypes {
    /// The fields of the record at `path`, below the whole value, each as the type that its values
    /// are read as. `None`: there is no record, or one of several.
    pub(crate) fn columns(&self, path: &[&str]) -> Option<Vec<Field>> {
        let mut at = self.root;
        for name in path {
            let fields = self.fields(at)?;
            at = fields.iter().find(|(field, _)| field == name)?.1;
        }
        let fields = self.fields(at)?.into_iter();
        let column = |(name, of): (&str, TypeId)| {
            let (of, nullable) = self.beside_null(of);
            Field {
                name: name.to_owned(),
                logical_type: of.map_or(LogicalType::Json, |of| declared(self.get(of))),
                nullable,
            }
        };
        Some(fields.map(column).collect())
    }

    fn fields(&self, of: TypeId) -> Option<Vec<(&str, TypeId)>> {
        let (of, _) = self.beside_null(of);
        match self.kind(of?) {
            AvroKind::Record(fields) => Some(
                fields
                    .iter()
                    .map(|field| (&*field.name, field.of))
                    .collect(),
            ),
            _ => None,
        }
    }

    /// The one type that a value is of where it is not null, and whether it may be null.
    fn beside_null(&self, of: TypeId) -> (Option<TypeId>, bool) {
        let AvroKind::Union(branches) = self.kind(of) else {
            return (Some(of), *self.kind(of) == AvroKind::Null);
        };
        let is_null = |branch: &&TypeId| *self.kind(**branch) == AvroKind::Null;
        let nullable = branches.iter().any(|branch| is_null(&branch));
        let mut others = branches.iter().filter(|branch| !is_null(branch));
        match (others.next(), others.next()) {
            (Some(one), None) => (Some(*one), nullable),
            _ => (None, nullable),
        }
    }
}

/// The type that says all of a value.
fn declared(of: &AvroType) -> LogicalType {
    use LogicalType as T;
    match (&of.kind, of.meaning) {
        (_, Meaning::Date | Meaning::DateText) => T::Date,
        (_, Meaning::Instant(_) | Meaning::InstantText) => T::TimestampUs,
        (_, Meaning::Time(_) | Meaning::TimeText) => T::TimeUs,
        (_, Meaning::Decimal(_) | Meaning::VariableScale) => T::Numeric,
        (_, Meaning::Uuid) => T::Uuid,
        (_, Meaning::Bits(_)) => T::Text,
        (_, Meaning::Document) => T::Json,
        (AvroKind::Boolean, _) => T::Boolean,
        (AvroKind::Int | AvroKind::Long, _) => T::Int64,
        (AvroKind::Float | AvroKind::Double, _) => T::Float64,
        (AvroKind::Bytes | AvroKind::Fixed(_), _) => T::Bytes,
        (AvroKind::Text | AvroKind::Enum(_), _) => T::Text,
        (AvroKind::Null | AvroKind::List(_) | AvroKind::Map(_), _) => T::Json,
        (AvroKind::Record(_) | AvroKind::Union(_), _) => T::Json,
    }
}
