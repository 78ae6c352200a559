//! A rule's folder: made, built and tested.

use std::path::Path;
use std::process::Output;

use anyhow::Result;
use gristmill_tests::author::{self, edit, new_rule, run};
use gristmill_tests::program::{printed, repository, success};

#[test]
fn a_new_rule_passes_its_tests_and_a_difference_is_a_row_of_a_table() -> Result<()> {
    let (folder, rule) = new_rule("enrich-name")?;
    let output = success(run(&rule, &["transform", "test"])?)?;
    assert!(output.contains("ok       cases/first.json"), "{output}");
    assert!(rule.join("enrich-name.wasm").exists());

    let case = rule.join("cases/first.json");
    edit(&case, "\"Sus\"", "\"Suse\"")?;
    let (code, output) = printed(run(&rule, &["transform", "test"])?);
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("0    short_name  \"Suse\"    \"Sus\""),
        "{output}"
    );
    success(run(&rule, &["transform", "test", "--update"])?)?;
    let template = repository().join("runtime/template/rust/enricher/cases/first.json");
    assert_eq!(
        std::fs::read_to_string(&case)?,
        std::fs::read_to_string(template)?,
        "an update leaves the rest as it was"
    );

    // A rule that is no function of its row, found by rows that nobody wrote.
    edit(
        &rule.join("src/lib.rs"),
        "let short = |name: &str| name.trim()",
        "use std::cell::Cell;
        thread_local!(static ROWS: Cell<usize> = const { Cell::new(0) });
        let row = ROWS.replace(ROWS.get() + 1);
        let short = |name: &str| if row > 50 { \"\" } else { name }.trim()",
    )?;
    let (code, output) = printed(run(&rule, &["transform", "test"])?);
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("is no pure function of its rows"),
        "{output}"
    );

    edit(
        &rule.join("src/lib.rs"),
        "-> Result<Output, Reject>",
        "-> Output",
    )?;
    let (code, output) = printed(run(&rule, &["transform", "build"])?);
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("src/lib.rs:") && output.contains("enrich-name does not compile"),
        "{output}"
    );

    let (code, output) = printed(run(folder.path(), &["transform", "new", "enrich-name"])?);
    assert!(code == Some(1) && output.contains("exists"), "{output}");
    Ok(())
}

#[test]
fn a_second_rule_of_one_name_is_its_own_and_takes_what_the_first_one_compiled() -> Result<()> {
    let home = tempfile::tempdir()?;
    let build = |rule: &Path| -> Result<Output> {
        let mut build = author::command(rule, &["transform", "build"])?;
        build.env_remove("CARGO_TARGET_DIR");
        Ok(build.env("XDG_CACHE_HOME", home.path()).output()?)
    };
    let [(_first_folder, first), (_second_folder, second)] =
        [new_rule("own-twin")?, new_rule("own-twin")?];
    let (code, said) = printed(build(&first)?);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Compiling serde v"), "{said}");
    edit(&second.join("src/lib.rs"), "name.trim()", "name.trim_end()")?;
    let (code, said) = printed(build(&second)?);
    assert_eq!(code, Some(0), "{said}");
    let compiled = said.lines().filter(|line| line.contains(" Compiling "));
    assert_eq!(
        compiled.count(),
        2,
        "the rule and the library alone: {said}"
    );
    let components = [first, second].map(|rule| std::fs::read(rule.join("own-twin.wasm")));
    let [first, second] = components;
    assert_ne!(first?, second?);
    Ok(())
}
