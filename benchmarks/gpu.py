"""Speed on a GPU, by one command: vectors and captions a second, what the card allows, a folder of JPEGs end to end.

    PYTHONPATH=. python benchmarks/gpu.py                     # minutes; writes benchmarks/results/gpu.json
    PYTHONPATH=. python benchmarks/gpu.py --parts limits vectors --models ViT-B-32 --out FOLDER
    PYTHONPATH=. python benchmarks/gpu.py --device cpu --small   # that it works, not how fast

Needs the checkout and torch, numpy, pillow; for vectors open_clip_torch, ftfy, wcwidth, timm, for captions
transformers; for `product` all of Loupe's packages. What is not there is said and left out. Models have random weights
of full size: the arithmetic is the same, and captions hardly end before their twentieth token, the longest case.

Who is who: *Loupe* is what the product runs on CUDA (`resources/device/`); *eager*, *torch.compile*, *CUDA graph*,
*TorchScript*, *ONNX Runtime* and *TensorRT* take the same bytes from the host's memory, normalise them on the device
and wait for each batch, as one would write it at first. All answer vectors on the host.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import io
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CHECKOUT = Path(__file__).resolve().parents[1]
for place in (CHECKOUT, CHECKOUT / "benchmarks"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from results import LIMIT, LOUPE, RESULTS, Figure, Result  # noqa: E402
from turns import least_seconds  # noqa: E402

from resources.device.blip import BlipCaptions  # noqa: E402
from resources.device.patches import embed_bytes  # noqa: E402
from resources.device.pipeline import Pipeline  # noqa: E402

PARTS = ("checks", "limits", "vectors", "captions", "files", "product")
MODELS = ("ViT-B-32", "ViT-B-32-SigLIP2-256")
# open_clip's; SigLIP's are 0.5.
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
MOST_TOKENS = 20
STREAM_BATCH = 32


@dataclass
class Bench:
    """What is measured on, how much of it, and what was found so far."""

    device: Any
    small: bool
    batches: list[int]
    dtypes: list[str]
    models: list[str]
    photos: int
    figures: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    flops: dict[str, float] = field(default_factory=dict)
    to_device: float = 0.0
    memory: float = 0.0

    def found(self, what: str, who: str, value: float, unit: str, note: str = "") -> None:
        self.figures.append(Figure(what, who, value, unit, note))
        print(f"{what:62} {who:16} {value:>14,.1f} {unit:14} {note}", flush=True)

    @contextlib.contextmanager
    def tried(self, what: str) -> Iterator[None]:
        """One thing that may be missing or fail without costing the others."""
        try:
            yield
        except Exception as error:
            told = str(error).strip().splitlines()
            self.left_out.append(f"{what}: {type(error).__name__}: {told[0] if told else ''}")
            print(f"- not measured: {self.left_out[-1]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="Tiny models and few images.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 64, 128, 256, 512])
    parser.add_argument("--dtypes", nargs="+", choices=("fp16", "bf16", "fp32"), default=["fp16", "bf16", "fp32"])
    parser.add_argument("--photos", type=int, default=1024, help="JPEG files of the end-to-end parts.")
    parser.add_argument("--out", type=Path, default=None, help="Folder for gpu.json; unset: the results, on CUDA.")
    given = parser.parse_args()
    import torch

    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("error: torch sees no CUDA device here; --device cpu --small tries the script", file=sys.stderr)
        return 1
    bench = Bench(device, given.small, given.batches, given.dtypes, given.models, given.photos)
    own = {"checks": checks, "limits": limits, "vectors": vectors}
    own |= {"captions": captions, "files": files, "product": product}
    for name in given.parts:
        with bench.tried(name), torch.inference_mode():
            own[name](bench)
    result = Result.of("gpu", "python benchmarks/gpu.py " + " ".join(sys.argv[1:]), bench.figures)
    out = given.out or (RESULTS if device.type == "cuda" else None)
    if out:
        print(f"\n{result.write(out)}")
    print(json.dumps({**asdict(result), "left_out": bench.left_out}))
    return 0


# What overlaps on this device, that nothing is mixed up by it.


def checks(bench: Bench) -> None:
    """Exact sums of bytes, behind arithmetic that takes a while, whatever is in flight."""
    import torch

    count, edge = (60, 8) if bench.small else (3000, 64)
    items = np.random.default_rng(0).integers(0, 256, (count, edge, edge, 3), dtype=np.uint8)
    exact = items.reshape(count, -1).astype(np.int64).sum(axis=1)
    slow = torch.rand(256 if bench.small else 2048, 256 if bench.small else 2048, device=bench.device)

    def sums(batch: Any) -> Any:
        waste = slow @ slow @ slow
        return batch.flatten(1).long().sum(dim=1) + (waste[0, 0] < 0)

    for graphs, size in itertools.product((True, False), (7, 32, 128)):
        pipe = Pipeline(bench.device, sums, graphs=graphs)
        for _ in range(3):
            assert np.array_equal(np.concatenate(list(pipe.over(items, size))), exact), f"mixed up at {size}"
            with contextlib.closing(pipe.over(items, size)) as parts:
                next(parts)
        if graphs and bench.device.type == "cuda":
            assert pipe.captured, pipe.not_captured

    def greedy(batch: Any) -> Any:
        return torch.empty(1 << 50, device=bench.device)

    for compute, wanted in ((greedy, False), (sums, True)):
        pipe = Pipeline(bench.device, compute)
        try:
            answers = np.concatenate(list(pipe.over(items, 32)))
        except RuntimeError:  # no memory
            assert not wanted
        else:
            assert wanted
            assert np.array_equal(answers, exact)

    def asks(batch: Any) -> Any:
        return sums(batch) + int(sums(batch).min()) * 0  # waits for the device, which no graph can

    pipe = Pipeline(bench.device, asks)
    for _ in range(2):
        assert np.array_equal(np.concatenate(list(pipe.over(items, 32))), exact)
    assert bench.device.type != "cuda" or (pipe.captured == [] and pipe.not_captured)
    # A capture that failed leaves nothing behind that would spoil another.
    pipe = Pipeline(bench.device, sums)
    for _ in range(2):
        assert np.array_equal(np.concatenate(list(pipe.over(items, 32))), exact)
    assert bench.device.type != "cuda" or pipe.captured
    print("checked: order, padding, graphs, stopping early, no memory, what cannot be captured")


@dataclass
class InFlight:
    """All of `images` through a pipeline."""

    pipe: Pipeline
    batch: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return np.concatenate(list(self.pipe.over(images, self.batch)))

    def told(self) -> str:
        """Whether there are graphs, and why not."""
        if self.pipe.not_captured:
            return f"; not captured: {self.pipe.not_captured}"
        return f"; graphs for {self.pipe.captured}" if self.pipe.captured else ""


# The machine.


def limits(bench: Bench) -> None:
    """What the card multiplies and copies, measured."""
    import torch

    edge = 256 if bench.small else 8192
    for name in bench.dtypes:
        dtype = dtype_of(name)
        factor = torch.randn(edge, edge, device=bench.device).to(dtype)
        seconds = device_seconds(bench, lambda: factor @ factor, 5)  # noqa: B023 - runs at once
        bench.flops[name] = 2 * edge**3 / seconds
        bench.found(f"matrix product {edge} x {edge}, {name}", LIMIT, bench.flops[name] / 1e12, "TFLOP/s")
    size = (1 << 22) if bench.small else (1 << 29)
    host = torch.empty(size, dtype=torch.uint8, pin_memory=bench.device.type == "cuda")
    there = torch.empty(size, dtype=torch.uint8, device=bench.device)
    bench.to_device = size / device_seconds(bench, lambda: there.copy_(host, non_blocking=True), 5)
    bench.found("host to device, pinned", LIMIT, bench.to_device / 1e9, "GB/s")
    back = size / device_seconds(bench, lambda: host.copy_(there, non_blocking=True), 5)
    bench.found("device to host, pinned", LIMIT, back / 1e9, "GB/s")
    again = torch.empty_like(there)
    bench.memory = 2 * size / device_seconds(bench, lambda: again.copy_(there), 5)
    bench.found("device memory, read and written", LIMIT, bench.memory / 1e9, "GB/s")


def device_seconds(bench: Bench, work: Callable[[], Any], times: int) -> float:
    """Seconds of one `work` on the device, the least of three runs of `times`."""
    import torch

    def wait() -> None:
        if bench.device.type == "cuda":
            torch.cuda.synchronize(bench.device)

    work()
    took = []
    for _ in range(3):
        wait()
        began = time.perf_counter()
        for _ in range(times):
            work()
        wait()
        took.append((time.perf_counter() - began) / times)
    return min(took)


def dtype_of(name: str) -> Any:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def bytes_of(count: int, size: int) -> np.ndarray:
    """uint8 `[count, size, size, 3]`: coloured blocks and noise, each different, made from a few hundred."""
    rng = np.random.default_rng(0)
    some = min(count, 256)
    blocks = rng.integers(0, 200, (some, 8, 8, 3), dtype=np.uint8)
    images = np.kron(blocks, np.ones((1, size // 8, size // 8, 1), np.uint8))
    images = images + rng.integers(0, 56, images.shape, dtype=np.uint8)
    whole = np.concatenate([images] * -(-count // some))[:count]
    whole[:, 0, 0, 0] = np.arange(count) % 251
    return whole


# Vectors.


def clip_model(bench: Bench, name: str) -> tuple[Any, int, tuple[Any, Any]]:
    """A random image-text model of the architecture, its input's edge, mean and deviation. Its text tower is small."""
    import open_clip
    import torch

    torch.manual_seed(0)
    config = open_clip.get_model_config(name)
    config["text_cfg"] |= {"vocab_size": 512, "layers": 1}
    if bench.small:
        if "timm_model_name" in config["vision_cfg"]:
            raise ValueError("--small has one model only")
        config["vision_cfg"] |= {"width": 64, "layers": 2, "image_size": 64, "head_width": 32}
    family = open_clip.model.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    model = family(**{key: value for key, value in config.items() if not key.startswith("custom")})
    half = ((0.5,) * 3, (0.5,) * 3)
    normalisation = half if "SigLIP" in name else (CLIP_MEAN, CLIP_STD)
    return model.eval().requires_grad_(False), config["vision_cfg"]["image_size"], normalisation


def vectors(bench: Bench) -> None:
    for name in bench.models:
        if bench.small and "SigLIP" in name:
            continue
        with bench.tried(name):
            vectors_of(bench, name)


def vectors_of(bench: Bench, name: str) -> None:
    import torch
    from torch.nn.functional import normalize

    model, size, normalisation = clip_model(bench, name)
    each = flops_of(model.encode_image, torch.zeros(1, 3, size, size))
    images = bytes_of(64 if bench.small else 8192, size)

    def fresh(dtype: str) -> Any:
        return copy.deepcopy(model).to(bench.device, dtype_of(dtype))

    exact = plain(bench, fresh("fp32"), normalisation, "fp32", 64)(images[:256])
    for dtype in bench.dtypes:
        limit, how = vector_limit(bench, dtype, each, size)
        folded = fresh(dtype)
        assert embed_bytes(folded.visual, normalisation)

        def compute(batch: Any, model: Any = folded) -> Any:
            return normalize(model.encode_image(batch).float(), dim=-1)

        for batch in bench.batches:
            what = f"{name}, {dtype}, batch {batch}"
            rivals: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
            variants = {LOUPE: {}, "without graphs": {"graphs": False}}
            if batch > 128:
                variants["graphs of any size"] = {"most_in_graph": batch}
            for who, options in variants.items():
                pipe = Pipeline(bench.device, compute, **options)
                rivals[who] = InFlight(pipe, batch)
            if dtype == bench.dtypes[0] and batch == max(bench.batches, key=lambda size: (size <= 256, size)):
                rivals |= peers(bench, name, fresh, normalisation, size, dtype, batch)
            raced(bench, what, rivals, images, exact)
            if limit:
                bench.found(what, LIMIT, limit, "images/s", how)
            del rivals
            emptied(bench)


def raced(
    bench: Bench,
    what: str,
    rivals: dict[str, Callable[[np.ndarray], np.ndarray]],
    images: np.ndarray,
    exact: np.ndarray,
) -> None:
    """Images a second by rival, in turn, with how near each comes to fp32."""
    able = {}
    for who, run in rivals.items():
        with bench.tried(f"{what}, {who}"):
            able[who] = agreement(exact, run(images[: len(exact)]))
    took = least_seconds({who: lambda who=who: rivals[who](images) for who in able}, 3)
    for who, seconds in took.items():
        # A product that is tried in another way is a row of its own, not somebody else.
        variant = who if who in ("without graphs", "graphs of any size") else ""
        label = f"{what}, {variant}" if variant else what
        run = rivals[who]
        note = able[who] + (run.told() if isinstance(run, InFlight) else "")
        bench.found(label, LOUPE if variant else who, len(images) / seconds, "images/s", note)


def agreement(exact: np.ndarray, vectors: np.ndarray) -> str:
    """Cosines to plain fp32, also about the mean vector: random models answer much the same for every picture."""
    assert np.isfinite(vectors).all(), "not finite"
    middle = exact.mean(axis=0)
    centred = [each - middle for each in (exact, vectors)]
    cosine = (exact * vectors).sum(axis=1).min()
    told = (centred[0] * centred[1]).sum(axis=1) / np.prod([np.linalg.norm(each, axis=1) for each in centred], axis=0)
    return f"cosine to fp32 at least {cosine:.6f}, about the mean {told.min():.4f}"


def flops_of(function: Callable[[Any], Any], example: Any) -> float:
    """Multiplications and additions that one example takes, counted by torch on the CPU."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one kernel that the counter does not know
    try:
        # Outside inference mode, where the counter sees composite operations whole.
        with torch.inference_mode(False), torch.no_grad(), FlopCounterMode(display=False) as counter:
            function(example.clone())
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return float(counter.get_total_flops())


def vector_limit(bench: Bench, dtype: str, each: float, size: int) -> tuple[float, str]:
    """Images a second that arithmetic and the way to the device allow, whichever is less."""
    if not bench.flops.get(dtype) or not bench.to_device:
        return 0.0, ""
    by_arithmetic, by_copies = bench.flops[dtype] / each, bench.to_device / (size * size * 3)
    how = f"{each / 1e9:.2f} GFLOP an image at the measured matrix rate; copies alone would allow {by_copies:,.0f}/s"
    return min(by_arithmetic, by_copies), how


def on_device(bench: Bench, normalisation: Any, dtype: str) -> Callable[[np.ndarray], Any]:
    """Bytes to normalised pixels on the device, as one writes it at first."""
    import torch

    mean, std = (torch.tensor(values, device=bench.device).view(1, 3, 1, 1) for values in normalisation)

    def pixels(images: np.ndarray) -> Any:
        there = torch.from_numpy(images).to(bench.device)
        return ((there.permute(0, 3, 1, 2).float() / 255 - mean) / std).to(dtype_of(dtype))

    return pixels


def plain(
    bench: Bench, model: Any, normalisation: Any, dtype: str, batch: int, encode: Callable[[Any], Any] | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Batch after batch, waiting for each; a short last one is filled up, for what takes one shape only."""
    from torch.nn.functional import normalize

    pixels = on_device(bench, normalisation, dtype)
    encode = encode or model.encode_image

    def run(images: np.ndarray) -> np.ndarray:
        done = []
        for start in range(0, len(images), batch):
            chunk = images[start : start + batch]
            count = len(chunk)
            if count < batch:
                chunk = np.concatenate([chunk, np.zeros((batch - count, *chunk.shape[1:]), np.uint8)])
            done.append(normalize(encode(pixels(chunk)).float(), dim=-1)[:count].cpu().numpy())
        return np.concatenate(done)

    return run


def peers(
    bench: Bench, name: str, fresh: Callable[[str], Any], normalisation: Any, size: int, dtype: str, batch: int
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Other ways to run the same model, those that can be had here."""
    import torch

    made: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    example = torch.zeros(batch, 3, size, size, device=bench.device, dtype=dtype_of(dtype))
    made["eager fp32"] = plain(bench, fresh("fp32"), normalisation, "fp32", batch)
    made[f"eager {dtype}"] = plain(bench, fresh(dtype), normalisation, dtype, batch)
    with bench.tried(f"{name}, torch.compile"):
        mode = None if bench.device.type == "cpu" else "max-autotune-no-cudagraphs"
        compiled = torch.compile(fresh(dtype).encode_image, mode=mode)
        if not bench.small:  # a minute of compiling shows nothing about a tiny model
            made["torch.compile"] = plain(bench, None, normalisation, dtype, batch, compiled)
    with bench.tried(f"{name}, CUDA graph"):
        if bench.device.type != "cuda":
            raise RuntimeError("no CUDA device")
        made["CUDA graph"] = plain(
            bench, None, normalisation, dtype, batch, graphed(fresh(dtype).encode_image, example)
        )
    with bench.tried(f"{name}, TorchScript"):
        traced = torch.jit.freeze(torch.jit.trace(fresh(dtype).visual, example[:2].clone(), check_trace=False))
        made["TorchScript"] = plain(bench, None, normalisation, dtype, batch, traced)
    with bench.tried(f"{name}, ONNX Runtime"):
        made["ONNX Runtime"] = plain(
            bench, None, normalisation, dtype, batch, onnx(bench, fresh(dtype).visual, example)
        )
    with bench.tried(f"{name}, TensorRT"):
        import torch_tensorrt

        engine = torch_tensorrt.compile(
            fresh(dtype).visual, ir="dynamo", inputs=[example], enabled_precisions={dtype_of(dtype)}
        )
        made["TensorRT"] = plain(bench, None, normalisation, dtype, batch, engine)
    return made


def graphed(encode: Callable[[Any], Any], example: Any) -> Callable[[Any], Any]:
    import torch

    held, stream = example.clone(), torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            encode(held)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answers = encode(held)

    def replay(pixels: Any) -> Any:
        held.copy_(pixels)
        graph.replay()
        return answers

    return replay


def onnx(bench: Bench, visual: Any, example: Any) -> Callable[[Any], Any]:
    """The vision tower in ONNX Runtime on the same device, bound to torch's memory where it has CUDA."""
    import onnxruntime
    import torch

    provider = "CUDAExecutionProvider" if bench.device.type == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise RuntimeError(f"onnxruntime here has no {provider}; bring onnxruntime-gpu")
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(False), torch.no_grad():
        path = Path(folder) / "visual.onnx"
        torch.onnx.export(visual, (example.clone(),), path, input_names=["pixels"], output_names=["vectors"])
        session = onnxruntime.InferenceSession(path, providers=[provider])
    if provider.startswith("CPU"):
        return lambda pixels: torch.from_numpy(session.run(None, {"pixels": pixels.numpy()})[0])
    kind = np.float16 if example.dtype == torch.float16 else np.float32

    def run(pixels: Any) -> Any:
        binding = session.io_binding()
        held = pixels.contiguous()
        torch.cuda.synchronize()
        binding.bind_input("pixels", "cuda", 0, kind, tuple(held.shape), held.data_ptr())
        binding.bind_output("vectors", "cuda")
        session.run_with_iobinding(binding)
        return torch.from_numpy(binding.copy_outputs_to_cpu()[0])

    return run


def emptied(bench: Bench) -> None:
    import gc

    import torch

    gc.collect()
    if bench.device.type == "cuda":
        torch.cuda.empty_cache()


# Captions.


def blip(bench: Bench) -> Any:
    """A random BLIP-base that never ends a sentence, or a tiny one."""
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration

    torch.manual_seed(0)
    vision: dict[str, Any] = {"image_size": 384}
    text: dict[str, Any] = {}
    if bench.small:
        text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        vision, text = (
            {**text, "image_size": 32, "patch_size": 8},
            {**text, "vocab_size": 40, "encoder_hidden_size": 32},
        )
        text |= {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
    model = BlipForConditionalGeneration(BlipConfig(vision_config=vision, text_config=text))
    return model.eval().requires_grad_(False)


def captions(bench: Bench) -> None:
    import torch

    model = blip(bench)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    size = model.config.vision_config.image_size
    normalisation = (CLIP_MEAN, CLIP_STD)
    images = bytes_of(8 if bench.small else 512, size)
    limit_of = caption_limit(bench, model, size)
    checked = min(32, len(images))
    pixels = on_device(bench, normalisation, "fp32")(images[:checked])
    model = model.to(bench.device)
    exact = padded_tokens(generated(model, pixels))
    pictured = model.vision_model(pixels)[0].float().cpu()
    for dtype in (each for each in bench.dtypes if each != "fp32" or bench.small):
        model = model.to("cpu", torch.float32)
        model.load_state_dict(state)
        model = model.to(bench.device, dtype_of(dtype))
        fixed = BlipCaptions.of(model, normalisation, MOST_TOKENS)
        assert fixed is not None
        seen = fixed.picture(torch.from_numpy(images[:checked]).to(bench.device)).float().cpu()
        near = torch.nn.functional.cosine_similarity(seen, pictured, dim=-1).min()
        for batch in [each for each in bench.batches if each <= 256]:
            what = f"BLIP-base captions, {dtype}, batch {batch}"
            variants = {
                LOUPE: Pipeline(bench.device, fixed, most_in_graph=batch),
                "without graphs": Pipeline(bench.device, fixed, graphs=False),
            }
            rivals: dict[str, Any] = {who: InFlight(pipe, batch) for who, pipe in variants.items()}
            if batch == min(64, *bench.batches):
                own = on_device(bench, normalisation, dtype)
                rivals[f"generate {dtype}"] = lambda given, own=own, batch=batch, model=model: np.concatenate(
                    [
                        padded_tokens(generated(model, own(given[start : start + batch])))
                        for start in range(0, len(given), batch)
                    ]
                )
            able = {}
            for who, run in rivals.items():
                with bench.tried(f"{what}, {who}"):
                    same = (run(images[:checked]) == exact).all(axis=1).mean()
                    able[who] = f"{same:.0%} of captions as generate in fp32; pictures' cosine at least {near:.5f}"
            took = least_seconds({who: lambda who=who, rivals=rivals: rivals[who](images) for who in able}, 2)
            for who, seconds in took.items():
                run = rivals[who]
                note = able[who] + (run.told() if isinstance(run, InFlight) else "")
                # The product tried in another way is a row of its own, not somebody else.
                variant = who == "without graphs"
                label = f"{what}, {who}" if variant else what
                bench.found(label, LOUPE if variant else who, len(images) / seconds, "captions/s", note)
            if limit := limit_of(dtype, batch):
                bench.found(what, LIMIT, limit, "captions/s", "arithmetic of the picture, memory traffic of 20 tokens")
            for pipe in variants.values():
                pipe.release()
            emptied(bench)


def generated(model: Any, pixels: Any) -> Any:
    return model.generate(pixel_values=pixels, max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=1)


def padded_tokens(tokens: Any) -> np.ndarray:
    """`[n, 1 + MOST_TOKENS]` of what `generate` answers, which ends with the longest caption."""
    import torch

    return torch.nn.functional.pad(tokens, (0, 1 + MOST_TOKENS - tokens.shape[1])).cpu().numpy()


def caption_limit(bench: Bench, model: Any, size: int) -> Callable[[str, int], float]:
    """Captions a second: the tower and the picture's keys at the matrix rate, then each token's reads from memory."""
    import torch

    tower = flops_of(lambda pixels: model.vision_model(pixels)[0], torch.zeros(1, 3, size, size))
    text, vision = model.config.text_config, model.config.vision_config
    places = 1 + (size // vision.patch_size) ** 2
    keys = 2 * 2 * places * text.num_hidden_layers * text.hidden_size * vision.hidden_size
    weights = sum(each.numel() for each in model.text_decoder.parameters())

    def limit(dtype: str, batch: int) -> float:
        if not bench.flops.get(dtype) or not bench.memory:
            return 0.0
        # Two bytes a number; each token reads all weights once a batch, and each picture's keys and values.
        read = 2 * MOST_TOKENS * (weights / batch + 2 * places * text.num_hidden_layers * text.hidden_size)
        return 1 / ((tower + keys) / bench.flops[dtype] + read / bench.memory)

    return limit


# Files.


def model_input_of(size: int) -> Callable[[bytes], np.ndarray]:
    """JPEG bytes to uint8 `[size, size, 3]` by Loupe's own resizing; its module alone, which needs Pillow only."""
    from PIL import Image

    spec = importlib.util.spec_from_file_location("model_input", CHECKOUT / "resources" / "imaging" / "model_input.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["model_input"] = module
    spec.loader.exec_module(module)
    wanted = module.ModelInputSpec(size, "shortest", "bicubic", CLIP_MEAN, CLIP_STD)

    def decoded(content: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (2 * size, 2 * size))
            return module.model_input(np.asarray(image.convert("RGB")), wanted)

    return decoded


_decoded: Callable[[bytes], np.ndarray] | None = None


def decode_file(task: tuple[str, int]) -> np.ndarray:
    """In a worker process."""
    global _decoded
    path, size = task
    _decoded = _decoded or model_input_of(size)
    return _decoded(Path(path).read_bytes())


def draw_jpegs(folder: Path, count: int, megapixels: float) -> list[Path]:
    """Distinct JPEG files of one drawn picture, shifted."""
    from PIL import Image

    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 40, width // 40, 3), dtype=np.uint8))
    base = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    base = np.clip(base + rng.integers(-12, 13, base.shape, dtype=np.int16), 0, 255).astype(np.uint8)
    folder.mkdir()
    different = []
    for number in range(min(count, 16)):
        out = io.BytesIO()
        Image.fromarray(np.roll(base, 100 * number, axis=1)).save(out, "JPEG", quality=90)
        different.append(out.getvalue())
    paths = [folder / f"IMG_{number:05d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        # What stands behind the end of a JPEG makes it another file with the same picture.
        path.write_bytes(different[number % len(different)] + number.to_bytes(8, "little"))
    return paths


def files(bench: Bench) -> None:
    """JPEG files to vectors by plain worker processes: how little the device adds to decoding alone."""
    from torch.nn.functional import normalize

    model, size, normalisation = clip_model(bench, MODELS[0])
    model = model.to(bench.device, dtype_of(bench.dtypes[0]))
    assert embed_bytes(model.visual, normalisation)
    pipe = Pipeline(bench.device, lambda batch: normalize(model.encode_image(batch).float(), dim=-1))
    workers = 2 if bench.small else len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as place:
        count, megapixels = (24, 0.5) if bench.small else (bench.photos, 12)
        tasks = [(str(path), size) for path in draw_jpegs(Path(place) / "jpeg", count, megapixels)]
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:

            def decode_alone() -> None:
                for _ in pool.map(decode_file, tasks, chunksize=4):
                    pass

            def whole() -> None:
                done = 0
                decoded = pool.map(decode_file, tasks, chunksize=4)
                while batch := list(itertools.islice(decoded, STREAM_BATCH)):
                    done += sum(len(part) for part in pipe.over(np.stack(batch), STREAM_BATCH))
                assert done == len(tasks)

            took = least_seconds({"decode": decode_alone, "whole": whole}, 1 if bench.small else 3)
    what = f"{megapixels} MP JPEG files to vectors, {workers} plain workers"
    bench.found(what, LOUPE, count / took["whole"], "files/s", "Pillow with draft() in worker processes")
    bench.found(what, LIMIT, count / took["decode"], "files/s", "the same workers, nothing done with what they decode")


def product(bench: Bench) -> None:
    """The photo stream itself, previews and manifest included, with and without a model."""
    import threading
    from dataclasses import replace

    from model_weights import write_clip

    from assets.embeddings import embedding
    from assets.photo_stream import PhotoStream, StreamLimits
    from resources.engine import LocalEngine
    from resources.inventory import add_root, take_inventory
    from resources.library import Library
    from resources.models import GpuResource
    from resources.settings import Settings
    from resources.watching import look

    if bench.small:
        raise ValueError("--small has no model of full size to take photos in with")
    preset = "clip-b32-laion2b"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        photos = place / "photos"
        draw_jpegs(photos, bench.photos, 12)
        write_clip(preset, place / "models" / preset)
        rates: dict[bool, float] = {}
        for number, with_model in enumerate((False, True, False, True)):
            home = place / f"home-{number}"
            home.mkdir()
            (home / "models").symlink_to(place / "models")
            settings = Settings.load(home=home, model=preset, captions="off", device=str(bench.device))
            library = Library(settings).open()
            add_root(library.manifest, library.home, str(photos), settings.max_partitions)
            take_inventory(library.manifest, look(library.manifest, settle=False).due)
            used = None
            if with_model:
                used = embedding(library, GpuResource(settings), library.use_models()[0])
                loaded = used.load()
                loaded.warm()  # type: ignore[attr-defined]
                used = replace(used, load=lambda loaded=loaded: loaded)
            limits_of_run = StreamLimits(1_000_000, 3600)
            stream = PhotoStream(
                library.manifest, library.home, LocalEngine(settings), limits_of_run, embedding=used, captioning=None
            )
            began = time.perf_counter()
            counts = stream.run({"decoded_images", "embeddings"}, None, threading.Event())
            assert counts.decoded == bench.photos, counts
            rate = counts.decoded / (time.perf_counter() - began)
            rates[with_model] = max(rate, rates.get(with_model, 0.0))
    what = f"12 MP JPEG files into a library, {len(os.sched_getaffinity(0))} cores"
    bench.found(what, LOUPE, rates[True], "files/s", "the model loaded before; the better of two runs")
    bench.found(what, LIMIT, rates[False], "files/s", "the same stream without a model")


if __name__ == "__main__":
    sys.exit(main())
