"""The name of each row, cut to a length. Replace it by your rule."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from gristmill import Reject, rule


class Input(NamedTuple):
    name: str | None


class Output(NamedTuple):
    short_name: str | None


@dataclass
class Config:
    length: Annotated[int, "Letters that are kept."] = 8


@rule(rejects=["blank-name"])
def shorten(row: Input, config: Config) -> Output:
    if row.name is None:
        return Output(short_name=None)
    name = row.name.strip()
    if not name:
        raise Reject("blank-name", "`name` is blank")
    return Output(short_name=name[: config.length])
