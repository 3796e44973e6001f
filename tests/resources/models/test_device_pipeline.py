"""Batches in flight: order, padding, graphs whose memory is used again, running out of memory, stopping early."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import random_images, write_tiny_blip, write_tiny_clip

from resources.device.pipeline import Pipeline, padded
from resources.errors import LoupeError
from resources.models import GpuResource
from resources.models.captioner import load_captioner_folder
from resources.models.clip import load_clip_folder
from resources.settings import Settings


class OnThisProcessor(GpuResource):
    """Sends its batches as it does to a GPU."""

    pipelined = True


def doubled(batch: Any) -> Any:
    return batch.float() * 2


def graph(compute: Callable[[Any], Any], batch: Any) -> Callable[[Any], Any]:
    """What a CUDA graph does with memory: one input, and one answer that the next replay overwrites."""
    held, answers = batch.clone(), compute(batch).clone()

    def replay(given: Any) -> Any:
        held.copy_(given)
        answers.copy_(compute(held))
        return answers

    return replay


def pipeline(compute: Callable[[Any], Any] = doubled, **given: Any) -> Pipeline:
    import torch

    return Pipeline(torch.device("cpu"), compute, **given)


def answered(pipe: Pipeline, items: np.ndarray, size: int) -> list[np.ndarray]:
    with contextlib.closing(pipe.over(items, size)) as parts:
        return list(parts)


@pytest.mark.parametrize(("count", "most", "size"), [(1, 32, 1), (5, 32, 8), (32, 32, 32), (5, 7, 7), (3, 7, 4)])
def test_few_shapes(count: int, most: int, size: int) -> None:
    assert padded(count, most) == size


@pytest.mark.parametrize("capture", [None, graph])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 50])
def test_answers_come_in_order_and_nothing_but_what_was_asked(capture: Any, count: int) -> None:
    sizes = []

    def compute(batch: Any) -> Any:
        sizes.append(len(batch))
        return doubled(batch)

    items = np.random.default_rng(0).integers(0, 256, (count, 3, 2), dtype=np.uint8)
    pipe = pipeline(compute, capture=capture)
    for _ in range(3):  # eager, captured, replayed
        parts = answered(pipe, items, 8)
        assert [len(part) for part in parts] == [8] * (count // 8) + [count % 8] * (count % 8 > 0)
        assert count == 0 or (np.concatenate(parts) == items * 2.0).all()
    assert set(sizes) <= {1, 2, 4, 8}


def test_graphs_are_made_once_for_each_shape_that_comes_again() -> None:
    made = []

    def counting(compute: Any, batch: Any) -> Any:
        made.append(len(batch))
        return graph(compute, batch)

    pipe = pipeline(capture=counting)
    items = np.arange(40, dtype=np.uint8)[:, None]
    answered(pipe, items[:3], 8)
    assert made == []
    for _ in range(3):
        answered(pipe, items, 8)
    assert made == [8]
    answered(pipe, items[:3], 8)
    assert pipe.captured == [4, 8]


def test_large_batches_are_not_captured() -> None:
    pipe = pipeline(capture=graph)
    for _ in range(3):
        answered(pipe, np.zeros((256, 1), np.uint8), 256)
    assert pipe.captured == []


def test_what_cannot_be_captured_runs_as_it_is_and_says_why() -> None:
    attempts = []

    def refusing(compute: Any, batch: Any) -> Any:
        attempts.append(len(batch))
        raise RuntimeError("operation not permitted when stream is capturing\nsecond line")

    pipe = pipeline(capture=refusing)
    items = np.arange(40, dtype=np.uint8)[:, None]
    for _ in range(3):
        assert (np.concatenate(answered(pipe, items, 8)) == items * 2.0).all()
    assert attempts == [8]
    assert pipe.captured == []
    assert pipe.not_captured == "RuntimeError: operation not permitted when stream is capturing"


def test_other_shapes_and_formats_may_follow() -> None:
    pipe = pipeline(capture=graph)
    for items in (
        np.arange(12, dtype=np.uint8).reshape(6, 2),
        np.arange(60, dtype=np.uint8).reshape(20, 3),
        np.arange(40, dtype=np.int64).reshape(20, 2),
        np.arange(60, dtype=np.int64).reshape(20, 3)[::-1],
    ):
        for _ in range(3):
            assert (np.concatenate(answered(pipe, items, 4)) == items * 2.0).all()


def test_answers_of_several_axes_and_whole_numbers() -> None:
    pipe = pipeline(lambda batch: batch.long()[:, None, :].expand(-1, 3, -1), capture=graph)
    items = np.arange(30, dtype=np.uint8).reshape(15, 2)
    for _ in range(2):
        whole = np.concatenate(answered(pipe, items, 4))
        assert whole.dtype == np.int64
        assert (whole == items[:, None, :]).all()


def test_stopping_in_the_middle_leaves_a_pipeline_that_works() -> None:
    pipe = pipeline(capture=graph)
    items = np.arange(40, dtype=np.uint8)[:, None]
    with contextlib.closing(pipe.over(items, 4)) as parts:
        assert (next(parts) == items[:4] * 2.0).all()
    assert (np.concatenate(answered(pipe, items, 4)) == items * 2.0).all()


@pytest.mark.parametrize("how", ["closed", "failed"])
def test_buffers_are_free_before_they_are_used_again(how: str) -> None:
    """Whatever ends a call early waits for what it left in flight."""
    waited = []

    def compute(batch: Any) -> Any:
        if how == "failed" and 20 in batch:
            raise RuntimeError("shapes do not match")
        return doubled(batch)

    pipe = pipeline(compute)
    settle = pipe._lanes.settle
    pipe._lanes.settle = lambda: waited.append(settle())  # type: ignore[method-assign]
    items = np.arange(40, dtype=np.uint8)[:, None]
    assert len(answered(pipe, items[:16], 4)) == 4
    assert waited == []
    with contextlib.closing(pipe.over(items, 4)) as parts, contextlib.suppress(RuntimeError):
        for _ in range(2 if how == "closed" else 10):
            next(parts)
    assert len(waited) == 1


def test_nothing_begins_after_the_turn_and_what_began_is_answered() -> None:
    pipe = pipeline()
    items = np.arange(40, dtype=np.uint8)[:, None]
    parts = list(pipe.over(items, 4, until=time.perf_counter() - 1))
    assert len(parts) == 1  # the first always: otherwise nobody ever got on
    assert (parts[0] == items[:4] * 2.0).all()


def test_threads_take_turns() -> None:
    pipe = pipeline(capture=graph)
    wrong: list[int] = []

    def use(number: int) -> None:
        items = np.full((30, 4), number, np.uint8)
        right = all((np.concatenate(answered(pipe, items, 4)) == items * 2.0).all() for _ in range(20))
        if not right:
            wrong.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_released_buffers_are_made_again() -> None:
    pipe = pipeline(capture=graph)
    items = np.arange(12, dtype=np.uint8)[:, None]
    for _ in range(3):
        answered(pipe, items, 4)
    pipe.release()
    assert pipe.captured == []
    assert (np.concatenate(answered(pipe, items, 4)) == items * 2.0).all()


def resource(tmp_path: Path, **given: Any) -> OnThisProcessor:
    return OnThisProcessor(Settings(home=tmp_path, **({"device": "cpu", "dtype": "fp32"} | given)))


def test_out_of_memory_halves_the_batch_and_repeats_nothing_that_is_done(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=16)
    ran: list[list[int]] = []

    def compute(batch: Any) -> Any:
        import torch

        if len(batch) > 4:
            torch.empty(len(batch) << 50)
        ran.append(batch[:, 0].tolist())
        return doubled(batch)

    pipe = gpu.pipeline(compute)
    items = np.arange(50, dtype=np.int64)[:, None]
    parts = gpu.run_pipelined("embed", items, pipe)
    assert (np.concatenate(parts) == items * 2.0).all()
    assert max(len(part) for part in parts) == 4
    assert gpu.capabilities()["batch_sizes"]["embed"] == 4
    assert gpu.capabilities()["halvings"]["embed"] == 2
    gpu.run_pipelined("embed", items[:8], pipe)
    assert gpu.capabilities()["halvings"]["embed"] == 2


def test_memory_that_runs_out_later_costs_only_what_was_in_flight(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=8)
    asked: list[int] = []

    def compute(batch: Any) -> Any:
        import torch

        asked.extend(batch[:, 0].tolist())
        if 40 in batch and len(batch) > 2:
            torch.empty(len(batch) << 50)
        return doubled(batch)

    items = np.arange(64, dtype=np.int64)[:, None]
    parts = gpu.run_pipelined("embed", items, gpu.pipeline(compute))
    assert (np.concatenate(parts) == items * 2.0).all()
    assert all(asked.count(early) == 1 for early in range(16))
    assert gpu.capabilities()["batch_sizes"]["embed"] == 2


def test_one_example_that_does_not_fit_is_an_error_with_advice(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=4)

    def compute(batch: Any) -> Any:
        import torch

        return torch.empty(1 << 50)

    with pytest.raises(LoupeError, match="LOUPE_DEVICE=cpu") as caught:
        gpu.run_pipelined("embed", np.zeros((3, 1)), gpu.pipeline(compute))
    assert caught.value.code == "OUT_OF_MEMORY"


def test_other_errors_are_not_taken_for_memory(tmp_path: Path) -> None:
    gpu = resource(tmp_path, batch_size=4)

    def compute(batch: Any) -> Any:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        gpu.run_pipelined("embed", np.zeros((8, 1)), gpu.pipeline(compute))


def test_a_model_that_finds_no_memory_gets_what_pipelines_keep(tmp_path: Path) -> None:
    import torch

    gpu = resource(tmp_path)
    pipe = gpu.pipeline(doubled)
    pipe._capture = graph
    for _ in range(2):
        gpu.run_pipelined("embed", np.zeros((32, 4), np.uint8), pipe)
    assert pipe.captured == [16]

    class Large(torch.nn.Linear):
        def to(self, *arguments: Any, **named: Any) -> Any:
            if pipe.captured:
                torch.empty(1 << 50)
            return super().to(*arguments, **named)

    assert isinstance(gpu.place(Large(2, 2)), Large)
    assert pipe.captured == []


def test_the_device_is_handed_on_in_between(tmp_path: Path) -> None:
    """A process with much to do gives the device back again and again, and ends each turn with nothing in flight."""
    turns: list[float] = []

    class Watched(OnThisProcessor):
        @contextlib.contextmanager
        def inference(self) -> Any:
            began = time.perf_counter()
            with super().inference():
                yield
            turns.append(time.perf_counter() - began)

    gpu = Watched(Settings(home=tmp_path, device="cpu", dtype="fp32", batch_size=4))

    def slow(batch: Any) -> Any:
        time.sleep(0.01)
        return doubled(batch)

    items = np.arange(160, dtype=np.uint8)[:, None]
    parts = gpu.run_pipelined("embed", items, gpu.pipeline(slow))
    assert (np.concatenate(parts) == items * 2.0).all()
    assert len(turns) >= 4


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("clip") / "tiny"
    write_tiny_clip(made)
    return made


@pytest.mark.parametrize("batch_size", [1, 5, 16])
def test_vectors_are_those_of_plain_batches(clip_folder: Path, tmp_path: Path, batch_size: int) -> None:
    plain = load_clip_folder("tiny", clip_folder, GpuResource(Settings(home=tmp_path, device="cpu", dtype="fp32")))
    staged = load_clip_folder("tiny", clip_folder, resource(tmp_path, batch_size=batch_size))
    for count in (1, 3, 23):
        images = random_images(count, 32, seed=count)
        assert np.abs(staged.embed_images(images) - plain.embed_images(images)).max() < 1e-5
    assert staged.embed_images(images[:0]).shape == (0, 32)
    assert np.abs(staged.embed_texts(["a red cat"]) - plain.embed_texts(["a red cat"])).max() < 1e-6


def test_a_vector_that_is_none_is_reported_by_position(clip_folder: Path, tmp_path: Path) -> None:
    staged = load_clip_folder("tiny", clip_folder, resource(tmp_path, batch_size=2))

    def broken(batch: Any) -> Any:
        return batch.flatten(1)[:, :32].float().div(0)

    staged._encode_image = staged._gpu.pipeline(broken)
    with pytest.raises(LoupeError) as caught:
        staged.embed_images(random_images(3, 32))
    assert caught.value.code == "EMBED_FAILED"
    assert caught.value.details["indexes"] == [0, 1, 2]


def test_captions_are_those_of_generate(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    write_tiny_blip(folder, seed=5)
    plain = load_captioner_folder("tiny", folder, GpuResource(Settings(home=tmp_path, device="cpu", dtype="fp32")))
    plain._fixed = None  # transformers' own
    staged = load_captioner_folder("tiny", folder, resource(tmp_path, batch_size=4))
    images = random_images(11, 32)
    assert staged._pipeline is not None
    assert staged.caption(images) == plain.caption(images)
    assert staged.caption(images[:0]) == []


@pytest.mark.slow
def test_compiled_pipeline_answers_the_same(clip_folder: Path, tmp_path: Path) -> None:
    plain = load_clip_folder("tiny", clip_folder, GpuResource(Settings(home=tmp_path, device="cpu", dtype="fp32")))
    compiled = load_clip_folder("tiny", clip_folder, resource(tmp_path, batch_size=4, compile=True))
    for count in (4, 1, 7):
        images = random_images(count, 32)
        assert np.abs(compiled.embed_images(images) - plain.embed_images(images)).max() < 1e-5
