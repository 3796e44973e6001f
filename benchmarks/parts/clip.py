"""CLIP on this machine: images to vectors from decoded input, and a text query."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from multiplication import best_rate, operations
from random_models import random_model
from results import LIMIT, LOUPE, Figure
from turns import least_seconds

from resources.models import GpuResource
from resources.models.clip import ClipEncoder, centred_cosine, load_clip_folder, normalised
from resources.settings import Settings

_IMAGES = 32
_PLAIN = "open_clip, fp32"
_ROUNDED = "Loupe, int8"


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as home:
        for preset, name in (("clip-b32-laion2b", "ViT-B/32"), ("siglip2-b32", "SigLIP 2 B/32")):
            yield from _of(preset, name, Path(home))


def _of(preset: str, name: str, home: Path) -> Iterator[Figure]:
    import open_clip
    import torch

    folder = random_model(preset)
    resource = {dtype: GpuResource(Settings(home=home, dtype=dtype)) for dtype in ("int8", "fp32")}  # type: ignore[arg-type]
    encoders = {dtype: load_clip_folder(preset, folder, gpu) for dtype, gpu in resource.items()}
    size = encoders["int8"].input_spec.size
    images = np.random.default_rng(0).integers(0, 256, (_IMAGES, size, size, 3), dtype=np.uint8)
    plain = open_clip.create_model(f"local-dir:{folder}").eval().requires_grad_(False)
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")

    def plainly() -> Any:
        with torch.inference_mode():
            batches = torch.from_numpy(images).split(16)
            spec = encoders["int8"].input_spec
            return torch.cat(
                [plain.encode_image(normalised(each, spec, torch.float32), normalize=True) for each in batches]
            )

    took = least_seconds(
        {
            LOUPE: lambda: encoders["fp32"].embed_images(images),
            _ROUNDED: lambda: encoders["int8"].embed_images(images),
            _PLAIN: plainly,
        }
    )
    exact = plainly().numpy()
    dtype = resource["int8"].capabilities()["dtype"]
    alike = centred_cosine(exact, encoders["int8"].embed_images(images))
    what = f"{name}, {_IMAGES} images"
    for who, seconds in took.items():
        note = f"least mean-centred cosine with open_clip's vectors {alike:.4f}" if who == _ROUNDED else ""
        yield Figure(what, who, _IMAGES / seconds, "images/s", note)
    each = operations(lambda: plain.encode_image(torch.zeros(1, 3, size, size)))
    rate = best_rate(dtype)
    yield Figure(
        what,
        LIMIT,
        rate / each,
        "images/s",
        f"{each / 1e9:.1f} billion operations an image by torch's count, at the {rate / 1e9:,.0f} billion a second "
        f"that one large {dtype} multiplication reached in this run",
    )
    yield from _texts(name, encoders["fp32"], plain, tokenizer)


def _texts(name: str, encoder: ClipEncoder, plain: Any, tokenizer: Any) -> Iterator[Figure]:
    import torch

    def plainly() -> None:
        with torch.inference_mode():
            plain.encode_text(tokenizer(["a dog on the beach"]), normalize=True)

    took = least_seconds({LOUPE: lambda: encoder.embed_texts(["a dog on the beach"]), _PLAIN: plainly}, rounds=9)
    for who, seconds in took.items():
        yield Figure(f"{name}, one text of five words", who, 1000 * seconds, "ms")
