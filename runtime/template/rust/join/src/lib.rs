//! What to call each country: its name and its code. Replace it by your rule.

use gristmill_guest::{Reject, RowTransform};

gristmill_guest::transform! {
    struct Rule;
    reads Input<'a> {
        country_code: Option<&'a str>,
    }
    joins countries on country_code {
        country_name: Option<&'a str>,
    }
    writes Output {
        country_label: Option<String>,
    }
}

impl RowTransform for Rule {
    fn row(&self, Input { country_code, country_name }: Input) -> Result<Output, Reject> {
        let label = |code: &str| match country_name {
            Some(name) => format!("{name} ({code})"),
            None => code.to_owned(),
        };
        Ok(Output { country_label: country_code.map(label) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_without_a_name_is_called_by_its_code() {
        let input = Input { country_code: Some("XX"), country_name: None };
        let output = Rule.row(input).unwrap();
        assert_eq!(output.country_label.as_deref(), Some("XX"));
    }
}
