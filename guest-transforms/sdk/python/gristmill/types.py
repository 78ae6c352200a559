"""The types of columns, beside `bool`, `int`, `float`, `str` and `bytes`.

| Logical type             | Annotation                   | Value in Python                          |
|--------------------------|------------------------------|------------------------------------------|
| boolean                  | `bool`                       | `bool`                                   |
| int64                    | `int`                        | `int`, refused beyond 64 bits            |
| float64                  | `float`                      | `float`                                  |
| text, bytes              | `str`, `bytes`               | the same                                 |
| timestamp(us), (ms)      | `TimestampUs`, `TimestampMs` | `int` since the Unix epoch, UTC          |
| date                     | `Date`                       | `int`, days since the Unix epoch         |
| time(us), time(ms)       | `TimeUs`, `TimeMs`           | `int` since midnight                     |
| uuid, json               | `Uuid`, `Json`               | `str`; `json.loads` reads a document     |
| decimal(10,2), decimal   | `Decimal[10, 2]`, `Numeric`  | `str`; `decimal.Decimal` computes        |

In timestamps and dates the largest and the smallest 64-bit number are infinity and -infinity.
"""

from __future__ import annotations

from typing import Annotated


class Logical:
    """What a column means, where its Python type does not say it."""

    def __init__(self, name: str) -> None:
        self.name = name


class Absent:
    """The type of `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT = Absent()
"""What the source did not say. It is not null: the target keeps what it has."""

TimestampUs = Annotated[int, Logical("timestamp(us)")]
"""Microseconds since the Unix epoch, UTC."""

TimestampMs = Annotated[int, Logical("timestamp(ms)")]
"""Milliseconds since the Unix epoch, UTC."""

Date = Annotated[int, Logical("date")]
"""Days since the Unix epoch."""

TimeUs = Annotated[int, Logical("time(us)")]
"""Microseconds since midnight, of no day and no zone."""

TimeMs = Annotated[int, Logical("time(ms)")]
"""Milliseconds since midnight, of no day and no zone."""

Uuid = Annotated[str, Logical("uuid")]
"""A UUID as text."""

Json = Annotated[str, Logical("json")]
"""A JSON document as text."""

Numeric = Annotated[str, Logical("decimal")]
"""A decimal number as text, exact, of any precision and scale."""


class Decimal:
    """A decimal number as text, exact: `Decimal[10, 2]` has at most ten digits, two of them after
    the point."""

    def __class_getitem__(cls, size: tuple[int, int]):
        precision, scale = size
        return Annotated[str, Logical(f"decimal({precision},{scale})")]


LAYOUTS = {"boolean": bool, "int64": int, "float64": float, "text": str, "bytes": bytes}
"""The Python types that say themselves what a column means."""
