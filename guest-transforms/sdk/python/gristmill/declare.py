"""How a rule says what it reads, joins, writes and rejects."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .mistake import Mistake
from .types import LAYOUTS, Absent, Logical

T = TypeVar("T")


class At:
    """Where a field stands, when not under its own name."""

    def __init__(self, name: str) -> None:
        self.name = name


def at(name: str) -> Any:
    """Names the column or, in a normalizer, the document path of a field: `value.after.email`."""
    return At(name)


class Field:
    """A column of the plan."""

    def __init__(self, name: str, logical_type: str, nullable: bool, tells_absent: bool) -> None:
        self.name = name
        self.logical_type = logical_type
        self.nullable = nullable
        self.tells_absent = tells_absent


class Roles:
    """The columns by which the host keeps the newest row of each key."""

    def __init__(
        self, key: Sequence[str], event_time: str, deleted: str | None, order: Sequence[str]
    ) -> None:
        self.key = key
        self.event_time = event_time
        self.deleted = deleted
        self.order = order


class Declared:
    """A rule's function, and what its signature says."""

    def __init__(
        self,
        function: Callable[..., Any],
        rejects: Iterable[str],
        roles: Roles | None,
        attributes: Iterable[tuple[str, str]],
    ) -> None:
        if isinstance(rejects, str):
            raise Mistake(f'`rejects` is a list: rejects=["{rejects}"]')
        self.function = function
        self.rejects = list(rejects)
        self.roles = roles
        self.attributes = list(attributes)
        self.reads: list[Field] = []
        self.joins: list[tuple[str, list[str], list[Field]]] = []
        self.inputs: list[type] = []
        self.config: type | None = None
        hints = _hints(function)
        if "return" not in hints:
            name = function.__name__
            raise Mistake(
                f"`{name}` does not say what it writes: def {name}(..) -> Output, where Output is "
                "a NamedTuple"
            )
        self.output = _named_tuple(hints.pop("return"), "what is written")
        self.writes = fields(self.output)
        for parameter in _parameters(function):
            self._take(parameter, hints.get(parameter))
        if not self.inputs:
            name = function.__name__
            raise Mistake(
                f"`{name}` is given no row: its first parameter is a NamedTuple of the columns "
                "that it reads"
            )

    def _take(self, parameter: str, hint: Any) -> None:
        """Sorts a parameter in: the config last, before it what is read and what is joined."""
        if self.config is not None:
            raise Mistake(f"the config is the last parameter, and `{parameter}` comes behind it")
        if dataclasses.is_dataclass(hint):
            self.config = hint
            return
        what = _named_tuple(hint, f"the parameter `{parameter}`")
        looked_up = getattr(what, "__gristmill_join__", None)
        if looked_up is not None:
            self.joins.append((*looked_up, fields(what)))
        elif self.joins or self.inputs:
            raise Mistake(
                f"`{parameter}` comes behind another row: a rule reads one NamedTuple, then those "
                "that are made by @join"
            )
        else:
            self.reads = fields(what)
        self.inputs.append(what)


_declared: Declared | None = None


def rule(
    *, rejects: Iterable[str] = (), attributes: Iterable[tuple[str, str]] = ()
) -> Callable[[T], T]:
    """Makes a function the component's rule: an enricher, which adds columns to a row.

    `rejects` are the codes with which it may raise `Reject`; `attributes` those of the plan, as
    `wit/transform.wit` has them.
    """
    return _declare(rejects, None, attributes)


def normalizer(
    *,
    key: Sequence[str],
    event_time: str,
    deleted: str | None = None,
    order: Sequence[str] = (),
    rejects: Iterable[str] = (),
    attributes: Iterable[tuple[str, str]] = (),
) -> Callable[[T], T]:
    """Makes a function the component's rule: the first of a pipeline, which makes rows of events.

    It reads document paths (`at("value.after.id")`) and answers a row, None for an event that is
    about no row, or a list of rows. `key`, `event_time`, `deleted` and `order` name columns that
    it writes: those that tell rows apart, the one that tells versions of a row apart, the boolean
    one that says that the row was deleted, and those that decide between equal event times.
    """
    if isinstance(key, str):
        raise Mistake(f'`key` is a list: key=["{key}"]')
    return _declare(rejects, Roles(list(key), event_time, deleted, list(order)), attributes)


def join(dimension: str, *, on: str | Sequence[str]) -> Callable[[T], T]:
    """Makes a named tuple one whose values the host looks up in `dimension` by the columns `on`."""

    def mark(row: T) -> T:
        columns = [on] if isinstance(on, str) else list(on)
        row.__gristmill_join__ = (dimension, columns)  # type: ignore[attr-defined]
        return row

    return mark


def declared() -> Declared:
    """The rule of this component."""
    if _declared is None:
        raise Mistake("rule.py has no rule: write @rule() above the function that is one")
    return _declared


def fields(row: type) -> list[Field]:
    """The columns of a named tuple."""
    hints = _hints(row)
    places = row._field_defaults  # type: ignore[attr-defined]
    return [
        _field(name, hints[name], places.get(name))
        for name in row._fields  # type: ignore[attr-defined]
    ]


def _declare(
    rejects: Iterable[str], roles: Roles | None, attributes: Iterable[tuple[str, str]]
) -> Callable[[T], T]:
    def mark(function: T) -> T:
        global _declared
        if _declared is not None:
            first = _declared.function.__name__
            raise Mistake(f"a component has one rule, and `{first}` is one already")
        _declared = Declared(function, rejects, roles, attributes)  # type: ignore[arg-type]
        return function

    return mark


def _field(name: str, hint: Any, default: Any) -> Field:
    parts = list(_parts(hint))
    nullable, tells_absent = NoneType in parts, Absent in parts
    values = [part for part in parts if part is not NoneType and part is not Absent]
    logical = _logical(values[0]) if len(values) == 1 else None
    if logical is None:
        spelt = getattr(hint, "__name__", None) or repr(hint)
        raise Mistake(
            f"`{name}` is of type {spelt}, and no column is: bool, int, float, str, bytes, those "
            "of gristmill.types, or one of them | None"
        )
    if default is not None and not isinstance(default, At):
        raise Mistake(
            f"`{name}` has the default {default!r}, and a row says all its values: leave it out, "
            "or name a column by at(..)"
        )
    column = default.name if default is not None else name
    return Field(column, logical, nullable or tells_absent, tells_absent)


def _parts(hint: Any) -> Iterable[Any]:
    if get_origin(hint) in (Union, UnionType):
        for part in get_args(hint):
            yield from _parts(part)
    else:
        yield hint


def _logical(hint: Any) -> str | None:
    if get_origin(hint) is Annotated:
        return next((m.name for m in hint.__metadata__ if isinstance(m, Logical)), None)
    return next((name for name, layout in LAYOUTS.items() if layout is hint), None)


def _hints(thing: Any) -> dict[str, Any]:
    try:
        return get_type_hints(thing, include_extras=True)
    except NameError as error:
        name = getattr(thing, "__name__", "the rule")
        module = getattr(sys.modules.get(thing.__module__), "__file__", None) or "rule.py"
        raise Mistake(f"{error} in the types of `{name}` ({module.rsplit('/', 1)[-1]})") from None


def _parameters(function: Callable[..., Any]) -> list[str]:
    code = function.__code__
    return list(code.co_varnames[: code.co_argcount])


def _named_tuple(hint: Any, what: str) -> type:
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return hint
    parts = [p for p in _parts(hint) if p is not NoneType]
    if len(parts) == 1 and get_origin(parts[0]) is list:
        return _named_tuple(get_args(parts[0])[0], what)
    if len(parts) == 1 and parts[0] is not hint:
        return _named_tuple(parts[0], what)
    raise Mistake(
        f"{what} has no type that says its columns: class Row(NamedTuple), and `row: Row` or "
        "`-> Row`; a dataclass is a config"
    )
