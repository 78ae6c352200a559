//! Returns the first two of four text columns as they came.

wit_bindgen::generate!({ path: "../../../wit", world: "transform" });

use exports::gristmill::transform::rule::Guest;
use gristmill::transform::types::{Batch, Description, Field, Output, Plan};

struct Echo;
export!(Echo);

impl Guest for Echo {
    fn describe() -> Description {
        Description {
            name: "echo".into(),
            version: "1.0.0".into(),
            summary: "returns what it gets".into(),
            config_schema: String::new(),
            attributes: vec![],
        }
    }

    fn open(_: String) -> Result<Plan, String> {
        let texts = |names: &[&str]| {
            let text = |name: &&str| Field {
                name: (*name).into(),
                logical_type: "text".into(),
                nullable: true,
            };
            names.iter().map(text).collect()
        };
        Ok(Plan {
            reads: texts(&["a", "b", "c", "d"]),
            joins: vec![],
            writes: texts(&["e", "f"]),
            roles: None,
            reject_codes: vec![],
            attributes: vec![],
        })
    }

    fn apply(mut batch: Batch) -> Result<Output, String> {
        batch.columns.truncate(2);
        Ok(Output {
            columns: batch.columns,
            source_rows: None,
            rejections: vec![],
        })
    }
}
