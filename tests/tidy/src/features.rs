//! A build chooses the features that the tests have, so that neither compiles wasmtime again.
//!
//! What only tests need may turn on a feature of a crate that the program needs, too, and with it
//! everything above that crate is another build. Such a dependency stands under `[dependencies]`
//! of the tests, where a build of the workspace sees it.

use std::collections::BTreeSet;

use crate::fault::Fault;

/// A fault for each package that has other features in a build than beside the tests.
pub fn check(build: &str, tests: &str) -> Vec<Fault> {
    let beside_tests: BTreeSet<_> = tests.lines().collect();
    let of_build: BTreeSet<_> = build.lines().collect();
    let differing = of_build.iter().filter(|line| !beside_tests.contains(*line));
    differing
        .map(|line| {
            let what = format!("a build has {line}, and the tests have other features of it");
            Fault::new("Cargo.toml", 0, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_only_tests_turn_on_is_named() {
        let build = "syn v2.0.1 [full]\nserde v1.0.1 [std]";
        let tests = "syn v2.0.1 [full,visit]\nserde v1.0.1 [std]\nrstest v0.26.1 []";
        let faults = check(build, tests);
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0]
                .what
                .starts_with("a build has syn v2.0.1 [full], ")
        );
    }
}
