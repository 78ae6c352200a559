"""Nothing is read."""

from typing import NamedTuple

from gristmill import rule


class Output(NamedTuple):
    name: str


@rule()
def mistaken() -> Output:
    return Output("Ada")
