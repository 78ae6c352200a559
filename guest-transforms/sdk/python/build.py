"""Builds the component of the rule in this folder: `python3 vendor/gristmill/build.py NAME`.

Nothing is done where NAME.wasm is newer than what it is made of. The first build installs the
compiler into `.venv`, and what `requirements.txt` names, which must be pure Python.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

COMPILER = "componentize-py==0.25.1"
COMPILER_SIZE = "72 MB"
"""Of the folder .venv, as installed on Linux."""

SDK = Path(__file__).resolve().parent
TOOLS = os.environ.get("GRISTMILL_TOOLS")
"""A folder for the tools of several rules; without one each has its own."""

VENV = Path(TOOLS, "python") if TOOLS else Path(".venv")
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
    if is_current(component):
        return
    compile_natively()
    install()
    ABOUT.parent.mkdir(exist_ok=True)
    ABOUT.write_text(f'NAME = "{name}"\nVERSION = "{version()}"\n')
    build(component)


def sources() -> list[Path]:
    """What a component is made of: the rule's folder but for tools and cases, and the SDK."""
    found = []
    for folder, below, files in os.walk("."):
        below[:] = [name for name in below if name not in NO_SOURCE and name[0] != "."]
        own = (file for file in files if not file.endswith((".wasm", ".wasm.new")))
        found += [Path(folder, file) for file in own if file[0] != "."]
    return found + [file for file in SDK.rglob("*") if file.suffix in (".py", ".wit")]


def is_current(component: Path) -> bool:
    if not component.exists():
        return False
    made = component.stat().st_mtime
    return all(source.stat().st_mtime < made for source in sources())


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


def install() -> None:
    """Makes .venv hold the compiler, and the packages of requirements.txt. Of several rules that
    share the compiler the first installs it."""
    VENV.mkdir(parents=True, exist_ok=True)
    folder = os.open(VENV, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    mark = VENV / COMPILER
    if not mark.exists() or not (VENV / "bin/python").exists():
        install_compiler(mark)
    os.close(folder)
    if REQUIREMENTS.exists():
        asked = REQUIREMENTS.read_text()
        installed = PACKAGES / REQUIREMENTS
        if not installed.exists() or installed.read_text() != asked:
            say(f"installing the packages of requirements.txt into {PACKAGES}")
            pip("--target", str(PACKAGES), "--upgrade", "-r", str(REQUIREMENTS))
            installed.write_text(asked)


def install_compiler(mark: Path) -> None:
    say(f"installing {COMPILER} from PyPI into {VENV}, once ({COMPILER_SIZE})")
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except subprocess.CalledProcessError:
        raise SystemExit(
            "this Python cannot make a virtual environment: install its venv module, "
            "on Debian and Ubuntu with `apt install python3-venv`"
        ) from None
    pip(COMPILER)
    mark.touch()


def pip(*what: str) -> None:
    command = [str(VENV / "bin/python"), "-m", "pip", "install", "--quiet"]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if subprocess.run([*command, *what], env=environment, check=False).returncode:
        raise SystemExit(
            f"pip cannot install {what[-1]}: see above. It needs the network once, or an index "
            "of your own in PIP_INDEX_URL"
        )


def build(component: Path) -> None:
    # Whoever saves a file while the compiler runs has a source newer than the component.
    begun = time.time()
    made = component.with_suffix(".wasm.new")
    folders = [str(ABOUT.parent), ".", str(SDK)] + ([str(PACKAGES)] if PACKAGES.exists() else [])
    paths = [argument for folder in folders for argument in ("-p", folder)]
    # Its own script names the folder in which it was installed, and the rule's may be moved.
    compiler = [str(VENV / "bin/python"), "-c", "from componentize_py import script; script()"]
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


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
