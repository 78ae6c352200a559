//! What a transform asks to have looked up.

use crate::column::Field;
use crate::plan::{Join, Plan};
use crate::suggest::did_you_mean;

use super::names::{find, list};
use super::plans::Check;

/// What is wrong with the columns that the join takes from a dimension with these columns, a
/// sentence each.
pub fn wrong_takes(join: &Join, fields: &[Field]) -> Vec<String> {
    let wrong = |take: &Field| match find(fields, &take.name) {
        Err(nearest) => Some(format!(
            "it takes `{}` from the dimension `{}`, which has no such column{nearest}",
            take.name, join.dimension
        )),
        Ok(field) if field.logical_type != take.logical_type => Some(format!(
            "it takes `{}` from the dimension `{}` as {}, but that is {}: declare it as what it is",
            take.name, join.dimension, take.logical_type, field.logical_type
        )),
        Ok(_) if !take.nullable => Some(format!(
            "it takes `{}` from the dimension `{}` as never null, but a row without a match has \
             none: declare it nullable",
            take.name, join.dimension
        )),
        Ok(_) => None,
    };
    join.take.iter().filter_map(wrong).collect()
}

impl Check<'_> {
    pub(super) fn joins(&mut self, plan: &Plan, available: &[Field]) {
        for join in &plan.joins {
            let Some(dimension) = self.dimensions.get(&join.dimension) else {
                let nearest =
                    did_you_mean(&join.dimension, self.dimensions.keys().map(String::as_str));
                self.problem(format!(
                    "it joins the dimension `{0}`, which the pipeline does not have{nearest}: add \
                     a [dimension.{0}]",
                    join.dimension
                ));
                continue;
            };
            let (fields, key) = (dimension.fields().to_vec(), dimension.key().to_vec());
            self.join_key(join, available, (&fields, &key));
            for problem in wrong_takes(join, &fields) {
                self.problem(problem);
            }
        }
    }

    fn join_key(&mut self, join: &Join, available: &[Field], (fields, key): (&[Field], &[String])) {
        if join.on.len() != key.len() {
            return self.problem(format!(
                "it joins the dimension `{}` on {}, but the key is {}: name one column for each \
                 of the key's",
                join.dimension,
                list(&join.on),
                list(key)
            ));
        }
        for (on, key) in join.on.iter().zip(key) {
            let is_type = find(fields, key).map(|f| f.logical_type).ok();
            match find(available, on) {
                Err(nearest) => self.problem(format!(
                    "it joins the dimension `{}` on column `{on}`, which no earlier transform \
                     writes{nearest}",
                    join.dimension
                )),
                Ok(field) if Some(field.logical_type) != is_type => {
                    let is_type = is_type.map_or_else(String::new, |t| t.to_string());
                    self.problem(format!(
                        "it joins the dimension `{}` on column `{on}`, which is {}, but the key's \
                         `{key}` is {is_type}: they must be of one type",
                        join.dimension, field.logical_type
                    ));
                }
                Ok(_) => {}
            }
        }
    }
}
