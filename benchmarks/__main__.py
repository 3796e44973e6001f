"""All benchmarks by one command: measures the parts that are named, keeps what they found, writes docs/benchmarks.md.

    make bench                              # every part that this machine can run
    make bench PARTS="clip start_up"
    python benchmarks --list
    python benchmarks report                # only the document, from the results that are there

Parts run one after the other, each in a process of its own, so that none pays for another's memory. Figures of one part
are of one run; keep the machine free of other work, or compare nothing but ratios.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

from report import write
from results import Result

_HERE = Path(__file__).parent


def parts() -> dict[str, str]:
    """What each part measures, by name."""
    modules = {path.stem: path for path in sorted((_HERE / "parts").glob("*.py")) if path.stem != "__init__"}
    return {name: path.read_text(encoding="utf-8").split('"""')[1].splitlines()[0] for name, path in modules.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="; ".join(parts()))
    parser.add_argument("--list", action="store_true", help="Say what there is to measure.")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        module = importlib.import_module(f"parts.{given.here}")
        Result.of(given.here, f"make bench PARTS={given.here}", module.measured()).write()
        return 0
    if given.list:
        print("\n".join(f"{name:14} {what}" for name, what in parts().items()))
        return 0
    if unknown := set(given.parts) - {*parts(), "report"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts())} and report")
    wanted = [name for name in given.parts or parts() if name != "report"]
    failed = [name for name in wanted if subprocess.run([sys.executable, _HERE, "--here", name]).returncode]
    write()
    for name in failed:
        print(f"error: {name} was not measured", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
