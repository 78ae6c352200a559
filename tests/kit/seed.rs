//! Randomness that can be repeated.

use std::io::Write;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The variable that repeats a run.
const VARIABLE: &str = "GRISTMILL_SEED";

/// A seed for `test`: from `GRISTMILL_SEED`, else a new one. Printed past the capture of the test's
/// output, so that the log of a run that passed has it too.
pub fn seed(test: &str) -> u64 {
    seed_or(test, || SmallRng::from_os_rng().random::<u32>().into())
}

/// A seed for `test`: from `GRISTMILL_SEED`, else what `usual` says. Printed as [`seed`]'s.
pub fn seed_or(test: &str, usual: impl FnOnce() -> u64) -> u64 {
    let given = std::env::var(VARIABLE)
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(usual);
    let _ = writeln!(std::io::stderr(), "{test}: {VARIABLE}={seed}");
    seed
}

/// A generator from [`seed`].
pub fn random(test: &str) -> SmallRng {
    SmallRng::seed_from_u64(seed(test))
}
