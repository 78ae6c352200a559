"""What a rule does not have: clock, random numbers, files, other programs. Each of them raises a
sentence that says what to do. `print` goes to the log.

Imported before the rule, so that `from time import time` in it gets what stands here.
"""

from __future__ import annotations

import builtins
import datetime
import io
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from wit_world.imports import log

LOG_LINE_MAX = 2048
"""Longer lines are cut, in characters: the host keeps no more."""

_CLOCK = (
    "a rule has no clock, so that the same row gives the same answer tomorrow: take the time from "
    "a column of the row, or from the config"
)
_RANDOM = (
    "a rule has no random numbers, so that the same row gives the same answer again: take them "
    "from a hash of the row, hashlib.sha256(..), or seed them, random.Random(row.id)"
)
_FILES = (
    "a rule has no files and no other programs while it runs: put the data into the config, into "
    "a dimension that it joins, or read a file beside rule.py at the top of the module, which "
    "makes it a part of the component"
)

_is_built = False


class Outside(Exception):
    """A rule asked for what it does not have."""


class LogWriter(io.TextIOBase):
    """Sends lines to gristmill's log."""

    def __init__(self, level: log.Level, while_built: Any) -> None:
        self.level = level
        self.while_built = while_built
        self.line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not _is_built:
            return self.while_built.write(text)
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            log.write(self.level, line[:LOG_LINE_MAX])
        return len(text)

    def end_call(self) -> None:
        """Sends what has no end of line yet."""
        if self.line:
            line, self.line = self.line, ""
            log.write(self.level, line[:LOG_LINE_MAX])


_streams: list[LogWriter] = []


def close() -> None:
    """Called before the rule is imported: nothing of the clock and of random numbers from now on,
    and no file once the component is built."""
    _close_clock()
    _close_random()
    _close_files()
    _streams.extend([LogWriter(log.Level.INFO, sys.stdout), LogWriter(log.Level.WARN, sys.stderr)])
    sys.stdout, sys.stderr = _streams


def is_built() -> None:
    """Called by the first call into the component."""
    global _is_built
    _is_built = True


def end_call() -> None:
    """Called when a call ends."""
    for stream in _streams:
        stream.end_call()


def _raises(name: str, why: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise Outside(f"{name}: {why}")

    return refuse


def _close_clock() -> None:
    for name in (
        "time",
        "time_ns",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "perf_counter_ns",
        "process_time",
        "process_time_ns",
        "thread_time",
        "thread_time_ns",
        "clock_gettime",
        "clock_gettime_ns",
        "sleep",
    ):
        if hasattr(time, name):
            setattr(time, name, _raises(f"time.{name}()", _CLOCK))
    # These take the moment from the clock where none is given.
    for name, given in (("localtime", 0), ("gmtime", 0), ("ctime", 0), ("strftime", 1)):
        setattr(time, name, _needs(getattr(time, name), given, f"time.{name}()"))

    class RuleDateTime(datetime.datetime):
        now = classmethod(_raises("datetime.now()", _CLOCK))
        utcnow = classmethod(_raises("datetime.utcnow()", _CLOCK))
        today = classmethod(_raises("datetime.today()", _CLOCK))

    class RuleDate(datetime.date):
        today = classmethod(_raises("date.today()", _CLOCK))

    for kind, shown in ((RuleDateTime, "datetime"), (RuleDate, "date")):
        kind.__name__ = kind.__qualname__ = shown
        kind.__module__ = "datetime"
        setattr(datetime, shown, kind)


def _needs(function: Callable[..., Any], given: int, name: str) -> Callable[..., Any]:
    def checked(*arguments: Any) -> Any:
        if len(arguments) <= given or arguments[given] is None:
            raise Outside(f"{name}: {_CLOCK}")
        return function(*arguments)

    return checked


def _close_random() -> None:
    for name in random.__all__:
        if name[0].islower():
            setattr(random, name, _raises(f"random.{name}()", _RANDOM))
    seed = random.Random.seed

    def seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            raise Outside(f"random.Random(): {_RANDOM}")
        seed(self, a, version)

    random.Random.seed = seeded  # type: ignore[method-assign]
    os.urandom = _raises("os.urandom()", _RANDOM)
    if hasattr(os, "getrandom"):
        os.getrandom = _raises("os.getrandom()", _RANDOM)
    random._urandom = os.urandom  # type: ignore[attr-defined]


def _close_files() -> None:
    for module, names in (
        (builtins, ("open", "input")),
        (io, ("open", "FileIO")),
        (os, ("open", "listdir", "scandir", "stat", "remove", "mkdir", "system", "popen")),
    ):
        for name in names:
            if hasattr(module, name):
                setattr(module, name, _while_built(getattr(module, name), f"{name}()"))


def _while_built(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def checked(*arguments: Any, **named: Any) -> Any:
        if _is_built:
            raise Outside(f"{name}: {_FILES}")
        return function(*arguments, **named)

    return checked
