"""A compiler from PyPI, installed once into a folder of its own: what the builds of rules in Python
and in C share."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import venv
from pathlib import Path

TOOLS = os.environ.get("GRISTMILL_TOOLS")
"""A folder for the tools of several rules; without one each has its own."""


class Compiler:
    """A package such as `name==1.2.3`, in the folder TOOLS/`language` or in `.venv`."""

    def __init__(self, package: str, size: str, language: str) -> None:
        self.package = package
        self.size = size
        self.venv = Path(TOOLS, language) if TOOLS else Path(".venv")
        self.python = self.venv / "bin/python"

    def install(self) -> None:
        """Makes the folder hold it. Of several rules that share one the first installs it."""
        self.venv.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.venv, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        mark = self.venv / self.package
        # A link to a Python that is gone does not exist.
        if not mark.exists() or not self.python.exists():
            say(f"installing {self.package} from PyPI into {self.venv}, once ({self.size})")
            self._make_venv()
            self.pip(self.package)
            mark.touch()
        os.close(folder)

    def _make_venv(self) -> None:
        try:
            venv.create(self.venv, with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            raise SystemExit(
                "this Python cannot make a virtual environment: install its venv module, "
                "on Debian and Ubuntu with `apt install python3-venv`"
            ) from None

    def pip(self, *what: str) -> None:
        """Installs what pip is told to."""
        command = [str(self.python), "-m", "pip", "install", "--quiet", *what]
        environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        if subprocess.run(command, env=environment, check=False).returncode:
            raise SystemExit(
                f"pip cannot install {what[-1]}: see above. It needs the network once, or an index "
                "of your own in PIP_INDEX_URL"
            )


def files_below(left_out: set[str]) -> list[Path]:
    """The files of the rule's folder, but those in folders of these names, components, and what
    begins with a dot."""
    found = []
    for folder, below, files in os.walk("."):
        below[:] = [name for name in below if name not in left_out and name[0] != "."]
        own = (file for file in files if not file.endswith((".wasm", ".wasm.new")))
        found += [Path(folder, file) for file in own if file[0] != "."]
    return found


def is_current(component: Path, sources: list[Path]) -> bool:
    """Whether a component is newer than what it is made of."""
    if not component.exists():
        return False
    made = component.stat().st_mtime
    return all(source.stat().st_mtime < made for source in sources)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
