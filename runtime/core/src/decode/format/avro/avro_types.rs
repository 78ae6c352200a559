//! A schema as a graph of types, which may be recursive.

use crate::decode::meaning::Meaning;

/// The index of a type in [`AvroTypes::types`].
pub(super) type TypeId = usize;

/// The types of a schema. There is one at least.
#[derive(Debug)]
pub(crate) struct AvroTypes {
    pub(super) types: Vec<AvroType>,
    /// What a whole value is of.
    pub(super) root: TypeId,
}

/// One type.
#[derive(Clone, Debug)]
pub(super) struct AvroType {
    pub(super) kind: AvroKind,
    pub(super) meaning: Meaning,
    /// What messages call it.
    pub(super) called: &'static str,
}

/// What the bytes of a value are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AvroKind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    /// So many bytes.
    Fixed(usize),
    Enum(Vec<Box<str>>),
    List(TypeId),
    /// Texts and values of this.
    Map(TypeId),
    Record(Vec<AvroField>),
    /// Of different types, no union among them.
    Union(Vec<TypeId>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct AvroField {
    pub(super) name: Box<str>,
    pub(super) of: TypeId,
}

impl AvroTypes {
    pub(super) fn get(&self, id: TypeId) -> &AvroType {
        &self.types[id]
    }

    pub(super) fn kind(&self, id: TypeId) -> &AvroKind {
        &self.types[id].kind
    }
}

impl AvroKind {
    /// What messages call it.
    pub(super) fn called(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Int => "an int",
            Self::Long => "a long",
            Self::Float => "a float",
            Self::Double => "a double",
            Self::Bytes | Self::Fixed(_) => "bytes",
            Self::Text => "a string",
            Self::Enum(_) => "an enum",
            Self::List(_) => "an array",
            Self::Map(_) => "a map",
            Self::Record(_) => "a record",
            Self::Union(_) => "a union",
        }
    }
}
