"""What a rule does not have: clock, random numbers, files, other programs, modules that are not a
part of the component. Each of them raises a sentence that says what to do. `print` goes to the log.

Imported before the rule, so that `from time import time` in it gets what stands here.
"""

from __future__ import annotations

import builtins
import datetime
import importlib
import io
import os
import random
import sys
import time
from collections.abc import Callable
from importlib.machinery import PathFinder
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

_HASH = (
    "the hash of a text differs from build to build of the component: take hashlib.sha256(..) or "
    "zlib.crc32(..)"
)

_CODECS = """
    ascii base64_codec cp437 cp850 cp1250 cp1251 cp1252 hex_codec idna iso8859_1 iso8859_2
    iso8859_15 koi8_r latin_1 mac_roman punycode raw_unicode_escape unicode_escape utf_16
    utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_7 utf_8 utf_8_sig
"""

_LATE_MODULES = ["_strptime", "stringprep", *(f"encodings.{name}" for name in _CODECS.split())]
"""What the standard library imports where it is first used. Other codecs are large or rare."""

_is_built = False


class Outside(Exception):
    """A rule asked for what it does not have."""


class _NoMoreModules:
    """Refuses what is neither loaded nor built into the interpreter: there are no files."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> NoReturn:
        raise Outside(
            f"the module `{name}` is not a part of the component: write `import {name}` at the top "
            "of rule.py"
        )


class _StandIn(type):
    """Of a class that stands for the one it is made of: what belongs to the one belongs to the
    other."""

    def __instancecheck__(cls, value: Any) -> bool:
        real = cls.__dict__.get("stands_for")
        return type.__instancecheck__(cls, value) if real is None else isinstance(value, real)

    def __subclasscheck__(cls, kind: type) -> bool:
        real = cls.__dict__.get("stands_for")
        return type.__subclasscheck__(cls, kind) if real is None else issubclass(kind, real)


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
            log.write(self.level, whole(line[:LOG_LINE_MAX]))
        return len(text)

    def end_call(self) -> None:
        """Sends what has no end of line yet."""
        if self.line:
            line, self.line = self.line, ""
            log.write(self.level, whole(line[:LOG_LINE_MAX]))


def whole(text: str) -> str:
    """What is said to a person, with `?` for half a surrogate pair: the host takes whole ones."""
    return text.encode("utf-8", "replace").decode()


_streams: list[LogWriter] = []


def close() -> None:
    """Called before the rule is imported: nothing of the clock and of random numbers from now on,
    and no file once the component is built."""
    for module in _LATE_MODULES:
        importlib.import_module(module)
    _close_clock()
    _close_random()
    _close_hash()
    _close_files()
    _streams.extend([LogWriter(log.Level.INFO, sys.stdout), LogWriter(log.Level.WARN, sys.stderr)])
    sys.stdout, sys.stderr = _streams


def is_built() -> None:
    """Called by the first call into the component."""
    global _is_built
    if not _is_built:
        _is_built = True
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder]
        sys.meta_path.append(_NoMoreModules)


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

    class RuleDateTime(datetime.datetime, metaclass=_StandIn):
        stands_for = datetime.datetime
        now = classmethod(_raises("datetime.now()", _CLOCK))
        utcnow = classmethod(_raises("datetime.utcnow()", _CLOCK))
        today = classmethod(_raises("datetime.today()", _CLOCK))

    class RuleDate(datetime.date, metaclass=_StandIn):
        stands_for = datetime.date
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


def _close_hash() -> None:
    real = builtins.hash

    def checked(value: Any, /) -> int:
        # Inside of __hash__ it is for a dict or a set, whose answers do not depend on it.
        if isinstance(value, (str, bytes)) and sys._getframe(1).f_code.co_name != "__hash__":
            raise Outside(f"hash(): {_HASH}")
        return real(value)

    checked.__name__ = checked.__qualname__ = "hash"
    builtins.hash = checked


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
