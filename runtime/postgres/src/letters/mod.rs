//! Dead letters: [`stored_letter`] lists and relays, [`replay_commit`] brings rows in after all.

mod letter_id;
pub mod letter_sample;
pub mod replay_commit;
pub mod stored_letter;
