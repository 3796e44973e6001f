"""All benchmarks by one command: measures the parts that are named, keeps what they found, writes docs/benchmarks.md.

    make bench                              # every part that this machine can run
    make bench PARTS="clip start_up"
    python benchmarks --list
    python benchmarks report                # only the document, from the results that are there

A part is a module `part_NAME.py` with `measured()`, which gives figures (`results.Figure`), and a first line that says
what it measures. Parts run one after the other, each in a process of its own, so that none pays for another's memory.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

from report import DOCUMENT, TEMPLATE, rendered
from results import Result, read_all

_HERE = Path(__file__).parent


def parts() -> dict[str, str]:
    """What each part measures, by name."""
    modules = {path.stem.removeprefix("part_"): path for path in sorted(_HERE.glob("part_*.py"))}
    return {name: path.read_text().split('"""')[1].splitlines()[0] for name, path in modules.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*parts(), "report", []], metavar="PART")
    parser.add_argument("--list", action="store_true", help="Say what there is to measure.")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        module = importlib.import_module(f"part_{given.here}")
        Result.of(given.here, f"make bench PARTS={given.here}", module.measured()).write()
        return 0
    if given.list:
        print("\n".join(f"{name:14} {what}" for name, what in parts().items()))
        return 0
    wanted = [name for name in given.parts or parts() if name != "report"]
    failed = [name for name in wanted if subprocess.run([sys.executable, _HERE, "--here", name]).returncode]
    DOCUMENT.write_text(rendered(TEMPLATE.read_text(encoding="utf-8"), read_all()), encoding="utf-8")
    for name in failed:
        print(f"error: {name} was not measured", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
