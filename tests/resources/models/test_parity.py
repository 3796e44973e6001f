"""Loupe's arithmetic against open_clip's and transformers' own, over real photos and full-size random models.

Stated tolerances:
- model input against open_clip's transform of the full decode, before normalisation: 2/255 everywhere;
- model input by way of a preview (the product's path; JPEGs decoded at a DCT scale): `PREVIEW_TOLERANCE`;
- vectors on identical input, fp32: 1e-4; captions, fp32: the same tokens;
- the fast number format, bf16: mean-centred cosine 0.99 at least, and the same nearest photo for 95%;
- int8, which is taken by itself only where a model bears it better than that: mean-centred cosine 0.99 at least.
"""

from __future__ import annotations

import csv
import gc
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from resources.imaging import decode
from resources.imaging.model_input import ModelInputSpec, model_input
from resources.models import PRESETS, GpuResource
from resources.models.captioner import MOST_TOKENS, load_captioner_folder
from resources.models.clip import load_clip_folder
from resources.settings import Settings

PHOTOS = Path(__file__).resolve().parents[4] / "shared" / "photos"
WANTED = 100

PIXEL_TOLERANCE = 2

# By way of a preview, JPEGs decoded at a DCT scale where that is large enough: mean difference of a photo and its
# 99th percentile, of 255. "squash" keeps the whole picture. "shortest" crops, and the preview's rounded edges may
# move the crop by one pixel of the input (1920 x 1280 gives 336 x 224, its preview of 1024 x 683 gives 335 x 224),
# which at hard edges is a large difference in value and none in what is seen.
PREVIEW_TOLERANCE = {"squash": (2.0, 16), "shortest": (2.5, 48)}

CLIP = ModelInputSpec(
    224,
    "shortest",
    "bicubic",
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
SIGLIP = ModelInputSpec(256, "squash", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Photo:
    name: str
    content: bytes
    pixels: np.ndarray


@pytest.fixture(scope="session")
def photos() -> list[Photo]:
    """A hundred real photos, decoded in full by Pillow and turned upright."""
    if not (PHOTOS / "manifest.csv").exists():
        pytest.skip("the sample photos are not beside the checkout")
    found = []
    with (PHOTOS / "manifest.csv").open(newline="", encoding="utf-8") as file:
        names = [row["path"] for row in csv.DictReader(file) if row["expected"] == "ok"]
    for name in sorted(names, key=lambda name: (not name.startswith("photos/"), name)):
        path = PHOTOS / name
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp") or path.stat().st_size > 4_000_000:
            continue
        try:
            with Image.open(path) as image:
                if not min(image.size) >= 100 or image.width * image.height > 16_000_000 or image.mode not in "RGBL":
                    continue
                pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except (OSError, SyntaxError, ValueError):
            continue
        found.append(Photo(name, path.read_bytes(), pixels))
        if len(found) == WANTED:
            break
    assert len(found) >= 60
    return found


def open_clip_transform(spec: ModelInputSpec) -> Callable[[Image.Image], Any]:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    config = PreprocessCfg(
        size=spec.size,
        mean=spec.mean,
        std=spec.std,
        interpolation=spec.interpolation,
        resize_mode=spec.resize_mode,
        fill_color=spec.fill_color,
    )
    return image_transform_v2(config, is_train=False)


def assert_parity(
    photos: list[Photo],
    spec: ModelInputSpec,
    used: ModelInputSpec,
    make: Callable[[np.ndarray, ModelInputSpec], np.ndarray],
) -> None:
    """`make` under `used` gives what open_clip's transform gives under `spec`; mean and deviation are equal."""
    import torch
    from torchvision.transforms import Normalize

    transform = open_clip_transform(spec)
    normalise = next(step for step in transform.transforms if isinstance(step, Normalize))
    assert tuple(normalise.mean) == used.mean
    assert tuple(normalise.std) == used.std
    mean, std = torch.tensor(spec.mean).view(3, 1, 1), torch.tensor(spec.std).view(3, 1, 1)
    for photo in photos:
        theirs = (transform(Image.fromarray(photo.pixels)) * std + mean) * 255
        ours = torch.from_numpy(make(photo.pixels, used).copy()).permute(2, 0, 1).float()
        assert (ours - theirs).abs().max() <= PIXEL_TOLERANCE, photo.name


@pytest.mark.parametrize("spec", [CLIP, SIGLIP], ids=["clip", "siglip"])
def test_model_input_equals_open_clips_transform(photos: list[Photo], spec: ModelInputSpec) -> None:
    assert_parity(photos[:40], spec, spec, model_input)


def wrong_channels(pixels: np.ndarray, spec: ModelInputSpec) -> np.ndarray:
    return model_input(np.ascontiguousarray(pixels[..., ::-1]), spec)


def wrong_crop(pixels: np.ndarray, spec: ModelInputSpec) -> np.ndarray:
    """The top-left square instead of the middle."""
    edge = min(pixels.shape[:2])
    return model_input(pixels[:edge, :edge], spec)


def wrong_resize(pixels: np.ndarray, spec: ModelInputSpec) -> np.ndarray:
    """Every n-th pixel, without a filter."""
    return model_input(pixels, replace(spec, interpolation="nearest"))


@pytest.mark.parametrize("spec", [CLIP, SIGLIP], ids=["clip", "siglip"])
@pytest.mark.parametrize("sabotage", ["mean", "crop", "resize", "bilinear", "channels"])
def test_parity_notices_a_wrong_transform(photos: list[Photo], spec: ModelInputSpec, sabotage: str) -> None:
    used, make = spec, model_input
    if sabotage == "mean":
        used = replace(spec, mean=(0.485, 0.456, 0.406))
    elif sabotage == "crop":
        make = wrong_crop
    elif sabotage == "resize":
        make = wrong_resize
    elif sabotage == "bilinear":
        make = lambda pixels, spec: model_input(pixels, replace(spec, interpolation="bilinear"))  # noqa: E731
    else:
        make = wrong_channels
    with pytest.raises(AssertionError):
        assert_parity(photos[:10], spec, used, make)


def colour_managed(photo: Photo) -> bool:
    """Whether a profile makes Loupe's sRGB pixels differ from the stored ones, which open_clip takes as they are."""
    with Image.open(io.BytesIO(photo.content)) as image:
        # "R03" is a camera's mark of Adobe RGB.
        marked = image.getexif().get_ifd(0xA005).get(1) == "R03"
        return marked or bool({"icc_profile", "gamma", "chromaticity"} & set(image.info))


@pytest.mark.parametrize(
    ("spec", "preview_px"), [(SIGLIP, 1024), (SIGLIP, 512), (CLIP, 1024)], ids=["siglip", "siglip-512", "clip"]
)
def test_model_input_by_way_of_the_preview_is_close(photos: list[Photo], spec: ModelInputSpec, preview_px: int) -> None:
    most_mean, most_p99 = PREVIEW_TOLERANCE[spec.resize_mode]
    rungs = []
    for photo in photos:
        if max(photo.pixels.shape) <= preview_px or colour_managed(photo):
            continue
        decoded = decode(photo.content, name=photo.name, preview_px=preview_px, max_pixels=500_000_000)
        rungs.append(decoded.rung)
        difference = np.abs(model_input(decoded.pixels, spec).astype(int) - model_input(photo.pixels, spec).astype(int))
        assert difference.mean() <= most_mean, (photo.name, decoded.rung, difference.mean())
        assert np.percentile(difference, 99) <= most_p99, (photo.name, decoded.rung)
    assert rungs.count("draft") >= (1 if preview_px == 1024 else 3)


def neighbours(vectors: np.ndarray) -> np.ndarray:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    return scores.argmax(axis=1)


def centred(vectors: np.ndarray) -> np.ndarray:
    moved = vectors - vectors.mean(axis=0)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def assert_fast_agrees(exact: np.ndarray, fast: np.ndarray) -> None:
    cosines = (centred(exact) * centred(fast)).sum(axis=1)
    assert cosines.min() >= 0.99
    assert (neighbours(exact) == neighbours(fast)).mean() >= 0.95


# Photos for the fast format: fewer for the models that take seconds a photo on two cores.
ARCHITECTURES = {
    "siglip2-b32": 100,
    "clip-b32-laion2b": 40,
    "clip-b32-openai": 40,
    "siglip2-b16": 20,
    "siglip2-l16": 4,
}


def test_every_hub_preset_has_a_parity_case() -> None:
    assert set(ARCHITECTURES) == {preset.name for preset in PRESETS.values() if preset.repo is not None}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("preset", ARCHITECTURES)
def test_encoder_equals_open_clip_and_the_fast_format_agrees(
    preset: str, photos: list[Photo], tmp_path: Path, model_weights: Any, no_network: list[Any]
) -> None:
    """One full-size random model at a time, SigLIP 2 with a short text tower: under 4 GB."""
    import open_clip
    import torch
    from torchvision.transforms import Compose

    folder = tmp_path / preset
    model = model_weights.write_clip(preset, folder, small_text=True)
    spec = SIGLIP if preset.startswith("siglip") else CLIP
    spec = replace(spec, size=open_clip.get_model_config(PRESETS[preset].architecture)["vision_cfg"]["image_size"])
    inputs = np.stack([model_input(photo.pixels, spec) for photo in photos[: ARCHITECTURES[preset]]])
    # On the uint8 input: their transform's last two steps, conversion and normalisation.
    transform = open_clip_transform(spec)
    finish = Compose(transform.transforms[-2:])
    texts = ["a dog on the beach", "Ein roter Ballon über dem Meer", "two boats"]
    with torch.no_grad():
        tensors = torch.stack([finish(Image.fromarray(image)) for image in inputs[:4]])
        theirs = model.encode_image(tensors, normalize=True).numpy()
        tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(texts)
        their_texts = model.encode_text(tokens, normalize=True).numpy()
    del model, tensors
    gc.collect()

    settings = Settings(home=tmp_path, device="cpu", dtype="fp32")
    encoder = load_clip_folder(preset, folder, GpuResource(settings))
    assert encoder.input_spec == spec
    exact = encoder.embed_images(inputs)
    assert np.abs(exact[:4] - theirs).max() <= 1e-4
    assert np.abs(encoder.embed_texts(texts) - their_texts).max() <= 1e-4
    del encoder
    gc.collect()

    fast = load_clip_folder(preset, folder, GpuResource(settings.model_copy(update={"dtype": "bf16"})))
    assert_fast_agrees(exact, fast.embed_images(inputs))
    del fast
    gc.collect()

    rounded = load_clip_folder(preset, folder, GpuResource(settings.model_copy(update={"dtype": "int8"})))
    assert (centred(exact) * centred(rounded.embed_images(inputs))).sum(axis=1).min() >= 0.99


def test_the_fast_format_check_notices_a_coarse_one() -> None:
    """Vectors with a twentieth of noise must not pass for the same."""
    rng = np.random.default_rng(0)
    exact = rng.normal(size=(100, 64)) + 5
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    assert_fast_agrees(exact, exact + rng.normal(size=exact.shape) * 1e-5)
    with pytest.raises(AssertionError):
        assert_fast_agrees(exact, exact + rng.normal(size=exact.shape) * 5e-3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_full_size_blip_says_the_same_tokens_as_transformers(
    photos: list[Photo], tmp_path: Path, model_weights: Any, no_network: list[Any]
) -> None:
    import torch
    from transformers import BlipImageProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    folder = tmp_path / "blip-base"
    model = model_weights.write_blip("blip-base", folder)
    some = photos[:3]
    captioner = load_captioner_folder(
        "blip-base", folder, GpuResource(Settings(home=tmp_path, device="cpu", dtype="fp32"))
    )
    inputs = np.stack([model_input(photo.pixels, captioner.input_spec) for photo in some])
    pictures = [Image.fromarray(photo.pixels) for photo in some]
    pillow = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)(pictures, return_tensors="pt")
    tensors = BlipImageProcessor.from_pretrained(folder, local_files_only=True)(pictures, return_tensors="pt")

    std, mean = (torch.tensor(values).view(3, 1, 1) for values in (captioner.input_spec.std, captioner.input_spec.mean))
    raw = torch.from_numpy(inputs).permute(0, 3, 1, 2)
    for theirs in (pillow, tensors):
        assert ((theirs["pixel_values"] * std + mean) * 255 - raw).abs().max() <= PIXEL_TOLERANCE

    with torch.no_grad():
        tokens = model.generate(**pillow, max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=1)
    assert torch.equal(captioner.token_ids(torch.from_numpy(inputs)), tokens)
