"""Columns as they cross the sandbox, and as lists of values."""

from __future__ import annotations

from itertools import accumulate, chain, compress
from types import NoneType
from typing import Any

from wit_world.imports import types as wit

from .declare import Field
from .mistake import Mistake
from .types import ABSENT, LAYOUTS, Absent

_INT64 = range(-(1 << 63), 1 << 63)

_BITS = [tuple(bool(byte >> bit & 1) for bit in range(8)) for byte in range(256)]
"""The bits of each byte, least significant first."""

_ASCII_OF_BIT = bytes.maketrans(b"\x00\x01", b"01")


def read(column: wit.Column, rows: int, tells_absent: bool) -> list[Any]:
    """The values of a column: None where one is null, and where the source did not say it ABSENT,
    or None for a rule that does not want to know."""
    values = _values(column.values, rows)
    if column.validity is not None:
        valid = _bits(column.validity, rows)
        values = [value if is_valid else None for value, is_valid in zip(values, valid)]
    if column.presence is not None:
        present = _bits(column.presence, rows)
        absent = ABSENT if tells_absent else None
        values = [value if is_there else absent for value, is_there in zip(values, present)]
    return values


def absent_rows(column: wit.Column, rows: int) -> list[int]:
    """The rows of which the source did not say the value."""
    if column.presence is None:
        return []
    return [row for row, is_there in enumerate(_bits(column.presence, rows)) if not is_there]


def write(field: Field, values: tuple[Any, ...], source_rows: range | list[int]) -> wit.Column:
    """The column of what a rule answered. A value that is none of the field's is named with the
    input row that it belongs to."""
    layout = _layout(field)
    kinds = set(map(type, values))
    allowed = {layout}
    if field.nullable:
        allowed.add(NoneType)
    if field.tells_absent:
        allowed.add(Absent)
    if layout is float and int in kinds:
        values = tuple(float(value) if type(value) is int else value for value in values)
        kinds = set(map(type, values))
    if not kinds <= allowed:
        _refuse(field, values, source_rows, allowed)
    validity = presence = None
    if Absent in kinds:
        presence = _packed([value is not ABSENT for value in values])
    if NoneType in kinds:
        validity = _packed([value is not None for value in values])
    if validity or presence:
        blank = layout()
        values = tuple(
            blank if value is None or value is ABSENT else value for value in values
        )
    return wit.Column(validity, presence, _wire(field, layout, values, source_rows))


def absent(field: Field, column: wit.Column, asked: list[int], rows: int) -> wit.Column:
    """The column with an absent value in each row that the rule was not asked about: row `i` of
    `column` belongs to row `asked[i]`."""
    layout = _layout(field)
    values = [ABSENT] * rows
    for row, value in zip(asked, read(column, len(asked), True)):
        values[row] = value
    presence = _packed([value is not ABSENT for value in values])
    validity = _packed([value is not None for value in values]) if None in values else None
    blank = layout()
    filled = tuple(blank if value is None or value is ABSENT else value for value in values)
    return wit.Column(validity, presence, _wire(field, layout, filled, range(rows)))


def _values(values: wit.Values, rows: int) -> list[Any]:
    match values:
        case wit.Values_Bits(packed):
            return _bits(packed, rows)
        case wit.Values_Text(varlen):
            data, offsets = varlen.data, varlen.offsets
            text = data.decode()
            if len(text) == len(data):
                return [text[start:end] for start, end in zip(offsets, offsets[1:])]
            return [data[start:end].decode() for start, end in zip(offsets, offsets[1:])]
        case wit.Values_Bytes(varlen):
            data, offsets = varlen.data, varlen.offsets
            return [data[start:end] for start, end in zip(offsets, offsets[1:])]
        case _:
            return values.value


def _wire(
    field: Field, layout: type, values: tuple[Any, ...], source_rows: range | list[int]
) -> wit.Values:
    if layout is bool:
        return wit.Values_Bits(_packed(values))
    if layout is int:
        if values and (max(values) not in _INT64 or min(values) not in _INT64):
            row, value = next((r, v) for r, v in zip(source_rows, values) if v not in _INT64)
            raise Mistake(f"row {row}: `{field.name}` is {value}, which has no room in 64 bits")
        return wit.Values_Int64(list(values))
    if layout is float:
        return wit.Values_Float64(list(values))
    if layout is bytes:
        offsets = list(accumulate(map(len, values), initial=0))
        return wit.Values_Bytes(wit.Varlen(offsets, b"".join(values)))
    text = "".join(values)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        pairs = zip(source_rows, values)
        row = next(row for row, value in pairs if any("\ud800" <= c <= "\udfff" for c in value))
        raise Mistake(
            f"row {row}: `{field.name}` has half of a surrogate pair, which is no text: decode "
            "bytes with .decode(), not with 'surrogateescape'"
        ) from None
    sizes = values if len(data) == len(text) else [value.encode() for value in values]
    return wit.Values_Text(wit.Varlen(list(accumulate(map(len, sizes), initial=0)), data))


def _layout(field: Field) -> type:
    name = field.logical_type
    if name in LAYOUTS:
        return LAYOUTS[name]
    return int if name.startswith(("timestamp", "date", "time")) else str


def _bits(packed: bytes, rows: int) -> list[bool]:
    bits = list(chain.from_iterable(map(_BITS.__getitem__, packed)))
    del bits[rows:]
    return bits


def _packed(bits: list[bool] | tuple[bool, ...]) -> bytes:
    if not bits:
        return b""
    digits = bytes(bits)[::-1].translate(_ASCII_OF_BIT)
    return int(digits, 2).to_bytes((len(bits) + 7) // 8, "little")


def _refuse(
    field: Field, values: tuple[Any, ...], source_rows: range | list[int], allowed: set[type]
) -> None:
    wrong = (type(value) not in allowed for value in values)
    row, value = next(compress(zip(source_rows, values), wrong))
    if value is None:
        raise Mistake(
            f"row {row}: `{field.name}` is None, and the rule promises a value: declare it with "
            "`| None`"
        )
    if value is ABSENT:
        raise Mistake(
            f"row {row}: `{field.name}` is ABSENT, and the rule does not say that it may be: "
            "declare it with `| Absent`"
        )
    kind = _layout(field).__name__
    raise Mistake(
        f"row {row}: `{field.name}` is {_short(value)}, of type {type(value).__name__}, and the "
        f"rule declares {field.logical_type}, which is {kind} in Python"
    )


def _short(value: Any) -> str:
    spelt = repr(value)
    return spelt if len(spelt) <= 60 else spelt[:60] + ".."
