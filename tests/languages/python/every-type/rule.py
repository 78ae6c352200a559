"""Each logical type, passed on: a value, null and absent."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from gristmill import (
    Absent,
    Date,
    Decimal,
    Json,
    Numeric,
    Reject,
    TimeMs,
    TimestampMs,
    TimestampUs,
    TimeUs,
    Uuid,
    at,
    rule,
)


class Input(NamedTuple):
    flag: bool | None | Absent
    n: int | None | Absent
    x: float | None | Absent
    t: str | None | Absent
    b: bytes | None | Absent
    us: TimestampUs | None | Absent
    ms: TimestampMs | None | Absent
    day: Date | None | Absent
    time_us: TimeUs | None | Absent
    time_ms: TimeMs | None | Absent
    id: Uuid | None | Absent
    price: Decimal[10, 2] | None | Absent
    amount: Numeric | None | Absent
    doc: Json | None | Absent


class Output(NamedTuple):
    flag: bool | None | Absent = at("same_flag")
    n: int | None | Absent = at("same_n")
    x: float | None | Absent = at("same_x")
    t: str | None | Absent = at("same_t")
    b: bytes | None | Absent = at("same_b")
    us: TimestampUs | None | Absent = at("same_us")
    ms: TimestampMs | None | Absent = at("same_ms")
    day: Date | None | Absent = at("same_day")
    time_us: TimeUs | None | Absent = at("same_time_us")
    time_ms: TimeMs | None | Absent = at("same_time_ms")
    id: Uuid | None | Absent = at("same_id")
    price: Decimal[10, 2] | None | Absent = at("same_price")
    amount: Numeric | None | Absent = at("same_amount")
    doc: Json | None | Absent = at("same_doc")


@dataclass
class Config:
    whole: Annotated[int, "Stands for a null of `n`; 0 leaves it."] = 0


@rule(rejects=["told-to"])
def every_type(row: Input, config: Config) -> Output:
    if row.t == "reject":
        raise Reject("told-to", f"`t` is {row.t}, and `n` is {row.n}")
    if row.n is None and config.whole != 0:
        row = row._replace(n=config.whole)
    return Output(*row)
