//! Dead letters: [`stored_letter`] lists and relays, [`replay_commit`] brings rows in after all;
//! [`due_letters`] are tried again by themselves.

pub mod due_letters;
mod letter_id;
pub mod letter_sample;
pub mod replay_commit;
pub mod stored_letter;
