"""The component: what the host calls, around the rule in `rule.py`."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from itertools import repeat
from typing import Any

import gristmill_about
from componentize_py_types import Err
from wit_world.imports import types as wit

from . import column, config, outside
from .mistake import Mistake
from .reject import Reject

outside.close()

import rule as _author  # noqa: E402  what is outside is closed first

from .declare import Field, declared  # noqa: E402

_RULE = declared()
_SCHEMA = json.dumps(config.schema(_RULE.config))
_AUTHOR_DIR = os.path.dirname(_author.__file__ or "")
_SDK_DIR = os.path.dirname(__file__)


class _Opened:
    """The rule with its config."""

    def __init__(self, given: str) -> None:
        values = json.loads(given)
        self.config = (config.load(_RULE.config, values),) if _RULE.config is not None else ()
        self.inputs = [(partial(tuple.__new__, row), len(row._fields)) for row in _RULE.inputs]
        taken = [field for _, _, fields in _RULE.joins for field in fields]
        self.fields = _RULE.reads + taken

    def apply(self, batch: wit.Batch) -> wit.Output:
        rows = batch.rows
        untold = self._untold(batch) if _RULE.roles is None else set()
        asked = range(rows)
        pairs = zip(self.fields, batch.columns)
        columns = [column.read(c, rows, field.tells_absent) for field, c in pairs]
        if untold:
            asked = [row for row in range(rows) if row not in untold]
            columns = [[values[row] for row in asked] for values in columns]
        answers, source_rows, rejections = self._answers(columns, asked)
        written = self._written(answers, source_rows)
        if untold:
            written, source_rows = self._with_untold(written, source_rows, untold)
        return wit.Output(
            written, None if _is_each(source_rows, rows) else list(source_rows), rejections
        )

    def _untold(self, batch: wit.Batch) -> set[int]:
        """The rows in which a value is absent that the rule does not want to know so."""
        pairs = zip(self.fields, batch.columns)
        told = (
            column.absent_rows(values, batch.rows)
            for field, values in pairs
            if not field.tells_absent
        )
        return {row for rows in told for row in rows}

    def _answers(
        self, columns: list[list[Any]], asked: range | list[int]
    ) -> tuple[list[Any], list[int], list[wit.Rejection]]:
        function, arguments = _RULE.function, []
        first = 0
        for make, width in self.inputs:
            taken = columns[first : first + width]
            first += width
            arguments.append(map(make, zip(*taken) if taken else repeat((), len(asked))))
        arguments.extend(map(repeat, self.config))
        answers, source_rows, rejections = [], [], []
        for row, values in zip(asked, zip(*arguments)):
            try:
                answers.append(function(*values))
                source_rows.append(row)
            except Reject as reject:
                rejections.append(_rejection(row, reject))
        return answers, source_rows, rejections

    def _written(self, answers: list[Any], source_rows: list[int]) -> list[wit.Column]:
        if _RULE.roles is not None:
            answers[:], source_rows[:] = _flat(answers, source_rows)
        kinds = set(map(type, answers))
        if not kinds <= {_RULE.output}:
            pairs = zip(source_rows, answers)
            row, answer = next((r, a) for r, a in pairs if type(a) is not _RULE.output)
            what = "None" if answer is None else f"a {type(answer).__name__}"
            due = _RULE.output.__name__
            raise Mistake(f"row {row}: the rule answered {what}, not {due}(..)")
        values = list(zip(*answers)) or [()] * len(_RULE.writes)
        pairs = zip(_RULE.writes, values)
        return [column.write(field, answered, source_rows) for field, answered in pairs]

    def _with_untold(
        self, written: list[wit.Column], source_rows: list[int], untold: set[int]
    ) -> tuple[list[wit.Column], list[int]]:
        """The answers with the rows in which nothing can be said."""
        whole = sorted({*source_rows, *untold})
        places = {row: place for place, row in enumerate(whole)}
        asked = [places[row] for row in source_rows]
        pairs = zip(_RULE.writes, written)
        return [column.absent(field, c, asked, len(whole)) for field, c in pairs], whole


# The stack of a component is 1 MiB, of which a call in Python takes up to 2 KiB.
sys.setrecursionlimit(300)

_opened: _Opened | None = None


class Rule:
    """The exports of `wit/transform.wit`."""

    def describe(self) -> wit.Description:
        outside.is_built()
        name, version = gristmill_about.NAME, gristmill_about.VERSION
        return wit.Description(name, version, _summary(), _SCHEMA, [])

    def open(self, given: str) -> wit.Plan:
        global _opened
        outside.is_built()
        try:
            _opened = _Opened(given)
        except ValueError as refused:
            raise Err(outside.whole(str(refused))) from None
        except BaseException as error:
            raise Err(_in_words(error)) from None
        finally:
            outside.end_call()
        return _plan()

    def apply(self, batch: wit.Batch) -> wit.Output:
        if _opened is None:
            raise Err("called before it was opened")
        try:
            return _opened.apply(batch)
        except BaseException as error:
            raise Err(_in_words(error)) from None
        finally:
            outside.end_call()


def _plan() -> wit.Plan:
    roles = _RULE.roles and wit.Roles(
        list(_RULE.roles.key), _RULE.roles.event_time, _RULE.roles.deleted, list(_RULE.roles.order)
    )
    joins = [wit.Join(name, on, list(map(_field, taken))) for name, on, taken in _RULE.joins]
    reads, writes = list(map(_field, _RULE.reads)), list(map(_field, _RULE.writes))
    return wit.Plan(reads, joins, writes, roles, _RULE.rejects, _RULE.attributes)


def _field(field: Field) -> wit.Field:
    return wit.Field(field.name, field.logical_type, field.nullable)


def _summary() -> str:
    """The first paragraph of what stands at the top of rule.py."""
    said = (_author.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(said.split())


def _flat(answers: list[Any], source_rows: list[int]) -> tuple[list[Any], list[int]]:
    """A normalizer's answers: None is no row, a list each of its rows."""
    rows, sources = [], []
    for row, answer in zip(source_rows, answers):
        several = answer if type(answer) is list else [] if answer is None else [answer]
        rows.extend(several)
        sources.extend(repeat(row, len(several)))
    return rows, sources


def _is_each(source_rows: list[int], rows: int) -> bool:
    return len(source_rows) == rows and source_rows == list(range(rows))


def _rejection(row: int, reject: Reject) -> wit.Rejection:
    if reject.code not in _RULE.rejects:
        spelt = json.dumps([*_RULE.rejects, reject.code])
        raise Mistake(
            f"the rule rejects with `{reject.code}`, which it does not declare: rejects={spelt}"
        ) from reject
    return wit.Rejection(row, str(reject.code), outside.whole(str(reject.message)))


def _in_words(error: BaseException) -> str:
    """An error in one line, with the author's line that it comes from."""
    if isinstance(error, MemoryError):
        error = Mistake("there is no more memory: raise memory_max_bytes in the transform's limits")
    kind = "" if isinstance(error, (Mistake, outside.Outside)) else f"{type(error).__name__}: "
    cause = error.__cause__ if isinstance(error.__cause__, Reject) else error
    return outside.whole(f"{kind}{error} ({_place(cause)})")


def _place(error: BaseException) -> str:
    code = _RULE.function.__code__
    found = f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(_AUTHOR_DIR) and not file.startswith(_SDK_DIR):
            found = f"{os.path.relpath(file, _AUTHOR_DIR)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


sys.unraisablehook = lambda _: None
