"""Nothing is a rule."""

from typing import NamedTuple


class Output(NamedTuple):
    name: str | None


def mistaken() -> Output:
    return Output(None)
