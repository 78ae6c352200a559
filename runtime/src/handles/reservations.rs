//! Which names and tables are taken, also by pipelines that are only about to begin.

use std::sync::{Mutex, PoisonError};

use crate::definition::file::Config;

/// The pipelines of a database that begin or have begun, whichever file they are of: files begin
/// beside each other, and two of one name or table would undo what the other does.
#[derive(Default)]
pub struct Reservations(Mutex<Vec<Config>>);

impl Reservations {
    /// Takes name and table of `config`, unless `clash` says what is wrong between it and one that
    /// has its own already.
    pub fn reserve(
        &self,
        config: &Config,
        clash: impl Fn(&Config, &Config) -> Option<String>,
    ) -> Result<(), String> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = taken.iter().find_map(|other| clash(config, other)) {
            return Err(why);
        }
        taken.push(config.clone());
        Ok(())
    }

    /// Gives back what the pipeline `name` has, which did not begin.
    pub fn release(&self, name: &str) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|config| config.pipeline.name != name);
    }
}
