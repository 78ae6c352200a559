//! The pages of `docs/reference`, made from what they describe: the command line, the pipeline
//! file's types, the shipped components, the codes, the SQL and the functions of `builtin:sql`.

mod codes;
mod command_line;
mod keys;
mod markdown;
mod pipeline_file;
mod sql_functions;
mod tables;
mod transforms;
mod types;

use anyhow::Result;
use gristmill_tests::program::repository;

/// Set by `make reference`: writes the pages instead of comparing them.
const WRITE: &str = "GRISTMILL_WRITE";

/// Stands at the top of each page, where only authors see it.
const MADE: &str = "<!-- Made by `make reference`. -->\n";

#[test]
fn each_page_is_what_it_describes() -> Result<()> {
    let shipped = transforms::shipped()?;
    let pages = [
        ("command-line.md", command_line::page()),
        ("pipeline-file.md", pipeline_file::page()?),
        ("transforms.md", transforms::page(&shipped)?),
        ("codes.md", codes::page(&shipped)?),
        ("tables.md", tables::page()?),
        ("types.md", types::page()),
        ("sql-functions.md", sql_functions::page()),
    ];
    let folder = repository().join("docs/reference");
    let mut stale = Vec::new();
    for (name, page) in pages {
        let (path, page) = (folder.join(name), format!("{MADE}{page}"));
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(path, page)?;
        } else if std::fs::read_to_string(path).unwrap_or_default() != page {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "docs/reference: {} no longer say what is: run `make reference`, and look at the \
         difference",
        stale.join(", ")
    );
    Ok(())
}
