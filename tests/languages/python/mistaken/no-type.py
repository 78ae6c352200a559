"""No column is a datetime."""

from datetime import datetime
from typing import NamedTuple

from gristmill import rule


class Output(NamedTuple):
    at: datetime


@rule()
def mistaken() -> Output:
    return Output(None)
