"""Other tools in environments of their own, and what they reach there.

A peer is a script in `benchmarks/peers/` that names its packages the way PEP 723 says, takes arguments and prints one
line of JSON at its end. Its environment is made once, below `.bench/`, from the package index alone; scripts that name
the same packages share one, so a list may hold more than its script needs. It runs isolated (`-I`): a script may bear
its package's name.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

__all__ = ["PEERS", "run"]

PEERS = Path(__file__).parent / "peers"
_PLACE = Path(__file__).parents[1] / ".bench"
_BLOCK = re.compile(r"^# /// script\n((?:#.*\n)+?)# ///$", re.MULTILINE)


def run(name: str, *arguments: str, timeout_s: float = 3600) -> dict[str, Any]:
    """What the peer's script prints last. Raises `subprocess.SubprocessError`, with what it said, where it fails."""
    script = PEERS / f"{name}.py"
    done = subprocess.run(
        [_environment(script), "-I", script, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode:
        raise subprocess.SubprocessError(f"{name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def requirements(script: Path) -> list[str]:
    """The packages that a script names (PEP 723)."""
    block = _BLOCK.search(script.read_text(encoding="utf-8"))
    if block is None:
        raise ValueError(f"{script} names no packages")
    text = "".join(line.removeprefix("#").removeprefix(" ") for line in block[1].splitlines(keepends=True))
    return list(tomllib.loads(text)["dependencies"])


def _environment(script: Path) -> Path:
    wanted = requirements(script)
    place = _PLACE / hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()[:12]
    python = place / "bin" / "python"
    if not (place / ".made").exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True, stdout=sys.stderr)
        (place / ".made").touch()
    return python
