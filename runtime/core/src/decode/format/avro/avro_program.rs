//! What is done with the bytes of a value, step by step.

use std::sync::Arc;

use super::avro_types::{AvroTypes, TypeId};
use crate::decode::conversion::TypedRead;

/// The steps for the values of one schema, as its writer wrote them.
#[derive(Debug)]
pub(crate) struct AvroProgram {
    pub(super) types: Arc<AvroTypes>,
    pub(super) steps: Vec<AvroStep>,
    /// Where the branches of unions begin among the steps.
    pub(super) branches: Vec<u32>,
    pub(super) reads: Vec<AvroRead>,
    pub(super) maps: Vec<MapReads>,
    pub(super) wrongs: Vec<WrongBranch>,
    /// Whether a value of this first branch is no value at all.
    pub(super) null: Option<i64>,
}

/// A step; where it names another one, by the index in [`AvroProgram::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AvroStep {
    /// Passes over so many numbers.
    SkipVarints(u32),
    /// Passes over so many bytes.
    SkipBytes(u32),
    /// Passes over so many texts.
    SkipTexts(u32),
    /// Passes over a union of null, which is this branch of two, and a number.
    SkipOptionalVarint(u32),
    /// The same with a text.
    SkipOptionalText(u32),
    /// A union of two, of which the branch `null` is: there `slot` is null and `after` comes next.
    Optional {
        null: u32,
        slot: u32,
        after: u32,
    },
    /// A union whose branches begin where `count` of [`AvroProgram::branches`] say.
    Union {
        first: u32,
        count: u32,
    },
    Jump(u32),
    /// The slot is null: there is nothing to be read.
    Null(u32),
    /// Follows the steps there until they return.
    Call(u32),
    Return,
    /// Follows the next steps until they return, for each item of a list; `after` comes then.
    Items {
        after: u32,
    },
    /// Reads the entries of a map; `after` comes then.
    Entries {
        map: u32,
        after: u32,
    },
    /// Reads an integer into a slot.
    Int64(u32),
    /// Reads a value of one of [`AvroProgram::reads`].
    Read(u32),
    /// The same of a text.
    Text(u32),
    /// The same as JSON, without passing over it.
    Ahead(u32),
    /// Notes what one of [`AvroProgram::wrongs`] says of the value that follows.
    Wrong(u32),
    End,
}

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A read of a value of one type.
#[derive(Debug)]
pub(super) struct AvroRead {
    pub(super) read: TypedRead,
    pub(super) of: TypeId,
}

/// The reads below a map.
#[derive(Debug)]
pub(super) struct MapReads {
    /// Names, and where the steps for their values begin.
    pub(super) names: Vec<(Box<str>, u32)>,
    /// Where those begin that pass over a value.
    pub(super) skip: u32,
}

/// What a record is at fault for whose union has this branch.
#[derive(Debug)]
pub(super) struct WrongBranch {
    pub(super) slot: usize,
    pub(super) path: String,
    pub(super) expected: String,
    pub(super) found: String,
}
