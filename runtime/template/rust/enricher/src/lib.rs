//! The name of each row, cut to a length. Replace it by your rule.

use gristmill_guest::{Reject, RowTransform};
use schemars::JsonSchema;
use serde::Deserialize;

gristmill_guest::transform! {
    Rule
    reads Input<'a> {
        name: Option<&'a str>,
    }
    writes Output {
        short_name: Option<String>,
    }
    rejects Refusal {
        Blank = "blank-name",
    }
}

/// What a pipeline file can set.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Rule {
    /// Letters that are kept.
    length: usize,
}

impl Default for Rule {
    fn default() -> Self {
        Self { length: 8 }
    }
}

impl RowTransform for Rule {
    fn row(&self, Input { name }: Input) -> Result<Output, Reject> {
        if name.is_some_and(|name| name.trim().is_empty()) {
            return Err(Refusal::Blank.because("`name` is blank"));
        }
        let short = |name: &str| name.trim().chars().take(self.length).collect();
        Ok(Output { short_name: name.map(short) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut() {
        let rule = Rule { length: 3 };
        let output = rule.row(Input { name: Some(" Susanne") }).unwrap();
        assert_eq!(output.short_name.as_deref(), Some("Sus"));
    }
}
