//! Avro: values that only their schema tells apart.
//!
//! - [`avro_types`]: a schema as a graph of types, [`avro_schema`]: how its JSON becomes that;
//! - [`avro_program`]: the steps that skip and read the values of one schema, compiled by
//!   [`avro_compiler`] from its types and the reads, and followed by [`avro_walk`];
//! - [`avro_cursor`]: varints and lengths, none of which is trusted;
//! - [`avro_json`]: a value with all that lies in it, as JSON; [`avro_columns`]: what a record has.

mod avro_columns;
mod avro_compiler;
mod avro_cursor;
mod avro_json;
mod avro_program;
mod avro_schema;
mod avro_types;
mod avro_walk;

pub(crate) use avro_compiler::compile;
pub(crate) use avro_program::AvroProgram;
pub(crate) use avro_schema::parse;
pub(crate) use avro_types::AvroTypes;
