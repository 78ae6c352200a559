//! A first pipeline file and table for a topic of Debezium's, from its records or from the table
//! that they come from. What is no more than a guess says so.

mod avro_fields;
mod connect_type;
mod guess;
mod json_node;
mod source_records;
mod source_table;
mod text;

pub use avro_fields::connect_schema;
pub(crate) use source_records::is_notice;
pub use source_records::of_records;
pub use source_table::{Shape, SourceColumn, SourceTable};
pub use text::{Draft, DraftNames, OWN_NAMES, RegistryNamed};

#[cfg(test)]
mod tests;
