"""The shape of the code: which way imports point, what an import may cost, who reads the environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "resources": {"resources"},
    "assets": {"assets", "resources"},
    "orchestration": {"orchestration", "assets", "resources"},
    "search_api": {"search_api", "resources"},
}
HEAVY = ("torch", "open_clip", "transformers", "umap", "numba", "matplotlib")
# What no process needs to begin; a part that needs one imports it where it does.
RARE = ("sklearn", "skimage", "scipy", "pandas", "qdrant_client", "imagecodecs", "tifffile", "huggingface_hub")
# Layers of models, which are made where a model is loaded.
MADE_OF_TORCH = ("resources.models.image_tower", "resources.models.int8")
# The process that draws the map, and nobody else, imports these; numba compiles as it does.
DRAWS_THE_MAP = ("resources.projection.layout", "resources.projection.neighbours")

# Who reads the environment besides settings, and why.
READS_ENVIRONMENT = {
    "resources/settings.py": "the one place for settings",
    "resources/projection/process.py": "tells numba, in a process of its own, where to keep compiled code",
    "resources/engine/local.py": "hands the environment on to decode workers",
    "orchestration/instance.py": "Dagster takes its home from DAGSTER_HOME alone",
    "orchestration/services.py": "hands the environment on to the processes it starts",
    "orchestration/cli/machine.py": "`loupe config` says which settings come from the environment",
}


def sources(package: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module of a package, as (path relative to the checkout, syntax tree)."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if "node_modules" not in path.parts:
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module with its line, those inside functions and `importlib.import_module("...")` included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports here name their module in full"
            yield node.module or "", node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield ast.unparse(node.args[0]).strip("'"), node.lineno


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    against = [
        f"{path}:{line} imports {name}"
        for path, tree in sources(package)
        for name, line in imported(tree)
        if (top := name.partition(".")[0]) in {*MAY_IMPORT, "tests", "demo", "benchmarks"}
        and top not in MAY_IMPORT[package]
        # `loupe demo` is a command of the command line; the demo's folder stands beside the packages.
        and not (path.startswith("orchestration/cli/") and top == "demo")
    ]
    assert against == []


def test_stream_knows_no_dagster() -> None:
    trees = dict(sources("assets"))
    for module in ("assets/photo_stream.py", "assets/stream_writer.py"):
        assert not [name for name, _ in imported(trees[module]) if name.startswith("dagster")]
    in_resources = [
        path for path, tree in sources("resources") for name, _ in imported(tree) if name.partition(".")[0] == "dagster"
    ]
    assert in_resources == []


@pytest.mark.parametrize("module", ["orchestration.definitions", "orchestration.cli", "search_api.main", "resources"])
def test_importing_loads_no_model_library(module: str, tmp_path: Path) -> None:
    """Every Dagster process, decode worker and command imports these; models are loaded when they are needed."""
    code = f"""
import importlib, pkgutil, sys
module = importlib.import_module("{module}")
if "{module}" == "resources":
    for found in pkgutil.walk_packages(module.__path__, "resources."):
        if found.name not in {(*DRAWS_THE_MAP, *MADE_OF_TORCH)}:
            importlib.import_module(found.name)
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("orchestration.cli", ("dagster", "fastapi", "duckdb", "numpy", "pyarrow", "PIL", "pydantic", "httpx", "rich")),
        ("orchestration.definitions", ("fastapi", "uvicorn", "httpx", "pyarrow.parquet", "pyarrow.compute")),
        ("search_api.main", ("dagster", "uvicorn", "pyarrow.parquet", "pyarrow.compute")),
        ("resources.engine.decode_worker", ("dagster", "duckdb", "pyarrow", "pydantic", "structlog", "httpx", "rich")),
    ],
)
def test_a_process_starts_without_what_others_need(module: str, absent: tuple[str, ...], tmp_path: Path) -> None:
    code = f"import sys, {module}; print([name for name in {(*HEAVY, *RARE, *absent)} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]"


def test_only_the_process_that_draws_the_map_compiles() -> None:
    """Two calls of compiled code at once would end the search API, or a run with all that it does."""
    importing = {
        path
        for package in MAY_IMPORT
        for path, tree in sources(package)
        for name, _ in imported(tree)
        if name in DRAWS_THE_MAP or name.partition(".")[0] in ("numba", "umap", "pynndescent", "cuml")
    }
    assert importing == {f"resources/projection/{name}.py" for name in ("process", "layout", "neighbours")}
    starting = [
        path
        for package in MAY_IMPORT
        for path, tree in sources(package)
        for name, _ in imported(tree)
        if name == "resources.projection.process"
    ]
    assert starting == [], "it is started, never imported"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_package_and_module_says_what_it_is(package: str) -> None:
    silent = [path for path, tree in sources(package) if not ast.get_docstring(tree)]
    assert silent == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_environment_is_read_by_settings_alone(package: str) -> None:
    readers = {
        path
        for path, tree in sources(package)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (isinstance(node, ast.alias) and node.name in ("environ", "environb", "getenv"))
    }
    assert readers <= READS_ENVIRONMENT.keys()


def test_reasons_for_reading_the_environment_are_still_needed() -> None:
    for path in READS_ENVIRONMENT:
        assert "environ" in (ROOT / path).read_text(encoding="utf-8"), path


def test_no_name_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    found = [
        str(path.relative_to(ROOT))
        for package in (*MAY_IMPORT, "tests", "demo")
        for path in (ROOT / package).rglob("*")
        if "node_modules" not in path.parts and path.stem.lower() in empty
    ]
    assert found == []


def test_every_package_is_installed() -> None:
    """Packages are listed one by one; one that is forgotten works in the checkout alone."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"])
    here = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for package in MAY_IMPORT
        for path in (ROOT / package).rglob("__init__.py")
        if "node_modules" not in path.parts
    }
    assert here == listed
