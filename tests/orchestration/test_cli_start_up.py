"""What a command may load before it answers, each in a process of its own. How long it takes: benchmarks/parts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running_app import free_port, serving
from small_library import SmallLibrary

# Of others; what is named with a dot is one part of a package whose rest is needed.
MODELS = {"torch", "torchvision", "open_clip", "transformers", "timm", "sympy", "umap", "numba", "sklearn", "skimage"}
SERVERS = {"dagster", "dagster_graphql", "grpc", "sqlalchemy", "fastapi", "starlette", "uvicorn", "prometheus_client"}
RARE = {
    "matplotlib",
    "pandas",
    "scipy",
    "qdrant_client",
    "imagecodecs",
    "tifffile",
    "pyarrow.compute",
    "pyarrow.parquet",
}
STORAGE = {"duckdb", "pyarrow", "numpy", "PIL", "pillow_heif", "rawpy", "qdrant_edge"}
SMALL = {"pydantic", "pydantic_settings", "structlog", "httpx", "rich", "asyncio", "psutil"}

_RUN = """
import sys
from orchestration.cli import main
try:
    main()
finally:
    print("loaded", *sys.modules, file=sys.stderr)
"""


def loaded(home: Path, *arguments: str) -> set[str]:
    """The modules that `loupe ARGUMENTS` has loaded at its end; it must go well."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        env={**os.environ, "LOUPE_HOME": str(home), "LOUPE_CAPTIONS": "off"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_help_loads_neither_settings_nor_storage_nor_any_command(arguments: list[str], tmp_path: Path) -> None:
    found = loaded(tmp_path, *arguments)
    assert not found & (MODELS | SERVERS | RARE | STORAGE | SMALL)
    assert {name for name in found if name.startswith("resources")} == {"resources", "resources.errors"}
    commands = {name for name in found if name.startswith("orchestration.cli.")}
    assert commands == {f"orchestration.cli.{name}" for name in ("app", "audit", "options")}
    assert not (tmp_path / "manifest.duckdb").exists()


def test_one_command_loads_no_other(tmp_path: Path) -> None:
    found = loaded(tmp_path, "folders", "list")
    assert not found & {f"orchestration.cli.{name}" for name in ("search", "ingest", "models", "up", "duplicates")}


@pytest.mark.parametrize("arguments", [["status"], ["search", "garden", "--mode", "words"]], ids=" ".join)
def test_what_asks_the_home_itself_loads_no_model_and_no_server(small: SmallLibrary, arguments: list[str]) -> None:
    """Where no API runs there is nobody to ask by HTTP either."""
    assert not loaded(small.settings.home, *arguments) & (MODELS | SERVERS | RARE | {"httpx"})


def test_search_beside_a_running_api_only_asks_it(small: SmallLibrary, tmp_path: Path) -> None:
    own = small.copied(tmp_path / "home")
    with serving(own.settings.model_copy(update={"port": free_port()})):
        found = loaded(own.settings.home, "search", "garden", "--mode", "words")
    assert not found & (MODELS | SERVERS | RARE | STORAGE)
    assert "resources.library" not in found
    assert "httpx" in found
