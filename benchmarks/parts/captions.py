"""Captions on this machine: BLIP-base at full size, from decoded input."""

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
from resources.models.captioner import MOST_TOKENS, load_captioner_folder
from resources.models.clip import normalised
from resources.settings import Settings

_IMAGES = 8
_PLAIN = "transformers, fp32"


def measured() -> Iterator[Figure]:
    import torch
    from transformers import BlipForConditionalGeneration

    folder = random_model("blip-base")
    plain = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
    with tempfile.TemporaryDirectory() as home:
        fast = "bf16" if GpuResource(Settings(home=Path(home))).capabilities()["cpu_bf16"] else "int8"
        captioners = {
            dtype: load_captioner_folder("blip-base", folder, GpuResource(Settings(home=Path(home), dtype=dtype)))  # type: ignore[arg-type]
            for dtype in (fast, "fp32")
        }
        spec = captioners["fp32"].input_spec
        images = np.random.default_rng(0).integers(0, 256, (_IMAGES, spec.size, spec.size, 3), dtype=np.uint8)

        def plainly() -> Any:
            with torch.inference_mode():
                pixels = normalised(torch.from_numpy(images), spec, torch.float32)
                return plain.generate(pixel_values=pixels, max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=1)

        took = least_seconds(
            {
                f"Loupe, {fast}": lambda: captioners[fast].caption(images),
                LOUPE: lambda: captioners["fp32"].caption(images),
                _PLAIN: plainly,
            },
            rounds=3,
        )
    what = f"BLIP-base, {_IMAGES} images in a batch, {MOST_TOKENS} tokens"
    for who, seconds in took.items():
        yield Figure(what, who, _IMAGES / seconds, "captions/s")
    pixels = torch.zeros(1, 3, spec.size, spec.size)
    each = operations(
        lambda: plain.generate(pixel_values=pixels, max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=1)
    )
    dtype = {"bf16": "bfloat16"}.get(fast, fast)
    rate = best_rate(dtype)
    yield Figure(
        what,
        LIMIT,
        rate / each,
        "captions/s",
        f"{each / 1e9:.0f} billion operations a caption by torch's count, at the {rate / 1e9:,.0f} billion a second "
        f"that one large {dtype} multiplication reached in this run; attention and softmax are not done in {dtype}",
    )
