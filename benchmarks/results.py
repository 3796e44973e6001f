"""What a benchmark found, as data: figures with their unit, who reached them, on which machine, by which command.

Belongs here: the format and where it is kept (`benchmarks/results/PART.json`). Not here: measuring, and how it is told
(`report.py`).
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["LIMIT", "LOUPE", "RESULTS", "Figure", "Result", "machine", "read", "read_all"]

RESULTS = Path(__file__).parent / "results"
LOUPE = "Loupe"
# Who reaches what the machine allows, as far as it can be computed; the figure's note says how.
LIMIT = "limit"
_TOLD = ("torch", "pillow", "pillow-heif", "rawpy", "duckdb", "qdrant-edge-py", "numba", "transformers")


@dataclass(frozen=True)
class Figure:
    """`who` reached `value` at `what`. Of a unit that ends in "/s" more is better, of any other less."""

    what: str
    who: str
    value: float
    unit: str
    note: str = ""

    @property
    def more_is_better(self) -> bool:
        return self.unit.endswith("/s")

    def ratio_to(self, other: Figure) -> float:
        """How many times as good this is as the other, which is of the same thing."""
        return self.value / other.value if self.more_is_better else other.value / self.value


@dataclass(frozen=True)
class Result:
    """All figures of one part, taken in one run."""

    part: str
    command: str
    machine: dict[str, Any]
    taken: str
    figures: list[Figure] = field(default_factory=list)

    @classmethod
    def of(cls, part: str, command: str, figures: Iterable[Figure]) -> Result:
        return cls(part, command, machine(), date.today().isoformat(), list(figures))

    def write(self, folder: Path = RESULTS) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.part}.json"
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path


def read(path: Path) -> Result:
    told = json.loads(path.read_text(encoding="utf-8"))
    return Result(**{**told, "figures": [Figure(**figure) for figure in told["figures"]]})


def read_all(folder: Path = RESULTS) -> dict[str, Result]:
    """Results by part."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.json"))}


def machine() -> dict[str, Any]:
    """The machine as a reader compares it: processor, cores, memory, GPU, versions."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpu": gpu,
        "system": f"{platform.system()}, Python {sys.version_info.major}.{sys.version_info.minor}",
        "bf16": "avx512_bf16" in _flags() or "amx_bf16" in _flags(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: version for name in _TOLD if (version := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # a machine that measures one part may lack what others need
        return None


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _flags() -> list[str]:
    return _cpuinfo("flags").split()
