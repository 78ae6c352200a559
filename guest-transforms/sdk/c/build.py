"""Builds the component of the rule in this folder: `python3 vendor/gristmill/build.py NAME`.

Nothing is done where NAME.wasm is newer than what it is made of. The first build installs the
compiler, Zig's clang, into `.venv`. What it makes is a core module; gristmill makes it a component.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from compiler import Compiler, files_below, is_current

# The size is that of the folder .venv, as installed on Linux.
COMPILER = Compiler("ziglang==0.17.1", "440 MB", "c")

SDK = Path(os.path.relpath(Path(__file__).parent))

NO_SOURCE = {"cases", "tests", "vendor"}
"""Folders of which nothing is a part of the component, beside those that begin with a dot."""

# Undefined behaviour fails on the row, with its line: see undefined.c. `function` and `vptr` are of
# no use in C, and `alignment` is no fault in WebAssembly.
OPTIONS = [
    "-target",
    "wasm32-wasi-musl",
    "-mexec-model=reactor",
    "-std=gnu2x",
    "-O2",
    "-fno-stack-protector",
    "-Wall",
    "-Wextra",
    "-Werror=implicit-function-declaration",
    "-Werror=incompatible-pointer-types",
    "-Werror=return-type",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
    "-fsanitize=undefined,float-cast-overflow",
    "-fno-sanitize=alignment,function",
    "-fno-sanitize-recover=all",
    "-fno-sanitize-trap=all",
    # Where `assert` and `abort` end: see log.c.
    "-D__assert_fail=gm_assert_fail",
    "-Dabort=gm_abort",
]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python3 vendor/gristmill/build.py NAME")
    name = sys.argv[1]
    component = Path(f"{name}.wasm")
    if not Path("rule.c").exists():
        raise SystemExit("there is no rule.c here: it holds the rule")
    # Any file may be included or embedded.
    sdk = [*SDK.glob("*.[ch]*"), *SDK.glob("*.py")]
    if is_current(component, files_below(NO_SOURCE) + sdk):
        return
    COMPILER.install()
    build(name, component)


def build(name: str, component: Path) -> None:
    # Whoever saves a file while the compiler runs has a source newer than the component.
    begun = time.time()
    made = component.with_suffix(".wasm.new")
    zig = [str(COMPILER.python), "-m", "ziglang", "cc"]
    # The SDK first: its `printf` has to stand before a call of it makes the linker take libc's.
    sources = [str(file) for file in sorted(SDK.glob("*.c"))]
    sources += [str(file) for file in sorted(Path(".").glob("*.c"))]
    own = [f'-DGM_NAME="{name}"', f"-I{SDK}", "-I."]
    # 256 KiB of stack, where Zig would reserve 16 MiB. It lies below everything else, so that a
    # recursion without end leaves the memory, and traps.
    link = ["-Wl,--no-entry", "-Wl,--strip-debug", "-Wl,-z,stack-size=262144", "-o", str(made)]
    command = [*zig, *OPTIONS, *own, *sources, *link]
    built = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    sys.stderr.write(without_notes(built.stderr))
    if built.returncode:
        raise SystemExit(1)
    say_type(made)
    os.utime(made, (begun, begun))
    made.replace(component)


def without_notes(said: str) -> str:
    """What the compiler says, without where in the SDK it comes from."""
    kept, is_note = [], False
    for line in said.splitlines(keepends=True):
        if is_place := re.match(r"\S+:\d+:\d+: (\w+)", line):
            is_note = is_place.group(1) == "note"
        elif re.match(r"\d+ (error|warning)s? |In file included", line):
            is_note = False
        if not is_note:
            kept.append(line)
    return "".join(kept)


def say_type(module: Path) -> None:
    """Appends the custom section that says what exports and import of the module are:
    `wit/transform.wit` in binary form, made by wit-component."""
    name = b"component-type:gristmill"
    content = bytes([len(name)]) + name
    content += bytes.fromhex((SDK / "component_type.hex").read_text())
    with module.open("ab") as file:
        file.write(b"\0" + leb128(len(content)) + content)


def leb128(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + leb128(rest) if rest else bytes([low])


if __name__ == "__main__":
    main()
