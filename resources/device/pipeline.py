"""Batches through a device without waiting for any of them: staged, copied, computed and copied back, overlapping.

Belongs here: staging buffers, streams, events, CUDA graphs and fixed shapes. Not here: how many examples fit, whose
turn it is (`resources.models.gpu`). On a device without streams the same steps run one after the other.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["Compute", "Pipeline", "padded"]

# From a batch on the device to its answers there: the first axis of both are the examples.
Compute = Callable[["torch.Tensor"], "torch.Tensor"]
# Makes of `compute` and an example batch something that answers batches of that shape; its answer may be overwritten
# by its next one.
Capture = Callable[[Compute, "torch.Tensor"], Compute]

# One batch is copied while another is computed and the answers of a third are taken.
_SLOTS = 3
# Larger batches keep a GPU busy for longer than their kernels take to launch, and a graph keeps their memory.
_MOST_IN_GRAPH = 128


def padded(count: int, most: int) -> int:
    """The batch that `count` examples are run in: a power of two, or `most`. Few shapes, each captured once."""
    return min(most, 1 << math.ceil(math.log2(count)))


@dataclass
class _Slot:
    """Buffers of one batch in flight. `staged` and `answers` are on the host, pinned where that speeds up copies."""

    staged: torch.Tensor
    moved: torch.Tensor
    answers: torch.Tensor | None = None


@dataclass(frozen=True)
class _Flight:
    answers: torch.Tensor
    count: int
    done: Any


@dataclass
class _Graphs:
    """What has been captured, by type and shape. `seen`: those that ran once, which warms up what capturing cannot."""

    seen: set[tuple[Any, ...]] = field(default_factory=set)
    captured: dict[tuple[Any, ...], Compute | None] = field(default_factory=dict)


class Pipeline:
    """Runs `compute` over many examples in batches of few shapes. One call at a time; others wait.

    `compute` gets a batch on `device`, in inference mode, and answers one tensor there; it must not wait for the
    device, and an example's answer must not depend on the others. It may be given rows that nobody asked for: a short
    batch is padded with what the buffer held. `capture` makes graphs; unset: CUDA graphs on CUDA, none elsewhere. What
    cannot be captured runs as it is, and `not_captured` says why.
    """

    def __init__(
        self,
        device: torch.device,
        compute: Compute,
        *,
        capture: Capture | None = None,
        graphs: bool = True,
        most_in_graph: int = _MOST_IN_GRAPH,
    ) -> None:
        self._compute = compute
        self._most_in_graph = most_in_graph
        self._lanes: _HostLanes | _CudaLanes = _CudaLanes(device) if device.type == "cuda" else _HostLanes(device)
        self._capture = capture or (self._lanes.capture if graphs else None)
        self._guard = threading.RLock()
        self._slots: list[_Slot] = []
        self._next = 0
        self._graphs = _Graphs()
        self.not_captured: str | None = None

    @property
    def captured(self) -> list[int]:
        """The batches that there are graphs for, in examples."""
        return sorted(shape[1] for shape, graph in self._graphs.captured.items() if graph)

    def over(self, items: np.ndarray, size: int, *, until: float = math.inf) -> Generator[np.ndarray, None, None]:
        """Answers `[n, ...]` on the host for consecutive parts of `items`, in order, `n` at most `size`.

        Nothing begins after `until` (`time.perf_counter`) but the first batch; what began is answered. When the
        generator is closed, or fails, nothing of it is left on the device.
        """
        flights: deque[_Flight] = deque()
        start = 0
        with self._guard:
            try:
                if len(items):
                    self._make_room(padded(min(size, len(items)), size), items)
                    self._lanes.begin()
                while True:
                    more = start < len(items) and (start == 0 or time.perf_counter() < until)
                    if more and len(flights) < _SLOTS:
                        chunk = items[start : start + size]
                        flights.append(self._launch(chunk, padded(len(chunk), size)))
                        start += len(chunk)
                    elif flights:
                        yield self._landed(flights.popleft())
                    else:
                        return
            except BaseException:  # closed early, too: the buffers are free again
                self._lanes.settle()
                raise

    def release(self) -> None:
        """Frees buffers and graphs; the next call makes what it needs."""
        with self._guard:
            self._lanes.settle()
            self._slots = []
            self._graphs = _Graphs()

    def _make_room(self, size: int, items: np.ndarray) -> None:
        """Buffers for batches of `size`; they stay until larger ones are needed."""
        import torch

        like = torch.from_numpy(np.empty((0, *items.shape[1:]), items.dtype))
        if self._slots:
            if len(self._slots[0].staged) >= size and _kind(self._slots[0].staged) == _kind(like):
                return
            self._lanes.settle()
        shape = (size, *items.shape[1:])
        with torch.inference_mode():
            self._slots = [
                _Slot(self._lanes.on_host(shape, like.dtype), self._lanes.on_device(shape, like.dtype))
                for _ in range(_SLOTS)
            ]

    def _launch(self, chunk: np.ndarray, size: int) -> _Flight:
        import torch

        # Its last batch has landed: no more than `_SLOTS` are in flight, and they land in order.
        slot = self._slots[self._next % _SLOTS]
        self._next += 1
        count = len(chunk)
        with torch.inference_mode():
            np.copyto(slot.staged[:count].numpy(), chunk)
            with self._lanes.copying():
                slot.moved[:count].copy_(slot.staged[:count], non_blocking=True)
                copied = self._lanes.mark()
            with self._lanes.computing():
                self._lanes.wait(copied)
                answers = self._answered(slot.moved[:size])
                if slot.answers is None or _kind(slot.answers) != _kind(answers):
                    slot.answers = self._lanes.on_host((len(slot.staged), *answers.shape[1:]), answers.dtype)
                # On the same stream: the next batch may use the same memory for its answers.
                slot.answers[:count].copy_(answers[:count], non_blocking=True)
                return _Flight(slot.answers, count, self._lanes.mark())

    def _landed(self, flight: _Flight) -> np.ndarray:
        self._lanes.wait_for(flight.done)
        landed: np.ndarray = flight.answers[: flight.count].numpy().copy()
        return landed

    def _answered(self, batch: torch.Tensor) -> torch.Tensor:
        shape = (batch.dtype, *batch.shape)
        if self._capture is None or len(batch) > self._most_in_graph:
            return self._compute(batch)
        if shape not in self._graphs.seen:
            self._graphs.seen.add(shape)
            return self._compute(batch)
        if shape not in self._graphs.captured:
            self._graphs.captured[shape] = self._try_to_capture(batch)
        return (self._graphs.captured[shape] or self._compute)(batch)

    def _try_to_capture(self, batch: torch.Tensor) -> Compute | None:
        assert self._capture is not None
        try:
            return self._capture(self._compute, batch)
        except Exception as error:  # whatever a library does that a graph cannot hold, or no memory for one
            self.not_captured = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        self._lanes.settle()
        return None


def _kind(batch: torch.Tensor) -> tuple[Any, ...]:
    """Type and shape of one example."""
    return (batch.dtype, *batch.shape[1:])


class _HostLanes:
    """A device without streams: each step is done when it returns."""

    capture: Capture | None = None

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def on_host(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        import torch

        return torch.zeros(shape, dtype=dtype)

    def on_device(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        import torch

        return torch.zeros(shape, dtype=dtype, device=self._device)

    def copying(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def computing(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def begin(self) -> None: ...

    def mark(self) -> Any:
        return None

    def wait(self, mark: Any) -> None: ...

    def wait_for(self, mark: Any) -> None: ...

    def settle(self) -> None: ...


class _CudaLanes:
    """Two streams: one copies to the device, the other computes and copies the answers back."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        self._copies = torch.cuda.Stream(device)
        self._computes = torch.cuda.Stream(device)
        self._memory: Any = None

    def on_host(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        import torch

        return torch.zeros(shape, dtype=dtype, pin_memory=True)

    def on_device(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        import torch

        made = torch.zeros(shape, dtype=dtype, device=self._device)
        torch.cuda.current_stream(self._device).synchronize()  # before another stream writes to it
        return made

    def copying(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        return torch.cuda.stream(self._copies)

    def computing(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        return torch.cuda.stream(self._computes)

    def begin(self) -> None:
        """What the caller's stream has still to do, such as placing weights, comes first."""
        import torch

        self._computes.wait_stream(torch.cuda.current_stream(self._device))

    def mark(self) -> Any:
        import torch

        # Blocking: the thread that waits leaves its core to the decode workers.
        event = torch.cuda.Event(blocking=True)
        event.record()
        return event

    def wait(self, mark: Any) -> None:
        self._computes.wait_event(mark)

    def wait_for(self, mark: Any) -> None:
        mark.synchronize()

    def settle(self) -> None:
        self._copies.synchronize()
        self._computes.synchronize()

    def capture(self, compute: Compute, batch: torch.Tensor) -> Compute:
        """A CUDA graph of `compute`. All graphs share one pool: they run one after the other on one stream."""
        import torch

        if self._memory is None:
            self._memory = torch.cuda.graph_pool_handle()
        held = batch.clone()
        graph = torch.cuda.CUDAGraph()
        # Other threads may load a model meanwhile.
        with torch.cuda.graph(graph, pool=self._memory, stream=self._computes, capture_error_mode="thread_local"):
            answers = compute(held)

        def replay(given: torch.Tensor) -> torch.Tensor:
            held.copy_(given)
            graph.replay()
            return answers

        return replay
