"""`loupe config` and `loupe doctor`: the settings in force, and whether this machine is fit for them."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import SecretStr

from orchestration.cli.options import JsonOption, megabytes, print_json, settings_from
from resources.errors import CODES, LoupeError
from resources.home import free_bytes
from resources.library import Library
from resources.settings import Settings

__all__ = ["config_command", "doctor_command"]

_PACKAGES = ("torch", "torchvision", "open_clip_torch", "transformers", "dagster", "duckdb", "qdrant-edge-py", "rawpy")
_PACKAGES_IMAGING = ("pillow", "pillow-heif", "numba", "fastapi")
_LEAST_FREE_BYTES = 2 << 30


def config_command(as_json: JsonOption = False) -> None:
    """Print every setting: its value, where it comes from, and what it does."""
    settings = settings_from()
    rows = {
        name: {
            "value": _shown(getattr(settings, name)),
            "source": _source(settings, name),
            "environment": f"LOUPE_{name.upper()}",
            "description": field.description,
        }
        for name, field in Settings.model_fields.items()
    }
    if as_json:
        print_json(rows)
        return
    print(f"Settings come from the environment, then {settings.home / 'loupe.toml'}, then defaults.\n")
    for name, row in rows.items():
        print(f"{name} = {row['value']}  ({row['source']})\n    {row['description']} {row['environment']}")


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return "********"
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)


def _source(settings: Settings, name: str) -> str:
    if f"LOUPE_{name.upper()}" in {key.upper() for key in os.environ}:
        return "environment"
    return "loupe.toml" if name in settings.model_fields_set else "default"


def doctor_command(as_json: JsonOption = False) -> None:
    """Check this machine: Python, packages, disk, home, device and models."""
    settings = settings_from()
    checks = [_checked(name, check) for name, check in _checks(settings)]
    if as_json:
        print_json({"ok": all(check["ok"] for check in checks), "checks": checks})
    else:
        for check in checks:
            print(f"{'ok ' if check['ok'] else 'BAD'} {check['name']:<10} {check['says']}")
    if not all(check["ok"] for check in checks):
        sys.exit(CODES["CONFIG_INVALID"].exit_status)


def _checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "python", lambda: f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield "packages", _packages
    yield "home", lambda: f"{Library(settings).open().home.path} is writable and local"
    yield "disk", lambda: _disk(settings)
    yield "device", lambda: _device(settings)
    yield "model", lambda: _model(settings)
    yield (
        "index",
        lambda: f"Qdrant server at {settings.qdrant_url}" if settings.qdrant_url else "embedded Qdrant engine",
    )


def _checked(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "says": check()}
    except LoupeError as error:
        return {"name": name, "ok": False, "says": f"{error.code}: {error.message}"}


def _packages() -> str:
    try:
        return ", ".join(f"{name} {version(name)}" for name in (*_PACKAGES, *_PACKAGES_IMAGING))
    except PackageNotFoundError as error:
        raise LoupeError("CONFIG_INVALID", f"The package {error.name} is not installed; run `make` again.") from error


def _disk(settings: Settings) -> str:
    free = free_bytes(settings.home)
    if free < _LEAST_FREE_BYTES:
        raise LoupeError("DISK_FULL", f"Only {megabytes(free)} are free for {settings.home}.")
    return f"{megabytes(free)} free for {settings.home}"


def _device(settings: Settings) -> str:
    from resources.models import GpuResource

    found = GpuResource(settings).capabilities()
    return ", ".join(f"{name} {value}" for name, value in found.items() if isinstance(value, (str, int, float)))


def _model(settings: Settings) -> str:
    clip = Library(settings).clip()
    return f"{clip.name}, {clip.dim} dimensions" if clip else "none: `loupe models fetch siglip2-b32` turns search on"
