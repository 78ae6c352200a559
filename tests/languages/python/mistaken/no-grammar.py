"""A bracket is missing."""

from gristmill import rule


@rule(
def mistaken(row):
    return row
