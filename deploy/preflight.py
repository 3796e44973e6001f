"""What must hold before anything is downloaded: Python, venv and disk. Standard library only; runs before set-up."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import sys
from pathlib import Path

_OLDEST, _NEWEST = (3, 11), (3, 13)
# Measured on Linux x86-64, where torch comes with its CUDA libraries.
_DOWNLOAD_GB, _DISK_GB = 3.5, 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stamp", type=Path, required=True, help="File that says the environment is made.")
    parser.add_argument("--ports", type=int, nargs="*", default=[], help="Ports that must be free.")
    options = parser.parse_args()
    stamp = options.stamp
    project = Path(__file__).resolve().parents[1]
    problems = []
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        found = ".".join(map(str, sys.version_info[:2]))
        problems.append(f"Python 3.11, 3.12 or 3.13 is needed, this is {found}: make PYTHON=python3.12 ...")
    try:
        import ensurepip  # noqa: F401 - present only where `python -m venv` can work
        import venv  # noqa: F401
    except ImportError:
        problems.append("Python's venv module is missing: on Debian or Ubuntu, apt-get install python3-venv")
    for port in options.ports:
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                problems.append(f"Port {port} is taken: make demo PORT=8010 DAGSTER_PORT=3010, or SERVE=0")
    ready = (project / stamp).exists()
    if not ready:
        free_gb = shutil.disk_usage(project).free / 1e9
        if free_gb < _DISK_GB:
            problems.append(f"The environment takes about {_DISK_GB} GB; {free_gb:.1f} GB are free in {project}")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        return 1
    if not ready:
        print(
            f"Making the environment in .venv: downloads about {_DOWNLOAD_GB:g} GB, takes about {_DISK_GB} GB.",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
