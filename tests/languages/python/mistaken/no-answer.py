"""What is written has no type."""

from gristmill import rule


@rule()
def mistaken(row):
    return row
