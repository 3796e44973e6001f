"""The one command for a machine with a GPU works before it gets there, with few packages and without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from results import LIMIT, LOUPE, read

CHECKOUT = Path(__file__).resolve().parents[2]
# What a bare machine with torch does not bring.
LACKING = ("structlog", "duckdb", "dagster", "pydantic_settings", "rawpy", "pillow_heif", "qdrant_client", "defusedxml")


def run(tmp_path: Path, *arguments: str) -> tuple[Any, subprocess.CompletedProcess[str]]:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in LACKING:
        (bare / f"{name}.py").write_text("raise ImportError('not on this machine')\n")
    done = subprocess.run(
        [sys.executable, CHECKOUT / "benchmarks" / "gpu.py", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(bare), "CUDA_VISIBLE_DEVICES": ""},
        timeout=500,
    )
    return (json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None), done


@pytest.mark.slow
def test_it_runs_on_a_processor_and_keeps_what_it_found(tmp_path: Path) -> None:
    arguments = ["--device", "cpu", "--small", "--batches", "4", "--dtypes", "fp32", "--out", str(tmp_path / "out")]
    told, done = run(tmp_path, *arguments)
    assert told is not None, done.stderr
    assert "checked: order, padding" in done.stdout
    result = read(tmp_path / "out" / "gpu.json")
    assert [figure.value for figure in result.figures] == [figure["value"] for figure in told["figures"]]
    rows = {(figure.what, figure.who): figure for figure in result.figures}
    assert all(figure.value > 0 for figure in result.figures)
    for what in ("ViT-B-32, fp32, batch 4", "BLIP-base captions, fp32, batch 4"):
        assert {(what, LOUPE), (what, LIMIT), (f"{what}, without graphs", LOUPE)} <= rows.keys()
    assert "cosine to fp32 at least 1.0000" in rows["ViT-B-32, fp32, batch 4", LOUPE].note
    assert "cosine to fp32 at least 1.0000" in rows["ViT-B-32, fp32, batch 4", "TorchScript"].note
    assert rows["BLIP-base captions, fp32, batch 4", LOUPE].note.startswith("100% of captions")
    assert ("0.5 MP JPEG files to vectors, 2 plain workers", LOUPE) in rows
    expected = ("CUDA graph", "ONNX Runtime", "TensorRT", "product")
    assert [each for each in told["left_out"] if not any(name in each for name in expected)] == []


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    told, done = run(tmp_path)
    assert told is None
    assert "--device cpu --small" in done.stderr
