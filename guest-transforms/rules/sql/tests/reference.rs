//! The page of functions is that of the table. `SQL_REFERENCE=write` writes it.

use std::fs;
use std::path::Path;

#[test]
fn the_page_of_functions_is_that_of_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let page = root.join("docs/reference/sql-functions.md");
    let made = sql::reference::reference();
    if std::env::var("SQL_REFERENCE").is_ok_and(|what| what == "write") {
        fs::write(&page, &made).unwrap();
    }
    let found = fs::read_to_string(&page).unwrap_or_default();
    assert!(
        found == made,
        "docs/reference/sql-functions.md is old: SQL_REFERENCE=write writes it"
    );
}
