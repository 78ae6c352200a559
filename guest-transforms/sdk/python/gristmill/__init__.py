"""Write a gristmill rule in Python.

A rule is a function from a row to a row. Named tuples say what it reads and writes, and a
dataclass what a pipeline file can set:

    from dataclasses import dataclass
    from typing import Annotated, NamedTuple

    from gristmill import Reject, rule

    class Person(NamedTuple):
        birth_year: int | None

    class Age(NamedTuple):
        age: int | None

    @dataclass
    class Config:
        year: Annotated[int, "The year for which ages are computed."]

    @rule(rejects=["unborn"])
    def enrich_age(person: Person, config: Config) -> Age:
        if person.birth_year is None:
            return Age(age=None)
        if person.birth_year > config.year:
            raise Reject("unborn", f"`birth_year` is after {config.year}")
        return Age(age=config.year - person.birth_year)

- `bool`, `int`, `float`, `str` and `bytes` are types of columns, and those of `gristmill.types`:
  `TimestampMs`, `Date`, `Decimal[10, 2]`, `Json` and others. `| None` where a value may be null.
- `| Absent` where the source may not have said the value, and the rule wants to know:
  `row.email is ABSENT`. An enricher is not asked about a row in which another value is absent:
  what it writes is absent there, too.
- `at("value.after.email")` as a default names the column otherwise than the field.
- `@join("countries", on="country_code")` makes a named tuple one that the host looks up. It is a
  parameter of its own, and its values are None where nothing matches.
- `normalizer` instead of `rule` makes the first transform of a pipeline.
- `print` goes to gristmill's log. There is no clock, no random number, no file: the same row gives
  the same answer tomorrow. Sort a set before its order matters: it differs from build to build.

The function stays a plain function: a unit test calls `enrich_age(Person(1990), Config(2026))`.
"""

from .declare import at, join, normalizer, rule
from .reject import Reject
from .types import (
    ABSENT,
    Absent,
    Date,
    Decimal,
    Json,
    Numeric,
    TimeMs,
    TimestampMs,
    TimestampUs,
    TimeUs,
    Uuid,
)

__all__ = [
    "ABSENT",
    "Absent",
    "Date",
    "Decimal",
    "Json",
    "Numeric",
    "Reject",
    "TimeMs",
    "TimeUs",
    "TimestampMs",
    "TimestampUs",
    "Uuid",
    "at",
    "join",
    "normalizer",
    "rule",
]
