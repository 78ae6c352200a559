"""The clock is asked while the module is read."""

import time
from typing import NamedTuple

from gristmill import rule

NOW = time.time()


class Output(NamedTuple):
    at: float


@rule()
def mistaken() -> Output:
    return Output(NOW)
