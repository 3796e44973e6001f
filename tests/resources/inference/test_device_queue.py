"""The queue before the device: what goes together, who is next, what is refused."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from resources.errors import LoupeError
from resources.inference import DeviceQueue, Lane


class Device:
    """Doubles numbers, and writes down each batch. Begins none before `gate` is open."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.gate = threading.Event()
        self.began = threading.Event()

    def lane(self, key: str = "double", size: int = 4, *, urgent: bool = False) -> Lane:
        return Lane(key, self._double, lambda: size, urgent=urgent)

    def _double(self, items: list[Any]) -> Sequence[Any]:
        self.began.set()
        assert self.gate.wait(30)
        self.batches.append(items)
        if "bad" in items:
            raise ValueError("bad")
        return [item * 2 for item in items]


def waits(queue: DeviceQueue, count: int) -> None:
    ready = threading.Event()
    for _ in range(3000):
        if queue.waiting == count:
            return
        ready.wait(0.01)
    raise AssertionError(f"{queue.waiting} wait, not {count}")


def busy(queue: DeviceQueue, device: Device, pool: ThreadPoolExecutor) -> Any:
    """A first item that holds the device until the gate opens."""
    first = pool.submit(queue.run, device.lane("first"), [0], 30)
    assert device.began.wait(30)
    return first


def test_requests_share_batches_and_each_gets_its_own_results() -> None:
    device, queue = Device(), DeviceQueue(100)
    with ThreadPoolExecutor(12) as pool:
        first = busy(queue, device, pool)
        jobs = [pool.submit(queue.run, device.lane(), [n], 30) for n in range(8)]
        waits(queue, 8)
        device.gate.set()
        assert [job.result() for job in jobs] == [[2 * n] for n in range(8)]
        assert first.result() == [0]
    assert [len(batch) for batch in device.batches] == [1, 4, 4]
    queue.close()


def test_a_large_job_does_not_hold_up_a_small_one() -> None:
    device, queue = Device(), DeviceQueue(1000)
    with ThreadPoolExecutor(4) as pool:
        busy(queue, device, pool)
        large = pool.submit(queue.run, device.lane(), list(range(100)), 30)
        waits(queue, 100)
        small = pool.submit(queue.run, device.lane(), [1000, 1001], 30)
        waits(queue, 102)
        device.gate.set()
        assert small.result() == [2000, 2002]
        assert large.result() == [2 * n for n in range(100)]
    among_the_first = [item for batch in device.batches[1:3] for item in batch]
    assert {1000, 1001} <= set(among_the_first)
    queue.close()


def test_texts_go_first_but_not_for_ever() -> None:
    device, queue = Device(), DeviceQueue(1000)
    with ThreadPoolExecutor(4) as pool:
        busy(queue, device, pool)
        pictures = pool.submit(queue.run, device.lane("pictures", 2), list(range(6)), 30)
        waits(queue, 6)
        texts = pool.submit(queue.run, device.lane("texts", 1, urgent=True), ["a"] * 10, 30)
        waits(queue, 16)
        device.gate.set()
        assert texts.result() == ["aa"] * 10
        assert pictures.result() == [0, 2, 4, 6, 8, 10]
    kinds = "".join("t" if batch[0] == "a" else "p" for batch in device.batches[1:])
    assert kinds == "ttttpttttpttp"
    queue.close()


def test_what_is_too_much_is_refused_whole_and_says_when_to_come_back() -> None:
    device, queue = Device(), DeviceQueue(4)
    with ThreadPoolExecutor(4) as pool:
        first = busy(queue, device, pool)
        waiting = pool.submit(queue.run, device.lane(), [1, 2, 3], 30)
        waits(queue, 3)
        with pytest.raises(LoupeError) as full:
            queue.run(device.lane(), [4, 5], 30)
        assert full.value.code == "QUEUE_FULL"
        assert full.value.details["retry_after_s"] >= 1
        assert queue.waiting == 3
        with pytest.raises(LoupeError) as never:
            queue.run(device.lane(), [1] * 5, 30)
        assert never.value.code == "INVALID_REQUEST"
        device.gate.set()
        assert waiting.result() == [2, 4, 6]
        first.result()
    queue.close()


def test_who_waited_too_long_is_told_so_and_leaves_the_queue() -> None:
    device, queue = Device(), DeviceQueue(4)
    with ThreadPoolExecutor(4) as pool:
        first = busy(queue, device, pool)
        with pytest.raises(LoupeError) as late:
            queue.run(device.lane(), [1, 2], 0.05)
        assert late.value.code == "INFERENCE_TIMEOUT"
        assert queue.waiting == 0
        device.gate.set()
        assert first.result() == [0]
        assert queue.run(device.lane(), [3], 30) == [6]
    assert [1, 2] not in device.batches
    queue.close()


def test_places_are_kept_for_what_is_still_made_ready_and_refused_at_once_when_there_are_none() -> None:
    device, queue = Device(), DeviceQueue(4)
    device.gate.set()
    with queue.places(3, 30) as places:
        assert queue.waiting == 3
        for refused in (lambda: queue.run(device.lane(), [1, 2], 30), lambda: queue.places(2, 30).__enter__()):
            with pytest.raises(LoupeError) as full:
                refused()
            assert full.value.code == "QUEUE_FULL"
        assert queue.run(device.lane(), [7], 30) == [14]
        assert queue.run(device.lane(), [1, 2, 3], 30, places) == [2, 4, 6]
        assert queue.run(device.lane(), [1, 2, 3], 30, places) == [2, 4, 6]
    assert queue.waiting == 0
    with pytest.raises(ValueError, match="unread"), queue.places(4, 30):
        raise ValueError("unread")
    assert queue.waiting == 0
    with queue.places(4, 0.0) as places:
        for late in (places.left_s, lambda: queue.run(device.lane(), [1], 30, places)):
            with pytest.raises(LoupeError) as over:
                late()
            assert over.value.code == "INFERENCE_TIMEOUT"
    queue.close()


def test_one_callers_bad_item_costs_no_other_caller() -> None:
    device, queue = Device(), DeviceQueue(100)
    with ThreadPoolExecutor(4) as pool:
        busy(queue, device, pool)
        good = pool.submit(queue.run, device.lane(), ["x"], 30)
        bad = pool.submit(queue.run, device.lane(), ["bad"], 30)
        waits(queue, 2)
        device.gate.set()
        assert good.result() == ["xx"]
        with pytest.raises(ValueError, match="bad"):
            bad.result()
    queue.close()


def test_closing_answers_who_waits_and_idleness_is_told() -> None:
    device, idle = Device(), threading.Event()
    queue = DeviceQueue(100, idle_s=0.01, on_idle=idle.set)
    device.gate.set()
    assert queue.run(device.lane(), [1], 30) == [2]
    assert idle.wait(30)
    queue.close()
    with pytest.raises(LoupeError) as closed:
        queue.run(device.lane(), [1], 30)
    assert closed.value.code == "QUEUE_FULL"
