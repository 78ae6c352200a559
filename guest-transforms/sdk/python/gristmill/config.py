"""A rule's config: from a dataclass to a JSON Schema, and from JSON to the dataclass.

Types are `bool`, `int`, `float`, `str`, `Any`, `Literal`, `list`, `dict` with text keys, another
dataclass, and unions of them with None. `Annotated[int, "What it is for.", {"minimum": 1}]` adds a
description and further keywords of JSON Schema.
"""

from __future__ import annotations

import dataclasses
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .mistake import Mistake

_SIMPLE = {bool: "boolean", int: "integer", float: "number", str: "string", NoneType: "null"}


def schema(config: type | None) -> dict[str, Any]:
    """The JSON Schema of a config; without one nothing can be set."""
    if config is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    properties, required = {}, []
    hints = get_type_hints(config, include_extras=True)
    for field in dataclasses.fields(config):
        if not field.init:
            continue
        spelt = _schema(hints[field.name], f"{config.__name__}.{field.name}")
        if field.default is not dataclasses.MISSING:
            spelt["default"] = _plain(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            spelt["default"] = _plain(field.default_factory())
        else:
            required.append(field.name)
        properties[field.name] = spelt
    whole = {"type": "object", "properties": properties, "additionalProperties": False}
    return whole | ({"required": required} if required else {})


def load(config: type, value: dict[str, Any]) -> Any:
    """The dataclass of a config that fits its schema. A ValueError of `__post_init__` is the
    author's own refusal."""
    hints = get_type_hints(config, include_extras=True)
    return config(**{name: _load(hints[name], given) for name, given in value.items()})


def _schema(hint: Any, where: str) -> dict[str, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        spelt = _schema(args[0], where)
        for said in hint.__metadata__:
            spelt |= {"description": said} if isinstance(said, str) else said
        return spelt
    if hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    if hint is Any:
        return {}
    if origin is Literal:
        return {"enum": list(args)}
    if hint is list or origin is list:
        return {"type": "array"} | ({"items": _schema(args[0], where)} if args else {})
    if hint is dict or origin is dict:
        of = {"additionalProperties": _schema(args[1], where)} if args else {}
        return {"type": "object"} | of
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(part, where) for part in args]}
    if dataclasses.is_dataclass(hint):
        return schema(hint)  # type: ignore[arg-type]
    raise Mistake(
        f"`{where}` is of type {getattr(hint, '__name__', hint)}, which no pipeline file can say: "
        "use bool, int, float, str, list, dict, Literal or a dataclass"
    )


def _load(hint: Any, value: Any) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _load(args[0], value)
    if origin in (Union, UnionType) and value is not None:
        parts = [part for part in args if part is not NoneType]
        return _load(parts[0], value) if len(parts) == 1 else value
    if origin is list and args:
        return [_load(args[0], item) for item in value]
    if origin is dict and args:
        return {name: _load(args[1], item) for name, item in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return load(hint, value)  # type: ignore[arg-type]
    # JSON spells a whole number as 5.0, too.
    return hint(value) if hint is float or hint is int and isinstance(value, float) else value


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)  # type: ignore[arg-type]
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value
