//! Golden cases: files that say what a rule answers.
//!
//! `about` is for people; `config` may be left out; a row of `input` is written as the rule's reads
//! name it (a document for a normalizer, columns for an enricher), without what is absent;
//! `expect.source_rows` may be left out where each row has one.

mod answered;
mod case;
mod mismatch;
mod rewrite;
mod verdict;

pub use answered::{Answered, run, said};
pub use case::{Case, Expected, Rejected, cases};
pub use mismatch::{Mismatch, mismatches};
pub use rewrite::{one_line, updated};
pub use verdict::{OddRows, Verdict, check, distinct_configs, odd_rows, update};
