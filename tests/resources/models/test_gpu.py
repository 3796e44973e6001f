"""The device resource: number format, batches, running out of memory, taking turns."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.errors import LoupeError
from resources.models import GpuResource
from resources.models.gpu import DeviceLock
from resources.settings import Settings


def resource(tmp_path: Path, **given: Any) -> GpuResource:
    return GpuResource(Settings(home=tmp_path, **({"device": "cpu", "dtype": "fp32"} | given)))


def test_unknown_device_is_refused_with_what_is_here(tmp_path: Path) -> None:
    import torch

    beyond = f"cuda:{torch.cuda.device_count()}"
    for device in (beyond, "tpu", "cpu:1", "cuda:x"):
        with pytest.raises(LoupeError, match="cpu") as caught:
            _ = resource(tmp_path, device=device).device
        assert caught.value.code == "DEVICE_UNAVAILABLE"


def test_auto_takes_bf16_only_where_the_cpu_multiplies_it(tmp_path: Path) -> None:
    import torch

    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    gpu = resource(tmp_path, dtype="auto")
    if flags:
        wanted = torch.bfloat16 if {"avx512_bf16", "amx_tile"} & set(flags) else torch.float32
        assert gpu.dtype == wanted
    assert resource(tmp_path, dtype="fp16").dtype == torch.float16


def test_batches_keep_order_and_pass_every_item_once(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=7)
    items = np.arange(40).reshape(20, 2)
    parts = gpu.run_batches("stage", items, lambda batch: batch.numpy().copy())
    assert [len(part) for part in parts] == [7, 7, 6]
    assert (np.concatenate(parts) == items).all()
    assert gpu.run_batches("stage", items[:0], lambda batch: batch) == []


def test_stage_limit_caps_the_batch(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=16)
    sizes = gpu.run_batches("stage", np.zeros((10, 1)), lambda batch: len(batch), most=4)
    assert sizes == [4, 4, 2]


def allocating(limit: int) -> Any:
    """A step that asks torch for far more memory than exists when the batch is larger than `limit`."""

    def run(batch: Any) -> list[int]:
        import torch

        if len(batch) > limit:
            torch.empty(len(batch) << 50)
        return [int(value) for value in batch[:, 0]]

    return run


def test_out_of_memory_halves_the_batch_and_goes_on(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=16)
    items = np.arange(50)[:, None]
    parts = gpu.run_batches("embed", items, allocating(5))
    assert [value for part in parts for value in part] == list(range(50))
    assert max(len(part) for part in parts) == 4
    assert gpu.capabilities()["batch_sizes"]["embed"] == 4
    assert gpu.capabilities()["halvings"]["embed"] == 2
    # The stage has learnt: no further failure on the next call.
    assert [len(part) for part in gpu.run_batches("embed", items[:8], allocating(5))] == [4, 4]
    assert gpu.capabilities()["halvings"]["embed"] == 2


def test_one_example_that_does_not_fit_is_an_error_with_advice(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=4)
    with pytest.raises(LoupeError, match="LOUPE_DEVICE=cpu") as caught:
        gpu.run_batches("embed", np.zeros((3, 1)), allocating(0))
    assert caught.value.code == "OUT_OF_MEMORY"


def test_other_errors_are_not_taken_for_memory(tmp_path: Path) -> None:
    calls = []

    def run(batch: Any) -> None:
        calls.append(len(batch))
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        resource(tmp_path, batch_size=4).run_batches("embed", np.zeros((8, 1)), run)
    assert calls == [4]


def test_read_only_and_strided_arrays_are_taken_without_a_warning(tmp_path: Path) -> None:
    import warnings

    items = np.arange(24).reshape(12, 2)
    items.setflags(write=False)
    gpu = resource(tmp_path, batch_size=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = gpu.run_batches("stage", items[::-1], lambda batch: batch.numpy().copy())
    assert (np.concatenate(parts) == items[::-1]).all()


def test_work_runs_in_inference_mode(tmp_path: Path) -> None:
    import torch

    modes = resource(tmp_path).run_batches("stage", np.zeros((1, 1)), lambda batch: torch.is_inference_mode_enabled())
    assert modes == [True]


def test_capabilities_are_ready_for_json(tmp_path: Path) -> None:
    gpu = resource(tmp_path)
    gpu.run_batches("stage", np.zeros((1, 1)), len)
    told = json.loads(json.dumps(gpu.capabilities()))
    assert told["device"] == "cpu"
    assert told["dtype"] == "float32"
    assert told["peak_mb"]["stage"] > 0
    assert told["memory_mb"]["free"] > 0


def take_turns(folder: str, name: str, count: int, hold_s: float, log: Any, start: Any) -> None:
    lock = DeviceLock(Path(folder), "cuda:0")
    start.wait()
    for _ in range(count):
        with lock.held():
            log.append((name, "in"))
            time.sleep(hold_s)
            log.append((name, "out"))


def test_processes_share_the_device_batch_by_batch(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        log, start = manager.list(), context.Barrier(2)
        workers = [
            context.Process(target=take_turns, args=(str(tmp_path), name, 15, 0.01, log, start))
            for name in ("pipeline", "api")
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        events = list(log)
    assert len(events) == 60
    # Never two at once ...
    assert all(events[i] == (events[i + 1][0], "in") or events[i][1] == "in" for i in range(0, 60, 2))
    assert all(events[i][0] == events[i + 1][0] for i in range(0, 60, 2))
    # ... and while both have work, neither takes more than two batches in a row.
    owners = [name for name, what in events if what == "in"]
    shared = owners[: max(owners.index("api"), owners.index("pipeline")) + 20]
    longest = max(len(list(run)) for _, run in itertools.groupby(shared))
    assert longest <= 3
