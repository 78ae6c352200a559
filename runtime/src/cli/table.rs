//! Tables without lines: columns apart by two spaces, nothing at the ends.

use comfy_table::{Table, presets};

/// An empty table.
pub(crate) fn borderless() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// The lines of a table, without the line break at the end.
pub(crate) fn text(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
