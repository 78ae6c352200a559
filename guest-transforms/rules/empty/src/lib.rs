//! Reads what its config names and writes nothing: what a call costs before a rule does anything.
//! `gristmill transform bench` compares with it.

use gristmill_guest::{Batch, Field, Output, Plan, Transform};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform!(Empty);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Empty {
    /// Name and type of each column.
    reads: Vec<(String, String)>,
}

impl Transform for Empty {
    type Config = Self;

    fn open(config: Self) -> Result<Self, String> {
        Ok(config)
    }

    fn plan(&self) -> Plan {
        let fields = self.reads.iter().map(|(name, kind)| Field::new(name, kind));
        fields.fold(Plan::new(), Plan::read)
    }

    fn apply(&self, _: &Batch) -> Output {
        Output::new()
    }
}
