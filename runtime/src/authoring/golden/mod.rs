//! Golden cases: files that say what a rule answers.
//!
//! `about` is for people; `config` may be left out; a row of `input` is written as the rule's reads
//! name it (a document for a normalizer, columns for an enricher), without what is absent;
//! `expect.source_rows` may be left out where each row has one.

mod case;
mod compare;
mod run;
mod update;

pub use case::{Case, Expected, Rejected, cases};
pub use compare::{Difference, differences};
pub use run::{Answered, run};
pub use update::{one_line, updated};
