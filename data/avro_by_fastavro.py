"""Writes avro_by_fastavro.ndjson: what fastavro 1.13.1 makes of random schemas, values and bytes.

A line is {"schema"} for those that follow, or {"bytes", "json"}: base64, and the value as JSON has
it (bytes in base64, unions without names, NaN and infinities as text); "json" is missing where
fastavro refuses the bytes or leaves some of them. Run it with: python3 avro_by_fastavro.py
"""

import base64
import io
import json
import math
import random
import struct
import sys

import fastavro

RANDOM = random.Random(18)
PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


def schema(depth, names):
    kinds = PRIMITIVES + ["fixed", "enum"]
    if depth > 0:
        kinds += ["array", "map", "record", "union", "union"] * 2
    kind = RANDOM.choice(kinds)
    name = f"N{len(names)}"
    if kind == "fixed":
        names.append(name)
        return {"type": "fixed", "name": name, "size": RANDOM.randrange(1, 5)}
    if kind == "enum":
        names.append(name)
        return {"type": "enum", "name": name, "symbols": ["A", "B", "C"][: RANDOM.randrange(1, 4)]}
    if kind == "array":
        return {"type": "array", "items": schema(depth - 1, names)}
    if kind == "map":
        return {"type": "map", "values": schema(depth - 1, names)}
    if kind == "record":
        names.append(name)
        many = range(RANDOM.randrange(1, 5))
        fields = [{"name": f"f{i}", "type": schema(depth - 1, names)} for i in many]
        if RANDOM.random() < 0.3:
            fields.append({"name": "next", "type": ["null", name]})
        return {"type": "record", "name": name, "fields": fields}
    if kind == "union":
        branches = RANDOM.sample(PRIMITIVES, RANDOM.randrange(1, 3))
        if "null" not in branches and RANDOM.random() < 0.7:
            branches.insert(0, "null")
        other = schema(depth - 1, names)
        if isinstance(other, dict):
            branches.append(other)
        return branches
    return kind


def value(of, named, depth=0):
    if isinstance(of, list):
        return value(of[0] if depth > 6 else RANDOM.choice(of), named, depth)
    kind = of if isinstance(of, str) else of["type"]
    if isinstance(of, dict) and "name" in of:
        named[of["name"]] = of
    if kind in named and kind not in PRIMITIVES:
        return value(named[kind], named, depth + 1)
    many = range(RANDOM.randrange(0, 4 if depth < 4 else 1))
    if kind == "null":
        return None
    if kind == "boolean":
        return RANDOM.random() < 0.5
    if kind == "int":
        return RANDOM.choice([0, -1, 1, 63, 64, -65, 2**31 - 1, -(2**31), RANDOM.getrandbits(20)])
    if kind == "long":
        return RANDOM.choice([0, -1, 2**63 - 1, -(2**63), RANDOM.getrandbits(62)])
    if kind == "float":
        return struct.unpack("<f", struct.pack("<f", RANDOM.choice([0.0, 0.5, -1.25, 1e30])))[0]
    if kind == "double":
        return RANDOM.choice([0.0, 0.1, -1e300, math.pi, math.inf])
    if kind == "bytes":
        return bytes(RANDOM.randrange(256) for _ in range(RANDOM.randrange(6)))
    if kind == "string":
        return RANDOM.choice(["", "a", "Zoë", "\"\\\n", "x" * 70, "\U0001f600"])
    if kind == "fixed":
        return bytes(RANDOM.randrange(256) for _ in range(of["size"]))
    if kind == "enum":
        return RANDOM.choice(of["symbols"])
    if kind == "array":
        return [value(of["items"], named, depth + 1) for _ in many]
    if kind == "map":
        return {f"k{i}": value(of["values"], named, depth + 1) for i in many}
    return {f["name"]: value(f["type"], named, depth + 1) for f in of["fields"]}


def shown(found):
    if isinstance(found, bytes):
        return base64.b64encode(found).decode()
    if isinstance(found, float) and not math.isfinite(found):
        return "NaN" if math.isnan(found) else "Infinity" if found > 0 else "-Infinity"
    if isinstance(found, list):
        return [shown(item) for item in found]
    if isinstance(found, dict):
        return {name: shown(item) for name, item in found.items()}
    return found


def changed(data):
    data = bytearray(data)
    for _ in range(RANDOM.randrange(1, 3)):
        at = RANDOM.randrange(len(data) + 1)
        kind = RANDOM.randrange(4)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << RANDOM.randrange(8)
        elif kind == 1 and at < len(data):
            del data[at]
        elif kind == 2:
            del data[at:]
        else:
            data.insert(at, RANDOM.randrange(256))
    return bytes(data)


def line(parsed, data):
    entry = {"bytes": base64.b64encode(data).decode()}
    stream = io.BytesIO(data)
    try:
        found = fastavro.schemaless_reader(stream, parsed, None)
        if stream.tell() == len(data):
            entry["json"] = shown(found)
    except Exception:
        pass
    return entry


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else "avro_by_fastavro.ndjson", "w") as out:
        for number in range(90):
            fields = [{"name": "a", "type": schema(3, [])}]
            of = {"type": "record", "name": "Root", "fields": fields}
            if len(json.dumps(of)) > 1500:
                continue
            parsed = fastavro.parse_schema(json.loads(json.dumps(of)))
            out.write(json.dumps({"schema": of}) + "\n")
            for _ in range(4):
                stream = io.BytesIO()
                try:
                    fastavro.schemaless_writer(stream, parsed, value(of, {}))
                except Exception:
                    continue
                data = stream.getvalue()
                if len(data) > 300:
                    continue
                out.write(json.dumps(line(parsed, data)) + "\n")
                for _ in range(3):
                    out.write(json.dumps(line(parsed, changed(data))) + "\n")


main()
