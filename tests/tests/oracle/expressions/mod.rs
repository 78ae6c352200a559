//! Expressions, each with its columns.

mod casts;
mod comparisons;
mod constants;
mod documents;
mod numbers;
mod shapes;
mod texts;
mod times;

pub(crate) use casts::casts;
pub(crate) use comparisons::comparisons;
pub(crate) use constants::constants;
pub(crate) use documents::documents;
pub(crate) use numbers::numbers;
pub(crate) use shapes::shapes;
pub(crate) use texts::texts;
pub(crate) use times::times;

/// A text each, and its columns: `a:int8 b:text`.
pub(crate) type Expressions = Vec<(String, String)>;

fn of(pairs: &[(&str, &str)]) -> Expressions {
    pairs
        .iter()
        .map(|(text, columns)| ((*text).to_owned(), (*columns).to_owned()))
        .collect()
}
