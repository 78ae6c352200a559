//! What a component is, before anybody runs it.

use anyhow::Result;
use gristmill_tests::author::run;
use gristmill_tests::program::{repository, success};

#[test]
fn inspect_tells_all_that_an_operator_asks() -> Result<()> {
    let output = success(run(
        repository(),
        &["transform", "inspect", "builtin:enrich-country"],
    )?)?;
    for part in [
        "enrich-country 0.1.0: The name of each country code",
        "sha256:",
        "KiB (",
        "gristmill:transform/rule@0.1.0",
        "gristmill:transform/log@0.1.0",
        "memory_max_bytes      67,108,864",
        "config schema",
        "joins countries on country_code",
        "country_name  text",
        "rejects",
    ] {
        assert!(output.contains(part), "no {part:?} in\n{output}");
    }
    let output = success(run(
        repository(),
        &["transform", "inspect", "builtin:normalize-cdc"],
    )?)?;
    assert!(output.contains("depend on the config"), "{output}");
    Ok(())
}
