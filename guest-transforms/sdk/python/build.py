"""Builds the component of the rule in this folder: `python3 vendor/gristmill/build.py NAME`.

Nothing is done where NAME.wasm is newer than what it is made of. The first build installs the
compiler into `.venv`, and what `requirements.txt` names, which must be pure Python.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from compiler import Compiler, files_below, is_current, say

# The size is that of the folder .venv, as installed on Linux.
COMPILER = Compiler("componentize-py==0.25.1", "72 MB", "python")

SDK = Path(__file__).resolve().parent
PACKAGES = Path(".build/packages")
"""What requirements.txt names."""

REQUIREMENTS = Path("requirements.txt")
ABOUT = Path(".build/gristmill_about.py")
NO_SOURCE = {"__pycache__", "cases", "tests", "vendor"}
"""Folders of which nothing is a part of the component, beside those that begin with a dot."""


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python3 vendor/gristmill/build.py NAME")
    name = sys.argv[1]
    component = Path(f"{name}.wasm")
    if not Path("rule.py").exists():
        raise SystemExit("there is no rule.py here: it holds the rule")
    sdk = [file for file in SDK.rglob("*") if file.suffix in (".py", ".wit")]
    if is_current(component, files_below(NO_SOURCE) + sdk):
        return
    compile_natively()
    COMPILER.install()
    install_packages()
    ABOUT.parent.mkdir(exist_ok=True)
    ABOUT.write_text(f'NAME = "{name}"\nVERSION = "{version()}"\n')
    build(component)


def compile_natively() -> None:
    """Names a mistake in the grammar before the compiler starts."""
    for source in sorted(Path(".").glob("*.py")):
        try:
            compile(source.read_bytes(), str(source), "exec")
        except SyntaxError as error:
            line = (error.text or "").strip()
            raise SystemExit(f"{source}:{error.lineno}: {error.msg}: {line}") from None


def version() -> str:
    """Of `__version__ = "1.2.3"` in rule.py."""
    said = re.search(r'^__version__ = "([^"\\]+)"', Path("rule.py").read_text(), re.MULTILINE)
    return said.group(1) if said else "0.1.0"


def install_packages() -> None:
    """Makes `PACKAGES` hold what requirements.txt names."""
    if not REQUIREMENTS.exists():
        return
    asked = REQUIREMENTS.read_text()
    installed = PACKAGES / REQUIREMENTS
    if not installed.exists() or installed.read_text() != asked:
        say(f"installing the packages of requirements.txt into {PACKAGES}")
        COMPILER.pip("--target", str(PACKAGES), "--upgrade", "-r", str(REQUIREMENTS))
        installed.write_text(asked)


def build(component: Path) -> None:
    # Whoever saves a file while the compiler runs has a source newer than the component.
    begun = time.time()
    made = component.with_suffix(".wasm.new")
    folders = [str(ABOUT.parent), ".", str(SDK)] + ([str(PACKAGES)] if PACKAGES.exists() else [])
    paths = [argument for folder in folders for argument in ("-p", folder)]
    # Its own script names the folder in which it was installed, and the rule's may be moved.
    compiler = [str(COMPILER.python), "-c", "from componentize_py import script; script()"]
    command = [*compiler, "--quiet", "-d", str(SDK / "wit")]
    command += ["-w", "transform", "componentize", "--stub-wasi", *paths]
    command += ["gristmill.component", "-o", str(made)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise SystemExit(in_words(built.stdout + built.stderr))
    sys.stderr.write(built.stderr)
    sys.stdout.write(built.stdout)
    os.utime(made, (begun, begun))
    made.replace(component)


def in_words(said: str) -> str:
    """The end of what the compiler says: the error of rule.py with its line, without the frames
    of what runs it."""
    error = re.findall(r"^(?:[\w.]+\.)?(\w+): (.+)$", said, re.MULTILINE)
    place = re.findall(r'File "/\d+/(?!gristmill)([\w/]+\.py)", line (\d+)', said)
    if not error:
        return said
    kind, message = next((e for e in reversed(error) if e[0][0].isupper()), error[-1])
    sentence = message if kind in ("Mistake", "Outside") else f"{kind}: {message}"
    return sentence + ("" if not place else " ({}:{})".format(*place[-1]))


if __name__ == "__main__":
    main()
