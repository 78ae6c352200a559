"""Does wrong what the row says."""

import datetime
import os
import random
import time
import uuid
from typing import NamedTuple

from gristmill import ABSENT, Reject, TimestampMs, rule


class Input(NamedTuple):
    what: str | None


class Output(NamedTuple):
    number: int | None
    said: str | None
    day: TimestampMs


class Own(datetime.datetime):
    pass


def of(what: str) -> Output:
    match what:
        case "the clock":
            return Output(1, datetime.datetime.now().isoformat(), 0)
        case "today":
            return Output(datetime.date.today().year, None, 0)
        case "the time":
            return Output(int(time.time()), None, 0)
        case "a pause":
            time.sleep(1)
        case "a random number":
            return Output(random.randrange(6), None, 0)
        case "a random uuid":
            return Output(1, str(uuid.uuid4()), 0)
        case "a file":
            return Output(1, open("/etc/hostname").read(), 0)
        case "a folder":
            return Output(len(os.listdir(".")), None, 0)
        case "another type":
            return Output("5", None, 0)
        case "a truth for a number":
            return Output(True, None, 0)
        case "more than 64 bits":
            return Output(1 << 63, None, 0)
        case "null where a value is promised":
            return Output(1, None, None)
        case "absent where nobody expects it":
            return Output(1, ABSENT, 0)
        case "half a letter":
            return Output(1, "\ud83d", 0)
        case "another tuple":
            return (1, None, 0)
        case "a misspelt column":
            return Output(nubmer=1, said=None, day=0)
        case "an unknown code":
            raise Reject("odd", "the row is odd")
        case "a key that is not there":
            return Output({}[what], None, 0)
        case "a division by zero":
            return Output(1 // 0, None, 0)
        case "too much memory":
            return Output(len([0] * (1 << 28)), None, 0)
        case "an exit":
            raise SystemExit(3)
        case "a reason with half a letter":
            raise Reject("even", "half of \ud83d")
        case "an error with half a letter":
            raise ValueError("half of \ud83d")
        case "a line with half a letter":
            print("half of \ud83d")
            raise Reject("even", "printed")
        case "a module that is not there":
            import csv

            return Output(len(csv.__name__), None, 0)
        case "a codec that is not there":
            return Output(len("\u0436".encode("cp866")), None, 0)
        case "the hash of a text":
            return Output(hash(what), None, 0)
        case "a date in a text":
            day = datetime.datetime.strptime("2024-01-05", "%Y-%m-%d")
            raise Reject("even", f"{day:%A}, {day.isoformat().encode('utf-16-le')[:4]}")
        case "kinds of dates":
            moment = datetime.datetime(2024, 1, 5)
            kinds = datetime.date, datetime.datetime
            values = moment, moment.date(), datetime.datetime.min, Own(2024, 1, 5), 5
            of_each = [[isinstance(value, kind) for kind in kinds] for value in values]
            raise Reject("even", f"{of_each}, {[issubclass(Own, kind) for kind in kinds]}")


@rule(rejects=["even"])
def mistaken(row: Input) -> Output:
    return of(row.what or "")
