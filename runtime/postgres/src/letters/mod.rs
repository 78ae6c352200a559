//! Dead letters: [`dead_letter`] lists and relays, [`replay`] brings rows in after all.

pub mod dead_letter;
mod letter_id;
pub mod replay;
