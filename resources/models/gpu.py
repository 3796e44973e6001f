"""`GpuResource`: the device that model arithmetic runs on, and how batches reach it.

Belongs here: choosing device and number format, batch sizes, running out of memory, sharing the device
between processes, reporting. Not here: any model. A plain class; Dagster and the search API each hold one.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import structlog

from resources.device.pipeline import Compute, Pipeline, padded
from resources.errors import LoupeError
from resources.settings import Settings

if TYPE_CHECKING:
    import torch

    from resources.models.identity import ModelIdentity

__all__ = ["DeviceLock", "GpuResource"]

_log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Module = TypeVar("Module", bound="torch.nn.Module")

# First batch of a stage on a GPU; its peak memory per image sizes the following ones.
_PROBE_IMAGES = 8
# Share of free device memory a batch may take: the rest covers fragmentation and other programs.
_MEMORY_SHARE = 0.6
_GPU_MOST_IMAGES = 512
# How long a process keeps the device before another one may have it, seconds; a batch that began is finished.
_TURN_S = 0.05
# On a CPU larger batches only cost memory: throughput is flat from here on (benchmarks/parts/clip.py).
_CPU_IMAGES = 16

_OUT_OF_MEMORY_TEXTS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "failed to allocate",
)


class DeviceLock:
    """One process at a time on the device, in turn.

    Two file locks: who waits holds `turn` while it polls for `device`, so a process that asks again right
    after its turn queues behind a waiter, and a text query waits for the turn in progress at most.
    """

    def __init__(self, folder: Path, device: str) -> None:
        from filelock import FileLock

        folder.mkdir(parents=True, exist_ok=True)
        name = device.replace(":", "-")
        self._turn = FileLock(folder / f"{name}.turn.lock", poll_interval=0.002)
        self._device = FileLock(folder / f"{name}.lock", poll_interval=0.002)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        with self._turn:
            self._device.acquire()
        try:
            yield
        finally:
            self._device.release()


class GpuResource:
    """Device, number format and batches for every model.

    `settings.device` "auto" takes CUDA, then Apple MPS, then the CPU; `settings.dtype` "auto" takes fp16 on GPUs, bf16
    on CPUs with AVX512-BF16 or AMX, else fp32, and there int8 for models that bear it. Nothing is probed before the
    first use. Raises `DEVICE_UNAVAILABLE` for a device that is not on this machine.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._batch_sizes: dict[str, int] = {}
        self._halvings: dict[str, int] = {}
        self._peak_mb: dict[str, float] = {}
        self._int8: dict[str, float | None] = {}
        self._pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()

    @cached_property
    def device(self) -> torch.device:
        """The device; also sets the number of CPU threads when the settings name one."""
        import torch

        if self._settings.cpu_threads:
            torch.set_num_threads(self._settings.cpu_threads)
        wanted = self._settings.device
        if wanted == "auto":
            if torch.cuda.is_available():
                return torch.device("cuda", 0)
            return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
        kind, _, index = wanted.partition(":")
        devices = {
            "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
            "mps": int(torch.backends.mps.is_available()),
            "cpu": 1,
        }
        number = int(index) if index.isdigit() else 0
        if (index and not index.isdigit()) or number >= devices.get(kind, 0):
            present = [f"{name}:{n}" if n else name for name, count in devices.items() for n in range(count)]
            raise LoupeError(
                "DEVICE_UNAVAILABLE",
                f"The device '{wanted}' is not on this machine. Set LOUPE_DEVICE to auto or {', '.join(present)}.",
                device=wanted,
                present=present,
            )
        return torch.device("cuda", number) if kind == "cuda" else torch.device(kind)

    @cached_property
    def dtype(self) -> torch.dtype:
        """The number format of weights and activations; of what stays around linear layers in int8, fp32."""
        import torch

        named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        if self._settings.dtype in named:
            return named[self._settings.dtype]
        if self.device.type == "cuda":
            # Before Volta (7.0) half precision is slower than single.
            return torch.float16 if torch.cuda.get_device_capability(self.device)[0] >= 7 else torch.float32
        if self.device.type == "mps":
            return torch.float16
        return torch.bfloat16 if _cpu_has_bf16() and self._settings.dtype != "int8" else torch.float32

    def take_int8(
        self,
        identity: ModelIdentity,
        module: torch.nn.Module,
        answers: Callable[[], Result],
        likeness: Callable[[Result, Result], float],
        least: float,
    ) -> None:
        """Puts a placed model's linear layers into 8 bits, where that is wanted or does no harm.

        "int8" always does; "auto" does on a CPU without bf16, when `likeness` of the `answers` before and after is
        `least` at least, which is measured once for a model and remembered in the home.
        """
        if self.is_gpu or self._settings.dtype not in ("auto", "int8") or self.dtype is not _fp32():
            return
        from resources.models import int8

        if not int8.available():
            if self._settings.dtype == "int8":
                raise LoupeError(
                    "DEVICE_UNAVAILABLE", "This CPU has no 8-bit arithmetic in torch. Set LOUPE_DTYPE to auto or fp32."
                )
            return
        if self._settings.dtype == "int8":
            if int8.quantise(module):
                self._int8[identity.name] = None
            return
        made_by = {
            "model": identity.name,
            "revision": identity.revision,
            "preprocess_version": identity.preprocess_version,
            "torch": _torch_version(),
            "rounding": int8.ROUNDING,
        }
        record = self._settings.home / "run" / f"int8-{re.sub(r'[^A-Za-z0-9.-]+', '-', identity.name)}.json"
        found = int8.bears(module, answers, likeness, least, record, made_by)
        if found is not None:
            self._int8[identity.name] = found

    @property
    def is_gpu(self) -> bool:
        return self.device.type != "cpu"

    @property
    def pipelined(self) -> bool:
        """Whether models send their batches through `run_pipelined`: worth it where copies overlap arithmetic."""
        return self.device.type == "cuda"

    def place(self, model: Module) -> Module:
        """The model on the device in the device's number format, ready for inference only."""
        model = model.eval().requires_grad_(False)
        try:
            placed = model.to(device=self.device, dtype=self.dtype)
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
            placed = None
        if placed is None:
            self._free()  # graphs and buffers of other models, which they make again when they need them
            placed = model.to(device=self.device, dtype=self.dtype)
        self.log_memory("load")
        return placed

    def compiled(self, function: Callable[..., Any], *, dynamic: bool | None = True) -> Callable[..., Any]:
        """`function` through `torch.compile` when the settings ask for it; batches may vary in length.

        `dynamic=None`: only axes that were seen to vary are compiled as such.
        """
        if not self._settings.compile:
            return function
        import torch

        return torch.compile(function, dynamic=dynamic)

    @contextlib.contextmanager
    def inference(self) -> Iterator[None]:
        """Inference mode for one batch, holding the device against other processes when it is a GPU."""
        import torch

        with contextlib.ExitStack() as stack:
            if self.is_gpu:
                stack.enter_context(self._lock.held())
            stack.enter_context(torch.inference_mode())
            yield

    def run_batches(
        self, stage: str, items: np.ndarray, run: Callable[[torch.Tensor], Result], *, most: int | None = None
    ) -> list[Result]:
        """`run` over `items` (first axis = examples) in batches that fit the device; its results in order.

        `run` gets a tensor on the device and must answer something on the host (so that a batch is finished
        when the device is handed on). Out of memory halves the batch and goes on; the smaller size is kept
        for the stage. `most`: never more examples in a batch than this. Raises `OUT_OF_MEMORY` when a single
        example fails.
        """
        results: list[Result] = []
        start = 0
        while start < len(items):
            size = self.batch_size(stage, most)
            chunk = items[start : start + size]
            reason = None
            try:
                with self.inference():
                    before = self._memory_before()
                    began = time.perf_counter()
                    results.append(run(self._on_device(chunk)))
                    self._learn(stage, len(chunk), before, time.perf_counter() - began)
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0]
            # Outside the handler: while it runs, the traceback keeps the failed batch's tensors alive.
            if reason is None:
                start += len(chunk)
                continue
            self._halve(stage, len(chunk), reason)
        return results

    def pipeline(self, compute: Compute, *, graphs: bool = True) -> Pipeline:
        """A pipeline on this device for `run_pipelined`; its buffers and graphs go when memory runs out."""
        made = Pipeline(self.device, compute, graphs=graphs)
        self._pipelines.add(made)
        return made

    def run_pipelined(
        self, stage: str, items: np.ndarray, pipeline: Pipeline, *, most: int | None = None
    ) -> list[np.ndarray]:
        """The pipeline's answers to `items`, as `run_batches`, with several batches in flight at a time.

        Another process may have the device after `_TURN_S`, and after each batch as long as the stage's size is not
        known. Raises `OUT_OF_MEMORY`.
        """
        results: list[np.ndarray] = []
        start = 0
        while start < len(items):
            size = self.batch_size(stage, most)
            rest = items[start:] if self._is_sized(stage) else items[start : start + size]
            done = 0
            reason = None
            try:
                with self.inference():
                    before = self._memory_before()
                    began = time.perf_counter()
                    with contextlib.closing(pipeline.over(rest, size, until=began + _TURN_S)) as answers:
                        for answer in answers:
                            results.append(answer)
                            done += len(answer)
                    self._learn(stage, min(size, done), before, time.perf_counter() - began)
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0]
            start += done
            if reason is not None:
                self._halve(stage, padded(min(size, len(rest) - done), size), reason)
        return results

    def _halve(self, stage: str, failed: int, reason: str) -> None:
        """Half of `failed` examples for the stage from now on. Raises `OUT_OF_MEMORY` for a single one."""
        self._free()
        if failed == 1:
            raise LoupeError(
                "OUT_OF_MEMORY",
                f"Not even one example fits the memory of {self.device} ({stage}): {reason}. Close other "
                "programs, choose a smaller model, or set LOUPE_DEVICE=cpu.",
                stage=stage,
                device=str(self.device),
            )
        with self._guard:
            self._batch_sizes[stage] = failed // 2
            self._halvings[stage] = self._halvings.get(stage, 0) + 1
        _log.warning("batch halved", stage=stage, device=str(self.device), batch=failed // 2, reason=reason)

    def batch_size(self, stage: str, most: int | None = None) -> int:
        """Examples that the next batch of a stage takes: what was learnt, else what is set, else a careful guess."""
        size = self._batch_sizes.get(stage) or self._settings.batch_size
        if size is None:
            size = _PROBE_IMAGES if self.is_gpu else _CPU_IMAGES
        return max(1, min(size, most) if most else size)

    def memory(self) -> dict[str, float]:
        """Device memory in MB: `allocated`, `peak`, `free`; on a CPU the process's and the machine's."""
        import torch

        mb = 1024.0**2
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            return {
                "allocated": torch.cuda.memory_allocated(self.device) / mb,
                "peak": torch.cuda.max_memory_allocated(self.device) / mb,
                "free": free / mb,
            }
        if self.device.type == "mps":
            allocated = torch.mps.driver_allocated_memory()
            return {
                "allocated": allocated / mb,
                "peak": allocated / mb,
                "free": max(0, torch.mps.recommended_max_memory() - allocated) / mb,
            }
        import psutil

        resident = psutil.Process().memory_info().rss
        return {
            "allocated": resident / mb,
            "peak": resident / mb,
            "free": psutil.virtual_memory().available / mb,
        }

    def log_memory(self, stage: str) -> None:
        """Logs the device's memory after a stage and remembers the stage's peak."""
        memory = {key: round(value) for key, value in self.memory().items()}
        with self._guard:
            self._peak_mb[stage] = max(self._peak_mb.get(stage, 0), memory["peak"])
        _log.info("device memory", stage=stage, device=str(self.device), **{f"{k}_mb": v for k, v in memory.items()})

    def capabilities(self) -> dict[str, Any]:
        """What this machine offers and what was learnt so far, ready for JSON."""
        import torch

        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        return {
            "device": str(self.device),
            "device_name": name,
            "dtype": "int8" if self._int8 else str(self.dtype).removeprefix("torch."),
            "int8": dict(self._int8),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "cpu_threads": torch.get_num_threads(),
            "cpu_bf16": _cpu_has_bf16(),
            "compile": self._settings.compile,
            "shared_between_processes": self.is_gpu,
            "memory_mb": {key: round(value) for key, value in self.memory().items()},
            "batch_sizes": dict(self._batch_sizes),
            "halvings": dict(self._halvings),
            "peak_mb": dict(self._peak_mb),
        }

    @cached_property
    def _lock(self) -> DeviceLock:
        return DeviceLock(self._settings.home / "run", str(self.device))

    def _on_device(self, chunk: np.ndarray) -> torch.Tensor:
        import torch

        # A read-only array (a memory map, a shared buffer) would make torch warn; it is copied instead.
        tensor = torch.from_numpy(np.require(chunk, requirements=["C", "W"]))
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _memory_before(self) -> float:
        """Device bytes in use before a batch; 0 where a batch's own peak cannot be told."""
        if self.device.type != "cuda":
            return 0.0
        import torch

        torch.cuda.reset_peak_memory_stats(self.device)
        return float(torch.cuda.memory_allocated(self.device))

    def _learn(self, stage: str, count: int, before: float, seconds: float) -> None:
        """Logs a stage's memory after its first batch, and sizes its batches after the first full probe."""
        if stage not in self._peak_mb:
            self.log_memory(stage)
        # A smaller batch says little: what it takes is mostly the libraries' own workspace.
        if self._is_sized(stage) or count < _PROBE_IMAGES:
            return
        if self.device.type == "cuda":
            import torch

            free, _ = torch.cuda.mem_get_info(self.device)
            reserved = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
            each = max(1.0, (torch.cuda.max_memory_allocated(self.device) - before) / count)
            fits = int(_MEMORY_SHARE * (free + reserved) / each)
        else:  # MPS shares the machine's memory and does not report peaks: grow a little, halve when refused
            fits = 4 * _PROBE_IMAGES
        with self._guard:
            self._batch_sizes[stage] = max(1, min(_GPU_MOST_IMAGES, 1 << int(math.log2(max(1, fits)))))
        _log.info("batch size", stage=stage, batch=self._batch_sizes[stage], first_batch_s=round(seconds, 3))

    def _is_sized(self, stage: str) -> bool:
        """Whether nothing is left to learn about the stage's batches."""
        return bool(self._settings.batch_size) or not self.is_gpu or stage in self._batch_sizes

    def _free(self) -> None:
        import torch

        for pipeline in list(self._pipelines):
            pipeline.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _OUT_OF_MEMORY_TEXTS)


def _fp32() -> torch.dtype:
    import torch

    return torch.float32


def _torch_version() -> str:
    import torch

    return str(torch.__version__)


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; elsewhere torch emulates it, slower than fp32."""
    import torch

    # torch's own probes are private and raise where it is not built for x86.
    with contextlib.suppress(AttributeError, RuntimeError):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
