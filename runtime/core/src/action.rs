//! What to do about an infrastructure fault: one pure decision, so that it can be read as a table.
